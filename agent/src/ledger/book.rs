//! The ledger's tables within one transaction.

use super::turn::{Turn, turn_key};
use super::{Cause, LedgerError, Record};
use chrono::{DateTime, Utc};
use keepwatch_proto::desired::Desired;
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, JobSpec, Wait};
use keepwatch_proto::policy::Policy;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// Single values by name, as JSON.
pub(super) const META: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("meta");
/// In [`META`]: the [`Wait`], if there is one.
const WAIT: &str = "wait";
/// Events that the controller has not committed yet, by their sequence.
pub(super) const OUTBOX: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("outbox");
/// What is remembered of jobs, by id; ids sort by time.
pub(super) const JOBS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("jobs");

/// The tables, open for writing.
pub(super) struct Book<'txn> {
    meta: Table<'txn, &'static str, &'static [u8]>,
    outbox: Table<'txn, u64, &'static [u8]>,
    jobs: Table<'txn, &'static str, &'static [u8]>,
    now: DateTime<Utc>,
}

/// One value of the meta table.
pub(super) fn read<T: DeserializeOwned>(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
    name: &str,
) -> Result<Option<T>, LedgerError> {
    let value = meta.get(name).map_err(redb::Error::from)?;
    Ok(value.map(|v| serde_json::from_slice(v.value())).transpose()?)
}

/// What is wanted. One that another version of the agent wrote and this one cannot read is
/// none: the controller says it again.
pub(super) fn read_desired(
    meta: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Option<Desired>, LedgerError> {
    match read(meta, "desired") {
        Err(LedgerError::Content(error)) => {
            tracing::warn!("the desired state in the ledger cannot be read: {error}");
            Ok(None)
        }
        outcome => outcome,
    }
}

/// What waits for leave. One that this version cannot read is asked for anew.
pub(super) fn read_wait(meta: &impl ReadableTable<&'static str, &'static [u8]>) -> Result<Option<Wait>, LedgerError> {
    match read::<Option<Wait>>(meta, WAIT) {
        Err(LedgerError::Content(error)) => {
            tracing::warn!("what waits in the ledger cannot be read: {error}");
            Ok(None)
        }
        outcome => Ok(outcome?.flatten()),
    }
}

/// The id that a record stands under.
pub(super) fn job_id(text: &str) -> Result<JobId, LedgerError> {
    Ok(serde_json::from_value(serde_json::Value::String(text.into()))?)
}

impl<'txn> Book<'txn> {
    /// Opens the tables, making them where there are none.
    pub(super) fn open(txn: &'txn WriteTransaction, now: DateTime<Utc>) -> Result<Self, LedgerError> {
        Ok(Self {
            meta: txn.open_table(META).map_err(redb::Error::from)?,
            outbox: txn.open_table(OUTBOX).map_err(redb::Error::from)?,
            jobs: txn.open_table(JOBS).map_err(redb::Error::from)?,
            now,
        })
    }

    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, LedgerError> {
        read(&self.meta, name)
    }

    pub(super) fn put(&mut self, name: &str, value: &impl Serialize) -> Result<(), LedgerError> {
        self.meta.insert(name, serde_json::to_vec(value)?.as_slice()).map_err(redb::Error::from)?;
        Ok(())
    }

    pub(super) fn turn(&self, kind: &str) -> Result<Turn, LedgerError> {
        Ok(self.get(&turn_key(kind))?.unwrap_or_default())
    }

    pub(super) fn record(&self, job: JobId) -> Result<Option<Record>, LedgerError> {
        let value = self.jobs.get(job.to_string().as_str()).map_err(redb::Error::from)?;
        Ok(value.map(|v| serde_json::from_slice(v.value())).transpose()?)
    }

    pub(super) fn put_record(&mut self, job: JobId, record: &Record) -> Result<(), LedgerError> {
        let (id, value) = (job.to_string(), serde_json::to_vec(record)?);
        self.jobs.insert(id.as_str(), value.as_slice()).map_err(redb::Error::from)?;
        Ok(())
    }

    /// What waits for leave.
    pub(super) fn wait(&self) -> Result<Option<Wait>, LedgerError> {
        read_wait(&self.meta)
    }

    /// From now on this does, or nothing.
    pub(super) fn put_wait(&mut self, wait: Option<&Wait>) -> Result<(), LedgerError> {
        self.put(WAIT, &wait)
    }

    /// How often the policy has what failed tried again.
    pub(super) fn retries(&self) -> Result<usize, LedgerError> {
        let policy = read_desired(&self.meta)?.map_or_else(Policy::default, |desired| desired.policy);
        Ok(usize::try_from(policy.work.retries).unwrap_or(usize::MAX))
    }

    /// From now on the job runs.
    pub(super) fn begin(&mut self, job: JobId, spec: &JobSpec, cause: Cause) -> Result<(), LedgerError> {
        let scheduled = cause == Cause::Schedule;
        let began = self.now;
        let record = Record {
            kind: spec.kind().into(),
            scheduled,
            began,
            ended: None,
            spec: Some(spec.clone()),
            taken_up: 0,
            so_far: None,
        };
        self.put_record(job, &record)
    }

    /// The job goes on after an interruption.
    pub(super) fn taken_up(&mut self, job: JobId) -> Result<(), LedgerError> {
        match self.record(job)? {
            Some(record) => self.put_record(job, &Record { taken_up: record.taken_up + 1, ..record }),
            None => Ok(()),
        }
    }

    /// The job has ended, and the controller is to hear of it.
    pub(super) fn end(&mut self, job: JobId, kind: &str, scheduled: bool, ended: Ended) -> Result<(), LedgerError> {
        let before = self.record(job)?;
        let began = before.as_ref().map_or(self.now, |record| record.began);
        let outcome = Some(ended.outcome);
        let spec = before.and_then(|record| record.spec).or(ended.spec.clone());
        let record =
            Record { kind: kind.into(), scheduled, began, ended: outcome, spec: None, taken_up: 0, so_far: None };
        self.put_record(job, &record)?;
        self.tell(EventKind::Ended { job, ended: Ended { spec, scheduled, ..ended } })
    }

    /// Puts an event into the outbox. The count goes on when the outbox is empty again.
    pub(super) fn tell(&mut self, kind: EventKind) -> Result<(), LedgerError> {
        let seq = self.get::<u64>("seq")?.unwrap_or(0) + 1;
        self.put("seq", &seq)?;
        let event = serde_json::to_vec(&Event { seq, at: self.now, kind })?;
        self.outbox.insert(seq, event.as_slice()).map_err(redb::Error::from)?;
        Ok(())
    }

    /// These events need not be kept any longer.
    pub(super) fn acknowledge(&mut self, seq: u64) -> Result<(), LedgerError> {
        self.outbox.retain_in(..=seq, |_, _| false).map_err(redb::Error::from)?;
        Ok(())
    }

    /// Drops the oldest ended jobs that are not offered any more, beyond the number given.
    pub(super) fn forget(&mut self, offered: &BTreeSet<JobId>, beyond: usize) -> Result<(), LedgerError> {
        let mut ended = Vec::new();
        for entry in self.jobs.iter().map_err(redb::Error::from)? {
            let (job, record) = entry.map_err(redb::Error::from)?;
            let job = job_id(job.value())?;
            if serde_json::from_slice::<Record>(record.value())?.ended.is_some() && !offered.contains(&job) {
                ended.push(job);
            }
        }
        let surplus = ended.len().saturating_sub(beyond);
        for job in ended.into_iter().take(surplus) {
            self.jobs.remove(job.to_string().as_str()).map_err(redb::Error::from)?;
        }
        Ok(())
    }
}
