//! What was judged before, and how: a file that is as it was under the same rules need not be
//! read again, nor a copy of it. Only "nothing matched, and all of it was looked at" is kept;
//! whatever was found is found again by every scan, and so is what could not be opened.
//!
//! A cache, in one database that survives a crash. It is emptied when the rules or the engine
//! change, and when it grows beyond its bound.

use crate::identity::Identity;
use redb::{Builder, Database, ReadOnlyTable, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};
use std::{fmt, fs};

type Files = ReadOnlyTable<&'static Place, &'static Record>;
type Contents = ReadOnlyTable<&'static ContentKey, ()>;
type SetAside = ReadOnlyTable<&'static Place, &'static str>;

/// Volume and number of a file.
type Place = [u8; 16];
/// [State](Identity::state), the names that rules ask for, and [`Known`] as a byte.
type Record = [u8; 33];
/// Of content and the names that rules ask for.
pub(crate) type ContentKey = [u8; 16];

const FILES: TableDefinition<'static, &Place, &Record> = TableDefinition::new("files");
const CONTENTS: TableDefinition<'static, &ContentKey, ()> = TableDefinition::new("contents");
const SET_ASIDE: TableDefinition<'static, &Place, &str> = TableDefinition::new("set-aside");
/// Files and bytes of earlier scans, by what they scanned.
const TOTALS: TableDefinition<'static, &ContentKey, (u64, u64)> = TableDefinition::new("totals");
const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");

/// Entries that are kept; the file takes some 100 bytes for each.
const MOST: u64 = 2_000_000;
/// Of the file, in memory.
const CACHE_BYTES: usize = 16 << 20;
/// Verdicts that are written in one go, and how long they may wait.
const AT_ONCE: usize = 16_384;
const PATIENCE: Duration = Duration::from_secs(5);
/// A change as young as this may be followed by another one under the same time: the times
/// of the coarsest file system (FAT) count in two seconds.
const SETTLED: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_secs(2) };

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// Nothing matched.
    Clean,
    /// Nothing matched, window by window.
    CleanInWindows,
    /// The scanner died on it.
    SetAside(String),
}

/// A cache that cannot be used, and why; the scan is made without it. No `Error` itself, so
/// that every error of the database becomes one.
#[derive(Debug)]
pub(crate) struct CacheError(String);

impl fmt::Display for CacheError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the cache of verdicts cannot be used, every file is judged anew: {}", self.0)
    }
}

impl<E: std::error::Error> From<E> for CacheError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The cache, open for one scan.
pub(crate) struct Verdicts {
    database: Database,
    snapshot: RwLock<Snapshot>,
    /// Changes before this time, in nanoseconds by the file system's clock, are settled.
    settled: i64,
    waiting: Mutex<Waiting>,
}

/// What is read. Taken anew after each write: pages that an old one sees cannot be used again.
struct Snapshot {
    files: Files,
    contents: Contents,
    set_aside: SetAside,
    /// Whether there is anything to look for in `set_aside`.
    any_set_aside: bool,
}

impl Snapshot {
    fn of(database: &Database) -> Result<Self, CacheError> {
        let reading = database.begin_read()?;
        let set_aside: SetAside = reading.open_table(SET_ASIDE)?;
        Ok(Self {
            files: reading.open_table(FILES)?,
            contents: reading.open_table(CONTENTS)?,
            any_set_aside: set_aside.len()? > 0,
            set_aside,
        })
    }
}

struct Waiting {
    files: Vec<(Place, Record, Option<ContentKey>)>,
    since: Instant,
}

impl Verdicts {
    /// Opens the file, making it where there is none, or a new one where it is damaged.
    /// `fingerprint` tells the rules and everything else that a verdict depends on.
    pub(crate) fn open(path: &Path, fingerprint: &[u8; 32]) -> Result<Self, CacheError> {
        Self::open_settled(path, fingerprint, SETTLED)
    }

    fn open_settled(path: &Path, fingerprint: &[u8; 32], settled: Duration) -> Result<Self, CacheError> {
        if !path.parent().is_some_and(crate::platform::only_we_write) {
            return Err(CacheError("others may write into its folder; name one that is private to this user".into()));
        }
        let database = match Builder::new().set_cache_size(CACHE_BYTES).create(path) {
            Ok(database) => database,
            Err(redb::DatabaseError::DatabaseAlreadyOpen) => {
                return Err(CacheError("another scan is using it".into()));
            }
            Err(_) => {
                fs::remove_file(path)?;
                Builder::new().set_cache_size(CACHE_BYTES).create(path)?
            }
        };
        let fits = fits(&database, fingerprint);
        if !fits.unwrap_or(false) {
            begin_anew(&database, fingerprint)?;
        }
        let now = now_by_the_file_system(path)?;
        Ok(Self {
            settled: now.saturating_sub(i64::try_from(settled.as_nanos()).unwrap_or(i64::MAX)),
            snapshot: RwLock::new(Snapshot::of(&database)?),
            database,
            waiting: Mutex::new(Waiting { files: vec![], since: Instant::now() }),
        })
    }

    /// What is known of a file that is as it was.
    pub(crate) fn known(&self, identity: &Identity, names: &[u8; 32]) -> Option<Known> {
        let (place, snapshot) = (place(identity), self.snapshot());
        if snapshot.any_set_aside
            && let Ok(Some(reason)) = snapshot.set_aside.get(&place)
        {
            let (state, reason) = reason.value().split_once(' ')?;
            if state == hex::encode(identity.state()) {
                return Some(Known::SetAside(reason.to_owned()));
            }
        }
        let record = snapshot.files.get(&place).ok()??;
        let clean = record.value() == &record_of(identity, names, &Known::Clean);
        let in_windows = || record.value() == &record_of(identity, names, &Known::CleanInWindows);
        if clean { Some(Known::Clean) } else { in_windows().then_some(Known::CleanInWindows) }
    }

    /// Whether nothing matched in this very content.
    pub(crate) fn content_known(&self, content: &ContentKey) -> bool {
        self.snapshot().contents.get(content).is_ok_and(|known| known.is_some())
    }

    /// Keeps a verdict of a file that stood the same before and after it was read.
    pub(crate) fn keep(&self, identity: &Identity, names: &[u8; 32], known: &Known, content: Option<ContentKey>) {
        if identity.changed >= self.settled || identity.modified >= self.settled {
            return;
        }
        let mut waiting = self.waiting();
        waiting.files.push((place(identity), record_of(identity, names, known), content));
        if waiting.files.len() >= AT_ONCE || waiting.since.elapsed() > PATIENCE {
            // A verdict that is lost costs reading the file once more.
            let _ = self.write(&mut waiting);
        }
    }

    /// Remembers a file that the scanner died on, until it or the rules change.
    pub(crate) fn set_aside(&self, identity: &Identity, reason: &str) -> Result<(), CacheError> {
        let writing = self.database.begin_write()?;
        let text = format!("{} {reason}", hex::encode(identity.state()));
        writing.open_table(SET_ASIDE)?.insert(&place(identity), text.as_str())?;
        writing.commit()?;
        self.look_again()
    }

    /// Files and bytes that an earlier scan of the same met.
    pub(crate) fn totals(&self, what: &ContentKey) -> Option<(u64, u64)> {
        let reading = self.database.begin_read().ok()?;
        let totals = reading.open_table(TOTALS).ok()?;
        totals.get(what).ok()?.map(|t| t.value())
    }

    /// Writes down what waits, and what the scan met in all.
    pub(crate) fn close(&self, what: &ContentKey, totals: Option<(u64, u64)>) -> Result<(), CacheError> {
        if let Some(totals) = totals.filter(|totals| self.totals(what) != Some(*totals)) {
            let writing = self.database.begin_write()?;
            writing.open_table(TOTALS)?.insert(what, totals)?;
            writing.commit()?;
        }
        self.write(&mut self.waiting())
    }

    fn write(&self, waiting: &mut Waiting) -> Result<(), CacheError> {
        waiting.since = Instant::now();
        if waiting.files.is_empty() {
            return Ok(());
        }
        let writing = self.database.begin_write()?;
        {
            let (mut files, mut contents) = (writing.open_table(FILES)?, writing.open_table(CONTENTS)?);
            for (place, record, content) in waiting.files.drain(..) {
                if files.len()? >= MOST {
                    break;
                }
                files.insert(&place, &record)?;
                if let Some(content) = content {
                    contents.insert(&content, ())?;
                }
            }
        }
        writing.commit()?;
        self.look_again()
    }

    fn look_again(&self) -> Result<(), CacheError> {
        *self.snapshot.write().unwrap_or_else(PoisonError::into_inner) = Snapshot::of(&self.database)?;
        Ok(())
    }

    fn snapshot(&self) -> RwLockReadGuard<'_, Snapshot> {
        self.snapshot.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether what it holds was judged under the same rules, and is not too much.
fn fits(database: &Database, fingerprint: &[u8; 32]) -> Result<bool, CacheError> {
    let reading = database.begin_read()?;
    let meta = reading.open_table(META)?;
    let same = meta.get("fingerprint")?.is_some_and(|kept| kept.value() == fingerprint);
    Ok(same && reading.open_table(FILES)?.len()? < MOST)
}

fn begin_anew(database: &Database, fingerprint: &[u8; 32]) -> Result<(), CacheError> {
    let writing = database.begin_write()?;
    writing.delete_table(FILES)?;
    writing.delete_table(CONTENTS)?;
    writing.delete_table(SET_ASIDE)?;
    {
        let (_files, _contents) = (writing.open_table(FILES)?, writing.open_table(CONTENTS)?);
        let (_set_aside, _totals) = (writing.open_table(SET_ASIDE)?, writing.open_table(TOTALS)?);
        writing.open_table(META)?.insert("fingerprint", fingerprint.as_slice())?;
    }
    Ok(writing.commit()?)
}

/// The time that the kernel would give a change made now: files are compared with it, and a
/// clock that was set differently would be no measure.
fn now_by_the_file_system(beside: &Path) -> Result<i64, CacheError> {
    let probe = beside.with_extension("now");
    let file = fs::File::create(&probe)?;
    let metadata = file.metadata()?;
    fs::remove_file(&probe)?;
    let identity = crate::platform::identity(&file, &metadata).ok_or(std::io::Error::other("no time"))?;
    Ok(identity.changed.max(identity.modified))
}

fn place(identity: &Identity) -> Place {
    let mut place = [0; 16];
    // In this order neighbours on the disk are neighbours here, and few pages are written.
    place[..8].copy_from_slice(&identity.volume.to_be_bytes());
    place[8..].copy_from_slice(&identity.file.to_be_bytes());
    place
}

fn record_of(identity: &Identity, names: &[u8; 32], known: &Known) -> Record {
    let mut record = [0; 33];
    record[..24].copy_from_slice(&identity.state());
    record[24..32].copy_from_slice(&names[..8]);
    record[32] = match known {
        Known::Clean => 0,
        Known::CleanInWindows => 1,
        Known::SetAside(_) => 2,
    };
    record
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NAMES: [u8; 32] = [7; 32];

    fn identity(file: u64, changed: i64) -> Identity {
        Identity { volume: 1, file, size: 10, modified: 5, changed }
    }

    #[test]
    fn what_was_kept_is_known_as_long_as_nothing_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts");
        let open = |rules: u8| Verdicts::open(&path, &[rules; 32]).unwrap();
        let verdicts = open(1);
        verdicts.keep(&identity(1, 100), &NAMES, &Known::Clean, Some([9; 16]));
        verdicts.keep(&identity(2, 100), &NAMES, &Known::CleanInWindows, None);
        verdicts.close(&[0; 16], Some((2, 20))).unwrap();
        drop(verdicts);

        let verdicts = open(1);
        assert_eq!(verdicts.known(&identity(1, 100), &NAMES), Some(Known::Clean));
        assert_eq!(verdicts.known(&identity(2, 100), &NAMES), Some(Known::CleanInWindows));
        assert!(verdicts.content_known(&[9; 16]) && !verdicts.content_known(&[8; 16]));
        assert_eq!(verdicts.totals(&[0; 16]), Some((2, 20)));
        for other in [
            identity(1, 101),
            identity(3, 100),
            Identity { size: 11, ..identity(1, 100) },
            Identity { modified: 6, ..identity(1, 100) },
            Identity { volume: 2, ..identity(1, 100) },
        ] {
            assert_eq!(verdicts.known(&other, &NAMES), None, "{other:?}");
        }
        assert_eq!(verdicts.known(&identity(1, 100), &[8; 32]), None, "another name, and rules ask for it");
        drop(verdicts);

        let verdicts = open(2);
        assert_eq!(verdicts.known(&identity(1, 100), &NAMES), None, "other rules");
        assert!(!verdicts.content_known(&[9; 16]));
        assert_eq!(verdicts.totals(&[0; 16]), Some((2, 20)));
    }

    #[test]
    fn a_change_of_just_now_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts");
        let young = {
            let file = fs::File::create(dir.path().join("young")).unwrap();
            crate::platform::identity(&file, &file.metadata().unwrap()).unwrap()
        };
        for (settled, kept) in [(Duration::from_secs(2), false), (Duration::ZERO, true)] {
            // Until the coarse clock has moved on from the file's birth.
            let verdicts = loop {
                let verdicts = Verdicts::open_settled(&path, &[1; 32], settled).unwrap();
                if !kept || young.changed < verdicts.settled {
                    break verdicts;
                }
            };
            verdicts.keep(&young, &NAMES, &Known::Clean, None);
            verdicts.close(&[0; 16], None).unwrap();
            drop(verdicts);
            let known = Verdicts::open(&path, &[1; 32]).unwrap().known(&young, &NAMES);
            assert_eq!(known.is_some(), kept);
        }
    }

    #[test]
    fn what_was_set_aside_stays_so_until_it_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts");
        Verdicts::open(&path, &[1; 32]).unwrap().set_aside(&identity(1, 100), "it died").unwrap();
        let verdicts = Verdicts::open(&path, &[1; 32]).unwrap();
        assert_eq!(verdicts.known(&identity(1, 100), &NAMES), Some(Known::SetAside("it died".into())));
        assert_eq!(verdicts.known(&identity(1, 101), &NAMES), None);
    }

    #[test]
    fn garbage_is_replaced_and_a_second_scan_does_without() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("verdicts");
        fs::write(&path, vec![0x5a; 100_000]).unwrap();
        let first = Verdicts::open(&path, &[1; 32]).unwrap();
        assert_eq!(first.known(&identity(1, 100), &NAMES), None);
        let error = Verdicts::open(&path, &[1; 32]).err().unwrap().to_string();
        assert!(error.contains("another scan is using it"), "{error}");
    }
}
