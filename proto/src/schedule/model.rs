//! What cron means, written down the slow way: every minute of the time in question is looked at.
//! It shares no code with what it judges but the time-zone table.

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;

/// One field: which numbers it names, and whether it begins with a star.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) text: String,
    pub(super) numbers: Vec<u32>,
}

impl Named {
    fn has(&self, number: u32) -> bool {
        self.numbers.contains(&number)
    }
    fn star(&self) -> bool {
        self.text.starts_with('*')
    }
}

/// An expression whose meaning is known without reading it.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) minute: Named,
    pub(super) hour: Named,
    pub(super) day: Named,
    pub(super) month: Named,
    pub(super) weekday: Named,
}

impl Expression {
    pub(super) fn text(&self) -> String {
        let Self { minute, hour, day, month, weekday } = self;
        [minute, hour, day, month, weekday].map(|field| field.text.as_str()).join(" ")
    }

    fn matches(&self, wall: NaiveDateTime) -> bool {
        let weekday = match wall.weekday() {
            Weekday::Sun => self.weekday.has(0) || self.weekday.has(7),
            day => self.weekday.has(day.num_days_from_sunday()),
        };
        let day = self.day.has(wall.day());
        let days = if self.day.star() || self.weekday.star() { day && weekday } else { day || weekday };
        days && self.month.has(wall.month()) && self.hour.has(wall.hour()) && self.minute.has(wall.minute())
    }

    /// All runs from one moment to another, by walking through every minute between them.
    pub(super) fn runs(&self, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<DateTime<Utc>> {
        let mut runs = Vec::new();
        let wall = |at: DateTime<Utc>| zone.from_utc_datetime(&at.naive_utc()).naive_local();
        // The latest time that the wall has shown: what lies before it is shown again.
        let mut shown = wall(from - TimeDelta::days(2));
        let mut at = from - TimeDelta::days(2);
        while at <= to {
            let now = wall(at);
            if self.hour.star() {
                if self.matches(now) {
                    runs.push(at);
                }
            } else {
                // Every minute of the wall that was reached or passed over for the first time.
                let mut minute = shown + TimeDelta::minutes(1);
                let mut any = false;
                while minute <= now {
                    any |= self.matches(minute);
                    minute += TimeDelta::minutes(1);
                }
                if any {
                    runs.push(at);
                }
                shown = shown.max(now);
            }
            at += TimeDelta::minutes(1);
        }
        runs.retain(|run| *run > from && *run <= to);
        runs
    }
}
