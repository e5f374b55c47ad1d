//! Files that are put away on their PCs: what, where, why and when; and to bring one back or destroy it.

use super::turns::{Turns, number};
use super::{Frame, Page, Teller, back_with, refused, show};
use crate::app::pages::Page as Place;
use crate::app::quarantine::{QuarantineView, SHOWN};
use crate::app::{App, AppError};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, encoded, plain, size, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use keepwatch_proto::quarantine::ItemState;
use keepwatch_proto::selection::Selection;
use serde::Deserialize;
use std::sync::Arc;

/// States that are chosen from.
pub const STATES: [&str; 2] = ["held", "all"];
/// What became of files, as words with a shape each.
pub const ITEMS: [&str; 4] = ["protected", "attention", "cancelled", "unknown"];
/// Files on a page.
const FILES: usize = 50;

#[derive(Template)]
#[template(path = "quarantine.html")]
struct Quarantine {
    frame: Frame,
    states: Vec<super::detections::Tab>,
    host: Option<(String, String)>,
    all: bool,
    files: Vec<File>,
    turns: Turns,
    cut: String,
}

struct File {
    id: String,
    path: String,
    host: String,
    host_name: String,
    why: String,
    when: Moment,
    size: String,
    sha256: String,
    state: Badge,
    changed: Moment,
    target: String,
    held: bool,
}

/// Which of them.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    host: String,
    state: String,
    page: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let all = asked.state == "all";
    let host = match asked.host.as_str() {
        "" => None,
        wanted => {
            let host = app.host(&visitor.actor, wanted).await?;
            Some((host.row.id.to_string(), plain(host.name())))
        }
    };
    let meant = Selection { names: host.iter().map(|(id, _)| id.clone()).collect(), ..Selection::default() };
    let (found, beyond) = app.quarantine(&visitor.actor, &meant, all, &Place::default()).await?;
    let number = number(&asked.page);
    let from = number.saturating_mul(FILES);
    let address = |state: &str, number: usize| {
        let mut address = format!("/quarantine?state={state}");
        if let Some((id, _)) = &host {
            address.push_str(&format!("&host={}", encoded(id)));
        }
        if number > 0 {
            address.push_str(&format!("&page={number}"));
        }
        address
    };
    let state = if all { "all" } else { "held" };
    let tab = |word: &'static str| super::detections::Tab {
        href: address(word, 0),
        label: teller.language.word("quarantine-state", word),
        here: word == state,
    };
    show(&Quarantine {
        frame: Frame::of(&visitor),
        states: STATES.map(tab).into(),
        turns: Turns::at(number, from.saturating_add(FILES) < found.len(), |number| address(state, number)),
        cut: match beyond.is_empty() {
            true => String::new(),
            false => teller.language.count("quarantine-cut", SHOWN.into()),
        },
        files: found.into_iter().skip(from).take(FILES).map(|view| file(teller, view)).collect(),
        host,
        all,
    })
}

fn file(teller: Teller, view: QuarantineView) -> File {
    let row = view.row;
    let [held, restored, deleted, gone] = ITEMS;
    let kind = match row.state.0 {
        ItemState::Held => held,
        ItemState::Restored => restored,
        ItemState::Deleted => deleted,
        ItemState::Gone => gone,
    };
    File {
        id: row.id.to_string(),
        path: plain(&row.path),
        host: row.host.to_string(),
        host_name: plain(&view.host_name),
        why: match row.rules.0.is_empty() {
            true => teller.language.say("quarantine-by-staff"),
            false => plain(&row.rules.0.join(", ")),
        },
        when: teller.moment(row.at),
        size: size(unsigned(row.size)),
        sha256: plain(&row.sha256),
        state: teller.badge("item", kind),
        changed: teller.moment(row.changed),
        target: plain(&row.target),
        held: row.state.0 == ItemState::Held,
    }
}

#[derive(Template)]
#[template(path = "quarantine-deed.html")]
struct Deed {
    frame: Frame,
    file: File,
    restores: bool,
    target: String,
    problem: Option<String>,
}

/// Where a file is to be brought.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Target {
    target: String,
}

/// Asks whether a file is to be brought back.
pub async fn ask_restore(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(id): Path<String>) -> Page {
    show(&deed(&app, &visitor, &id, true, String::new(), None).await?)
}

/// Asks whether a file is to be destroyed.
pub async fn ask_delete(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(id): Path<String>) -> Page {
    show(&deed(&app, &visitor, &id, false, String::new(), None).await?)
}

/// Has a file brought back.
pub async fn restore(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(Target { target }): Form<Target>,
) -> Result<Response, Problem> {
    match app.restore_quarantined(&visitor.actor, &id, target.trim()).await {
        Ok(_) => Ok(back_with("/quarantine", "quarantine-restore-asked").into_response()),
        Err(AppError::Invalid(_)) => {
            let problem = visitor.language.say("quarantine-no-path");
            refused(&deed(&app, &visitor, &id, true, target, Some(problem)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Has a file destroyed.
pub async fn delete(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    app.delete_quarantined(&visitor.actor, &id).await?;
    Ok(back_with("/quarantine", "quarantine-delete-asked").into_response())
}

async fn deed(
    app: &App,
    visitor: &Visitor,
    id: &str,
    restores: bool,
    target: String,
    problem: Option<String>,
) -> Result<Deed, Problem> {
    let view = app.quarantined_file(&visitor.actor, id).await?;
    let file = file(Teller::new(app, visitor), view);
    Ok(Deed { frame: Frame { here: "/quarantine".into(), ..Frame::of(visitor) }, file, restores, target, problem })
}
