//! One read of the disk for both jobs: what a backup reads is scanned from the same bytes,
//! what has not changed is scanned afterwards where that was not done before, and the snapshot
//! gets a verdict.

mod marks;
mod restored;
mod unread;

pub(crate) use restored::restore;

use keepwatch_backup::{BackupOptions, BackupReport, Content, Inspector, Repository};
use keepwatch_proto::paths;
use keepwatch_proto::verdict::{Infected, Verdict};
use keepwatch_scan::{ExcludeError, Hand, INFECTED_FROM, Observer, Pace, RuleSet, ScanOptions, Summary, scan_handed};
use marks::Marks;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use unread::Unread;

/// How to scan what is saved.
pub(crate) struct Scan<'a> {
    pub(crate) rules: &'a RuleSet,
    /// What it says of places does not matter: the backup's count.
    pub(crate) options: &'a ScanOptions,
    pub(crate) pace: &'a Pace,
    pub(crate) observer: &'a dyn Observer,
    /// Version of the bundle that the rules are; 0: rules from files.
    pub(crate) bundle: u64,
    /// Whether infected files are kept out of the snapshot.
    pub(crate) leave_out: bool,
}

/// What came of it.
pub(crate) struct Done {
    pub(crate) report: BackupReport,
    pub(crate) scanned: Summary,
    pub(crate) verdict: Verdict,
}

/// Scans what a snapshot was made of, after the scan that went with it was cut off. What had
/// been judged by then is known, and what was found is found again, where it is still there;
/// `before` is what was said by then.
pub(crate) fn judge_again(
    repository: &Repository,
    snapshot: &str,
    before: Option<&Verdict>,
    scan: &Scan<'_>,
) -> Result<(Summary, Verdict), ExcludeError> {
    let marks = Marks::new(scan.observer);
    marks.speak_up();
    let scanned = keepwatch_scan::scan(scan.rules, scan.options, scan.pace, &marks)?;
    let (infected_before, left_out) = before.map_or((0, 0), |verdict| (verdict.infected, verdict.left_out));
    let mut verdict = verdict(repository, snapshot, left_out, &scanned, &marks, scan);
    verdict.infected = verdict.infected.max(infected_before);
    Ok((scanned, verdict))
}

/// Why there is no snapshot.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OneReadError {
    /// The backup.
    #[error(transparent)]
    Backup(#[from] keepwatch_backup::Error),
    /// A pattern of the tuning that is none.
    #[error(transparent)]
    Exclude(#[from] ExcludeError),
}

/// Backs up and scans. Once there is a snapshot `saved` hears of it, with the verdict as far
/// as it goes: what follows may take long, and be cut off.
pub(crate) fn run(
    repository: &Repository,
    options: BackupOptions,
    watcher: &dyn keepwatch_backup::Observer,
    scan: &Scan<'_>,
    saved: impl FnOnce(&BackupReport, Verdict),
) -> Result<Done, OneReadError> {
    let marks = Marks::new(scan.observer);
    let (report, scanned) = scan_handed(scan.rules, scan.options, scan.pace, &marks, |desk| {
        let refuse_from = scan.leave_out.then_some(INFECTED_FROM);
        let one_read =
            Arc::new(OneRead { hand: desk.hand(refuse_from), admits_all: !scan.leave_out, unread: Mutex::default() });
        let report = repository.backup(&BackupOptions { inspector: Some(one_read.clone()), ..options }, watcher)?;
        let unread = std::mem::take(&mut *one_read.unread.lock().unwrap_or_else(PoisonError::into_inner));
        saved(&report, so_far(&report, &marks, scan));
        marks.speak_up();
        desk.judge(unread.into_paths());
        Ok::<_, keepwatch_backup::Error>(report)
    })?;
    let report = report?;
    let verdict = verdict(repository, &report.snapshot.id, report.left_out.refused, &scanned, &marks, scan);
    Ok(Done { report, scanned, verdict })
}

/// What can be said while files that had not changed have not been looked at.
fn so_far(report: &BackupReport, marks: &Marks<'_>, scan: &Scan<'_>) -> Verdict {
    Verdict {
        bundle: scan.bundle,
        infected: marks.infected().count.saturating_sub(report.left_out.refused),
        unjudged: report.files_unchanged.max(1),
        left_out: report.left_out.refused,
        files: vec![],
    }
}

fn verdict(
    repository: &Repository,
    snapshot: &str,
    refused: u64,
    scanned: &Summary,
    marks: &Marks<'_>,
    scan: &Scan<'_>,
) -> Verdict {
    let infected = marks.infected();
    let paths: Vec<&Path> = infected.named.keys().map(PathBuf::as_path).collect();
    let contents = if paths.is_empty() { Ok(vec![]) } else { repository.content_ids(snapshot, &paths) };
    // Without them it is still known what was found.
    let contents = contents.unwrap_or_else(|error| {
        tracing::warn!(%error, "the snapshot's content ids cannot be read");
        vec![Some(String::new()); if scan.leave_out { 0 } else { infected.named.len() }]
    });
    let files = infected.named.iter().zip(contents).filter_map(|((path, rules), content)| {
        // What was left out, or could not be saved, is not in it.
        let (path, rules) = (paths::of_path(&keepwatch_backup::plain(path)), rules.iter().cloned().collect());
        content.map(|content| Infected { path, rules, content })
    });
    let files: Vec<Infected> = files.collect();
    Verdict {
        bundle: scan.bundle,
        infected: infected.count.saturating_sub(refused).max(files.len() as u64),
        unjudged: scanned.failed + scanned.unread + scanned.incomplete + scanned.found_in_part,
        left_out: refused,
        files,
    }
}

/// Stands between the two engines.
struct OneRead {
    hand: Hand,
    /// Otherwise each file has been judged by the time it is known not to have changed.
    admits_all: bool,
    unread: Mutex<Unread>,
}

impl Inspector for OneRead {
    fn admits(&self, path: &Path) -> bool {
        self.hand.admits(path)
    }

    fn read(&self, path: &Path, at: &Path, file: File) -> io::Result<Option<Content>> {
        Ok(self.hand.read(path, at, file)?.map(|handed| -> Content { Box::new(handed) }))
    }

    fn unchanged(&self, path: &Path) {
        if self.admits_all {
            self.unread.lock().unwrap_or_else(PoisonError::into_inner).push(path);
        }
    }
}
