//! Whole scans over real folders.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::read::Skip;
use crate::severity::Severity;
use crate::sources::RuleFile;
use crate::tally::{Found, Progress};
use crate::tuning::Allowed;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

#[derive(Default)]
struct Heard<'p> {
    detected: Mutex<Vec<Found>>,
    skipped: Mutex<Vec<(PathBuf, Skip)>>,
    failed: Mutex<Vec<(PathBuf, String, String)>>,
    judged: Mutex<Vec<(PathBuf, bool)>>,
    windowed: Mutex<Vec<PathBuf>>,
    progress: Mutex<Progress>,
    files: AtomicU64,
    /// Called off by the observer once so many files are done with.
    cancel_after: Option<(u64, &'p Pace)>,
}

impl Observer for Heard<'_> {
    fn begins(&self, _thread: usize, path: &Path, alone: bool) {
        self.judged.lock().unwrap().push((path.into(), alone));
    }
    fn detected(&self, found: &Found) {
        self.detected.lock().unwrap().push(found.clone());
    }
    fn skipped(&self, path: &Path, reason: Skip) {
        self.skipped.lock().unwrap().push((path.into(), reason));
    }
    fn failed(&self, path: &Path, inside: &str, reason: &str) {
        self.failed.lock().unwrap().push((path.into(), inside.into(), reason.into()));
    }
    fn windowed(&self, path: &Path) {
        self.windowed.lock().unwrap().push(path.into());
    }
    fn progress(&self, progress: Progress) {
        *self.progress.lock().unwrap() = progress;
        let files = self.files.fetch_add(1, SeqCst) + 1;
        if let Some((_, pace)) = self.cancel_after.filter(|(most, _)| files >= *most) {
            pace.cancel();
        }
    }
}

fn rules_of(source: &str) -> RuleSet {
    let file = RuleFile { namespace: "n".into(), path: "n.yar".into(), source: source.into() };
    RuleSet::prepare(vec![file], None).unwrap()
}

fn bad_word() -> RuleSet {
    rules_of("rule bad { strings: $a = \"badword\" condition: $a }")
}

fn options(paths: &[&Path], threads: usize) -> ScanOptions {
    ScanOptions {
        paths: paths.iter().map(|p| (*p).to_owned()).collect(),
        excludes: vec!["*.skip".into()],
        whole_bytes: crate::DEFAULT_WHOLE_BYTES,
        threads,
        ..ScanOptions::default()
    }
}

fn run(rules: &RuleSet, options: &ScanOptions) -> (Summary, Heard<'static>) {
    let heard = Heard::default();
    let summary = scan(rules, options, &Pace::default(), &heard).unwrap();
    (summary, heard)
}

/// Until the coarse clock of the file system has moved on from what was done by now.
fn settle(folder: &Path) {
    let now = || fs::File::create(folder.join("now.skip")).unwrap().metadata().unwrap().modified().unwrap();
    let before = now();
    while now() <= before {
        std::thread::yield_now();
    }
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
        let (summary, heard) = run(&bad_word(), &options(&[dir.path(), &missing], threads));
        assert_eq!((summary.files, summary.clean, summary.detected), (201, 191, 10));
        assert_eq!((summary.skipped, summary.failed, summary.cancelled), (0, 1, false));
        assert_eq!(summary.bytes, 190 * 7 + 10 * 14);
        assert!(summary.is_partial());
        assert_eq!(summary.slowest.len(), 10);
        assert!(summary.slowest.is_sorted_by(|a, b| a.1 >= b.1));
        assert_eq!(heard.failed.lock().unwrap()[0].0, missing);
        let detected = heard.detected.lock().unwrap();
        assert_eq!(detected.len(), 10);
        assert_eq!((detected[0].matches[0].rule.as_str(), detected[0].inside.as_str()), ("bad", ""));
        assert_eq!(detected[0].sha256, hex::encode(Sha256::digest(b"a badword here")));
    }
}

#[test]
fn a_large_file_is_judged_in_windows_and_it_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let large = dir.path().join("large");
    let mut content = vec![b'.'; crate::read::WINDOW + 1000];
    let border = crate::read::WINDOW - 3;
    content[border..border + 7].copy_from_slice(b"badword");
    fs::write(&large, content).unwrap();
    let limited = ScanOptions { whole_bytes: 1000, ..options(&[dir.path()], 2) };
    let (summary, heard) = run(&bad_word(), &limited);
    assert_eq!((summary.files, summary.detected, summary.windowed), (1, 1, 1));
    assert!(!summary.is_partial());
    assert_eq!(*heard.windowed.lock().unwrap(), [large]);
    assert_eq!(heard.detected.lock().unwrap().len(), 1, "once, though two windows hold it");
}

#[test]
fn what_has_not_changed_is_not_read_again() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name);
    for (name, content) in [("clean", "nothing"), ("bad", "a badword"), ("changes", "nothing yet"), ("moves", "other")]
    {
        fs::write(at(name), content).unwrap();
    }
    settle(dir.path());
    let cached = ScanOptions { verdicts: Some(state.path().join("verdicts")), ..options(&[dir.path()], 2) };
    let (first, _) = run(&bad_word(), &cached);
    assert_eq!((first.files, first.unchanged, first.detected), (4, 0, 1));
    assert_eq!(first.cache_problem, None);

    let (second, heard) = run(&bad_word(), &cached);
    assert_eq!((second.files, second.unchanged, second.detected), (1, 3, 1), "what was found is found again");
    assert_eq!(*heard.judged.lock().unwrap(), [(at("bad"), false)]);
    let progress = *heard.progress.lock().unwrap();
    assert_eq!((progress.files, progress.total_files, progress.total_bytes), (4, 4, 9 + 7 + 11 + 5));

    // Of the same size, and with its old time put back: the time of its change tells.
    let old = fs::metadata(at("changes")).unwrap().modified().unwrap();
    fs::write(at("changes"), "the badword").unwrap();
    fs::File::options().write(true).open(at("changes")).unwrap().set_modified(old).unwrap();
    fs::rename(at("moves"), at("moved")).unwrap();
    let (third, heard) = run(&bad_word(), &cached);
    assert_eq!((third.unchanged, third.detected), (1, 2));
    assert!(heard.detected.lock().unwrap().iter().any(|found| found.file == at("changes")));

    let other = rules_of("rule other { strings: $a = \"nothing\" condition: $a }");
    assert_eq!(run(&other, &cached).0.unchanged, 0, "other rules");
    assert_eq!(run(&bad_word(), &cached).0.unchanged, 0, "and back again");
    let fresh = ScanOptions { fresh: true, ..cached };
    assert_eq!(run(&bad_word(), &fresh).0.unchanged, 0);
}

#[test]
fn a_rule_about_names_is_asked_again_when_the_name_changes() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(dir.path().join("a.txt"), "text").unwrap();
    settle(dir.path());
    let rules = rules_of("rule named { condition: filename == \"invoice.pdf.exe\" }");
    let cached = ScanOptions { verdicts: Some(state.path().join("verdicts")), ..options(&[dir.path()], 1) };
    assert_eq!(run(&rules, &cached).0.detected, 0);
    fs::hard_link(dir.path().join("a.txt"), dir.path().join("invoice.pdf.exe")).unwrap();
    assert_eq!(run(&rules, &cached).0.detected, 1, "the same file under another name");
}

#[test]
fn what_people_decided_counts() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("known.bin"), "badword").unwrap();
    fs::write(dir.path().join("other.bin"), "badword").unwrap();
    let tuning = Tuning {
        severities: [("bad".to_owned(), Severity::Critical)].into(),
        allowed: vec![Allowed { path: Some("known.bin".into()), ..Allowed::default() }],
        ..Tuning::default()
    };
    let (summary, heard) = run(&bad_word(), &ScanOptions { tuning, ..options(&[dir.path()], 1) });
    assert_eq!((summary.detected, summary.clean, summary.allowed), (1, 1, 1));
    assert_eq!(heard.detected.lock().unwrap()[0].matches[0].severity, Severity::Critical);
    let wrong = Tuning { allowed: vec![Allowed { path: Some("[".into()), ..Allowed::default() }], ..Tuning::default() };
    let options = ScanOptions { tuning: wrong, ..options(&[dir.path()], 1) };
    assert!(scan(&bad_word(), &options, &Pace::default(), &Heard::default()).is_err());
}

#[test]
fn suspects_are_judged_alone_and_the_condemned_are_set_aside() {
    let (dir, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let at = |name: &str| dir.path().join(name);
    for name in ["a", "suspect", "deadly", "z"] {
        fs::write(at(name), "badword").unwrap();
    }
    let told = ScanOptions {
        verdicts: Some(state.path().join("verdicts")),
        suspects: vec![at("suspect"), at("deadly"), at("gone")],
        condemned: vec![(at("deadly"), "the scanner died on it".into())],
        ..options(&[dir.path()], 2)
    };
    let (summary, heard) = run(&bad_word(), &told);
    assert_eq!((summary.detected, summary.failed, summary.set_aside), (3, 2, 1));
    let judged = heard.judged.lock().unwrap();
    assert_eq!(judged[..2], [(at("suspect"), true), (at("gone"), true)]);
    assert!(judged[2..].iter().all(|(path, alone)| !alone && *path != at("suspect") && *path != at("deadly")));

    let next = ScanOptions { suspects: vec![], condemned: vec![], ..told };
    let (summary, heard) = run(&bad_word(), &next);
    assert_eq!((summary.detected, summary.failed, summary.set_aside), (3, 1, 1));
    assert_eq!(heard.failed.lock().unwrap()[0], (at("deadly"), String::new(), "the scanner died on it".into()));
    fs::write(at("deadly"), "badword, changed").unwrap();
    assert_eq!(run(&bad_word(), &next).0.detected, 4, "it is tried again once it changes");
}

#[test]
fn a_file_that_vanishes_or_changes_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (gone, shrunk) = (dir.path().join("gone"), dir.path().join("shrunk"));
    fs::write(&shrunk, "badword").unwrap();
    let (heard, pace) = (Heard::default(), Pace::default());
    let (rules, tuning) = (bad_word(), Tuning::default());
    let shared = Shared {
        rules: &rules,
        names_in_use: rules.names_in_use(),
        tuned: tuning.ready().unwrap(),
        verdicts: None,
        fresh: false,
        unpack: None,
        whole_bytes: 1000,
        budget: Budget::new(),
        seen: Mutex::default(),
        searches: AtomicUsize::new(0),
        tally: Tally::new(&heard, &pace),
    };
    let mut judge = Judge::new(&shared, 0);
    judge.judge(Task::new(gone.clone(), open(&gone)), false);
    let opened = open(&shrunk);
    fs::File::options().write(true).open(&shrunk).unwrap().set_len(3).unwrap();
    judge.judge(Task::new(shrunk.clone(), opened), false);

    let failed = heard.failed.lock().unwrap();
    let named: Vec<_> = failed.iter().map(|(path, ..)| path.clone()).collect();
    assert_eq!(named, [gone, shrunk]);
    assert!(failed[0].2.starts_with("cannot be read: "), "{failed:?}");
    assert_eq!(failed[1].2, "it changed while it was read");
}

#[test]
fn a_cancelled_scan_stops_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    for n in 0..500 {
        fs::write(dir.path().join(format!("f{n}")), "x").unwrap();
    }
    let pace = Pace::default();
    let heard = Heard { cancel_after: Some((3, &pace)), ..Heard::default() };
    let summary = scan(&bad_word(), &options(&[dir.path()], 2), &pace, &heard).unwrap();
    assert!(summary.cancelled && summary.is_partial());
    assert!(summary.files < 10, "{summary:?}");
}

#[test]
fn a_bad_exclude_is_refused_before_anything_is_read() {
    let bad = ScanOptions { excludes: vec!["[".into()], ..options(&[], 1) };
    assert!(scan(&bad_word(), &bad, &Pace::default(), &Heard::default()).is_err());
}
