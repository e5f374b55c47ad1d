//! Backs up into the host's own repository, making it the first time.

use super::Speaker;
use crate::worker::BackupOrder;
use keepwatch_backup::{BackupOptions, BackupReport, Error, LookAhead, Observer, Progress, Repository, exists};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::job::{Ended, JobState, Snapshot, Tally};
use keepwatch_proto::paths;
use std::io::Write;
use std::path::Path;

/// Backs up, from opening the repository to how it ended.
pub(super) fn run(order: BackupOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
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
    let _ahead = LookAhead::begin(&options);
    let backed_up = open(&order.storage, &order.password)
        .and_then(|repository| repository.backup(&options, &Saying { speaker, phase: "backing up" }));
    match backed_up {
        Ok(report) => ended(report),
        Err(error) => Ended::failed(error.to_string()),
    }
}

/// Only a clear "there is none" leads to a new repository.
fn open(storage: &keepwatch_backup::Storage, password: &str) -> Result<Repository, Error> {
    if exists(storage)? { Repository::open(storage, password) } else { Repository::init(storage, password) }
}

fn ended(report: BackupReport) -> Ended {
    let tally = Tally {
        files: report.snapshot.files,
        bytes: report.bytes,
        unchanged: report.files_unchanged,
        skipped: report.left_out,
        failed: report.failed,
        stored: report.bytes_added,
        ..Tally::default()
    };
    let (outcome, message) = match report.failed {
        0 => (JobState::Succeeded, String::new()),
        n => (JobState::Partial, format!("{n} files or folders are not in the snapshot; the failures name them")),
    };
    let keepwatch_backup::Snapshot { id, time, paths, files, bytes, .. } = report.snapshot;
    Ended { outcome, tally, snapshot: Some(Snapshot { id, time, paths, files, bytes }), ..Ended::failed(message) }
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
