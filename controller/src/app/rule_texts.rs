//! Rules as text: the one that matched, out of the sources that the newest bundle is made of, and
//! what a bundle changed.

use super::audit::Actor;
use super::signatures::Change;
use super::{App, AppError};
use crate::plan::rule_changes::{RuleChanges, RuleSet, changes};
use crate::store::bundles::{BundleRow, ChangesRow};
use crate::store::sources::{SourceFile, SourceRow};
use crate::store::{self};
use keepwatch_proto::bundle::RuleFile;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// Names of rules that are kept of a change, of each kind.
const NAMED: usize = 200;
/// Bundles on a page.
pub const BUNDLES: usize = 30;
/// Files of a source that are named.
pub const FILES: u32 = 500;
/// Characters of a licence that rules tell of.
const LONGEST_LICENCE: usize = 120;

/// A rule as it stands in a source.
#[derive(Debug, Clone)]
pub struct RuleAsText {
    /// The source that it is in.
    pub source: SourceRow,
    /// The file in it.
    pub file: String,
    /// The line that it begins in.
    pub line: usize,
    /// All of it.
    pub text: String,
}

/// The first names of what a bundle changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NamedChanges {
    /// New ones.
    pub added: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
    /// Those that read otherwise.
    pub changed: Vec<String>,
}

/// A bundle as its page shows it.
#[derive(Debug, Clone)]
pub struct BundleView {
    /// What is stored of it.
    pub row: BundleRow,
    /// Hosts that run it.
    pub hosts: u32,
    /// What it changed; `None`: that was not kept.
    pub changes: Option<(ChangesRow, NamedChanges)>,
}

impl App {
    /// The text of a rule that a detection names, as the sources have it now; `None`: they do not, any
    /// more.
    pub async fn rule_text(&self, actor: &Actor, namespace: &str, rule: &str) -> Result<Option<RuleAsText>, AppError> {
        let Some((source, file)) = namespace.split_once('/') else { return Ok(None) };
        let found = {
            let mut conn = self.store.read().await?;
            store::sources::files_like(&mut conn, source, file).await?
        };
        let whole = |f: &SourceFile| RuleFile { path: f.path.clone(), source: String::new() };
        let Some(found) = found.into_iter().find(|f| whole(f).namespace() == file) else { return Ok(None) };
        let source = self.sources(actor).await?.into_iter().find(|s| s.name == source);
        let Some(source) = source else { return Ok(None) };
        let rule = rule.to_owned();
        let read = move || {
            let rules = keepwatch_scan::rule_texts(&[found.text.as_str()]).remove(0);
            rules.into_iter().find(|known| known.name == rule).map(|known| (found.path, known))
        };
        let read = blocking(read).await?;
        Ok(read.map(|(file, known)| RuleAsText { source, file, line: known.line, text: known.text }))
    }

    /// One source, and the first of its files with their bytes.
    pub async fn source(&self, actor: &Actor, name: &str) -> Result<(SourceRow, Vec<(String, i64)>), AppError> {
        let missing = || {
            let name = name.escape_debug();
            AppError::NotFound(format!("there is no source '{name}'; 'keepwatch signatures sources' shows them"))
        };
        let row = self.sources(actor).await?.into_iter().find(|s| s.name == name).ok_or_else(missing)?;
        let mut conn = self.store.read().await?;
        let files = store::sources::paths(&mut conn, name, FILES).await?;
        Ok((row, files))
    }

    /// One page of the bundles, the newest first, and whether there are older ones.
    pub async fn bundle_history(&self, actor: &Actor, page: usize) -> Result<(Vec<BundleView>, bool), AppError> {
        let from = page.saturating_mul(BUNDLES);
        let mut conn = self.store.read().await?;
        let mut rows = store::bundles::list(&mut conn).await?;
        let more = rows.len() > from.saturating_add(BUNDLES);
        rows = rows.into_iter().skip(from).take(BUNDLES).collect();
        let (Some(newest), Some(oldest)) = (rows.first(), rows.last()) else { return Ok((vec![], false)) };
        let changes = store::bundles::changes(&mut conn, oldest.version, newest.version).await?;
        drop(conn);
        let mut changes: HashMap<i64, ChangesRow> = changes.into_iter().map(|row| (row.version, row)).collect();
        let running = self.hosts_by_bundle(actor).await?;
        let view = |row: BundleRow| BundleView {
            hosts: running.get(&row.version).copied().unwrap_or(0),
            changes: changes.remove(&row.version).map(named),
            row,
        };
        Ok((rows.into_iter().map(view).collect(), more))
    }

    /// One bundle.
    pub async fn bundle(&self, actor: &Actor, version: i64) -> Result<BundleView, AppError> {
        let mut conn = self.store.read().await?;
        let row = store::bundles::get(&mut conn, version).await?.ok_or_else(|| {
            AppError::NotFound(format!("there is no bundle {version}; 'keepwatch signatures' shows them"))
        })?;
        let changes = store::bundles::changes(&mut conn, version, version).await?.pop();
        drop(conn);
        let hosts = self.hosts_by_bundle(actor).await?.get(&version).copied().unwrap_or(0);
        Ok(BundleView { row, hosts, changes: changes.map(named) })
    }

    /// How many hosts run which version; 0: none.
    pub async fn hosts_by_bundle(&self, actor: &Actor) -> Result<HashMap<i64, u32>, AppError> {
        let mut running = HashMap::new();
        for host in self.hosts(actor).await?.iter().filter(|host| host.row.revoked == 0) {
            *running.entry(host.row.bundle).or_default() += 1;
        }
        Ok(running)
    }
}

fn named(row: ChangesRow) -> (ChangesRow, NamedChanges) {
    let names = serde_json::from_str(&row.names).unwrap_or_default();
    (row, names)
}

/// What is kept of what a bundle changes.
pub(super) fn changes_row(version: i64, change: &Change, changes: &RuleChanges) -> ChangesRow {
    let count = |names: &Vec<String>| i64::try_from(names.len()).unwrap_or(i64::MAX);
    ChangesRow {
        version,
        source: change.name().to_owned(),
        gone: i64::from(matches!(change, Change::Remove(_))),
        added: count(&changes.added),
        removed: count(&changes.removed),
        changed: count(&changes.changed),
        names: serde_json::to_string(&first_named(changes)).unwrap_or_default(),
    }
}

pub(super) fn first_named(changes: &RuleChanges) -> NamedChanges {
    let first = |names: &[String]| names.iter().take(NAMED).cloned().collect();
    NamedChanges { added: first(&changes.added), removed: first(&changes.removed), changed: first(&changes.changed) }
}

/// What changes between two sets of files. Those that are the same in both are not even read.
pub(super) async fn compare(before: Vec<SourceFile>, after: Vec<SourceFile>) -> Result<RuleChanges, AppError> {
    blocking(move || {
        let same: BTreeSet<(&str, &str)> = {
            let old: HashMap<&str, &str> = before.iter().map(|f| (f.path.as_str(), f.text.as_str())).collect();
            let unchanged = after.iter().filter(|f| old.get(f.path.as_str()) == Some(&f.text.as_str()));
            unchanged.map(|f| (f.source.as_str(), f.path.as_str())).collect()
        };
        let read = |files: &[SourceFile]| -> RuleSet {
            let other: Vec<&SourceFile> =
                files.iter().filter(|f| !same.contains(&(f.source.as_str(), f.path.as_str()))).collect();
            let texts = keepwatch_scan::rule_texts(&other.iter().map(|f| f.text.as_str()).collect::<Vec<_>>());
            let mut set = RuleSet::new();
            for (file, rules) in other.into_iter().zip(texts) {
                let file = RuleFile { path: format!("{}/{}", file.source, file.path), source: String::new() };
                set.extend(rules.into_iter().map(|rule| ((file.namespace().to_owned(), rule.name), rule.text)));
            }
            set
        };
        changes(&read(&before), &read(&after))
    })
    .await
}

/// How many rules are in these files, and which licence they say they are under.
pub(super) async fn survey(files: Vec<RuleFile>) -> Result<(Vec<RuleFile>, i64, String), AppError> {
    blocking(move || {
        let texts = keepwatch_scan::rule_texts(&files.iter().map(|f| f.source.as_str()).collect::<Vec<_>>());
        let all: Vec<&str> = texts.iter().flatten().map(|rule| rule.text.as_str()).collect();
        let licences: BTreeSet<&str> = all.iter().filter_map(|text| licence_of(text)).collect();
        let rules = i64::try_from(all.len()).unwrap_or(i64::MAX);
        let mut licences: String = licences.into_iter().collect::<Vec<_>>().join(", ");
        if licences.chars().count() > LONGEST_LICENCE {
            licences = licences.chars().take(LONGEST_LICENCE).chain(['…']).collect();
        }
        (files, rules, licences)
    })
    .await
}

/// The licence that a rule's metadata names.
fn licence_of(rule: &str) -> Option<&str> {
    rule.lines().find_map(|line| {
        let (name, value) = line.split_once('=')?;
        let is_it = ["license", "licence"].iter().any(|word| name.trim().eq_ignore_ascii_case(word));
        let value = value.trim().strip_prefix('"')?.strip_suffix('"')?;
        let fine =
            !value.is_empty() && value.chars().count() <= LONGEST_LICENCE && !value.chars().any(char::is_control);
        (is_it && fine).then_some(value)
    })
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AppError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| AppError::Invalid(format!("the rules could not be read: {e}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_its_licence() {
        for (rule, licence) in [
            ("rule a {\n meta:\n  license = \"MIT\"\n condition: true }", Some("MIT")),
            ("rule a {\n meta:\n  Licence=\"CC BY 4.0\"\n}", Some("CC BY 4.0")),
            ("rule a { condition: true }", None),
            ("license = 3\nlicense = \"\"", None),
        ] {
            assert_eq!(licence_of(rule), licence, "{rule}");
        }
    }

    #[tokio::test]
    async fn only_what_differs_is_a_change() {
        let file = |path: &str, text: &str| SourceFile { source: "own".into(), path: path.into(), text: text.into() };
        let before = vec![file("a.yar", "rule one { condition: true }"), file("b.yar", "rule two { condition: true }")];
        let after = vec![
            file("a.yar", "rule one { condition: true }"),
            file("b.yar", "rule two { condition: false }\nrule three { condition: true }"),
        ];
        let found = compare(before, after).await.unwrap();
        assert_eq!((found.added, found.changed), (vec!["own/b · three".into()], vec!["own/b · two".into()]));
        assert!(found.removed.is_empty());
    }
}
