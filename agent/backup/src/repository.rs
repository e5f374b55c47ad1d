//! One repository, open: its snapshots, and the state that backup, browse and restore
//! share. Short-lived: the index is read once, at first need, so open a new one to see what
//! others have written since.

use crate::cache;
use crate::error::{Error, Result};
use crate::guard::Guard;
use crate::keys;
use crate::meter::{Bars, Meter};
use crate::stop::Stop;
use crate::storage::{Objects, Storage, StorageError};
use crate::tree::Indexed;
use chrono::{DateTime, Utc};
use rustic_core::repofile::SnapshotFile;
use rustic_core::{
    ConfigOptions, Credentials, FileType, Id, KeyOptions, OpenStatus, ReadBackend, RepairIndexOptions,
    RepositoryBackends, RepositoryOptions, RusticError, RusticResult,
};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Packs wait in memory until they are full, several at a time.
const PACK: &str = "16MiB";
/// zstd's fastest: on office files within a percent of its default, which takes longer than
/// all else together but reading.
const COMPRESSION: i32 = 1;

/// One repository, open.
pub struct Repository {
    pub(crate) inner: rustic_core::Repository<OpenStatus>,
    pub(crate) storage: Storage,
    pub(crate) guard: Arc<Guard>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) meter: Arc<Meter>,
    index: Mutex<Option<Arc<Indexed>>>,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Its id: 64 hexadecimal digits.
    pub id: String,
    /// When it was taken, says the PC.
    pub time: DateTime<Utc>,
    /// The host that was backed up.
    pub host: String,
    /// The roots that were backed up.
    pub paths: Vec<String>,
    /// Its tags.
    pub tags: Vec<String>,
    /// Files in it; 0 when its maker did not say (restic before 0.17).
    pub files: u64,
    /// Bytes of those files; 0 likewise.
    pub bytes: u64,
}

/// Whether there is a repository. Exact: when that cannot be told, it is an error.
pub fn exists(storage: &Storage) -> Result<bool> {
    Ok(storage.open(Arc::default())?.config()?.is_some())
}

/// What a run leaves that was cut off between a new repository's key and its config: a key
/// that opens nothing. Beside a second one it would make opening a matter of luck.
fn remove_unfinished(objects: &dyn Objects, storage: &Storage) -> Result<()> {
    let list = |kind| match objects.list(kind) {
        Err(StorageError::Missing(_)) => Ok(vec![]),
        outcome => outcome,
    };
    objects.create()?;
    for kind in [FileType::Snapshot, FileType::Index, FileType::Pack] {
        if !list(kind)?.is_empty() {
            return Err(Error::NoConfig { location: storage.location(), what: "is gone".to_owned() });
        }
    }
    for (key, _) in list(FileType::Key)? {
        if objects.config()?.is_some() {
            // Somebody else was quicker.
            return Err(Error::AlreadyThere(storage.location()));
        }
        objects.remove(FileType::Key, &key)?;
    }
    Ok(())
}

/// Why there is nothing to open: no repository, or one that has lost its config.
fn nothing_to_open(storage: &Storage) -> Result<Error> {
    let (objects, location) = (storage.open(Arc::default())?, storage.location());
    let any = |kind| matches!(objects.list(kind), Ok(listed) if !listed.is_empty());
    Ok(match any(FileType::Key) && any(FileType::Snapshot) {
        true => Error::NoConfig { location, what: "is gone".to_owned() },
        false => Error::NoRepository(location),
    })
}

impl Repository {
    /// Makes a new repository and opens it. The password is all that opens it later.
    pub fn init(storage: &Storage, password: &str) -> Result<Self> {
        if exists(storage)? {
            return Err(Error::AlreadyThere(storage.location()));
        }
        remove_unfinished(&*storage.open(Arc::default())?, storage)?;
        Self::start(storage, &[], |repository| {
            let mut config = ConfigOptions::default();
            config.set_version = Some(2);
            config.set_compression = Some(COMPRESSION);
            config.set_datapack_size = PACK.parse().ok();
            config.set_datapack_growfactor = Some(0);
            // Each blob would be decrypted and unpacked once more before it is sent: a fifth of a
            // backup's time, against faulty memory. Verifying snapshots finds that, too.
            config.set_extra_verify = Some(false);
            let credentials = Credentials::Password(password.to_owned());
            repository.init(&credentials, &KeyOptions::default(), &config)
        })
    }

    /// Opens a repository.
    pub fn open(storage: &Storage, password: &str) -> Result<Self> {
        if !exists(storage)? {
            return Err(nothing_to_open(storage)?);
        }
        let open = |hidden: &[Id]| {
            let credentials = Credentials::Password(password.to_owned());
            Self::start(storage, hidden, |repository| repository.open(&credentials))
        };
        match open(&[]) {
            Err(error @ (Error::Broken { .. } | Error::Crashed(_) | Error::WrongPassword(_) | Error::Storage(_))) => {
                keys::open_despite(storage, error, open)
            }
            outcome => outcome,
        }
    }

    fn start(
        storage: &Storage,
        hidden: &[Id],
        open: impl FnOnce(rustic_core::Repository<()>) -> RusticResult<rustic_core::Repository<OpenStatus>>,
    ) -> Result<Self> {
        let stop = Arc::<Stop>::default();
        Self::start_over(storage.open(Arc::clone(&stop))?, stop, storage, hidden, open)
    }

    /// Opens a repository by what stands between it and its storage.
    #[cfg(test)]
    pub(crate) fn open_over(objects: Box<dyn Objects>, storage: &Storage, password: &str) -> Result<Self> {
        let credentials = Credentials::Password(password.to_owned());
        Self::start_over(objects, Arc::default(), storage, &[], |repository| repository.open(&credentials))
    }

    fn start_over(
        objects: Box<dyn Objects>,
        stop: Arc<Stop>,
        storage: &Storage,
        hidden: &[Id],
        open: impl FnOnce(rustic_core::Repository<()>) -> RusticResult<rustic_core::Repository<OpenStatus>>,
    ) -> Result<Self> {
        storage.cache().into_iter().for_each(cache::sweep);
        let meter = Arc::<Meter>::default();
        let guard = Arc::new(Guard::new(objects, Arc::clone(&stop)));
        guard.hide(hidden.iter().copied());
        let opened = contained(|| closed(&guard, &meter, storage.cache()).and_then(open))?;
        let inner = opened.map_err(|e| failure(&guard, storage, &e))?;
        Ok(Self { inner, storage: storage.clone(), guard, stop, meter, index: Mutex::default() })
    }

    /// Has a backup wait before it reads on, or lets it go on; from another thread.
    pub fn hold(&self, held: bool) {
        self.stop.hold(held);
    }

    /// All snapshots, oldest first. One that cannot be read is left out and logged: a PC
    /// that was taken over must not be able to hide its older, good ones behind it.
    pub fn snapshots(&self) -> Result<Vec<Snapshot>> {
        Ok(self.snapshot_files()?.iter().map(Snapshot::from).collect())
    }

    /// Snapshots that are there and cannot be read.
    pub(crate) fn unreadable_snapshots(&self) -> Result<Vec<Id>> {
        let listed = self.run(|| ReadBackend::list_with_size(&*self.guard, FileType::Snapshot))?;
        let readable: HashSet<Id> = self.snapshot_files()?.iter().map(|file| *file.id).collect();
        Ok(listed.into_iter().map(|(id, _)| id).filter(|id| !readable.contains(id)).collect())
    }

    pub(crate) fn snapshot_files(&self) -> Result<Vec<SnapshotFile>> {
        let files = self.run(|| self.inner.stream_files::<SnapshotFile>().map(Iterator::collect::<Vec<_>>))?;
        let mut snapshots = Vec::new();
        for file in files {
            match file {
                Ok((id, mut snapshot)) => {
                    snapshot.id = id;
                    snapshots.push(snapshot);
                }
                // The storage itself failing is no matter of one snapshot.
                Err(e) => match self.guard.take_failure() {
                    Some(error) => return Err(error.into()),
                    None => tracing::warn!(error = e.display_log(), "a snapshot cannot be read"),
                },
            }
        }
        snapshots.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| a.id.cmp(&b.id)));
        Ok(snapshots)
    }

    /// The snapshot that `text` means: an id, the start of one, or `latest`.
    pub(crate) fn resolve(&self, text: &str) -> Result<SnapshotFile> {
        let mut all = self.snapshot_files()?;
        if text == "latest" {
            return all.pop().ok_or_else(|| Error::NoSuchSnapshot(text.to_owned()));
        }
        let wanted = text.to_ascii_lowercase();
        let mut matching = all.into_iter().filter(|s| !wanted.is_empty() && s.id.to_hex().starts_with(&wanted));
        match (matching.next(), matching.next()) {
            (Some(snapshot), None) => Ok(snapshot),
            (None, _) => {
                let lost = self.unreadable_snapshots()?.into_iter().map(|id| id.to_hex().to_string());
                let lost = lost.into_iter().find(|id| !wanted.is_empty() && id.starts_with(&wanted));
                Err(lost.map_or_else(|| Error::NoSuchSnapshot(text.to_owned()), Error::LostSnapshot))
            }
            (Some(_), Some(_)) => Err(Error::AmbiguousSnapshot(text.to_owned())),
        }
    }

    /// One more of the same, to be consumed by what needs the index. The key is known.
    pub(crate) fn again(&self) -> RusticResult<rustic_core::Repository<OpenStatus>> {
        closed(&self.guard, &self.meter, self.storage.cache())?.open(&Credentials::Masterkey(self.inner.key()))
    }

    /// The repository with its index.
    pub(crate) fn indexed(&self) -> Result<Arc<Indexed>> {
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(indexed) = &*index {
            return Ok(Arc::clone(indexed));
        }
        let indexed = Arc::new(self.despite_broken_indexes(|| self.run(|| self.again()?.to_indexed()))?);
        *index = Some(Arc::clone(&indexed));
        Ok(indexed)
    }

    /// The same with what the packs that no index names say of themselves. Nothing is stored.
    pub(crate) fn indexed_by_packs(&self) -> Result<Arc<Indexed>> {
        tracing::warn!("the indexes do not name all that is needed; the packs are asked themselves");
        let indexed = Arc::new(self.despite_broken_indexes(|| self.of_packs(None))?);
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&indexed));
        Ok(indexed)
    }

    /// The repository by an index that is made anew: of all packs, or as if there were this one alone.
    pub(crate) fn of_packs(&self, only: Option<Id>) -> Result<Indexed> {
        let guard = Arc::new(self.guard.below_own_indexes(only));
        self.run(|| {
            let open = || closed(&guard, &self.meter, None)?.open(&Credentials::Masterkey(self.inner.key()));
            open()?.repair_index(&RepairIndexOptions::default(), false)?;
            open()?.to_indexed()
        })
    }

    /// Lets the next need read the index anew.
    pub(crate) fn forget_index(&self) {
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Starts a run with clean counters, no wish to stop and no failure.
    pub(crate) fn begin(&self) {
        // First: what is still on its way from the run before may ask to stop.
        self.guard.begin();
        self.stop.reset();
        self.meter.reset();
    }

    /// Calls rustic_core: its panics and errors become ours.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> RusticResult<T>) -> Result<T> {
        contained(work)?.map_err(|e| failure(&self.guard, &self.storage, &e))
    }

    /// A text from below rustic_core as our error; where the storage as a whole failed, its own word.
    pub(crate) fn broken(&self, why: String) -> Error {
        let location = self.storage.location();
        self.guard.take_failure().filter(StorageError::is_of_all).map_or(Error::Broken { location, why }, Error::from)
    }
}

fn closed(guard: &Arc<Guard>, meter: &Arc<Meter>, cache: Option<&Path>) -> RusticResult<rustic_core::Repository<()>> {
    let backends = RepositoryBackends::new(Arc::clone(guard) as _, None);
    let mut options = RepositoryOptions::default();
    // Index, snapshots and folders as they are stored, encrypted and authenticated: on a thin
    // line each backup would fetch them anew.
    options.no_cache = cache.is_none();
    options.cache_dir = cache.map(Path::to_owned);
    rustic_core::Repository::new_with_progress(&options, &backends, Bars(Arc::clone(meter)))
}

/// rustic_core unwraps here and there. A crash costs the operation, not the caller.
pub(crate) fn contained<T>(work: impl FnOnce() -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| crashed(&*panic))
}

pub(crate) fn crashed(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    Error::Crashed(text.unwrap_or("without a word").to_owned())
}

pub(crate) fn failure(guard: &Guard, storage: &Storage, error: &RusticError) -> Error {
    match guard.take_failure() {
        Some(StorageError::Cancelled) => Error::Cancelled,
        Some(cause) => Error::Storage(cause),
        None if error.is_incorrect_password() => Error::WrongPassword(storage.location()),
        None => Error::Broken { location: storage.location(), why: error.display_log() },
    }
}

impl From<&SnapshotFile> for Snapshot {
    fn from(file: &SnapshotFile) -> Self {
        let nanos = file.time.timestamp().as_nanosecond();
        let summary = file.summary.as_ref();
        Self {
            id: file.id.to_hex().to_string(),
            time: i64::try_from(nanos).map(DateTime::from_timestamp_nanos).unwrap_or_default(),
            host: file.hostname.clone(),
            paths: file.paths.iter().cloned().collect(),
            tags: file.tags.iter().cloned().collect(),
            files: summary.map_or(0, |s| s.total_files_processed),
            bytes: summary.map_or(0, |s| s.total_bytes_processed),
        }
    }
}
