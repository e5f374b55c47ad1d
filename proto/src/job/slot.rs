//! Leave to back up now. The controller bounds how many do at once; a PC that hears nothing
//! from it goes ahead by itself, since a backup too many is better than none.

use super::JobSpec;
use crate::ids::JobId;
use crate::{WireError, wire::agent as wire};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// What a host asks for: it would begin this job now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Want {
    /// Which job.
    pub job: JobId,
    /// What it does: of one that the host itself begins, the controller has not heard.
    pub spec: JobSpec,
    /// By the host itself, not by staff.
    pub scheduled: bool,
}

/// What the controller answers, as long as the host asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Which job.
    pub job: JobId,
    /// Whether it may begin; else the request is known and waits.
    pub granted: bool,
}

/// A job that its host would begin, and that waits for leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// What is asked for.
    pub want: Want,
    /// Since when, by the PC's clock; anew where it was off or asleep.
    pub since: DateTime<Utc>,
}

/// However well the controller answers: after so long a host goes ahead. A queue that is never
/// served is no better than a controller that is silent.
pub const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);
/// A time that lies this far ahead was written under a wrong clock.
const CLOCK_SET_BACK: TimeDelta = TimeDelta::days(1);

impl Wait {
    /// Whether the job begins now. `heard`: when the controller was last known to be there and to
    /// have the request; `grace`: how long it may be silent.
    pub fn goes_ahead(
        &self,
        slots: &[Slot],
        heard: Option<DateTime<Utc>>,
        grace: TimeDelta,
        now: DateTime<Utc>,
    ) -> bool {
        if slots.iter().any(|slot| slot.job == self.want.job && slot.granted) {
            return true;
        }
        let silent_since = heard.map_or(self.since, |heard| heard.max(self.since).min(now));
        let waited = now - self.since;
        waited < -CLOCK_SET_BACK || waited >= LONGEST_WAIT || now - silent_since >= grace
    }
}

impl From<Want> for wire::Want {
    fn from(want: Want) -> Self {
        Self { job: want.job.to_string(), spec: Some(want.spec.into()), scheduled: want.scheduled }
    }
}

impl TryFrom<wire::Want> for Want {
    type Error = WireError;
    fn try_from(want: wire::Want) -> Result<Self, WireError> {
        let spec = JobSpec::try_from(want.spec.ok_or(WireError::missing("want.spec"))?)?.bounded();
        Ok(Self { job: want.job.parse()?, spec, scheduled: want.scheduled })
    }
}

impl From<Slot> for wire::Slot {
    fn from(slot: Slot) -> Self {
        Self { job: slot.job.to_string(), granted: slot.granted }
    }
}

impl TryFrom<wire::Slot> for Slot {
    type Error = WireError;
    fn try_from(slot: wire::Slot) -> Result<Self, WireError> {
        Ok(Self { job: slot.job.parse()?, granted: slot.granted })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    fn wait() -> Wait {
        let spec = JobSpec::Backup { paths: vec!["/a".into()], excludes: vec![] };
        Wait { want: Want { job: JobId::new(&Clock::system()), spec, scheduled: true }, since: at(1000) }
    }

    #[test]
    fn leave_is_used_at_once_and_silence_is_outwaited() {
        let wait = wait();
        let answer = |granted| vec![Slot { job: wait.want.job, granted }];
        let others = vec![Slot { job: JobId::new(&Clock::system()), granted: true }];
        let grace = TimeDelta::minutes(30);
        for (slots, heard, now, begins) in [
            (answer(true), None, 1000, true),
            (others.clone(), None, 1000, false),
            (vec![], None, 1029, false),
            (vec![], None, 1030, true),
            // It was there before this was asked: that is no answer.
            (vec![], Some(900), 1030, true),
            // It is there, and has others to serve.
            (answer(false), Some(1100), 1100, false),
            (answer(false), Some(1100), 1129, false),
            (answer(false), Some(1100), 1130, true),
            (answer(false), Some(2439), 2439, false),
            (answer(false), Some(2440), 2440, true),
            // The clock was set back: by minutes, then by days. What was heard lies ahead.
            (answer(false), Some(1100), 990, false),
            (answer(false), Some(1100), -1000, true),
        ] {
            assert_eq!(wait.goes_ahead(&slots, heard.map(at), grace, at(now)), begins, "{heard:?} {now}");
        }
    }

    #[test]
    fn both_survive_the_wire_and_a_want_says_what_for() {
        let Wait { want, .. } = wait();
        assert_eq!(Want::try_from(wire::Want::from(want.clone())).unwrap(), want);
        let slot = Slot { job: want.job, granted: true };
        assert_eq!(Slot::try_from(wire::Slot::from(slot)).unwrap(), slot);
        assert!(Want::try_from(wire::Want { spec: None, ..want.into() }).is_err());
        assert!(Slot::try_from(wire::Slot { job: "../x".into(), granted: true }).is_err());
    }
}
