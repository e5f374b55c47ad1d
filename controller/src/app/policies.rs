//! Policies: a group has its own or takes the one of the nearest group above that has.

use super::audit::{Actor, Deed, Role};
use super::groups::no_group;
use super::{App, AppError};
use crate::store::groups::{Group, ROOT};
use crate::store::policies::PolicyRow;
use crate::store::{self, Conn};
use keepwatch_proto::policy::{Keep, Policy};
use keepwatch_scan::{Allowed, ExcludeError, Tuning};
use std::collections::{HashMap, HashSet};

/// A group's effective policy.
#[derive(Debug, Clone)]
pub struct PolicyView {
    /// Whose.
    pub group: String,
    /// What it says.
    pub yaml: String,
    /// Counts the changes of the group's own policy; 0 where it has none.
    pub revision: u64,
    /// The group that it comes from; empty: the product's default.
    pub origin: String,
}

/// All policies, to ask for each group's.
pub struct Policies {
    parents: HashMap<String, String>,
    own: HashMap<String, (PolicyRow, Policy)>,
    /// Groups whose own policy cannot be read.
    unreadable: HashSet<String>,
}

/// A tree deeper than this is a circle.
const DEEPEST: usize = 64;

impl Policies {
    /// Reads them. One that this version cannot read stands for nothing, and is logged.
    pub async fn read(conn: &mut Conn) -> Result<Self, AppError> {
        let groups = store::groups::list(conn).await?;
        let rows = store::policies::list(conn).await?;
        Ok(Self::new(groups, rows))
    }

    fn new(groups: Vec<Group>, rows: Vec<PolicyRow>) -> Self {
        let mut unreadable = HashSet::new();
        let parsed = rows.into_iter().filter_map(|row| match Policy::from_yaml(&row.yaml) {
            Ok(policy) => Some((row.group_name.clone(), (row, policy))),
            Err(error) => {
                tracing::error!(group = row.group_name, %error, "a stored policy cannot be read");
                unreadable.insert(row.group_name);
                None
            }
        });
        Self { own: parsed.collect(), unreadable, parents: groups.into_iter().map(|g| (g.name, g.parent)).collect() }
    }

    fn nearest(&self, group: &str) -> Option<&(PolicyRow, Policy)> {
        let mut group = group;
        for _ in 0..DEEPEST {
            if let Some(found) = self.own.get(group) {
                return Some(found);
            }
            group = self.parents.get(group)?;
        }
        None
    }

    /// The group whose policy a group's hosts follow; `None`: the product's default.
    pub fn origin(&self, group: &str) -> Option<&str> {
        self.nearest(group).map(|(row, _)| row.group_name.as_str())
    }

    /// What a group's policy keeps; `None` where a policy on the way to it cannot be read: what
    /// stands in for it must not decide what is removed.
    pub fn keep_of(&self, group: &str) -> Option<(Keep, String)> {
        let mut on_the_way = group;
        for _ in 0..DEEPEST {
            if self.unreadable.contains(on_the_way) {
                return None;
            }
            match self.parents.get(on_the_way) {
                Some(parent) if !self.own.contains_key(on_the_way) => on_the_way = parent,
                _ => break,
            }
        }
        let policy = self.of(group);
        Some((policy.backup.keep, policy.time_zone))
    }

    /// What a group's hosts must do.
    pub fn of(&self, group: &str) -> Policy {
        self.nearest(group).map(|(_, policy)| policy.clone()).unwrap_or_default()
    }
}

impl App {
    /// A group's effective policy.
    pub async fn policy(&self, _actor: &Actor, group: &str) -> Result<PolicyView, AppError> {
        let group = if group.is_empty() { ROOT } else { group };
        let mut conn = self.store.read().await?;
        if store::groups::get(&mut conn, group).await?.is_none() {
            return Err(no_group(group));
        }
        let policies = Policies::read(&mut conn).await?;
        let (yaml, origin) = match policies.nearest(group) {
            Some((row, _)) => (row.yaml.clone(), row.group_name.clone()),
            None => (Policy::default().to_yaml().map_err(|e| AppError::Invalid(e.to_string()))?, String::new()),
        };
        let revision = policies.own.get(group).map_or(0, |(row, _)| u64::try_from(row.revision).unwrap_or(0));
        Ok(PolicyView { group: group.into(), yaml, revision, origin })
    }

    /// Gives a group a policy of its own. `revision` is the one that the editor had read; 0
    /// replaces whichever is there.
    pub async fn set_policy(
        &self,
        actor: &Actor,
        group: &str,
        yaml: &str,
        revision: u64,
    ) -> Result<PolicyView, AppError> {
        self.demand(actor, Role::Administrator, "policy set").await?;
        let new = Policy::from_yaml(yaml).map_err(|e| AppError::Invalid(e.to_string()))?;
        check_patterns(&new).map_err(|e| AppError::Invalid(e.to_string()))?;
        let before = self.policy(actor, group).await?;
        if revision != 0 && revision != before.revision {
            return Err(changed_meanwhile(&before));
        }
        let mut tx = self.store.begin().await?;
        let current = i64::try_from(before.revision).unwrap_or(i64::MAX);
        if !store::policies::set(&mut tx, &before.group, yaml, current).await? {
            return Err(changed_meanwhile(&before));
        }
        store::hosts::bump_all(&mut tx).await?;
        self.record(&mut tx, actor, &Deed { action: "policy set", object: &before.group, detail: yaml }).await?;
        store::commit(tx).await?;
        self.hub.poke_all();
        self.policy(actor, group).await
    }
}

/// A pattern that is none would fail every scan, and the PC would say so a day later.
fn check_patterns(policy: &Policy) -> Result<(), ExcludeError> {
    let allowed = policy.scan.allowed.iter().filter_map(|allowed| allowed.path.as_ref());
    let patterns = allowed.chain(&policy.scan.excludes).cloned();
    let allowed = patterns.map(|path| Allowed { path: Some(path), ..Allowed::default() }).collect();
    Tuning { allowed, ..Tuning::default() }.check()
}

fn changed_meanwhile(now: &PolicyView) -> AppError {
    AppError::Conflict(format!(
        "somebody else changed the policy of '{}' meanwhile (it is at revision {}); read it again and put your change into it",
        now.group, now.revision
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_that_is_none_is_refused() {
        for (yaml, sound) in [
            ("scan: {excludes: ['*.iso', '/srv/**']}", true),
            ("scan: {excludes: ['[']}", false),
            ("scan: {allowed: [{path: '/srv/{a'}]}", false),
        ] {
            assert_eq!(check_patterns(&Policy::from_yaml(yaml).unwrap()).is_ok(), sound, "{yaml}");
        }
    }

    #[test]
    fn a_policy_comes_from_the_nearest_group_that_has_one() {
        let group = |name: &str, parent: &str| Group { name: name.into(), parent: parent.into() };
        let groups = vec![
            group("all", ""),
            group("district", "all"),
            group("office", "district"),
            group("a", "b"),
            group("b", "a"),
        ];
        let row = |group: &str, zone: &str| PolicyRow {
            group_name: group.into(),
            yaml: format!("time_zone: {zone}"),
            revision: 1,
        };
        let policies = Policies::new(groups.clone(), vec![row("all", "UTC"), row("office", "Asia/Urumqi")]);
        assert_eq!(policies.of("office").time_zone, "Asia/Urumqi");
        assert_eq!(policies.of("district").time_zone, "UTC");
        // A circle ends, an unreadable policy stands for nothing.
        assert_eq!(policies.of("a"), Policy::default());
        assert_eq!(Policies::new(groups, vec![row("all", "No/Where")]).of("office"), Policy::default());
    }
}
