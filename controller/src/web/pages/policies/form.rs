//! The common settings of a group's document as a form, for whoever does not write YAML. It is another
//! way to write the same draft: what it makes is checked and saved on the editor's page, never here.

mod rows;

use super::edit::Draft;
use super::fields::{self, FIELDS, Field, Kind, Typed, Wrong};
use super::simulate::WEEKDAYS;
use super::{Links, Of};
use crate::app::App;
use crate::app::policies::PolicyView;
use crate::web::i18n::{Language, Value};
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use rows::Part;
use std::collections::BTreeMap;
use std::sync::Arc;

#[cfg(test)]
pub use rows::CHOICES;

#[derive(Template)]
#[template(path = "policy-form.html")]
struct FormPage {
    frame: Frame,
    title: String,
    links: Links,
    group: String,
    base: u64,
    /// The document cannot be read, so there is no form.
    unreadable: bool,
    /// It has comments, which the form would lose.
    comments: bool,
    /// What it locks against the groups below; empty: nothing.
    locks: String,
    /// How many settings are wrong; empty: none.
    wrong: String,
    parts: Vec<Part>,
    zones: Vec<&'static str>,
}

/// What was sent.
type Sent = Vec<(String, String)>;

/// Of each field that was sent, by its path.
type AllTyped = BTreeMap<&'static str, Typed>;

/// What is to be said at each field.
type AllWrong = BTreeMap<&'static str, Complaint>;

/// What is wrong at a field.
struct Complaint {
    /// In the reader's words.
    message: String,
    /// Which of its controls: the first one, or `time` or `cron`.
    control: &'static str,
}

/// The form, as the group's document has it.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>, Query(of): Query<Of>) -> Page {
    let own = app.policy(&visitor.actor, &of.group).await?;
    show(&form(&app, &visitor, own, AllTyped::new(), AllWrong::new()).await?)
}

/// Puts what was typed into the document, and shows the editor's page with what that changes.
pub async fn submit(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(sent): Form<Sent>,
) -> Result<Response, Problem> {
    let teller = Teller::new(&app, &visitor);
    let now = app.policy(&visitor.actor, value(&sent, "group")).await?;
    let base = value(&sent, "base").parse().unwrap_or(0);
    // What was typed changes the document that was on the page; whoever was faster is told of later.
    let before = match base == now.revision {
        true => now.yaml.clone(),
        false => earlier(&app, &visitor, &now.group, base).await?,
    };
    let own = PolicyView { revision: base, yaml: before, ..now.clone() };
    let typed = typed(&sent);
    let Some(document) = fields::read(&own.yaml) else {
        return refused(&app, &visitor, own, typed, AllWrong::new()).await;
    };
    let locked = locked(&app, &visitor, &own.group).await?;
    let open = FIELDS.iter().filter(|field| !locked.contains(&field.path));
    let filled = open.filter_map(|field| Some((field, typed.get(field.path.as_str())?.clone())));
    let yaml = match fields::merged(&document, filled) {
        Ok(new) => new.map_or(own.yaml.clone(), |new| fields::written(&new)),
        Err(wrong) => {
            let wrong = wrong.into_iter().map(|(path, why)| (path, Complaint::of(visitor.language, why)));
            return refused(&app, &visitor, own, typed, wrong.collect()).await;
        }
    };
    let draft = Draft::new(&own.group, yaml, base);
    let (status, verdict) = draft.judge(&app, teller, &visitor, &now).await?;
    let asked = |path: &str| typed.contains_key(path) && !locked.iter().any(|locked| locked == path);
    match verdict.said().and_then(|said| at_field(visitor.language, said)).filter(|(path, _)| asked(path)) {
        Some(wrong) => refused(&app, &visitor, own, typed, AllWrong::from([wrong])).await,
        None => draft.answer(teller, &visitor, &now, status, verdict),
    }
}

/// What the document said at a revision.
async fn earlier(app: &App, visitor: &Visitor, group: &str, revision: u64) -> Result<String, Problem> {
    let history = app.policy_history(&visitor.actor, group).await?;
    let edition = history.into_iter().find(|edition| u64::try_from(edition.revision) == Ok(revision));
    Ok(edition.map(|edition| edition.yaml).unwrap_or_default())
}

/// The fields that groups above lock: nobody sets them here, whatever is sent.
async fn locked(app: &App, visitor: &Visitor, group: &str) -> Result<Vec<String>, Problem> {
    let inherited = app.inherited_policy(&visitor.actor, group).await?;
    Ok(inherited.fields.into_iter().filter(|field| !field.locked_by.is_empty()).map(|field| field.field).collect())
}

/// The form once more, with all that was typed and what is wrong with it.
async fn refused(
    app: &App,
    visitor: &Visitor,
    own: PolicyView,
    typed: AllTyped,
    wrong: AllWrong,
) -> Result<Response, Problem> {
    let page = form(app, visitor, own, typed, wrong).await?.render()?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, Html(page)).into_response())
}

async fn form(
    app: &App,
    visitor: &Visitor,
    own: PolicyView,
    typed: AllTyped,
    wrong: AllWrong,
) -> Result<FormPage, Problem> {
    let teller = Teller::new(app, visitor);
    let inherited = app.inherited_policy(&visitor.actor, &own.group).await?;
    let document = fields::read(&own.yaml);
    let locks = document.as_ref().and_then(|document| fields::at(document, "locked")?.as_sequence());
    let locks = locks.into_iter().flatten().filter_map(|lock| lock.as_str().map(plain));
    Ok(FormPage {
        frame: Frame::of(visitor),
        title: teller.text("policy-of", "group", &teller.language.group(&own.group)),
        links: Links::of(&own.group),
        base: own.revision,
        locks: locks.collect::<Vec<_>>().join(" "),
        unreadable: document.is_none(),
        comments: fields::has_comments(&own.yaml),
        wrong: match wrong.len() {
            0 => String::new(),
            many => teller.language.count("policy-form-wrong", many as u64),
        },
        parts: rows::parts(teller, &document.unwrap_or_default(), &inherited, typed, wrong),
        zones: chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).filter(|name| name.contains('/')).collect(),
        group: own.group,
    })
}

fn value<'a>(sent: &'a Sent, name: &str) -> &'a str {
    sent.iter().find(|(sent, _)| sent == name).map_or("", |(_, value)| value)
}

/// What was typed, field by field. A field whose first control was not sent is none that was filled in.
fn typed(sent: &Sent) -> AllTyped {
    let of = |field: &'static Field| {
        let (_, text) = sent.iter().find(|(name, _)| *name == field.path)?;
        let more = |name: &str| value(sent, &format!("{}.{name}", field.path)).to_owned();
        let ticked = format!("{}.day", field.path);
        let day = |day: &str| sent.iter().any(|(name, value)| *name == ticked && value == day);
        let typed = Typed {
            // As browsers send line ends.
            text: text.replace("\r\n", "\n"),
            none: !more("none").is_empty(),
            days: WEEKDAYS.map(day),
            time: more("time"),
            cron: more("cron"),
        };
        Some((field.path.as_str(), typed))
    };
    FIELDS.iter().filter_map(of).collect()
}

/// What the use case has said of one field, at that field.
fn at_field(language: Language, said: &str) -> Option<(&'static str, Complaint)> {
    let place = |field: &Field| said.find(&format!("{}: ", field.path));
    let (field, at) = FIELDS.iter().find_map(|field| Some((field, place(field)?)))?;
    // The field is known where it is said.
    let message = language.said(&said[at..]);
    let message = message.strip_prefix(&field.path).unwrap_or(&message).trim_start_matches([':', '：', ' ']);
    let control = if field.kind == Kind::Schedule { "cron" } else { "" };
    Some((field.path.as_str(), Complaint { message: message.to_owned(), control }))
}

impl Complaint {
    fn of(language: Language, wrong: Wrong) -> Self {
        let n = |n: u64| Value::Count(n);
        let (message, control) = match wrong {
            Wrong::Number(least, Some(most)) => {
                (language.with("policy-form-number", &[("least", n(least)), ("most", n(most))]), "")
            }
            Wrong::Number(least, None) => (language.with("policy-form-number-least", &[("least", n(least))]), ""),
            Wrong::Size => (language.say("policy-form-size"), ""),
            Wrong::Choice => (language.say("policy-form-choice"), ""),
            Wrong::Lines(most) => (language.count("policy-form-lines", most), ""),
            Wrong::Both => (language.say("policy-form-both"), ""),
            Wrong::Zone => (language.say("policy-form-zone"), ""),
            Wrong::Time => (language.say("policy-form-time"), "time"),
            Wrong::Days => (language.say("policy-form-days"), ""),
            Wrong::Cron => (language.say("policy-form-cron"), "cron"),
        };
        Self { message, control }
    }
}
