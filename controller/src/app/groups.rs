//! Groups: the tree of departments and sites. Whoever asks names a group by its path, or by its name
//! where only one is called so; use cases resolve that to its key, and show paths.

mod details;

pub use details::GroupDetails;

use super::audit::{Actor, Deed, Role};
use super::policies::{self, Effect, Policies};
use super::{App, AppError};
use crate::hub::Change;
use crate::plan::tree::{SLASH, Tree, Unmet};
use crate::store::groups::{Group, ROOT};
use crate::store::{self, Conn, hosts::HostRow};
use keepwatch_proto::ids::GroupId;
use std::collections::HashMap;

/// A group as staff see it.
#[derive(Debug, Clone)]
pub struct GroupView {
    /// Its name.
    pub name: String,
    /// Its names from the root down, `City/East/Finance`.
    pub path: String,
    /// The path of the group above; empty for the root.
    pub parent: String,
    /// Hosts directly in it.
    pub hosts: u32,
    /// Whether it has a policy of its own.
    pub own_policy: bool,
}

const LONGEST_NAME: usize = 100;

/// The tree of all groups.
pub(super) async fn tree(conn: &mut Conn) -> Result<Tree, AppError> {
    Ok(tree_of(&store::groups::list(conn).await?))
}

/// The tree of these groups.
pub(super) fn tree_of(groups: &[Group]) -> Tree {
    Tree::new(groups.iter().map(|g| (g.name.clone(), g.parent.clone(), g.label.clone())))
}

/// The key of the group that is meant; of the root where none is named.
pub(super) fn meant(tree: &Tree, wanted: &str) -> Result<String, AppError> {
    Ok(if wanted.is_empty() { ROOT.into() } else { tree.find(wanted)? })
}

impl From<Unmet> for AppError {
    fn from(unmet: Unmet) -> Self {
        match unmet {
            Unmet::Unknown(_) => Self::NotFound(unmet.to_string()),
            Unmet::Several { .. } => Self::Conflict(unmet.to_string()),
        }
    }
}

/// A group's name as it is kept, if it can be one.
fn checked(name: &str) -> Result<&str, AppError> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
        return Err(AppError::Invalid(format!("a group's name has 1 to {LONGEST_NAME} printable characters")));
    }
    if name.contains(SLASH) {
        return Err(AppError::Invalid(
            "a group's name has no '/', which stands between the names of a path; name the group above with --parent"
                .into(),
        ));
    }
    if name == ROOT {
        return Err(AppError::Conflict(format!("'{ROOT}' is the topmost group, and no other is called so")));
    }
    Ok(name)
}

/// Refuses a second group of one name below one parent.
fn free(tree: &Tree, parent: &str, name: &str) -> Result<(), AppError> {
    match tree.child(parent, name) {
        None => Ok(()),
        Some(there) => Err(AppError::Conflict(format!("there is a group '{}' already", tree.path(there)))),
    }
}

fn not_the_root(group: &str) -> Result<(), AppError> {
    if group == ROOT {
        return Err(AppError::Invalid(format!("'{ROOT}' is the topmost group and stays as it is")));
    }
    Ok(())
}

impl App {
    /// The paths of all groups below the root, in order.
    pub async fn group_paths(&self, _actor: &Actor) -> Result<Vec<String>, AppError> {
        let mut conn = self.store.read().await?;
        let groups = store::groups::list(&mut conn).await?;
        let tree = tree_of(&groups);
        let mut paths: Vec<String> =
            groups.iter().filter(|group| group.name != ROOT).map(|group| tree.path(&group.name)).collect();
        paths.sort();
        Ok(paths)
    }

    /// All of them, each before what is below it.
    pub async fn groups(&self, _actor: &Actor) -> Result<Vec<GroupView>, AppError> {
        let mut conn = self.store.read().await?;
        let mut hosts: HashMap<String, u32> = HashMap::new();
        for host in store::hosts::list(&mut conn).await? {
            *hosts.entry(host.group_name).or_default() += 1;
        }
        let policies = store::policies::list(&mut conn).await?;
        let groups = store::groups::list(&mut conn).await?;
        let tree = tree_of(&groups);
        let view = |g: Group| GroupView {
            hosts: hosts.get(&g.name).copied().unwrap_or(0),
            own_policy: policies.iter().any(|p| p.group_name == g.name),
            path: tree.path(&g.name),
            parent: if g.parent.is_empty() { String::new() } else { tree.path(&g.parent) },
            name: g.label,
        };
        let mut views: Vec<GroupView> = groups.into_iter().map(view).collect();
        // The root before all, a path before what it begins.
        views
            .sort_by_cached_key(|g| (!g.parent.is_empty(), g.path.split(SLASH).map(str::to_owned).collect::<Vec<_>>()));
        Ok(views)
    }

    /// Adds one below another; below the root where none is named.
    pub async fn create_group(&self, actor: &Actor, name: &str, parent: &str) -> Result<GroupView, AppError> {
        self.demand(actor, Role::Administrator, "group create").await?;
        let name = checked(name)?;
        let mut tx = self.store.begin().await?;
        let mut groups = store::groups::list(&mut tx).await?;
        let tree = tree_of(&groups);
        let parent = meant(&tree, parent)?;
        free(&tree, &parent, name)?;
        let group = Group { name: GroupId::new(&self.clock).to_string(), parent, label: name.into() };
        store::groups::insert(&mut tx, &group).await?;
        groups.push(group.clone());
        let tree = tree_of(&groups);
        let (path, above) = (tree.path(&group.name), tree.path(&group.parent));
        self.record(&mut tx, actor, &Deed { action: "group create", object: &path, detail: &above }).await?;
        store::commit(tx).await?;
        Ok(GroupView { name: name.into(), path, parent: above, hosts: 0, own_policy: false })
    }

    /// Calls one otherwise. What holds for it and who is in it stays. Answers with its path.
    pub async fn rename_group(&self, actor: &Actor, wanted: &str, name: &str) -> Result<String, AppError> {
        self.demand(actor, Role::Administrator, "group rename").await?;
        let name = checked(name)?;
        let mut tx = self.store.begin().await?;
        let before = tree(&mut tx).await?;
        let group = meant(&before, wanted)?;
        not_the_root(&group)?;
        if before.name(&group) == name {
            return Ok(before.path(&group));
        }
        free(&before, before.parent(&group), name)?;
        store::groups::set_label(&mut tx, &group, name).await?;
        let path = tree(&mut tx).await?.path(&group);
        let (was, detail) = (before.path(&group), format!("to {path}"));
        self.record(&mut tx, actor, &Deed { action: "group rename", object: &was, detail: &detail }).await?;
        store::commit(tx).await?;
        self.hub.tell(Change::Fleet);
        Ok(path)
    }

    /// Moves one below another, with all that is below it; or only says what that would change. What
    /// holds above its new place holds for its hosts at once.
    pub async fn move_group(
        &self,
        actor: &Actor,
        wanted: &str,
        parent: &str,
        dry: bool,
    ) -> Result<Vec<Effect>, AppError> {
        self.demand(actor, Role::Administrator, "group move").await?;
        let mut tx = self.store.begin().await?;
        let groups = store::groups::list(&mut tx).await?;
        let rows = store::policies::list(&mut tx).await?;
        let before = Policies::new(&groups, rows.clone());
        let tree = before.tree();
        let (name, parent) = (meant(tree, wanted)?, meant(tree, parent)?);
        not_the_root(&name)?;
        let (path, above) = (tree.path(&name), tree.path(&parent));
        if tree.is_below(&parent, &name) {
            return Err(AppError::Invalid(format!("'{above}' is below '{path}'; a group cannot be below itself")));
        }
        let stays = tree.parent(&name) == parent;
        if !stays {
            free(tree, &parent, tree.name(&name))?;
        }
        let placed = |g: &Group| if g.name == name { Group { parent: parent.clone(), ..g.clone() } } else { g.clone() };
        let after = Policies::new(&groups.iter().map(placed).collect::<Vec<_>>(), rows);
        policies::check(&before, &after, &[], &groups)?;
        let hosts = store::hosts::list(&mut tx).await?;
        let effects = policies::effects(&before, &after, &groups, &hosts)?;
        if dry || stays {
            return Ok(effects);
        }
        store::groups::set_parent(&mut tx, &name, &parent).await?;
        let detail = format!("from {} to {above}", tree.path(tree.parent(&name)));
        self.record(&mut tx, actor, &Deed { action: "group move", object: &path, detail: &detail }).await?;
        for effect in &effects {
            store::hosts::bump_group(&mut tx, &effect.key).await?;
        }
        store::commit(tx).await?;
        let concerned = |host: &&HostRow| effects.iter().any(|effect| effect.key == host.group_name);
        hosts.iter().filter(concerned).for_each(|host| self.hub.poke(host.id));
        Ok(effects)
    }

    /// Removes one that no host, no group, no rule and no usable token belongs to, with its document.
    pub async fn remove_group(&self, actor: &Actor, wanted: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "group remove").await?;
        let mut tx = self.store.begin().await?;
        let tree = tree(&mut tx).await?;
        let name = meant(&tree, wanted)?;
        not_the_root(&name)?;
        let (path, below) = (tree.path(&name), tree.children(&name).len());
        let hosts = store::hosts::list(&mut tx).await?.iter().filter(|host| host.group_name == name).count();
        let rules = store::rules::list(&mut tx).await?.iter().filter(|rule| rule.group_name == name).count();
        let tokens = store::tokens::list(&mut tx).await?.into_iter().filter(|token| token.group_name == name);
        let (usable, spent): (Vec<_>, Vec<_>) = tokens.partition(|t| t.uses_left > 0 && t.expires > self.now());
        if below + hosts + rules + usable.len() > 0 {
            return Err(AppError::Conflict(format!(
                "'{path}' still has {hosts} hosts, {below} groups, {rules} rules and {} usable tokens; move them with \
                 'keepwatch hosts move' and 'keepwatch groups move', remove the rules and revoke the tokens",
                usable.len()
            )));
        }
        for token in spent {
            store::tokens::delete(&mut tx, &token.id).await?;
        }
        store::groups::delete(&mut tx, &name).await?;
        self.record(&mut tx, actor, &Deed { action: "group remove", object: &path, detail: "" }).await?;
        store::commit(tx).await?;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::AppError;
    use crate::app::audit::{Actor, Role};
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
        assert_eq!(
            effects.iter().map(|e| (e.group.as_str(), e.hosts.len())).collect::<Vec<_>>(),
            [("west/tax/office", 1)]
        );
        assert_eq!((generation(inside).await, generation(outside).await), (before.0 + 1, before.1));
        assert_eq!(app.desired(inside).await.unwrap().policy.scan.threads, 2);
        assert!(app.move_group(&staff, "tax", "west", false).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn groups_of_one_name_stand_apart_by_their_paths_and_policies_follow_them() {
        let (_folder, app) = app().await;
        let staff = administrator();
        for (name, parent) in [("East", ""), ("West", ""), ("Finance", "East"), ("Finance", "West"), ("IT", "West")] {
            app.create_group(&staff, name, parent).await.unwrap();
        }
        for (name, parent, words) in [
            ("Finance", "West", "there is a group 'West/Finance' already"),
            ("a/b", "", "has no '/'"),
            ("all", "West", "topmost"),
            (" ", "", "1 to 100"),
            ("x", "Finance", "name one by its path: East/Finance, West/Finance"),
            ("x", "North", "there is no group 'North'"),
        ] {
            let error = app.create_group(&staff, name, parent).await.unwrap_err().to_string();
            assert!(error.contains(words), "{name} {parent}: {error}");
        }
        let east = enrol_into(&app, "e", "East/Finance").await;
        let west = enrol_into(&app, "w", "West/Finance").await;
        app.set_policy(&staff, "East/Finance", "scan: {threads: 2}\n", 0).await.unwrap();
        app.set_policy(&staff, "all/West/Finance", "scan: {threads: 3}\n", 0).await.unwrap();
        assert!(matches!(app.set_policy(&staff, "Finance", "", 0).await, Err(AppError::Conflict(_))));
        let threads = async |host| app.desired(host).await.unwrap().policy.scan.threads;
        assert_eq!((threads(east).await, threads(west).await), (2, 3));
        assert_eq!(app.host(&staff, "w").await.unwrap().group, "West/Finance");
        // Two of one name never stand side by side, by no way.
        assert!(app.move_group(&staff, "East/Finance", "West", false).await.is_err());
        assert!(app.rename_group(&staff, "IT", "Finance").await.is_err());
        for wrong in ["a/b", "all", ""] {
            assert!(app.rename_group(&staff, "IT", wrong).await.is_err(), "{wrong}");
        }
        assert!(app.rename_group(&staff, "all", "city").await.is_err());
        // Called otherwise, nothing else changes: not the policy, not who is in it, not what is to come.
        let before = app.desired(east).await.unwrap().generation;
        assert_eq!(app.rename_group(&staff, "East/Finance", "Treasury").await.unwrap(), "East/Treasury");
        assert_eq!(app.rename_group(&staff, "Treasury", "Treasury").await.unwrap(), "East/Treasury");
        assert_eq!((threads(east).await, app.desired(east).await.unwrap().generation), (2, before));
        let record = &app.audit(&staff, &Default::default()).await.unwrap().0[0];
        assert_eq!((record.action.as_str(), record.object.as_str()), ("group rename", "East/Finance"));
        assert_eq!(record.detail, "to East/Treasury");
        app.move_group(&staff, "Finance", "East", false).await.unwrap();
        let paths: Vec<String> = app.groups(&staff).await.unwrap().into_iter().map(|group| group.path).collect();
        assert_eq!(paths, ["all", "East", "East/Finance", "East/Treasury", "West", "West/IT"]);
        let health: Vec<String> =
            app.group_health(&staff, "East").await.unwrap().into_iter().map(|group| group.name).collect();
        assert_eq!(health, ["East", "East/Finance", "East/Treasury"]);
    }

    #[tokio::test]
    async fn a_group_shows_what_it_sets_and_what_holds() {
        let (_folder, app) = app().await;
        let staff = administrator();
        app.create_group(&staff, "East", "").await.unwrap();
        app.create_group(&staff, "Finance", "East").await.unwrap();
        app.set_policy(&staff, "East", "scan: {threads: 2}\n", 0).await.unwrap();
        app.set_policy(&staff, "Finance", "time_zone: UTC\n", 0).await.unwrap();
        enrol_into(&app, "pc", "Finance").await;
        let token = app.create_token(&staff, 5, 0, "Finance", false).await.unwrap();
        let shown = app.group_details(&staff, "Finance").await.unwrap();
        assert_eq!(
            (shown.group.path.as_str(), shown.group.parent.as_str(), shown.group.hosts),
            ("East/Finance", "East", 1)
        );
        assert_eq!((shown.sets, shown.figures.hosts), (vec!["time_zone".to_owned()], 1));
        let origin = |field: &str| shown.fields.iter().find(|f| f.field == field).unwrap().origin.clone();
        assert_eq!([origin("time_zone"), origin("scan.threads"), origin("scan.unpack")], ["East/Finance", "East", ""]);
        assert_eq!(shown.tokens.iter().map(|t| t.id.as_str()).collect::<Vec<_>>(), [token.id.as_str()]);
        let viewer = Actor { role: Role::Viewer, ..administrator() };
        assert!(app.group_details(&viewer, "Finance").await.unwrap().tokens.is_empty());
        assert_eq!(app.group_details(&viewer, "").await.unwrap().children, ["East"]);
        assert!(app.group_details(&staff, "North").await.is_err());
    }

    #[tokio::test]
    async fn only_a_group_that_nothing_is_in_goes() {
        let (_folder, app) = app().await;
        let staff = administrator();
        app.create_group(&staff, "tax", "").await.unwrap();
        app.create_group(&staff, "office", "tax").await.unwrap();
        app.set_policy(&staff, "office", "scan: {threads: 2}\n", 0).await.unwrap();
        enrol_into(&app, "pc", "office").await;
        let token = app.create_token(&staff, 1, 0, "office", false).await.unwrap();
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
