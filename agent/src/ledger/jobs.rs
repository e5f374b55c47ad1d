//! Jobs from their beginning to their end, and what waits for leave to begin.

use super::book::{self, Book};
use super::turn::{Turn, turn_key};
use super::{Cause, Ledger, LedgerError, Record};
use keepwatch_proto::event::EventKind;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, FailureKind, JobSpec, KnownJobs, Wait, Want};
use redb::{ReadableDatabase, ReadableTable};
use std::collections::BTreeSet;

/// A scan goes on after so many interruptions: it may be what stops the PC.
pub(super) const MOST_TAKEN_UP: u32 = 20;

impl Ledger {
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
}
