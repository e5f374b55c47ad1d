//! The weeks and months that reports are about. A week is the one of ISO 8601: it begins on a Monday.

use chrono::{DateTime, Datelike, Days, NaiveDate, TimeDelta, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use std::fmt;

/// Years in which something may have happened.
const YEARS: std::ops::RangeInclusive<i32> = 2000..=2999;
/// A clock is set ahead by no more than this at once.
const GAP_HOURS: i64 = 25;

/// A week or a month.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// Of a year that has 52 or 53 of them.
    Week {
        /// The year of ISO 8601.
        year: i32,
        /// From 1.
        week: u32,
    },
    /// Of a year.
    Month {
        /// The year.
        year: i32,
        /// From 1.
        month: u32,
    },
}

impl Period {
    /// Reads `2026-W47` or `2026-11`; `week` and `month` are the last ones that are over today.
    pub fn parse(text: &str, today: NaiveDate) -> Option<Self> {
        match text {
            "week" => Some(Self::week_of(today)?.before()),
            "month" => Some(Self::month_of(today).before()),
            text => {
                let (year, rest) = text.split_once('-')?;
                let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?;
                let year = i32::try_from(number(year)?).ok().filter(|year| YEARS.contains(year))?;
                let found = match rest.strip_prefix(['W', 'w']) {
                    Some(week) => Self::Week { year, week: number(week)? },
                    None => Self::Month { year, month: number(rest)? },
                };
                found.first_day().map(|_| found)
            }
        }
    }

    /// The week that a day is in.
    pub fn week_of(day: NaiveDate) -> Option<Self> {
        let week = day.iso_week();
        YEARS.contains(&week.year()).then_some(Self::Week { year: week.year(), week: week.week() })
    }

    /// The month that a day is in.
    pub fn month_of(day: NaiveDate) -> Self {
        Self::Month { year: day.year(), month: day.month() }
    }

    fn first_day(self) -> Option<NaiveDate> {
        match self {
            Self::Week { year, week } => NaiveDate::from_isoywd_opt(year, week, Weekday::Mon),
            Self::Month { year, month } => NaiveDate::from_ymd_opt(year, month, 1),
        }
    }

    /// Its first day.
    pub fn first(self) -> NaiveDate {
        self.first_day().unwrap_or_default()
    }

    /// Its last day.
    pub fn last(self) -> NaiveDate {
        let first = self.first();
        match self {
            Self::Week { .. } => first + Days::new(6),
            Self::Month { .. } => {
                // The first of the month after, less a day.
                let next = (first + Days::new(31)).with_day(1).unwrap_or(first);
                next - Days::new(1)
            }
        }
    }

    /// The one before it.
    pub fn before(self) -> Self {
        let day = self.first() - Days::new(1);
        match self {
            Self::Week { .. } => Self::week_of(day).unwrap_or(self),
            Self::Month { .. } => Self::month_of(day),
        }
    }

    /// When it begins and ends in a zone, in Unix seconds; the end is not in it.
    pub fn bounds(self, zone: Tz) -> (i64, i64) {
        (midnight(self.first(), zone).timestamp(), midnight(self.last() + Days::new(1), zone).timestamp())
    }
}

/// When a day begins: its first moment, also where the clock leaves midnight out.
pub fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let midnight = day.and_time(chrono::NaiveTime::MIN);
    let times = (0..=GAP_HOURS * 4).map(|quarters| midnight + TimeDelta::minutes(15 * quarters));
    let first = times.filter_map(|time| zone.from_local_datetime(&time).earliest()).next();
    first.map_or_else(|| midnight.and_utc(), |at| at.with_timezone(&Utc))
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Week { year, week } => write!(f, "{year}-W{week:02}"),
            Self::Month { year, month } => write!(f, "{year}-{month:02}"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn periods_are_read_as_they_are_written() {
        let today = day("2026-11-27");
        for (text, period, first, last) in [
            ("week", "2026-W47", "2026-11-16", "2026-11-22"),
            ("month", "2026-10", "2026-10-01", "2026-10-31"),
            ("2026-W48", "2026-W48", "2026-11-23", "2026-11-29"),
            ("2026-w1", "2026-W01", "2025-12-29", "2026-01-04"),
            ("2026-W53", "2026-W53", "2026-12-28", "2027-01-03"),
            ("2028-2", "2028-02", "2028-02-01", "2028-02-29"),
            ("2026-12", "2026-12", "2026-12-01", "2026-12-31"),
        ] {
            let found = Period::parse(text, today).unwrap();
            assert_eq!((found.to_string(), found.first(), found.last()), (period.to_owned(), day(first), day(last)));
        }
        for text in [
            "",
            "2026",
            "2026-13",
            "2026-0",
            "2026-W54",
            "2025-W53",
            "2026-W",
            "1999-01",
            "3000-01",
            "-1-1",
            "+2026-1",
            "2026-11-01",
            "weeks",
        ] {
            assert_eq!(Period::parse(text, today), None, "{text}");
        }
    }

    #[test]
    fn each_follows_the_one_before() {
        for text in ["2026-W01", "2027-W01", "2026-01", "2028-03"] {
            let period = Period::parse(text, day("2026-11-27")).unwrap();
            assert_eq!(period.before().last() + Days::new(1), period.first(), "{text}");
        }
    }

    #[test]
    fn a_day_begins_where_it_does() {
        let week = Period::parse("2026-W47", day("2026-11-27")).unwrap();
        assert_eq!(week.bounds(Tz::Asia__Shanghai), (1_794_758_400, 1_794_758_400 + 7 * 86_400));
        // There the clocks go from 0:00 to 1:00.
        let gap = Period::parse("2018-11", day("2026-11-27")).unwrap();
        let (first, end) = gap.bounds(Tz::America__Sao_Paulo);
        assert_eq!(end - first, 30 * 86_400 - 3600);
    }
}
