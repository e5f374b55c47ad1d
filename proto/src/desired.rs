//! What one host must be. The controller builds it, the agent keeps it, and only a newer
//! generation replaces it.

use crate::bundle::Bundle;
use crate::job::{Grant, Job, Slot};
use crate::policy::Policy;
use crate::{WireError, wire::agent as wire};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// The whole of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// Counts up with every change; never 0.
    pub generation: u64,
    /// What to do by itself, and when.
    pub policy: Policy,
    /// The bundle to scan with; `None` until one is published.
    pub bundle: Option<Bundle>,
    /// The agent version to run; empty: whichever it is.
    pub agent_version: String,
    /// What staff asked for and has not ended.
    pub jobs: Vec<Job>,
    /// What the jobs need from other hosts' repositories.
    pub grants: Vec<Grant>,
    /// Answers to what the host wants to begin.
    #[serde(default)]
    pub slots: Vec<Slot>,
}

/// Clocks that differ by less are the same.
const SAME_CLOCK: TimeDelta = TimeDelta::minutes(1);

impl Desired {
    /// The same by another clock: its times were written by one that showed `there` when this one
    /// showed `here`. A PC's may be a month off, and then everything would be too late for it.
    pub fn by_clock(mut self, there: DateTime<Utc>, here: DateTime<Utc>) -> Self {
        let ahead = here - there;
        if ahead.abs() < SAME_CLOCK {
            return self;
        }
        let moved = |at: DateTime<Utc>| at.checked_add_signed(ahead).unwrap_or(at);
        self.jobs.iter_mut().for_each(|job| job.deadline = job.deadline.map(moved));
        self.grants.iter_mut().for_each(|grant| grant.expires = moved(grant.expires));
        self
    }
}

impl From<Desired> for wire::Desired {
    fn from(d: Desired) -> Self {
        Self {
            generation: d.generation,
            policy: Some(d.policy.into()),
            bundle: d.bundle.map(Into::into),
            agent_version: d.agent_version,
            jobs: d.jobs.into_iter().map(Into::into).collect(),
            grants: d.grants.into_iter().map(Into::into).collect(),
            acknowledged: None,
            slots: d.slots.into_iter().map(Into::into).collect(),
            renew: false,
            sent: 0,
        }
    }
}

impl TryFrom<wire::Desired> for Desired {
    type Error = WireError;
    fn try_from(d: wire::Desired) -> Result<Self, WireError> {
        if d.generation == 0 {
            return Err(WireError::bad("desired.generation", "is zero"));
        }
        Ok(Self {
            generation: d.generation,
            policy: d.policy.ok_or(WireError::missing("desired.policy"))?.try_into()?,
            bundle: d.bundle.map(TryInto::try_into).transpose()?,
            agent_version: d.agent_version,
            jobs: d.jobs.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            grants: d.grants.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            slots: d.slots.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::ids::{HostId, JobId};
    use crate::job::JobSpec;

    #[test]
    fn times_are_by_the_clock_of_whoever_reads_them() {
        let at = |seconds: i64| DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let clock = Clock::system();
        let job = Job {
            id: JobId::new(&clock),
            spec: JobSpec::Verify { files: 1, bytes: 1 },
            cancel: false,
            pause: false,
            known_only: false,
            deadline: Some(at(600)),
            request: None,
        };
        let grant =
            Grant { id: "1".into(), host: HostId::new(&clock), repository_password: "p".into(), expires: at(60) };
        let desired = Desired {
            generation: 1,
            policy: Policy::default(),
            bundle: None,
            agent_version: String::new(),
            jobs: vec![Job { deadline: None, ..job.clone() }, job],
            grants: vec![grant],
            slots: vec![],
        };
        assert_eq!(desired.clone().by_clock(at(0), at(59)), desired);
        for off in [86_400 * 30, -86_400 * 400] {
            let read = desired.clone().by_clock(at(0), at(off));
            assert_eq!((read.jobs[0].deadline, read.jobs[1].deadline), (None, Some(at(off + 600))));
            assert_eq!(read.grants[0].expires, at(off + 60));
        }
    }
}
