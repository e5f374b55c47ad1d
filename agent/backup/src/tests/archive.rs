//! Folders as archives, read back by others' programs.

use super::hostile::{archive as save, crafted, link};
use super::verify::{noise, packs};
use super::*;
use crate::{ArchiveFormat, ArchiveOptions, Archived, Content, Error, Extent, Inspector, Sieve};
use rustic_core::repofile::NodeType;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, Cursor, Read, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;
use std::sync::LazyLock;

fn options(format: ArchiveFormat, top: &str) -> ArchiveOptions<'_> {
    static NOTHING: LazyLock<HashSet<PathBuf>> = LazyLock::new(HashSet::new);
    ArchiveOptions { format, top, without: &NOTHING, sieve: None }
}

impl Stage {
    fn open(&self) -> Repository {
        Repository::open(&Storage::Folder(self.path("repository")), PASSWORD).unwrap()
    }

    fn extent(&self, path: &Path) -> Extent {
        self.open().extent("latest", path).unwrap()
    }

    fn archive(&self, path: &Path, format: ArchiveFormat) -> (Vec<u8>, Archived) {
        let (mut out, mut done) = (Vec::new(), 0);
        let mut tell = |bytes| {
            done = bytes;
            ControlFlow::Continue(())
        };
        let archived = self.open().write_archive("latest", path, &options(format, "top"), &mut out, &mut tell).unwrap();
        assert!(done == archived.bytes || archived.failed > 0, "{done} {archived:?}");
        (out, archived)
    }

    /// Unpacked by the system's own program.
    fn unpacked(&self, archive: &[u8], program: &str, options: &[&str]) -> PathBuf {
        let (file, out) = (self.path("archive"), self.path(program));
        fs::write(&file, archive).unwrap();
        fs::create_dir_all(&out).unwrap();
        let ran = Command::new(program).args(options).arg(&file).current_dir(&out).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() && said.is_empty(), "{program}: {said}");
        out
    }
}

/// The names in a zip, in their order.
fn zip_names(archive: &[u8]) -> Vec<String> {
    let zip = zip::ZipArchive::new(Cursor::new(archive)).unwrap();
    (0..zip.len()).map(|n| zip.name_for_index(n).unwrap().unwrap().into_owned()).collect()
}

/// The names in a tar, in their order.
fn tar_names(archive: &[u8]) -> Vec<String> {
    let mut tar = tar::Archive::new(archive);
    tar.entries().unwrap().map(|e| String::from_utf8_lossy(&e.unwrap().path_bytes()).into_owned()).collect()
}

/// What an ordinary office folder has.
fn plant(root: &Path) {
    fs::create_dir_all(root.join("部门/leer")).unwrap();
    fs::write(root.join("部门/报告 final.txt"), "年度报告\n".repeat(40_000)).unwrap();
    fs::write(root.join("empty"), "").unwrap();
    fs::write(root.join("large.bin"), [noise(1), noise(2)].concat().repeat(30)).unwrap();
    fs::write(root.join("run.sh"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(root.join("run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    symlink("部门/报告 final.txt", root.join("latest")).unwrap();
    let whole = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_001);
    for entry in walkdir::WalkDir::new(root).contents_first(true) {
        let entry = entry.unwrap();
        if !entry.path_is_symlink() {
            fs::File::open(entry.path()).unwrap().set_modified(whole).unwrap();
        }
    }
}

/// Without what a zip does not hold: a link's own time.
fn unlinked(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut facts = facts(root);
    for (path, fact) in &mut facts {
        if root.join(path).is_symlink() {
            *fact = format!("{:?}", fs::read_link(root.join(path)).unwrap());
        }
    }
    facts
}

#[test]
fn a_folder_comes_as_a_zip_that_unzip_unpacks_as_it_was() {
    let stage = Stage::new();
    plant(&stage.source());
    stage.backup();
    let extent = stage.extent(&stage.source());
    assert!(extent.folder && extent.not_for_zip.is_none() && extent.entries == 8, "{extent:?}");
    let (zip, archived) = stage.archive(&stage.source(), ArchiveFormat::Zip);
    assert_eq!((archived.entries, archived.bytes, archived.failed), (8, extent.bytes, 0));
    let out = stage.unpacked(&zip, "unzip", &["-q"]);
    assert_eq!(unlinked(&out.join("top")), unlinked(&stage.source()));
}

#[test]
fn what_a_zip_cannot_hold_comes_as_a_tar_that_tar_unpacks_as_it_was() {
    let stage = Stage::new();
    plant(&stage.source());
    let odd = stage.source().join("x".repeat(120)).join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir_all(&odd).unwrap();
    fs::write(odd.join("older"), "than 1970").unwrap();
    let early = std::time::UNIX_EPOCH - std::time::Duration::from_millis(86_400_500);
    fs::File::open(odd.join("older")).unwrap().set_modified(early).unwrap();
    fs::hard_link(odd.join("older"), stage.source().join("zweiter Name")).unwrap();
    symlink(OsStr::from_bytes(b"nowhere\xff"), odd.join("link")).unwrap();
    nix::unistd::mkfifo(&odd.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    stage.backup();
    let (extent, repository) = (stage.extent(&stage.source()), stage.open());
    let why = extent.not_for_zip.unwrap();
    assert!(why.reason.contains("UTF-8") && why.path.starts_with(&odd), "{why:?}");
    let (tar, archived) = stage.archive(&stage.source(), ArchiveFormat::Tar);
    assert_eq!((archived.entries, archived.failed), (extent.entries, 0), "{archived:?}");
    let out = stage.unpacked(&tar, "tar", &["--warning=no-timestamp", "--warning=no-unknown-keyword", "-xpf"]);
    assert_eq!(facts(&out.join("top")), facts(&stage.source()));

    // As a zip all the same: what it cannot hold is named, and a text in it names it, too.
    let (zip, archived) = stage.archive(&stage.source(), ArchiveFormat::Zip);
    assert_eq!(archived.failed, 4, "{archived:?}");
    assert_eq!(zip_names(&zip).last().unwrap(), "top INCOMPLETE 不完整.txt");
    let mut text = String::new();
    let mut read = zip::ZipArchive::new(Cursor::new(&zip)).unwrap();
    read.by_name("top INCOMPLETE 不完整.txt").unwrap().read_to_string(&mut text).unwrap();
    assert!(text.starts_with("4 entries") && text.contains("fifo: ") && text.contains("not in UTF-8"), "{text}");
    // One file alone, too.
    let one = stage.source().join("empty");
    let mut out = Vec::new();
    let done = repository.write_archive("latest", &one, &options(ArchiveFormat::Zip, "empty"), &mut out, &mut |_| {
        ControlFlow::Continue(())
    });
    assert_eq!((done.unwrap().entries, zip_names(&out)), (1, vec!["empty".to_owned()]));
}

#[test]
fn what_is_damaged_is_left_out_whole_and_named() {
    let stage = Stage::new();
    for (name, content) in [("a", noise(1)), ("large", noise(2).repeat(50)), ("z", noise(3))] {
        fs::write(stage.source().join(name), content).unwrap();
        stage.backup();
    }
    let before =
        (stage.archive(&stage.source(), ArchiveFormat::Zip), stage.archive(&stage.source(), ArchiveFormat::Tar));
    assert_eq!((before.0.1.failed, before.1.1.failed), (0, 0));
    // Each file is in a pack of its own; only the middle one's is hit, and not at its start.
    let reader = |name: &str| stage.open().read_file("latest", &stage.source().join(name), None, &mut std::io::sink());
    for pack in packs(&stage) {
        let sound = fs::read(&pack).unwrap();
        if sound.len() < 300_000 {
            continue;
        }
        let mut spoilt = sound.clone();
        spoilt[250_000] ^= 1;
        fs::write(&pack, spoilt).unwrap();
        if reader("large").is_err() {
            break;
        }
        fs::write(&pack, sound).unwrap();
    }
    reader("large").unwrap_err();
    for (format, names) in [(ArchiveFormat::Zip, zip_names as fn(&[u8]) -> _), (ArchiveFormat::Tar, tar_names)] {
        let (archive, archived) = stage.archive(&stage.source(), format);
        assert_eq!((archived.entries, archived.failed), (3, 1), "{archived:?}");
        assert_eq!(archived.failures[0].path, stage.source().join("large"));
        let names: Vec<String> = names(&archive);
        let name = names.iter().map(|name| name.trim_end_matches('/'));
        assert_eq!(name.collect::<Vec<_>>(), ["top", "top/a", "top/z", "top INCOMPLETE 不完整.txt"]);
    }
    let (zip, _) = stage.archive(&stage.source(), ArchiveFormat::Zip);
    let out = stage.unpacked(&zip, "unzip", &["-q"]);
    assert_eq!(fs::read(out.join("top/z")).unwrap(), noise(3));
    assert!(!out.join("top/large").exists());
}

#[test]
fn names_that_lead_out_get_into_no_archive() {
    let stage = Stage::new();
    let names = ["..", ".", "", "../escaped", "a/b", "/etc/escaped", "a\\x2fb", "nul\\x00l"];
    let long = "n".repeat(64 << 10);
    let mut entries: Vec<_> = names.iter().map(|name| crafted("/d/x", name, NodeType::File)).collect();
    entries.push(crafted("/d/x", &long, NodeType::File));
    // The same name twice: a link to the outside, and a folder with a file in it.
    entries.push(crafted("/d/x", "evil", link("/etc")));
    entries.push(crafted("/d/evil", "evil", NodeType::Dir));
    entries.push(crafted("/d/evil/f", "pwned", NodeType::File));
    entries.push(crafted("/d/x", "EVIL", link("/etc")));
    entries.push(crafted("/d/x", "..\\escaped", NodeType::File));
    entries.push(crafted("/d/x", "disk", NodeType::Dev { device: 0x801 }));
    let mut suid = crafted("/d/x", "suid", NodeType::File);
    suid.1.meta.mode = Some(0o755 | (1 << 23));
    entries.push(suid);
    save(&stage, entries);
    let (tar, archived) = stage.archive(Path::new("/d"), ArchiveFormat::Tar);
    // All names that are none, the long one, the second one of two, and the device.
    assert_eq!(archived.failed, names.len() as u64 + 3, "{archived:?}");
    let all = ["top/", "top/evil/", "top/evil/pwned", "top/..\\escaped", "top/suid", "top/EVIL"];
    let seen = tar_names(&tar);
    assert_eq!(seen[..6], all);
    let mut read = tar::Archive::new(&tar[..]);
    let modes: Vec<u32> = read.entries().unwrap().map(|e| e.unwrap().header().mode().unwrap()).collect();
    assert!(modes.iter().all(|mode| mode & !0o777 == 0), "{modes:?}");
    let (zip, archived) = stage.archive(Path::new("/d"), ArchiveFormat::Zip);
    assert_eq!(archived.failed, names.len() as u64 + 4, "{archived:?}");
    assert_eq!(zip_names(&zip)[..5], ["top/", "top/evil/", "top/evil/pwned", "top/suid", "top/EVIL"]);
    assert!(stage.extent(Path::new("/d")).not_for_zip.unwrap().reason.contains("backslash"));
}

#[test]
fn an_archive_that_is_given_up_is_never_ended() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 = self.0.checked_sub(bytes.len()).ok_or(std::io::ErrorKind::BrokenPipe)?;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let stage = Stage::new();
    plant(&stage.source());
    stage.backup();
    for format in [ArchiveFormat::Zip, ArchiveFormat::Tar] {
        let write = |out: &mut dyn Write, most: u64| {
            let mut tell = |done| if done > most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            stage.open().write_archive("latest", &stage.source(), &options(format, "top"), out, &mut tell)
        };
        assert!(matches!(write(&mut Full(100_000), u64::MAX), Err(Error::Write(_))), "{format:?}");
        let mut out = Vec::new();
        assert!(matches!(write(&mut out, 3_000_000), Err(Error::Cancelled)), "{format:?}");
        let end: &[u8] = if format == ArchiveFormat::Zip { b"PK\x05\x06" } else { &[0; 1024] };
        assert!(!out.windows(end.len()).any(|w| w == end), "{format:?} looks whole");
    }
}

/// Lets nothing out that begins so, and knows where copies lie.
struct Strict(&'static [u8], PathBuf);

impl Inspector for Strict {
    fn read(&self, path: &Path, at: &Path, mut file: fs::File) -> io::Result<Option<Content>> {
        assert!(at.starts_with(&self.1) && path.starts_with("/"), "{at:?} {path:?}");
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok((!content.starts_with(self.0)).then(|| -> Content { Box::new(Cursor::new(content)) }))
    }
}

#[test]
fn what_a_sieve_holds_back_is_named_and_all_else_is_as_it_was() {
    let stage = Stage::new();
    let large = noise(4).repeat(30);
    for (name, content) in [("bad", b"evil content".to_vec()), ("empty", vec![]), ("large", large.clone())] {
        fs::write(stage.source().join(name), content).unwrap();
    }
    stage.backup();
    let scratch = stage.path("scratch");
    fs::create_dir(&scratch).unwrap();
    let strict = Strict(b"evil", scratch.clone());
    let sieve = Sieve { inspector: &strict, scratch: &scratch };
    for format in [ArchiveFormat::Zip, ArchiveFormat::Tar] {
        let options = ArchiveOptions { sieve: Some(&sieve), ..options(format, "top") };
        let (mut out, mut done) = (Vec::new(), 0);
        let mut tell = |bytes| {
            done = bytes;
            ControlFlow::Continue(())
        };
        let archived = stage.open().write_archive("latest", &stage.source(), &options, &mut out, &mut tell).unwrap();
        assert_eq!((archived.failed, done), (1, large.len() as u64), "{archived:?}");
        assert!(archived.failures[0].path.ends_with("bad") && archived.failures[0].reason.contains("infected"));
        let (program, words) = if format == ArchiveFormat::Zip { ("unzip", vec!["-q"]) } else { ("tar", vec!["-xf"]) };
        let unpacked = stage.unpacked(&out, program, &words).join("top");
        assert_eq!(fs::read(unpacked.join("large")).unwrap(), large);
        assert!(unpacked.join("empty").exists() && !unpacked.join("bad").exists());
    }
    let read = |name: &str, sieve: &Sieve<'_>| {
        let mut out = Vec::new();
        let read = stage.open().read_file("latest", &stage.source().join(name), Some(sieve), &mut out);
        (read, out)
    };
    let (refused, nothing) = read("bad", &sieve);
    assert!(matches!(refused, Err(Error::Refused(_))) && nothing.is_empty());
    assert_eq!(read("large", &sieve).1, large);
    assert_eq!(read("empty", &sieve).0.unwrap(), 0);
    assert_eq!(fs::read_dir(&scratch).unwrap().count(), 0, "no copy is left");

    // Nowhere to look at it: nothing goes out unseen.
    fs::remove_dir(&scratch).unwrap();
    assert!(matches!(read("large", &sieve).0, Err(Error::Copy(_))));
    let options = ArchiveOptions { sieve: Some(&sieve), ..options(ArchiveFormat::Zip, "top") };
    let mut tell = |_| ControlFlow::Continue(());
    let archived = stage.open().write_archive("latest", &stage.source(), &options, &mut Vec::new(), &mut tell).unwrap();
    assert_eq!(archived.failed, 2, "{archived:?}");
    assert!(archived.failures.iter().all(|failure| failure.reason.contains("cannot be scanned")), "{archived:?}");
}
