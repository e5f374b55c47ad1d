//! Why a job failed, as far as it decides what comes next: whether it is tried again, and when.

use crate::WireError;
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// Why a job failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The agent was stopped, or the PC went off, while it ran.
    Interrupted,
    /// The controller, its repositories or the line to them did not answer.
    Unreachable,
    /// No room is left: a quota is used up or a disk is full.
    NoRoom,
    /// The process that did it died.
    Crashed,
    /// What it works on is damaged or cannot be opened: people have to look.
    Damaged,
    /// It cannot be done as it was asked, or is not allowed on that PC.
    Refused,
    /// None of these.
    #[default]
    Other,
}

use FailureKind::{Crashed, Damaged, Interrupted, NoRoom, Other, Refused, Unreachable};

impl FailureKind {
    /// All of them.
    pub const ALL: [Self; 7] = [Interrupted, Unreachable, NoRoom, Crashed, Damaged, Refused, Other];

    /// The word for it, as sent and stored.
    pub fn word(self) -> &'static str {
        match self {
            Interrupted => "interrupted",
            Unreachable => "unreachable",
            NoRoom => "no-room",
            Crashed => "crashed",
            Damaged => "damaged",
            Refused => "refused",
            Other => "other",
        }
    }

    /// Minutes from each failure in a row to the next attempt. What passes by itself is tried soon
    /// and often; what somebody has to mend, seldom; what will be the same again, not at all.
    fn waits(self) -> &'static [i64] {
        match self {
            Interrupted | Unreachable => &[5, 15, 60, 240, 240],
            Crashed => &[15, 60],
            NoRoom => &[240, 720],
            Damaged | Refused => &[],
            Other => &[15, 60, 240],
        }
    }

    /// How long after a failure of this kind the job is tried again, when as many failures came
    /// before it in a row and a policy allows `most` further attempts; `None`: it is not.
    pub fn retry_after(self, failures: usize, most: usize) -> Option<TimeDelta> {
        if failures >= most {
            return None;
        }
        self.waits().get(failures).map(|minutes| TimeDelta::minutes(*minutes))
    }
}

impl FromStr for FailureKind {
    type Err = WireError;
    fn from_str(text: &str) -> Result<Self, WireError> {
        // Agents differ in age: one that says nothing, or a word that is new here, has failed all
        // the same.
        Ok(Self::ALL.into_iter().find(|kind| kind.word() == text).unwrap_or_default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_a_word_that_means_it_and_an_unknown_one_is_other() {
        for kind in FailureKind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
        assert_eq!("".parse(), Ok(Other));
        assert_eq!("struck by lightning".parse(), Ok(Other));
    }

    #[test]
    fn what_passes_is_tried_soon_what_people_must_mend_is_not() {
        let minutes = |kind: FailureKind, failures| kind.retry_after(failures, 5).map(|wait| wait.num_minutes());
        for (kind, expected) in [
            (Interrupted, &[Some(5), Some(15), Some(60), Some(240), Some(240), None][..]),
            (Unreachable, &[Some(5), Some(15), Some(60), Some(240), Some(240), None]),
            (Crashed, &[Some(15), Some(60), None]),
            (NoRoom, &[Some(240), Some(720), None]),
            (Damaged, &[None]),
            (Refused, &[None]),
            (Other, &[Some(15), Some(60), Some(240), None]),
        ] {
            for (failures, wait) in expected.iter().enumerate() {
                assert_eq!(minutes(kind, failures), *wait, "{kind:?} after {failures}");
            }
        }
    }

    #[test]
    fn waits_grow_and_a_policy_bounds_the_attempts() {
        for kind in FailureKind::ALL {
            let waits: Vec<TimeDelta> = (0..9).map_while(|n| kind.retry_after(n, 9)).collect();
            assert!(waits.is_sorted(), "{kind:?}");
            for most in 0..9 {
                assert_eq!((0..9).filter(|n| kind.retry_after(*n, most).is_some()).count(), waits.len().min(most));
            }
        }
    }
}
