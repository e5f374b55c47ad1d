//! What must survive a power cut: the desired state, which jobs were begun and ended, when
//! each schedule was last followed, and the outbox. Each transition is one transaction
//! together with the event that tells of it, so that no event is ever lost or told of
//! something that did not happen.

mod book;
mod lineage;

pub(crate) use lineage::{Lineage, Rebirth};

use crate::ledger::book::Book;
use chrono::{DateTime, Utc};
use keepwatch_proto::canary::Canary;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::desired::Desired;
use keepwatch_proto::detection::Detection;
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::ids::{BootId, HostId, JobId};
use keepwatch_proto::job::{Ended, FailureKind, JobSpec, JobState, KnownJobs, Wait, Want};
use keepwatch_proto::quarantine::{Changed, Item};
use redb::{Database, DatabaseError, ReadableDatabase, ReadableTable, StorageError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use tokio::sync::watch;

/// One schedule's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// What came due after this is still to be done.
    pub(crate) since: DateTime<Utc>,
    /// After a failure: not again before this.
    pub(crate) not_before: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub(crate) failures: usize,
}

/// A scan goes on after so many interruptions: it may be what stops the PC.
const MOST_TAKEN_UP: u32 = 20;
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

    /// A job begins. False: it was begun before, and must not be again.
    pub(crate) fn start(&self, job: JobId, spec: &JobSpec, cause: Cause) -> Result<bool, LedgerError> {
        self.write(|book| {
            if book.record(job)?.is_some() {
                return Ok(false);
            }
            book.begin(job, spec, cause)?;
            if book.wait()?.is_some_and(|wait| wait.want.job == job) {
                book.put_wait(None)?;
            }
            let (scheduled, medium) = (cause != Cause::Asked, cause == Cause::Medium);
            book.tell(EventKind::Started { job, spec: spec.clone(), scheduled, medium })?;
            Ok(true)
        })
    }

    /// What a scan found.
    pub(crate) fn found(&self, detections: Vec<Detection>) -> Result<(), LedgerError> {
        self.write(|book| detections.into_iter().try_for_each(|d| book.tell(EventKind::Detection(d))))
    }

    /// A job has ended. A second end of the same job changes nothing.
    pub(crate) fn end(&self, job: JobId, ended: Ended) -> Result<(), LedgerError> {
        self.write(|book| self.end_in(book, job, ended))
    }

    fn end_in(&self, book: &mut Book<'_>, job: JobId, ended: Ended) -> Result<(), LedgerError> {
        let Some(Record { ended: None, kind, scheduled, began, .. }) = book.record(job)? else { return Ok(()) };
        if scheduled {
            let before: Turn = book.turn(&kind)?;
            let after = before.after(&ended, began, self.clock.now(), book.retries()?);
            book.put(&turn_key(&kind), &after)?;
        }
        book.end(job, &kind, scheduled, ended)
    }

    /// A job has done what it is for, and goes on; this is how it ends if no more is heard of it.
    pub(crate) fn so_far(&self, job: JobId, ended: Ended) -> Result<(), LedgerError> {
        self.write(|book| match book.record(job)? {
            Some(record @ Record { ended: None, .. }) => {
                book.put_record(job, &Record { so_far: Some(ended), ..record })
            }
            _ => Ok(()),
        })
    }

    /// A job that will not be begun: it was called off, or its time is over.
    pub(crate) fn drop_unbegun(&self, job: JobId, spec: &JobSpec, ended: Ended) -> Result<(), LedgerError> {
        let now = self.clock.now();
        self.write(|book| {
            if book.record(job)?.is_some() {
                return Ok(());
            }
            let waited = book.wait()?.filter(|wait| wait.want.job == job);
            let scheduled = waited.as_ref().is_some_and(|wait| wait.want.scheduled);
            if waited.is_some() {
                book.put_wait(None)?;
            }
            if scheduled {
                // Whoever called it off means this run, and not the next one at once.
                let turn = Turn { since: now, not_before: None, failures: 0 };
                book.put(&turn_key(spec.kind()), &turn)?;
            }
            book.end(job, spec.kind(), scheduled, Ended { spec: Some(spec.clone()), ..ended })
        })
    }

    /// From now on this waits for leave. Whatever waited before does not.
    pub(crate) fn wait(&self, want: Want) -> Result<(), LedgerError> {
        let wait = Wait { want, since: self.clock.now() };
        self.write(|book| book.put_wait(Some(&wait)))
    }

    /// What waits begins to wait now: the PC was off or asleep, and nobody could have answered. Its
    /// place in the queue is the controller's to keep.
    pub(crate) fn wait_anew(&self) -> Result<(), LedgerError> {
        if self.standing()?.wait.is_none() {
            return Ok(());
        }
        let since = self.clock.now();
        self.write(|book| match book.wait()? {
            Some(wait) => book.put_wait(Some(&Wait { since, ..wait })),
            None => Ok(()),
        })
    }

    /// Nothing waits any more.
    pub(crate) fn give_up_waiting(&self) -> Result<(), LedgerError> {
        self.write(|book| book.put_wait(None))
    }

    /// What the host would begin at once if it had leave: nothing, while other work keeps it from that.
    pub(crate) fn wanted(&self) -> Result<Option<Want>, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        let wait = book::read_wait(&txn.open_table(book::META).map_err(redb::Error::from)?)?;
        match wait {
            Some(wait) if self.standing()?.running.values().all(|kind| crate::jobs::is_aside(kind)) => {
                Ok(Some(wait.want))
            }
            _ => Ok(None),
        }
    }

    /// What is known of jobs: all that run, and those that are offered and have ended.
    pub(crate) fn known_jobs(&self) -> Result<KnownJobs, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        let meta = txn.open_table(book::META).map_err(redb::Error::from)?;
        let (desired, wait) = (book::read_desired(&meta)?, book::read_wait(&meta)?);
        let offered: BTreeSet<JobId> = desired.iter().flat_map(|d| &d.jobs).map(|job| job.id).collect();
        let jobs = txn.open_table(book::JOBS).map_err(redb::Error::from)?;
        let mut known = KnownJobs { waiting: wait.map(|wait| wait.want.job), ..KnownJobs::default() };
        for entry in jobs.iter().map_err(redb::Error::from)? {
            let (job, record) = entry.map_err(redb::Error::from)?;
            let (job, record) = (book::job_id(job.value())?, serde_json::from_slice::<Record>(record.value())?);
            match record.ended {
                None => known.running.push(job),
                Some(how) if offered.contains(&job) => known.ended.push((job, how)),
                Some(_) => {}
            }
        }
        Ok(known)
    }

    /// At start: whatever was running has no child any more. Scans go on, and are given
    /// back: what they had judged they need not judge again. Everything else has failed; its
    /// schedule, if it had one, is left as it was, so that the work is due again at once.
    pub(crate) fn take_up(&self) -> Result<Vec<(JobId, JobSpec)>, LedgerError> {
        let running = self.standing()?.running;
        self.write(|book| {
            let mut taken_up = Vec::new();
            for job in running.keys() {
                match book.record(*job)? {
                    // Nothing that a scan has done is lost with it; half a backup or restore is worth nothing.
                    Some(Record { spec: Some(spec @ JobSpec::Scan { .. }), taken_up: times, .. })
                        if times < MOST_TAKEN_UP =>
                    {
                        book.taken_up(*job)?;
                        taken_up.push((*job, spec));
                    }
                    Some(Record { so_far: Some(ended), .. }) => self.end_in(book, *job, ended)?,
                    Some(r) => {
                        let why = "interrupted: the agent was stopped while it ran";
                        book.end(*job, &r.kind, r.scheduled, Ended::failed(why).by(FailureKind::Interrupted))?;
                    }
                    None => {}
                }
            }
            Ok(taken_up)
        })
    }

    /// What a job has found, of that which waits for the controller.
    pub(crate) fn found_by(&self, job: JobId) -> Result<Vec<Detection>, LedgerError> {
        const AT_ONCE: usize = 256;
        let (mut found, mut after) = (Vec::new(), 0);
        loop {
            let events = self.outbox(after, AT_ONCE, usize::MAX)?;
            let Some(last) = events.last() else { return Ok(found) };
            after = last.seq;
            found.extend(events.into_iter().filter_map(|event| match event.kind {
                EventKind::Detection(detection) if detection.job == job => Some(detection),
                _ => None,
            }));
        }
    }

    /// A bundle is in use. Told once.
    pub(crate) fn bundle_applied(&self, version: u64) -> Result<(), LedgerError> {
        self.write(|book| {
            if book.get::<u64>("applied")? != Some(version) {
                book.put("applied", &version)?;
                book.tell(EventKind::Applied { version })?;
            }
            Ok(())
        })
    }

    /// A bundle was refused. Told once for each reason.
    pub(crate) fn bundle_refused(&self, version: u64, reason: &str) -> Result<(), LedgerError> {
        self.write(|book| {
            let refusal = (version, reason.to_owned());
            if book.get::<Option<(u64, String)>>("refused")?.flatten().as_ref() != Some(&refusal) {
                book.put("refused", &refusal)?;
                book.tell(EventKind::Refused { version, reason: reason.to_owned() })?;
            }
            Ok(())
        })
    }

    /// The version that was refused last.
    pub(crate) fn refused(&self) -> Result<Option<u64>, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        let meta = txn.open_table(book::META).map_err(redb::Error::from)?;
        Ok(book::read::<Option<(u64, String)>>(&meta, "refused")?.flatten().map(|(version, _)| version))
    }

    /// That does not count any more: it is told again where it is refused again.
    pub(crate) fn forget_refusal(&self) -> Result<(), LedgerError> {
        self.write(|book| book.put("refused", &None::<(u64, String)>))
    }

    /// A canary was touched.
    pub(crate) fn canary_touched(&self, canary: Canary) -> Result<(), LedgerError> {
        self.write(|book| book.tell(EventKind::Canary(canary)))
    }

    /// A file was put away.
    pub(crate) fn quarantined(&self, item: Item) -> Result<(), LedgerError> {
        self.write(|book| book.tell(EventKind::Quarantined(item)))
    }

    /// One that was put away was brought back or destroyed.
    pub(crate) fn quarantine_changed(&self, changed: Changed) -> Result<(), LedgerError> {
        self.write(|book| book.tell(EventKind::QuarantineChanged(changed)))
    }

    /// The controller has committed this ledger's events up to here.
    pub(crate) fn acknowledge(&self, boot: BootId, seq: u64) -> Result<(), LedgerError> {
        if boot != self.boot || self.outbox(0, 1, 0)?.first().is_none_or(|event| event.seq > seq) {
            return Ok(());
        }
        self.write(|book| book.acknowledge(seq))
    }

    /// Events after the one given that wait for the controller, oldest first: at least one
    /// where there is one, and not many more bytes than given.
    pub(crate) fn outbox(&self, after: u64, at_most: usize, bytes: usize) -> Result<Vec<Event>, LedgerError> {
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        let table = txn.open_table(book::OUTBOX).map_err(redb::Error::from)?;
        let (mut events, mut total) = (Vec::new(), 0);
        for entry in table.range(after.saturating_add(1)..).map_err(redb::Error::from)?.take(at_most) {
            let (_, event) = entry.map_err(redb::Error::from)?;
            total += event.value().len();
            if total > bytes && !events.is_empty() {
                break;
            }
            events.push(serde_json::from_slice(event.value())?);
        }
        Ok(events)
    }

    /// How many events wait.
    pub(crate) fn waiting(&self) -> Result<u64, LedgerError> {
        use redb::ReadableTableMetadata;
        let txn = self.db.begin_read().map_err(redb::Error::from)?;
        Ok(txn.open_table(book::OUTBOX).map_err(redb::Error::from)?.len().map_err(redb::Error::from)?)
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

fn turn_key(kind: &str) -> String {
    format!("turn/{kind}")
}

fn put_aside(path: &Path, why: &str) -> Result<(), LedgerError> {
    let aside = path.with_extension(format!("redb.{why}"));
    std::fs::rename(path, aside).map_err(|e| LedgerError::Replace(path.to_owned(), e))
}

impl Default for Turn {
    fn default() -> Self {
        Self { since: DateTime::UNIX_EPOCH, not_before: None, failures: 0 }
    }
}

impl Turn {
    /// What a schedule remembers once its job has ended, where it may be tried again `most` times.
    /// Afterwards its next regular time has to do.
    fn after(self, ended: &Ended, began: DateTime<Utc>, now: DateTime<Utc>, most: usize) -> Self {
        let failed = ended.outcome == JobState::Failed;
        match ended.failure.retry_after(self.failures, most) {
            Some(wait) if failed => {
                Self { since: self.since, not_before: Some(now + wait), failures: self.failures + 1 }
            }
            _ => Self { since: began, not_before: None, failures: 0 },
        }
    }
}

#[cfg(test)]
mod tests;
