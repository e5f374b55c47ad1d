//! Trees of files that are hard to keep, and a comparison that shares no code with us.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// Writes a tree with names, modes, times and links that trip careless programs.
pub fn plant(root: &Path) {
    let odd = OsStr::from_bytes(b"caf\xe9 \xff.txt");
    let long = OsString::from_vec(vec![b'n'; 255]);
    let write = |path: &Path, content: &[u8]| fs::write(path, content).expect("a file");
    fs::create_dir_all(root.join("empty folder")).expect("a folder");
    fs::create_dir_all(root.join("年度报告/第一季度")).expect("a folder");
    write(&root.join("年度报告/第一季度/预算 表.xlsx"), "预算".repeat(5000).as_bytes());
    write(&root.join("with spaces and 'quotes' \"two\""), b"x");
    write(&root.join(odd), b"not UTF-8");
    write(&root.join(long), b"255 bytes of name");
    write(&root.join("empty"), b"");
    write(&root.join("secret"), b"only mine");
    write(&root.join("program"), b"#!/bin/sh\n");
    let noise: Vec<u8> = (0..3_000_000u64).map(|i| (i.wrapping_mul(6364136223846793005) >> 33) as u8).collect();
    write(&root.join("noise.bin"), &noise);
    for (name, mode) in [("secret", 0o600), ("program", 0o755), ("empty", 0o444)] {
        fs::set_permissions(root.join(name), fs::Permissions::from_mode(mode)).expect("a mode");
    }
    symlink("年度报告", root.join("link to folder")).expect("a link");
    symlink("/nowhere/at all", root.join("dangling")).expect("a link");
    symlink(OsStr::from_bytes(b"\xfe\xff"), root.join("odd target")).expect("a link");
    // Old, odd times, to the nanosecond; folders last, since what is put in them changes theirs.
    for (path, seconds) in
        [("secret", 86_400), ("program", 1_000_000_000), ("年度报告/第一季度", 1_234_567_890), ("empty folder", 1)]
    {
        let time =
            fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH + std::time::Duration::new(seconds, 123_456_789));
        fs::File::open(root.join(path)).and_then(|f| f.set_times(time)).expect("a time");
    }
}

/// What is at each path of a tree: kind, mode, time, size, content or target.
pub fn describe(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    walk(root, Path::new(""), &mut found);
    found
}

fn walk(root: &Path, below: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(root.join(below)).expect("a folder") {
        let entry = entry.expect("an entry");
        let path = below.join(entry.file_name());
        let meta = entry.metadata().expect("metadata");
        let common =
            format!("{:o} {}:{} {}.{:09}", meta.mode(), meta.uid(), meta.gid(), meta.mtime(), meta.mtime_nsec());
        let own = if meta.is_symlink() {
            format!("-> {:?}", fs::read_link(entry.path()).expect("a link").as_os_str().as_bytes())
        } else if meta.is_dir() {
            walk(root, &path, found);
            String::new()
        } else {
            let content = fs::read(entry.path()).expect("a file");
            format!("{} bytes, {:016x}", content.len(), fnv(&content))
        };
        found.insert(path, format!("{common} {own}"));
    }
}

/// FNV-1a: nothing here is an adversary.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Two trees must be the same; says where they are not.
#[track_caller]
pub fn assert_same(expected: &BTreeMap<PathBuf, String>, actual: &BTreeMap<PathBuf, String>) {
    let paths = expected.keys().chain(actual.keys());
    let different: Vec<String> = paths
        .filter(|p| expected.get(*p) != actual.get(*p))
        .map(|p| format!("{p:?}\n  expected {:?}\n  actual   {:?}", expected.get(p), actual.get(p)))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}
