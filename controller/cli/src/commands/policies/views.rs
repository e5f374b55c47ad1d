//! How policies look to people and programs.

use crate::output::Row;
use crate::show;
use chrono::{DateTime, Utc};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct PolicyView {
    pub(super) group: String,
    pub(super) revision: u64,
    /// The nearest group that has a document, the group itself before all.
    pub(super) origin: String,
    pub(super) yaml: String,
}

impl From<wire::PolicyDocument> for PolicyView {
    fn from(policy: wire::PolicyDocument) -> Self {
        let wire::PolicyDocument { group, yaml, revision, origin } = policy;
        Self { group, revision, origin, yaml }
    }
}

/// One field of what holds.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct FieldView {
    field: String,
    value: serde_json::Value,
    origin: Option<String>,
    locked_by: Option<String>,
    /// A group that says otherwise and is not heard.
    overruled: Option<String>,
}

impl From<wire::PolicyField> for FieldView {
    fn from(field: wire::PolicyField) -> Self {
        Self {
            value: value(&field.value),
            field: field.field,
            origin: show::some(field.origin),
            locked_by: show::some(field.locked_by),
            overruled: show::some(field.overruled),
        }
    }
}

impl Row for FieldView {
    const HEADER: &'static [&'static str] = &["FIELD", "VALUE", "FROM", "LOCKED BY", "OVERRULED"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.field.clone(),
            self.value.to_string(),
            self.origin.clone().unwrap_or_else(|| "(default)".into()),
            show::or_dash(self.locked_by.as_ref()),
            show::or_dash(self.overruled.as_ref()),
        ]
    }
}

impl FieldView {
    /// Whether some group sets it.
    pub(in crate::commands) fn is_set(&self) -> bool {
        self.origin.is_some()
    }

    /// On one line: what it says, and who says so.
    pub(in crate::commands) fn in_words(&self) -> String {
        format!("{} = {} ({})", self.field, self.value, self.origin.as_deref().unwrap_or("default"))
    }
}

/// JSON as the controller wrote it, or its text where it is none.
fn value(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// What became of one document.
#[derive(Debug)]
pub(super) struct AppliedView {
    pub(super) group: String,
    pub(super) revision: u64,
    pub(super) changed: bool,
}

impl From<wire::AppliedPolicy> for AppliedView {
    fn from(applied: wire::AppliedPolicy) -> Self {
        let wire::AppliedPolicy { group, revision, changed } = applied;
        Self { group, revision, changed }
    }
}

/// One field that changes for the hosts of one group.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct ChangeView {
    group: String,
    hosts: Vec<String>,
    field: String,
    before: serde_json::Value,
    after: serde_json::Value,
}

impl ChangeView {
    pub(in crate::commands) fn of(effect: wire::PolicyEffect) -> Vec<Self> {
        let wire::PolicyEffect { group, hosts, changes } = effect;
        let view = |change: wire::PolicyChange| Self {
            group: group.clone(),
            hosts: hosts.clone(),
            field: change.field,
            before: value(&change.before),
            after: value(&change.after),
        };
        changes.into_iter().map(view).collect()
    }
}

/// Names in one cell.
const NAMED: usize = 3;

impl Row for ChangeView {
    const HEADER: &'static [&'static str] = &["GROUP", "FIELD", "BEFORE", "AFTER", "HOSTS"];
    fn cells(&self) -> Vec<String> {
        let first = self.hosts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = self.hosts.len().saturating_sub(NAMED);
        let hosts = if more > 0 { format!("{first} and {more} more") } else { first };
        vec![self.group.clone(), self.field.clone(), self.before.to_string(), self.after.to_string(), hosts]
    }
}

/// One text that a group's document has had.
#[derive(Debug, Serialize)]
pub(super) struct EditionView {
    pub(super) revision: u64,
    edited_at: Option<DateTime<Utc>>,
    edited_by: Option<String>,
    pub(super) yaml: String,
}

impl From<wire::PolicyEdition> for EditionView {
    fn from(edition: wire::PolicyEdition) -> Self {
        let wire::PolicyEdition { revision, yaml, edited_by, edited_at } = edition;
        Self { revision, edited_at: show::time(edited_at), edited_by: show::some(edited_by), yaml }
    }
}

impl Row for EditionView {
    const HEADER: &'static [&'static str] = &["REVISION", "EDITED", "BY", "LINES"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.revision.to_string(),
            show::when(self.edited_at),
            show::or_dash(self.edited_by.as_ref()),
            self.yaml.lines().count().to_string(),
        ]
    }
}

/// What would begin in one hour.
#[derive(Debug, Serialize)]
pub(super) struct HourView {
    begins: Option<DateTime<Utc>>,
    scans: u32,
    backups: u32,
    /// Backups that begin in one minute, at most.
    busiest_minute: u32,
    /// What the backups would store, by what each host's last ones did.
    bytes: u64,
    /// The first of the hosts that back up.
    backup_hosts: Vec<String>,
}

impl From<wire::SimulatedHour> for HourView {
    fn from(hour: wire::SimulatedHour) -> Self {
        let wire::SimulatedHour { begins, scans, backups, busiest_minute, bytes, backup_hosts } = hour;
        Self { begins: show::time(begins), scans, backups, busiest_minute, bytes, backup_hosts }
    }
}

impl Row for HourView {
    const HEADER: &'static [&'static str] = &["HOUR", "SCANS", "BACKUPS", "IN ONE MINUTE", "STORED", "FIRST HOSTS"];
    fn cells(&self) -> Vec<String> {
        vec![
            show::when(self.begins),
            self.scans.to_string(),
            self.backups.to_string(),
            self.busiest_minute.to_string(),
            show::size(self.bytes),
            self.backup_hosts.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", "),
        ]
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn their_json_is_what_scripts_rely_on() {
        let policy =
            wire::PolicyDocument { group: "tax".into(), yaml: "scan: {}\n".into(), revision: 3, origin: "all".into() };
        assert_eq!(
            serde_json::to_value(PolicyView::from(policy)).unwrap(),
            json!({"group": "tax", "revision": 3, "origin": "all", "yaml": "scan: {}\n"})
        );
        let field = wire::PolicyField { field: "scan.threads".into(), value: "3".into(), ..Default::default() };
        assert_eq!(
            serde_json::to_value(FieldView::from(field)).unwrap(),
            json!({"field": "scan.threads", "value": 3, "origin": null, "locked_by": null, "overruled": null})
        );
        let change = wire::PolicyChange { field: "time_zone".into(), before: "\"UTC\"".into(), after: "?".into() };
        let effect = wire::PolicyEffect { group: "tax".into(), hosts: vec!["a".into()], changes: vec![change] };
        assert_eq!(
            serde_json::to_value(ChangeView::of(effect)).unwrap(),
            json!([{"group": "tax", "hosts": ["a"], "field": "time_zone", "before": "UTC", "after": "?"}])
        );
        let edition = wire::PolicyEdition { revision: 2, yaml: "a".into(), edited_by: "li".into(), edited_at: 1 };
        assert_eq!(
            serde_json::to_value(EditionView::from(edition)).unwrap(),
            json!({"revision": 2, "edited_at": "1970-01-01T00:00:01Z", "edited_by": "li", "yaml": "a"})
        );
        let hour = wire::SimulatedHour { begins: 3600, backups: 2, bytes: 5, ..Default::default() };
        assert_eq!(
            serde_json::to_value(HourView::from(hour)).unwrap(),
            json!({"begins": "1970-01-01T01:00:00Z", "scans": 0, "backups": 2, "busiest_minute": 0, "bytes": 5, "backup_hosts": []})
        );
    }
}
