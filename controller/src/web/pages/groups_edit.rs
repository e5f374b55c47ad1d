//! One group: what belongs to it, and how it is called otherwise, moved below another or removed. Before
//! it moves, the page says what that changes for whom.

use super::host::policy_page;
use super::hosts_choice::{Pairs, value};
use super::{Frame, Page, Teller, back_with, show};
use crate::app::policies::Effect;
use crate::app::{App, AppError};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{address, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Fields of an effect that are named.
const CHANGES: usize = 20;
/// Groups with effects that are named.
const EFFECTS: usize = 50;

#[derive(Template)]
#[template(path = "groups-edit.html")]
struct Edit {
    frame: Frame,
    path: String,
    shown: String,
    name: String,
    parents: Vec<(String, String)>,
    parent: String,
    list: String,
    hosts: String,
    children: Vec<(String, String)>,
    tokens: usize,
    rules: Vec<(String, u32)>,
    policy: String,
    sets: usize,
    /// Whether nothing stands against its removal.
    free: bool,
    wrong_name: String,
    wrong_parent: String,
    wrong_removal: String,
}

#[derive(Template)]
#[template(path = "groups-move.html")]
struct Move {
    frame: Frame,
    group: String,
    parent: String,
    title: String,
    effects: Vec<Changed>,
    more: String,
    back: String,
}

/// What changes for the PCs of one group.
struct Changed {
    group: String,
    hosts: String,
    changes: Vec<(String, String, String)>,
    more: String,
}

/// What was typed, and what was wrong with it.
#[derive(Default)]
struct Typed {
    name: Option<String>,
    parent: Option<String>,
    wrong_name: String,
    wrong_parent: String,
    wrong_removal: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(pairs): Query<Pairs>,
) -> Page {
    show(&fill(&app, &visitor, &value(&pairs, "group"), Typed::default()).await?)
}

async fn fill(app: &App, visitor: &Visitor, wanted: &str, typed: Typed) -> Result<Edit, Problem> {
    if wanted.is_empty() {
        return Err(Problem::NOTHING);
    }
    let teller = Teller::new(app, visitor);
    let details = app.group_details(&visitor.actor, wanted).await?;
    let group = details.group;
    let inside = |path: &String| *path == group.path || path.starts_with(&format!("{}/", group.path));
    let parents = app.group_paths(&visitor.actor).await?.into_iter().filter(|path| !inside(path));
    let left = group.hosts as usize + details.children.len() + details.tokens.len() + details.rules.len();
    Ok(Edit {
        frame: Frame::of(visitor),
        shown: teller.language.group(&group.path),
        name: typed.name.unwrap_or_else(|| group.name.clone()),
        parents: parents.map(|path| (teller.language.group(&path), path)).map(|(label, path)| (path, label)).collect(),
        parent: typed.parent.unwrap_or(group.parent),
        list: address("/hosts", &[("group", &group.path)]),
        hosts: teller.language.count("groups-hosts", group.hosts.into()),
        children: details
            .children
            .into_iter()
            .map(|child| (plain(&child), address("/groups/edit", &[("group", &child)])))
            .collect(),
        tokens: details.tokens.len(),
        rules: details.rules.iter().map(|view| (plain(&view.rule.to_string()), view.rule.order)).collect(),
        policy: policy_page(&group.path),
        sets: details.sets.len(),
        free: left == 0,
        path: group.path,
        wrong_name: typed.wrong_name,
        wrong_parent: typed.wrong_parent,
        wrong_removal: typed.wrong_removal,
    })
}

/// What can be said of a wish beside its form, or the error that it is.
fn said(visitor: &Visitor, error: AppError) -> Result<String, Problem> {
    match error {
        AppError::Invalid(_) | AppError::Conflict(_) | AppError::NotFound(_) => {
            Ok(visitor.language.said(&error.to_string()))
        }
        error => Err(error.into()),
    }
}

async fn again(app: &App, visitor: &Visitor, group: &str, typed: Typed) -> Result<Response, Problem> {
    let page = show(&fill(app, visitor, group, typed).await?)?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Calls it otherwise.
pub async fn rename(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let (group, name) = (value(&pairs, "group"), value(&pairs, "name"));
    match app.rename_group(&visitor.actor, &group, &name).await {
        Ok(_) => Ok(back_with("/groups", "group-renamed").into_response()),
        Err(error) => {
            let typed = Typed { name: Some(name), wrong_name: said(&visitor, error)?, ..Typed::default() };
            again(&app, &visitor, &group, typed).await
        }
    }
}

/// Says what a move changes, and does it where that was confirmed.
pub async fn shift(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let (group, parent) = (value(&pairs, "group"), value(&pairs, "parent"));
    let sure = !value(&pairs, "sure").is_empty();
    match app.move_group(&visitor.actor, &group, &parent, !sure).await {
        Ok(_) if sure => Ok(back_with("/groups", "group-moved").into_response()),
        Ok(effects) => Ok(show(&moving(&app, &visitor, group, parent, &effects))?.into_response()),
        Err(error) => {
            let typed = Typed { parent: Some(parent), wrong_parent: said(&visitor, error)?, ..Typed::default() };
            again(&app, &visitor, &group, typed).await
        }
    }
}

fn moving(app: &App, visitor: &Visitor, group: String, parent: String, effects: &[Effect]) -> Move {
    use crate::web::i18n::Value;
    let language = Teller::new(app, visitor).language;
    let (from, to) = (visitor.language.group(&group), visitor.language.group(&parent));
    let changed = |effect: &Effect| Changed {
        group: visitor.language.group(&effect.group),
        hosts: language.count("groups-hosts", effect.hosts.len() as u64),
        changes: effect.changes.iter().take(CHANGES).map(|(f, was, is)| (f.clone(), plain(was), plain(is))).collect(),
        more: match effect.changes.len().saturating_sub(CHANGES) {
            0 => String::new(),
            more => language.count("work-more", more as u64),
        },
    };
    Move {
        frame: Frame::of(visitor),
        title: language.with("groups-move-title", &[("group", Value::Text(&from)), ("parent", Value::Text(&to))]),
        effects: effects.iter().take(EFFECTS).map(changed).collect(),
        more: match effects.len().saturating_sub(EFFECTS) {
            0 => String::new(),
            more => language.count("work-more", more as u64),
        },
        back: address("/groups/edit", &[("group", &group)]),
        group,
        parent,
    }
}

/// Removes it, where nothing belongs to it.
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let group = value(&pairs, "group");
    match app.remove_group(&visitor.actor, &group).await {
        Ok(()) => Ok(back_with("/groups", "group-removed").into_response()),
        Err(error) => {
            let typed = Typed { wrong_removal: said(&visitor, error)?, ..Typed::default() };
            again(&app, &visitor, &group, typed).await
        }
    }
}
