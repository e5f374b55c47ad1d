//! What staff do about detections: acknowledge one or all, have their files put away. A page says
//! first which are meant.

use crate::app::outbreaks::{MOST_PUT_AWAY, file_of, mark};
use crate::app::{App, AppError};
use crate::store::sightings::SightingRow;
use crate::web::i18n::Value;
use crate::web::pages::detections::called;
use crate::web::pages::{Frame, Page, Teller, back_with, refused, show};
use crate::web::problem::Problem;
use crate::web::session::{Visitor, local};
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use keepwatch_proto::ids::HostId;
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;

/// Files that are listed before something is done to all of them.
const LISTED: usize = 20;

/// What is meant, before it is done.
struct Meant {
    question: String,
    files: Vec<(String, String)>,
    more: String,
    /// Tells these from what was shown before.
    mark: String,
}

impl Meant {
    async fn of(
        app: &App,
        visitor: &Visitor,
        question: String,
        rows: &[&SightingRow],
        path: fn(&str) -> &str,
    ) -> Result<Self, Problem> {
        let names = app.host_names_of(&visitor.actor, &rows.iter().map(|row| row.host).collect()).await?;
        let name = |host: &HostId| plain(names.get(host).map_or("?", String::as_str));
        Ok(Self {
            question,
            files: rows.iter().take(LISTED).map(|row| (name(&row.host), plain(path(&row.path)))).collect(),
            more: match rows.len().saturating_sub(LISTED) {
                0 => String::new(),
                more => visitor.language.count("and-more", more as u64),
            },
            mark: mark(rows),
        })
    }
}

#[derive(Template)]
#[template(path = "acknowledge.html")]
struct Acknowledge {
    frame: Frame,
    id: String,
    title: String,
    all: bool,
    meant: Meant,
    reason: String,
    next: String,
    problem: Option<String>,
}

/// Why detections need nothing more.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Reason {
    reason: String,
    next: String,
    seen: String,
}

/// Asks why one needs nothing more.
pub async fn ask_one(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(id): Path<String>) -> Page {
    show(&acknowledgement(&app, &visitor, &id, false, Reason::default(), None).await?)
}

/// Asks why all of a group need nothing more.
pub async fn ask_all(app: State<Arc<App>>, visitor: Extension<Visitor>, Path(id): Path<String>) -> Page {
    show(&acknowledgement(&app, &visitor, &id, true, Reason::default(), None).await?)
}

/// Acknowledges one.
pub async fn acknowledge(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(form): Form<Reason>,
) -> Result<Response, Problem> {
    match app.acknowledge_detection(&visitor.actor, &id, &form.reason).await {
        Ok(()) => {
            let page = local(&form.next).split('?').next().unwrap_or("/");
            Ok(back_with(page, "acknowledged").into_response())
        }
        Err(AppError::Invalid(_)) => {
            let problem = visitor.language.say("acknowledge-no-reason");
            refused(&acknowledgement(&app, &visitor, &id, false, form, Some(problem)).await?)
        }
        Err(error) => Err(error.into()),
    }
}

/// Acknowledges all of a group.
pub async fn acknowledge_all(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(form): Form<Reason>,
) -> Result<Response, Problem> {
    let problem = match app.acknowledge_outbreak(&visitor.actor, &id, &form.reason, &form.seen).await {
        Ok(_) => return Ok(back_with("/detections", "acknowledged-all").into_response()),
        Err(AppError::Invalid(_)) => visitor.language.say("acknowledge-no-reason"),
        Err(AppError::Conflict(_)) => visitor.language.say("acknowledge-changed"),
        Err(error) => return Err(error.into()),
    };
    refused(&acknowledgement(&app, &visitor, &id, true, form, Some(problem)).await?)
}

async fn acknowledgement(
    app: &App,
    visitor: &Visitor,
    id: &str,
    all: bool,
    form: Reason,
    problem: Option<String>,
) -> Result<Acknowledge, Problem> {
    let language = visitor.language;
    let group = app.outbreak(&visitor.actor, id).await?;
    let rows: Vec<_> = group.open().filter(|member| all || member.id.to_string() == id).collect();
    if rows.is_empty() {
        return Err(AppError::NotFound("nothing of it is open any more: somebody acknowledged it".into()).into());
    }
    let hosts: HashSet<HostId> = rows.iter().map(|row| row.host).collect();
    let question = match all {
        true => language.with(
            "acknowledge-all-question",
            &[("n", Value::Count(rows.len() as u64)), ("hosts", Value::Count(hosts.len() as u64))],
        ),
        false => language.say("acknowledge-one-question"),
    };
    let own = format!("/detections/{id}");
    Ok(Acknowledge {
        // A refused form is at an address that only takes forms.
        frame: Frame { here: own.clone(), ..Frame::of(visitor) },
        id: id.to_owned(),
        title: called(Teller::new(app, visitor), &group.face).0,
        all,
        meant: Meant::of(app, visitor, question, &rows, |path| path).await?,
        reason: form.reason,
        next: if form.next.is_empty() { own } else { local(&form.next).to_owned() },
        problem,
    })
}

#[derive(Template)]
#[template(path = "put-away.html")]
struct PutAway {
    frame: Frame,
    id: String,
    title: String,
    all: bool,
    count: usize,
    meant: Meant,
    too_many: bool,
    problem: Option<String>,
    refused: Vec<(String, String)>,
}

/// Whether all files of the group are meant, and the mark of those that somebody saw.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Which {
    all: String,
    seen: String,
}

/// Asks whether files are to be put away.
pub async fn ask_away(
    app: State<Arc<App>>,
    visitor: Extension<Visitor>,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Page {
    show(&putting_away(&app, &visitor, &id, !which.all.is_empty(), None, vec![]).await?)
}

/// Has them put away.
pub async fn put_away(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(which): Form<Which>,
) -> Result<Response, Problem> {
    let all = !which.all.is_empty();
    match app.put_found_away(&visitor.actor, &id, all, &which.seen).await {
        Ok(came) if came.refused.is_empty() => {
            Ok(back_with(&format!("/detections/{id}"), "put-away-asked").into_response())
        }
        Ok(came) => {
            let of = came.asked as u64 + came.refused.len() as u64;
            let values = [("n", Value::Count(came.asked as u64)), ("of", Value::Count(of))];
            let problem = visitor.language.with("put-away-some", &values);
            let why = came.refused.iter().map(|(name, why)| (plain(name), visitor.language.said(why))).collect();
            refused(&putting_away(&app, &visitor, &id, all, Some(problem), why).await?)
        }
        Err(AppError::Conflict(_)) => {
            let problem = visitor.language.say("put-away-changed");
            refused(&putting_away(&app, &visitor, &id, all, Some(problem), vec![]).await?)
        }
        Err(error) => Err(error.into()),
    }
}

async fn putting_away(
    app: &App,
    visitor: &Visitor,
    id: &str,
    all: bool,
    problem: Option<String>,
    refused: Vec<(String, String)>,
) -> Result<PutAway, Problem> {
    let group = app.outbreak(&visitor.actor, id).await?;
    let rows: Vec<_> = match all {
        true => group.files(),
        false => group.members.iter().filter(|member| member.id.to_string() == id).collect(),
    };
    let question = visitor.language.count("put-away-question", rows.len() as u64);
    Ok(PutAway {
        frame: Frame { here: format!("/detections/{id}"), ..Frame::of(visitor) },
        id: id.to_owned(),
        title: called(Teller::new(app, visitor), &group.face).0,
        all,
        count: rows.len(),
        meant: Meant::of(app, visitor, question, &rows, file_of).await?,
        too_many: rows.len() > MOST_PUT_AWAY,
        problem,
        refused,
    })
}
