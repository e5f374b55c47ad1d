//! A whole scan: one thread walks, each of the others reads and judges one file at a time.
//! Every file met ends as clean, detected, skipped or failed, and is counted as such.

use crate::budget::{Budget, FREE_OF_CHARGE};
use crate::read::{Skip, Unread, open};
use crate::rules::Rules;
use crate::scanner::{Match, Scanner};
use crate::walk::{ExcludeError, Excludes, Step, walk};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Paths the walk may be ahead: enough to keep the readers busy, few enough to stop at once.
const WALK_AHEAD: usize = 64;

/// What to scan, and how.
#[derive(Debug, Clone)]
pub struct ScanOptions {
    /// Folders and files.
    pub paths: Vec<PathBuf>,
    /// Globs of what is left out: with a slash over the whole path, without over each name.
    pub excludes: Vec<String>,
    /// Larger files are skipped, and named.
    pub max_file_bytes: u64,
    /// Files read and judged at the same time, as long as they fit into memory; at least one.
    pub threads: usize,
}

/// A file in which at least one rule matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Its bytes.
    pub size: u64,
    /// Of its content, in hexadecimal.
    pub sha256: String,
    /// What matched.
    pub matches: Vec<Match>,
}

/// Hears of everything as it happens, from several threads at once.
pub trait Observer: Sync {
    /// A file in which rules matched.
    fn detected(&self, found: &Found);
    /// Something that was passed over on purpose.
    fn skipped(&self, path: &Path, reason: Skip);
    /// Something that should have been inspected and could not be.
    fn failed(&self, path: &Path, reason: &str);
    /// Files and bytes judged so far; comes once a file.
    fn progress(&self, files: u64, bytes: u64);
    /// Asked before every file; `true` ends the scan.
    fn cancelled(&self) -> bool;
}

/// How a scan ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files read and judged: `clean + detected`.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Files in which nothing matched.
    pub clean: u64,
    /// Files in which something matched.
    pub detected: u64,
    /// Passed over on purpose: links, pipes, pseudo file systems, and what `unread` counts.
    pub skipped: u64,
    /// Of the skipped, those whose content a scan should have seen.
    pub unread: u64,
    /// Could not be inspected.
    pub failed: u64,
    /// Whether the observer ended it.
    pub cancelled: bool,
    /// How long it took.
    pub duration: Duration,
}

impl Summary {
    /// Whether anything that should have been inspected was not.
    pub fn is_partial(&self) -> bool {
        self.cancelled || self.failed > 0 || self.unread > 0
    }
}

/// Scans, telling the observer. It fails only on an exclude that is no pattern; everything
/// else that goes wrong costs the file it concerns.
pub fn scan(rules: &Rules, options: &ScanOptions, observer: &dyn Observer) -> Result<Summary, ExcludeError> {
    let started = Instant::now();
    let excludes = Excludes::new(&options.excludes)?;
    let tally = Tally { summary: Mutex::default(), observer };
    let budget = Budget::new();
    let threads = options.threads.max(1);
    std::thread::scope(|scope| {
        let (send, receive) = sync_channel::<PathBuf>(WALK_AHEAD);
        let receive = Arc::new(Mutex::new(receive));
        for _ in 0..threads {
            let (receive, reader) =
                (receive.clone(), Reader { limit: options.max_file_bytes, budget: &budget, tally: &tally });
            scope.spawn(move || reader.judge_all(rules, &receive));
        }
        // With the last reader gone a send must fail rather than wait.
        drop(receive);
        for root in &options.paths {
            let to_the_end = walk(root, &excludes, &mut |step| {
                let queued = match step {
                    Step::File(path) => send.send(path).is_ok(),
                    Step::Skipped(path, why) => tally.skipped(&path, why),
                    Step::Failed(path, why) => tally.failed(&path, &why),
                };
                queued && !tally.stop()
            });
            if !to_the_end {
                break;
            }
        }
    });
    let mut summary = tally.summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.duration = started.elapsed();
    Ok(summary)
}

/// One of the threads that read and judge.
struct Reader<'s, 'o> {
    limit: u64,
    budget: &'s Budget,
    tally: &'s Tally<'o>,
}

impl Reader<'_, '_> {
    /// Its life: the next file, until there is none or the scan is called off.
    fn judge_all(&self, rules: &Rules, queue: &Mutex<Receiver<PathBuf>>) {
        let mut scanner = Scanner::new(rules);
        let mut buffer = Vec::new();
        while !self.tally.stop() {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok(path) = next else { return };
            if self.tally.stop() {
                return;
            }
            self.judge(&mut scanner, path, &mut buffer);
        }
    }

    fn judge(&self, scanner: &mut Scanner<'_>, path: PathBuf, buffer: &mut Vec<u8>) {
        let opened = match open(&path, self.limit) {
            Ok(opened) => opened,
            Err(why) => return self.tally.unread(&path, &why),
        };
        let share = self.budget.share(opened.len);
        match opened.read_whole(buffer) {
            Ok(()) => self.judge_bytes(scanner, path, buffer),
            Err(why) => self.tally.unread(&path, &why),
        }
        // Before the share is: what others may take must be free.
        if buffer.capacity() > FREE_OF_CHARGE + 1 {
            *buffer = Vec::new();
        }
        drop(share);
    }

    fn judge_bytes(&self, scanner: &mut Scanner<'_>, path: PathBuf, bytes: &[u8]) {
        match scanner.scan_bytes(&path, bytes) {
            Ok(matches) if matches.is_empty() => self.tally.judged(bytes.len(), None),
            Ok(matches) => {
                let found =
                    Found { path, size: bytes.len() as u64, sha256: hex::encode(Sha256::digest(bytes)), matches };
                self.tally.judged(bytes.len(), Some(&found));
            }
            Err(error) => {
                self.tally.failed(&path, &error.to_string());
            }
        }
    }
}

/// The one place that counts, so that counts and what the observer heard always agree.
struct Tally<'o> {
    summary: Mutex<Summary>,
    observer: &'o dyn Observer,
}

impl Tally<'_> {
    fn count<R>(&self, change: impl FnOnce(&mut Summary) -> R) -> R {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether the scan is called off. Once it is, it stays so.
    fn stop(&self) -> bool {
        if !self.observer.cancelled() {
            return self.count(|s| s.cancelled);
        }
        self.count(|s| s.cancelled = true);
        true
    }

    fn skipped(&self, path: &Path, why: Skip) -> bool {
        self.count(|s| {
            s.skipped += 1;
            s.unread += u64::from(why.leaves_content_unread());
        });
        self.observer.skipped(path, why);
        true
    }

    fn failed(&self, path: &Path, why: &str) -> bool {
        self.count(|s| s.failed += 1);
        self.observer.failed(path, why);
        true
    }

    fn unread(&self, path: &Path, why: &Unread) {
        match why {
            Unread::Skipped(why) => self.skipped(path, *why),
            why => self.failed(path, &why.to_string()),
        };
    }

    fn judged(&self, bytes: usize, found: Option<&Found>) {
        let (files, bytes) = self.count(|s| {
            s.files += 1;
            s.bytes += bytes as u64;
            if found.is_some() {
                s.detected += 1;
            } else {
                s.clean += 1;
            }
            (s.files, s.bytes)
        });
        if let Some(found) = found {
            self.observer.detected(found);
        }
        self.observer.progress(files, bytes);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::read::DEFAULT_MAX_FILE_BYTES;
    use crate::rules::{RuleFile, compile};
    use std::fs;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    #[derive(Default)]
    struct Heard {
        detected: Mutex<Vec<Found>>,
        skipped: Mutex<Vec<(PathBuf, Skip)>>,
        failed: Mutex<Vec<(PathBuf, String)>>,
        files: AtomicU64,
        cancel_after: Option<u64>,
    }

    impl Observer for Heard {
        fn detected(&self, found: &Found) {
            self.detected.lock().unwrap().push(found.clone());
        }
        fn skipped(&self, path: &Path, reason: Skip) {
            self.skipped.lock().unwrap().push((path.into(), reason));
        }
        fn failed(&self, path: &Path, reason: &str) {
            self.failed.lock().unwrap().push((path.into(), reason.into()));
        }
        fn progress(&self, files: u64, _bytes: u64) {
            self.files.fetch_max(files, SeqCst);
        }
        fn cancelled(&self) -> bool {
            self.cancel_after.is_some_and(|n| self.files.load(SeqCst) >= n)
        }
    }

    fn bad_word() -> Rules {
        let source = "rule bad { strings: $a = \"badword\" condition: $a }";
        compile(&[RuleFile { namespace: "n".into(), path: "n.yar".into(), source: source.into() }]).unwrap()
    }

    fn options(paths: &[&Path], threads: usize) -> ScanOptions {
        let paths = paths.iter().map(|p| (*p).to_owned()).collect();
        ScanOptions { paths, excludes: vec!["*.skip".into()], max_file_bytes: DEFAULT_MAX_FILE_BYTES, threads }
    }

    #[test]
    fn every_file_has_one_end_and_each_is_counted_whatever_the_threads() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..200 {
            let content = if n % 20 == 0 { "a badword here" } else { "nothing" };
            fs::write(dir.path().join(format!("f{n}")), content).unwrap();
        }
        fs::write(dir.path().join("x.skip"), "badword").unwrap();
        fs::write(dir.path().join("empty"), "").unwrap();
        let missing = dir.path().join("missing");
        for threads in [0, 1, 4] {
            let heard = Heard::default();
            let summary = scan(&bad_word(), &options(&[dir.path(), &missing], threads), &heard).unwrap();
            assert_eq!((summary.files, summary.clean, summary.detected), (201, 191, 10));
            assert_eq!((summary.skipped, summary.failed, summary.cancelled), (0, 1, false));
            assert_eq!(summary.bytes, 190 * 7 + 10 * 14);
            assert!(summary.is_partial());
            assert_eq!(heard.failed.lock().unwrap()[0].0, missing);
            let detected = heard.detected.lock().unwrap();
            assert_eq!(detected.len(), 10);
            assert_eq!(detected[0].matches[0].rule, "bad");
            assert_eq!(detected[0].sha256, hex::encode(Sha256::digest(b"a badword here")));
        }
    }

    #[test]
    fn too_large_is_skipped_named_and_makes_it_partial() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("large"), "badword").unwrap();
        let heard = Heard::default();
        let limited = ScanOptions { max_file_bytes: 3, ..options(&[dir.path()], 1) };
        let summary = scan(&bad_word(), &limited, &heard).unwrap();
        assert_eq!((summary.files, summary.skipped, summary.unread), (0, 1, 1));
        assert!(summary.is_partial());
        assert_eq!(*heard.skipped.lock().unwrap(), [(dir.path().join("large"), Skip::TooLarge(3))]);
    }

    #[test]
    fn a_file_that_vanishes_after_the_walk_or_shrinks_while_it_is_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (gone, shrunk) = (dir.path().join("gone"), dir.path().join("shrunk"));
        fs::write(&gone, "badword").unwrap();
        fs::write(&shrunk, "badword").unwrap();
        let (heard, rules, budget) = (Heard::default(), bad_word(), Budget::new());
        let tally = Tally { summary: Mutex::default(), observer: &heard };

        let (send, receive) = sync_channel(2);
        assert!(walk(&gone, &Excludes::new(&[]).unwrap(), &mut |step| match step {
            Step::File(path) => send.send(path).is_ok(),
            _ => false,
        }));
        drop(send);
        fs::remove_file(&gone).unwrap();
        let reader = Reader { limit: DEFAULT_MAX_FILE_BYTES, budget: &budget, tally: &tally };
        reader.judge_all(&rules, &Mutex::new(receive));

        let opened = open(&shrunk, DEFAULT_MAX_FILE_BYTES).unwrap();
        fs::File::options().write(true).open(&shrunk).unwrap().set_len(3).unwrap();
        tally.unread(&shrunk, &opened.read_whole(&mut Vec::new()).unwrap_err());

        let failed = heard.failed.lock().unwrap();
        let named: Vec<_> = failed.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(named, [gone, shrunk]);
        assert!(failed[0].1.starts_with("cannot be read: "), "{failed:?}");
        assert_eq!(failed[1].1, "it changed while it was read");
        let summary = tally.summary.lock().unwrap();
        assert_eq!((summary.failed, summary.files), (2, 0));
        assert!(summary.is_partial());
    }

    #[test]
    fn a_cancelled_scan_stops_and_says_so() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..500 {
            fs::write(dir.path().join(format!("f{n}")), "x").unwrap();
        }
        let heard = Heard { cancel_after: Some(3), ..Heard::default() };
        let summary = scan(&bad_word(), &options(&[dir.path()], 2), &heard).unwrap();
        assert!(summary.cancelled && summary.is_partial());
        assert!(summary.files < 10, "{summary:?}");
    }

    #[test]
    fn a_bad_exclude_is_refused_before_anything_is_read() {
        let bad = ScanOptions { excludes: vec!["[".into()], ..options(&[], 1) };
        assert!(scan(&bad_word(), &bad, &Heard::default()).is_err());
    }
}
