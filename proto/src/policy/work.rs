//! How work is taken on: how long a PC waits for leave to back up, how often what failed is
//! tried again, how long is remembered what was done.

use super::PolicyError;
use crate::{WireError, wire::agent as wire};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

/// The policy of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorkPolicy {
    /// Minutes that a PC waits for a controller that does not answer, before it backs up without
    /// leave; 0: it never asks.
    pub slot_grace_minutes: u32,
    /// How many PCs that follow this policy may back up at once; 0: as many as the controller bears.
    pub backups_at_once: u32,
    /// How often a scan, backup or trial that failed is tried again; fewer where the kind of
    /// failure makes that useless.
    pub retries: u32,
    /// Days in which a job that staff asked for must have begun; 0: it waits for ever.
    pub begin_within_days: u32,
    /// Days that jobs are remembered once they ended well; 0: for ever. What failed is never forgotten.
    pub history_days: u32,
}

impl Default for WorkPolicy {
    fn default() -> Self {
        Self { slot_grace_minutes: 30, backups_at_once: 0, retries: 3, begin_within_days: 7, history_days: 400 }
    }
}

impl WorkPolicy {
    /// How long a silent controller is waited for; `None`: leave is not asked for.
    pub fn grace(&self) -> Option<TimeDelta> {
        (self.slot_grace_minutes > 0).then(|| TimeDelta::minutes(self.slot_grace_minutes.into()))
    }

    /// Finds what cannot be followed.
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        // Most: a day, since the next backup may be due then; as many as there are kinds of waits;
        // ten years. A slip of the finger is no wish.
        for (field, value, most) in [
            ("work.slot_grace_minutes", self.slot_grace_minutes, 24 * 60),
            ("work.backups_at_once", self.backups_at_once, 100_000),
            ("work.retries", self.retries, 5),
            ("work.begin_within_days", self.begin_within_days, 366),
            ("work.history_days", self.history_days, 3660),
        ] {
            if value > most {
                return Err(PolicyError::Value { field, problem: format!("{value} is too many; at most {most}") });
            }
        }
        Ok(())
    }
}

impl From<WorkPolicy> for wire::WorkPolicy {
    fn from(work: WorkPolicy) -> Self {
        let WorkPolicy { slot_grace_minutes, backups_at_once, retries, begin_within_days, history_days } = work;
        Self { slot_grace_minutes, backups_at_once, retries, begin_within_days, history_days }
    }
}

impl TryFrom<wire::WorkPolicy> for WorkPolicy {
    type Error = WireError;
    fn try_from(work: wire::WorkPolicy) -> Result<Self, WireError> {
        let wire::WorkPolicy { slot_grace_minutes, backups_at_once, retries, begin_within_days, history_days } = work;
        Ok(Self { slot_grace_minutes, backups_at_once, retries, begin_within_days, history_days })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_field() {
        for (yaml, word) in [
            ("work: {slot_grace_minutes: 1441}", "work.slot_grace_minutes"),
            ("work: {retries: 6}", "work.retries"),
            ("work: {history_days: 100000}", "work.history_days"),
            ("work: {begin_within_days: 367}", "work.begin_within_days"),
            ("work: {backups_at_once: -1}", "backups_at_once"),
            ("work: {grace: 3}", "grace"),
        ] {
            let error = Policy::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(word), "{yaml}: {error}");
        }
        assert_eq!(Policy::from_yaml("work: {slot_grace_minutes: 0}").unwrap().work.grace(), None);
        assert_eq!(Policy::default().work.grace(), Some(TimeDelta::minutes(30)));
    }

    #[test]
    fn a_controller_that_does_not_know_of_it_means_what_holds_by_default() {
        let mut wire = wire::Policy::from(Policy::default());
        wire.work = None;
        // It grants nothing either: nobody waits for that.
        let never = WorkPolicy { slot_grace_minutes: 0, ..WorkPolicy::default() };
        assert_eq!(Policy::try_from(wire).unwrap().work, never);
    }
}
