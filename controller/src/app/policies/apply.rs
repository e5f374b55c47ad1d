//! Documents are put in place: all of them or none, only what differs, and only the hosts that it
//! concerns hear of it.

use super::{Policies, PolicyView};
use crate::app::audit::{Actor, Deed, Role};
use crate::app::groups::{meant, tree_of};
use crate::app::hosts::name_of;
use crate::app::{App, AppError};
use crate::plan::tree::Tree;
use crate::store;
use crate::store::groups::{Group, ROOT};
use crate::store::hosts::HostRow;
use crate::store::policies::{EditionRow, PolicyRow};
use keepwatch_proto::policy::{Document, PolicyError, changes, covers, line_of};
use std::collections::{BTreeMap, BTreeSet};

/// A document as it came.
#[derive(Debug, Clone)]
pub struct Given {
    /// Its file's name, for what is said of it.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The group that it is for, where the text does not say.
    pub group: String,
    /// The revision that it was edited from, where the text does not say; `None`: whichever.
    pub base: Option<u64>,
    /// Why it is put in place, in its editor's words; may be empty.
    pub why: String,
}

/// What has become of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whose.
    pub group: String,
    /// The revision that is in force.
    pub revision: u64,
    /// Whether it differs from what was in force before.
    pub changed: bool,
}

/// What changes for the hosts of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The path of the group that they are in.
    pub group: String,
    /// Its key.
    pub(in crate::app) key: String,
    /// Their names.
    pub hosts: Vec<String>,
    /// The field, what it said, what it says.
    pub changes: Vec<(String, String, String)>,
}

/// What documents have done, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Document by document.
    pub outcomes: Vec<Outcome>,
    /// Group by group, where something changes.
    pub effects: Vec<Effect>,
}

/// A document, read, with its place.
pub(in crate::app) struct Read {
    name: String,
    text: String,
    /// The group's key.
    group: String,
    base: Option<u64>,
    why: String,
    document: Document,
}

/// Documents in one call.
const MOST: usize = 2000;
/// Characters of a reason.
const LONGEST_WHY: usize = 500;

impl App {
    /// Puts documents in place, all of them or none; or only says what that would do.
    pub async fn apply_policies(&self, actor: &Actor, given: Vec<Given>, dry: bool) -> Result<Applied, AppError> {
        self.demand(actor, Role::Administrator, "policy set").await?;
        if given.len() > MOST {
            return Err(AppError::Invalid(format!(
                "{} documents are too many; apply at most {MOST} at once",
                given.len()
            )));
        }
        let mut tx = self.store.begin().await?;
        let groups = store::groups::list(&mut tx).await?;
        let tree = tree_of(&groups);
        let read = read(given, &tree)?;
        let rows = store::policies::list(&mut tx).await?;
        let changed = changed(&read, &rows, &tree)?;
        let after = with(&rows, &changed);
        let hosts = store::hosts::list(&mut tx).await?;
        let (before, after) = (Policies::new(&groups, rows.clone()), Policies::new(&groups, after));
        check(&before, &after, &changed, &groups)?;
        let effects = effects(&before, &after, &groups, &hosts)?;
        let outcome = |read: &Read| Outcome {
            group: tree.path(&read.group),
            revision: after.own.get(&read.group).map_or(0, |(row, _)| u64::try_from(row.revision).unwrap_or(0)),
            changed: changed.iter().any(|changed| changed.group == read.group),
        };
        let applied = Applied { outcomes: read.iter().map(outcome).collect(), effects };
        if dry || changed.is_empty() {
            return Ok(applied);
        }
        for Read { group, document, why, .. } in &changed {
            let before = rows.iter().find(|row| row.group_name == *group).map_or(0, |row| row.revision);
            if !store::policies::set(&mut tx, group, &document.body, before).await? {
                return Err(changed_meanwhile(&tree.path(group), before + 1));
            }
            let edition = EditionRow {
                revision: before + 1,
                yaml: document.body.clone(),
                edited_by: actor.user.clone(),
                edited_at: self.now(),
                why: why.clone(),
            };
            store::policies::remember(&mut tx, group, &edition).await?;
            let detail = if why.is_empty() { document.body.clone() } else { format!("# {why}\n{}", document.body) };
            let deed = Deed { action: "policy set", object: &tree.path(group), detail: &detail };
            self.record(&mut tx, actor, &deed).await?;
        }
        for effect in &applied.effects {
            store::hosts::bump_group(&mut tx, &effect.key).await?;
        }
        store::commit(tx).await?;
        let concerned: BTreeSet<&str> = applied.effects.iter().map(|effect| effect.key.as_str()).collect();
        hosts.iter().filter(|h| concerned.contains(h.group_name.as_str())).for_each(|h| self.hub.poke(h.id));
        Ok(applied)
    }

    /// Gives a group a document of its own. `revision` is the one that the editor had read; 0
    /// replaces whichever is there, unless the text names one itself.
    pub async fn set_policy(
        &self,
        actor: &Actor,
        group: &str,
        yaml: &str,
        revision: u64,
    ) -> Result<PolicyView, AppError> {
        let group = if group.is_empty() { ROOT } else { group };
        let base = (revision != 0).then_some(revision);
        let given = Given { name: String::new(), text: yaml.into(), group: group.into(), base, why: String::new() };
        self.apply_policies(actor, vec![given], false).await?;
        self.policy(actor, group).await
    }
}

/// Reads them all, or says what is wrong with each that cannot be.
fn read(given: Vec<Given>, tree: &Tree) -> Result<Vec<Read>, AppError> {
    let (mut read, mut wrong, mut unmet) = (Vec::<Read>::new(), Vec::new(), None);
    for Given { name, text, group, base, why } in given {
        let document = match Document::parse(&text) {
            Ok(document) => document,
            Err(error) => {
                wrong.push(said(&name, &text, &error));
                continue;
            }
        };
        let named = document.group.clone().unwrap_or_default();
        let problem = match (named.as_str(), group.as_str()) {
            ("", "") => Some("it names no group; begin it with a line 'group: NAME'".to_owned()),
            (named, given) if !named.is_empty() && !given.is_empty() && tree.find(named) != tree.find(given) => {
                Some(format!("it is for the group '{named}', not for '{given}'"))
            }
            _ => None,
        };
        if let Some(problem) = problem {
            wrong.push(placed(&name, problem));
            continue;
        }
        let group = match meant(tree, if named.is_empty() { &group } else { &named }) {
            Ok(group) => group,
            // What is wrong with the others is said first: it does not hang on the tree.
            Err(error) => {
                unmet.get_or_insert(error);
                continue;
            }
        };
        let twice = read.iter().find(|other| other.group == group).map(|other| other.name.clone());
        match twice.map(|other| format!("the group '{}' has another document, {other}", tree.path(&group))) {
            Some(problem) => wrong.push(placed(&name, problem)),
            None => {
                read.push(Read { name, text, group, base: document.revision.or(base), why: one_line(&why), document })
            }
        }
    }
    match (wrong.is_empty(), unmet) {
        (true, None) => Ok(read),
        (true, Some(error)) => Err(error),
        (false, _) => Err(AppError::Invalid(wrong.join("\n"))),
    }
}

/// A reason as it is kept: on one line, and no longer than people read.
fn one_line(why: &str) -> String {
    let words = why.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(LONGEST_WHY).collect()
}

/// The key of one document's group, and all policies as they would be with it in place.
pub(in crate::app) fn drafted(
    groups: &[Group],
    rows: Vec<PolicyRow>,
    given: Given,
) -> Result<(String, Policies), AppError> {
    let tree = tree_of(groups);
    let read = read(vec![given], &tree)?;
    let changed = changed(&read, &rows, &tree)?;
    let after = Policies::new(groups, with(&rows, &changed));
    check(&Policies::new(groups, rows.clone()), &after, &changed, groups)?;
    let group = read.into_iter().next().map_or_else(|| ROOT.into(), |read| read.group);
    Ok((group, after))
}

fn placed(name: &str, problem: impl std::fmt::Display) -> String {
    if name.is_empty() { problem.to_string() } else { format!("{name}: {problem}") }
}

/// What is wrong with a document, with the line where that can be told.
fn said(name: &str, text: &str, error: &PolicyError) -> String {
    let line = error.field().and_then(|field| line_of(text, field));
    placed(name, line.map_or_else(|| error.to_string(), |line| format!("line {line}: {error}")))
}

/// Those that differ from what is in force. Whoever edited an older revision is told.
fn changed<'a>(read: &'a [Read], rows: &[PolicyRow], tree: &Tree) -> Result<Vec<&'a Read>, AppError> {
    let mut changed = Vec::new();
    for read in read {
        let row = rows.iter().find(|row| row.group_name == read.group);
        if row.map_or(read.document.body.trim().is_empty(), |row| row.yaml == read.document.body) {
            continue;
        }
        let current = row.map_or(0, |row| row.revision);
        if read.base.is_some_and(|base| i64::try_from(base) != Ok(current)) {
            return Err(changed_meanwhile(&tree.path(&read.group), current));
        }
        changed.push(read);
    }
    Ok(changed)
}

/// The rows as they will be.
fn with(rows: &[PolicyRow], changed: &[&Read]) -> Vec<PolicyRow> {
    let mut rows: BTreeMap<String, PolicyRow> = rows.iter().map(|row| (row.group_name.clone(), row.clone())).collect();
    for Read { group, document, .. } in changed {
        let revision = rows.get(group).map_or(0, |row| row.revision) + 1;
        rows.insert(group.clone(), PolicyRow { group_name: group.clone(), yaml: document.body.clone(), revision });
    }
    rows.into_values().collect()
}

/// Refuses what sets a locked field, and what makes a policy that cannot be followed.
pub(in crate::app) fn check(
    before: &Policies,
    after: &Policies,
    changed: &[&Read],
    groups: &[Group],
) -> Result<(), AppError> {
    for Read { name, text, group, document, .. } in changed {
        let old: BTreeSet<&str> = before.own.get(group).map(|(_, layer)| layer.fields().collect()).unwrap_or_default();
        for field in document.layer.fields().filter(|field| !old.contains(field)) {
            let above = after.upwards(group).skip(1).filter_map(|above| after.own.get(above));
            let lock = above.filter(|(_, layer)| layer.locked().any(|lock| covers(lock, field))).last();
            if let Some((by, _)) = lock {
                let line = line_of(text, field).map_or_else(String::new, |line| format!("line {line}: "));
                let by = after.tree.path(&by.group_name);
                let problem =
                    format!("{line}{field} is locked by the group '{by}'; leave it out, or have '{by}' unlock it");
                return Err(AppError::Invalid(placed(name, problem)));
            }
        }
    }
    for group in groups {
        let refuse = |error: PolicyError| {
            let nearest = after.upwards(&group.name).find_map(|g| changed.iter().find(|read| read.group == g));
            let said = nearest.map_or_else(|| error.to_string(), |read| said(&read.name, &read.text, &error));
            AppError::Invalid(format!("{said} (in the group '{}')", after.tree.path(&group.name)))
        };
        match after.made(&group.name) {
            Ok(made) => {
                if made.policy.to_yaml().map_or(usize::MAX, |text| text.len()) > LONGEST_POLICY {
                    let why = format!(
                        "what holds for '{}' is more than {} KiB; name fewer paths and rules",
                        group.name,
                        LONGEST_POLICY >> 10
                    );
                    return Err(AppError::Invalid(why));
                }
                super::tuning::check_patterns(&made.policy).map_err(|error| AppError::Invalid(error.to_string()))?
            }
            // What could not be followed before is no reason to refuse what mends something else.
            Err(_) if before.made(&group.name).is_err() => {}
            Err(error) => return Err(refuse(error)),
        }
    }
    Ok(())
}

/// Bytes of what holds for a host: with its work it goes in one message.
const LONGEST_POLICY: usize = 256 << 10;

/// What changes for which hosts.
pub(in crate::app) fn effects(
    before: &Policies,
    after: &Policies,
    groups: &[Group],
    hosts: &[HostRow],
) -> Result<Vec<Effect>, AppError> {
    let mut effects = Vec::new();
    for group in groups {
        let (was, is) = (before.of(&group.name), after.of(&group.name));
        let inside = hosts.iter().filter(|host| host.group_name == group.name);
        let names: Vec<String> = inside.map(|host| name_of(host).to_owned()).collect();
        if was != is && !names.is_empty() {
            let changes = changes(&was, &is).map_err(|error| AppError::Invalid(error.to_string()))?;
            effects.push(Effect {
                group: after.tree.path(&group.name),
                key: group.name.clone(),
                hosts: names,
                changes,
            });
        }
    }
    effects.sort_by(|a, b| a.group.cmp(&b.group));
    Ok(effects)
}

fn changed_meanwhile(group: &str, revision: i64) -> AppError {
    AppError::Conflict(format!(
        "somebody else changed the policy of '{}' meanwhile (it is at revision {revision}); read it again and put your \
         change into it ('keepwatch policies history' shows who changed what)",
        group.escape_debug()
    ))
}
