//! Who did what: the records in words, looked through by filters, and taken away as a table.

mod table;
mod wanted;

use super::choosing::Choosable;
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::pages::Page as Pages;
use crate::store::audit::AuditRow;
use crate::web::i18n::{Language, Value};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use chrono_tz::Tz;
use keepwatch_proto::ids::JobId;
use std::collections::HashMap;
use std::sync::Arc;
use wanted::{Asked, Filled};

/// What is done here, as records name it; each has its words.
pub const DEEDS: [&str; 71] = [
    "audit export",
    "audit list",
    "canary touched",
    "claim decide",
    "claim list",
    "clock confirm",
    "clock doubt",
    "detection acknowledge",
    "file download",
    "group create",
    "group move",
    "group remove",
    "group rename",
    "host adopt",
    "host approve",
    "host move",
    "host pin",
    "host refuse",
    "host replace",
    "host revoke",
    "host unpin",
    "infected download",
    "infected restore",
    "job backup",
    "job cancel",
    "job create",
    "job pause",
    "job quarantine",
    "job restore",
    "job resume",
    "job scan",
    "job verify",
    "log in",
    "log out",
    "password change",
    "password reset",
    "policy set",
    "quarantine delete",
    "quarantine put away",
    "quarantine restore",
    "recovery key remove",
    "recovery key set",
    "recovery kit",
    "recovery kit seal",
    "repository delete",
    "repository delete begin",
    "repository deletion approve",
    "repository deletion ask",
    "repository deletion call off",
    "repository repair",
    "retention run",
    "retention thaw",
    "rollouts halt",
    "rollouts now",
    "rollouts resume",
    "rule add",
    "rule apply",
    "rule remove",
    "session end",
    "signatures import",
    "signatures remove",
    "snapshot found",
    "snapshot remove",
    "token create",
    "token list",
    "token revoke",
    "user create",
    "user list",
    "user remove",
    "user role",
    "verify",
];

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    filled: Filled,
    deeds: Vec<Choosable>,
    outcomes: Vec<Choosable>,
    problem: String,
    zone: String,
    records: Vec<Record>,
    /// The way to older ones; empty: there are none.
    older: String,
    /// The way back to the newest; empty: these are.
    newest: String,
    file: String,
}

struct Record {
    when: Moment,
    exact: String,
    user: String,
    deed: String,
    object: String,
    /// The page of the object, where it is a PC.
    host: String,
    detail: String,
    /// The particulars take more than a line.
    long: bool,
    origin: String,
    outcome: Badge,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let language = teller.language;
    let place = Pages { limit: 0, after: asked.after.clone() };
    let zone = app.fleet_zone().await?;
    let (wanted, problem) = match asked.wanted(zone) {
        Some(wanted) => (wanted, String::new()),
        None => (Default::default(), language.say("audit-no-date")),
    };
    let (rows, next) = match problem.is_empty() {
        true => app.audit_of(&visitor.actor, &wanted, &place).await?,
        false => Default::default(),
    };
    let names: HashMap<String, String> = match rows.is_empty() {
        true => HashMap::new(),
        false => names(&app, &visitor, &rows).await?,
    };
    let mut deeds: Vec<Choosable> =
        DEEDS.iter().map(|deed| Choosable::new(*deed, deed_in_words(language, deed), &asked.action)).collect();
    deeds.sort_by(|a, b| a.label.cmp(&b.label));
    let outcomes = ["done", "refused"].map(|word| Choosable::new(word, language.word("outcome", word), &asked.outcome));
    show(&Audit {
        frame: Frame::of(&visitor),
        deeds,
        outcomes: outcomes.into(),
        problem,
        zone: language.with("audit-zone", &[("zone", Value::Text(&language.zone(zone)))]),
        records: rows.into_iter().map(|row| record(teller, zone, &names, row)).collect(),
        older: if next.is_empty() { next } else { asked.address("/audit", &next) },
        newest: if asked.after.is_empty() { String::new() } else { asked.address("/audit", "") },
        file: asked.address("/audit/file", ""),
        filled: asked.filled(),
    })
}

/// The names of the PCs that the records are about, by their ids.
async fn names(app: &App, visitor: &Visitor, rows: &[AuditRow]) -> Result<HashMap<String, String>, Problem> {
    let words = rows.iter().flat_map(|row| row.object.split(' '));
    let mut names: HashMap<String, String> = words.map(|word| (word.to_owned(), String::new())).collect();
    for host in app.hosts(&visitor.actor).await?.iter() {
        if let Some(name) = names.get_mut(&host.row.id.to_string()) {
            host.name().clone_into(name);
        }
    }
    names.retain(|_, name| !name.is_empty());
    Ok(names)
}

/// An object with PCs by their names, and what else has only an id by its beginning; and the id of the
/// first PC in it.
fn object_in_words(names: &HashMap<String, String>, object: &str) -> (String, Option<String>) {
    let told = object.split(' ').map(|word| match names.get(word) {
        Some(name) => name.clone(),
        None if word.parse::<JobId>().is_ok() => format!("{}…", word.get(..ID).unwrap_or(word)),
        None => word.to_owned(),
    });
    let host = object.split(' ').find(|word| names.contains_key(*word)).map(str::to_owned);
    (told.collect::<Vec<_>>().join(" "), host)
}

/// An action as people say it; another than those known as it is.
fn deed_in_words(language: Language, action: &str) -> String {
    let word = action.replace(' ', "-");
    if DEEDS.contains(&action) {
        language.word("deed", &word)
    } else if let Some(page) = action.strip_prefix("page ") {
        format!("{} {}", language.say("deed-page"), plain(page))
    } else {
        plain(action)
    }
}

/// Characters by which an id is known again.
const ID: usize = 13;
/// Particulars that take no more room stand in the line itself.
const SHORT: usize = 90;

fn record(teller: Teller, zone: Tz, names: &HashMap<String, String>, row: AuditRow) -> Record {
    let (object, host) = object_in_words(names, &row.object);
    let detail = row.detail.lines().map(plain).collect::<Vec<_>>().join("\n");
    Record {
        host: host.map(|id| format!("/hosts/{id}")).unwrap_or_default(),
        when: teller.moment(row.at),
        exact: exact(zone, row.at),
        user: plain(&row.user_name),
        deed: deed_in_words(teller.language, &row.action),
        object: plain(&object),
        // What is a structure is for who wants to know exactly.
        long: detail.contains('\n') || detail.starts_with('{') || detail.chars().count() > SHORT,
        detail,
        origin: plain(&row.origin),
        outcome: match row.outcome.as_str() {
            "done" => Badge { kind: "succeeded", label: teller.language.word("outcome", "done") },
            _ => Badge { kind: "failed", label: teller.language.word("outcome", "refused") },
        },
    }
}

fn exact(zone: Tz, at: i64) -> String {
    let at = chrono::DateTime::from_timestamp(at, 0).map(|at| at.with_timezone(&zone));
    at.map(|at| at.format("%Y-%m-%d %H:%M:%S").to_string()).unwrap_or_default()
}

/// All records that the filters leave, as a table for a spreadsheet.
pub async fn file(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let zone = app.fleet_zone().await?;
    let Some(wanted) = asked.wanted(zone) else {
        let why = visitor.language.say("audit-no-date");
        return Err(crate::app::AppError::Invalid(why).into());
    };
    app.begin_audit_export(&visitor.actor).await?;
    table::response(app, visitor, zone, wanted)
}
