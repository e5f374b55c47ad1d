//! All of somebody's files at once: a user's folder, or what was backed up, in one choice. After a PC
//! was replaced, this is where the new one gets its files.

use super::picked::Picked;
use super::{Mark, last_name, snapshot};
use crate::app::App;
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::session::Visitor;
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "restore-whole.html")]
struct Whole {
    frame: Frame,
    host: String,
    host_name: String,
    id: String,
    mark: Mark,
    profiles: Vec<Choice>,
    folders: Vec<Choice>,
    problem: String,
    place: &'static str,
    replaced: bool,
}

struct Choice {
    name: String,
    path: String,
    picked: String,
}

/// Where it is to go, where that is known.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    replaced: bool,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, id)): Path<(String, String)>,
    Query(Wanted { replaced }): Query<Wanted>,
) -> Page {
    let (teller, actor) = (Teller::new(&app, &visitor), &visitor.actor);
    let host = app.host(actor, &host).await?;
    let host_id = host.row.id.to_string();
    let zone = app.time_zone(actor, &host_id).await?;
    let row = snapshot(&app, actor, &host_id, &id).await?;
    let (profiles, problem) = match app.profiles(actor, &host_id, &id).await {
        Ok(profiles) => (profiles, String::new()),
        // What was backed up can be chosen all the same.
        Err(error) => (vec![], teller.language.said(&error.to_string())),
    };
    let folders = row.paths.0.iter().filter(|path| path.starts_with('/') && !profiles.contains(path));
    show(&Whole {
        frame: Frame::of(&visitor),
        host_name: plain(host.name()),
        mark: Mark::of(teller, zone, &row),
        folders: folders.filter_map(|path| choice(path)).collect(),
        profiles: profiles.iter().filter_map(|path| choice(path)).collect(),
        problem,
        place: if replaced { "original" } else { "new" },
        replaced,
        host: host_id,
        id,
    })
}

fn choice(path: &str) -> Option<Choice> {
    let picked = Picked::only(path).packed()?;
    Some(Choice { name: plain(last_name(path)), path: plain(path), picked })
}
