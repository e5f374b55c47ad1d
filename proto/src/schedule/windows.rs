//! When runs may begin: windows by day of the week and hour, allowed and forbidden.

use chrono::{DateTime, Datelike, NaiveTime, Offset, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;

/// A part of the week by the clock on the wall, in whole minutes. One that goes over midnight
/// belongs to the day that it began on; one that ends when it begins is a day long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Bit 0: Monday.
    days: u8,
    from: u16,
    to: u16,
}

/// A window that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// No such day.
    #[error("'{0}' is no day; write mon, tue, wed, thu, fri, sat or sun")]
    Day(String),
    /// No such time.
    #[error("'{0}' is no time; write 08:00 or the like")]
    Time(String),
}

const DAY: u16 = 24 * 60;

impl Window {
    /// Reads days (`mon` to `sun`; none: all) and the hours from when until when (`08:00`).
    pub fn parse(days: &[String], from: &str, to: &str) -> Result<Self, WindowError> {
        let day = |name: &String| match name.parse::<Weekday>() {
            Ok(day) if name.len() == 3 => Ok(1u8 << day.num_days_from_monday()),
            _ => Err(WindowError::Day(name.escape_debug().to_string())),
        };
        let named = days.iter().map(day).try_fold(0, |set, day| day.map(|day| set | day))?;
        let days = if days.is_empty() { u8::MAX } else { named };
        Ok(Self { days, from: minute_of(from)?, to: minute_of(to)? })
    }

    /// Whether a minute of a day lies in it.
    pub fn holds(&self, day: Weekday, minute: u16) -> bool {
        let (begun, hours) = match self.from < self.to {
            true => (day, (self.from..self.to).contains(&minute)),
            false if minute >= self.from => (day, true),
            false => (day.pred(), minute < self.to),
        };
        hours && self.days & (1 << begun.num_days_from_monday()) != 0
    }
}

fn minute_of(text: &str) -> Result<u16, WindowError> {
    let time = NaiveTime::parse_from_str(text, "%H:%M").map_err(|_| WindowError::Time(text.escape_debug().to_string()));
    time.map(|time| (time.hour() * 60 + time.minute()) as u16)
}

/// All windows of one kind of work.
#[derive(Debug, Clone)]
pub struct Windows {
    /// None: always.
    pub allowed: Vec<Window>,
    /// Weighs more than what is allowed.
    pub forbidden: Vec<Window>,
    /// Whose clock on the wall.
    pub zone: Tz,
}

/// Clocks change on a quarter of an hour of UTC.
const QUARTER: i64 = 15;
/// Nothing is looked for further away than this: in each week but one without its hour there is
/// an open minute.
const FARTHEST: TimeDelta = TimeDelta::days(60);

/// The minute that this moment is in.
pub(super) fn whole_minute(at: DateTime<Utc>) -> DateTime<Utc> {
    at - TimeDelta::seconds(at.timestamp().rem_euclid(60)) - TimeDelta::nanoseconds(at.timestamp_subsec_nanos().into())
}

impl Windows {
    /// Whether work may begin at this moment.
    pub fn open(&self, at: DateTime<Utc>) -> bool {
        let local = at.with_timezone(&self.zone);
        self.open_at(local.weekday(), (local.hour() * 60 + local.minute()) as u16)
    }

    fn open_at(&self, day: Weekday, minute: u16) -> bool {
        let holds = |window: &Window| window.holds(day, minute);
        (self.allowed.is_empty() || self.allowed.iter().any(holds)) && !self.forbidden.iter().any(holds)
    }

    /// How many minutes of a week are open, in one in which no clock changes.
    pub fn minutes_a_week(&self) -> usize {
        let days = std::iter::successors(Some(Weekday::Mon), |day| Some(day.succ())).take(7);
        days.flat_map(|day| (0..DAY).map(move |minute| (day, minute))).filter(|(d, m)| self.open_at(*d, *m)).count()
    }

    /// The open minute that comes after so many others, counted from the whole minute given on.
    pub(super) fn after_open(&self, from: DateTime<Utc>, minutes: u32) -> Option<DateTime<Utc>> {
        self.walk(from, minutes, 1)
    }

    /// The open minute that comes before so many others, counted back from the one given.
    pub(super) fn before_open(&self, until: DateTime<Utc>, minutes: u32) -> Option<DateTime<Utc>> {
        self.walk(whole_minute(until), minutes, -1)
    }

    /// Passes so many open minutes, ahead or back, and stops at the next one.
    fn walk(&self, from: DateTime<Utc>, minutes: u32, way: i32) -> Option<DateTime<Utc>> {
        let mut left = i64::from(minutes);
        if self.allowed.is_empty() && self.forbidden.is_empty() {
            return from.checked_add_signed(TimeDelta::minutes(left) * way);
        }
        let mut at = from;
        while (at - from).abs() < FARTHEST {
            let (open, alike) = self.stretch(at, way);
            if open && left < alike {
                return Some(at + TimeDelta::minutes(left) * way);
            }
            left -= if open { alike } else { 0 };
            at += TimeDelta::minutes(alike) * way;
        }
        None
    }

    /// Whether this minute is open, and how many from it on, or back, are the same.
    fn stretch(&self, at: DateTime<Utc>, way: i32) -> (bool, i64) {
        let local = at.with_timezone(&self.zone);
        let (day, minute) = (local.weekday(), (local.hour() * 60 + local.minute()) as u16);
        // From a boundary on it is another; so, looking back, the boundary's own minute is the last.
        let to = |boundary: u16| {
            let ahead = i64::from(boundary) - i64::from(minute);
            match (if way > 0 { ahead } else { 1 - ahead }).rem_euclid(DAY.into()) {
                0 => DAY.into(),
                minutes => minutes,
            }
        };
        let windows = self.allowed.iter().chain(&self.forbidden);
        // A window's days begin at midnight.
        let alike = windows.flat_map(|window| [window.from, window.to]).chain([0]).map(to).min().unwrap_or(1);
        let end = (at + TimeDelta::minutes(alike) * way).with_timezone(&self.zone);
        if end.offset().fix() == local.offset().fix() {
            return (self.open_at(day, minute), alike);
        }
        // The clocks change on the way: only the rest of this quarter of an hour is sure.
        let block = at.timestamp().div_euclid(60).rem_euclid(QUARTER);
        (self.open_at(day, minute), alike.min(if way > 0 { QUARTER - block } else { block + 1 }))
    }
}
