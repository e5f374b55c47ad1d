//! Scans with the bundle in use.

mod ending;
mod saying;

pub(super) use ending::in_words;
pub(crate) use saying::object;

use super::Speaker;
use super::courtesy::{self, Heard};
use crate::at_work::{self, AtWork};
use crate::worker::ScanOrder;
use ending::ended;
use keepwatch_proto::bundle::BundleContent;
use keepwatch_proto::job::Ended;
use keepwatch_proto::paths;
use keepwatch_scan::{DEFAULT_WHOLE_BYTES, Limits, Pace, RuleSet, ScanOptions};
use saying::Saying;
use sha2::{Digest, Sha256};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender};

/// Scans, from the bundle's file to how it ended. What the parent says meanwhile is heard.
pub(super) fn run(
    order: ScanOrder,
    speaker: &Speaker<impl Write + Send>,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
) -> Ended {
    speaker.progress("compiling", 0, 0, 0);
    let rules = match load(&order) {
        Ok(rules) => rules,
        Err(why) => return Ended::failed(why),
    };
    if order.paths.is_empty() {
        return Ended::failed("none of the places to scan exists on this PC now; name others in the policy");
    }
    let (courtesy, pace) = (order.courtesy, Pace::new(order.cpu_percent));
    let summary = attended(order, false, speaker, |options, observer| {
        let hold = |held| if held { pace.pause() } else { pace.resume() };
        let say = |why: Option<&str>| why.into_iter().for_each(|why| observer.waits(why));
        courtesy::while_watched(courtesy, tell, heard, hold, say, || {
            keepwatch_scan::scan(&rules, options, &pace, observer)
        })
    });
    match summary {
        Ok(summary) => ended(&summary),
        Err(error) => Ended::failed(error.to_string()),
    }
}

/// Scans as the order says, while it is written down what is judged. `saved` says whether what
/// cannot be inspected is saved all the same.
pub(super) fn attended<W: Write + Send, R>(
    order: ScanOrder,
    saved: bool,
    speaker: &Speaker<W>,
    scan: impl FnOnce(&ScanOptions, &Saying<'_, W>) -> R,
) -> R {
    // Without it a worker that dies costs the scan, and nothing else.
    let at_work = AtWork::begin(&at_work::file(&order.folder), order.job);
    let at_work = at_work.inspect_err(|error| tracing::warn!("it cannot be written what is judged: {error}")).ok();
    let observer = Saying::new(speaker, order.job, order.bundle.version, saved, at_work);
    let observer = observer.naming_suspects_from(order.put_away_from);
    scan(&options(order), &observer)
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

/// The bundle's rules. Its file was verified when it was put in place, under this hash: while
/// what was compiled of it is at hand, it need not be read.
pub(super) fn load(order: &ScanOrder) -> Result<RuleSet, String> {
    let again = "the signatures in use cannot be loaded; import a new version with 'keepwatch signatures import'";
    let file = order.bundle_file.clone();
    let read = move || {
        let content = BundleContent::unpack(&std::fs::read(&file).map_err(|e| e.to_string())?);
        content.map(|content| rule_files(&content)).map_err(|e| e.to_string())
    };
    let key = Sha256::digest(&order.bundle.sha256).into();
    RuleSet::known_by(&key, Some(&order.folder), Box::new(read)).map_err(|e| format!("{again}: {e}"))
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
