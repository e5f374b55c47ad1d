//! Backs up into the host's own repository, making it the first time, and scans what it reads.

use super::Speaker;
use super::courtesy::Heard;
use super::scan::{attended, in_words, load};
use crate::one_read::{self, Scan};
use crate::worker::{BackupOrder, Said};
use keepwatch_backup::{BackupOptions, BackupReport, Error, LookAhead, Observer, Progress, Repository, exists};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::job::{Ended, JobState, Snapshot, Tally};
use keepwatch_proto::paths;
use keepwatch_proto::verdict::Verdict;
use keepwatch_scan::ScanOptions;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};

/// Stands before the reason why a file that is in the snapshot was not scanned.
const UNINSPECTED: &str = "saved, but not inspected: ";

/// Backs up, from opening the repository to how it ended.
pub(super) fn run(
    order: BackupOrder,
    speaker: &Speaker<impl Write + Send>,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
) -> Ended {
    speaker.progress("opening", 0, 0, 0);
    if order.paths.is_empty() {
        return Ended::failed("none of the folders to back up exists on this PC; name others in the policy");
    }
    let options = BackupOptions {
        paths: order.paths,
        excludes: order.excludes,
        host: order.host,
        time: Clock::from_environment().now(),
        ..BackupOptions::default()
    };
    let ahead = LookAhead::begin(&options);
    let repository = match open(&order.storage, &order.password) {
        Ok(repository) => repository,
        Err(error) => return Ended::failed(error.to_string()),
    };
    drop(ahead);
    let watcher = Saying { speaker, phase: "backing up" };
    // Files must be saved also where they cannot be scanned.
    let (scan, unscanned) = match order.scan.map(|scan| load(&scan).map(|rules| (scan, rules))) {
        Some(Ok(ready)) => (Some(ready), order.unscanned),
        Some(Err(why)) => (None, why),
        None => (None, order.unscanned),
    };
    let Some((scan, rules)) = scan else {
        return match repository.backup(&options, &watcher) {
            Ok(report) => ended(report, None, vec![in_full("it was not scanned: ", unscanned)]),
            Err(error) => Ended::failed(error.to_string()),
        };
    };
    let (bundle, leave_out) = (scan.bundle.version, order.leave_out);
    if let Some(saved) = order.saved {
        let places = ScanOptions { paths: options.paths, excludes: options.excludes, ..ScanOptions::default() };
        return attended(scan, UNINSPECTED, speaker, tell, heard, |options, pace, observer| {
            let options = &ScanOptions { paths: places.paths, excludes: places.excludes, ..options.clone() };
            judged_again(saved, &repository, &Scan { rules: &rules, options, pace, observer, bundle, leave_out })
        });
    }
    let done = attended(scan, UNINSPECTED, speaker, tell, heard, |options_of_scan, pace, observer| {
        let scan = Scan { rules: &rules, options: options_of_scan, pace, observer, bundle, leave_out };
        one_read::run(&repository, options, &watcher, &scan, |report, verdict| {
            let cut_off = "not all of it was scanned, since that was cut off; the next scan will do it";
            speaker.say(Said::SoFar(ended(report.clone(), Some(verdict), vec![cut_off.into()])));
        })
    });
    match done {
        Ok(done) => {
            let uninspected = done.verdict.unjudged;
            let mut ended = ended(done.report, Some(done.verdict), vec![in_words(&done.scanned, uninspected)]);
            ended.tally.detected = done.scanned.detected;
            ended
        }
        Err(error) => Ended::failed(error.to_string()),
    }
}

/// The end of a backup whose snapshot an earlier worker has made.
fn judged_again(saved: Ended, repository: &Repository, scan: &Scan<'_>) -> Ended {
    let Some(snapshot) = saved.snapshot.clone() else { return saved };
    let left_out = snapshot.verdict.as_ref().map_or(0, |verdict| verdict.left_out);
    match one_read::judge_again(repository, &snapshot.id, left_out, scan) {
        Ok((scanned, verdict)) => {
            let tally = Tally { detected: scanned.detected, ..saved.tally };
            let message = in_all(&tally, Some(&verdict), vec![in_words(&scanned, verdict.unjudged)]);
            let snapshot = Some(Snapshot { verdict: Some(verdict), ..snapshot });
            Ended { tally, message, snapshot, ..saved }
        }
        Err(error) => Ended { message: format!("{}; {error}", saved.message), ..saved },
    }
}

/// Only a clear "there is none" leads to a new repository.
fn open(storage: &keepwatch_backup::Storage, password: &str) -> Result<Repository, Error> {
    if exists(storage)? { Repository::open(storage, password) } else { Repository::init(storage, password) }
}

fn in_full(before: &str, text: String) -> String {
    if text.is_empty() { text } else { format!("{before}{text}") }
}

/// The end of a backup that made a snapshot, and what else there is to say.
fn ended(report: BackupReport, verdict: Option<Verdict>, also: Vec<String>) -> Ended {
    let tally = Tally {
        files: report.snapshot.files,
        bytes: report.bytes,
        unchanged: report.files_unchanged,
        skipped: report.left_out + report.refused,
        failed: report.failed,
        stored: report.bytes_added,
        ..Tally::default()
    };
    let mut also = also;
    if report.missing_packs > 0 {
        also.push(format!(
            "{} packs are missing from the repository, so older snapshots may not be whole; what was in them and is \
             still on this PC was sent again",
            report.missing_packs
        ));
    }
    let outcome = if report.failed == 0 { JobState::Succeeded } else { JobState::Partial };
    let message = in_all(&tally, verdict.as_ref(), also);
    let keepwatch_backup::Snapshot { id, time, paths, files, bytes, .. } = report.snapshot;
    let snapshot = Some(Snapshot { id, time, paths, files, bytes, verdict });
    Ended { outcome, tally, snapshot, ..Ended::failed(message) }
}

/// What there is to say of a backup that made a snapshot.
fn in_all(tally: &Tally, verdict: Option<&Verdict>, also: Vec<String>) -> String {
    let (infected, left_out) = verdict.map_or((0, 0), |verdict| (verdict.infected, verdict.left_out));
    let counts = [
        (tally.failed, "files or folders are not in the snapshot; the failures name them"),
        (left_out, "infected files were not saved, as the policy has it; the detections name them"),
        (infected, "infected files are in the snapshot; the detections name them"),
    ];
    let counts = counts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
    let said: Vec<String> = counts.chain(also.into_iter().filter(|text| !text.is_empty())).collect();
    said.join("; ")
}

/// Passes what the engine says on to the parent.
pub(super) struct Saying<'a, W> {
    pub(super) speaker: &'a Speaker<W>,
    pub(super) phase: &'static str,
}

impl<W: Write + Send> Observer for Saying<'_, W> {
    fn progress(&self, Progress { files, bytes, total_bytes }: Progress) {
        self.speaker.progress(self.phase, files, bytes, total_bytes);
    }

    fn failed(&self, path: &Path, reason: &str) {
        self.speaker.failed(&paths::of_path(path), reason);
    }

    fn cancelled(&self) -> bool {
        // The parent calls off by killing.
        false
    }
}
