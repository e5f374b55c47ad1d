#![allow(clippy::unwrap_used)]
//! Whole scans, as the parent hears them.

use super::*;
use crate::worker::Said;
use keepwatch_proto::bundle::{Bundle, RuleFile};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Failure, JobState, Tally};
use keepwatch_scan::{Allowed, Tuning};
use sha2::Digest;
use tempfile::TempDir;

/// A bundle, and files to scan with it.
struct Scene {
    folder: TempDir,
    job: JobId,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = "rule bad { strings: $a = \"badword\" condition: $a }".to_owned();
        let content = BundleContent { version: 7, rules: 1, files: vec![RuleFile { path: "a.yar".into(), source }] };
        std::fs::write(folder.path().join("bundle"), content.pack().unwrap()).unwrap();
        ["files", "scans"].iter().for_each(|name| std::fs::create_dir(folder.path().join(name)).unwrap());
        Self { folder, job: JobId::new(&Clock::system()) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join("files").join(name)
    }

    fn write(&self, name: &str, content: &str) {
        std::fs::write(self.file(name), content).unwrap();
    }

    fn order(&self) -> ScanOrder {
        ScanOrder {
            job: self.job,
            paths: vec![paths::of_path(&self.folder.path().join("files"))],
            excludes: vec![],
            max_file_bytes: 0,
            bundle: Bundle { version: 7, sha256: "5e".into(), size: 1, rules: 1 },
            bundle_file: self.folder.path().join("bundle"),
            folder: self.folder.path().join("scans"),
            threads: 1,
            cpu_percent: 100,
            unpack: true,
            courtesy: Default::default(),
            tuning: Tuning::default(),
            suspects: vec![],
            condemned: vec![],
            put_away_from: Some(Severity::High),
        }
    }
}

/// How a scan ended, and all that was said.
fn scanned(order: ScanOrder) -> (Ended, Vec<Detection>, Vec<Failure>) {
    let speaker = Speaker::new(Vec::new());
    let (tell, heard) = std::sync::mpsc::channel();
    let ended = run(order, &speaker, tell, heard);
    let stdout = String::from_utf8(speaker.out.into_inner().unwrap()).unwrap();
    let (mut detections, mut failures) = (Vec::new(), Vec::new());
    for line in stdout.lines() {
        match serde_json::from_str(line).unwrap() {
            Said::Detection(detection) => detections.push(detection),
            Said::Failure(failure) => failures.push(failure),
            _ => {}
        }
    }
    (ended, detections, failures)
}

#[test]
fn a_file_over_the_limit_is_judged_in_windows_and_what_is_missing_is_named() {
    let scene = Scene::new();
    scene.write("small", "badword");
    scene.write("large", "a badword and more");
    let missing = paths::of_path(&scene.file("missing"));
    let order = scene.order();
    let paths = [order.paths.clone(), vec![missing.clone()]].concat();
    let (ended, detections, failures) = scanned(ScanOrder { paths, max_file_bytes: 10, ..order });

    assert_eq!(ended.outcome, JobState::Partial);
    let Tally { files, detected, skipped, failed, .. } = ended.tally;
    assert_eq!((files, detected, skipped, failed, detections.len()), (2, 2, 0, 1, 2));
    assert!(ended.message.starts_with("1 file,"), "{}", ended.message);
    assert!(ended.message.contains("1 file is too large"), "{}", ended.message);
    assert_eq!(failures.len(), 1);
    assert_eq!(failures[0].path, missing);
    assert!(failures[0].reason.starts_with("cannot be read"), "{}", failures[0].reason);
}

#[test]
fn a_scan_leaves_what_the_next_one_needs_not_do() {
    let scene = Scene::new();
    scene.write("clean", "nothing");
    scene.write("found", "badword");
    let tally = scanned(scene.order()).0.tally;
    assert_eq!((tally.files, tally.unchanged, tally.detected), (2, 0, 1));
    let left: Vec<_> = std::fs::read_dir(scene.folder.path().join("scans")).unwrap().flatten().collect();
    let named = |part: &str| left.iter().any(|e| e.file_name().to_string_lossy().starts_with(part));
    assert!(named("verdicts") && named("rules-") && named("at-work"), "{left:?}");
}

#[test]
fn what_people_decided_takes_effect() {
    let scene = Scene::new();
    scene.write("found", "badword");
    let with = |tuning: Tuning| scanned(ScanOrder { tuning, ..scene.order() });
    let (_, found, _) =
        with(Tuning { severities: [("bad".into(), keepwatch_scan::Severity::Critical)].into(), ..Tuning::default() });
    assert_eq!(found[0].severity, Severity::Critical);
    let (ended, found, _) = with(Tuning { disabled: ["bad".to_owned()].into(), ..Tuning::default() });
    assert_eq!((found.len(), ended.outcome), (0, JobState::Succeeded));
    let path = Some(paths::of_path(&scene.file("found")));
    let (ended, found, _) = with(Tuning { allowed: vec![Allowed { path, ..Allowed::default() }], ..Tuning::default() });
    assert_eq!((found.len(), ended.tally.detected), (0, 0));
    assert!(ended.message.contains("1 file matches rules, and the policy allows it"), "{}", ended.message);
}

#[test]
fn a_suspect_is_judged_and_a_condemned_one_is_said_and_stays_aside() {
    let scene = Scene::new();
    scene.write("suspect", "badword");
    scene.write("condemned", "badword");
    scene.write("other", "badword");
    let condemned = paths::of_path(&scene.file("condemned"));
    let why = "the scanner died on it (killed by SIGKILL)".to_owned();
    let (ended, found, failures) = scanned(ScanOrder {
        suspects: vec![paths::of_path(&scene.file("suspect"))],
        condemned: vec![(condemned.clone(), why.clone())],
        ..scene.order()
    });
    assert_eq!((ended.outcome, ended.tally.detected, found.len()), (JobState::Partial, 2, 2));
    assert_eq!(failures, [Failure { path: condemned.clone(), reason: why.clone() }]);
    assert!(ended.message.contains("1 of them is set aside"), "{}", ended.message);
    assert_eq!(at_work::left(&at_work::file(&scene.folder.path().join("scans")), scene.job).files, 2);

    // Also by the next one, until it changes.
    let (_, _, failures) = scanned(scene.order());
    assert_eq!(failures, [Failure { path: condemned, reason: why }]);
    scene.write("condemned", "another badword");
    let (ended, found, _) = scanned(scene.order());
    assert_eq!((ended.outcome, found.len()), (JobState::Succeeded, 3));
}

#[test]
fn what_is_bad_enough_to_be_put_away_is_named_with_the_content_of_its_file() {
    let scene = Scene::new();
    scene.write("found", "badword");
    let suspects = |put_away_from| {
        let speaker = Speaker::new(Vec::new());
        let (tell, heard) = std::sync::mpsc::channel();
        let severities = [("bad".into(), keepwatch_scan::Severity::High)].into();
        let tuning = Tuning { severities, ..Tuning::default() };
        run(ScanOrder { put_away_from, tuning, ..scene.order() }, &speaker, tell, heard);
        let said = String::from_utf8(speaker.out.into_inner().unwrap()).unwrap();
        let suspect = |line: &str| match serde_json::from_str(line).unwrap() {
            Said::Suspect(suspect) => Some(suspect),
            _ => None,
        };
        said.lines().filter_map(suspect).collect::<Vec<_>>()
    };
    let named = suspects(Some(Severity::High));
    assert_eq!((named.len(), named[0].inside, named[0].rules.join("")), (1, false, "bad".to_owned()));
    assert_eq!(named[0].sha256, hex::encode(sha2::Sha256::digest("badword")));
    assert_eq!(suspects(Some(Severity::Critical)).len() + suspects(None).len(), 0);
}
