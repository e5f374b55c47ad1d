//! Policies: who has one, what holds where, and the way to change it.

pub mod edit;
mod examples;
mod fields;
pub mod form;
pub mod history;
mod shown;
pub mod simulate;
mod weekly;

use super::groups::STEPS;
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::policies::{FieldView, PlaceView};
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Moment, encoded, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use serde::Deserialize;
use std::sync::Arc;

/// Which group is meant; none: the topmost.
#[derive(Deserialize)]
pub struct Of {
    #[serde(default)]
    group: String,
}

#[derive(Template)]
#[template(path = "policies.html")]
struct Policies {
    frame: Frame,
    rows: Vec<Row>,
    /// Nobody has written anything yet.
    none: bool,
}

struct Row {
    name: String,
    address: String,
    step: u32,
    hosts: u64,
    own: bool,
    edition: String,
    /// Whose policy holds, where it is another's; empty: the product's default.
    origin: String,
    edited: Moment,
    by: String,
}

/// The tree.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let places = app.policy_places(&visitor.actor).await?;
    let none = places.iter().all(|place| place.revision == 0);
    let rows = places.into_iter().map(|place| row(teller, place)).collect();
    show(&Policies { frame: Frame::of(&visitor), rows, none })
}

fn row(teller: Teller, place: PlaceView) -> Row {
    Row {
        address: at("/policies/group", &place.path),
        name: plain(&place.name),
        step: place.depth.min(STEPS),
        hosts: place.hosts,
        own: place.revision > 0,
        edition: edition(teller, place.revision),
        origin: teller.language.group(&place.origin),
        edited: teller.moment(place.edited_at),
        by: plain(&place.edited_by),
    }
}

/// A page about a group's policy.
fn at(page: &str, group: &str) -> String {
    format!("{page}?group={}", encoded(group))
}

fn edition(teller: Teller, revision: u64) -> String {
    teller.language.with("policy-edition", &[("n", Value::Count(revision))])
}

#[derive(Template)]
#[template(path = "policy.html")]
struct Group {
    frame: Frame,
    title: String,
    links: Links,
    own: bool,
    yaml: String,
    edition: String,
    /// The group whose policy holds here, and the way to it.
    origin: Option<(String, String)>,
    /// What some group says.
    ruled: Vec<Part>,
    /// What nobody has said anything of.
    defaults: Vec<Part>,
    /// How many these are.
    count: String,
}

/// The pages about one group's policy.
struct Links {
    group: String,
    form: String,
    edit: String,
    history: String,
    simulate: String,
}

impl Links {
    fn of(group: &str) -> Self {
        Self {
            group: at("/policies/group", group),
            form: at("/policies/form", group),
            edit: at("/policies/edit", group),
            history: at("/policies/history", group),
            simulate: at("/policies/simulate", group),
        }
    }
}

/// Fields that belong together.
struct Part {
    /// Its place among the parts.
    place: usize,
    title: String,
    fields: Vec<Field>,
}

struct Field {
    label: String,
    path: String,
    value: String,
    /// The group that says so, and the way to it; `None`: the product's default.
    origin: Option<(String, String)>,
    /// It says so itself.
    own: bool,
    locked_by: String,
    overruled: String,
}

/// What holds for one group.
pub async fn group(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>, Query(of): Query<Of>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let own = app.policy(&visitor.actor, &of.group).await?;
    let effective = app.effective_policy(&visitor.actor, &own.group, "").await?;
    let (ruled, defaults): (Vec<FieldView>, Vec<FieldView>) =
        effective.fields.into_iter().partition(|field| !field.origin.is_empty() || !field.locked_by.is_empty());
    let count = teller.language.count("policy-defaults", defaults.len() as u64);
    let inherited = own.origin != own.group && !own.origin.is_empty();
    show(&Group {
        frame: Frame::of(&visitor),
        title: teller.text("policy-of", "group", &teller.language.group(&own.group)),
        links: Links::of(&own.group),
        own: own.revision > 0,
        yaml: shown::lines(&own.yaml),
        edition: edition(teller, own.revision),
        origin: inherited.then(|| (teller.language.group(&own.origin), at("/policies/group", &own.origin))),
        ruled: parts(teller, &own.group, ruled),
        defaults: parts(teller, &own.group, defaults),
        count,
    })
}

/// Fields part by part, in each as people look for them.
fn parts(teller: Teller, group: &str, mut fields: Vec<FieldView>) -> Vec<Part> {
    fields.sort_by_key(|field| shown::place_of(&field.field));
    let mut parts: Vec<Part> = Vec::new();
    for view in fields {
        let (place, ..) = shown::place_of(&view.field);
        let title = || teller.language.word("part", shown::part_of(&view.field));
        if parts.last().is_none_or(|part| part.place != place) {
            parts.push(Part { place, title: title(), fields: Vec::new() });
        }
        if let Some(part) = parts.last_mut() {
            part.fields.push(field(teller, group, view));
        }
    }
    parts
}

fn field(teller: Teller, group: &str, view: FieldView) -> Field {
    Field {
        label: shown::label(teller, &view.field),
        value: shown::value(teller, &view.field, &view.value),
        own: view.origin == group,
        origin: (!view.origin.is_empty())
            .then(|| (teller.language.group(&view.origin), at("/policies/group", &view.origin))),
        locked_by: teller.language.group(&view.locked_by),
        overruled: plain(&view.overruled),
        path: view.field,
    }
}

#[cfg(test)]
pub use examples::EXAMPLES;
#[cfg(test)]
pub use form::CHOICES;
#[cfg(test)]
pub use shown::{PARTS, word_of};
