//! Detections that belong together, and what staff do about them: acknowledge one or all, have their
//! files put away.

use super::detections::{Bars, Detection, called, named};
use super::{Frame, Page, Teller, back_with, show};
use crate::app::detections::DetectionView;
use crate::app::outbreaks::{MEMBERS, MOST_PUT_AWAY, Outbreak, SNAPSHOT_HOSTS, file_of, mark};
use crate::app::rule_texts::RuleAsText;
use crate::app::{App, AppError};
use crate::plan::outbreak;
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::{Visitor, local};
use crate::web::words::{Badge, Moment, plain, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use keepwatch_proto::ids::HostId;
use serde::Deserialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Bars of the drawing.
const BARS: usize = 60;
/// Snapshots that are named of one PC.
const SNAPSHOTS: usize = 6;
/// What rules say of themselves that has a name here.
pub const METADATA: [&str; 5] = ["author", "reference", "date", "license", "version"];
/// Of what else they say, so much is shown.
const MORE_METADATA: usize = 10;
/// Files that are listed before something is done to all of them.
const LISTED: usize = 20;
/// Characters of a rule's text on the page.
const LONGEST_RULE: usize = 20_000;

#[derive(Template)]
#[template(path = "outbreak.html")]
struct Group {
    frame: Frame,
    id: String,
    title: String,
    rule: String,
    severity: Badge,
    sentence: String,
    hosts: usize,
    count: usize,
    open: usize,
    files: usize,
    first: Moment,
    last: Moment,
    bars: Option<Bars>,
    metadata: Vec<(String, String)>,
    text: Option<RuleText>,
    detections: Vec<Detection>,
    newer: Option<String>,
    older: Option<String>,
    holding: Vec<Holding>,
    holding_cut: String,
}

struct RuleText {
    source: String,
    from: String,
    licence: String,
    imported: Moment,
    text: String,
}

struct Holding {
    host: String,
    host_name: String,
    snapshots: Vec<(String, Moment)>,
    more: String,
}

/// Which part of it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Part {
    page: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let group = app.outbreak(&visitor.actor, &id).await?;
    let names = app.host_names_of(&visitor.actor, &group.hosts.iter().copied().collect()).await?;
    let number: usize = part.page.parse().unwrap_or(0);
    let from = number.saturating_mul(MEMBERS);
    let members = app.outbreak_members(&visitor.actor, &group, from).await?;
    let view = |row: crate::store::detections::DetectionRow| DetectionView {
        host_name: names.get(&row.host).cloned().unwrap_or_default(),
        row,
    };
    let text = app.rule_text(&visitor.actor, &group.face.namespace, &group.face.rule).await?;
    let holding = app.holding(&visitor.actor, &group).await?;
    let (first, last) = group.seen();
    let address = |number: usize| match number {
        0 => format!("/detections/{id}"),
        _ => format!("/detections/{id}?page={number}"),
    };
    let (title, rule) = called(teller, &group.face);
    show(&Group {
        frame: Frame::of(&visitor),
        title,
        rule,
        severity: teller.badge("severity", group.severity().word()),
        sentence: sentence(teller, &group, &names),
        hosts: group.hosts.len(),
        count: group.members.len(),
        open: group.open().count(),
        files: group.files().len(),
        first: teller.moment(first),
        last: teller.moment(last),
        bars: (last - first >= 60)
            .then(|| Bars::new(&outbreak::spread(group.members.iter().map(|m| m.at), (first, last), BARS))),
        metadata: metadata(teller, &group.face.metadata.0),
        text: text.map(|text| rule_text(teller, text)),
        detections: members.into_iter().map(|row| Detection::new(teller, view(row))).collect(),
        newer: (number > 0).then(|| address(number - 1)),
        older: (from + MEMBERS < group.members.len()).then(|| address(number + 1)),
        holding_cut: match group.hosts.len() > SNAPSHOT_HOSTS {
            true => teller.language.count("outbreak-snapshots-cut", SNAPSHOT_HOSTS as u64),
            false => String::new(),
        },
        holding: holding.into_iter().map(|one| holds(teller, &names, one)).collect(),
        id,
    })
}

fn sentence(teller: Teller, group: &Outbreak, names: &HashMap<HostId, String>) -> String {
    let hosts = named(teller, names, &group.hosts);
    let (first, last) = group.seen();
    match group.hosts.len() {
        0 | 1 => teller.text("outbreak-single", "host", &hosts),
        n => teller.language.with(
            "outbreak-several",
            &[
                ("n", Value::Count(n as u64)),
                ("span", Value::Text(&within(teller, last - first))),
                ("hosts", Value::Text(&hosts)),
            ],
        ),
    }
}

/// A time that something took, roughly.
fn within(teller: Teller, seconds: i64) -> String {
    match seconds {
        172_800.. => teller.language.count("outbreak-days", unsigned(seconds / 86_400)),
        // Moments are no time that one speaks of.
        _ => teller.language.span(seconds.max(60)),
    }
}

fn metadata(teller: Teller, metadata: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let language = teller.language;
    let known = METADATA.into_iter().filter_map(|word| {
        let value = metadata.get(word).filter(|value| !value.is_empty())?;
        Some((language.word("metadata", word), plain(value)))
    });
    let said = ["description", "description_zh", "severity"];
    let other = metadata.iter().filter(|(name, value)| {
        !METADATA.contains(&name.as_str()) && !said.contains(&name.as_str()) && !value.is_empty()
    });
    known.chain(other.take(MORE_METADATA).map(|(name, value)| (plain(name), plain(value)))).collect()
}

fn rule_text(teller: Teller, rule: RuleAsText) -> RuleText {
    let RuleAsText { source, file, line, text } = rule;
    let cut = text.char_indices().nth(LONGEST_RULE).map_or(text.len(), |(at, _)| at);
    // Lines stay lines; what else would steer the eye is shown.
    let lines = text[..cut].lines().map(|line| plain(&line.replace('\t', "    ")));
    let mut shown = lines.collect::<Vec<_>>().join("\n");
    if cut < text.len() {
        shown.push_str("\n…");
    }
    let file = plain(&file);
    let place = [("file", Value::Text(&file)), ("line", Value::Count(line as u64))];
    RuleText {
        source: source.name.clone(),
        from: teller.language.with("outbreak-rule-place", &place),
        licence: plain(&source.licence),
        imported: teller.moment(source.imported),
        text: shown,
    }
}

fn holds(teller: Teller, names: &HashMap<HostId, String>, holding: crate::app::outbreaks::Holding) -> Holding {
    let more = holding.snapshots.len().saturating_sub(SNAPSHOTS);
    Holding {
        host: holding.host.to_string(),
        host_name: plain(names.get(&holding.host).map_or("?", String::as_str)),
        snapshots: holding.snapshots.into_iter().take(SNAPSHOTS).map(|(id, at)| (id, teller.moment(at))).collect(),
        more: if more == 0 { String::new() } else { teller.language.count("outbreak-snapshots-more", more as u64) },
    }
}

#[derive(Template)]
#[template(path = "acknowledge.html")]
struct Acknowledge {
    frame: Frame,
    id: String,
    title: String,
    all: bool,
    question: String,
    mark: String,
    files: Vec<(String, String)>,
    more: String,
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

/// A form that comes again with what was typed, and what is wrong.
pub(super) fn refused(page: &impl Template) -> Result<Response, Problem> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, show(page)?).into_response())
}

async fn acknowledgement(
    app: &App,
    visitor: &Visitor,
    id: &str,
    all: bool,
    form: Reason,
    problem: Option<String>,
) -> Result<Acknowledge, Problem> {
    let teller = Teller::new(app, visitor);
    let group = app.outbreak(&visitor.actor, id).await?;
    let meant: Vec<_> = group.open().filter(|member| all || member.id.to_string() == id).collect();
    if meant.is_empty() {
        return Err(AppError::NotFound("nothing of it is open any more: somebody acknowledged it".into()).into());
    }
    let names = app.host_names_of(&visitor.actor, &meant.iter().map(|m| m.host).collect()).await?;
    let hosts: std::collections::HashSet<HostId> = meant.iter().map(|m| m.host).collect();
    let name = |host: &HostId| plain(names.get(host).map_or("?", String::as_str));
    let more = meant.len().saturating_sub(LISTED);
    let own = format!("/detections/{id}");
    let (title, _) = called(teller, &group.face);
    Ok(Acknowledge {
        // A refused form is at an address that only takes forms.
        frame: Frame { here: own.clone(), ..Frame::of(visitor) },
        id: id.to_owned(),
        question: match all {
            true => teller.language.with(
                "acknowledge-all-question",
                &[("n", Value::Count(meant.len() as u64)), ("hosts", Value::Count(hosts.len() as u64))],
            ),
            false => teller.language.say("acknowledge-one-question"),
        },
        title,
        all,
        mark: mark(&meant),
        files: meant.iter().take(LISTED).map(|m| (name(&m.host), plain(&m.path))).collect(),
        more: if more == 0 { String::new() } else { teller.language.count("and-more", more as u64) },
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
    mark: String,
    question: String,
    files: Vec<(String, String)>,
    more: String,
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
    let teller = Teller::new(app, visitor);
    let group = app.outbreak(&visitor.actor, id).await?;
    let meant: Vec<_> = match all {
        true => group.files(),
        false => group.members.iter().filter(|member| member.id.to_string() == id).collect(),
    };
    let names = app.host_names_of(&visitor.actor, &meant.iter().map(|m| m.host).collect()).await?;
    let name = |host: &HostId| plain(names.get(host).map_or("?", String::as_str));
    let more = meant.len().saturating_sub(LISTED);
    Ok(PutAway {
        frame: Frame { here: format!("/detections/{id}"), ..Frame::of(visitor) },
        id: id.to_owned(),
        title: called(teller, &group.face).0,
        all,
        question: teller.language.count("put-away-question", meant.len() as u64),
        count: meant.len(),
        mark: mark(&meant),
        files: meant.iter().take(LISTED).map(|m| (name(&m.host), plain(file_of(&m.path)))).collect(),
        more: if more == 0 { String::new() } else { teller.language.count("and-more", more as u64) },
        too_many: meant.len() > MOST_PUT_AWAY,
        problem,
        refused,
    })
}
