//! Scans of files that somebody else reads.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::compiled::RuleSet;
use crate::pace::Pace;
use crate::read::Skip;
use crate::scan::{Desk, ScanOptions, scan_handed};
use crate::sources::RuleFile;
use crate::tally::{Found, Observer, Progress, Summary};
use std::fs;

#[derive(Default)]
struct Heard {
    detected: Mutex<Vec<PathBuf>>,
    failed: Mutex<Vec<(PathBuf, String)>>,
}

impl Observer for Heard {
    fn detected(&self, found: &Found) {
        self.detected.lock().unwrap().push(found.file.clone());
    }
    fn skipped(&self, _: &Path, _: Skip) {}
    fn failed(&self, path: &Path, _: &str, reason: &str) {
        self.failed.lock().unwrap().push((path.into(), reason.into()));
    }
    fn progress(&self, _: Progress) {}
}

fn scanned<R>(options: ScanOptions, work: impl FnOnce(&Desk<'_>) -> R) -> (R, Summary, Heard) {
    let source = "rule bad { strings: $a = \"badword\" condition: $a }
                  rule dull { meta: severity = \"info\" strings: $a = \"dull\" condition: $a }";
    let file = RuleFile { namespace: "n".into(), path: "n.yar".into(), source: source.into() };
    let rules = RuleSet::prepare(vec![file], None).unwrap();
    let heard = Heard::default();
    let options = ScanOptions { threads: 2, whole_bytes: options.whole_bytes.max(1000), ..options };
    let (done, summary) = scan_handed(&rules, &options, &Pace::default(), &heard, work).unwrap();
    (done, summary, heard)
}

/// Files by name and content, and a path of one.
fn folder(files: &[(&'static str, &[u8])]) -> (tempfile::TempDir, impl Fn(&str) -> PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, content)| fs::write(folder.path().join(name), content).unwrap());
    let at = folder.path().to_owned();
    (folder, move |name| at.join(name))
}

fn content(hand: &Hand, path: &Path) -> Option<Vec<u8>> {
    let mut handed = hand.read(path, path, File::open(path).unwrap()).unwrap()?;
    let mut content = Vec::new();
    handed.read_to_end(&mut content).unwrap();
    Some(content)
}

#[test]
fn what_is_handed_over_comes_back_whole_and_is_judged() {
    let large = [vec![b'x'; 5000], b"badword".to_vec()].concat();
    let files: [(&str, &[u8]); 4] = [("good", b"text"), ("bad", b"a badword"), ("empty", b""), ("large", &large)];
    let (_folder, at) = folder(&files);
    let (back, summary, heard) = scanned(ScanOptions::default(), |desk| {
        let hand = desk.hand(None);
        files.map(|(name, _)| content(&hand, &at(name)).unwrap())
    });
    assert_eq!(back.each_ref().map(Vec::as_slice), files.map(|(_, content)| content));
    let mut detected = heard.detected.into_inner().unwrap();
    detected.sort();
    assert_eq!(detected, [at("bad"), at("large")]);
    assert_eq!((summary.files, summary.detected, summary.windowed, summary.failed), (4, 2, 1, 0));
}

#[test]
fn what_matches_is_refused_where_that_is_wanted_and_not_for_trifles() {
    let large = [vec![b'x'; 5000], b"badword".to_vec()].concat();
    let files: [(&str, &[u8]); 4] = [("good", b"text"), ("bad", b"a badword"), ("dull", b"dull"), ("large", &large)];
    let (_folder, at) = folder(&files);
    let (back, summary, _) = scanned(ScanOptions::default(), |desk| {
        let hand = desk.hand(Some(Severity::Medium));
        files.map(|(name, _)| (content(&hand, &at(name)).is_some(), hand.admits(&at(name))))
    });
    assert_eq!(back, [(true, true), (false, false), (true, true), (false, false)]);
    assert_eq!(summary.detected, 6);
    // Once admitted, a file that stays as it is need not be judged to be read.
    let (_, summary, _) = scanned(ScanOptions::default(), |desk| {
        let hand = desk.hand(Some(Severity::Medium));
        assert!(hand.admits(&at("good")) && content(&hand, &at("good")).is_some());
        fs::write(at("good"), "now a badword").unwrap();
        assert!(content(&hand, &at("good")).is_none());
    });
    assert_eq!((summary.files, summary.detected), (2, 1));
}

#[test]
fn suspects_keep_the_verdict_that_they_got_alone_and_the_condemned_are_not_judged() {
    let (_folder, at) = folder(&[("suspect", b"badword"), ("deadly", b"badword")]);
    let options = ScanOptions {
        suspects: vec![at("suspect")],
        condemned: vec![(at("deadly"), "the scanner died on it".into())],
        ..ScanOptions::default()
    };
    let (back, summary, heard) = scanned(options, |desk| {
        let hand = desk.hand(Some(Severity::Medium));
        ["suspect", "deadly"].map(|name| (content(&hand, &at(name)).is_some(), hand.admits(&at(name))))
    });
    assert_eq!(back, [(false, false), (true, true)]);
    assert_eq!((summary.detected, summary.set_aside), (1, 1));
    assert_eq!(heard.failed.into_inner().unwrap(), [(at("deadly"), "the scanner died on it".to_owned())]);
}

#[test]
fn what_nobody_has_handed_over_is_judged_at_the_desk_unless_it_is_known() {
    let (folder, at) = folder(&[("good", b"text"), ("bad", b"badword")]);
    let options = || ScanOptions { verdicts: Some(folder.path().join("verdicts")), ..ScanOptions::default() };
    let judged = |_| scanned(options(), |desk| assert!(desk.judge([at("good"), at("bad")].into_iter()))).1;
    let [first, second] = [1, 2].map(judged);
    assert_eq!((first.files, first.unchanged, first.detected), (2, 0, 1));
    // What was found is found again.
    assert_eq!((second.files, second.unchanged, second.detected), (1, 1, 1));
}

#[test]
fn after_the_scan_all_comes_back_unjudged() {
    let (_folder, at) = folder(&[("bad", b"badword")]);
    let (hand, _, _) = scanned(ScanOptions::default(), |desk| desk.hand(Some(Severity::Info)));
    assert_eq!(content(&hand, &at("bad")).unwrap(), b"badword");
}

#[test]
fn many_threads_hand_over_more_than_fits_and_none_waits_for_ever() {
    let half = vec![b'x'; (IN_MEMORY / 2 + 1) as usize];
    let files = ["a", "b", "c"].map(|name| (name, &half[..]));
    let (_folder, at) = folder(&files);
    let options = ScanOptions { whole_bytes: IN_MEMORY, ..ScanOptions::default() };
    let (_, summary, _) = scanned(options, |desk| {
        let hand = &desk.hand(Some(Severity::Medium));
        std::thread::scope(|scope| {
            for name in ["a", "b", "c"] {
                let path = at(name);
                scope.spawn(move || assert_eq!(content(hand, &path).unwrap().len(), (IN_MEMORY / 2 + 1) as usize));
            }
        });
    });
    assert_eq!(summary.files, 3);
}
