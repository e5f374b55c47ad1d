//! Files that are put away on a PC so that nobody can open or run them: what is asked, what the
//! vault holds, and what became of it.

use crate::ids::{ItemId, JobId};
use crate::{WireError, bounds, wire::agent as wire};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Put a file away.
    PutAway,
    /// Bring one back.
    Restore,
    /// Destroy one.
    Delete,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PutAway, Self::Restore, Self::Delete];

    /// The word for it, as sent.
    pub fn word(self) -> &'static str {
        match self {
            Self::PutAway => "put_away",
            Self::Restore => "restore",
            Self::Delete => "delete",
        }
    }
}

/// What is asked of a PC's quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuarantineSpec {
    /// What to do.
    pub action: Action,
    /// With which; one that is put away gets this id, so that it is put away once.
    pub item: ItemId,
    /// The file to put away.
    #[serde(default)]
    pub path: String,
    /// Only where this is its content, in 64 hexadecimal digits; empty: whatever it is.
    #[serde(default)]
    pub sha256: String,
    /// Where to restore to; empty: where it was.
    #[serde(default)]
    pub target: String,
}

impl QuarantineSpec {
    /// To put this file away.
    pub fn put_away(item: ItemId, path: String, sha256: String) -> Self {
        Self { action: Action::PutAway, item, path, sha256, target: String::new() }
    }

    /// To bring one back; to an empty target: to where it was.
    pub fn restore(item: ItemId, target: String) -> Self {
        Self { action: Action::Restore, target, ..Self::put_away(item, String::new(), String::new()) }
    }

    /// To destroy one.
    pub fn delete(item: ItemId) -> Self {
        Self { action: Action::Delete, ..Self::put_away(item, String::new(), String::new()) }
    }

    /// With texts no longer than any that is kept.
    pub(crate) fn bounded(self) -> Self {
        let (path, target) = (bounds::text(self.path, bounds::PATH), bounds::text(self.target, bounds::PATH));
        Self { path, target, ..self }
    }
}

/// One file that was put away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its id.
    pub id: ItemId,
    /// Where it was, as [`crate::paths`] writes it.
    pub path: String,
    /// Of its content, 64 hexadecimal digits.
    pub sha256: String,
    /// Its bytes.
    pub size: u64,
    /// The rules that matched; none: staff named it.
    pub rules: Vec<String>,
    /// The job that put it away.
    pub job: JobId,
    /// When, by the PC's clock.
    pub at: DateTime<Utc>,
}

/// Rules that an item names.
pub const NAMED_RULES: usize = 16;

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemState {
    /// It is put away.
    Held,
    /// It was brought back.
    Restored,
    /// It was destroyed.
    Deleted,
    /// The PC does not have it any more, and nobody has said why.
    Gone,
}

impl ItemState {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Held, Self::Restored, Self::Deleted, Self::Gone];

    /// The word for it, as stored and shown.
    pub fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Restored => "restored",
            Self::Deleted => "deleted",
            Self::Gone => "gone",
        }
    }
}

impl fmt::Display for ItemState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for ItemState {
    type Err = WireError;
    fn from_str(word: &str) -> Result<Self, WireError> {
        let found = Self::ALL.into_iter().find(|state| state.word() == word);
        found.ok_or_else(|| WireError::bad("quarantine.state", format!("is none: '{}'", word.escape_debug())))
    }
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Which.
    pub id: ItemId,
    /// [`ItemState::Restored`] or [`ItemState::Deleted`].
    pub state: ItemState,
    /// Where it was restored to.
    pub target: String,
}

/// What a PC's vault holds, so that both sides agree again after either lost something: all whose
/// ids come after one, up to the last that is named; on the last page, up to the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// `None`: from the beginning.
    pub after: Option<ItemId>,
    /// In the order of their ids.
    pub items: Vec<Item>,
    /// Whether there are no more.
    pub last: bool,
}

impl Contents {
    /// Whether an id lies in what this page speaks of.
    pub fn covers(&self, id: ItemId) -> bool {
        let within = self.last || self.items.last().is_some_and(|last| id <= last.id);
        within && self.after.is_none_or(|after| id > after)
    }
}

fn digest(text: String, field: &'static str) -> Result<String, WireError> {
    match text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        true => Ok(text),
        false => Err(WireError::bad(field, "is not 64 hexadecimal digits")),
    }
}

impl From<QuarantineSpec> for wire::QuarantineJob {
    fn from(spec: QuarantineSpec) -> Self {
        let QuarantineSpec { action, item, path, sha256, target } = spec;
        Self { action: action.word().into(), item: item.to_string(), path, sha256, target }
    }
}

impl TryFrom<wire::QuarantineJob> for QuarantineSpec {
    type Error = WireError;
    fn try_from(job: wire::QuarantineJob) -> Result<Self, WireError> {
        let action = Action::ALL.into_iter().find(|action| action.word() == job.action);
        let action = action.ok_or_else(|| WireError::bad("job.quarantine.action", "is none"))?;
        if action == Action::PutAway && job.path.is_empty() {
            return Err(WireError::missing("job.quarantine.path"));
        }
        let sha256 = job.sha256.to_ascii_lowercase();
        let sha256 = if sha256.is_empty() { sha256 } else { digest(sha256, "job.quarantine.sha256")? };
        Ok(Self { action, item: job.item.parse()?, path: job.path, sha256, target: job.target })
    }
}

impl From<Item> for wire::QuarantineItem {
    fn from(item: Item) -> Self {
        let Item { id, path, sha256, size, rules, job, at } = item;
        Self { id: id.to_string(), path, sha256, size, rules, job: job.to_string(), at: at.timestamp_millis() }
    }
}

impl TryFrom<wire::QuarantineItem> for Item {
    type Error = WireError;
    fn try_from(item: wire::QuarantineItem) -> Result<Self, WireError> {
        let rules = item.rules.into_iter().take(NAMED_RULES).map(|rule| bounds::text(rule, bounds::NAME));
        Ok(Self {
            id: item.id.parse()?,
            path: bounds::text(item.path, bounds::PATH),
            sha256: digest(item.sha256, "quarantine.item.sha256")?,
            size: item.size,
            rules: rules.collect(),
            job: item.job.parse()?,
            at: DateTime::from_timestamp_millis(item.at).ok_or(WireError::bad("quarantine.item.at", "is no time"))?,
        })
    }
}

impl From<Changed> for wire::QuarantineChanged {
    fn from(Changed { id, state, target }: Changed) -> Self {
        Self { id: id.to_string(), state: state.word().into(), target }
    }
}

impl TryFrom<wire::QuarantineChanged> for Changed {
    type Error = WireError;
    fn try_from(changed: wire::QuarantineChanged) -> Result<Self, WireError> {
        let state = changed.state.parse()?;
        if !matches!(state, ItemState::Restored | ItemState::Deleted) {
            return Err(WireError::bad("quarantine.state", "is nothing that a host does"));
        }
        Ok(Self { id: changed.id.parse()?, state, target: bounds::text(changed.target, bounds::PATH) })
    }
}

impl From<Contents> for wire::QuarantineContents {
    fn from(contents: Contents) -> Self {
        Self {
            after: contents.after.map(|id| id.to_string()).unwrap_or_default(),
            items: contents.items.into_iter().map(Into::into).collect(),
            last: contents.last,
        }
    }
}

impl TryFrom<wire::QuarantineContents> for Contents {
    type Error = WireError;
    fn try_from(contents: wire::QuarantineContents) -> Result<Self, WireError> {
        let after = Some(contents.after).filter(|id| !id.is_empty()).map(|id| id.parse()).transpose()?;
        let items: Vec<Item> = contents.items.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        let sorted = items.is_sorted_by(|a, b| a.id < b.id) && items.first().is_none_or(|first| Some(first.id) > after);
        if !sorted || (items.is_empty() && !contents.last) {
            return Err(WireError::bad("quarantine.items", "do not follow one on another"));
        }
        Ok(Self { after, items, last: contents.last })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn item() -> Item {
        let clock = Clock::system();
        Item {
            id: ItemId::new(&clock),
            path: "/home/li/a\\xFF\nb".into(),
            sha256: "a".repeat(64),
            size: 7,
            rules: vec!["eicar".into()],
            job: JobId::new(&clock),
            at: DateTime::from_timestamp_millis(1_764_000_000_000).unwrap(),
        }
    }

    fn items() -> Vec<Item> {
        let mut items: Vec<Item> = (0..3).map(|_| item()).collect();
        items.sort_by_key(|item| item.id);
        items
    }

    #[test]
    fn all_of_it_survives_the_wire() {
        let (item, items) = (item(), items());
        assert_eq!(Item::try_from(wire::QuarantineItem::from(item.clone())).unwrap(), item);
        for spec in [
            QuarantineSpec::put_away(item.id, "/a".into(), "b".repeat(64)),
            QuarantineSpec::restore(item.id, "/b".into()),
            QuarantineSpec::delete(item.id),
        ] {
            assert_eq!(QuarantineSpec::try_from(wire::QuarantineJob::from(spec.clone())).unwrap(), spec);
        }
        for state in [ItemState::Restored, ItemState::Deleted] {
            let changed = Changed { id: item.id, state, target: "/t".into() };
            assert_eq!(Changed::try_from(wire::QuarantineChanged::from(changed.clone())).unwrap(), changed);
        }
        let contents = Contents { after: Some(items[0].id), items: items[1..].to_vec(), last: false };
        assert_eq!(Contents::try_from(wire::QuarantineContents::from(contents.clone())).unwrap(), contents);
    }

    #[test]
    fn a_page_speaks_of_no_more_than_it_names() {
        let items = items();
        let page = |after: usize, last| Contents { after: Some(items[after].id), items: vec![items[1].clone()], last };
        assert_eq!(items.iter().map(|i| page(0, false).covers(i.id)).collect::<Vec<_>>(), [false, true, false]);
        assert_eq!(items.iter().map(|i| page(0, true).covers(i.id)).collect::<Vec<_>>(), [false, true, true]);
        let none = Contents { after: None, items: vec![], last: true };
        assert!(items.iter().all(|item| none.covers(item.id)));
    }

    #[test]
    fn nonsense_is_refused() {
        let items = items();
        let job = wire::QuarantineJob::from(QuarantineSpec::put_away(items[0].id, "/a".into(), String::new()));
        for bad in [
            wire::QuarantineJob { action: "run".into(), ..job.clone() },
            wire::QuarantineJob { path: String::new(), ..job.clone() },
            wire::QuarantineJob { sha256: "abc".into(), ..job.clone() },
            wire::QuarantineJob { item: "../../etc".into(), ..job },
        ] {
            assert!(QuarantineSpec::try_from(bad).is_err());
        }
        let page = |after: Option<ItemId>, items: Vec<Item>, last| {
            Contents::try_from(wire::QuarantineContents::from(Contents { after, items, last }))
        };
        assert!(page(None, vec![], true).is_ok() && page(None, vec![], false).is_err());
        assert!(page(Some(items[0].id), items.clone(), true).is_err());
        assert!(page(None, vec![items[1].clone(), items[0].clone()], true).is_err());
        assert!(page(None, vec![items[1].clone(), items[1].clone()], true).is_err());
    }
}
