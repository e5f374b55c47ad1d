//! What a host's ledger knows of its jobs. Either side may have lost something (a ledger that was
//! begun anew, a database that is last night's copy); by this they agree again.

use super::JobState;
use crate::ids::JobId;
use crate::{WireError, wire::agent as wire};

/// Told only where every event before it has been acknowledged: what runs by the database and is
/// not named here, nobody works on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownJobs {
    /// Begun and not ended.
    pub running: Vec<JobId>,
    /// How those ended that the host was offered: it will not do them again.
    pub ended: Vec<(JobId, JobState)>,
    /// The one that waits for leave, if any does.
    pub waiting: Option<JobId>,
}

impl From<KnownJobs> for wire::KnownJobs {
    fn from(known: KnownJobs) -> Self {
        let ended = known.ended.into_iter();
        Self {
            waiting: known.waiting.map(|job| job.to_string()).unwrap_or_default(),
            running: known.running.into_iter().map(|job| job.to_string()).collect(),
            ended: ended
                .map(|(job, how)| wire::EndedJob { job: job.to_string(), outcome: how.word().into() })
                .collect(),
        }
    }
}

impl TryFrom<wire::KnownJobs> for KnownJobs {
    type Error = WireError;
    fn try_from(known: wire::KnownJobs) -> Result<Self, WireError> {
        let ended = |one: wire::EndedJob| match one.outcome.parse::<JobState>()? {
            how if how.is_end() && how != JobState::Lost => Ok((one.job.parse()?, how)),
            _ => Err(WireError::bad("known.ended.outcome", "is no end of a job's")),
        };
        let waiting = Some(known.waiting).filter(|job| !job.is_empty());
        Ok(Self {
            waiting: waiting.map(|job| job.parse()).transpose()?,
            running: known.running.iter().map(|job| job.parse()).collect::<Result<_, _>>()?,
            ended: known.ended.into_iter().map(ended).collect::<Result<_, WireError>>()?,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn it_survives_the_wire_and_what_is_no_end_does_not() {
        let job = JobId::new(&Clock::system());
        let known = KnownJobs { running: vec![job], ended: vec![(job, JobState::Partial)], waiting: Some(job) };
        assert_eq!(KnownJobs::try_from(wire::KnownJobs::from(known.clone())).unwrap(), known);
        let wrong = wire::KnownJobs { waiting: "../x".into(), ..known.clone().into() };
        assert!(KnownJobs::try_from(wrong).is_err());
        for how in [JobState::Running, JobState::Lost] {
            let wrong = KnownJobs { ended: vec![(job, how)], ..known.clone() };
            assert!(KnownJobs::try_from(wire::KnownJobs::from(wrong)).is_err(), "{how}");
        }
    }
}
