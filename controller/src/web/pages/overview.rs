//! The first page, for whoever has a minute: how the fleet is in one sentence, then why, since when,
//! and where most is to be done. Each figure leads to the list behind it.

use super::overview_charts::{Chart, found, stored, then, trend};
use super::overview_groups::{Ages, Place, ages, places};
use super::{Frame, Page, Teller, own_name, show};
use crate::app::App;
use crate::app::overview::{Notable, Overview, Restores, WEEKS};
use crate::plan::forecast::Forecast;
use crate::plan::health::{Figures, State as Health};
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, encoded, plain, size, unsigned};
use askama::Template;
use askama::filters::HtmlSafe;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use std::sync::Arc;

/// So many reasons are named.
const REASONS: usize = 7;
/// So many departments are named.
const DEPARTMENTS: usize = 8;

#[derive(Template)]
#[template(path = "overview.html")]
struct Shown {
    /// PCs that ask to be let in again.
    claims: Option<String>,
    /// Why the controller's clock is not believed.
    doubt: Option<String>,
    frame: Frame,
    sentence: String,
    bar: Bar,
    counts: Vec<Count>,
    detections: u32,
    stored: String,
    reasons: Vec<Why>,
    more_reasons: Option<String>,
    trend: Chart,
    then: Option<String>,
    places: Vec<Place>,
    more_places: Option<String>,
    ages: Ages,
    found: Chart,
    notable: Vec<Found>,
    storage: Storage,
    adoption: Vec<Share>,
    signatures: String,
    restores: Vec<String>,
}

/// What there is to see before the first PC is there.
#[derive(Template)]
#[template(path = "overview-empty.html")]
struct Empty {
    frame: Frame,
    controller: String,
    enrols: bool,
}

/// PCs by state, as parts of a whole.
#[derive(Template)]
#[template(path = "overview-bar.html")]
pub struct Bar {
    hosts: u32,
    /// Each state that some are in, how many are in those before it, and how many in it.
    parts: Vec<(&'static str, u32, u32)>,
}

// Its template escapes by itself.
impl HtmlSafe for Bar {}

/// How many PCs are in a state.
pub struct Count {
    /// The state.
    pub badge: Badge,
    /// How many.
    pub n: u32,
    /// The list of them.
    pub href: String,
}

/// Why PCs are not protected.
struct Why {
    badge: Badge,
    n: u32,
    href: String,
}

/// A rule by which something grave was found.
pub struct Found {
    /// Where more is said of it.
    pub href: String,
    /// How bad.
    pub severity: Badge,
    /// The rule.
    pub rule: String,
    /// What it says of itself.
    pub description: String,
    /// On which PCs.
    pub place: String,
    /// When the newest was found.
    pub newest: Moment,
}

/// What the backups take, and the room for them.
struct Storage {
    chart: Chart,
    used: String,
    disk: Option<Disk>,
    forecast: String,
    warns: bool,
    unknown: Option<String>,
}

/// What is on the disk: the backups and what else there is, in thousandths of it and in bytes.
struct Disk {
    own: u64,
    other: u64,
    own_size: String,
    other_size: String,
    free: String,
}

/// How many PCs have which signatures.
struct Share {
    label: String,
    n: u32,
    percent: u32,
    tone: &'static str,
    href: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    uri: Uri,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let overview = app.overview(&visitor.actor).await?;
    let frame = Frame::of(&visitor);
    if overview.fleet.hosts == 0 {
        let enrols = frame.administers();
        return show(&Empty { frame, controller: own_name(&headers, &uri), enrols });
    }
    let claims = app.pending_claims(&visitor.actor).await?;
    let doubt = app.clock_seen(&visitor.actor).await?.doubt;
    let mut page = shown(teller, frame, overview);
    page.claims = u64::try_from(claims).ok().filter(|n| *n > 0).map(|n| teller.language.count("overview-claims", n));
    page.doubt = Some(visitor.language.said(&doubt)).filter(|doubt| !doubt.is_empty());
    show(&page)
}

fn shown(teller: Teller, frame: Frame, overview: Overview) -> Shown {
    let language = teller.language;
    let departments = overview.departments.len();
    let rest = |n: usize, most: usize| u64::try_from(n.saturating_sub(most)).ok().filter(|rest| *rest > 0);
    let reasons = overview.reasons.iter().take(REASONS).map(|(reason, n)| Why {
        badge: Badge { kind: reason.state().word(), label: language.word("reason", reason.word()) },
        n: *n,
        href: format!("/hosts?reason={}", reason.word()),
    });
    let (adoption, signatures) = adoption(teller, &overview);
    Shown {
        claims: None,
        doubt: None,
        sentence: sentence(teller, &overview.fleet),
        bar: bar(&overview.fleet),
        counts: counts(teller, &overview.fleet),
        detections: overview.fleet.open_detections,
        stored: size(overview.stored.bytes),
        reasons: reasons.collect(),
        more_reasons: rest(overview.reasons.len(), REASONS).map(|n| language.count("overview-more-reasons", n)),
        trend: trend(teller, &overview),
        then: then(teller, &overview),
        places: places(teller, &overview.departments[..departments.min(DEPARTMENTS)]),
        more_places: rest(departments, DEPARTMENTS).map(|n| language.count("overview-more-places", n)),
        ages: ages(teller, &overview.departments),
        found: found(teller, &overview),
        restores: restores(teller, &overview.restores),
        storage: storage(teller, &overview),
        notable: notable(teller, overview.notable),
        adoption,
        signatures,
        frame,
    }
}

/// How the fleet is.
pub(super) fn sentence(teller: Teller, fleet: &Figures) -> String {
    let count = |n: u32| Value::Count(n.into());
    let (hosts, protected) = (fleet.hosts, fleet.protected);
    match hosts - protected.min(hosts) {
        _ if hosts == 0 => teller.language.say("overview-none"),
        0 => teller.language.with("overview-all", &[("hosts", count(hosts))]),
        rest => {
            let values = [("hosts", count(hosts)), ("protected", count(protected)), ("rest", count(rest))];
            teller.language.with("overview-some", &values)
        }
    }
}

fn by_state(figures: &Figures) -> [(&'static str, u32); 4] {
    [
        (Health::Protected.word(), figures.protected),
        (Health::Attention.word(), figures.attention),
        (Health::AtRisk.word(), figures.at_risk),
        (Health::Unknown.word(), figures.unknown),
    ]
}

/// PCs by state, drawn.
pub fn bar(figures: &Figures) -> Bar {
    let mut before = 0;
    let parts = by_state(figures).into_iter().map(|(state, n)| {
        before += n;
        (state, before - n, n)
    });
    Bar { hosts: figures.hosts, parts: parts.filter(|(.., n)| *n > 0).collect() }
}

/// How many PCs are in each state.
pub(super) fn counts(teller: Teller, figures: &Figures) -> Vec<Count> {
    let count = |(state, n)| Count { badge: teller.badge("state", state), n, href: format!("/hosts?state={state}") };
    by_state(figures).into_iter().map(count).collect()
}

/// What was found that is grave.
pub(super) fn notable(teller: Teller, notable: Vec<Notable>) -> Vec<Found> {
    let found = |Notable { row, host_name }: Notable| {
        let severity = if row.severity == "critical" { "critical" } else { "high" };
        let host = plain(&host_name);
        let place = match unsigned(row.hosts) {
            1 => host,
            hosts => {
                let values = [("host", Value::Text(&host)), ("n", Value::Count(hosts - 1))];
                teller.language.with("overview-on-hosts", &values)
            }
        };
        Found {
            href: format!("/detections/{}", row.id),
            severity: teller.badge("severity", severity),
            rule: plain(&row.rule),
            description: plain(teller.language.description(&row.metadata.0)),
            place,
            newest: teller.moment(row.newest),
        }
    };
    notable.into_iter().map(found).collect()
}

fn storage(teller: Teller, overview: &Overview) -> Storage {
    let language = teller.language;
    let used = overview.stored.bytes;
    let thousandths =
        |part: u64, all: u64| u64::try_from(u128::from(part) * 1000 / u128::from(all.max(1))).unwrap_or(0);
    let disk = overview.space.map(|space| {
        let taken = space.all.saturating_sub(space.available);
        let own = used.min(taken);
        Disk {
            own: thousandths(own, space.all),
            other: thousandths(taken - own, space.all),
            own_size: size(own),
            other_size: size(taken - own),
            free: size(space.available),
        }
    });
    let (forecast, warns) = match overview.forecast {
        _ if overview.space.is_none() => (language.say("overview-room-unknown"), false),
        Forecast::Unsure => (language.say("overview-full-unsure"), false),
        Forecast::NotSoon => (language.say("overview-full-not-soon"), false),
        Forecast::Days(days) if days < 14 => (language.count("overview-full-days", unsigned(days)), true),
        Forecast::Days(days) if days < 120 => (language.count("overview-full-weeks", unsigned(days / 7)), days < 60),
        Forecast::Days(days) => (language.count("overview-full-months", unsigned(days / 30)), false),
    };
    let unknown = u64::try_from(overview.stored.unknown).unwrap_or(u64::MAX);
    Storage {
        chart: stored(teller, overview),
        used: size(used),
        disk,
        forecast,
        warns,
        unknown: (unknown > 0).then(|| language.count("overview-storage-unknown", unknown)),
    }
}

fn adoption(teller: Teller, overview: &Overview) -> (Vec<Share>, String) {
    let (adoption, language) = (overview.adoption, teller.language);
    let hosts = overview.fleet.hosts.max(1);
    let share = |word: &str, n: u32, tone, href| Share {
        label: language.word("overview-signatures", word),
        n,
        percent: u32::try_from(u64::from(n) * 100 / u64::from(hosts)).unwrap_or(100),
        tone,
        href,
    };
    // Those of one version have a list of their own; the others are at its beginning.
    let of = |version: i64| match version {
        0 => "/hosts?sort=signatures".to_owned(),
        version => format!("/hosts?bundle={version}"),
    };
    let shares = vec![
        share("newest", adoption.newest, "protected", of(adoption.version)),
        share("behind", adoption.one_behind, "attention", of(adoption.before)),
        share("older", adoption.older, "at-risk", of(0)),
        share("none", adoption.none, "unknown", "/hosts?reason=no-signatures".to_owned()),
    ];
    let version = adoption.version.to_string();
    let newest = match adoption.version {
        0 => language.say("overview-signatures-missing"),
        _ => {
            let when = teller.words(adoption.published);
            let values = [("version", Value::Text(&version)), ("when", Value::Text(&when))];
            language.with("overview-signatures-is", &values)
        }
    };
    (shares, newest)
}

/// In sentences, the first one with the count.
fn restores(teller: Teller, restores: &Restores) -> Vec<String> {
    let language = teller.language;
    let weeks = unsigned(WEEKS);
    if restores.done + restores.failed + restores.open == 0 {
        return vec![language.count("overview-restores-none", weeks)];
    }
    let mut said = vec![language.count("overview-restores-done", restores.done.into())];
    if restores.done > 0 {
        let (half, most) = (language.span(restores.half), language.span(restores.most));
        let values = [("half", Value::Text(half.as_str())), ("most", Value::Text(most.as_str()))];
        said.push(language.with("overview-restores-fast", &values));
    }
    if restores.failed > 0 {
        said.push(language.count("overview-restores-failed", restores.failed.into()));
    }
    if restores.open > 0 {
        said.push(language.count("overview-restores-open", restores.open.into()));
    }
    said
}

/// The list of the PCs of a group and all below it.
pub fn of_group(path: &str) -> String {
    format!("/hosts?group={}", encoded(path))
}
