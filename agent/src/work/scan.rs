//! Scans with the bundle in use.

use super::Speaker;
use crate::worker::{Said, ScanOrder};
use keepwatch_proto::bundle::BundleContent;
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, JobState, Tally};
use keepwatch_proto::paths;
use keepwatch_scan::{
    DEFAULT_WHOLE_BYTES, Found, INSIDE, Limits, Observer, Pace, Progress, RuleSet, ScanOptions, Skip, Summary,
};
use std::io::Write;
use std::path::Path;

/// Scans, from the bundle's file to how it ended.
pub(super) fn run(order: ScanOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
    speaker.progress("compiling", 0, 0, 0);
    let folder = order.bundle.parent();
    let (version, rules) = match load(&order.bundle, folder) {
        Ok(loaded) => loaded,
        Err(why) => return Ended::failed(why),
    };
    if order.paths.is_empty() {
        return Ended::failed("none of the folders to scan exists on this PC; name others in the policy");
    }
    let whole_bytes = if order.max_file_bytes == 0 { DEFAULT_WHOLE_BYTES } else { order.max_file_bytes };
    let options = ScanOptions {
        paths: order.paths,
        excludes: order.excludes,
        whole_bytes,
        threads: threads(),
        unpack: Some(Limits::default()),
        verdicts: folder.map(|folder| folder.join("verdicts")),
        ..ScanOptions::default()
    };
    let observer = Saying { speaker, job: order.job, bundle: version };
    match keepwatch_scan::scan(&rules, &options, &Pace::default(), &observer) {
        Ok(summary) => ended(&summary),
        Err(error) => Ended::failed(error.to_string()),
    }
}

fn load(bundle: &Path, cache: Option<&Path>) -> Result<(u64, RuleSet), String> {
    let again = "the signatures in use cannot be loaded; import a new version with 'keepwatch signatures import'";
    let packed = std::fs::read(bundle).map_err(|e| format!("{again}: {e}"))?;
    let content = BundleContent::unpack(&packed).map_err(|e| format!("{again}: {e}"))?;
    let rules = RuleSet::prepare(rule_files(&content), cache).map_err(|e| format!("{again}: {e}"))?;
    Ok((content.version, rules))
}

/// A bundle's files, as the engine takes them.
pub(super) fn rule_files(content: &BundleContent) -> Vec<keepwatch_scan::RuleFile> {
    let file = |file: &keepwatch_proto::bundle::RuleFile| keepwatch_scan::RuleFile {
        namespace: file.namespace().to_owned(),
        path: file.path.clone().into(),
        source: file.source.clone(),
    };
    content.files.iter().map(file).collect()
}

/// Half of the PC: somebody works on it.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).clamp(1, 4))
}

fn ended(summary: &Summary) -> Ended {
    let Summary { files, bytes, detected, unchanged, skipped, unread, failed, unopened, windowed, .. } = *summary;
    // What is elsewhere, or closed to us, has content that nobody has looked at.
    let (skipped, failed) = (skipped.saturating_sub(unread), failed + unread + unopened);
    let tally = Tally { files, bytes, detected, unchanged, skipped, failed, ..Tally::default() };
    let outcome = if summary.is_partial() { JobState::Partial } else { JobState::Succeeded };
    let mut said = Vec::new();
    if failed > 0 {
        said.push(format!(
            "{failed} files, folders or parts of files were not inspected; they are named, each with its reason"
        ));
    }
    if windowed > 0 {
        said.push(format!("{windowed} files are too large to be judged whole and were judged window by window"));
    }
    said.extend(summary.cache_problem.clone());
    Ended { outcome, tally, ..Ended::failed(said.join("; ")) }
}

struct Saying<'a, W> {
    speaker: &'a Speaker<W>,
    job: JobId,
    bundle: u64,
}

impl<W: Write + Send> Observer for Saying<'_, W> {
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
    }

    fn skipped(&self, path: &Path, reason: Skip) {
        if reason.leaves_content_unread() {
            self.speaker.failed(&paths::of_path(path), &reason.to_string());
        }
    }

    fn failed(&self, path: &Path, inside: &str, reason: &str) {
        self.speaker.failed(&object(path, inside), reason);
    }

    fn progress(&self, Progress { files, bytes, total_bytes, .. }: Progress) {
        self.speaker.progress("scanning", files, bytes, total_bytes);
    }
}

/// An object's name: the file, and the way to the object in it.
fn object(file: &Path, inside: &str) -> String {
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::bundle::RuleFile;
    use keepwatch_proto::clock::Clock;

    #[test]
    fn what_lies_in_a_file_is_named_with_the_way_to_it() {
        assert_eq!(object(Path::new("/home/li/mail.eml"), ""), "/home/li/mail.eml");
        let inside = "invoice.zip!/invoice.js";
        assert_eq!(object(Path::new("/home/li/mail.eml"), inside), "/home/li/mail.eml!/invoice.zip!/invoice.js");
    }

    #[test]
    fn a_file_over_the_limit_is_judged_in_windows_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (bundle, files) = (folder.path().join("bundle"), folder.path().join("files"));
        let source = "rule bad { strings: $a = \"badword\" condition: $a }".to_owned();
        let content = BundleContent { version: 7, rules: 1, files: vec![RuleFile { path: "a.yar".into(), source }] };
        std::fs::write(&bundle, content.pack().unwrap()).unwrap();
        std::fs::create_dir(&files).unwrap();
        std::fs::write(files.join("small"), "badword").unwrap();
        std::fs::write(files.join("large"), "a badword and more").unwrap();
        let missing = files.join("missing");

        let (speaker, job) = (Speaker::new(Vec::new()), JobId::new(&Clock::system()));
        let paths = vec![files.clone(), missing.clone()];
        let ended = run(ScanOrder { job, paths, excludes: vec![], max_file_bytes: 10, bundle }, &speaker);

        assert_eq!(ended.outcome, JobState::Partial);
        let Tally { files: judged, detected, skipped, failed, .. } = ended.tally;
        assert_eq!((judged, detected, skipped, failed), (2, 2, 0, 1));
        assert!(ended.message.starts_with("1 files"), "{}", ended.message);
        assert!(ended.message.contains("1 files are too large"), "{}", ended.message);
        let stdout = String::from_utf8(speaker.out.into_inner().unwrap()).unwrap();
        let failure = |line: &str| match serde_json::from_str(line).unwrap() {
            Said::Failure(failure) => Some(failure),
            _ => None,
        };
        let named: Vec<_> = stdout.lines().filter_map(failure).collect();
        assert_eq!(named.len(), 1);
        assert_eq!(named[0].path, paths::of_path(&missing));
        assert!(named[0].reason.starts_with("cannot be read"), "{}", named[0].reason);
    }
}
