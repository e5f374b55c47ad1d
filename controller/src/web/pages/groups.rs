//! The groups: how the PCs of each are, and of all groups below it.

use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::plan::health::{Figures, GroupFigures};
use crate::plan::tree::SLASH;
use crate::web::session::Visitor;
use crate::web::words::{plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::State;
use std::sync::Arc;

/// Levels of the tree that are set off from one another; the style sheet has as many.
pub const STEPS: u32 = 6;

#[derive(Template)]
#[template(path = "groups.html")]
struct Groups {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    name: String,
    step: u32,
    all: Figures,
    silent: Vec<String>,
    storage: String,
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let groups = app.group_health(&visitor.actor, "").await?;
    let rows = groups.into_iter().map(|group| row(teller, group)).collect();
    show(&Groups { frame: Frame::of(&visitor), rows })
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
    Row {
        // What is above it stands above it.
        name: plain(group.name.strip_prefix(&format!("{}{SLASH}", group.parent)).unwrap_or(&group.name)),
        step: group.depth.min(STEPS),
        all,
        silent: there.map(|(key, n)| teller.language.count(key, n.into())).collect(),
        storage: size(all.repository_bytes),
    }
}
