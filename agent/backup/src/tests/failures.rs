//! What cannot be read is counted and named, and the rest is saved all the same.

use super::*;
use crate::error::Error;
use crate::source::{Shared, Source};
use crate::{Tap, TapFactory};
use rustic_core::{ReadSource, ReadSourceOpen};
use std::os::unix::fs::symlink;
use std::sync::{Arc, mpsc};

/// Removes a folder once the first file of the source is read: listed by then, not yet walked.
struct Remover(PathBuf);

impl TapFactory for Remover {
    fn tap(&self, path: &Path, _: u64) -> Option<Box<dyn Tap>> {
        if path.ends_with("file 000") {
            fs::remove_dir_all(&self.0).unwrap();
        }
        None
    }
}

#[test]
fn what_vanishes_or_cannot_be_read_is_named_and_the_rest_saved() {
    let stage = Stage::new();
    for n in 0..500 {
        fs::write(stage.source().join(format!("file {n:03}")), n.to_string()).unwrap();
    }
    fs::create_dir(stage.source().join("zz last")).unwrap();
    fs::write(stage.source().join("zz last/inside"), "x").unwrap();
    let mut options = stage.options();
    // Reading this one's start fails with an I/O error, on any Linux, for root too.
    options.paths.extend([PathBuf::from("/proc/self/mem"), stage.path("missing")]);
    options.tap = Some(Arc::new(Remover(stage.source().join("zz last"))));
    let ear = Ear::default();
    let report = stage.repository.backup(&options, &ear).unwrap();
    let mut named: Vec<_> = report.failures.iter().map(|failure| failure.path.clone()).collect();
    named.sort();
    // Gone before the walk came to it: the folder, or only its content.
    let gone = named.iter().filter(|path| path.starts_with(stage.source().join("zz last"))).count();
    named.retain(|path| !path.starts_with(stage.source()));
    assert_eq!((gone, &named[..]), (1, &[PathBuf::from("/proc/self/mem"), stage.path("missing")][..]), "{report:?}");
    assert_eq!((report.failed, report.failures.len()), (3, 3));
    assert_eq!(*ear.failures.lock().unwrap(), report.failures);
    assert_eq!(stage.restore("latest", "out").failures, []);
    assert_eq!(
        fs::read_dir(stage.restored("out"))
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_type().unwrap().is_file())
            .count(),
        500
    );
}

#[test]
fn a_file_that_became_something_else_is_not_followed() {
    let stage = Stage::new();
    for name in ["gone", "link", "fifo"] {
        fs::write(stage.source().join(name), name).unwrap();
    }
    let (sender, failures) = mpsc::channel();
    let shared = Shared { meter: Arc::default(), stop: Arc::default(), failures: sender, tap: None };
    let source = Source {
        roots: vec![stage.source()],
        excludes: globset::GlobSet::empty(),
        own: None,
        shared: Arc::new(shared),
    };
    let entries: Vec<_> = source.entries().map(Result::unwrap).filter(|entry| entry.open.is_some()).collect();
    for name in ["gone", "link", "fifo"] {
        fs::remove_file(stage.source().join(name)).unwrap();
    }
    symlink("/etc/passwd", stage.source().join("link")).unwrap();
    nix::unistd::mkfifo(&stage.source().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for entry in entries {
        assert!(entry.open.unwrap().open().is_err());
    }
    drop(source);
    let named: Vec<_> =
        failures.iter().map(|failure| failure.path.strip_prefix(stage.source()).unwrap().to_owned()).collect();
    assert_eq!(named, [Path::new("fifo"), Path::new("gone"), Path::new("link")]);
}

#[test]
fn with_nothing_there_is_no_snapshot() {
    let stage = Stage::new();
    let options = BackupOptions { paths: vec![stage.path("a"), stage.path("b")], ..stage.options() };
    assert!(matches!(stage.repository.backup(&options, &Silent), Err(Error::NothingToBackUp(_))));
    assert!(matches!(
        stage.repository.backup(&BackupOptions { excludes: vec!["[".to_owned()], ..stage.options() }, &Silent),
        Err(Error::BadGlob { .. })
    ));
    assert!(stage.repository.snapshots().unwrap().is_empty());
}

#[test]
fn the_kernels_file_systems_are_not_entered() {
    assert!(crate::platform::is_pseudo(Path::new("/proc")));
    assert!(!crate::platform::is_pseudo(&std::env::temp_dir()));
}

/// Cancels at once.
struct Impatient;

impl Observer for Impatient {
    fn progress(&self, _: Progress) {}
    fn failed(&self, _: &Path, _: &str) {}
    fn cancelled(&self) -> bool {
        true
    }
}

/// Holds every reader until the run has been told to stop.
struct Patient(Arc<crate::stop::Stop>);

impl TapFactory for Patient {
    fn tap(&self, _: &Path, _: u64) -> Option<Box<dyn Tap>> {
        self.0.wait(std::time::Duration::from_secs(60));
        None
    }
}

#[test]
fn a_cancelled_backup_makes_no_snapshot_and_the_next_one_works() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), vec![1; 1_000_000]).unwrap();
    let tap = Patient(Arc::clone(&stage.repository.stop));
    let options = BackupOptions { tap: Some(Arc::new(tap)), ..stage.options() };
    assert!(matches!(stage.repository.backup(&options, &Impatient), Err(Error::Cancelled)));
    assert!(stage.repository.snapshots().unwrap().is_empty());
    let report = stage.backup();
    assert_eq!((report.failed, report.files_new), (0, 1));
}

#[test]
fn a_full_or_broken_storage_ends_the_run_without_a_snapshot() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), vec![1; 100_000]).unwrap();
    // Packs cannot be stored below a file.
    fs::remove_dir_all(stage.path("repository/data")).unwrap();
    fs::write(stage.path("repository/data"), "in the way").unwrap();
    let outcome = stage.repository.backup(&stage.options(), &Silent);
    assert!(matches!(outcome, Err(Error::Storage(crate::StorageError::Disk { .. }))), "{outcome:?}");
    assert!(stage.repository.snapshots().unwrap().is_empty());
}

#[test]
fn a_snapshot_that_cannot_be_read_does_not_hide_the_others() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), "x").unwrap();
    let good = stage.backup().snapshot;
    fs::write(stage.path("repository/snapshots").join("ab".repeat(32)), "garbage").unwrap();
    assert_eq!(stage.repository.snapshots().unwrap(), [good]);
    assert_eq!(stage.restore("latest", "out").failed, 0);
}

#[test]
fn a_damaged_pack_fails_its_files_by_name() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), vec![3; 50_000]).unwrap();
    stage.backup();
    let node = crate::tree::find(
        &stage.repository.indexed().unwrap(),
        stage.repository.resolve("latest").unwrap().tree,
        &stage.source().join("file"),
    );
    let blob = node.unwrap().unwrap().content.unwrap()[0];
    let pack = stage.repository.indexed().unwrap().get_index_entry(&blob).unwrap().pack.to_hex().to_string();
    let path = stage.path("repository/data").join(&pack[..2]).join(&pack);
    let mut content = fs::read(&path).unwrap();
    content[20] ^= 1;
    fs::write(&path, content).unwrap();
    let report = stage.restore("latest", "out");
    assert_eq!((report.files, report.failed), (0, 1));
    assert_eq!(report.failures[0].path, stage.source().join("file"));
    assert!(!stage.restored("out").join("file").exists());
}
