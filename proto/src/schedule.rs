//! When something is due. A [`Schedule`] is a 5-field cron expression with its usual meaning in a
//! time zone; a [`Timetable`] is a schedule with all that a policy says about when its runs may
//! begin. Agent, health, simulation and reports ask the same functions.
//!
//! No crate is asked for the arithmetic: `cron` wants seven fields and lets day of month AND
//! weekday match where cron has always meant OR; `croner` takes `0 2,3 * * *` for an interval and
//! loses its runs in the hour that daylight saving leaves out. A model that looks at every minute
//! of ten years is what this one is tested against.

mod fields;
#[cfg(test)]
mod model;
mod timetable;
mod windows;

pub use timetable::{Expected, Timetable};
pub use windows::{Window, WindowError, Windows};

use chrono::{
    DateTime, Datelike, Days, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc,
};
use chrono_tz::Tz;
use fields::{DAY, Field, HOUR, MINUTE, MONTH, WEEKDAY};

/// A schedule that can be asked for its times.
///
/// Where the clocks change: a run at fixed hours whose time is left out comes at the first moment
/// after the gap, and one whose time comes twice runs at the first. An hour field that begins with
/// a star means every hour that passes: nothing is made up for what the clock leaves out, and what
/// comes twice runs twice.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Minutes of the day, in their order.
    times: Vec<u16>,
    every_hour: bool,
    day: Field,
    month: Field,
    weekday: Field,
    zone: Tz,
}

/// An expression that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Not five fields.
    #[error(
        "the schedule '{0}' has {1} fields; write five: minute hour day-of-month month day-of-week, for example '30 12 * * 3'"
    )]
    Fields(String, usize),
    /// One field is wrong.
    #[error("the schedule '{0}' cannot be read: {1}")]
    Field(String, String),
    /// It names a time that never comes.
    #[error("the schedule '{0}' never comes due")]
    Never(String),
    /// No such zone.
    #[error("there is no time zone '{0}'; write an IANA name such as 'Asia/Shanghai'")]
    Zone(String),
}

/// The 29th of February comes after eight years at most, around 2100.
const LONGEST_WAIT: u64 = 9 * 366;
/// A clock is set back by no more than this at once (two hours, on Antarctica).
const FOLD: TimeDelta = TimeDelta::hours(3);
/// A clock is set ahead by no more than this at once (a day, on Samoa in 2011).
const GAP: TimeDelta = TimeDelta::hours(25);

impl Schedule {
    /// Reads an expression, in the zone of the IANA name given (empty: UTC).
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone = parse_zone(zone)?;
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(ScheduleError::Fields(expression.into(), fields.len()));
        };
        let read = |kind, text| Field::parse(kind, text).map_err(|why| ScheduleError::Field(expression.into(), why));
        let (minute, hour) = (read(&MINUTE, minute)?, read(&HOUR, hour)?);
        let times = (0..24 * 60).filter(|t| hour.has((t / 60).into()) && minute.has((t % 60).into())).collect();
        let (day, month, weekday) = (read(&DAY, day)?, read(&MONTH, month)?, read(&WEEKDAY, weekday)?);
        let schedule = Self { times, every_hour: hour.star, day, month, weekday, zone };
        match schedule.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never(expression.into())),
        }
    }

    /// The zone that its times are in.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    /// The first time after the one given.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&self.zone).naive_local();
        if !self.every_hour {
            return self.forward(earlier(local, GAP)).map(|time| self.fixed(time)).find(|at| *at > after);
        }
        let mut found: Option<(NaiveDateTime, DateTime<Utc>)> = None;
        for time in self.forward(earlier(local, FOLD)) {
            if found.is_some_and(|(of, _)| time > of + FOLD) {
                break;
            }
            let ahead = self.instants(time).filter(|at| *at > after);
            found = found.into_iter().chain(ahead.map(|at| (time, at))).min_by_key(|(_, at)| *at);
        }
        found.map(|(_, at)| at)
    }

    /// The last time that is not after the one given.
    pub fn last_until(&self, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = until.with_timezone(&self.zone).naive_local();
        if !self.every_hour {
            return self.backward(later(local, FOLD)).map(|time| self.fixed(time)).find(|at| *at <= until);
        }
        let mut found: Option<(NaiveDateTime, DateTime<Utc>)> = None;
        for time in self.backward(later(local, FOLD)) {
            if found.is_some_and(|(of, _)| time < of - FOLD) {
                break;
            }
            let passed = self.instants(time).filter(|at| *at <= until);
            found = found.into_iter().chain(passed.map(|at| (time, at))).max_by_key(|(_, at)| *at);
        }
        found.map(|(_, at)| at)
    }

    fn falls_on(&self, date: NaiveDate) -> bool {
        let day = self.day.has(date.day());
        let weekday = self.weekday.has(date.weekday().num_days_from_sunday());
        // As Vixie cron has it, a field that begins with a star is not a restriction; of two
        // restrictions either one will do.
        let days = if self.day.star || self.weekday.star { day && weekday } else { day || weekday };
        self.month.has(date.month()) && days
    }

    /// Times by the clock on the wall, from the one given on.
    fn forward(&self, from: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let dates = from.date().iter_days().take(LONGEST_WAIT as usize).filter(|date| self.falls_on(*date));
        dates.flat_map(|date| self.times.iter().filter_map(move |t| at(date, *t))).filter(move |time| *time >= from)
    }

    /// Times by the clock on the wall, from the one given back.
    fn backward(&self, from: NaiveDateTime) -> impl Iterator<Item = NaiveDateTime> {
        let dates = (0..LONGEST_WAIT).map_while(move |days| from.date().checked_sub_days(Days::new(days)));
        let dates = dates.filter(|date| self.falls_on(*date));
        let times = dates.flat_map(|date| self.times.iter().rev().filter_map(move |t| at(date, *t)));
        times.filter(move |time| *time <= from)
    }

    /// The moments at which the clock on the wall shows this: none, one or two.
    fn instants(&self, time: NaiveDateTime) -> impl Iterator<Item = DateTime<Utc>> + use<> {
        let shown = self.zone.from_local_datetime(&time);
        let instants = [shown.earliest(), shown.latest().filter(|_| matches!(shown, MappedLocalTime::Ambiguous(..)))];
        instants.into_iter().flatten().map(|at| at.with_timezone(&Utc))
    }

    /// The moment of a run at a fixed hour. It grows with the time on the wall.
    fn fixed(&self, time: NaiveDateTime) -> DateTime<Utc> {
        let minutes = (0..=GAP.num_minutes()).map(|late| time + TimeDelta::minutes(late));
        let shown = minutes.filter_map(|time| self.zone.from_local_datetime(&time).earliest()).next();
        shown.map_or_else(|| time.and_utc(), |at| at.with_timezone(&Utc))
    }
}

fn earlier(time: NaiveDateTime, by: TimeDelta) -> NaiveDateTime {
    time.checked_sub_signed(by).unwrap_or(time)
}

fn later(time: NaiveDateTime, by: TimeDelta) -> NaiveDateTime {
    time.checked_add_signed(by).unwrap_or(time)
}

fn at(date: NaiveDate, minute: u16) -> Option<NaiveDateTime> {
    Some(date.and_time(NaiveTime::from_num_seconds_from_midnight_opt(u32::from(minute) * 60, 0)?))
}

/// The zone of an IANA name; UTC where it is empty.
pub(crate) fn parse_zone(name: &str) -> Result<Tz, ScheduleError> {
    if name.is_empty() { Ok(Tz::UTC) } else { name.parse().map_err(|_| ScheduleError::Zone(name.into())) }
}

#[cfg(test)]
mod tests;
