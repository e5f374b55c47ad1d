//! The groups: how the PCs of each are, and of all groups below it; and a new one.

use super::host::policy_page;
use super::hosts_choice::{Pairs, value};
use super::{Frame, Page, Teller, back_with, show};
use crate::app::{App, AppError};
use crate::plan::health::{Figures, GroupFigures};
use crate::plan::tree::SLASH;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{address, size};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Levels of the tree that are set off from one another; the style sheet has as many.
pub const STEPS: u32 = 6;

#[derive(Template)]
#[template(path = "groups.html")]
struct Groups {
    frame: Frame,
    rows: Vec<Row>,
    /// Where a new one can be.
    parents: Vec<(String, String)>,
    name: String,
    parent: String,
    wrong: String,
}

struct Row {
    name: String,
    step: u32,
    all: Figures,
    figures: Vec<Figure>,
    silent: Vec<String>,
    storage: String,
    policy: String,
    change: String,
    root: bool,
}

/// PCs in one state, and the list of them.
struct Figure {
    label: String,
    n: u32,
    list: String,
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    show(&fill(&app, &visitor, String::new(), String::new(), String::new()).await?)
}

async fn fill(app: &App, visitor: &Visitor, name: String, parent: String, wrong: String) -> Result<Groups, Problem> {
    let teller = Teller::new(app, visitor);
    let groups = app.group_health(&visitor.actor, "").await?;
    let parents = groups.iter().map(|group| (group.name.clone(), visitor.language.group(&group.name))).collect();
    let rows = groups.into_iter().map(|group| row(teller, group)).collect();
    Ok(Groups { frame: Frame::of(visitor), rows, parents, name, parent, wrong })
}

fn row(teller: Teller, group: GroupFigures) -> Row {
    let all = group.all;
    let silences = [
        ("silent-never-connected", all.never_connected),
        ("silent-pending", all.pending),
        ("silent-away", all.away),
        ("silent-lost", all.lost),
    ];
    let there = silences.into_iter().filter(|(_, n)| *n > 0);
    let list = |state: &str| address("/hosts", &[("state", state), ("group", &group.name)]);
    let figure = |label: String, state: &str, n: u32| Figure { label, n, list: list(state) };
    let state = |word: &'static str, n: u32| figure(teller.language.word("state", word), word, n);
    Row {
        figures: vec![
            figure(teller.language.say("column-hosts"), "", all.hosts),
            state("protected", all.protected),
            state("attention", all.attention),
            state("at-risk", all.at_risk),
            state("unknown", all.unknown),
        ],
        // What is above it stands above it.
        name: teller
            .language
            .group(group.name.strip_prefix(&format!("{}{SLASH}", group.parent)).unwrap_or(&group.name)),
        step: group.depth.min(STEPS),
        all,
        silent: there.map(|(key, n)| teller.language.count(key, n.into())).collect(),
        storage: size(all.repository_bytes),
        policy: policy_page(&group.name),
        change: address("/groups/edit", &[("group", &group.name)]),
        root: group.parent.is_empty(),
    }
}

/// Makes one.
pub async fn create(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let (name, parent) = (value(&pairs, "name"), value(&pairs, "parent"));
    match app.create_group(&visitor.actor, &name, &parent).await {
        Ok(_) => Ok(back_with("/groups", "group-created").into_response()),
        Err(error @ (AppError::Invalid(_) | AppError::Conflict(_) | AppError::NotFound(_))) => {
            let page = show(&fill(&app, &visitor, name, parent, visitor.language.said(&error.to_string())).await?)?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
