//! A schedule with everything that a policy says about when its runs begin: the windows, the
//! host's own delay, and how long a missed run is made up for.

use super::windows::Windows;
use super::{Schedule, windows};
use chrono::{DateTime, TimeDelta, Utc};

/// When one host's runs of one kind of work begin.
///
/// Each time of the schedule has its due time: the first open minute after the host's delay, of
/// which only open minutes count. So hosts spread also where a window makes them wait. Times that
/// have the same due time are one run.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// The regular times.
    pub schedule: Schedule,
    /// When a run may begin.
    pub windows: Windows,
    /// The host's own delay, in minutes.
    pub delay: u32,
    /// For how long after its due time a run that was missed is made up for; `None`: until the
    /// next one is due.
    pub catch_up: Option<TimeDelta>,
}

/// What ought to happen next, as seen from what was done last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The first due time after what was done.
    pub due: DateTime<Utc>,
    /// The longer one of the waits before and after it: what its lateness is measured by.
    pub period: TimeDelta,
}

impl Timetable {
    /// The first due time after the moment given.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        // Times up to this one were due by then, all others were not.
        let passed = self.windows.before_open(after, self.delay)?;
        self.windows.after_open(self.schedule.next_after(passed)?, self.delay)
    }

    /// The last due time that is not after the moment given.
    pub fn last_until(&self, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let passed = self.windows.before_open(until, self.delay)?;
        self.windows.after_open(self.schedule.last_until(passed)?, self.delay)
    }

    /// The due time whose run is to begin now, where the runs that were due up to `since` are
    /// done. One run makes good for all that were missed, so it is the latest.
    pub fn due(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let due = self.last_until(now).filter(|due| *due > since)?;
        let in_time = self.catch_up.is_none_or(|limit| now - due <= limit);
        (in_time && self.windows.open(now)).then_some(due)
    }

    /// What ought to happen next, where it was last done then.
    pub fn expected(&self, done: DateTime<Utc>) -> Option<Expected> {
        let due = self.next_after(done)?;
        let before = self.last_until(done).map(|before| due - before);
        let after = self.next_after(due).map(|next| next - due);
        Some(Expected { due, period: before.max(after)? })
    }

    /// All due times after the first moment, up to the second; at most so many.
    pub fn between(&self, after: DateTime<Utc>, until: DateTime<Utc>, most: usize) -> Vec<DateTime<Utc>> {
        let first = self.next_after(after);
        let times = std::iter::successors(first, |due| self.next_after(*due));
        times.take_while(|due| *due <= until).take(most).collect()
    }
}

impl From<Schedule> for Timetable {
    /// Nothing but the schedule.
    fn from(schedule: Schedule) -> Self {
        let windows = windows::Windows { allowed: vec![], forbidden: vec![], zone: schedule.zone() };
        Self { schedule, windows, delay: 0, catch_up: None }
    }
}
