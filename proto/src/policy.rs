//! What a group's hosts must do. It travels with its schedule, so a PC that cannot reach
//! the controller still scans and backs up on time.

mod backup;
mod bandwidth;
mod document;
mod keep;
mod layer;
mod scan;
mod signatures;
mod timing;
mod work;

pub use backup::{BackupPolicy, WhenInfected};
pub use bandwidth::{Bandwidth, bytes_per_second};
pub use document::Document;
pub use keep::Keep;
pub use layer::{Effective, Layer, changes, covers, fields_of, in_words, line_of};
pub use scan::{Allowed, ScanPolicy, WhenFound};
pub use signatures::SignaturesPolicy;
pub use timing::{Hours, Timing};
pub use work::WorkPolicy;

use crate::ids::HostId;
use crate::schedule::{Schedule, ScheduleError, Timetable, parse_zone};
use crate::{WireError, wire::agent as wire};
use serde::{Deserialize, Serialize};

/// Stands in a path list for the folders of all the PC's users.
pub const USERS: &str = "@users";
/// Stands for the places where malware is met first: running programs' files, start-up
/// places, temporary folders, downloads.
pub const QUICK: &str = "@quick";
/// Stands for all local disks.
pub const FULL: &str = "@full";
/// Stands for all removable media that are in the PC now.
pub const REMOVABLE: &str = "@removable";
/// All words that stand for places.
pub const WORDS: [&str; 4] = [USERS, QUICK, FULL, REMOVABLE];

/// The first entry that looks like one of the [`WORDS`] and is none.
pub fn unknown_word(paths: &[String]) -> Option<&str> {
    paths.iter().map(String::as_str).find(|path| path.starts_with('@') && !WORDS.contains(path))
}

/// What is wrong with a word that is none of the [`WORDS`].
pub fn no_such_word(word: &str) -> String {
    format!("there is no '{}'; what stands for places is {}", word.escape_debug(), WORDS.join(", "))
}

/// A policy, as staff write it and agents follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// IANA name of the zone that the schedules are in.
    pub time_zone: String,
    /// Signature scans.
    pub scan: ScanPolicy,
    /// Backups.
    pub backup: BackupPolicy,
    /// How work is taken on.
    pub work: WorkPolicy,
    /// When new signatures come.
    pub signatures: SignaturesPolicy,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            time_zone: "Asia/Shanghai".into(),
            scan: ScanPolicy::default(),
            backup: BackupPolicy::default(),
            work: WorkPolicy::default(),
            signatures: SignaturesPolicy::default(),
        }
    }
}

/// A policy that cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Not YAML, or a field that there is none of.
    #[error("the policy cannot be read: {}", layer::in_place(.0))]
    Syntax(#[from] serde_norway::Error),
    /// A schedule that is none.
    #[error("{field}: {error}")]
    Schedule {
        /// Which one.
        field: &'static str,
        /// Why.
        error: ScheduleError,
    },
    /// Nothing to work on.
    #[error("{0}: no path is named; write '@users' for all users' folders, or list folders")]
    NoPaths(&'static str),
    /// A value that cannot be followed.
    #[error("{field}: {problem}")]
    Value {
        /// Where.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl PolicyError {
    /// The field at fault, where one alone is.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Syntax(_) => None,
            Self::Schedule { field, .. } | Self::NoPaths(field) | Self::Value { field, .. } => Some(field),
        }
    }
}

impl Policy {
    /// Reads YAML and checks that every part can be followed.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let policy: Self = serde_norway::from_str(text)?;
        policy.check()?;
        Ok(policy)
    }

    /// The YAML that [`Policy::from_yaml`] reads.
    pub fn to_yaml(&self) -> Result<String, PolicyError> {
        Ok(serde_norway::to_string(self)?)
    }

    fn check(&self) -> Result<(), PolicyError> {
        let parts = [
            ("scan.schedule", &self.scan.schedule, "scan.paths", &self.scan.paths),
            ("backup.schedule", &self.backup.schedule, "backup.paths", &self.backup.paths),
        ];
        for (field, expression, paths_field, paths) in parts {
            if let Some(word) = unknown_word(paths) {
                return Err(PolicyError::Value { field: paths_field, problem: no_such_word(word) });
            }
            if expression.is_empty() {
                continue;
            }
            Schedule::parse(expression, &self.time_zone).map_err(|error| PolicyError::Schedule { field, error })?;
            if paths.is_empty() {
                return Err(PolicyError::NoPaths(paths_field));
            }
        }
        // Windows and limits are in it where there is no schedule, too.
        parse_zone(&self.time_zone).map_err(|error| PolicyError::Schedule { field: "time_zone", error })?;
        bandwidth::check(&self.backup.bandwidth)?;
        self.backup.check()?;
        self.work.check()?;
        self.signatures.check()?;
        self.scan.check()
    }

    /// When scans are due; `None` where they are only made when asked.
    pub fn scan_schedule(&self) -> Option<Schedule> {
        self.schedule(&self.scan.schedule)
    }

    /// When backups are due; `None` where they are only made when asked.
    pub fn backup_schedule(&self) -> Option<Schedule> {
        self.schedule(&self.backup.schedule)
    }

    /// When this host's scans are due; `None` where they are only made when asked.
    pub fn scan_timetable(&self, host: HostId) -> Option<Timetable> {
        self.scan.timing.timetable(self.scan_schedule()?, host, "scan").ok()
    }

    /// When this host's backups are due; `None` where they are only made when asked.
    pub fn backup_timetable(&self, host: HostId) -> Option<Timetable> {
        self.backup.timing.timetable(self.backup_schedule()?, host, "backup").ok()
    }

    fn schedule(&self, expression: &str) -> Option<Schedule> {
        if expression.is_empty() { None } else { Schedule::parse(expression, &self.time_zone).ok() }
    }
}

impl From<Policy> for wire::Policy {
    fn from(policy: Policy) -> Self {
        // Which signatures a PC is to have, it is told bundle by bundle.
        let Policy { time_zone, scan, backup, work, signatures: _ } = policy;
        Self { time_zone, scan: Some(scan.into()), backup: Some(backup.into()), work: Some(work.into()) }
    }
}

impl TryFrom<wire::Policy> for Policy {
    type Error = WireError;
    fn try_from(policy: wire::Policy) -> Result<Self, WireError> {
        let scan = policy.scan.ok_or(WireError::missing("policy.scan"))?;
        let backup = policy.backup.ok_or(WireError::missing("policy.backup"))?;
        // A controller that does not know of slots grants none: nobody is to wait for that.
        let unasked = WorkPolicy { slot_grace_minutes: 0, ..WorkPolicy::default() };
        let work = policy.work.map(TryInto::try_into).transpose()?.unwrap_or(unasked);
        let (scan, backup) = (scan.try_into()?, backup.try_into()?);
        let signatures = SignaturesPolicy::default();
        let policy = Self { time_zone: policy.time_zone, scan, backup, work, signatures };
        policy.check().map_err(|e| WireError::bad("policy", e.to_string()))?;
        Ok(policy)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_sound_and_survives_yaml_and_wire() {
        let policy = Policy::default();
        assert_eq!(Policy::from_yaml(&policy.to_yaml().unwrap()).unwrap(), policy);
        assert_eq!(Policy::try_from(wire::Policy::from(policy.clone())).unwrap(), policy);
        assert!(policy.scan_schedule().is_some() && policy.backup_schedule().is_some());
    }

    #[test]
    fn what_cannot_be_followed_is_refused_with_the_field() {
        for (yaml, word) in [
            ("scan: {shedule: '0 1 * * *'}", "shedule"),
            ("backup: {schedule: 'weekly'}", "backup.schedule"),
            ("time_zone: Mars/Base", "Mars/Base"),
            ("scan: {paths: []}", "scan.paths"),
            ("scan: [", "cannot be read"),
            ("scan: {paths: ['@user']}", "scan.paths: there is no '@user'; what stands for places is @users, @quick"),
            ("backup: {schedule: '', paths: ['@home']}", "backup.paths: there is no '@home'"),
            ("scan: {cpu_percent: 0}", "scan.cpu_percent"),
            ("scan: {cpu_percent: 101}", "scan.cpu_percent"),
            ("backup: {cpu_percent: 0}", "backup.cpu_percent"),
            ("backup: {keep: {weekly: 20000}}", "backup.keep"),
            ("backup: {keep: {weekley: 2}}", "weekley"),
            ("scan: {threads: 1000}", "scan.threads"),
            ("scan: {unpak: false}", "unpak"),
            ("scan: {severities: {Rule: awful}}", "awful"),
            ("scan: {severities: {'': low}}", "scan.severities"),
            ("scan: {disabled: ['']}", "scan.disabled"),
            ("scan: {allowed: [{}]}", "scan.allowed"),
            ("scan: {allowed: [{rule: ''}]}", "scan.allowed"),
            ("scan: {allowed: [{sha256: 'abc'}]}", "64 hexadecimal digits"),
            ("scan: {allowed: [{file: '/a'}]}", "file"),
        ] {
            let error = Policy::from_yaml(yaml).unwrap_err().to_string();
            assert!(error.contains(word), "{yaml}: {error}");
        }
    }

    #[test]
    fn the_sample_says_what_holds_by_default() {
        let sample = include_str!("../../deploy/policy.yaml");
        assert_eq!(Policy::from_yaml(sample).unwrap(), Policy::default());
    }

    #[test]
    fn every_word_stands_for_places() {
        let paths = WORDS.join("', '");
        assert!(Policy::from_yaml(&format!("scan: {{paths: ['{paths}', '/srv/@home']}}")).is_ok());
    }

    #[test]
    fn an_empty_schedule_means_only_when_asked() {
        let policy = Policy::from_yaml("scan: {schedule: '', paths: []}").unwrap();
        assert!(policy.scan_schedule().is_none());
        assert!(policy.backup_schedule().is_some());
    }
}
