//! The engine as its callers use it, on real folders.
#![allow(clippy::unwrap_used)]

mod archive;
mod damaged;
mod failures;
mod forged;
mod frozen;
mod hostile;
mod index;
mod maintain;
mod restic;
mod round;
mod service;
mod storages;
mod verify;

use crate::{
    BackupOptions, BackupReport, Conflict, Failure, Observer, Progress, Repository, RestoreOptions, RestoreReport,
    Silent, Storage,
};
use chrono::{DateTime, TimeDelta};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use tempfile::TempDir;

const PASSWORD: &str = "correct horse 电池";

/// A repository and a source in a folder of their own.
struct Stage {
    root: TempDir,
    repository: Repository,
    runs: Mutex<i64>,
}

impl Stage {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("source")).unwrap();
        let repository = Repository::init(&Storage::Folder(root.path().join("repository")), PASSWORD).unwrap();
        Self { root, repository, runs: Mutex::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn source(&self) -> PathBuf {
        self.path("source")
    }

    fn options(&self) -> BackupOptions {
        let mut runs = self.runs.lock().unwrap();
        *runs += 1;
        let time = DateTime::from_timestamp(1_800_000_000, 123_000_000).unwrap() + TimeDelta::days(*runs);
        BackupOptions { paths: vec![self.source()], host: "pc-1".to_owned(), time, ..BackupOptions::default() }
    }

    fn backup(&self) -> BackupReport {
        self.repository.backup(&self.options(), &Silent).unwrap()
    }

    fn restore(&self, snapshot: &str, into: &str) -> RestoreReport {
        let target = self.path(into);
        let options =
            RestoreOptions { snapshot: snapshot.to_owned(), target: Some(target), ..RestoreOptions::default() };
        self.repository.restore(&options, &Silent).unwrap()
    }

    /// Where the source comes to lie in a target.
    fn restored(&self, into: &str) -> PathBuf {
        below(&self.path(into), &self.source())
    }
}

/// An absolute path as it lies below a target.
fn below(target: &Path, path: &Path) -> PathBuf {
    target.join(path.strip_prefix("/").unwrap())
}

/// All that should come back of a folder: per path its kind, mode, owner, time and content.
fn facts(root: &Path) -> BTreeMap<PathBuf, String> {
    let (mut facts, mut firsts) = (BTreeMap::new(), BTreeMap::new());
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.unwrap();
        let data = fs::symlink_metadata(entry.path()).unwrap();
        let content = if data.is_symlink() {
            format!("{:?}", fs::read_link(entry.path()).unwrap())
        } else if data.is_file() {
            let content = fs::read(entry.path()).unwrap();
            format!("{} bytes {}", content.len(), hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&content)))
        } else {
            String::new()
        };
        let attributes: Vec<_> = xattr::list(entry.path()).unwrap().filter(|_| !data.is_symlink()).collect();
        let below = entry.path().strip_prefix(root).unwrap().to_owned();
        // Names of one file are told by the first of them.
        let first = firsts.entry((data.dev(), data.ino())).or_insert_with(|| below.clone());
        let links =
            if data.is_file() { format!("{} names, first {}", data.nlink(), first.display()) } else { String::new() };
        let fact = format!(
            "{:o} {}:{} {}.{} {content} {attributes:?} {links}",
            data.mode(),
            data.uid(),
            data.gid(),
            data.mtime(),
            data.mtime_nsec(),
        );
        facts.insert(below, fact);
    }
    facts
}

/// Remembers what it heard.
#[derive(Default)]
struct Ear {
    failures: Mutex<Vec<Failure>>,
    progress: Mutex<Vec<Progress>>,
}

impl Observer for Ear {
    fn progress(&self, progress: Progress) {
        self.progress.lock().unwrap().push(progress);
    }
    fn failed(&self, path: &Path, reason: &str) {
        self.failures.lock().unwrap().push(Failure { path: path.to_owned(), reason: reason.to_owned() });
    }
    fn cancelled(&self) -> bool {
        false
    }
}
