//! Groups: the tree of departments and sites.

use super::audit::{Actor, Deed, Role};
use super::{App, AppError};
use crate::store::{self, groups::Group};
use std::collections::HashMap;

/// A group as staff see it.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// The group above; empty for the root.
    pub parent: String,
    /// Hosts directly in it.
    pub hosts: u32,
    /// Whether it has a policy of its own.
    pub own_policy: bool,
}

const LONGEST_NAME: usize = 100;

impl App {
    /// All of them.
    pub async fn groups(&self, _actor: &Actor) -> Result<Vec<GroupView>, AppError> {
        let mut conn = self.store.read().await?;
        let mut hosts: HashMap<String, u32> = HashMap::new();
        for host in store::hosts::list(&mut conn).await? {
            *hosts.entry(host.group_name).or_default() += 1;
        }
        let policies = store::policies::list(&mut conn).await?;
        let groups = store::groups::list(&mut conn).await?;
        let view = |g: Group| GroupView {
            hosts: hosts.get(&g.name).copied().unwrap_or(0),
            own_policy: policies.iter().any(|p| p.group_name == g.name),
            name: g.name,
            parent: g.parent,
        };
        Ok(groups.into_iter().map(view).collect())
    }

    /// Adds one below another; below the root where none is named.
    pub async fn create_group(&self, actor: &Actor, name: &str, parent: &str) -> Result<GroupView, AppError> {
        self.demand(actor, Role::Administrator, "group create").await?;
        let name = name.trim();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(AppError::Invalid(format!("a group's name has 1 to {LONGEST_NAME} printable characters")));
        }
        let parent = if parent.is_empty() { store::groups::ROOT } else { parent };
        let mut tx = self.store.begin().await?;
        if store::groups::get(&mut tx, parent).await?.is_none() {
            return Err(no_group(parent));
        }
        if store::groups::get(&mut tx, name).await?.is_some() {
            return Err(AppError::Conflict(format!("there is a group '{name}' already")));
        }
        store::groups::insert(&mut tx, &Group { name: name.into(), parent: parent.into() }).await?;
        self.record(&mut tx, actor, &Deed { action: "group create", object: name, detail: parent }).await?;
        store::commit(tx).await?;
        Ok(GroupView { name: name.into(), parent: parent.into(), hosts: 0, own_policy: false })
    }
}

pub(super) fn no_group(name: &str) -> AppError {
    AppError::NotFound(format!("there is no group '{}'; 'keepwatch groups list' shows them", name.escape_debug()))
}
