//! Counting: the one place that does, so that counts and what the observer heard always
//! agree. Every file met has one end and is counted once.

use crate::pace::Pace;
use crate::read::{Skip, Unread};
use crate::scanner::Match;
use crate::slow::SlowRule;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Files that the summary names as the slowest.
const SLOWEST: usize = 10;
/// Parts of one file that are named when they cannot be inspected; the rest is counted.
const NAMED_PARTS: usize = 20;

/// An object in which at least one rule matched: a file, or something that lies in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file on the disk.
    pub file: PathBuf,
    /// The way to the object in it, `invoice.zip!/invoice.js`; empty where it is the file.
    pub inside: String,
    /// The object's bytes.
    pub size: u64,
    /// Of the object, in hexadecimal; empty where it was read in windows.
    pub sha256: String,
    /// Of the file, likewise.
    pub file_sha256: String,
    /// What matched.
    pub matches: Vec<Match>,
}

/// How far a scan has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files met and done with.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// As an earlier scan or a first count has it; 0 while it is unknown.
    pub total_files: u64,
    /// As for files.
    pub total_bytes: u64,
}

/// Hears of everything as it happens, from several threads at once.
pub trait Observer: Sync {
    /// The thread of this number begins with a file; `alone` when no other works meanwhile.
    fn begins(&self, _thread: usize, _path: &Path, _alone: bool) {}
    /// The thread of this number is done with its file.
    fn ends(&self, _thread: usize) {}
    /// An object in which rules matched.
    fn detected(&self, found: &Found);
    /// Something that was passed over on purpose.
    fn skipped(&self, path: &Path, reason: Skip);
    /// Something that should have been inspected and could not be: the file, or what is
    /// `inside` it.
    fn failed(&self, path: &Path, inside: &str, reason: &str);
    /// A file too large to be judged whole; it was judged window by window.
    fn windowed(&self, _path: &Path) {}
    /// Comes once a file.
    fn progress(&self, progress: Progress);
}

/// How a scan ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files read and judged: `clean + detected + incomplete`.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files in which nothing matched, or nothing that is not allowed.
    pub clean: u64,
    /// Files in which something matched, in themselves or in what they hold.
    pub detected: u64,
    /// Files in which nothing matched, but parts of which could not be inspected.
    pub incomplete: u64,
    /// Files that are as they were when nothing matched in them, not read again.
    pub unchanged: u64,
    /// Bytes of those.
    pub unchanged_bytes: u64,
    /// Passed over on purpose: links, pipes, other file systems, and what `unread` counts.
    pub skipped: u64,
    /// Of the skipped, those whose content a scan should have seen.
    pub unread: u64,
    /// Files and folders that could not be inspected.
    pub failed: u64,
    /// Of the failed, those that the scanner died on before.
    pub set_aside: u64,
    /// Parts of judged files that could not be inspected: encrypted, damaged, too large.
    pub unopened: u64,
    /// Files too large to be judged whole, which were judged in windows, now or before.
    pub windowed: u64,
    /// Files in which something matched, all of it allowed or not to be heard.
    pub allowed: u64,
    /// Whether it was called off.
    pub cancelled: bool,
    /// Of the files with detections, those that were not inspected to their end.
    pub found_in_part: u64,
    /// How long it took.
    pub duration: Duration,
    /// The files that took longest, slowest first.
    pub slowest: Vec<(PathBuf, Duration)>,
    /// Rules that made an object slow, slowest first.
    pub slow_rules: Vec<SlowRule>,
    /// Why the cache of verdicts was not used, where it should have been.
    pub cache_problem: Option<String>,
}

impl Summary {
    /// Whether anything that should have been inspected was not.
    pub fn is_partial(&self) -> bool {
        self.cancelled || self.failed > 0 || self.unread > 0 || self.unopened > 0
    }
}

/// What became of one file.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) bytes: u64,
    pub(crate) found: Vec<Found>,
    /// Rules matched, whatever was decided of them.
    pub(crate) matched: bool,
    pub(crate) windowed: bool,
    /// Parts that could not be inspected.
    pub(crate) unopened: usize,
    /// Why the rules could not judge the file itself.
    pub(crate) trouble: Option<String>,
}

/// The counts of one scan.
pub(crate) struct Tally<'o> {
    summary: Mutex<Summary>,
    totals: Mutex<(u64, u64)>,
    observer: &'o dyn Observer,
    pace: &'o Pace,
}

impl<'o> Tally<'o> {
    pub(crate) fn new(observer: &'o dyn Observer, pace: &'o Pace) -> Self {
        Self { summary: Mutex::default(), totals: Mutex::default(), observer, pace }
    }

    pub(crate) fn into_summary(self) -> Summary {
        self.summary.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn count<R>(&self, change: impl FnOnce(&mut Summary) -> R) -> R {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits while the scan is paused; `false` when it is called off.
    pub(crate) fn carry_on(&self) -> bool {
        let carry_on = self.pace.carry_on();
        if !carry_on {
            self.count(|s| s.cancelled = true);
        }
        carry_on
    }

    /// What there is in all, once that is known.
    pub(crate) fn expect(&self, files: u64, bytes: u64) {
        *self.totals.lock().unwrap_or_else(PoisonError::into_inner) = (files, bytes);
    }

    /// Files and bytes met, for the next scan's estimate.
    pub(crate) fn met(&self) -> (u64, u64) {
        self.count(|s| (s.files + s.unchanged, s.bytes + s.unchanged_bytes))
    }

    pub(crate) fn begins(&self, thread: usize, path: &Path, alone: bool) {
        self.observer.begins(thread, path, alone);
    }

    pub(crate) fn ends(&self, thread: usize, path: &Path, took: Duration) {
        self.observer.ends(thread);
        self.count(|s| {
            if s.slowest.len() < SLOWEST || s.slowest.last().is_some_and(|(_, least)| took > *least) {
                let at = s.slowest.partition_point(|(_, other)| *other >= took);
                s.slowest.insert(at, (path.to_owned(), took));
                s.slowest.truncate(SLOWEST);
            }
        });
    }

    /// Rules that made an object slow.
    pub(crate) fn slow_rule(&self, slow: SlowRule) {
        self.count(|s| {
            let at = s.slow_rules.partition_point(|other| other.took >= slow.took);
            s.slow_rules.insert(at, slow);
        });
    }

    pub(crate) fn skipped(&self, path: &Path, why: Skip) {
        self.count(|s| {
            s.skipped += 1;
            s.unread += u64::from(why.leaves_content_unread());
        });
        self.observer.skipped(path, why);
    }

    pub(crate) fn failed(&self, path: &Path, why: &str) {
        self.count(|s| s.failed += 1);
        self.observer.failed(path, "", why);
    }

    pub(crate) fn set_aside(&self, path: &Path, why: &str) {
        self.count(|s| s.set_aside += 1);
        self.failed(path, why);
    }

    pub(crate) fn unread(&self, path: &Path, why: &Unread) {
        match why {
            Unread::Skipped(why) => self.skipped(path, *why),
            // It is neither clean nor failed: the scan ended before it was through.
            Unread::CalledOff => {}
            why => self.failed(path, &why.to_string()),
        }
    }

    /// A part of a file that could not be inspected.
    pub(crate) fn unopened(&self, outcome: &mut Outcome, path: &Path, inside: &str, why: &str) {
        outcome.unopened += 1;
        // What is said of the file itself says most: why all of it was given up.
        if outcome.unopened <= NAMED_PARTS || inside.is_empty() {
            self.observer.failed(path, inside, why);
        }
    }

    pub(crate) fn unchanged(&self, path: &Path, bytes: u64, windowed: bool) {
        if windowed {
            // It is said by each scan, also by one that had no need to look again.
            self.observer.windowed(path);
        }
        self.count(|s| {
            s.windowed += u64::from(windowed);
            s.unchanged += 1;
            s.unchanged_bytes += bytes;
        });
        self.progress();
    }

    pub(crate) fn judged(&self, path: &Path, outcome: &Outcome) {
        if let Some(more) = outcome.unopened.checked_sub(NAMED_PARTS).filter(|more| *more > 0) {
            self.observer.failed(path, "", &format!("of its parts {more} more were not inspected"));
        }
        if let Some(why) = &outcome.trouble {
            self.observer.failed(path, "", why);
        }
        self.count(|s| {
            s.unopened += outcome.unopened as u64;
            if outcome.trouble.is_some() && outcome.found.is_empty() {
                s.failed += 1;
                return;
            }
            s.files += 1;
            s.bytes += outcome.bytes;
            s.windowed += u64::from(outcome.windowed);
            s.allowed += u64::from(outcome.matched && outcome.found.is_empty());
            if !outcome.found.is_empty() {
                s.detected += 1;
                s.found_in_part += u64::from(outcome.trouble.is_some() || outcome.unopened > 0);
                s.unopened += u64::from(outcome.trouble.is_some());
            } else if outcome.unopened > 0 {
                s.incomplete += 1;
            } else {
                s.clean += 1;
            }
        });
        if outcome.windowed {
            self.observer.windowed(path);
        }
        outcome.found.iter().for_each(|found| self.observer.detected(found));
        self.progress();
    }

    fn progress(&self) {
        let (total_files, total_bytes) = *self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, bytes) = self.met();
        self.observer.progress(Progress { files, bytes, total_files, total_bytes });
    }
}
