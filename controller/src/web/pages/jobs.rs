//! What is to be done, is being done and was done on all PCs, the newest first, narrowed and page by page.

use super::choosing::{Chip, Choosable, Facet};
use super::hosts_choice::{Pairs, value};
use super::job::{Day, by_day};
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::pages::Page as Place;
use crate::app::select::Filter;
use crate::web::session::Visitor;
use crate::web::words::{address, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use std::sync::Arc;

/// What can be chosen of where jobs stand.
pub const STATES: [&str; 2] = ["open", "ended"];
/// States that jobs are in.
const EXACTLY: [&str; 9] =
    ["queued", "waiting", "running", "succeeded", "partial", "failed", "cancelled", "expired", "lost"];
/// Kinds of jobs.
pub const KINDS: [&str; 5] = ["scan", "backup", "restore", "verify", "quarantine"];
/// How far back, in days.
const SINCE: [u32; 4] = [1, 7, 30, 90];
/// The zone that days are told in where jobs of many PCs stand together: the one that policies have of
/// themselves.
const ZONE: &str = "Asia/Shanghai";

/// Which jobs, as an address has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    pub(super) state: String,
    pub(super) kind: String,
    pub(super) group: String,
    pub(super) host: String,
    pub(super) since: String,
}

impl Choice {
    /// Out of an address or a form.
    pub(super) fn read(pairs: &Pairs) -> Self {
        let of = |name: &str| value(pairs, name);
        Self { state: of("state"), kind: of("kind"), group: of("group"), host: of("host"), since: of("since") }
    }

    /// As an address has it.
    pub(super) fn pairs(&self) -> [(&'static str, &str); 5] {
        [
            ("state", &self.state),
            ("kind", &self.kind),
            ("group", &self.group),
            ("host", &self.host),
            ("since", &self.since),
        ]
    }

    pub(super) fn filter(&self, app: &App, page: Place) -> Filter {
        let days: i64 = self.since.parse().ok().filter(|days| (1..=3650).contains(days)).unwrap_or(0);
        Filter {
            host: self.host.clone(),
            group: self.group.clone(),
            state: self.state.clone(),
            kind: self.kind.clone(),
            since: if days == 0 { 0 } else { app.now() - days * 86_400 },
            page,
        }
    }

    /// The address of the list.
    pub(super) fn address(&self) -> String {
        address("/jobs", &self.pairs())
    }

    fn but(&self, name: &str, value: &str) -> String {
        address("/jobs", &self.pairs().map(|(key, is)| if key == name { (key, value) } else { (key, is) }))
    }
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Jobs {
    frame: Frame,
    choice: Choice,
    facets: Vec<Facet>,
    chips: Vec<Chip>,
    days: Vec<Day>,
    /// Whether one of them has not ended.
    open: bool,
    /// Where the next page is; empty: there is none.
    next: String,
    /// Whether this is not the first page.
    later: bool,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(pairs): Query<Pairs>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let choice = Choice::read(&pairs);
    let after = value(&pairs, "after");
    let page = Place { limit: 0, after: after.clone() };
    let (jobs, next) = app.find_jobs(&visitor.actor, &choice.filter(&app, page)).await?;
    let host_name = match choice.host.as_str() {
        "" => String::new(),
        host => plain(app.host(&visitor.actor, host).await?.name()),
    };
    let groups = app.group_paths(&visitor.actor).await?;
    let facets = facets(teller, &choice, groups);
    let next = if next.is_empty() {
        next
    } else {
        let mut pairs = choice.pairs().to_vec();
        pairs.push(("after", &next));
        address("/jobs", &pairs)
    };
    show(&Jobs {
        frame: Frame::of(&visitor),
        open: jobs.iter().any(|job| !job.row.state.0.is_end() && job.row.cancel == 0),
        days: by_day(teller, ZONE, jobs),
        chips: chips(teller, &choice, &facets, &host_name),
        facets,
        next,
        later: !after.is_empty(),
        choice,
    })
}

fn facets(teller: Teller, choice: &Choice, groups: Vec<String>) -> Vec<Facet> {
    let language = teller.language;
    let coarse = STATES.map(|state| Choosable::new(state, language.word("jobs-state", state), &choice.state));
    let exactly = EXACTLY.map(|state| Choosable::new(state, language.word("job", state), &choice.state));
    let kinds = KINDS.map(|kind| Choosable::new(kind, language.word("kind", kind), &choice.kind));
    let group = |path: String| Choosable::new(path.as_str(), language.group(&path), &choice.group);
    let since =
        |days: u32| Choosable::new(days.to_string(), language.count("jobs-since-days", days.into()), &choice.since);
    let facet = |name, label, options| Facet { name, label, rare: false, options };
    vec![
        facet("state", language.say("column-state"), coarse.into_iter().chain(exactly).collect()),
        facet("kind", language.say("jobs-kind"), kinds.into()),
        facet("group", language.say("column-group"), groups.into_iter().map(group).collect()),
        facet("since", language.say("jobs-since"), SINCE.map(since).into()),
    ]
}

fn chips(teller: Teller, choice: &Choice, facets: &[Facet], host: &str) -> Vec<Chip> {
    let language = teller.language;
    let mut chips = Vec::new();
    if !host.is_empty() {
        chips.push(Chip::new(language, &language.say("column-host"), host, choice.but("host", "")));
    }
    for facet in facets {
        if let Some(option) = facet.options.iter().find(|option| option.chosen) {
            chips.push(Chip::new(language, &facet.label, &option.label, choice.but(facet.name, "")));
        }
    }
    chips
}
