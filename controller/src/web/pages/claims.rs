//! PCs that ask to be let in again: what each says of itself, and what staff decide.

use super::hosts_choice::{Pairs, value};
use super::{Frame, Page, Teller, back_with, show};
use crate::app::App;
use crate::app::claims::Verdict;
use crate::store::claims::ClaimRow;
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Moment, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::Redirect;
use std::sync::Arc;

/// Why a PC must ask.
pub const KINDS: [&str; 4] = ["expired", "superseded", "unknown", "copy"];
/// What can be decided.
pub const VERDICTS: [&str; 3] = ["same", "new", "refuse"];
/// Those decided on that are shown, the newest.
const DECIDED: usize = 10;

/// A PC that asks, or asked.
pub(super) struct Asking {
    pub id: String,
    /// As it calls itself.
    pub name: String,
    /// Whose name it asks in.
    pub was: String,
    pub host: String,
    pub why: String,
    pub said: String,
    pub asked: Moment,
    pub heard: Moment,
    pub state: String,
    waiting: bool,
}

/// Those that wait, and the last ones that were decided on.
pub(super) async fn asking(
    app: &App,
    visitor: &Visitor,
    teller: Teller,
) -> Result<(Vec<Asking>, Vec<Asking>), Problem> {
    let all = app.claims(&visitor.actor).await?.into_iter().map(|(row, was)| one(teller, row, &was));
    let (waiting, mut decided): (Vec<_>, Vec<_>) = all.partition(|asking| asking.waiting);
    decided.truncate(DECIDED);
    Ok((waiting, decided))
}

fn one(teller: Teller, row: ClaimRow, was: &str) -> Asking {
    let language = teller.language;
    let facts = &row.facts.0;
    // One of a later version's is shown as the one that needs a look.
    let kind = KINDS.into_iter().find(|kind| *kind == row.kind).unwrap_or("unknown");
    let said = [facts.system_version.as_str(), row.address.as_str()];
    let said: Vec<String> = said.into_iter().filter(|part| !part.is_empty()).map(plain).collect();
    let by = plain(&row.decided_by);
    Asking {
        name: plain(&facts.name),
        was: plain(was),
        host: if was.is_empty() { String::new() } else { row.host.to_string() },
        why: language.word("claim", kind),
        said: said.join(" · "),
        asked: teller.moment(row.asked),
        heard: teller.moment(row.heard),
        state: match row.state.as_str() {
            "approved" => language.with("claim-approved", &[("user", Value::Text(&by))]),
            "refused" => language.with("claim-refused", &[("user", Value::Text(&by))]),
            _ => String::new(),
        },
        waiting: row.state == "waiting",
        id: row.id,
    }
}

#[derive(Template)]
#[template(path = "claim.html")]
struct Sure {
    frame: Frame,
    asking: Asking,
    verdict: &'static str,
    title: String,
    about: String,
    button: String,
    groups: Vec<(String, String)>,
}

/// Says what a decision means.
pub async fn sure(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(pairs): Query<Pairs>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let wanted = value(&pairs, "as");
    let verdict = VERDICTS.into_iter().find(|verdict| *verdict == wanted).ok_or(Problem::NOTHING)?;
    let claim = app.claims(&visitor.actor).await?.into_iter().find(|(row, _)| row.id == id);
    let (row, was) = claim.ok_or(Problem::NOTHING)?;
    let groups = if verdict == "refuse" { vec![] } else { app.group_paths(&visitor.actor).await? };
    let asking = one(teller, row, &was);
    show(&Sure {
        frame: Frame::of(&visitor),
        verdict,
        title: teller.text(&format!("claim-ask-{verdict}"), "host", &asking.name),
        about: teller.language.word("claim-about", verdict),
        button: teller.language.word("claim-do", verdict),
        groups: groups
            .into_iter()
            .map(|path| (visitor.language.group(&path), path))
            .map(|(label, path)| (path, label))
            .collect(),
        asking,
    })
}

/// Decides.
pub async fn decide(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Redirect, Problem> {
    let (verdict, notice) = match value(&pairs, "as").as_str() {
        "same" => (Verdict::Same, "let-in-same"),
        "new" => (Verdict::New, "let-in-new"),
        "refuse" => (Verdict::Refuse, "claim-refused"),
        _ => return Err(Problem::NOTHING),
    };
    app.decide_claim(&visitor.actor, &id, verdict, &value(&pairs, "group")).await?;
    Ok(back_with("/enrol", notice))
}
