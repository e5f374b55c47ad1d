//! What hosts would begin when, by their timetables, and what that asks of the storage.

use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::schedule::Timetable;
use std::collections::BTreeMap;

/// A host, as far as it matters.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Its name.
    pub name: String,
    /// When it scans.
    pub scan: Option<Timetable>,
    /// When it backs up.
    pub backup: Option<Timetable>,
    /// What its last backups stored, on average, in bytes; 0: not known.
    pub bytes: u64,
}

/// What begins within one hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hour {
    /// Scans.
    pub scans: u32,
    /// Backups.
    pub backups: u32,
    /// Of those, the most that begin in one minute.
    pub busiest_minute: u32,
    /// What they would store, in bytes.
    pub bytes: u64,
    /// Names of the first hosts that back up.
    pub hosts: Vec<String>,
}

/// Names in one hour.
const NAMED: usize = 20;
/// Runs of one host's one schedule.
const MOST_RUNS: usize = 2000;

/// The hours in which something begins, each by its first moment, and how many runs were left out
/// since their schedule has too many.
pub fn forecast(hosts: &[Planned], from: DateTime<Utc>, until: DateTime<Utc>) -> (BTreeMap<DateTime<Utc>, Hour>, u64) {
    let (mut hours, mut minutes, mut left_out) = (BTreeMap::<_, Hour>::new(), BTreeMap::<_, u32>::new(), 0);
    for host in hosts {
        let mut runs = |table: &Option<Timetable>| {
            let mut runs = table.as_ref().map(|t| t.between(from, until, MOST_RUNS + 1)).unwrap_or_default();
            left_out += u64::from(runs.len() > MOST_RUNS);
            runs.truncate(MOST_RUNS);
            runs
        };
        let (scans, backups) = (runs(&host.scan), runs(&host.backup));
        scans.into_iter().for_each(|at| hours.entry(hour(at)).or_default().scans += 1);
        for at in backups {
            let minute = minutes.entry(at).or_default();
            *minute += 1;
            let hour = hours.entry(hour(at)).or_default();
            hour.backups += 1;
            hour.busiest_minute = hour.busiest_minute.max(*minute);
            hour.bytes = hour.bytes.saturating_add(host.bytes);
            if hour.hosts.len() < NAMED {
                hour.hosts.push(host.name.clone());
            }
        }
    }
    (hours, left_out)
}

fn hour(at: DateTime<Utc>) -> DateTime<Utc> {
    at - TimeDelta::seconds(at.timestamp().rem_euclid(3600))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::HostId;
    use keepwatch_proto::policy::Policy;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn what_begins_is_counted_by_the_hour_and_a_spread_flattens_it() {
        let forecast_of = |spread: u32| {
            let yaml = format!(
                "{{time_zone: UTC, scan: {{schedule: ''}}, backup: {{schedule: '0 12 * * mon', timing: {{spread_minutes: {spread}}}}}}}"
            );
            let policy = Policy::from_yaml(&yaml).unwrap();
            let host = |n| Planned {
                name: format!("pc-{n}"),
                scan: None,
                backup: policy.backup_timetable(HostId::new(&Clock::system())),
                bytes: 100,
            };
            let hosts: Vec<Planned> = (0..240).map(host).collect();
            // Sunday to Sunday: one Monday.
            forecast(&hosts, at("2026-11-22T00:00:00Z"), at("2026-11-29T00:00:00Z"))
        };
        let (hours, left_out) = forecast_of(0);
        let noon = &hours[&at("2026-11-23T12:00:00Z")];
        assert_eq!((hours.len(), left_out, noon.backups, noon.busiest_minute, noon.bytes), (1, 0, 240, 240, 24_000));
        assert_eq!(noon.hosts.len(), NAMED);
        let (hours, _) = forecast_of(120);
        assert_eq!(hours.values().map(|hour| hour.backups).sum::<u32>(), 240);
        assert_eq!(hours.len(), 2);
        // Two a minute on average.
        assert!(hours.values().all(|hour| (60..180).contains(&hour.backups) && hour.busiest_minute < 15), "{hours:?}");
    }
}
