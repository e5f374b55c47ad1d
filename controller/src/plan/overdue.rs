//! What has not happened: a job whose PC has gone silent is lost, one that was not begun in time
//! has expired. Pure.

use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::job::JobState;

/// A PC that works tells its facts every ten minutes; three of them missed is silence.
pub const SILENT: TimeDelta = TimeDelta::minutes(30);

/// A job that has not ended, and its host.
#[derive(Debug, Clone)]
pub struct Open {
    /// Where it stands.
    pub state: JobState,
    /// It is not begun after that.
    pub deadline: Option<DateTime<Utc>>,
    /// When its host was last heard of.
    pub heard: Option<DateTime<Utc>>,
    /// Whether the host may not come any more: it was revoked, or replaced.
    pub gone: bool,
}

/// What becomes of it now, and why; `None`: it goes on. `since`: from when on the hosts were
/// listened to; before that their silence means nothing.
pub fn judge(open: &Open, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<(JobState, &'static str)> {
    let silent = now - open.heard.map_or(since, |heard| heard.max(since)) >= SILENT;
    let late = |by: TimeDelta| open.deadline.is_some_and(|deadline| now > deadline + by);
    const REVOKED: &str = "its PC was revoked or replaced";
    match open.state {
        JobState::Queued if open.gone => Some((JobState::Cancelled, REVOKED)),
        JobState::Offered | JobState::Waiting | JobState::Running if open.gone => Some((JobState::Lost, REVOKED)),
        JobState::Running | JobState::Waiting if silent => {
            Some((JobState::Lost, "its PC has gone silent; if it comes back, it says what became of the job"))
        }
        JobState::Queued if late(TimeDelta::zero()) => Some((JobState::Expired, LATE)),
        // A PC that is there says so itself.
        JobState::Offered | JobState::Waiting if late(SILENT) => Some((JobState::Expired, LATE)),
        _ => None,
    }
}

const LATE: &str =
    "it was not begun in time: its PC was off, or had other work; ask for it again if it is still wanted";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use JobState::*;
    use proptest::prelude::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn silence_loses_what_runs_and_time_what_never_began() {
        for (state, heard, deadline, gone, now, expected) in [
            (Running, Some(100), None, false, 129, None),
            (Running, Some(100), None, false, 130, Some(Lost)),
            (Waiting, Some(100), None, false, 130, Some(Lost)),
            // The controller was down: nobody could be heard.
            (Running, Some(10), None, false, 109, None),
            (Running, None, None, false, 110, Some(Lost)),
            // A deadline is for beginning.
            (Running, Some(500), Some(200), false, 500, None),
            (Queued, None, Some(200), false, 200, None),
            (Queued, None, Some(200), false, 201, Some(Expired)),
            (Offered, None, Some(200), false, 230, None),
            (Offered, None, Some(200), false, 231, Some(Expired)),
            (Waiting, Some(231), Some(200), false, 231, Some(Expired)),
            (Offered, None, None, false, 100_000, None),
            (Queued, Some(100), None, true, 100, Some(Cancelled)),
            (Offered, Some(100), None, true, 100, Some(Lost)),
            (Running, Some(100), None, true, 100, Some(Lost)),
            (Succeeded, None, Some(1), true, 9000, None),
            (Lost, None, Some(1), true, 9000, None),
        ] {
            let open = Open { state, deadline: deadline.map(at), heard: heard.map(at), gone };
            let found = judge(&open, at(80), at(now)).map(|(state, _)| state);
            assert_eq!(found, expected, "{open:?} at {now}");
        }
    }

    proptest! {
        /// Whatever is done to it is a step of the table; and of a job with a deadline whose PC is
        /// never heard of again, an end comes.
        #[test]
        fn every_step_is_one_and_every_job_ends(
            state in prop::sample::select(JobState::ALL.to_vec()), heard in 0i64..1000, deadline in 0i64..1000, gone: bool,
        ) {
            let mut open = Open { state, deadline: Some(at(deadline)), heard: Some(at(heard)), gone };
            for minutes in (0..2000).step_by(10) {
                if let Some((next, why)) = judge(&open, at(0), at(minutes)) {
                    prop_assert!(open.state.may_become(next) && next.is_end() && !why.is_empty());
                    open.state = next;
                }
            }
            prop_assert!(open.state.is_end());
        }
    }
}
