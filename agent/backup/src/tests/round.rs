//! What goes in comes out, from the older snapshot as from the newer.

use super::*;
use crate::{Content, EntryKind, Error, Inspector, exists};
use nix::sys::stat::{Mode, UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

/// Everything about names, kinds, modes and times that a PC's folders come up with.
pub(super) fn fill(source: &Path) {
    let long = "长".repeat(85);
    assert_eq!(long.len(), 255);
    let names: [&[u8]; 8] = [
        b"plain",
        b"with space",
        "年度报告.docx".as_bytes(),
        b"caf\xe9",
        b"back\\slash \"q\"",
        b"tab\tline\nend",
        b"-rf",
        long.as_bytes(),
    ];
    for (n, name) in names.iter().enumerate() {
        let name = OsStr::from_bytes(name);
        fs::write(source.join(name), format!("content {n}")).unwrap();
        let folder = source.join(format!("in {n}")).join(name).join("empty");
        fs::create_dir_all(folder).unwrap();
        symlink(name, source.join(format!("link to {n}"))).unwrap();
    }
    symlink("/nowhere/at/all", source.join("dangling")).unwrap();
    symlink(".", source.join("round")).unwrap();
    let large: Vec<u8> = (0..3_000_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(source.join("large"), large).unwrap();
    fs::write(source.join("nothing"), "").unwrap();
    let mut sparse = fs::File::create(source.join("sparse")).unwrap();
    sparse.seek(SeekFrom::Start(40 << 20)).unwrap();
    sparse.write_all(b"end").unwrap();
    sparse.set_len(80 << 20).unwrap();
    for (name, mode) in [("private", 0o600), ("setuid", 0o4755), ("sealed", 0o000)] {
        fs::write(source.join(name), name).unwrap();
        fs::set_permissions(source.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    fs::hard_link(source.join("plain"), source.join("plain again")).unwrap();
    fs::hard_link(source.join("plain"), source.join("in 0/plain once more")).unwrap();
    nix::unistd::mkfifo(&source.join("fifo"), Mode::S_IRWXU).unwrap();
    xattr::set(source.join("plain"), "user.note", b"kept").unwrap();
    let closed = source.join("closed");
    fs::create_dir(&closed).unwrap();
    fs::write(closed.join("inside"), "x").unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o2550)).unwrap();
    for (name, seconds, nanos) in [
        ("plain", 1, 999_999_999),
        ("private", -86_400, 5),
        ("dangling", 1_000_000_000, 7),
        ("closed", 12, 34),
        (".", 99, 1),
    ] {
        let time = TimeSpec::new(seconds, nanos);
        let path = source.join(name);
        utimensat(nix::fcntl::AT_FDCWD, &path, &time, &time, UtimensatFlags::NoFollowSymlink).unwrap();
    }
}

#[test]
fn the_older_snapshot_comes_back_as_it_was() {
    let stage = Stage::new();
    fill(&stage.source());
    let (before, root_before) = (facts(&stage.source()), fs::metadata(stage.source()).unwrap());
    let first = stage.backup();
    assert_eq!((first.failed, first.files_unchanged), (0, 0));
    assert_eq!(first.snapshot.time.timestamp_subsec_millis(), 123);

    fs::write(stage.source().join("plain"), "changed").unwrap();
    fs::remove_dir_all(stage.source().join("closed")).unwrap();
    fs::write(stage.source().join("added"), "new").unwrap();
    let after = facts(&stage.source());
    let second = stage.backup();
    assert_eq!((second.failed, second.files_new), (0, 1));
    // The file's three names.
    assert_eq!(second.files_changed, 3);
    assert!(second.files_unchanged > 10 && second.bytes_added < first.bytes_added / 10, "{second:?}");

    let report = stage.restore(&first.snapshot.id[..12], "old");
    assert_eq!(report.failures, []);
    assert_eq!(facts(&stage.restored("old")), before);
    assert_eq!(fs::metadata(stage.restored("old")).unwrap().mtime_nsec(), root_before.mtime_nsec());
    let sparse = fs::metadata(stage.restored("old").join("sparse")).unwrap();
    assert!(sparse.blocks() * 512 < 1 << 20, "{} blocks", sparse.blocks());
    assert_eq!(stage.restore("latest", "new").failures, []);
    assert_eq!(facts(&stage.restored("new")), after);
    assert_eq!(stage.repository.snapshots().unwrap(), [first.snapshot, second.snapshot]);
}

#[test]
fn a_repository_is_opened_by_its_password_only() {
    let stage = Stage::new();
    let storage = Storage::Folder(stage.path("repository"));
    assert!(exists(&storage).unwrap());
    assert!(matches!(Repository::init(&storage, PASSWORD), Err(Error::AlreadyThere(_))));
    assert!(matches!(Repository::open(&storage, "wrong"), Err(Error::WrongPassword(_))));
    let nowhere = Storage::Folder(stage.path("nowhere"));
    assert!(!exists(&nowhere).unwrap());
    assert!(matches!(Repository::open(&nowhere, PASSWORD), Err(Error::NoRepository(_))));
    let again = Repository::open(&storage, PASSWORD).unwrap();
    assert!(again.snapshots().unwrap().is_empty());
    assert!(matches!(again.resolve("latest"), Err(Error::NoSuchSnapshot(_))));
    let config = again.inner.config();
    assert_eq!((config.version, config.datapack_size, config.datapack_growfactor), (2, Some(16 << 20), Some(0)));
}

#[test]
fn excludes_and_several_roots() {
    let stage = Stage::new();
    for file in ["a/keep.txt", "a/drop.tmp", "a/cache/x", "b/one", "c/two"] {
        let path = stage.source().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    symlink(stage.source().join("c"), stage.path("way to c")).unwrap();
    let mut options = stage.options();
    options.paths = vec![
        stage.path("way to c"),
        stage.source().join("b/one"),
        stage.source().join("a"),
        stage.source().join("a/cache"),
    ];
    options.excludes = vec!["*.tmp".to_owned(), "cache".to_owned()];
    let report = stage.repository.backup(&options, &Silent).unwrap();
    assert_eq!(report.failures, []);
    let mut files = Vec::new();
    let mut take = |entry: crate::Entry| {
        if entry.kind == EntryKind::File {
            files.push(entry.path);
        }
        ControlFlow::Continue(())
    };
    stage.repository.entries("latest", Path::new("/"), true, &mut take).unwrap();
    let expected = ["source/a/keep.txt", "source/b/one", "way to c/two"].map(|name| stage.path(name));
    assert_eq!(files, expected);
}

#[test]
fn looking_into_a_snapshot() {
    let stage = Stage::new();
    fill(&stage.source());
    stage.backup();
    let repository = &stage.repository;
    let mut found = Vec::new();
    let mut take = |entry: crate::Entry| {
        found.push(entry);
        ControlFlow::Continue(())
    };
    repository.entries("latest", Path::new("/"), true, &mut take).unwrap();
    let pattern = crate::Pattern::new("年度*").unwrap();
    let found = found.iter().filter(|entry| pattern.matches(&entry.path));
    assert_eq!(found.map(|e| e.kind).collect::<Vec<_>>(), [EntryKind::Folder, EntryKind::File]);
    let mut content = Vec::new();
    assert_eq!(repository.read_file("latest", &stage.source().join("large"), None, &mut content).unwrap(), 12_000_000);
    assert_eq!(content, fs::read(stage.source().join("large")).unwrap());
    let mut none = Vec::new();
    assert!(matches!(repository.read_file("latest", &stage.source(), None, &mut none), Err(Error::NotAFile(_))));
    assert!(matches!(repository.read_file("latest", Path::new("/no"), None, &mut none), Err(Error::NoSuchPath(_))));
    assert!(matches!(repository.read_file("0000", Path::new("/no"), None, &mut none), Err(Error::NoSuchSnapshot(_))));
    let mut first = None;
    repository
        .entries("latest", &stage.source(), false, &mut |entry| {
            first = Some(entry);
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(first.unwrap().path, stage.source().join("-rf"));
}

#[test]
fn a_restore_takes_what_was_chosen_and_overwrites_when_told() {
    let stage = Stage::new();
    fill(&stage.source());
    stage.backup();
    let mut options = RestoreOptions {
        snapshot: "latest".to_owned(),
        paths: vec![stage.source().join("in 2"), stage.source().join("missing")],
        globs: vec!["plain*".to_owned()],
        target: Some(stage.path("some")),
        ..RestoreOptions::default()
    };
    let dry = RestoreOptions { dry_run: true, ..options.clone() };
    let plan = stage.repository.restore(&dry, &Silent).unwrap();
    assert!(!stage.path("some").exists());
    let done = stage.repository.restore(&options, &Silent).unwrap();
    assert_eq!((plan.files, plan.bytes), (done.files, done.bytes));
    assert_eq!(done.files, 3);
    assert_eq!(done.failures.iter().map(|f| &f.path).collect::<Vec<_>>(), [&stage.source().join("missing")]);
    assert!(stage.restored("some").join("in 2/年度报告.docx/empty").is_dir());
    assert!(!stage.restored("some").join("large").exists());

    let plain = stage.restored("some").join("plain");
    fs::write(&plain, "mine").unwrap();
    options.paths.clear();
    let kept = stage.repository.restore(&options, &Silent).unwrap();
    // Three names of one file.
    assert_eq!((kept.files, kept.skipped, kept.failed), (0, 0, 3));
    assert_eq!(fs::read(&plain).unwrap(), b"mine");
    let plan = stage.repository.restore(&RestoreOptions { dry_run: true, ..options.clone() }, &Silent).unwrap();
    assert_eq!((plan.files, plan.skipped, plan.failed), (0, 0, 3));
    for (conflict, files, replaced, skipped) in [
        (Conflict::Skip, 0, 0, 3),
        // Changed since.
        (Conflict::OverwriteOlder, 0, 0, 3),
        (Conflict::KeepBoth, 3, 0, 0),
        (Conflict::KeepBoth, 0, 0, 3),
    ] {
        options.conflict = conflict;
        let plan = stage.repository.restore(&RestoreOptions { dry_run: true, ..options.clone() }, &Silent).unwrap();
        assert_eq!((plan.files, plan.replaced, plan.skipped), (files, replaced, skipped), "{conflict:?}");
        let done = stage.repository.restore(&options, &Silent).unwrap();
        assert_eq!((done.files, done.replaced, done.skipped), (files, replaced, skipped), "{conflict:?}");
        assert_eq!(fs::read(&plain).unwrap(), b"mine");
    }
    let beside = plain.with_file_name("plain (restored)");
    assert_eq!(fs::read(&beside).unwrap(), b"content 0");
    fs::File::options().write(true).open(&plain).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    options.conflict = Conflict::OverwriteOlder;
    assert_eq!(stage.repository.restore(&options, &Silent).unwrap().replaced, 3);
    assert_eq!(fs::read(&plain).unwrap(), b"content 0");
    fs::write(&plain, "mine").unwrap();
    options.conflict = Conflict::Overwrite;
    let done = stage.repository.restore(&options, &Silent).unwrap();
    assert_eq!((done.failures.as_slice(), done.replaced), (&[][..], 3));
    assert_eq!(fs::read(&plain).unwrap(), b"content 0");
    let left: Vec<_> = fs::read_dir(stage.restored("some")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.as_bytes().starts_with(b".keepwatch")), "{left:?}");
}

/// Counts files and bytes, refuses by name, and notes what has not changed.
#[derive(Default)]
struct Counter {
    read: Mutex<(u64, u32)>,
    unchanged: Mutex<Vec<PathBuf>>,
    refused: Mutex<Option<&'static str>>,
}

impl Counter {
    fn refuses(&self, path: &Path) -> bool {
        self.refused.lock().unwrap().is_some_and(|name| path.ends_with(name))
    }
}

impl Inspector for Counter {
    fn admits(&self, path: &Path) -> bool {
        !self.refuses(path)
    }
    fn read(&self, path: &Path, _: &Path, mut file: File) -> std::io::Result<Option<Content>> {
        if self.refuses(path) {
            return Ok(None);
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let mut read = self.read.lock().unwrap();
        *read = (read.0 + content.len() as u64, read.1 + 1);
        Ok(Some(Box::new(std::io::Cursor::new(content))))
    }
    fn unchanged(&self, path: &Path) {
        self.unchanged.lock().unwrap().push(path.into());
    }
}

#[test]
fn an_inspector_sees_each_file_once_and_what_it_gives_back_is_saved() {
    let stage = Stage::new();
    fs::write(stage.source().join("a"), vec![7; 2_000_000]).unwrap();
    fs::write(stage.source().join("b"), "").unwrap();
    let counter = Arc::new(Counter::default());
    let options = BackupOptions { inspector: Some(counter.clone()), ..stage.options() };
    let ear = Ear::default();
    stage.repository.backup(&options, &ear).unwrap();
    assert_eq!(*counter.read.lock().unwrap(), (2_000_000, 2));
    let last = *ear.progress.lock().unwrap().last().unwrap();
    assert_eq!(last, Progress { files: 2, bytes: 2_000_000, total_bytes: 2_000_000 });
    assert!(counter.unchanged.lock().unwrap().is_empty());
    stage.repository.backup(&options, &Silent).unwrap();
    assert_eq!(*counter.read.lock().unwrap(), (2_000_000, 2));
    assert_eq!(*counter.unchanged.lock().unwrap(), ["a", "b"].map(|name| stage.source().join(name)));
    assert_eq!(stage.restore("latest", "out").failures, []);
    assert_eq!(fs::read(stage.restored("out").join("a")).unwrap(), vec![7; 2_000_000]);
}

#[test]
fn what_an_inspector_refuses_is_left_out_read_or_not() {
    let stage = Stage::new();
    for name in ["a", "b", "c"] {
        fs::write(stage.source().join(name), name).unwrap();
    }
    let counter = Arc::new(Counter::default());
    let options = BackupOptions { inspector: Some(counter.clone()), ..stage.options() };
    // While all is read, and once one that the snapshot before has is found out.
    for (refused, files, unchanged) in [("a", 2, 0), ("b", 2, 1)] {
        *counter.refused.lock().unwrap() = Some(refused);
        let report = stage.repository.backup(&options, &Silent).unwrap();
        assert_eq!((report.left_out.refused, report.failed), (1, 0), "{report:?}");
        assert_eq!((report.snapshot.files, report.files_unchanged), (files, unchanged));
        let ids = stage.repository.content_ids(&report.snapshot.id, &[&stage.source().join(refused)]).unwrap();
        assert_eq!(ids, [None]);
    }
}

#[test]
fn files_of_the_same_content_have_the_same_id_and_others_another() {
    let stage = Stage::new();
    for (name, content) in [("a", "same"), ("b", "same"), ("c", "other")] {
        fs::write(stage.source().join(name), content).unwrap();
    }
    let snapshot = stage.backup().snapshot.id;
    let paths = ["a", "b", "c", ".", "none"].map(|name| stage.source().join(name));
    let paths = paths.each_ref().map(PathBuf::as_path);
    let ids = stage.repository.content_ids(&snapshot, &paths).unwrap();
    let [Some(a), Some(b), Some(c), None, None] = &ids[..] else { panic!("{ids:?}") };
    assert!(a == b && a != c && a.len() == 64, "{a} {b} {c}");
}

#[test]
fn what_is_too_large_or_on_another_file_system_is_left_out_where_that_is_wanted() {
    let stage = Stage::new();
    fs::write(stage.source().join("small"), vec![1; 1000]).unwrap();
    fs::write(stage.source().join("large"), vec![1; 1001]).unwrap();
    let options = BackupOptions { max_file_bytes: 1000, ..stage.options() };
    let report = stage.repository.backup(&options, &Silent).unwrap();
    assert_eq!((report.snapshot.files, report.left_out.size, report.failed), (1, 1, 0));
    // A file that is named itself is meant.
    let named = BackupOptions { paths: vec![stage.source().join("large")], ..options };
    assert_eq!(stage.repository.backup(&named, &Silent).unwrap().snapshot.files, 1);
    // /dev/shm is a file system of its own, below /dev.
    let shm = Path::new("/dev/shm");
    let marker = shm.join(format!("keepwatch-test-{}", std::process::id()));
    fs::write(&marker, "x").unwrap();
    let dev = |one_file_system| {
        let options = BackupOptions { paths: vec!["/dev".into()], one_file_system, ..stage.options() };
        let id = stage.repository.backup(&options, &Silent).unwrap().snapshot.id;
        stage.repository.content_ids(&id, &[&marker]).unwrap()[0].is_some()
    };
    let found = [dev(true), dev(false)];
    fs::remove_file(&marker).unwrap();
    assert_eq!(found, [false, true]);
}

#[test]
fn files_that_were_encrypted_since_are_counted() {
    let stage = Stage::new();
    let noise = super::verify::noise(7);
    let write = |name: &str, content: &[u8]| fs::write(stage.source().join(name), content).unwrap();
    for n in 0..20 {
        write(&format!("letter {n}.txt"), format!("letter {n} ").repeat(400).as_bytes());
    }
    assert_eq!(stage.backup().files_noise, 0);
    for n in 0..9 {
        write(&format!("letter {n}.txt"), &noise[n * 50..5000]);
    }
    write("photo.jpg", &[b"\xff\xd8\xff\xe0", &noise[..90_000]].concat());
    write("note.txt", b"pay");
    let report = stage.backup();
    assert_eq!((report.files_noise, report.files_new, report.files_changed), (9, 2, 9));
    // What has not changed is not looked at again.
    assert_eq!(stage.backup().files_noise, 0);
}
