//! What backups do by themselves.

use super::{Bandwidth, Keep, PolicyError, Timing, USERS, timing};
use crate::{WireError, wire::agent as wire};
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// When and what to back up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BackupPolicy {
    /// 5-field cron expression; empty: only when asked.
    pub schedule: String,
    /// When else a scheduled one may begin.
    pub timing: Timing,
    /// Folders and files; `@users` stands for every user's folder.
    pub paths: Vec<String>,
    /// Globs that are left out.
    pub excludes: Vec<String>,
    /// Whether what is saved is scanned, by the same read.
    pub scan: bool,
    /// What becomes of a file in which something suspicious or worse matches.
    pub infected: WhenInfected,
    /// Larger files are left out, in bytes; 0: none is.
    pub max_file_bytes: u64,
    /// Whether other file systems below a path are left out.
    pub one_file_system: bool,
    /// Whether a frozen state of the file system is read where there is one to be had.
    pub freeze: bool,
    /// Percent of the time that each thread of it may work, 1 to 100.
    pub cpu_percent: u8,
    /// Whether a backup waits while the PC runs on battery.
    pub pause_on_battery: bool,
    /// Whether a backup waits while other programs keep the PC busy.
    pub pause_when_busy: bool,
    /// How fast it may go.
    pub bandwidth: Vec<Bandwidth>,
    /// Which snapshots are kept.
    pub keep: Keep,
    /// Whether the agent plants documents that nobody has reason to touch, and watches them.
    pub canaries: bool,
    /// How much one host may store, in GiB; 0: as much as there is room for.
    pub quota_gib: u32,
    /// How much all hosts that follow this policy may store together, likewise.
    pub group_quota_gib: u32,
}

/// What becomes of an infected file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenInfected {
    /// It is saved, and the snapshot says so: a rule may be wrong.
    #[default]
    Keep,
    /// It is not saved.
    LeaveOut,
}

impl WhenInfected {
    /// The word for it, as the policy has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::LeaveOut => "leave_out",
        }
    }
}

impl FromStr for WhenInfected {
    type Err = WireError;
    fn from_str(word: &str) -> Result<Self, WireError> {
        [Self::Keep, Self::LeaveOut]
            .into_iter()
            .find(|when| when.word() == word)
            .ok_or_else(|| WireError::bad("policy.backup.infected", "is neither keep nor leave_out"))
    }
}

/// What comes back by itself and nobody misses.
const CACHES: [&str; 10] = [
    "**/.cache/**",
    "**/AppData/Local/Temp/**",
    "**/AppData/Local/Microsoft/Windows/INetCache/**",
    "**/AppData/Local/*/*/User Data/*/Cache/**",
    "**/.local/share/Trash/**",
    "**/$RECYCLE.BIN/**",
    "**/Thumbs.db",
    "**/node_modules/**",
    "**/~$*",
    "**/*.tmp",
];

impl Default for BackupPolicy {
    fn default() -> Self {
        Self {
            schedule: "40 12 * * wed".into(),
            timing: Timing::default(),
            paths: vec![USERS.into()],
            excludes: CACHES.iter().map(ToString::to_string).collect(),
            scan: true,
            infected: WhenInfected::Keep,
            max_file_bytes: 0,
            one_file_system: false,
            freeze: true,
            cpu_percent: 100,
            // A laptop may be on battery whenever it is on: better saved than spared.
            pause_on_battery: false,
            pause_when_busy: false,
            bandwidth: vec![],
            keep: Keep::default(),
            canaries: true,
            quota_gib: 0,
            group_quota_gib: 0,
        }
    }
}

/// Where its timing's fields are.
const TIMING: [(&str, &str); 4] = [
    ("allowed", "backup.timing.allowed"),
    ("forbidden", "backup.timing.forbidden"),
    ("spread_minutes", "backup.timing.spread_minutes"),
    ("catch_up_hours", "backup.timing.catch_up_hours"),
];

impl BackupPolicy {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        if !(1..=100).contains(&self.cpu_percent) {
            let problem = format!("{} is no share; write 1 to 100", self.cpu_percent);
            return Err(PolicyError::Value { field: "backup.cpu_percent", problem });
        }
        timing::check(&self.timing, &TIMING)?;
        self.keep.check()
    }
}

impl From<BackupPolicy> for wire::BackupPolicy {
    fn from(backup: BackupPolicy) -> Self {
        Self {
            schedule: backup.schedule,
            timing: Some(backup.timing.into()),
            paths: backup.paths,
            excludes: backup.excludes,
            scan: Some(backup.scan),
            infected: Some(backup.infected.word().into()),
            max_file_bytes: backup.max_file_bytes,
            one_file_system: backup.one_file_system,
            freeze: Some(backup.freeze),
            cpu_percent: Some(backup.cpu_percent.into()),
            pause_on_battery: backup.pause_on_battery,
            pause_when_busy: backup.pause_when_busy,
            bandwidth: backup.bandwidth.into_iter().map(Into::into).collect(),
            keep: Some(backup.keep.into()),
            canaries: Some(backup.canaries),
            quota_gib: backup.quota_gib,
            group_quota_gib: backup.group_quota_gib,
        }
    }
}

impl TryFrom<wire::BackupPolicy> for BackupPolicy {
    type Error = WireError;
    fn try_from(backup: wire::BackupPolicy) -> Result<Self, WireError> {
        // What a controller of another age does not say is as it is by default.
        let default = Self::default();
        let cpu_percent = backup.cpu_percent.map_or(Ok(default.cpu_percent), u8::try_from);
        Ok(Self {
            schedule: backup.schedule,
            timing: backup.timing.map_or(Ok(default.timing), TryInto::try_into)?,
            paths: backup.paths,
            excludes: backup.excludes,
            scan: backup.scan.unwrap_or(default.scan),
            infected: backup.infected.map_or(Ok(default.infected), |word| word.parse())?,
            max_file_bytes: backup.max_file_bytes,
            one_file_system: backup.one_file_system,
            freeze: backup.freeze.unwrap_or(default.freeze),
            cpu_percent: cpu_percent.map_err(|_| WireError::bad("policy.backup.cpu_percent", "is no share"))?,
            pause_on_battery: backup.pause_on_battery,
            pause_when_busy: backup.pause_when_busy,
            bandwidth: backup.bandwidth.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?,
            keep: backup.keep.map_or(Ok(default.keep), TryInto::try_into)?,
            canaries: backup.canaries.unwrap_or(default.canaries),
            quota_gib: backup.quota_gib,
            group_quota_gib: backup.group_quota_gib,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn every_field_survives_yaml_json_and_wire() {
        let yaml = "backup: {schedule: '0 9 * * *', paths: [/srv], excludes: ['*.iso'], scan: false, infected: leave_out, \
                    keep: {last: 1, daily: 2, yearly: 9}, canaries: false, quota_gib: 5, group_quota_gib: 500, max_file_bytes: 7, one_file_system: true, freeze: false, cpu_percent: 30, pause_on_battery: true, \
                    pause_when_busy: true, bandwidth: [{days: [mon], from: '08:00', to: '18:00', kib_per_second: 9}]}";
        let policy = Policy::from_yaml(yaml).unwrap();
        assert_eq!((policy.backup.scan, policy.backup.infected), (false, WhenInfected::LeaveOut));
        assert_eq!(Policy::from_yaml(&policy.to_yaml().unwrap()).unwrap(), policy);
        assert_eq!(serde_json::from_str::<Policy>(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
        assert_eq!(Policy::try_from(wire::Policy::from(policy.clone())).unwrap(), policy);
    }

    #[test]
    fn what_an_older_controller_does_not_say_is_as_by_default_and_nonsense_is_refused() {
        let default = BackupPolicy::default();
        let (schedule, paths, excludes) = (default.schedule.clone(), default.paths.clone(), default.excludes.clone());
        let old = wire::BackupPolicy { schedule, paths, excludes, ..wire::BackupPolicy::default() };
        assert_eq!(BackupPolicy::try_from(old.clone()).unwrap(), default);
        let cpu_percent = Some(1000);
        assert!(BackupPolicy::try_from(wire::BackupPolicy { cpu_percent, ..old.clone() }).is_err());
        assert!(BackupPolicy::try_from(wire::BackupPolicy { infected: Some("burn".into()), ..old }).is_err());
        assert!(Policy::from_yaml("backup: {infected: burn}").is_err());
    }
}
