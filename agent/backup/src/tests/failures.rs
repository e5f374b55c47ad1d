//! What cannot be read is counted and named, and the rest is saved all the same.

use super::*;
use crate::error::Error;
use crate::reader::{Open, Shared};
use crate::source::Source;
use crate::{Content, Inspector};
use rustic_core::{ReadSource, ReadSourceOpen};
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::sync::{Arc, mpsc};

/// Removes a folder once the first file of the source is read: listed by then, not yet walked.
struct Remover(PathBuf);

impl Inspector for Remover {
    fn read(&self, path: &Path, _: &Path, file: File) -> std::io::Result<Option<Content>> {
        if path.ends_with("file 000") {
            fs::remove_dir_all(&self.0).unwrap();
        }
        Ok(Some(Box::new(file)))
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
    options.inspector = Some(Arc::new(Remover(stage.source().join("zz last"))));
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

/// The source's files as the walk found them, and the failures told from then on.
fn walked(stage: &Stage) -> (Vec<Open>, mpsc::Receiver<Failure>) {
    let (sender, failures) = mpsc::channel();
    let shared = Shared {
        meter: Arc::default(),
        stop: Arc::default(),
        failures: sender,
        counts: Arc::default(),
        all_is_read: false,
        share: crate::share::Share::default(),
        inspector: None,
    };
    let (roots, excludes) = (vec![stage.source()], globset::GlobSet::empty());
    let (own, frozen, shared) = (None, Arc::default(), Arc::new(shared));
    let source = Source { roots, excludes, max_file_bytes: 0, one_file_system: false, own, frozen, shared };
    (source.entries().filter_map(|entry| entry.unwrap().open).collect(), failures)
}

/// What is read of a file, and what is told of it.
fn read(file: Open, failures: &mpsc::Receiver<Failure>) -> (Vec<u8>, Option<String>) {
    let mut content = Vec::new();
    file.open().unwrap().read_to_end(&mut content).unwrap();
    (content, failures.try_recv().ok().map(|failure| failure.reason))
}

#[test]
fn a_folder_that_is_swapped_leads_to_nobody_elses_file() {
    let stage = Stage::new();
    for folder in ["source/mine", "theirs"] {
        fs::create_dir(stage.path(folder)).unwrap();
        fs::write(stage.path(folder).join("file"), folder).unwrap();
    }
    let (mut files, failures) = walked(&stage);
    fs::remove_dir_all(stage.source().join("mine")).unwrap();
    fs::rename(stage.path("theirs"), stage.source().join("mine")).unwrap();
    assert!(files.remove(0).open().is_err());
    assert!(failures.try_recv().unwrap().reason.contains("replaced by another file"));
}

#[test]
fn a_file_that_grows_is_saved_as_it_was_and_one_that_shrinks_is_named() {
    let stage = Stage::new();
    for name in ["grows", "shrinks", "stays"] {
        fs::write(stage.source().join(name), "0123456789").unwrap();
    }
    let (files, failures) = walked(&stage);
    fs::OpenOptions::new().append(true).open(stage.source().join("grows")).unwrap().write_all(b"more").unwrap();
    fs::OpenOptions::new().write(true).open(stage.source().join("shrinks")).unwrap().set_len(4).unwrap();
    let said: Vec<_> = files.into_iter().map(|file| read(file, &failures)).collect();
    assert_eq!(said[0], (b"0123456789".to_vec(), None));
    assert_eq!(said[1].0, b"0123");
    assert!(said[1].1.as_ref().unwrap().contains("4 of its 10 bytes are saved"), "{said:?}");
    assert_eq!(said[2], (b"0123456789".to_vec(), None));
}

#[test]
fn a_file_that_the_engine_gives_up_is_named() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), "0123456789").unwrap();
    let (mut files, failures) = walked(&stage);
    let mut reader = files.remove(0).open().unwrap();
    reader.read_exact(&mut [0; 4]).unwrap();
    drop(reader);
    assert!(failures.try_recv().unwrap().reason.contains("gave it up"));
}

#[test]
fn a_first_run_that_was_cut_off_leaves_no_key_that_opens_nothing() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), "x").unwrap();
    stage.backup();
    let (whole, cut) = (stage.path("repository"), stage.path("cut"));
    let key = fs::read_dir(whole.join("keys")).unwrap().next().unwrap().unwrap();
    fs::create_dir_all(cut.join("keys")).unwrap();
    fs::copy(key.path(), cut.join("keys").join(key.file_name())).unwrap();
    let storage = Storage::Folder(cut.clone());
    Repository::init(&storage, PASSWORD).unwrap();
    assert_eq!(fs::read_dir(cut.join("keys")).unwrap().count(), 1);
    Repository::open(&storage, PASSWORD).unwrap().snapshots().unwrap();
    // One that has lost its config is not taken for one that never had data.
    fs::remove_file(whole.join("config")).unwrap();
    let refused = Repository::init(&Storage::Folder(whole.clone()), PASSWORD).err().unwrap().to_string();
    assert!(refused.contains("'config' is gone"), "{refused}");
    assert_eq!(fs::read_dir(whole.join("keys")).unwrap().count(), 1);
}

#[test]
fn a_file_that_became_something_else_is_not_followed() {
    let stage = Stage::new();
    for name in ["gone", "link", "fifo"] {
        fs::write(stage.source().join(name), name).unwrap();
    }
    let (files, failures) = walked(&stage);
    for name in ["gone", "link", "fifo"] {
        fs::remove_file(stage.source().join(name)).unwrap();
    }
    symlink("/etc/passwd", stage.source().join("link")).unwrap();
    nix::unistd::mkfifo(&stage.source().join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    for file in files {
        assert!(file.open().is_err());
    }
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
    assert!(crate::platform::is_foreign(Path::new("/proc")));
    assert!(!crate::platform::is_foreign(&std::env::temp_dir()));
}

#[test]
fn a_cache_is_saved_empty_unless_it_is_named_itself() {
    let stage = Stage::new();
    for (folder, tag) in [
        ("cache", "Signature: 8a477f597d28d172789f06886806bc55\n# made by a test"),
        ("no cache", "Signature: something else, and longer than the right one is"),
    ] {
        fs::create_dir(stage.source().join(folder)).unwrap();
        fs::write(stage.source().join(folder).join("CACHEDIR.TAG"), tag).unwrap();
        fs::write(stage.source().join(folder).join("file"), "x").unwrap();
    }
    let report = stage.backup();
    assert_eq!((report.failed, report.left_out.cache, report.snapshot.files), (0, 1, 2), "{report:?}");
    assert_eq!(stage.restore("latest", "out").failures, []);
    assert!(stage.restored("out").join("no cache/file").exists());
    assert_eq!(fs::read_dir(stage.restored("out").join("cache")).unwrap().count(), 0);
    let named = BackupOptions { paths: vec![stage.source().join("cache")], ..stage.options() };
    assert_eq!(stage.repository.backup(&named, &Silent).unwrap().snapshot.files, 2);
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

impl Inspector for Patient {
    fn read(&self, _: &Path, _: &Path, file: File) -> std::io::Result<Option<Content>> {
        self.0.wait(std::time::Duration::from_secs(60));
        Ok(Some(Box::new(file)))
    }
}

#[test]
fn a_cancelled_backup_makes_no_snapshot_and_the_next_one_works() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), vec![1; 1_000_000]).unwrap();
    let patient = Patient(Arc::clone(&stage.repository.stop));
    let options = BackupOptions { inspector: Some(Arc::new(patient)), ..stage.options() };
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

/// A folder on the way that is swapped for a link, once its files are listed.
#[test]
fn what_lies_behind_a_link_put_in_the_way_is_not_read() {
    let stage = Stage::new();
    let (folder, secret) = (stage.source().join("folder"), stage.path("secret"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("file"), "mine").unwrap();
    fs::create_dir(&secret).unwrap();
    let (mut opens, failures) = walked(&stage);
    // The same file, by another name: its number does not tell.
    fs::hard_link(folder.join("file"), secret.join("file")).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    std::os::unix::fs::symlink(&secret, &folder).unwrap();
    assert!(opens.remove(0).open().is_err());
    let reason = failures.try_recv().unwrap().reason;
    assert!(reason.contains("a link was put in its way"), "{reason}");
}
