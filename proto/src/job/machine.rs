//! Where a job stands, and what may come of it: one table, and nothing moves a job but by it.

use crate::WireError;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// Asked for, not yet handed to the host.
    Queued,
    /// The host would do it, and waits for a slot.
    Waiting,
    /// Handed to the host.
    Offered,
    /// The host works on it.
    Running,
    /// Done, all of it.
    Succeeded,
    /// Done, but something that should have been was not; the failures name it.
    Partial,
    /// Not done.
    Failed,
    /// Staff called it off.
    Cancelled,
    /// It was not begun before its time was over.
    Expired,
    /// The host went silent, or forgot it. An end for people, and not for the truth: what the
    /// host says later replaces it.
    Lost,
}

use JobState::{Cancelled, Expired, Failed, Lost, Offered, Partial, Queued, Running, Succeeded, Waiting};

/// From each state, those that it may become. A host can be ahead of what is known of it: its
/// reports wait while it is offline, and a database may be last night's copy. So whatever has
/// not ended may be found running or ended, and what was given up for lost may turn up.
const TABLE: [(JobState, &[JobState]); 10] = [
    (Queued, &[Waiting, Offered, Running, Succeeded, Partial, Failed, Cancelled, Expired]),
    (Offered, &[Waiting, Running, Succeeded, Partial, Failed, Cancelled, Expired, Lost]),
    (Waiting, &[Running, Succeeded, Partial, Failed, Cancelled, Expired, Lost]),
    (Running, &[Succeeded, Partial, Failed, Cancelled, Lost]),
    (Lost, &[Waiting, Running, Succeeded, Partial, Failed, Cancelled, Expired]),
    (Expired, &[Waiting, Running, Succeeded, Partial, Failed, Cancelled]),
    (Succeeded, &[]),
    (Partial, &[]),
    (Failed, &[]),
    (Cancelled, &[]),
];

impl JobState {
    /// All of them, in the order of a job's life.
    pub const ALL: [Self; 10] =
        [Queued, Waiting, Offered, Running, Succeeded, Partial, Failed, Cancelled, Expired, Lost];

    /// Those in which something is still to happen.
    pub const OPEN: [Self; 4] = [Queued, Waiting, Offered, Running];

    /// Whether nothing more is to be waited for.
    pub fn is_end(self) -> bool {
        !Self::OPEN.contains(&self)
    }

    /// Whether nothing more can happen: some ends only mean that nothing was heard.
    pub fn is_final(self) -> bool {
        self.next().is_empty()
    }

    /// What it may become.
    pub fn next(self) -> &'static [Self] {
        TABLE.iter().find(|(from, _)| *from == self).map_or(&[], |(_, next)| next)
    }

    /// Whether a job may go from here to there.
    pub fn may_become(self, next: Self) -> bool {
        self.next().contains(&next)
    }

    /// The word for it, as stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Queued => "queued",
            Waiting => "waiting",
            Offered => "offered",
            Running => "running",
            Succeeded => "succeeded",
            Partial => "partial",
            Failed => "failed",
            Cancelled => "cancelled",
            Expired => "expired",
            Lost => "lost",
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for JobState {
    type Err = WireError;
    fn from_str(text: &str) -> Result<Self, WireError> {
        Self::ALL
            .into_iter()
            .find(|s| s.word() == text)
            .ok_or_else(|| WireError::bad("state", format!("is no job state: '{}'", text.escape_debug())))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_table_has_every_state_once_and_each_word_means_one() {
        for state in JobState::ALL {
            assert_eq!(TABLE.iter().filter(|(from, _)| *from == state).count(), 1, "{state}");
            assert_eq!(state.word().parse(), Ok(state));
            assert!(!state.may_become(state), "{state}");
        }
        assert!("ended".parse::<JobState>().is_err() && "".parse::<JobState>().is_err());
    }

    #[test]
    fn what_a_host_says_of_its_work_is_final_and_every_state_can_come_to_that() {
        for from in JobState::ALL {
            let by_the_host = matches!(from, Succeeded | Partial | Failed | Cancelled);
            assert_eq!(from.is_final(), by_the_host, "{from}");
            for end in [Succeeded, Partial, Failed, Cancelled] {
                assert_eq!(from.may_become(end), !by_the_host, "{from} -> {end}");
            }
        }
    }

    #[test]
    fn nobody_takes_a_step_back() {
        for (from, to) in [
            (Running, Queued),
            (Running, Offered),
            (Running, Waiting),
            (Running, Expired),
            (Waiting, Offered),
            (Offered, Queued),
            (Lost, Queued),
            (Lost, Offered),
            (Expired, Lost),
            // It was not handed to anybody who could have lost it.
            (Queued, Lost),
        ] {
            assert!(!from.may_become(to), "{from} -> {to}");
        }
    }

    proptest! {
        /// Whatever is asked of it in whichever order: only steps of the table are taken, the first
        /// final end stays, and of those that are no end each can be given up.
        #[test]
        fn every_job_ends(wishes in prop::collection::vec(prop::sample::select(JobState::ALL.to_vec()), 0..40)) {
            let (mut state, mut ended_as) = (Queued, None);
            for wish in wishes {
                if state.may_become(wish) {
                    prop_assert!(ended_as.is_none());
                    state = wish;
                }
                if state.is_final() {
                    ended_as = ended_as.or(Some(state));
                    prop_assert_eq!(ended_as, Some(state));
                }
            }
            // The controller can end it by itself, without a word of the host's.
            prop_assert!(state.is_end() || state.may_become(Lost) || state.may_become(Expired), "{}", state);
        }

        /// Without a host that says that it works on it or would, no job moves for ever.
        #[test]
        fn only_a_host_that_works_makes_a_job_go_on(start in prop::sample::select(JobState::ALL.to_vec()), turns in prop::collection::vec(0usize..10, 50)) {
            let (mut state, mut steps) = (start, 0);
            for turn in turns {
                let silent: Vec<JobState> = state.next().iter().copied().filter(|next| ![Running, Waiting].contains(next)).collect();
                let Some(next) = silent.get(turn % silent.len().max(1)) else { break };
                (state, steps) = (*next, steps + 1);
            }
            prop_assert!(state.is_end() && steps <= 5, "{} after {}", state, steps);
        }
    }
}
