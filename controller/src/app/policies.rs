//! Policies: each group's own document says what it changes, and what holds for a host is laid
//! together from the root down to its group.

mod apply;
mod tuning;

pub use apply::{Applied, Effect, Given};
pub(super) use apply::{check, effects};

pub(super) use tuning::tuning;

use super::audit::Actor;
use super::groups::no_group;
use super::{App, AppError};
use crate::store::groups::{Group, ROOT};
use crate::store::policies::{EditionRow, PolicyRow};
use crate::store::{self, Conn};
use keepwatch_proto::policy::{Effective, Keep, Layer, Policy, PolicyError, fields_of, in_words};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// A group's own document.
#[derive(Debug, Clone)]
pub struct PolicyView {
    /// Whose.
    pub group: String,
    /// What it says; empty where it says nothing of its own.
    pub yaml: String,
    /// Counts its changes; 0 where there is none.
    pub revision: u64,
    /// The nearest group that has a document, the group itself before all; empty: the product's
    /// default holds.
    pub origin: String,
}

/// One field of the policy that holds, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldView {
    /// Its path, such as `backup.keep.daily`.
    pub field: String,
    /// What it says, on one line.
    pub value: String,
    /// The group that says so; empty: the product's default.
    pub origin: String,
    /// The group that locks it against those below; empty: none.
    pub locked_by: String,
    /// A group that says otherwise though it is locked; empty: none.
    pub overruled: String,
}

/// What holds for a group.
#[derive(Debug, Clone)]
pub struct EffectiveView {
    /// Whose.
    pub group: String,
    /// All of it, as YAML.
    pub yaml: String,
    /// Field by field.
    pub fields: Vec<FieldView>,
}

/// All policies, to ask for each group's.
pub struct Policies {
    parents: HashMap<String, String>,
    own: HashMap<String, (PolicyRow, Layer)>,
    /// Groups whose own document cannot be read.
    unreadable: HashSet<String>,
    /// What was put together so far: many hosts are in one group.
    made: Mutex<HashMap<String, Arc<(Effective<String>, bool)>>>,
}

/// Documents, and what was read out of them.
type Read = (Vec<Group>, Vec<PolicyRow>, Arc<Policies>);

/// The last ones that were read. They are asked for with each report, and change once a week.
static LAST: Mutex<Option<Read>> = Mutex::new(None);

/// A tree deeper than this is a circle.
const DEEPEST: usize = 64;

impl Policies {
    /// Reads them. One that this version cannot read says nothing, and is logged.
    pub async fn read(conn: &mut Conn) -> Result<Arc<Self>, AppError> {
        let groups = store::groups::list(conn).await?;
        let rows = store::policies::list(conn).await?;
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, read)) = last.as_ref().filter(|(same, alike, _)| *same == groups && *alike == rows) {
            return Ok(read.clone());
        }
        let read = Arc::new(Self::new(groups.clone(), rows.clone()));
        *last = Some((groups, rows, read.clone()));
        Ok(read)
    }

    pub(super) fn new(groups: Vec<Group>, rows: Vec<PolicyRow>) -> Self {
        let mut unreadable = HashSet::new();
        let parsed = rows.into_iter().filter_map(|row| match Layer::from_yaml(&row.yaml) {
            Ok(layer) => Some((row.group_name.clone(), (row, layer))),
            Err(error) => {
                tracing::error!(group = row.group_name, %error, "a stored policy cannot be read");
                unreadable.insert(row.group_name);
                None
            }
        });
        let (own, parents) = (parsed.collect(), groups.into_iter().map(|g| (g.name, g.parent)).collect());
        Self { own, unreadable, parents, made: Mutex::default() }
    }

    /// From a group up to the root.
    fn upwards<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        let up = |group: &&'a str| self.parents.get(*group).map(String::as_str).filter(|parent| !parent.is_empty());
        std::iter::successors(Some(group), up).take(DEEPEST)
    }

    /// Whether a group is another one, or somewhere below it.
    pub fn is_below(&self, group: &str, above: &str) -> bool {
        self.upwards(group).any(|g| g == above)
    }

    /// The documents on the way from the root to a group.
    fn layers(&self, group: &str) -> Vec<(String, &Layer)> {
        let mut layers: Vec<_> = self.upwards(group).filter_map(|g| self.own.get(g)).collect();
        layers.reverse();
        layers.into_iter().map(|(row, layer)| (row.group_name.clone(), layer)).collect()
    }

    /// What holds for a group, if its documents make a policy that can be followed.
    fn made(&self, group: &str) -> Result<Effective<String>, PolicyError> {
        Effective::of(self.layers(group))
    }

    /// What holds for a group, and whether all that is written on the way to it is in it. A
    /// document that cannot be followed with those above it says nothing.
    fn effective(&self, group: &str) -> Arc<(Effective<String>, bool)> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(group) {
            return known.clone();
        }
        let new = Arc::new(self.put_together(group));
        made.insert(group.to_owned(), new.clone());
        new
    }

    fn put_together(&self, group: &str) -> (Effective<String>, bool) {
        let readable = !self.upwards(group).any(|g| self.unreadable.contains(g));
        if let Ok(made) = self.made(group) {
            return (made, readable);
        }
        let (mut sound, mut made) = (Vec::new(), nothing());
        for layer in self.layers(group) {
            sound.push(layer);
            match Effective::of(sound.clone()) {
                Ok(more) => made = more,
                Err(error) => {
                    tracing::error!(group, %error, "a policy cannot be followed together with those above it");
                    sound.pop();
                }
            }
        }
        (made, false)
    }

    /// The group that sets a field for another's hosts; `None`: the product's default holds.
    pub fn origin_of(&self, group: &str, field: &str) -> Option<String> {
        self.effective(group).0.origins.get(field).cloned()
    }

    /// What a group's policy keeps; `None` where a document on the way to it cannot be read: what
    /// stands in for it must not decide what is removed.
    pub fn keep_of(&self, group: &str) -> Option<(Keep, String)> {
        let of_group = self.effective(group);
        let (made, whole) = &*of_group;
        whole.then(|| (made.policy.backup.keep.clone(), made.policy.time_zone.clone()))
    }

    /// What a group's hosts must do.
    pub fn of(&self, group: &str) -> Policy {
        self.effective(group).0.policy.clone()
    }
}

/// What holds where nobody has written anything.
fn nothing() -> Effective<String> {
    let policy = Policy::default();
    Effective { policy, origins: Default::default(), locks: Default::default(), overruled: vec![] }
}

impl App {
    /// A group's own document.
    pub async fn policy(&self, _actor: &Actor, group: &str) -> Result<PolicyView, AppError> {
        let group = if group.is_empty() { ROOT } else { group };
        let mut conn = self.store.read().await?;
        if store::groups::get(&mut conn, group).await?.is_none() {
            return Err(no_group(group));
        }
        let rows = store::policies::list(&mut conn).await?;
        let policies = Policies::new(store::groups::list(&mut conn).await?, vec![]);
        let has = |group: &&str| rows.iter().any(|row| row.group_name == *group);
        let origin = policies.upwards(group).find(has).unwrap_or_default().to_owned();
        let own = rows.iter().find(|row| row.group_name == group);
        Ok(PolicyView {
            group: group.into(),
            yaml: own.map(|row| row.yaml.clone()).unwrap_or_default(),
            revision: own.map_or(0, |row| u64::try_from(row.revision).unwrap_or(0)),
            origin,
        })
    }

    /// What holds for a group, or for a host by what its group says, and where each field of it
    /// comes from.
    pub async fn effective_policy(&self, actor: &Actor, group: &str, host: &str) -> Result<EffectiveView, AppError> {
        let group = match (group, host) {
            ("", "") => ROOT.to_owned(),
            (group, "") => group.to_owned(),
            (_, host) => self.host(actor, host).await?.row.group_name,
        };
        let mut conn = self.store.read().await?;
        if store::groups::get(&mut conn, &group).await?.is_none() {
            return Err(no_group(&group));
        }
        let effective = Policies::read(&mut conn).await?.effective(&group);
        let (made, _) = &*effective;
        let broken = |error: PolicyError| AppError::Invalid(error.to_string());
        let of = |path: &str| made.origins.get(path).cloned().unwrap_or_default();
        let lock = |path: &str| {
            let covering = made.locks.iter().find(|(lock, _)| keepwatch_proto::policy::covers(lock, path));
            covering.map(|(_, by)| by.clone()).unwrap_or_default()
        };
        let overruled = |path: &str| made.overruled.iter().find(|(field, ..)| field == path);
        let fields = fields_of(&made.policy).map_err(broken)?.into_iter().map(|(field, value)| FieldView {
            value: in_words(&value),
            origin: of(&field),
            locked_by: lock(&field),
            overruled: overruled(&field).map(|(_, group, _)| group.clone()).unwrap_or_default(),
            field,
        });
        Ok(EffectiveView { group, yaml: made.policy.to_yaml().map_err(broken)?, fields: fields.collect() })
    }

    /// All texts that a group's document has had, the newest first.
    pub async fn policy_history(&self, _actor: &Actor, group: &str) -> Result<Vec<EditionRow>, AppError> {
        let group = if group.is_empty() { ROOT } else { group };
        let mut conn = self.store.read().await?;
        if store::groups::get(&mut conn, group).await?.is_none() {
            return Err(no_group(group));
        }
        Ok(store::policies::history(&mut conn, group).await?)
    }
}

#[cfg(test)]
mod tests;
