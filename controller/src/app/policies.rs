//! Policies: each group's own document says what it changes, and what holds for a host is laid
//! together from the root down to its group.

mod apply;
mod places;
mod tuning;

pub use apply::{Applied, Effect, Given};
pub(super) use apply::{check, drafted, effects};
pub use places::PlaceView;

pub(super) use tuning::tuning;

use super::audit::Actor;
use super::groups::meant;
use super::{App, AppError};
use crate::plan::tree::Tree;
use crate::store::groups::Group;
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

/// All policies, to ask for each group's. Groups go by their keys here.
pub struct Policies {
    tree: Tree,
    own: HashMap<String, (PolicyRow, Layer)>,
    /// Groups whose own document cannot be read.
    unreadable: HashSet<String>,
    /// What was put together so far: many hosts are in one group.
    made: Mutex<HashMap<String, Arc<Made>>>,
}

/// What holds for a group, and whether all that is written on the way to it is in it.
type Made = (Effective<String>, bool);

/// Documents, and what was read out of them.
type Read = (Vec<Group>, Vec<PolicyRow>, Arc<Policies>);

/// The last ones that were read. They are asked for with each report, and change once a week.
static LAST: Mutex<Option<Read>> = Mutex::new(None);

impl Policies {
    /// Reads them. One that this version cannot read says nothing, and is logged.
    pub async fn read(conn: &mut Conn) -> Result<Arc<Self>, AppError> {
        let groups = store::groups::list(conn).await?;
        let rows = store::policies::list(conn).await?;
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, _, read)) = last.as_ref().filter(|(same, alike, _)| *same == groups && *alike == rows) {
            return Ok(read.clone());
        }
        let read = Arc::new(Self::new(&groups, rows.clone()));
        *last = Some((groups, rows, read.clone()));
        Ok(read)
    }

    pub(super) fn new(groups: &[Group], rows: Vec<PolicyRow>) -> Self {
        let tree = super::groups::tree_of(groups);
        let mut unreadable = HashSet::new();
        let parsed = rows.into_iter().filter_map(|row| match Layer::from_yaml(&row.yaml) {
            Ok(layer) => Some((row.group_name.clone(), (row, layer))),
            Err(error) => {
                tracing::error!(group = tree.path(&row.group_name), %error, "a stored policy cannot be read");
                unreadable.insert(row.group_name);
                None
            }
        });
        let own = parsed.collect();
        Self { own, unreadable, tree, made: Mutex::default() }
    }

    /// The groups that they are of.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// From a group up to the root.
    fn upwards<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a str> {
        self.tree.upwards(group)
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
    fn effective(&self, group: &str) -> Arc<Made> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made.get(group) {
            return known.clone();
        }
        let new = Arc::new(self.put_together(group));
        made.insert(group.to_owned(), new.clone());
        new
    }

    fn put_together(&self, group: &str) -> Made {
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
                    tracing::error!(group = self.tree.path(group), %error, "a policy cannot be followed together with those above it");
                    sound.pop();
                }
            }
        }
        (made, false)
    }

    /// What holds for a group, field by field.
    fn view(&self, group: &str, made: &Effective<String>) -> Result<EffectiveView, AppError> {
        let path = |key: &String| self.tree.path(key);
        let broken = |error: PolicyError| AppError::Invalid(error.to_string());
        let of = |field: &str| made.origins.get(field).map(path).unwrap_or_default();
        let lock = |field: &str| {
            let covering = made.locks.iter().find(|(lock, _)| keepwatch_proto::policy::covers(lock, field));
            covering.map(|(_, by)| path(by)).unwrap_or_default()
        };
        let overruled = |wanted: &str| made.overruled.iter().find(|(field, ..)| field == wanted);
        let fields = fields_of(&made.policy).map_err(broken)?.into_iter().map(|(field, value)| FieldView {
            value: in_words(&value),
            origin: of(&field),
            locked_by: lock(&field),
            overruled: overruled(&field).map(|(_, group, _)| path(group)).unwrap_or_default(),
            field,
        });
        Ok(EffectiveView {
            group: self.tree.path(group),
            yaml: made.policy.to_yaml().map_err(broken)?,
            fields: fields.collect(),
        })
    }

    /// The group that sets a field for another's hosts; `None`: the product's default holds.
    pub fn origin_of(&self, group: &str, field: &str) -> Option<String> {
        self.effective(group).0.origins.get(field).cloned()
    }

    /// The fields that a group's own document sets.
    pub fn set_by(&self, group: &str) -> Vec<String> {
        self.own.get(group).map(|(_, layer)| layer.fields().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// What a group's policy keeps; `None` where a document on the way to it cannot be read: what
    /// stands in for it must not decide what is removed.
    pub fn keep_of(&self, group: &str) -> Option<(Keep, String)> {
        let of_group = self.effective(group);
        let (made, whole) = &*of_group;
        whole.then(|| (made.policy.backup.keep, made.policy.time_zone.clone()))
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
        let mut conn = self.store.read().await?;
        let tree = super::groups::tree(&mut conn).await?;
        let group = meant(&tree, group)?;
        let rows = store::policies::list(&mut conn).await?;
        let has = |group: &&str| rows.iter().any(|row| row.group_name == *group);
        let origin = tree.upwards(&group).find(has).map(|origin| tree.path(origin)).unwrap_or_default();
        let own = rows.iter().find(|row| row.group_name == group);
        Ok(PolicyView {
            group: tree.path(&group),
            yaml: own.map(|row| row.yaml.clone()).unwrap_or_default(),
            revision: own.map_or(0, |row| u64::try_from(row.revision).unwrap_or(0)),
            origin,
        })
    }

    /// What holds for a group, or for a host by what its group says, and where each field of it
    /// comes from.
    pub async fn effective_policy(&self, actor: &Actor, group: &str, host: &str) -> Result<EffectiveView, AppError> {
        let host = if host.is_empty() { None } else { Some(self.host(actor, host).await?.row.group_name) };
        let mut conn = self.store.read().await?;
        let policies = Policies::read(&mut conn).await?;
        let group = host.map_or_else(|| meant(policies.tree(), group), Ok)?;
        policies.view(&group, &policies.effective(&group).0)
    }

    /// What a group inherits: what would hold for it if it said nothing itself, and what the groups
    /// above lock against it.
    pub async fn inherited_policy(&self, _actor: &Actor, group: &str) -> Result<EffectiveView, AppError> {
        let mut conn = self.store.read().await?;
        let policies = Policies::read(&mut conn).await?;
        let group = meant(policies.tree(), group)?;
        match policies.tree().parent(&group) {
            "" => policies.view(&group, &nothing()),
            above => policies.view(&group, &policies.effective(above).0),
        }
    }

    /// All texts that a group's document has had, the newest first.
    pub async fn policy_history(&self, _actor: &Actor, group: &str) -> Result<Vec<EditionRow>, AppError> {
        let mut conn = self.store.read().await?;
        let group = meant(&super::groups::tree(&mut conn).await?, group)?;
        Ok(store::policies::history(&mut conn, &group).await?)
    }
}

#[cfg(test)]
mod tests;
