//! Imports in two steps: first what is sent in is checked and kept aside, then somebody who has seen
//! what the check said publishes it. One is kept of each of the staff, for a day.

use super::audit::{Actor, Role};
use super::rule_texts::{NamedChanges, first_named};
use super::signatures::{Change, Examined, Import, Imported, Problem};
use super::{App, AppError};
use crate::store::{self, drafts::DraftRow};
use keepwatch_proto::ids::JobId;
use serde::{Deserialize, Serialize};

/// How long one is kept.
const KEPT: i64 = 24 * 3600;
/// Problems of each kind that are kept.
const NAMED: usize = 200;

/// What a check said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Findings {
    /// Rules of the source.
    pub rules: u32,
    /// Files of the source that would be published.
    pub files: u32,
    /// Files that do not compile, and would be left out.
    pub broken: u32,
    /// Rules that the whole bundle would have; 0: it cannot be published.
    pub all_rules: u32,
    /// Whether a source of that name is there, which it would replace.
    pub replaces: bool,
    /// Rules that would be new, gone, or otherwise.
    pub counts: [usize; 3],
    /// The first of each.
    pub names: NamedChanges,
    /// What does not compile.
    pub errors: Vec<Problem>,
    /// How many errors there are.
    pub error_count: usize,
    /// What could be better.
    pub warnings: Vec<Problem>,
    /// How many warnings there are.
    pub warning_count: usize,
}

/// An import that waits.
#[derive(Debug, Clone)]
pub struct Draft {
    /// What is stored of it.
    pub row: DraftRow,
    /// What its check said.
    pub findings: Findings,
}

impl App {
    /// Checks what was sent in, and keeps it aside in place of the one before.
    pub async fn draft_import(&self, actor: &Actor, import: Import) -> Result<Draft, AppError> {
        self.demand(actor, Role::Administrator, "signatures import").await?;
        let Examined { source, files, problems } = self.examine(actor, import).await?;
        let replaces = self.sources(actor).await?.iter().any(|known| known.name == source.name);
        let mut row = DraftRow {
            owner: actor.user.clone(),
            id: JobId::new(&self.clock).to_string(),
            source: source.name.clone(),
            origin: source.origin.clone(),
            licence: source.licence.clone(),
            made: self.now(),
            findings: String::new(),
        };
        let kept: Vec<(String, String)> = files.iter().map(|f| (f.path.clone(), f.text.clone())).collect();
        let rules = u32::try_from(source.rules).unwrap_or(u32::MAX);
        let findings = if files.is_empty() {
            Findings { replaces, ..findings(problems) }
        } else {
            let (imported, changes) = self.publish(actor, Change::Replace(source, files), true, problems).await?;
            Findings {
                rules,
                files: u32::try_from(kept.len()).unwrap_or(u32::MAX),
                all_rules: imported.rules,
                replaces,
                counts: [changes.added.len(), changes.removed.len(), changes.changed.len()],
                names: first_named(&changes),
                ..findings(imported.problems)
            }
        };
        row.findings = serde_json::to_string(&findings).unwrap_or_default();
        let mut tx = self.store.begin().await?;
        store::drafts::delete_before(&mut tx, self.now() - KEPT).await?;
        store::drafts::replace(&mut tx, &row, &kept).await?;
        store::commit(tx).await?;
        Ok(Draft { row, findings })
    }

    /// Forgets those that nobody has published for long.
    pub async fn forget_drafts(&self) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        store::drafts::delete_before(&mut tx, self.now() - KEPT).await?;
        Ok(store::commit(tx).await?)
    }

    /// The one that somebody keeps aside.
    pub async fn draft(&self, actor: &Actor, id: &str) -> Result<Draft, AppError> {
        self.demand(actor, Role::Administrator, "signatures import").await?;
        let mut conn = self.store.read().await?;
        let row = store::drafts::get(&mut conn, &actor.user).await?;
        let row = row.filter(|row| row.id == id && row.made >= self.now() - KEPT);
        let row = row.ok_or_else(|| {
            AppError::NotFound("that import is not kept any more: it was published, or another took its place".into())
        })?;
        let findings = serde_json::from_str(&row.findings).unwrap_or_default();
        Ok(Draft { row, findings })
    }

    /// Publishes it.
    pub async fn publish_draft(&self, actor: &Actor, id: &str) -> Result<Imported, AppError> {
        let draft = self.draft(actor, id).await?;
        let DraftRow { owner, source, origin, licence, .. } = draft.row;
        let files = {
            let mut conn = self.store.read().await?;
            store::drafts::files(&mut conn, &owner).await?
        };
        let mut import = Import::called(source, origin, licence);
        for (path, text) in files {
            import.add(&path, text.as_bytes())?;
        }
        let imported = self.import_signatures(actor, import).await?;
        if imported.version != 0 {
            let mut tx = self.store.begin().await?;
            store::drafts::delete(&mut tx, &owner).await?;
            store::commit(tx).await?;
        }
        Ok(imported)
    }
}

fn findings(problems: Vec<Problem>) -> Findings {
    let (errors, warnings): (Vec<Problem>, Vec<Problem>) = problems.into_iter().partition(|p| p.fatal);
    let mut broken: Vec<&str> = errors.iter().map(|p| p.file.as_str()).collect();
    broken.sort_unstable();
    broken.dedup();
    let first = |problems: &[Problem]| problems.iter().take(NAMED).cloned().collect();
    Findings {
        broken: u32::try_from(broken.len()).unwrap_or(u32::MAX),
        errors: first(&errors),
        error_count: errors.len(),
        warnings: first(&warnings),
        warning_count: warnings.len(),
        ..Findings::default()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::tests::{administrator, app};
    use chrono::{DateTime, TimeDelta, Utc};
    use keepwatch_proto::clock::Clock;
    use std::sync::Arc;

    fn import() -> Import {
        let mut import = Import::called("office".into(), "here".into(), "MIT".into());
        import.add("a.yar", b"rule a { condition: false }").unwrap();
        import
    }

    fn set(app: &mut Arc<App>, at: DateTime<Utc>) {
        Arc::get_mut(app).unwrap().clock = Clock::fixed(at);
    }

    #[tokio::test]
    async fn what_nobody_publishes_within_a_day_is_gone() {
        let (_folder, mut app) = app().await;
        let (begins, wang) = (Utc::now(), administrator());
        let li = Actor { user: "li".into(), ..administrator() };
        set(&mut app, begins);
        app.signing.create().await.unwrap();
        let draft = app.draft_import(&wang, import()).await.unwrap().row.id;
        set(&mut app, begins + TimeDelta::hours(1));
        let later = app.draft_import(&li, import()).await.unwrap().row.id;

        set(&mut app, begins + TimeDelta::hours(24));
        app.forget_drafts().await.unwrap();
        assert_eq!(app.draft(&wang, &draft).await.unwrap().row.source, "office");
        set(&mut app, begins + TimeDelta::hours(24) + TimeDelta::seconds(1));
        // Also before anybody tidies up.
        assert!(matches!(app.draft(&wang, &draft).await, Err(AppError::NotFound(_))));
        assert!(matches!(app.publish_draft(&wang, &draft).await, Err(AppError::NotFound(_))));
        let kept = async |owner: &str| {
            let mut conn = app.store.read().await.unwrap();
            let row = store::drafts::get(&mut conn, owner).await.unwrap();
            (row.is_some(), store::drafts::files(&mut conn, owner).await.unwrap().len())
        };
        assert_eq!((kept(&wang.user).await, kept("li").await), ((true, 1), (true, 1)));
        app.forget_drafts().await.unwrap();
        assert_eq!((kept(&wang.user).await, kept("li").await), ((false, 0), (true, 1)));
        // One's own has its own day.
        app.publish_draft(&li, &later).await.unwrap();
        assert_eq!((kept("li").await, app.bundles(&wang).await.unwrap().len()), ((false, 0), 1));
    }
}
