//! One backup: the walk and its readers feed rustic_core, and every file that could not be
//! read is counted and named.

use crate::counts::{Counts, LeftOut};
use crate::error::{Error, Result};
use crate::frozen::Frozen;
use crate::globs;
use crate::index::Indexed;
use crate::inspector::Inspector;
use crate::observer::{Failure, Failures, Observer, watch};
use crate::platform;
use crate::reader::Shared;
use crate::repository::{Repository, Snapshot, crashed, failure};
use crate::share::Share;
use crate::source::Source;
use crate::stop::Stop;
use crate::storage::Storage;
use chrono::{DateTime, TimeDelta, Utc};
use rustic_core::jiff::{Timestamp, tz::TimeZone};
use rustic_core::repofile::SnapshotFile;
use rustic_core::{ReadSource, SnapshotOptions};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::{fs, io, thread};

/// Clocks may differ by this.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(24);
/// Snapshots that one backup compares with: each costs reading its folders.
const MOST_PARENTS: usize = 4;

/// What to back up and how to label it.
#[derive(Clone, Default)]
pub struct BackupOptions {
    /// Files and folders. One that is a link is followed; links below are saved as links.
    pub paths: Vec<PathBuf>,
    /// Globs over the full path; one without `/` matches a name anywhere. An excluded
    /// folder is left out whole. Roots themselves are never excluded.
    pub excludes: Vec<String>,
    /// Larger files are left out, in bytes; 0: none is. Roots themselves never are.
    pub max_file_bytes: u64,
    /// Whether other file systems below a root are left out; their mount points are saved.
    pub one_file_system: bool,
    /// The host's name in the snapshot; with the paths it finds the snapshot to compare with.
    pub host: String,
    /// The snapshot's time. The engine has no clock.
    pub time: DateTime<Utc>,
    /// Tags for the snapshot.
    pub tags: Vec<String>,
    /// Whether a frozen state of the file system is read where there is one to be had, so that
    /// all files are of one moment: a btrfs snapshot, removed afterwards.
    pub freeze: bool,
    /// Percent of the time that each thread that reads may work, up to 100; 0: as much as it can.
    pub cpu_percent: u8,
    /// Who sees each file that is saved.
    pub inspector: Option<Arc<dyn Inspector>>,
}

/// What a backup did.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupReport {
    /// The new snapshot.
    pub snapshot: Snapshot,
    /// Files that the snapshot before did not have.
    pub files_new: u64,
    /// Files that had changed.
    pub files_changed: u64,
    /// Files taken over unread.
    pub files_unchanged: u64,
    /// Of those that were new or had changed, the ones that begin with noise, as an encrypted
    /// file does, and not as any format does that is compressed.
    pub files_noise: u64,
    /// Entries left out on purpose.
    pub left_out: LeftOut,
    /// Bytes of all files in the snapshot.
    pub bytes: u64,
    /// Bytes this run added to the repository, compressed.
    pub bytes_added: u64,
    /// Files and folders that should be in the snapshot and are not; 0 means whole.
    pub failed: u64,
    /// The first ten thousand of them by name.
    pub failures: Vec<Failure>,
    /// Packs that the repository should have and has not: older snapshots may not be whole.
    pub missing_packs: u64,
}

/// How an attempt at a backup went.
enum Attempt {
    /// There is a snapshot.
    Saved(Box<BackupReport>),
    /// There is none: of the snapshots that it compared with only these are still whole.
    Lost(Vec<Snapshot>),
}

impl Repository {
    /// Saves the paths as a new snapshot. Files that cannot be read are in the report; the
    /// rest is saved. Cancelled or with storage failing, it makes no snapshot, and what was
    /// stored by then is used by the next run.
    pub fn backup(&self, options: &BackupOptions, observer: &dyn Observer) -> Result<BackupReport> {
        self.begin();
        let (indexed, missing_packs) = self.index_for_backup()?;
        let labels = absolute(&options.paths);
        let mut parents = parents(self.snapshots()?, &labels, options);
        loop {
            match self.against(&parents, &indexed, missing_packs, options, observer)? {
                Attempt::Saved(report) => return Ok(*report),
                Attempt::Lost(whole) => parents = whole,
            }
            self.begin();
        }
    }

    /// Saves the paths, comparing with these snapshots. What has not changed is taken over by its id, and
    /// whether it is still there is looked up beside the walk; before that is known there is no snapshot.
    fn against(
        &self,
        parents: &[Snapshot],
        indexed: &Indexed,
        missing_packs: u64,
        options: &BackupOptions,
        observer: &dyn Observer,
    ) -> Result<Attempt> {
        let excludes = globs::set(&options.excludes)?;
        let snapshot = snapshot_file(options)?;
        let (sender, failures) = mpsc::channel();
        let (meter, stop) = (Arc::clone(&self.meter), Arc::clone(&self.stop));
        let share = Share::percent(options.cpu_percent);
        let counts = Arc::<Counts>::default();
        let inspector = options.inspector.clone();
        let all_is_read = parents.is_empty();
        let shared =
            Shared { meter, stop, failures: sender, counts: Arc::clone(&counts), all_is_read, share, inspector };
        let roots = roots(&options.paths, &shared);
        if roots.is_empty() {
            return Err(Error::NothingToBackUp(list(&options.paths)));
        }
        let (how, labels) = (self.how(parents), absolute(&options.paths));
        let (max_file_bytes, one_file_system) = (options.max_file_bytes, options.one_file_system);
        let own = self.own_folder();
        let frozen = Arc::new(if options.freeze { Frozen::of(&roots) } else { Frozen::default() });
        let shared = Arc::new(shared);
        let source = Source { roots, excludes, max_file_bytes, one_file_system, own, frozen, shared };
        let (all_whole, answer) = mpsc::channel();
        self.guard.no_snapshot_before(answer);
        let (outcome, whole, failures) = thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let outcome = indexed.archive(&how, &source, snapshot, &labels);
                // The watch below lasts until the source is gone.
                drop(source);
                outcome
            });
            let look = scope.spawn(move || {
                let whole = self.only_whole(parents, indexed, missing_packs);
                match &whole {
                    Ok(whole) if whole.len() == parents.len() => drop(all_whole.send(())),
                    _ => self.stop.ask(),
                }
                whole
            });
            let failures = watch(&failures, observer, &self.stop, &self.meter);
            (worker.join(), look.join(), failures)
        });
        self.forget_index();
        match whole.map_err(|panic| crashed(&*panic))? {
            Ok(whole) if whole.len() < parents.len() => return Ok(Attempt::Lost(whole)),
            // Why, the backup itself has been told.
            Ok(_) | Err(Error::Cancelled) => {}
            Err(error) => return Err(error),
        }
        let saved = outcome.map_err(|panic| crashed(&*panic))?;
        let saved = saved.map_err(|e| failure(&self.guard, &self.storage, &e))?;
        Ok(Attempt::Saved(Box::new(BackupReport { missing_packs, ..report(&saved, &counts, failures) })))
    }

    fn how(&self, parents: &[Snapshot]) -> rustic_core::BackupOptions {
        let mut how = rustic_core::BackupOptions::default();
        how.parent_opts.parents = parents.iter().map(|parent| parent.id.clone()).collect();
        how.parent_opts.force = parents.is_empty();
        // What was there last time is estimate enough; a walk of its own costs every backup.
        let expected = parents.iter().map(|parent| parent.bytes).max().unwrap_or(0);
        how.no_scan = expected > 0;
        self.meter.total.store(expected, Ordering::Relaxed);
        how
    }

    fn own_folder(&self) -> Option<PathBuf> {
        match &self.storage {
            Storage::Folder(path) => platform::absolute(path).ok(),
            Storage::Service(_) | Storage::Bucket(_) | Storage::Sftp(_) => None,
        }
    }
}

/// All paths as the snapshot names them, so that the next run finds this one even when a path is
/// missing then. A snapshot's own list of paths is text; the tree has the bytes.
fn absolute(paths: &[PathBuf]) -> Vec<PathBuf> {
    let absolute = |path: &PathBuf| platform::absolute(path).unwrap_or_else(|_| path.clone());
    paths.iter().map(|path| PathBuf::from(absolute(path).to_string_lossy().into_owned())).collect()
}

/// Those paths that can be walked: sorted, none within another.
fn roots(paths: &[PathBuf], shared: &Shared) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        let absolute = platform::absolute(path).unwrap_or_else(|_| path.clone());
        match fs::metadata(&absolute) {
            Ok(_) => found.push(absolute),
            Err(e) if e.kind() == io::ErrorKind::NotFound => shared.failed(&absolute, "it does not exist"),
            Err(e) => shared.failed(&absolute, e),
        }
    }
    found.sort();
    let mut roots: Vec<PathBuf> = Vec::new();
    for path in found {
        if !roots.last().is_some_and(|last| path.starts_with(last)) {
            roots.push(path);
        }
    }
    roots
}

/// The snapshots to compare with, newest first: for each path the newest that has it, of this
/// host where there is any (it may have been renamed). A time that lies ahead was written under
/// a wrong clock, or to keep every later snapshot from being compared with.
fn parents(all: Vec<Snapshot>, labels: &[PathBuf], options: &BackupOptions) -> Vec<Snapshot> {
    let mut candidates: Vec<Snapshot> = all.into_iter().filter(|s| s.time <= options.time + CLOCKS_DIFFER).collect();
    if candidates.iter().any(|s| s.host == options.host) {
        candidates.retain(|s| s.host == options.host);
    }
    let mut wanted: Vec<&Path> = labels.iter().map(PathBuf::as_path).collect();
    let mut parents = Vec::new();
    for candidate in candidates.into_iter().rev() {
        let has = |path: &Path| candidate.paths.iter().any(|p| path.starts_with(p) || Path::new(p).starts_with(path));
        let before = wanted.len();
        wanted.retain(|path| !has(path));
        if wanted.len() < before {
            parents.push(candidate);
        }
        if wanted.is_empty() || parents.len() == MOST_PARENTS {
            break;
        }
    }
    parents
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path: &PathBuf| Path::display(path).to_string()).collect::<Vec<_>>().join(", ")
}

/// Looks at all that a backup will look at, so that the disk has it ready: opening a repository
/// takes the processor a while, on purpose, and the disk nothing. Ends with the value.
pub struct LookAhead {
    stop: Arc<Stop>,
    thread: Option<thread::JoinHandle<()>>,
}

impl LookAhead {
    /// Begins. What goes wrong here is told by the backup.
    pub fn begin(options: &BackupOptions) -> Self {
        let stop = Arc::<Stop>::default();
        let (failures, _) = mpsc::channel();
        let shared = Shared {
            meter: Arc::default(),
            stop: Arc::clone(&stop),
            failures,
            counts: Arc::default(),
            all_is_read: false,
            share: Share::default(),
            inspector: None,
        };
        let roots = roots(&options.paths, &shared);
        let excludes = globs::set(&options.excludes).unwrap_or_default();
        let (max_file_bytes, one_file_system) = (options.max_file_bytes, options.one_file_system);
        let (own, frozen, shared) = (None, Arc::default(), Arc::new(shared));
        let source = Source { roots, excludes, max_file_bytes, one_file_system, own, frozen, shared };
        let look = move || drop(source.size());
        Self { stop, thread: thread::Builder::new().name("look-ahead".into()).spawn(look).ok() }
    }
}

impl Drop for LookAhead {
    fn drop(&mut self) {
        self.stop.ask();
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

fn snapshot_file(options: &BackupOptions) -> Result<SnapshotFile> {
    let bad = |what: String| Error::BadOption(what);
    let nanos =
        i128::from(options.time.timestamp()) * 1_000_000_000 + i128::from(options.time.timestamp_subsec_nanos());
    let time = Timestamp::from_nanosecond(nanos).map_err(|e| bad(format!("the time {}: {e}", options.time)))?;
    let mut snapshot = SnapshotOptions::default();
    snapshot.host = Some(options.host.clone());
    snapshot.time = Some(time.to_zoned(TimeZone::UTC));
    // Otherwise rustic_core keeps our arguments.
    snapshot.command = Some("keepwatch".to_owned());
    for tag in &options.tags {
        snapshot = snapshot.add_tags(tag).map_err(|e| bad(format!("the tag '{tag}': {}", e.display_log())))?;
    }
    let mut file = snapshot.to_snapshot().map_err(|e| bad(format!("these options: {}", e.display_log())))?;
    file.program_version = format!("keepwatch {}", env!("CARGO_PKG_VERSION"));
    Ok(file)
}

fn report(saved: &SnapshotFile, counts: &Counts, failures: Failures) -> BackupReport {
    let summary = saved.summary.clone().unwrap_or_default();
    BackupReport {
        snapshot: Snapshot::from(saved),
        files_new: summary.files_new,
        files_changed: summary.files_changed,
        files_unchanged: counts.unchanged.load(Ordering::Relaxed),
        files_noise: counts.noise.load(Ordering::Relaxed),
        left_out: counts.left_out(),
        bytes: summary.total_bytes_processed,
        bytes_added: summary.data_added_packed,
        failed: failures.count,
        failures: failures.named,
        missing_packs: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(id: &str, hours: i64, host: &str, paths: &[&str]) -> Snapshot {
        Snapshot {
            id: id.into(),
            time: DateTime::UNIX_EPOCH + TimeDelta::hours(hours),
            host: host.into(),
            paths: paths.iter().map(|p| (*p).to_owned()).collect(),
            tags: vec![],
            files: 1,
            bytes: 1,
        }
    }

    #[test]
    fn a_backup_compares_with_the_newest_that_has_each_path() {
        let both = snapshot("both", 1, "pc", &["/home/li", "/srv"]);
        let home = snapshot("home", 2, "pc", &["/home/li"]);
        let other = snapshot("other", 3, "elsewhere", &["/home/li"]);
        let ahead = snapshot("ahead", 40_000, "pc", &["/home/li", "/srv"]);
        for (all, host, labels, expected) in [
            (vec![], "pc", vec!["/home/li"], vec![]),
            (vec![&both, &home, &other, &ahead], "pc", vec!["/home/li"], vec!["home"]),
            (vec![&both, &home, &other, &ahead], "pc", vec!["/home/li", "/srv"], vec!["home", "both"]),
            // One more user, and a part of what was saved.
            (vec![&both], "pc", vec!["/home/li", "/home/wang", "/srv/files"], vec!["both"]),
            (vec![&both], "pc", vec!["/opt"], vec![]),
            // The host was renamed.
            (vec![&both, &home], "new name", vec!["/srv"], vec!["both"]),
        ] {
            let options = BackupOptions {
                host: host.into(),
                time: DateTime::UNIX_EPOCH + TimeDelta::hours(5),
                ..BackupOptions::default()
            };
            let labels: Vec<PathBuf> = labels.iter().map(PathBuf::from).collect();
            let found = parents(all.into_iter().cloned().collect(), &labels, &options);
            let ids: Vec<&str> = found.iter().map(|s| s.id.as_str()).collect();
            assert_eq!(ids, expected, "{host} {labels:?}");
        }
    }
}
