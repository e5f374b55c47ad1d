//! The rules that PCs scan with: where they are from, what was published, and who has which.

use super::turns::{Part, Turns};
use super::{Frame, Page, Teller, back_with, refused, show};
use crate::app::App;
use crate::app::rule_texts::{BundleView, FILES};
use crate::store::sources::SourceRow;
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Moment, encoded, plain, size, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "signatures.html")]
struct Signatures {
    frame: Frame,
    newest: Option<Bundle>,
    hosts: u32,
    current: u32,
    without: u32,
    sources: Vec<Source>,
    bundles: Vec<Bundle>,
    turns: Turns,
}

struct Source {
    name: String,
    shown: String,
    origin: String,
    licence: String,
    files: i64,
    rules: i64,
    imported: Moment,
    imported_by: String,
}

struct Bundle {
    version: i64,
    published: Moment,
    published_by: String,
    rules: i64,
    files: i64,
    size: String,
    hosts: u32,
    halted: bool,
    change: String,
    source: String,
    gone: bool,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(part): Query<Part>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let number = part.number();
    let (history, more) = app.bundle_history(&visitor.actor, number).await?;
    let newest = match number {
        0 => history.first().cloned(),
        _ => app.bundle_history(&visitor.actor, 0).await?.0.into_iter().next(),
    };
    let running = app.hosts_by_bundle(&visitor.actor).await?;
    let of = |version: i64| running.get(&version).copied().unwrap_or(0);
    let address = |number: usize| match number {
        0 => "/signatures".to_owned(),
        _ => format!("/signatures?page={number}"),
    };
    let sources = app.sources(&visitor.actor).await?;
    show(&Signatures {
        frame: Frame::of(&visitor),
        hosts: running.values().sum(),
        current: newest.as_ref().map_or(0, |newest| newest.hosts),
        without: of(0),
        newest: newest.map(|view| bundle(teller, view)),
        sources: sources.into_iter().map(|row| source(teller, row)).collect(),
        bundles: history.into_iter().map(|view| bundle(teller, view)).collect(),
        turns: Turns::at(number, more, address),
    })
}

fn source(teller: Teller, row: SourceRow) -> Source {
    Source {
        shown: plain(&row.name),
        name: row.name,
        origin: plain(&row.origin),
        licence: plain(&row.licence),
        files: row.files,
        rules: row.rules,
        imported: teller.moment(row.imported),
        imported_by: plain(&row.imported_by),
    }
}

fn bundle(teller: Teller, view: BundleView) -> Bundle {
    let BundleView { row, hosts, changes } = view;
    let changed = changes.map(|(changes, _)| changes);
    let n = |count: i64| Value::Count(unsigned(count));
    Bundle {
        version: row.version,
        published: teller.moment(row.published),
        published_by: plain(&row.published_by),
        rules: row.rules,
        files: row.files,
        size: size(unsigned(row.size)),
        hosts,
        halted: row.halted != 0,
        change: match &changed {
            Some(c) if c.added + c.removed + c.changed == 0 => teller.language.say("signatures-same"),
            Some(c) => teller.language.with(
                "signatures-change",
                &[("added", n(c.added)), ("removed", n(c.removed)), ("changed", n(c.changed))],
            ),
            None => String::new(),
        },
        gone: changed.as_ref().is_some_and(|c| c.gone != 0),
        source: changed.map(|c| plain(&c.source)).unwrap_or_default(),
    }
}

#[derive(Template)]
#[template(path = "bundle.html")]
struct OneBundle {
    frame: Frame,
    bundle: Bundle,
    sha256: String,
    known: bool,
    kinds: Vec<Kind>,
}

/// Rules that came, went or changed.
pub(super) struct Kind {
    pub(super) title: String,
    pub(super) names: Vec<String>,
    pub(super) more: String,
}

/// What changed, kind by kind; kinds without any are left out.
pub(super) fn kinds(teller: Teller, counts: [u64; 3], names: crate::app::rule_texts::NamedChanges) -> Vec<Kind> {
    let language = teller.language;
    let titles = [
        language.count("signatures-added", counts[0]),
        language.count("signatures-removed", counts[1]),
        language.count("signatures-changed", counts[2]),
    ];
    let all = titles.into_iter().zip(counts).zip([names.added, names.removed, names.changed]);
    let kind = |((title, count), names): ((String, u64), Vec<String>)| {
        let more = count.saturating_sub(names.len() as u64);
        Kind {
            title,
            names: names.iter().map(|name| plain(name)).collect(),
            more: if more == 0 { String::new() } else { language.count("and-more", more) },
        }
    };
    all.filter(|((_, count), _)| *count > 0).map(kind).collect()
}

/// One bundle, and what it changed.
pub async fn one_bundle(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(version): Path<String>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let version = version.parse().map_err(|_| Problem::NOTHING)?;
    let view = app.bundle(&visitor.actor, version).await?;
    let counts = view.changes.as_ref().map(|(c, _)| [c.added, c.removed, c.changed].map(unsigned));
    let names = view.changes.as_ref().map(|(_, names)| names.clone()).unwrap_or_default();
    show(&OneBundle {
        frame: Frame::of(&visitor),
        sha256: plain(&view.row.sha256),
        known: counts.is_some(),
        kinds: counts.map(|counts| kinds(teller, counts, names)).unwrap_or_default(),
        bundle: bundle(teller, view),
    })
}

#[derive(Template)]
#[template(path = "source.html")]
struct OneSource {
    frame: Frame,
    source: Source,
    files: Vec<(String, String)>,
    more: String,
    removes: bool,
    problems: Vec<Said>,
}

/// What is wrong with a file.
pub(super) struct Said {
    pub(super) place: String,
    pub(super) message: String,
}

/// Which source.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Named {
    name: String,
}

/// One source and its files.
pub async fn one_source(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(Named { name }): Query<Named>,
) -> Page {
    show(&of_source(&app, &visitor, &name, false).await?)
}

/// Asks whether a source is to be taken out.
pub async fn ask_remove(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(Named { name }): Query<Named>,
) -> Page {
    show(&of_source(&app, &visitor, &name, true).await?)
}

async fn of_source(app: &App, visitor: &Visitor, name: &str, removes: bool) -> Result<OneSource, Problem> {
    let teller = Teller::new(app, visitor);
    let (row, files) = app.source(&visitor.actor, name).await?;
    let more = unsigned(row.files).saturating_sub(files.len() as u64);
    Ok(OneSource {
        frame: Frame { here: format!("/signatures/source?name={}", encoded(name)), ..Frame::of(visitor) },
        source: source(teller, row),
        more: if files.len() < FILES as usize || more == 0 {
            String::new()
        } else {
            teller.language.count("and-more", more)
        },
        files: files.into_iter().map(|(path, bytes)| (plain(&path), size(unsigned(bytes)))).collect(),
        removes,
        problems: vec![],
    })
}

/// Takes a source out, and publishes the rest.
pub async fn remove(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(Named { name }): Form<Named>,
) -> Result<Response, Problem> {
    let done = app.remove_source(&visitor.actor, &name).await?;
    if done.version != 0 {
        return Ok(back_with("/signatures", "source-removed").into_response());
    }
    let mut page = of_source(&app, &visitor, &name, true).await?;
    page.problems = done.problems.iter().filter(|p| p.fatal).map(said).collect();
    refused(&page)
}

/// What is wrong with a file, and where.
pub(super) fn said(problem: &crate::app::signatures::Problem) -> Said {
    let place = match problem.line {
        0 => problem.file.clone(),
        line => format!("{}:{line}", problem.file),
    };
    Said { place: plain(&place), message: plain(&problem.message) }
}
