//! How fast a PC may send and fetch, by hour and day of the week.

use super::PolicyError;
use crate::{WireError, wire::agent as wire};
use chrono::{DateTime, Datelike, NaiveTime, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A limit, and when it holds; of several that hold, the first one counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bandwidth {
    /// Days that it holds on, `mon` to `sun`; none: on all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    /// From then on, `08:00`.
    #[serde(default = "midnight")]
    pub from: String,
    /// Until then, `18:00`; before `from`, over midnight.
    #[serde(default = "midnight")]
    pub to: String,
    /// In KiB a second; 0: no limit.
    pub kib_per_second: u32,
}

fn midnight() -> String {
    "00:00".into()
}

/// Three uploads share the line, and the repository service ends what is slower than 2 KiB a second.
const SLOWEST: u32 = 8;
/// Limits in one policy.
const MOST: usize = 100;

fn time(text: &str) -> Option<NaiveTime> {
    NaiveTime::parse_from_str(text, "%H:%M").ok()
}

impl Bandwidth {
    fn holds(&self, day: Weekday, now: NaiveTime) -> bool {
        let (Some(from), Some(to)) = (time(&self.from), time(&self.to)) else { return false };
        // What goes over midnight belongs to the day that it began on.
        let (begun, hours) = match from < to {
            true => (day, (from..to).contains(&now)),
            false if now >= from => (day, true),
            false => (day.pred(), now < to),
        };
        hours && (self.days.is_empty() || self.days.iter().any(|name| name.parse() == Ok(begun)))
    }

    fn problem(&self) -> Option<String> {
        let odd = self.days.iter().find(|name| name.parse::<Weekday>().is_err() || name.len() != 3);
        if let Some(day) = odd {
            return Some(format!("'{}' is no day; write mon, tue, wed, thu, fri, sat or sun", day.escape_debug()));
        }
        let odd = [&self.from, &self.to].into_iter().find(|text| time(text).is_none());
        if let Some(text) = odd {
            return Some(format!("'{}' is no time; write 08:00 or the like", text.escape_debug()));
        }
        let slow = (1..SLOWEST).contains(&self.kib_per_second);
        slow.then(|| format!("{} KiB a second are too few; write at least {SLOWEST}, or 0", self.kib_per_second))
    }
}

/// What the limits say now, in bytes a second; 0: no limit. `zone` is an IANA name.
pub fn bytes_per_second(limits: &[Bandwidth], zone: &str, now: DateTime<Utc>) -> u64 {
    let now = now.with_timezone(&zone.parse().unwrap_or(Tz::UTC));
    let holds = limits.iter().find(|limit| limit.holds(now.weekday(), now.time()));
    holds.map_or(0, |limit| u64::from(limit.kib_per_second) << 10)
}

/// What keeps the limits from being followed.
pub(super) fn check(limits: &[Bandwidth]) -> Result<(), PolicyError> {
    let refuse = |problem| Err(PolicyError::Value { field: "backup.bandwidth", problem });
    if limits.len() > MOST {
        return refuse(format!("{} entries are too many; write at most {MOST}", limits.len()));
    }
    limits.iter().find_map(Bandwidth::problem).map_or(Ok(()), refuse)
}

impl From<Bandwidth> for wire::Bandwidth {
    fn from(Bandwidth { days, from, to, kib_per_second }: Bandwidth) -> Self {
        Self { days, from, to, kib_per_second }
    }
}

impl TryFrom<wire::Bandwidth> for Bandwidth {
    type Error = WireError;
    fn try_from(wire::Bandwidth { days, from, to, kib_per_second }: wire::Bandwidth) -> Result<Self, WireError> {
        let limit = Self { days, from, to, kib_per_second };
        match limit.problem() {
            Some(problem) => Err(WireError::bad("policy.backup.bandwidth", problem)),
            None => Ok(limit),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn a_limit_holds_by_the_hour_and_the_day_also_over_midnight() {
        let yaml = "backup: {bandwidth: [
            {days: [mon, tue, wed, thu, fri], from: '08:00', to: '18:00', kib_per_second: 100},
            {days: [fri], from: '22:00', to: '06:00', kib_per_second: 0},
            {kib_per_second: 1000}]}";
        let limits = Policy::from_yaml(yaml).unwrap().backup.bandwidth;
        // In Shanghai, eight hours ahead; the 27th is a Friday.
        for (time, kib) in [
            ("2026-11-27T00:00:00Z", 100),
            ("2026-11-27T09:59:59Z", 100),
            ("2026-11-27T10:00:00Z", 1000),
            ("2026-11-27T14:00:00Z", 0),
            ("2026-11-27T21:59:00Z", 0),
            ("2026-11-27T22:00:00Z", 1000),
            ("2026-11-28T14:00:00Z", 1000),
            ("2026-11-29T02:00:00Z", 1000),
        ] {
            assert_eq!(bytes_per_second(&limits, "Asia/Shanghai", time.parse().unwrap()), kib << 10, "{time}");
        }
        assert_eq!(bytes_per_second(&[], "Asia/Shanghai", DateTime::UNIX_EPOCH), 0);
    }

    #[test]
    fn what_is_no_day_and_no_time_is_refused() {
        for (limit, word) in [
            ("{days: [monday], kib_per_second: 1}", "'monday' is no day"),
            ("{days: [xyz], kib_per_second: 1}", "'xyz' is no day"),
            ("{from: '8 am', kib_per_second: 1}", "'8 am' is no time"),
            ("{to: '25:00', kib_per_second: 1}", "'25:00' is no time"),
            ("{kib_per_second: 7}", "7 KiB a second are too few"),
            ("{from: '08:00'}", "kib_per_second"),
            ("{speed: 1, kib_per_second: 1}", "speed"),
        ] {
            let error = Policy::from_yaml(&format!("backup: {{bandwidth: [{limit}]}}")).unwrap_err().to_string();
            assert!(error.contains(word), "{limit}: {error}");
        }
    }
}
