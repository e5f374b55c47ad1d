//! What must survive a power cut: the desired state, which jobs were begun and ended, when
//! each schedule was last followed, and the outbox. Each transition is one transaction
//! together with the event that tells of it, so that no event is ever lost or told of
//! something that did not happen.

mod book;
mod jobs;
mod lineage;
mod outbox;
mod turn;

pub(crate) use lineage::{Lineage, Rebirth};
pub(crate) use turn::Turn;

use crate::ledger::book::Book;
use chrono::{DateTime, Utc};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::{BootId, HostId, JobId};
use keepwatch_proto::job::{Ended, FailureKind, JobSpec, JobState, Wait};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tokio::sync::watch;
use turn::turn_key;

/// Ended jobs that are remembered though nobody offers them any more.
const REMEMBERED: usize = 256;

/// All that deciding needs.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// What is wanted; nothing was said yet on a new host.
    pub(crate) desired: Option<Desired>,
    /// Jobs that were begun at some time; they are never begun again.
    pub(crate) known: BTreeSet<JobId>,
    /// Kinds of the jobs that run.
    pub(crate) running: BTreeMap<JobId, String>,
    /// What waits for leave.
    pub(crate) wait: Option<Wait>,
    /// The schedule of scans.
    pub(crate) scan: Turn,
    /// The schedule of backups.
    pub(crate) backup: Turn,
}

/// What is remembered of a job.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    kind: String,
    scheduled: bool,
    began: DateTime<Utc>,
    ended: Option<JobState>,
    /// What it does, until it ends.
    #[serde(default)]
    spec: Option<JobSpec>,
    /// How often it went on.
    #[serde(default)]
    taken_up: u32,
    /// How it ends if no more is heard of it: what it is for is done.
    #[serde(default)]
    so_far: Option<Ended>,
}

/// Why a job begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Staff asked for it.
    Asked,
    /// The policy's schedule did. How it ends is remembered as the schedule's turn.
    Schedule,
    /// A removable medium appeared.
    Medium,
}

/// A ledger that cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    /// Held by another process.
    #[error("another agent runs on this state folder; stop it first")]
    Busy,
    /// The disk, most likely.
    #[error("the ledger cannot be kept: {0}; check the disk that holds the agent's state")]
    Store(#[from] redb::Error),
    /// Something in it is not what was written.
    #[error("the ledger holds something unreadable: {0}")]
    Content(#[from] serde_json::Error),
    /// The file could not be moved away.
    #[error("the ledger {0} cannot be replaced: {1}")]
    Replace(PathBuf, std::io::Error),
}

/// The ledger.
pub(crate) struct Ledger {
    db: Database,
    boot: BootId,
    clock: Clock,
    revision: watch::Sender<u64>,
}

impl Ledger {
    /// Opens the host's ledger, or begins one. A damaged one is put aside: an agent that
    /// works with a new one is worth more than none, and the new boot id tells of it.
    pub(crate) fn open(path: &Path, host: HostId, enrolled: DateTime<Utc>, clock: Clock) -> Result<Self, LedgerError> {
        match Self::begin(path, host, enrolled, clock.clone()) {
            Ok(Some(ledger)) => return Ok(ledger),
            Ok(None) => put_aside(path, "former")?,
            Err(LedgerError::Content(error)) => {
                tracing::error!("the ledger is damaged and a new one is begun: {error}");
                put_aside(path, "damaged")?;
            }
            Err(LedgerError::Store(redb::Error::Corrupted(error))) => {
                tracing::error!("the ledger is damaged and a new one is begun: {error}");
                put_aside(path, "damaged")?;
            }
            Err(error) => return Err(error),
        }
        Self::begin(path, host, enrolled, clock)?.ok_or(LedgerError::Busy)
    }

    /// `None`: it belongs to the host that this PC was before.
    fn begin(path: &Path, host: HostId, enrolled: DateTime<Utc>, clock: Clock) -> Result<Option<Self>, LedgerError> {
        let db = Database::builder().set_cache_size(1 << 20).create(path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => LedgerError::Busy,
            // A file of something else entirely has no header.
            DatabaseError::Storage(StorageError::Io(e)) if e.kind() == std::io::ErrorKind::InvalidData => {
                redb::Error::Corrupted(e.to_string()).into()
            }
            other => redb::Error::from(other).into(),
        })?;
        let txn = db.begin_write().map_err(redb::Error::from)?;
        let boot = {
            let mut book = Book::open(&txn, clock.now())?;
            match book.get::<(HostId, BootId)>("boot")? {
                Some((owner, _)) if owner != host => return Ok(None),
                Some((_, boot)) => boot,
                None => {
                    let boot = BootId::new(&clock);
                    book.put("boot", &(host, boot))?;
                    let turn = Turn { since: enrolled, not_before: None, failures: 0 };
                    book.put(&turn_key("scan"), &turn)?;
                    book.put(&turn_key("backup"), &turn)?;
                    boot
                }
            }
        };
        txn.commit().map_err(redb::Error::from)?;
        Ok(Some(Self { db, boot, clock, revision: watch::Sender::new(0) }))
    }

    /// The life of this ledger.
    pub(crate) fn boot(&self) -> BootId {
        self.boot
    }

    /// Told whenever something changed.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// One transition: all of it is kept, or nothing.
    fn write<T>(&self, step: impl FnOnce(&mut Book<'_>) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let txn = self.db.begin_write().map_err(redb::Error::from)?;
        let done = step(&mut Book::open(&txn, self.clock.now())?)?;
        txn.commit().map_err(redb::Error::from)?;
        self.revision.send_modify(|revision| *revision += 1);
        Ok(done)
    }

    /// Takes a desired state over, if it is newer than the one held. Jobs in it that this
    /// agent cannot make sense of have failed with that.
    pub(crate) fn apply(&self, desired: &Desired, unreadable: &[(JobId, String)]) -> Result<bool, LedgerError> {
        if desired.generation <= self.generation()? {
            return Ok(false);
        }
        self.write(|book| {
            book.put("desired", desired)?;
            for (job, reason) in unreadable {
                if book.record(*job)?.is_none() {
                    book.end(*job, "unknown", false, Ended::failed(reason.as_str()).by(FailureKind::Refused))?;
                }
            }
            let offered = desired.jobs.iter().map(|job| job.id).chain(unreadable.iter().map(|(id, _)| *id));
            book.forget(&offered.collect(), REMEMBERED)
        })?;
        Ok(true)
    }

    /// What is wanted; nothing was said yet on a new host.
    pub(crate) fn desired(&self) -> Result<Option<Desired>, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        book::read_desired(&txn.open_table(book::META).map_err(redb::Error::from)?)
    }

    /// The newest generation that was applied; 0 on a new host.
    pub(crate) fn generation(&self) -> Result<u64, LedgerError> {
        Ok(self.desired()?.map_or(0, |desired| desired.generation))
    }

    /// All that deciding needs.
    pub(crate) fn standing(&self) -> Result<Standing, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        let meta = txn.open_table(book::META).map_err(redb::Error::from)?;
        let jobs = txn.open_table(book::JOBS).map_err(redb::Error::from)?;
        let (mut known, mut running) = (BTreeSet::new(), BTreeMap::new());
        for entry in jobs.iter().map_err(redb::Error::from)? {
            let (job, record) = entry.map_err(redb::Error::from)?;
            let (job, record) = (book::job_id(job.value())?, serde_json::from_slice::<Record>(record.value())?);
            known.insert(job);
            if record.ended.is_none() {
                running.insert(job, record.kind);
            }
        }
        let turn = |kind: &str| book::read::<Turn>(&meta, &turn_key(kind)).map(|t| t.unwrap_or_default());
        let (desired, wait) = (book::read_desired(&meta)?, book::read_wait(&meta)?);
        Ok(Standing { desired, known, running, wait, scan: turn("scan")?, backup: turn("backup")? })
    }
}

fn put_aside(path: &Path, why: &str) -> Result<(), LedgerError> {
    let aside = path.with_extension(format!("redb.{why}"));
    std::fs::rename(path, aside).map_err(|e| LedgerError::Replace(path.to_owned(), e))
}

#[cfg(test)]
mod tests;
