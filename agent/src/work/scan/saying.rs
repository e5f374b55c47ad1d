//! What the engine says while it scans, passed on to the parent.

use crate::at_work::AtWork;
use crate::work::Speaker;
use crate::worker::{Said, Suspect};
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::paths;
use keepwatch_scan::{Found, INSIDE, Match, Observer, Progress, Skip};
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Passes it on.
pub(in crate::work) struct Saying<'a, W> {
    speaker: &'a Speaker<W>,
    job: JobId,
    bundle: u64,
    /// Whether what cannot be inspected is saved all the same.
    saved: bool,
    at_work: Option<AtWork>,
    last: Mutex<Progress>,
    suspects_from: Option<Severity>,
}

impl<'a, W: Write + Send> Saying<'a, W> {
    /// For a job, and the version of the bundle that judges.
    pub(super) fn new(speaker: &'a Speaker<W>, job: JobId, bundle: u64, saved: bool, at_work: Option<AtWork>) -> Self {
        Self { speaker, job, bundle, saved, at_work, last: Mutex::default(), suspects_from: None }
    }

    /// Files in which something as bad as this is found are named, too, to be put away.
    pub(super) fn naming_suspects_from(self, suspects_from: Option<Severity>) -> Self {
        Self { suspects_from, ..self }
    }

    /// The scan waits, for this reason.
    pub(super) fn waits(&self, phase: &str) {
        let Progress { files, bytes, total_bytes, .. } = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.speaker.progress(phase, files, bytes, total_bytes);
    }
}

impl<W: Write + Send> Observer for Saying<'_, W> {
    fn begins(&self, thread: usize, path: &Path, alone: bool) {
        if let Some(at_work) = &self.at_work {
            at_work.begins(thread, path, alone);
        }
    }

    fn ends(&self, thread: usize) {
        if let Some(at_work) = &self.at_work {
            at_work.ends(thread);
        }
    }

    fn detected(&self, found: &Found) {
        for matched in &found.matches {
            self.speaker.say(Said::Detection(Detection {
                job: self.job,
                rule: matched.rule.clone(),
                namespace: matched.namespace.clone(),
                severity: severity(matched.severity),
                metadata: matched.metadata.iter().cloned().collect(),
                path: object(&found.file, &found.inside),
                size: found.size,
                sha256: found.sha256.clone(),
                bundle: self.bundle,
            }));
        }
        let bad = |matched: &&Match| self.suspects_from.is_some_and(|from| severity(matched.severity) >= from);
        let rules: Vec<String> = found.matches.iter().filter(bad).map(|matched| matched.rule.clone()).collect();
        if !rules.is_empty() {
            let (path, inside) = (paths::of_path(&found.file), !found.inside.is_empty());
            self.speaker.say(Said::Suspect(Suspect { path, sha256: found.file_sha256.clone(), inside, rules }));
        }
    }

    fn skipped(&self, path: &Path, reason: Skip) {
        if reason.leaves_content_unread() {
            self.failed(path, "", &reason.to_string());
        }
    }

    fn failed(&self, path: &Path, inside: &str, reason: &str) {
        let object = object(path, inside);
        if self.saved { self.speaker.uninspected(&object, reason) } else { self.speaker.failed(&object, reason) }
    }

    fn progress(&self, progress: Progress) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = progress;
        let Progress { files, bytes, total_bytes, .. } = progress;
        self.speaker.progress("scanning", files, bytes, total_bytes);
    }
}

/// An object's name: the file, and the way to the object in it.
pub(crate) fn object(file: &Path, inside: &str) -> String {
    let file = paths::of_path(file);
    if inside.is_empty() { file } else { format!("{file}{INSIDE}{inside}") }
}

fn severity(severity: keepwatch_scan::Severity) -> Severity {
    use keepwatch_scan::Severity as Scale;
    match severity {
        Scale::Info => Severity::Info,
        Scale::Low => Severity::Low,
        Scale::Medium => Severity::Medium,
        Scale::High => Severity::High,
        Scale::Critical => Severity::Critical,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_file_is_named_with_the_way_to_it() {
        assert_eq!(object(Path::new("/home/li/mail.eml"), ""), "/home/li/mail.eml");
        let inside = "invoice.zip!/invoice.js";
        assert_eq!(object(Path::new("/home/li/mail.eml"), inside), "/home/li/mail.eml!/invoice.zip!/invoice.js");
    }
}
