//! All open jobs of a list are called off, paused or resumed at once; a page says first which.

use super::hosts_choice::{Pairs, value};
use super::jobs::Choice;
use super::many::{Done, NAMED, more, taken_along};
use super::{Frame, Page, show};
use crate::app::App;
use crate::app::jobs::JobView;
use crate::app::pages::Page as Place;
use crate::app::select::Change;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use keepwatch_proto::selection::Selection;
use std::sync::Arc;

/// What can be done to them, so that a test finds one without a translation.
#[cfg(test)]
pub const CHANGES: [&str; 3] = ["cancel", "pause", "resume"];
/// Jobs that are changed at once.
const AT_ONCE: u32 = 2000;

#[derive(Template)]
#[template(path = "jobs-change.html")]
struct Preview {
    frame: Frame,
    title: String,
    about: String,
    button: String,
    n: usize,
    named: Vec<(String, String, String)>,
    more: String,
    hidden: Pairs,
    back: String,
}

/// Says which would be changed.
pub async fn preview(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(pairs): Query<Pairs>,
) -> Page {
    let change = change(&pairs)?;
    let choice = Choice::read(&pairs);
    // What comes after this look is not meant.
    let until = app.now();
    let jobs = meant(&app, &visitor, &choice, change, until).await?;
    let language = visitor.language;
    let n = jobs.len();
    let named = |job: &JobView| (job.row.id.to_string(), language.word("kind", &job.row.kind), plain(&job.host_name));
    let mut hidden = taken_along(choice.pairs());
    hidden.extend(taken_along([("deed", change.word()), ("until", &until.to_string())]));
    show(&Preview {
        frame: Frame::of(&visitor),
        title: language.count(&format!("jobs-ask-{}", change.word()), n as u64),
        about: language.word("jobs-about", change.word()),
        button: language.word("jobs-do", change.word()),
        n,
        named: jobs.iter().take(NAMED).map(named).collect(),
        more: more(language, n),
        hidden,
        back: choice.address(),
    })
}

/// Changes them.
pub async fn ask(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(pairs): Form<Pairs>,
) -> Page {
    let change = change(&pairs)?;
    let choice = Choice::read(&pairs);
    let until = value(&pairs, "until").parse().unwrap_or(0);
    let jobs = meant(&app, &visitor, &choice, change, until).await?;
    let ids: Vec<String> = jobs.iter().map(|job| job.row.id.to_string()).collect();
    let (changed, refused) = match ids.is_empty() {
        true => (vec![], vec![]),
        false => app.change_many(&visitor.actor, &ids, &Selection::default(), "", change).await?,
    };
    let title = visitor.language.count(&format!("jobs-done-{}", change.word()), changed.len() as u64);
    show(&Done::new(Frame::of(&visitor), title, &refused, choice.address()))
}

fn change(pairs: &Pairs) -> Result<Change, Problem> {
    Change::parse(&value(pairs, "deed")).map_err(|_| Problem::NOTHING)
}

async fn meant(
    app: &App,
    visitor: &Visitor,
    choice: &Choice,
    change: Change,
    until: i64,
) -> Result<Vec<JobView>, Problem> {
    let filter = choice.filter(app, Place::up_to(until));
    Ok(app.changeable(&visitor.actor, &filter, change, AT_ONCE).await?)
}
