//! Backs up into the host's own repository, making it the first time, and scans what it reads.

use super::courtesy::{Heard, while_watched};
use super::hooks;
use super::scan::{attended, in_words, load};
use super::{Speaker, counted, failed_by, failed_reading};
use crate::one_read::{self, Scan};
use crate::worker::{BackupOrder, Said, ScanOrder};
use keepwatch_backup::{BackupOptions, BackupReport, Error, LookAhead, Observer, Progress, Repository, exists};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::job::{Ended, JobState, Snapshot, Tally};
use keepwatch_proto::paths;
use keepwatch_proto::policy::bytes_per_second;
use keepwatch_proto::verdict::Verdict;
use keepwatch_scan::{Pace, ScanOptions};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is said of a snapshot while not all of it is scanned: it is the end if that is cut off.
const CUT_OFF: &str = "not all of it was scanned, since that was cut off; the next scan will do it";
/// How often is looked what the policy limits the line to.
const LOOK_AT_LIMITS: Duration = Duration::from_secs(5);

/// Backs up, from opening the repository to how it ended. What the parent says meanwhile is
/// heard.
pub(super) fn run<W: Write + Send>(
    mut order: BackupOrder,
    speaker: &Speaker<W>,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
) -> Ended {
    speaker.progress("opening", 0, 0, 0);
    if order.paths.is_empty() {
        return Ended::failed("none of the folders to back up exists on this PC; name others in the policy");
    }
    let hooks = std::mem::take(&mut order.hooks);
    if order.saved.is_some() {
        // Nothing more is saved; the worker that did it died before its second command.
        return hooks::after(&hooks, opened(order, speaker, tell, heard));
    }
    hooks::around(&hooks, || opened(order, speaker, tell, heard))
}

fn opened<W: Write + Send>(
    mut order: BackupOrder,
    speaker: &Speaker<W>,
    tell: Sender<Heard>,
    heard: Receiver<Heard>,
) -> Ended {
    let options = BackupOptions {
        paths: std::mem::take(&mut order.paths),
        excludes: std::mem::take(&mut order.excludes),
        max_file_bytes: order.max_file_bytes,
        one_file_system: order.one_file_system,
        freeze: order.freeze,
        cpu_percent: order.cpu_percent,
        host: std::mem::take(&mut order.host),
        time: Clock::from_environment().now(),
        ..BackupOptions::default()
    };
    limit(&order);
    let ahead = LookAhead::begin(&options);
    let repository = match open(&order.storage, &order.password) {
        Ok(repository) => repository,
        Err(error) => return failed_by(&error),
    };
    drop(ahead);
    let watcher = Saying::new(speaker, "backing up");
    let pace = Pace::new(order.scan.as_ref().map_or(100, |scan| scan.cpu_percent));
    let hold = |held| {
        repository.hold(held);
        if held { pace.pause() } else { pace.resume() }
    };
    while_watched(
        order.courtesy,
        tell,
        heard,
        hold,
        |why| watcher.waits(why),
        || back_up(order, options, &repository, speaker, &watcher, &pace),
    )
}

fn back_up<W: Write + Send>(
    order: BackupOrder,
    options: BackupOptions,
    repository: &Repository,
    speaker: &Speaker<W>,
    watcher: &Saying<'_, W>,
    pace: &Pace,
) -> Ended {
    // Files must be saved also where they cannot be scanned.
    let ready = |scan: ScanOrder| {
        scan.tuning.check().map_err(|error| error.to_string())?;
        load(&scan).map(|rules| (scan, rules))
    };
    let (scan, unscanned) = match order.scan.map(ready) {
        Some(Ok(ready)) => (Some(ready), order.unscanned),
        Some(Err(why)) => (None, why),
        None => (None, order.unscanned),
    };
    let Some((scan, rules)) = scan else {
        if let Some(saved) = order.saved {
            return saved;
        }
        return match repository.backup(&options, watcher) {
            Ok(report) => ended(report, None, in_full("it was not scanned: ", unscanned)),
            Err(error) => failed_by(&error),
        };
    };
    let (bundle, leave_out) = (scan.bundle.version, order.leave_out);
    let rules = &rules;
    if let Some(saved) = order.saved {
        let places = ScanOptions { paths: options.paths, excludes: options.excludes, ..ScanOptions::default() };
        return attended(scan, true, speaker, |options, observer| {
            let options = &ScanOptions { paths: places.paths, excludes: places.excludes, ..options.clone() };
            judged_again(saved, repository, &Scan { rules, options, pace, observer, bundle, leave_out })
        });
    }
    let done = attended(scan, true, speaker, |options_of_scan, observer| {
        let scan = Scan { rules, options: options_of_scan, pace, observer, bundle, leave_out };
        one_read::run(repository, options, watcher, &scan, |report, verdict| {
            speaker.say(Said::SoFar(ended(report.clone(), Some(verdict), CUT_OFF.into())));
        })
    });
    match done {
        Ok(done) => {
            let uninspected = done.verdict.unjudged;
            let mut ended = ended(done.report, Some(done.verdict), in_words(&done.scanned, uninspected));
            ended.tally.detected = done.scanned.detected;
            ended
        }
        Err(error) => failed_reading(&error),
    }
}

/// Keeps to the policy's limits, for as long as this process lives.
fn limit(order: &BackupOrder) {
    let keepwatch_backup::Storage::Service(service) = &order.storage else { return };
    if order.bandwidth.is_empty() {
        return;
    }
    let (throttle, limits, zone) = (service.throttle.clone(), order.bandwidth.clone(), order.time_zone.clone());
    let clock = Clock::from_environment();
    throttle.limit(bytes_per_second(&limits, &zone, clock.now()));
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(LOOK_AT_LIMITS);
            throttle.limit(bytes_per_second(&limits, &zone, clock.now()));
        }
    });
}

/// The end of a backup whose snapshot an earlier worker has made.
fn judged_again(saved: Ended, repository: &Repository, scan: &Scan<'_>) -> Ended {
    let Some(snapshot) = saved.snapshot.clone() else { return saved };
    match one_read::judge_again(repository, &snapshot.id, snapshot.verdict.as_ref(), scan) {
        Ok((scanned, verdict)) => {
            let tally = Tally { detected: scanned.detected, ..saved.tally };
            // What else was said stands between the counts and that it was cut off.
            let counted = in_all(&tally, snapshot.verdict.as_ref(), vec![]);
            let before = saved.message.strip_suffix(CUT_OFF).unwrap_or(&saved.message);
            let also = before.strip_prefix(counted.as_str()).unwrap_or_default().trim_matches([';', ' ']).to_owned();
            let message = in_all(&tally, Some(&verdict), vec![also, in_words(&scanned, verdict.unjudged)]);
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

/// The end of a backup that made a snapshot, and what there is to say of its scan.
fn ended(report: BackupReport, verdict: Option<Verdict>, of_scan: String) -> Ended {
    let tally = Tally {
        files: report.snapshot.files,
        bytes: report.bytes,
        unchanged: report.files_unchanged,
        skipped: report.left_out.total(),
        failed: report.failed,
        stored: report.bytes_added,
        noise: report.files_noise,
        ..Tally::default()
    };
    let mut also = Vec::new();
    // Patterns and caches are nothing that anybody looks for; a large file may be.
    if report.left_out.size > 0 {
        also.push(format!("left out: {}", report.left_out.in_words()));
    }
    if report.missing_packs > 0 {
        also.push(format!(
            "{} packs are missing from the repository, so older snapshots may not be whole; what was in them and is \
             still on this PC was sent again",
            report.missing_packs
        ));
    }
    also.push(of_scan);
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
        (
            tally.failed,
            "file or folder is not in the snapshot; the failures name it",
            "files or folders are not in the snapshot; the failures name them",
        ),
        (
            left_out,
            "infected file was not saved, as the policy has it; the detections name it",
            "infected files were not saved, as the policy has it; the detections name them",
        ),
        (
            infected,
            "infected file is in the snapshot; the detections name it",
            "infected files are in the snapshot; the detections name them",
        ),
    ];
    let counts = counts.into_iter().filter_map(|(n, one, many)| counted(n, one, many));
    let said: Vec<String> = counts.chain(also.into_iter().filter(|text| !text.is_empty())).collect();
    said.join("; ")
}

/// Passes what the engine says on to the parent.
pub(super) struct Saying<'a, W> {
    speaker: &'a Speaker<W>,
    phase: &'static str,
    /// Why it waits, if it does, and how far it had come.
    waits: Mutex<(Option<&'static str>, Progress)>,
}

impl<'a, W: Write> Saying<'a, W> {
    pub(super) fn new(speaker: &'a Speaker<W>, phase: &'static str) -> Self {
        Self { speaker, phase, waits: Mutex::default() }
    }

    /// The work waits, for this reason, or it goes on.
    fn waits(&self, why: Option<&'static str>) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.0 = why;
        let Progress { files, bytes, total_bytes } = waits.1;
        drop(waits);
        why.into_iter().for_each(|why| self.speaker.progress(why, files, bytes, total_bytes));
    }
}

impl<W: Write + Send> Observer for Saying<'_, W> {
    fn progress(&self, progress: Progress) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.1 = progress;
        let phase = waits.0.unwrap_or(self.phase);
        drop(waits);
        let Progress { files, bytes, total_bytes } = progress;
        self.speaker.progress(phase, files, bytes, total_bytes);
    }

    fn failed(&self, path: &Path, reason: &str) {
        self.speaker.failed(&paths::of_path(path), reason);
    }

    fn cancelled(&self) -> bool {
        // The parent calls off by killing.
        false
    }
}
