//! What scans do by themselves, how hard they may work, and what people have decided about
//! what they find.

use super::{PolicyError, Timing, USERS, timing};
use crate::detection::Severity;
use crate::{WireError, wire::agent as wire};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// When and what to scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanPolicy {
    /// 5-field cron expression; empty: only when asked.
    pub schedule: String,
    /// When else a scheduled one may begin.
    pub timing: Timing,
    /// Folders and files, and the words that stand for places, such as `@users`.
    pub paths: Vec<String>,
    /// Globs that are left out.
    pub excludes: Vec<String>,
    /// Files above this many bytes are read in windows that overlap, not whole.
    pub max_file_bytes: u64,
    /// Files judged at the same time; 0: half as many as the PC has processors, at most four.
    pub threads: u32,
    /// Share of the time that each of them may work, 1 to 100.
    pub cpu_percent: u8,
    /// Whether archives, documents and mail are opened up.
    pub unpack: bool,
    /// Whether a scan waits while the PC runs on battery.
    pub pause_on_battery: bool,
    /// Whether a scan waits while other programs keep the PC busy.
    pub pause_when_busy: bool,
    /// Whether removable media are scanned when they appear.
    pub removable: bool,
    /// Rules whose severity is decided here and not by what they say of themselves.
    pub severities: BTreeMap<String, Severity>,
    /// Rules that are not heard.
    pub disabled: BTreeSet<String>,
    /// What is known and allowed.
    pub allowed: Vec<Allowed>,
    /// What becomes of a file in which a scan finds something.
    pub when_found: WhenFound,
    /// Milder findings than this are only reported, whatever `when_found` says.
    pub quarantine_from: Severity,
}

/// What becomes of a file in which a scan finds something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenFound {
    /// It is reported, and stays where it is: a rule may be wrong.
    #[default]
    Report,
    /// It is reported, and put away on the PC.
    Quarantine,
}

impl WhenFound {
    /// The word for it, as the policy has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Quarantine => "quarantine",
        }
    }
}

impl FromStr for WhenFound {
    type Err = WireError;
    fn from_str(word: &str) -> Result<Self, WireError> {
        [Self::Report, Self::Quarantine]
            .into_iter()
            .find(|when| when.word() == word)
            .ok_or_else(|| WireError::bad("policy.scan.when_found", "is neither report nor quarantine"))
    }
}

/// Allows what fits everything that is set in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Allowed {
    /// A rule's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// A glob over the path of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Of the object that matched, or of the file that it lies in; 64 hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// 256 MiB: as the scan engine reads files whole.
const MAX_FILE_BYTES: u64 = 256 << 20;
/// More than any PC has use for.
const MOST_THREADS: u32 = 256;
/// Decisions in one list: a policy travels in one message.
const MOST_DECISIONS: usize = 1000;

impl Default for ScanPolicy {
    fn default() -> Self {
        // At lunch: office PCs are off at night.
        Self {
            schedule: "15 12 * * *".into(),
            timing: Timing::default(),
            paths: vec![USERS.into()],
            excludes: vec![],
            max_file_bytes: MAX_FILE_BYTES,
            threads: 0,
            cpu_percent: 100,
            unpack: true,
            pause_on_battery: true,
            pause_when_busy: false,
            removable: true,
            severities: BTreeMap::new(),
            disabled: BTreeSet::new(),
            allowed: vec![],
            when_found: WhenFound::Report,
            quarantine_from: Severity::High,
        }
    }
}

impl ScanPolicy {
    /// From which severity on a file is put away; `None`: none is.
    pub fn puts_away_from(&self) -> Option<Severity> {
        (self.when_found == WhenFound::Quarantine).then_some(self.quarantine_from)
    }
}

/// Where its timing's fields are.
const TIMING: [(&str, &str); 4] = [
    ("allowed", "scan.timing.allowed"),
    ("forbidden", "scan.timing.forbidden"),
    ("spread_minutes", "scan.timing.spread_minutes"),
    ("catch_up_hours", "scan.timing.catch_up_hours"),
];

impl ScanPolicy {
    pub(super) fn check(&self) -> Result<(), PolicyError> {
        timing::check(&self.timing, &TIMING)?;
        let refuse = |field, problem: String| Err(PolicyError::Value { field, problem });
        if !(1..=100).contains(&self.cpu_percent) {
            return refuse("scan.cpu_percent", format!("{} is no share; write 1 to 100", self.cpu_percent));
        }
        if self.threads > MOST_THREADS {
            return refuse("scan.threads", format!("{} are too many; write at most {MOST_THREADS}", self.threads));
        }
        let lists = [
            ("scan.severities", self.severities.len(), self.severities.contains_key("")),
            ("scan.disabled", self.disabled.len(), self.disabled.contains("")),
            ("scan.allowed", self.allowed.len(), false),
        ];
        for (field, entries, nameless) in lists {
            if entries > MOST_DECISIONS {
                return refuse(field, format!("{entries} entries are too many; write at most {MOST_DECISIONS}"));
            }
            if nameless {
                return refuse(field, "a rule has no name".into());
            }
        }
        match self.allowed.iter().find_map(Allowed::problem) {
            Some(problem) => refuse("scan.allowed", problem.into()),
            None => Ok(()),
        }
    }
}

impl Allowed {
    fn problem(&self) -> Option<&'static str> {
        let Self { rule, path, sha256 } = self;
        if [rule, path, sha256].iter().all(|part| part.is_none()) {
            return Some("an entry would allow everything; set rule, path or sha256 in it");
        }
        if [rule, path].into_iter().flatten().any(String::is_empty) {
            return Some("a rule or path is empty; leave it out to mean any");
        }
        let digits = |hash: &String| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit());
        if sha256.as_ref().is_some_and(|hash| !digits(hash)) {
            return Some("a sha256 is not 64 hexadecimal digits");
        }
        None
    }
}

impl From<ScanPolicy> for wire::ScanPolicy {
    fn from(scan: ScanPolicy) -> Self {
        Self {
            schedule: scan.schedule,
            timing: Some(scan.timing.into()),
            paths: scan.paths,
            excludes: scan.excludes,
            max_file_bytes: scan.max_file_bytes,
            threads: scan.threads,
            cpu_percent: Some(scan.cpu_percent.into()),
            unpack: Some(scan.unpack),
            pause_on_battery: Some(scan.pause_on_battery),
            pause_when_busy: Some(scan.pause_when_busy),
            removable: Some(scan.removable),
            severities: scan.severities.into_iter().map(|(rule, severity)| (rule, severity.word().into())).collect(),
            disabled: scan.disabled.into_iter().collect(),
            allowed: scan.allowed.into_iter().map(Into::into).collect(),
            when_found: Some(scan.when_found.word().into()),
            quarantine_from: Some(scan.quarantine_from.word().into()),
        }
    }
}

impl TryFrom<wire::ScanPolicy> for ScanPolicy {
    type Error = WireError;
    fn try_from(scan: wire::ScanPolicy) -> Result<Self, WireError> {
        // What a controller of another age does not say is as it is by default.
        let default = Self::default();
        let cpu_percent = scan.cpu_percent.map_or(Ok(default.cpu_percent), u8::try_from);
        let severities = scan.severities.into_iter().map(|(rule, word)| Ok((rule, word.parse()?)));
        Ok(Self {
            schedule: scan.schedule,
            timing: scan.timing.map_or(Ok(default.timing), TryInto::try_into)?,
            paths: scan.paths,
            excludes: scan.excludes,
            max_file_bytes: scan.max_file_bytes,
            threads: scan.threads,
            cpu_percent: cpu_percent.map_err(|_| WireError::bad("policy.scan.cpu_percent", "is no share"))?,
            unpack: scan.unpack.unwrap_or(default.unpack),
            pause_on_battery: scan.pause_on_battery.unwrap_or(default.pause_on_battery),
            pause_when_busy: scan.pause_when_busy.unwrap_or(default.pause_when_busy),
            removable: scan.removable.unwrap_or(default.removable),
            severities: severities.collect::<Result<_, WireError>>()?,
            disabled: scan.disabled.into_iter().collect(),
            allowed: scan.allowed.into_iter().map(Into::into).collect(),
            when_found: scan.when_found.map_or(Ok(default.when_found), |word| word.parse())?,
            quarantine_from: scan.quarantine_from.map_or(Ok(default.quarantine_from), |word| word.parse())?,
        })
    }
}

impl From<Allowed> for wire::Allowed {
    fn from(Allowed { rule, path, sha256 }: Allowed) -> Self {
        Self { rule, path, sha256 }
    }
}

impl From<wire::Allowed> for Allowed {
    fn from(wire::Allowed { rule, path, sha256 }: wire::Allowed) -> Self {
        Self { rule, path, sha256 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    const ALL: &str = "
scan:
  schedule: '0 9 * * *'
  paths: ['@quick', /srv]
  excludes: ['*.iso']
  max_file_bytes: 7
  threads: 3
  cpu_percent: 40
  unpack: false
  pause_on_battery: false
  pause_when_busy: true
  removable: false
  when_found: quarantine
  quarantine_from: medium
  severities: {Loud: info, Quiet: critical}
  disabled: [Wrong]
  allowed:
  - {rule: Tool, path: '/srv/tools/**'}
  - {sha256: ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB}
";

    #[test]
    fn every_field_survives_yaml_json_and_wire() {
        let policy = Policy::from_yaml(ALL).unwrap();
        assert_eq!((policy.scan.severities["Loud"], policy.scan.allowed.len()), (Severity::Info, 2));
        assert_eq!(policy.scan.puts_away_from(), Some(Severity::Medium));
        assert_eq!(Policy::default().scan.puts_away_from(), None);
        assert_eq!(Policy::from_yaml(&policy.to_yaml().unwrap()).unwrap(), policy);
        assert_eq!(serde_json::from_str::<Policy>(&serde_json::to_string(&policy).unwrap()).unwrap(), policy);
        assert_eq!(Policy::try_from(wire::Policy::from(policy.clone())).unwrap(), policy);
    }

    #[test]
    fn what_an_older_controller_does_not_say_is_as_by_default() {
        let default = ScanPolicy::default();
        let old = wire::ScanPolicy {
            schedule: default.schedule.clone(),
            paths: default.paths.clone(),
            max_file_bytes: default.max_file_bytes,
            ..wire::ScanPolicy::default()
        };
        assert_eq!(ScanPolicy::try_from(old).unwrap(), default);
    }

    #[test]
    fn what_the_wire_says_is_checked_too() {
        let with = |change: fn(&mut wire::ScanPolicy)| {
            let mut policy = wire::Policy::from(Policy::default());
            change(policy.scan.as_mut().unwrap());
            Policy::try_from(policy)
        };
        assert!(with(|_| {}).is_ok());
        for change in [
            (|s| s.cpu_percent = Some(0)) as fn(&mut wire::ScanPolicy),
            |s| s.cpu_percent = Some(1000),
            |s| s.severities.extend([("R".to_owned(), "awful".to_owned())]),
            |s| s.allowed.push(wire::Allowed::default()),
            |s| s.disabled = (0..2000).map(|n| n.to_string()).collect(),
            |s| s.paths.push("@everything".into()),
            |s| s.when_found = Some("burn".into()),
            |s| s.quarantine_from = Some("awful".into()),
        ] {
            assert!(with(change).is_err());
        }
    }
}
