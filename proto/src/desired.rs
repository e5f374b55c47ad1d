//! What one host must be. The controller builds it, the agent keeps it, and only a newer
//! generation replaces it.

use crate::bundle::Bundle;
use crate::job::{Grant, Job, Slot};
use crate::policy::Policy;
use crate::{WireError, wire::agent as wire};
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
