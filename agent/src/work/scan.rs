//! Scans with the bundle in use.

use super::Speaker;
use crate::platform;
use crate::worker::{Said, ScanOrder};
use keepwatch_proto::bundle::BundleContent;
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, JobState, Tally};
use keepwatch_scan::{DEFAULT_MAX_FILE_BYTES, Found, Observer, Rules, ScanOptions, Skip, Summary};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Skipped files that are named: they leave room for what went wrong.
const NAMED_SKIPPED: usize = 100;

/// Scans, from the bundle's file to how it ended.
pub(super) fn run(order: ScanOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
    speaker.progress("compiling", 0, 0, 0);
    let (version, rules) = match load(&order.bundle) {
        Ok(loaded) => loaded,
        Err(why) => return Ended::failed(why),
    };
    if order.paths.is_empty() {
        return Ended::failed("none of the folders to scan exists on this PC; name others in the policy");
    }
    let max_file_bytes = if order.max_file_bytes == 0 { DEFAULT_MAX_FILE_BYTES } else { order.max_file_bytes };
    let options = ScanOptions { paths: order.paths, excludes: order.excludes, max_file_bytes, threads: threads() };
    let observer = Saying { speaker, job: order.job, bundle: version, skipped: AtomicUsize::new(0) };
    match keepwatch_scan::scan(&rules, &options, &observer) {
        Ok(summary) => ended(&summary),
        Err(error) => Ended::failed(error.to_string()),
    }
}

fn load(bundle: &Path) -> Result<(u64, Rules), String> {
    let again = "the signatures in use cannot be loaded; import a new version with 'keepwatch signatures import'";
    let packed = std::fs::read(bundle).map_err(|e| format!("{again}: {e}"))?;
    let content = BundleContent::unpack(&packed).map_err(|e| format!("{again}: {e}"))?;
    let rules = keepwatch_scan::compile(&rule_files(&content)).map_err(|e| format!("{again}: {e}"))?;
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
    let Summary { files, bytes, detected, skipped, unread, failed, .. } = *summary;
    let tally = Tally { files, bytes, detected, skipped, failed, ..Tally::default() };
    // What the policy's own limits leave out is named, but it was left out on purpose.
    let outcome = if failed > 0 || summary.cancelled { JobState::Partial } else { JobState::Succeeded };
    let message = match (failed, unread) {
        (0, 0) => String::new(),
        (0, unread) => {
            format!("{unread} files were skipped as the policy says, for their size or place; they are named")
        }
        (failed, _) => format!("{failed} files or folders could not be inspected; they are named"),
    };
    Ended { outcome, tally, ..Ended::failed(message) }
}

struct Saying<'a, W> {
    speaker: &'a Speaker<W>,
    job: JobId,
    bundle: u64,
    /// Skipped files that were named.
    skipped: AtomicUsize,
}

impl<W: Write + Send> Observer for Saying<'_, W> {
    fn detected(&self, found: &Found) {
        for matched in &found.matches {
            self.speaker.say(&Said::Detection(Detection {
                job: self.job,
                rule: matched.rule.clone(),
                namespace: matched.namespace.clone(),
                severity: severity(matched.severity),
                metadata: matched.metadata.iter().cloned().collect(),
                path: platform::path_text(&found.path),
                size: found.size,
                sha256: found.sha256.clone(),
                bundle: self.bundle,
            }));
        }
    }

    fn skipped(&self, path: &Path, reason: Skip) {
        if reason.leaves_content_unread() && self.skipped.fetch_add(1, Ordering::Relaxed) < NAMED_SKIPPED {
            self.speaker.failed(path, &format!("skipped: {reason}"));
        }
    }

    fn failed(&self, path: &Path, reason: &str) {
        self.speaker.failed(path, reason);
    }

    fn progress(&self, files: u64, bytes: u64) {
        self.speaker.progress("scanning", files, bytes, 0);
    }

    fn cancelled(&self) -> bool {
        false
    }
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
