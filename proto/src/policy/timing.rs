//! When, besides the schedule, scheduled work may begin.

use super::PolicyError;
use crate::ids::HostId;
use crate::schedule::{Schedule, Timetable, Window, WindowError, Windows};
use crate::{WireError, wire::agent as wire};
use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// When a run of a schedule may begin. What runs already is not stopped by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Hours in which it may begin; none: in all.
    pub allowed: Vec<Hours>,
    /// Hours in which it may not, whatever is allowed.
    pub forbidden: Vec<Hours>,
    /// Hosts begin spread over so many minutes after the schedule's time, each always at its own;
    /// only minutes in which they may begin are counted. 0: all at once.
    pub spread_minutes: u32,
    /// For how many hours after its time a run that was missed is made up for; 0: until the next
    /// one is due.
    pub catch_up_hours: u32,
    /// Whether it waits while the PC runs on battery.
    pub not_on_battery: bool,
    /// Whether it waits while the PC's line is paid for by what goes over it.
    pub not_on_metered: bool,
    /// Whether it waits while somebody uses the PC.
    pub only_when_idle: bool,
}

/// Hours of days of the week, in the policy's time zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// `mon` to `sun`; none: on all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<String>,
    /// From then on, `18:00`.
    pub from: String,
    /// Until then, `08:00`; not after `from`: over midnight, and it belongs to the day it began on.
    pub to: String,
}

/// A week.
const LONGEST_SPREAD: u32 = 7 * 24 * 60;
/// A year.
const LONGEST_CATCH_UP: u32 = 366 * 24;
/// Windows in one list.
const MOST: usize = 50;

impl Timing {
    /// The host's timetable for one kind of work.
    pub(super) fn timetable(&self, schedule: Schedule, host: HostId, kind: &str) -> Result<Timetable, WindowError> {
        let windows = |hours: &[Hours]| hours.iter().map(Hours::window).collect::<Result<Vec<_>, _>>();
        let (allowed, forbidden) = (windows(&self.allowed)?, windows(&self.forbidden)?);
        let catch_up = (self.catch_up_hours > 0).then(|| TimeDelta::hours(self.catch_up_hours.into()));
        let windows = Windows { allowed, forbidden, zone: schedule.zone() };
        Ok(Timetable { schedule, windows, delay: delay(host, kind, self.spread_minutes), catch_up })
    }

    /// What keeps it from being followed: which of its fields, and why.
    pub(super) fn problem(&self) -> Option<(&'static str, String)> {
        for (field, hours) in [("allowed", &self.allowed), ("forbidden", &self.forbidden)] {
            if hours.len() > MOST {
                return Some((field, format!("{} windows are too many; write at most {MOST}", hours.len())));
            }
            if let Some(Err(error)) = hours.iter().map(Hours::window).find(Result::is_err) {
                return Some((field, error.to_string()));
            }
        }
        if self.spread_minutes > LONGEST_SPREAD {
            let problem = format!("{} is more than a week; write at most {LONGEST_SPREAD}", self.spread_minutes);
            return Some(("spread_minutes", problem));
        }
        if self.catch_up_hours > LONGEST_CATCH_UP {
            let problem = format!("{} is more than a year; write at most {LONGEST_CATCH_UP}", self.catch_up_hours);
            return Some(("catch_up_hours", problem));
        }
        let windows = |hours: &[Hours]| hours.iter().flat_map(Hours::window).collect();
        let open =
            Windows { allowed: windows(&self.allowed), forbidden: windows(&self.forbidden), zone: chrono_tz::UTC };
        match open.minutes_a_week() {
            0 => Some(("forbidden", "no minute of the week is left in which it may begin; leave some".into())),
            open if open < self.spread_minutes as usize => {
                let problem = format!("only {open} minutes of a week are allowed; write at most that many");
                Some(("spread_minutes", problem))
            }
            _ => None,
        }
    }
}

impl Hours {
    fn window(&self) -> Result<Window, WindowError> {
        Window::parse(&self.days, &self.from, &self.to)
    }
}

/// A host's own part of a spread, in minutes: always the same, and evenly strewn over hosts.
fn delay(host: HostId, kind: &str, spread_minutes: u32) -> u32 {
    let digest = Sha256::digest(format!("{host} {kind}"));
    let number = digest.iter().take(8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    number.checked_rem(spread_minutes.into()).unwrap_or(0) as u32
}

/// As [`Timing::problem`], with the field's place in the policy.
pub(super) fn check(timing: &Timing, names: &[(&'static str, &'static str)]) -> Result<(), PolicyError> {
    let Some((field, problem)) = timing.problem() else { return Ok(()) };
    let named = names.iter().find(|(name, _)| *name == field);
    Err(PolicyError::Value { field: named.map_or(field, |(_, path)| path), problem })
}

impl From<Timing> for wire::Timing {
    fn from(timing: Timing) -> Self {
        let Timing { allowed, forbidden, .. } = timing;
        let windows = |hours: Vec<Hours>| {
            let window = |Hours { days, from, to }| wire::Hours { days, from, to };
            hours.into_iter().map(window).collect()
        };
        let (allowed, forbidden) = (windows(allowed), windows(forbidden));
        Self {
            allowed,
            forbidden,
            spread_minutes: timing.spread_minutes,
            catch_up_hours: timing.catch_up_hours,
            not_on_battery: timing.not_on_battery,
            not_on_metered: timing.not_on_metered,
            only_when_idle: timing.only_when_idle,
        }
    }
}

impl TryFrom<wire::Timing> for Timing {
    type Error = WireError;
    fn try_from(timing: wire::Timing) -> Result<Self, WireError> {
        let wire::Timing { allowed, forbidden, .. } = timing;
        let windows = |hours: Vec<wire::Hours>| {
            let window = |wire::Hours { days, from, to }| Hours { days, from, to };
            hours.into_iter().map(window).collect()
        };
        let (allowed, forbidden) = (windows(allowed), windows(forbidden));
        let timing = Self {
            allowed,
            forbidden,
            spread_minutes: timing.spread_minutes,
            catch_up_hours: timing.catch_up_hours,
            not_on_battery: timing.not_on_battery,
            not_on_metered: timing.not_on_metered,
            only_when_idle: timing.only_when_idle,
        };
        match timing.problem() {
            Some((field, problem)) => Err(WireError::bad("policy.timing", format!("{field}: {problem}"))),
            None => Ok(timing),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::policy::Policy;

    #[test]
    fn every_field_survives_yaml_json_and_wire() {
        let timing = "{allowed: [{days: [sat, sun], from: '00:00', to: '00:00'}, {from: '18:00', to: '06:00'}], \
                      forbidden: [{from: '02:00', to: '03:00'}], spread_minutes: 90, catch_up_hours: 12, \
                      not_on_battery: true, not_on_metered: true, only_when_idle: true}";
        let policy =
            Policy::from_yaml(&format!("{{scan: {{timing: {timing}}}, backup: {{timing: {timing}}}}}")).unwrap();
        assert_eq!(policy.scan.timing, policy.backup.timing);
        assert_eq!((policy.scan.timing.allowed.len(), policy.scan.timing.catch_up_hours), (2, 12));
        assert!(policy.scan.timing.not_on_metered && policy.scan.timing.only_when_idle);
        assert_eq!(Policy::from_yaml(&policy.to_yaml().unwrap()).unwrap(), policy);
        assert_eq!(serde_json::from_str::<Policy>(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
        assert_eq!(Policy::try_from(crate::wire::agent::Policy::from(policy.clone())).unwrap(), policy);
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_field() {
        for (yaml, words) in [
            (
                "backup: {timing: {allowed: [{days: [monday], from: '08:00', to: '09:00'}]}}",
                "backup.timing.allowed: 'monday'",
            ),
            ("scan: {timing: {forbidden: [{from: '8', to: '09:00'}]}}", "scan.timing.forbidden: '8' is no time"),
            ("scan: {timing: {forbidden: [{from: '00:00', to: '00:00'}]}}", "no minute of the week"),
            ("backup: {timing: {spread_minutes: 10081}}", "backup.timing.spread_minutes"),
            (
                "backup: {timing: {spread_minutes: 200, allowed: [{days: [mon], from: '08:00', to: '09:00'}]}}",
                "only 60 minutes of a week",
            ),
            ("backup: {timing: {catch_up_hours: 99999}}", "backup.timing.catch_up_hours"),
            ("backup: {timing: {spread: 5}}", "spread"),
            ("backup: {timing: {allowed: [{from: '08:00'}]}}", "to"),
        ] {
            let error = Policy::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(words), "{yaml}: {error}");
        }
    }

    #[test]
    fn a_spread_is_each_hosts_own_and_even() {
        let hosts: Vec<HostId> = (0..1000).map(|_| HostId::new(&Clock::system())).collect();
        let delays: Vec<u32> = hosts.iter().map(|host| delay(*host, "backup", 60)).collect();
        assert!(hosts.iter().zip(&delays).all(|(host, own)| *own < 60 && delay(*host, "backup", 60) == *own));
        // Of 1,000 in 60 minutes about 17 begin in each; 45 would be seven standard deviations.
        let fullest = (0..60).map(|minute| delays.iter().filter(|own| **own == minute).count()).max();
        assert!(fullest < Some(45), "{fullest:?}");
        assert_eq!(delay(hosts[0], "backup", 0), 0);
    }
}
