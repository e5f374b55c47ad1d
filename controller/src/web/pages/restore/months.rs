//! A month as a calendar has it: its weeks from Monday on.

use chrono::{Datelike, Months, NaiveDate};

/// A month of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month(NaiveDate);

impl Month {
    /// The one that a day is in.
    pub fn of(day: NaiveDate) -> Self {
        Self(day.with_day(1).unwrap_or(day))
    }

    /// As addresses have it: `2026-11`.
    pub fn parse(text: &str) -> Option<Self> {
        format!("{text}-01").parse().ok().map(Self)
    }

    /// The one before.
    pub fn before(self) -> Self {
        Self(self.0.checked_sub_months(Months::new(1)).unwrap_or(self.0))
    }

    /// As addresses have it.
    pub fn word(self) -> String {
        self.0.format("%Y-%m").to_string()
    }

    /// Its year.
    pub fn year(self) -> i32 {
        self.0.year()
    }

    /// Its number in the year, from 1 on.
    pub fn number(self) -> u32 {
        self.0.month()
    }

    /// Its weeks from Monday on; what is not in it is none.
    pub fn weeks(self) -> Vec<[Option<NaiveDate>; 7]> {
        let mut weeks = Vec::new();
        let mut week = [None; 7];
        for day in self.0.iter_days().take_while(|day| Self::of(*day) == self) {
            let at = day.weekday().num_days_from_monday() as usize;
            week[at] = Some(day);
            if at == 6 {
                weeks.push(std::mem::take(&mut week));
            }
        }
        if week.iter().any(Option::is_some) {
            weeks.push(week);
        }
        weeks
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn each_day_is_once_and_under_its_weekday() {
        for (month, weeks, first, days) in [
            ("2026-11", 6, 6, 30), // begins on a Sunday
            ("2026-02", 5, 6, 28),
            ("2027-02", 4, 0, 28), // four whole weeks
            ("2028-02", 5, 1, 29), // a leap year
            ("2026-12", 5, 1, 31),
        ] {
            let rows = Month::parse(month).unwrap().weeks();
            assert_eq!(rows.len(), weeks, "{month}");
            assert_eq!(rows[0].iter().position(Option::is_some), Some(first), "{month}");
            let all: Vec<u32> = rows.iter().flatten().flatten().map(Datelike::day).collect();
            assert_eq!(all, (1..=days).collect::<Vec<_>>(), "{month}");
        }
    }

    #[test]
    fn months_are_named_and_follow_each_other() {
        let january = Month::parse("2026-01").unwrap();
        assert_eq!(january.before().word(), "2025-12");
        assert_eq!((january.year(), january.number()), (2026, 1));
        assert!(january > january.before());
        for bad in ["", "2026", "2026-13", "x", "2026-01-01"] {
            assert_eq!(Month::parse(bad), None, "{bad}");
        }
    }
}
