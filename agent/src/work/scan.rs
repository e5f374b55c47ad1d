//! Scans with the bundle in use.

mod ending;
mod saying;

pub(crate) use saying::object;

use super::{Speaker, courtesy};
use crate::at_work::{self, AtWork};
use crate::worker::ScanOrder;
use ending::ended;
use keepwatch_proto::bundle::BundleContent;
use keepwatch_proto::job::Ended;
use keepwatch_proto::paths;
use keepwatch_scan::{DEFAULT_WHOLE_BYTES, Limits, Pace, RuleSet, ScanOptions};
use saying::Saying;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// Scans, from the bundle's file to how it ended.
pub(super) fn run(order: ScanOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
    speaker.progress("compiling", 0, 0, 0);
    let (version, rules) = match load(&order.bundle, &order.folder) {
        Ok(loaded) => loaded,
        Err(why) => return Ended::failed(why),
    };
    if order.paths.is_empty() {
        return Ended::failed("none of the places to scan exists on this PC now; name others in the policy");
    }
    // Without it a worker that dies costs the scan, and nothing else.
    let at_work = AtWork::begin(&at_work::file(&order.folder), order.job);
    let at_work = at_work.inspect_err(|error| tracing::warn!("it cannot be written what is judged: {error}")).ok();
    let pace = Pace::new(order.cpu_percent);
    let observer = Saying::new(speaker, order.job, version, at_work);
    let (courtesy, options) = (order.courtesy, options(order));
    let summary = std::thread::scope(|scope| {
        let (over, scan) = mpsc::channel();
        scope.spawn(|| courtesy::watch(courtesy, &pace, scan, |phase| observer.waits(phase)));
        let summary = keepwatch_scan::scan(&rules, &options, &pace, &observer);
        drop(over);
        summary
    });
    match summary {
        Ok(summary) => ended(&summary),
        Err(error) => Ended::failed(error.to_string()),
    }
}

fn options(order: ScanOrder) -> ScanOptions {
    let path = |text: String| paths::to_path(&text);
    ScanOptions {
        paths: order.paths.into_iter().map(path).collect(),
        excludes: order.excludes,
        whole_bytes: if order.max_file_bytes == 0 { DEFAULT_WHOLE_BYTES } else { order.max_file_bytes },
        threads: threads(order.threads),
        unpack: order.unpack.then(Limits::default),
        tuning: order.tuning,
        verdicts: Some(verdicts(&order.folder)),
        suspects: order.suspects.into_iter().map(path).collect(),
        condemned: order.condemned.into_iter().map(|(text, why)| (path(text), why)).collect(),
        ..ScanOptions::default()
    }
}

fn verdicts(folder: &Path) -> PathBuf {
    folder.join("verdicts")
}

/// Half of the PC, unless the policy says otherwise: somebody works on it.
fn threads(wanted: usize) -> usize {
    let half = || std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).clamp(1, 4));
    if wanted == 0 { half() } else { wanted }
}

fn load(bundle: &Path, folder: &Path) -> Result<(u64, RuleSet), String> {
    let again = "the signatures in use cannot be loaded; import a new version with 'keepwatch signatures import'";
    let packed = std::fs::read(bundle).map_err(|e| format!("{again}: {e}"))?;
    let content = BundleContent::unpack(&packed).map_err(|e| format!("{again}: {e}"))?;
    let rules = RuleSet::prepare(rule_files(&content), Some(folder)).map_err(|e| format!("{again}: {e}"))?;
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

#[cfg(test)]
mod tests;
