//! Groups: the tree of departments and sites.

use super::audit::{Actor, Deed, Role};
use super::policies::{self, Effect, Policies};
use super::{App, AppError};
use crate::store::groups::{Group, ROOT};
use crate::store::{self, hosts::HostRow};
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
        let parent = if parent.is_empty() { ROOT } else { parent };
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

    /// Moves one below another, with all that is below it; or only says what that would change. What
    /// holds above its new place holds for its hosts at once.
    pub async fn move_group(
        &self,
        actor: &Actor,
        name: &str,
        parent: &str,
        dry: bool,
    ) -> Result<Vec<Effect>, AppError> {
        self.demand(actor, Role::Administrator, "group move").await?;
        let parent = if parent.is_empty() { ROOT } else { parent };
        let mut tx = self.store.begin().await?;
        let groups = store::groups::list(&mut tx).await?;
        let Some(group) = groups.iter().find(|g| g.name == name) else { return Err(no_group(name)) };
        if !groups.iter().any(|g| g.name == parent) {
            return Err(no_group(parent));
        }
        if name == ROOT {
            return Err(AppError::Invalid(format!("'{ROOT}' is the topmost group and stays there")));
        }
        let rows = store::policies::list(&mut tx).await?;
        let before = Policies::new(groups.clone(), rows.clone());
        if before.is_below(parent, name) {
            return Err(AppError::Invalid(format!("'{parent}' is below '{name}'; a group cannot be below itself")));
        }
        let placed = |g: &Group| if g.name == name { Group { parent: parent.into(), ..g.clone() } } else { g.clone() };
        let after = Policies::new(groups.iter().map(placed).collect(), rows);
        policies::check(&before, &after, &[], &groups)?;
        let hosts = store::hosts::list(&mut tx).await?;
        let effects = policies::effects(&before, &after, &groups, &hosts)?;
        if dry || group.parent == parent {
            return Ok(effects);
        }
        store::groups::set_parent(&mut tx, name, parent).await?;
        let detail = format!("from {} to {parent}", group.parent);
        self.record(&mut tx, actor, &Deed { action: "group move", object: name, detail: &detail }).await?;
        for effect in &effects {
            store::hosts::bump_group(&mut tx, &effect.group).await?;
        }
        store::commit(tx).await?;
        let concerned = |host: &&HostRow| effects.iter().any(|effect| effect.group == host.group_name);
        hosts.iter().filter(concerned).for_each(|host| self.hub.poke(host.id));
        Ok(effects)
    }

    /// Removes one that no host, no group and no usable token belongs to, with its document.
    pub async fn remove_group(&self, actor: &Actor, name: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "group remove").await?;
        if name == ROOT {
            return Err(AppError::Invalid(format!("'{ROOT}' is the topmost group and stays there")));
        }
        let mut tx = self.store.begin().await?;
        let groups = store::groups::list(&mut tx).await?;
        if !groups.iter().any(|g| g.name == name) {
            return Err(no_group(name));
        }
        let below = groups.iter().filter(|g| g.parent == name).count();
        let hosts = store::hosts::list(&mut tx).await?.iter().filter(|host| host.group_name == name).count();
        let tokens = store::tokens::list(&mut tx).await?.into_iter().filter(|token| token.group_name == name);
        let (usable, spent): (Vec<_>, Vec<_>) = tokens.partition(|t| t.uses_left > 0 && t.expires > self.now());
        if below + hosts + usable.len() > 0 {
            return Err(AppError::Conflict(format!(
                "'{}' still has {hosts} hosts, {below} groups and {} usable tokens; move them with 'keepwatch hosts move' \
                 and 'keepwatch groups move', and revoke the tokens",
                name.escape_debug(),
                usable.len()
            )));
        }
        for token in spent {
            store::tokens::delete(&mut tx, &token.id).await?;
        }
        store::groups::delete(&mut tx, name).await?;
        self.record(&mut tx, actor, &Deed { action: "group remove", object: name, detail: "" }).await?;
        store::commit(tx).await?;
        Ok(())
    }
}

pub(super) fn no_group(name: &str) -> AppError {
    AppError::NotFound(format!("there is no group '{}'; 'keepwatch groups list' shows them", name.escape_debug()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::AppError;
    use crate::app::tests::{administrator, app, enrol_into};

    #[tokio::test]
    async fn a_group_moves_with_all_below_it_and_only_whom_it_concerns_hears() {
        let (_folder, app) = app().await;
        let staff = administrator();
        for (name, parent) in [("east", ""), ("west", ""), ("tax", "east"), ("office", "tax")] {
            app.create_group(&staff, name, parent).await.unwrap();
        }
        app.set_policy(&staff, "west", "scan: {threads: 2}\n", 0).await.unwrap();
        let (inside, outside) = (enrol_into(&app, "in", "office").await, enrol_into(&app, "out", "east").await);
        let generation = async |host| app.desired(host).await.unwrap().generation;
        let before = (generation(inside).await, generation(outside).await);
        for (name, parent) in
            [("tax", "office"), ("tax", "tax"), ("all", "tax"), ("tax", "nowhere"), ("nobody", "west")]
        {
            assert!(app.move_group(&staff, name, parent, false).await.is_err(), "{name} below {parent}");
        }
        let dry = app.move_group(&staff, "tax", "west", true).await.unwrap();
        assert_eq!((generation(inside).await, generation(outside).await), before);
        let effects = app.move_group(&staff, "tax", "west", false).await.unwrap();
        assert_eq!(effects, dry);
        assert_eq!(effects.iter().map(|e| (e.group.as_str(), e.hosts.len())).collect::<Vec<_>>(), [("office", 1)]);
        assert_eq!((generation(inside).await, generation(outside).await), (before.0 + 1, before.1));
        assert_eq!(app.desired(inside).await.unwrap().policy.scan.threads, 2);
        assert!(app.move_group(&staff, "tax", "west", false).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn only_a_group_that_nothing_is_in_goes() {
        let (_folder, app) = app().await;
        let staff = administrator();
        app.create_group(&staff, "tax", "").await.unwrap();
        app.create_group(&staff, "office", "tax").await.unwrap();
        app.set_policy(&staff, "office", "scan: {threads: 2}\n", 0).await.unwrap();
        enrol_into(&app, "pc", "office").await;
        let token = app.create_token(&staff, 1, 0, "office").await.unwrap();
        for name in ["tax", "office", "all", "nowhere"] {
            assert!(app.remove_group(&staff, name).await.is_err(), "{name}");
        }
        app.move_hosts(&staff, &["pc".to_owned()], "tax").await.unwrap();
        assert!(matches!(app.remove_group(&staff, "office").await, Err(AppError::Conflict(_))));
        app.revoke_token(&staff, &token.id).await.unwrap();
        app.remove_group(&staff, "office").await.unwrap();
        let names: Vec<String> = app.groups(&staff).await.unwrap().into_iter().map(|group| group.name).collect();
        assert_eq!(names, ["all", "tax"]);
    }
}
