//! A tree that trips careless programs: saved, and brought back by us and by stock restic,
//! compared by what the system says of each entry and by nothing of ours.

use crate::scan::fleet;
use keepwatch_tests::{standalone, until};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

const MANY: usize = 10_000;
const DEEP: usize = 60;
/// An access list that lets user 1000 read, as the kernel keeps it (linux/posix_acl_xattr.h).
const ACL: [u8; 44] = [
    2, 0, 0, 0, // version
    1, 0, 6, 0, 0xff, 0xff, 0xff, 0xff, // owner: rw
    2, 0, 4, 0, 0xe8, 3, 0, 0, // user 1000: r
    4, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, // group: r
    16, 0, 4, 0, 0xff, 0xff, 0xff, 0xff, // mask: r
    32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, // others: nothing
];

fn plant(root: &Path) {
    let write = |name: &str, content: &[u8]| fs::write(root.join(name), content).unwrap();
    fs::create_dir_all(root.join("many")).unwrap();
    for n in 0..MANY {
        write(&format!("many/{n:05} 文件.txt"), format!("{n}").as_bytes());
    }
    let mut deep = root.to_owned();
    for level in 0..DEEP {
        deep.push(format!("level {level}"));
        fs::create_dir(&deep).unwrap();
    }
    fs::write(deep.join("bottom"), "here").unwrap();
    for name in [&b"caf\xe9"[..], b"\xff\xfe", b"new\nline", b"back\\slash", b" lead and trail ", b"-rf", b"*?[a]"] {
        fs::write(root.join(OsStr::from_bytes(name)), name).unwrap();
    }
    write("hard one", b"one file, three names");
    for name in ["hard two", "many/hard three"] {
        fs::hard_link(root.join("hard one"), root.join(name)).unwrap();
    }
    let sparse = File::create(root.join("sparse")).unwrap();
    for at in [0, 10 << 20, 63 << 20] {
        sparse.write_all_at(&[1; 4096], at).unwrap();
    }
    sparse.set_len(64 << 20).unwrap();
    File::create(root.join("one hole")).unwrap().set_len(5 << 20).unwrap();
    symlink("hard one", root.join("link")).unwrap();
    symlink("/nowhere/\u{5b88}", root.join("dangling")).unwrap();
    symlink("link to itself", root.join("link to itself")).unwrap();
    write("attributes", b"x");
    xattr::set(root.join("attributes"), "user.keepwatch", b"\0binary\xff").unwrap();
    xattr::set(root.join("attributes"), "user.empty", b"").unwrap();
    xattr::set(root.join("many"), "user.folder", b"has some, too").unwrap();
    write("access list", b"x");
    fs::set_permissions(root.join("access list"), fs::Permissions::from_mode(0o640)).unwrap();
    xattr::set(root.join("access list"), "system.posix_acl_access", &ACL).unwrap();
    nix::unistd::mkfifo(&root.join("fifo"), Mode::from_bits_truncate(0o640)).unwrap();
    drop(UnixListener::bind(root.join("socket")).unwrap());
    if nix::unistd::geteuid().is_root() {
        let mode = Mode::from_bits_truncate(0o600);
        mknod(&root.join("character device"), SFlag::S_IFCHR, mode, makedev(1, 3)).unwrap();
        mknod(&root.join("block device"), SFlag::S_IFBLK, mode, makedev(7, 99)).unwrap();
        std::os::unix::fs::lchown(root.join("attributes"), Some(1234), Some(4321)).unwrap();
        std::os::unix::fs::lchown(root.join("dangling"), Some(1234), Some(4321)).unwrap();
    }
    for (name, mode) in [("hard one", 0o4755), ("many", 0o1777), ("level 0", 0o700), ("sparse", 0o000)] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    write("becomes a folder", b"a file as yet");
    fs::create_dir(root.join("becomes a file")).unwrap();
    for (name, seconds) in [("attributes", 1), ("many", 4_000_000_000), ("level 0", 1_234_567_890)] {
        let time = std::time::UNIX_EPOCH + std::time::Duration::new(seconds, 987_654_321);
        File::open(root.join(name)).unwrap().set_times(fs::FileTimes::new().set_modified(time)).unwrap();
    }
}

/// What the system says of each entry below a folder.
fn facts(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    // The first name that each file was met under, for those that have several.
    let mut names: BTreeMap<(u64, u64), PathBuf> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name() {
        let entry = entry.unwrap();
        let (path, meta) = (entry.path(), entry.path().symlink_metadata().unwrap());
        let below = path.strip_prefix(root).unwrap().to_owned();
        let kind = meta.file_type();
        let attributes: BTreeMap<_, _> = xattr::list(path)
            .map(|names| names.map(|name| (name.clone(), xattr::get(path, name).unwrap())).collect())
            .unwrap_or_default();
        let time = format!("{}.{:09}", meta.mtime(), meta.mtime_nsec());
        let content = if kind.is_file() {
            let first = names.entry((meta.dev(), meta.ino())).or_insert_with(|| below.clone());
            let bytes = fs::read(path).unwrap();
            let hash = bytes
                .iter()
                .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
            format!("{} bytes {hash:016x}, {} names, first {first:?}", bytes.len(), meta.nlink())
        } else if kind.is_symlink() {
            format!("-> {:?}", fs::read_link(path).unwrap())
        } else if kind.is_block_device() || kind.is_char_device() {
            format!("device {:x}", meta.rdev())
        } else {
            String::new()
        };
        let owner = (meta.uid(), meta.gid());
        found.insert(below, format!("{:o} {owner:?} {time} {attributes:?} {content}", meta.mode()));
    }
    found
}

#[track_caller]
fn same(what: &str, expected: &BTreeMap<PathBuf, String>, actual: &BTreeMap<PathBuf, String>) {
    let paths: std::collections::BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
    let other = paths.into_iter().filter(|path| expected.get(*path) != actual.get(*path));
    let other: Vec<String> =
        other.map(|p| format!("{p:?}\n  was {:?}\n  is  {:?}", expected.get(p), actual.get(p))).collect();
    let shown = other.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(other.is_empty(), "{what}: {} differ\n{shown}", other.len());
}

/// Bytes that a file takes on the disk.
fn taken(path: &Path) -> u64 {
    path.metadata().unwrap().blocks() * 512
}

/// Over what is there, under each choice of what to do with it.
fn in_place(disk: &Path, saved: &BTreeMap<PathBuf, String>, restore: impl Fn(&str) -> i32) {
    let (other, link, kept) = ("many/00007 文件.txt", "link", "many/00007 文件 (restored).txt");
    let spoil = || {
        for lost in ["sparse", "attributes", "fifo", "dangling"] {
            fs::remove_file(disk.join(lost)).unwrap();
        }
        fs::remove_dir_all(disk.join("level 0/level 1")).unwrap();
        fs::write(disk.join(other), "written since").unwrap();
        fs::remove_file(disk.join(link)).unwrap();
        fs::write(disk.join(link), "no link any more").unwrap();
    };
    for (conflict, code, comes_back) in [
        ("refuse", 3, false),
        ("skip", 0, false),
        ("keep-both", 0, false),
        ("overwrite-older", 0, false),
        ("overwrite", 0, true),
    ] {
        spoil();
        assert_eq!(restore(conflict), code, "{conflict}");
        let now = facts(disk);
        // Folders that were there keep their times, and something was done in them.
        for (path, was) in saved.iter().filter(|(path, _)| comes_back || !disk.join(path).is_dir()) {
            if comes_back || (path != Path::new(other) && path != Path::new(link)) {
                assert_eq!(now.get(path), Some(was), "{conflict}: {path:?}");
            }
        }
        if !comes_back {
            assert_eq!(fs::read_to_string(disk.join(other)).unwrap(), "written since", "{conflict}");
        }
        assert_eq!(disk.join(kept).exists(), conflict == "keep-both", "{conflict}");
        if conflict == "keep-both" {
            assert_eq!(fs::read_to_string(disk.join(kept)).unwrap(), "7");
            fs::remove_file(disk.join(kept)).unwrap();
            let _ = fs::remove_file(disk.join("link (restored)"));
        }
    }
    same("restored in place", saved, &facts(disk));
}

#[test]
fn all_of_it_comes_back_by_us_and_by_stock_restic() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (disk, repository, password) = (at("disk"), at("repository"), at("password"));
    fs::create_dir(&disk).unwrap();
    fs::write(&password, "torture").unwrap();
    plant(&disk);
    let names = [repository.to_str().unwrap(), password.to_str().unwrap()];
    let run = |words: &[&str], paths: &[&Path]| {
        let words = [words, &["--repository", names[0], "--password-file", names[1]]].concat();
        standalone(&words, paths)
    };

    // While it is saved, a log grows.
    let (growing, over) = (disk.join("log that grows"), AtomicBool::new(false));
    let first = std::thread::scope(|scope| {
        let mut log = File::create(&growing).unwrap();
        log.write_all(&[b'l'; 100_000]).unwrap();
        scope.spawn(|| {
            let mut log = log;
            while !over.load(Ordering::Relaxed) {
                log.write_all(&[b'l'; 1000]).unwrap();
            }
        });
        until("the log grows", || growing.metadata().unwrap().len() > 200_000);
        let first = run(&["backup", "--init"], &[&disk]);
        over.store(true, Ordering::Relaxed);
        first.ok()
    });
    fs::remove_file(&growing).unwrap();
    let planted = facts(&disk);

    // A file is a folder now, and a folder a file.
    fs::remove_file(disk.join("becomes a folder")).unwrap();
    fs::create_dir(disk.join("becomes a folder")).unwrap();
    fs::write(disk.join("becomes a folder/inside"), "x").unwrap();
    fs::remove_dir(disk.join("becomes a file")).unwrap();
    fs::write(disk.join("becomes a file"), "x").unwrap();
    let changed = facts(&disk);
    let second = run(&["backup"], &[&disk]).ok();
    assert!(second.err.contains("10015 unchanged"), "{second:?}");

    for (id, expected) in [(first.out.trim(), &planted), (second.out.trim(), &changed)] {
        let target = at(&id[..8]);
        run(&["restore", id, "--target", target.to_str().unwrap()], &[]).ok();
        let restored = target.join(disk.strip_prefix("/").unwrap());
        if id == first.out.trim() {
            let log = fs::read(restored.join("log that grows")).unwrap();
            assert!(log.len() > 200_000 && log.iter().all(|byte| *byte == b'l'), "{}", log.len());
            fs::remove_file(restored.join("log that grows")).unwrap();
            let time = fs::FileTimes::new().set_modified(disk.metadata().unwrap().modified().unwrap());
            File::open(&restored).unwrap().set_times(time).unwrap();
        }
        same("restored by us", expected, &facts(&restored));
        for name in ["sparse", "one hole"] {
            let (was, is) = (taken(&disk.join(name)), taken(&restored.join(name)));
            assert!(is <= was, "{name} takes {is} bytes of the disk, and took {was}");
        }
        fs::remove_dir_all(target).unwrap();
    }

    in_place(&disk, &changed, |conflict| {
        run(&["restore", second.out.trim(), "--target", "/", "--conflict", conflict], &[]).code
    });

    let restic = |words: &[&str]| {
        let at = ["--repo", names[0], "--password-file", names[1], "--no-cache"];
        let output = Command::new("restic").args(at).args(words).output().expect("restic is installed");
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{words:?}: {said}");
        said
    };
    assert!(restic(&["check", "--read-data"]).contains("no errors were found"));
    // What restic restores from ours is what it restores from its own: that it does not bring
    // back sockets, for one, is its way.
    let target = at("by restic");
    restic(&["restore", second.out.trim(), "--target", target.to_str().unwrap()]);
    let from_ours = facts(&target.join(disk.strip_prefix("/").unwrap()));
    let (own, own_target) = (at("restic's own"), at("restic's own restored"));
    let own_restic = |words: &[&str]| {
        let at = ["--repo", own.to_str().unwrap(), "--password-file", names[1], "--no-cache", "-q"];
        assert!(Command::new("restic").args(at).args(words).status().unwrap().success(), "{words:?}");
    };
    own_restic(&["init"]);
    own_restic(&["backup", disk.to_str().unwrap()]);
    own_restic(&["restore", "latest", "--target", own_target.to_str().unwrap()]);
    same("restored by restic", &facts(&own_target.join(disk.strip_prefix("/").unwrap())), &from_ours);
}

#[test]
fn all_of_it_comes_back_in_place_by_the_agents_of_a_fleet() {
    let (_controller, staff, agent) = fleet();
    let host = agent.host();
    // Where this PC allows restores, so that something below it can go back to its place.
    let desk = agent.restored().join("desk");
    fs::create_dir(&desk).unwrap();
    plant(&desk);
    let saved = facts(&desk);
    // A canary would be one file more.
    staff.set_policy(&format!("backup: {{canaries: false, paths: ['{}']}}", desk.display()));
    staff.run(["backup", &host, "--watch"]).ok();
    in_place(&desk, &saved, |conflict| {
        let path = desk.to_str().unwrap();
        let job = ["restore", &host, "latest", "--path", path, "--in-place", "--watch", "--conflict", conflict];
        staff.run(job).code
    });
}
