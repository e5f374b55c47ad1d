//! When something is due: 5-field cron expressions with their usual meaning, in a time
//! zone. The `cron` crate wants seven fields, counts weekdays from 1 and demands that day
//! of month AND weekday match where cron has always meant OR; the translation is here.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::str::FromStr;

/// A schedule that can be asked for its next time.
#[derive(Debug, Clone)]
pub struct Schedule {
    // One, or two where day of month and weekday are both restricted: either one's time counts.
    alternatives: Vec<cron::Schedule>,
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
    /// No such time zone.
    #[error("there is no time zone '{0}'; write an IANA name such as Asia/Shanghai")]
    Zone(String),
}

const WEEKDAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

impl Schedule {
    /// Reads a 5-field expression; an empty zone means UTC.
    pub fn parse(expression: &str, zone: &str) -> Result<Self, ScheduleError> {
        let zone = if zone.is_empty() { "UTC" } else { zone };
        let zone = Tz::from_str(zone).map_err(|_| ScheduleError::Zone(zone.into()))?;
        let fields: Vec<&str> = expression.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(ScheduleError::Fields(expression.into(), fields.len()));
        };
        let field_error = |why: String| ScheduleError::Field(expression.into(), why);
        let weekdays = weekday_names(weekday).map_err(field_error)?;
        let seven = |day: &str, weekday: &str| {
            cron::Schedule::from_str(&format!("0 {minute} {hour} {day} {month} {weekday} *"))
                .map_err(|e| field_error(e.to_string()))
        };
        // As Vixie cron has it, a field that begins with a star is not a restriction.
        let alternatives = if day.starts_with('*') || weekday.starts_with('*') {
            vec![seven(day, &weekdays)?]
        } else {
            vec![seven(day, "*")?, seven("*", &weekdays)?]
        };
        let schedule = Self { alternatives, zone };
        match schedule.next_after(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(schedule),
            None => Err(ScheduleError::Never(expression.into())),
        }
    }

    /// The first time after the one given.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = after.with_timezone(&self.zone);
        self.alternatives.iter().filter_map(|s| s.after(&local).next()).min().map(|t| t.with_timezone(&Utc))
    }

    /// The longest wait between two of the next few times: what a host is judged by.
    pub fn period(&self, from: DateTime<Utc>) -> Option<chrono::TimeDelta> {
        let mut last = self.next_after(from)?;
        let mut longest = chrono::TimeDelta::zero();
        for _ in 0..8 {
            let next = self.next_after(last)?;
            longest = longest.max(next - last);
            last = next;
        }
        Some(longest)
    }

    /// The time that came due after `since` and up to `now`; the latest one where several
    /// were missed, since one run makes good for all of them.
    pub fn due(&self, since: DateTime<Utc>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut due = self.next_after(since).filter(|t| *t <= now)?;
        // A PC that was off for months: bounded, and any missed time serves.
        for _ in 0..10_000 {
            match self.next_after(due).filter(|t| *t <= now) {
                Some(later) => due = later,
                None => break,
            }
        }
        Some(due)
    }
}

/// `1-5`, `0,6`, `mon`, `*/2` … as the names of the days meant, since the crate's own
/// numbers are off by one from everybody else's.
fn weekday_names(field: &str) -> Result<String, String> {
    if field == "*" || field == "?" {
        return Ok("*".into());
    }
    let mut days = [false; 7];
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                (range, step.parse::<usize>().ok().filter(|s| *s > 0).ok_or(format!("'{part}' has no step"))?)
            }
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => (weekday_number(from)?, weekday_number(to)?),
            None if part.contains('/') => (weekday_number(range)?, 6),
            None => (weekday_number(range)?, weekday_number(range)?),
        };
        if from > to {
            return Err(format!("the range '{range}' runs backwards"));
        }
        (from..=to).step_by(step).for_each(|day| days[day % 7] = true);
    }
    let names: Vec<&str> = WEEKDAYS.iter().zip(days).filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    Ok(names.join(","))
}

fn weekday_number(text: &str) -> Result<usize, String> {
    if let Some(day) = WEEKDAYS.iter().position(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(day);
    }
    text.parse().ok().filter(|day| *day <= 7).ok_or(format!("'{text}' is no weekday (0-7 or mon-sun)"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn weekdays_mean_what_people_write() {
        // 2026-11-22 is a Sunday.
        for (expression, next) in [
            ("0 9 * * 0", "2026-11-22T09:00:00Z"),
            ("0 9 * * 7", "2026-11-22T09:00:00Z"),
            ("0 9 * * 1", "2026-11-23T09:00:00Z"),
            ("0 9 * * fri", "2026-11-27T09:00:00Z"),
            ("0 9 * * 1-5", "2026-11-23T09:00:00Z"),
            ("0 9 * * 6", "2026-11-28T09:00:00Z"),
            ("0 9 * * 5-7", "2026-11-22T09:00:00Z"),
            ("*/20 * * * *", "2026-11-22T00:20:00Z"),
            ("0 9 25 * *", "2026-11-25T09:00:00Z"),
            // Either day counts.
            ("0 9 25 * 1", "2026-11-23T09:00:00Z"),
            ("0 9 23 * 5", "2026-11-23T09:00:00Z"),
        ] {
            let schedule = Schedule::parse(expression, "").unwrap();
            assert_eq!(schedule.next_after(at("2026-11-22T00:00:00Z")), Some(at(next)), "{expression}");
        }
    }

    #[test]
    fn the_zone_is_the_offices() {
        let noon = Schedule::parse("0 12 * * *", "Asia/Shanghai").unwrap();
        assert_eq!(noon.next_after(at("2026-11-22T00:00:00Z")), Some(at("2026-11-22T04:00:00Z")));
    }

    #[test]
    fn one_run_makes_good_for_all_that_were_missed() {
        let noon = Schedule::parse("0 12 * * *", "").unwrap();
        let since = at("2026-11-01T12:00:00Z");
        assert_eq!(noon.due(since, at("2026-11-02T11:59:59Z")), None);
        assert_eq!(noon.due(since, at("2026-11-02T12:00:00Z")), Some(at("2026-11-02T12:00:00Z")));
        assert_eq!(noon.due(since, at("2026-11-22T15:00:00Z")), Some(at("2026-11-22T12:00:00Z")));
    }

    #[test]
    fn the_period_is_the_longest_wait() {
        for (expression, hours) in [("0 12 * * *", 24), ("40 12 * * wed", 168), ("0 9 * * 1-5", 72)] {
            let period = Schedule::parse(expression, "").unwrap().period(at("2026-11-22T00:00:00Z"));
            assert_eq!(period, Some(chrono::TimeDelta::hours(hours)), "{expression}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused_with_the_reason() {
        for bad in [
            "",
            "* * * *",
            "0 0 * * * *",
            "61 * * * *",
            "0 9 * * 8",
            "0 9 * * 5-1",
            "0 9 * * */0",
            "0 9 * * noday",
            "0 0 31 2 *",
        ] {
            assert!(Schedule::parse(bad, "").is_err(), "{bad}");
        }
        assert_eq!(Schedule::parse("0 9 * * *", "Mars/Base").unwrap_err(), ScheduleError::Zone("Mars/Base".into()));
    }
}
