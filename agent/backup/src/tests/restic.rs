//! Your data outlives us: stock restic reads what we write, and we read what it writes.
//! Skipped where restic is not installed.

use super::*;
use std::process::Command;

fn restic(repository: &Path, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("restic");
    command.args(["--no-cache", "--repo"]).arg(repository).args(arguments).env("RESTIC_PASSWORD", PASSWORD);
    let output = match command.output() {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return None,
        output => output.unwrap(),
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "restic {arguments:?}: {text}");
    Some(text)
}

/// Has restic read all of it, where it is installed.
pub(super) fn check(repository: &Path) {
    let checked = restic(repository, &["check", "--read-data"]);
    assert!(checked.as_ref().is_none_or(|said| said.contains("no errors were found")), "{checked:?}");
}

#[test]
fn restic_checks_and_restores_what_we_wrote() {
    let stage = Stage::new();
    super::round::fill(&stage.source());
    stage.backup();
    fs::write(stage.source().join("plain"), "changed").unwrap();
    stage.backup();
    let repository = stage.path("repository");
    let Some(checked) = restic(&repository, &["check", "--read-data"]) else { return };
    assert!(checked.contains("no errors were found"), "{checked}");
    let target = stage.path("by restic");
    restic(&repository, &["restore", "latest", "--target", target.to_str().unwrap()]);
    let mut expected = facts(&stage.source());
    let mut restored = facts(&stage.restored("by restic"));
    // restic 0.14 knows no link target but text.
    for facts in [&mut expected, &mut restored] {
        facts.retain(|path, _| path != Path::new("link to 3"));
    }
    assert_eq!(restored, expected);
    assert!(restic(&repository, &["snapshots"]).unwrap().contains("pc-1"));
}

#[test]
fn we_restore_what_restic_wrote() {
    for (version, compression) in [("1", "auto"), ("2", "off"), ("2", "max")] {
        let root = tempfile::tempdir().unwrap();
        let (source, repository, target) = (root.path().join("source"), root.path().join("r"), root.path().join("out"));
        fs::create_dir(&source).unwrap();
        super::round::fill(&source);
        if restic(&repository, &["init", "--repository-version", version]).is_none() {
            return;
        }
        restic(&repository, &["backup", "--compression", compression, source.to_str().unwrap()]);
        let ours = Repository::open(&Storage::Folder(repository), PASSWORD).unwrap();
        let options =
            RestoreOptions { snapshot: "latest".to_owned(), target: Some(target.clone()), ..RestoreOptions::default() };
        let report = ours.restore(&options, &Silent).unwrap();
        assert_eq!(report.failures, []);
        let (mut expected, mut restored) = (facts(&source), facts(&below(&target, &source)));
        // What restic 0.14 did not keep, nobody restores.
        for facts in [&mut expected, &mut restored] {
            facts.retain(|path, _| path != Path::new("link to 3"));
        }
        assert_eq!(restored, expected);
        // And goes on in the same repository.
        let time = DateTime::from_timestamp(1_900_000_000, 0).unwrap();
        let host = "pc-2".to_owned();
        let more = BackupOptions { paths: vec![source], host, time, ..BackupOptions::default() };
        assert_eq!(ours.backup(&more, &Silent).unwrap().failures, []);
        let checked = restic(&root.path().join("r"), &["check", "--read-data"]).unwrap();
        assert!(checked.contains("no errors were found"), "{checked}");
    }
}
