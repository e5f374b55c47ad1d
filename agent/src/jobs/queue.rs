//! Leave to back up: whether a job needs it, has it, or waits for it. Pure; the ledger remembers
//! what waits, so that a restart loses no place in the queue.

use crate::ledger::Standing;
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{JobSpec, Slot, Wait};

/// Whether a job may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// It has leave, or needs none.
    Given,
    /// It needs leave, and has to ask.
    Wanted,
    /// It has asked, or another one has: one at a time.
    Awaited,
}

/// What waits, and what is known of the controller's answers.
pub(super) struct Queue<'a> {
    /// The one that waits.
    pub(super) first: Option<&'a Wait>,
    slots: &'a [Slot],
    grace: Option<TimeDelta>,
    heard: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
    /// Staff want what waits to wait on.
    paused: bool,
    asks: bool,
}

impl<'a> Queue<'a> {
    /// As a host stands.
    pub(super) fn new(standing: &'a Standing, heard: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Self {
        let (desired, first) = (standing.desired.as_ref(), standing.wait.as_ref());
        let waits = |id: JobId| first.is_some_and(|wait| wait.want.job == id);
        Self {
            paused: desired.is_some_and(|desired| desired.jobs.iter().any(|job| job.pause && waits(job.id))),
            first,
            slots: desired.map_or(&[], |desired| &desired.slots),
            grace: desired.and_then(|desired| desired.policy.work.grace()),
            heard,
            now,
            asks: false,
        }
    }

    /// Whether this job is the one that waits.
    pub(super) fn holds(&self, job: JobId) -> bool {
        self.first.is_some_and(|wait| wait.want.job == job)
    }

    /// Whether what waits is not to be done any more: staff do not ask for it, or have it wait; it is
    /// not due by the schedule; or nobody is asked for leave.
    pub(super) fn is_stale(&self, desired: &Desired, due: bool) -> bool {
        let Some(wait) = self.first else { return false };
        let asked = desired.jobs.iter().find(|job| job.id == wait.want.job);
        let stays = match (wait.want.scheduled, asked) {
            // It is dropped, and that is told.
            (_, Some(job)) if job.cancel => true,
            (true, _) => due,
            (false, asked) => asked.is_some_and(|job| !job.pause),
        };
        !stays || self.grace.is_none()
    }

    /// Whether this job may begin; `None`: one that has no id yet.
    pub(super) fn leave(&mut self, job: Option<JobId>, spec: &JobSpec) -> Leave {
        let (JobSpec::Backup { .. }, Some(grace)) = (spec, self.grace) else { return Leave::Given };
        match self.first {
            Some(wait) if Some(wait.want.job) == job => {
                let given = !self.paused && wait.goes_ahead(self.slots, self.heard, grace, self.now);
                if given { Leave::Given } else { Leave::Awaited }
            }
            None if !self.asks => {
                self.asks = true;
                Leave::Wanted
            }
            _ => Leave::Awaited,
        }
    }
}

/// Whether the controller has said that it knows what the host asks for.
pub(crate) fn is_answered(standing: &Standing) -> bool {
    let (Some(desired), Some(wait)) = (&standing.desired, &standing.wait) else { return false };
    desired.slots.iter().any(|slot| slot.job == wait.want.job)
}
