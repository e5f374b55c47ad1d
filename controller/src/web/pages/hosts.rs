//! The list of PCs: searched, narrowed, in an order, page by page, with how many each other choice
//! would show. What is done with those ticked is confirmed on a page of its own.

use super::choosing::{Chip, Choosable, Facet};
use super::hosts_choice::{Choice, Pairs, value};
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::hosts::HostView;
use crate::app::hosts::search::{Counts, Found, Order, REVOKED, former_name};
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Icon, Moment, address, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use std::collections::BTreeMap;
use std::sync::Arc;

/// PCs on a page.
const ON_A_PAGE: usize = 50;
/// Reasons that a row names.
const REASONS: usize = 3;
/// States that can be chosen, in the order in which they are shown.
const STATES: [&str; 4] = ["at-risk", "unknown", "attention", "protected"];

#[derive(Template)]
#[template(path = "hosts.html")]
struct Hosts {
    frame: Frame,
    choice: Choice,
    /// Nobody is enrolled at all.
    empty: bool,
    range: String,
    states: Vec<Tab>,
    facets: Vec<Facet>,
    /// Whether one of the rarer choices is made.
    narrowed: bool,
    chips: Vec<Chip>,
    columns: Vec<Column>,
    rows: Vec<Row>,
    pages: Pages,
    /// Where only some that were cut off fit.
    cut_off: Option<(String, String)>,
    all_fitting: String,
}

/// A state to choose.
struct Tab {
    href: String,
    icon: Option<Icon>,
    label: String,
    n: u32,
    here: bool,
}

struct Column {
    label: String,
    href: String,
    sorted: Option<&'static str>,
    number: bool,
}

/// The pages before and after.
pub struct Pages {
    /// Empty: there is none.
    pub before: String,
    /// Empty: there is none.
    pub after: String,
}

struct Row {
    id: String,
    name: String,
    tick: String,
    former: String,
    group: String,
    badge: Badge,
    reasons: Vec<String>,
    more: String,
    connected: bool,
    seen: Moment,
    backup: Moment,
    scan: Moment,
    signatures: String,
    detections: u32,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(pairs): Query<Pairs>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let choice = Choice::read(&pairs);
    let found = app.search_hosts(&visitor.actor, &choice.wanted, &choice.sort).await?;
    let last = found.len().div_ceil(ON_A_PAGE).max(1);
    let number = value(&pairs, "page").parse().unwrap_or(1).clamp(1, last);
    let first = (number - 1) * ON_A_PAGE;
    let rows: Vec<Row> = found.hosts().skip(first).take(ON_A_PAGE).map(|host| row(teller, &choice, host)).collect();
    let counts = &found.counts;
    let cut_off = counts.states.get(REVOKED).filter(|_| rows.is_empty() && choice.wanted.state != REVOKED);
    let facets = facets(teller, &choice, counts);
    let turn = |to: usize| {
        let page = to.to_string();
        let mut pairs = choice.pairs().to_vec();
        pairs.push(("page", if to == 1 { "" } else { &page }));
        address("/hosts", &pairs)
    };
    show(&Hosts {
        frame: Frame::of(&visitor),
        empty: choice.is_all() && rows.is_empty() && cut_off.is_none(),
        range: range(teller, first, rows.len(), found.len()),
        states: tabs(teller, &choice, &found),
        narrowed: facets.iter().any(|facet| facet.rare && facet.options.iter().any(|option| option.chosen)),
        chips: chips(teller, &choice, &facets),
        facets,
        columns: columns(teller, &choice),
        pages: Pages {
            before: if number > 1 { turn(number - 1) } else { String::new() },
            after: if number < last { turn(number + 1) } else { String::new() },
        },
        cut_off: cut_off.map(|n| (teller.language.count("hosts-cut-off", (*n).into()), choice.but("state", REVOKED))),
        all_fitting: teller.language.count("hosts-all-fitting", found.len() as u64),
        rows,
        choice,
    })
}

/// Which of them are on the page.
pub(super) fn range(teller: Teller, first: usize, shown: usize, all: usize) -> String {
    let of = |n: usize| Value::Count(n as u64);
    let places = [("from", of(first + 1)), ("to", of(first + shown)), ("n", of(all))];
    teller.language.with("hosts-range", &places)
}

fn tabs(teller: Teller, choice: &Choice, found: &Found) -> Vec<Tab> {
    let language = teller.language;
    let of = |state: &str| found.counts.states.get(state).copied().unwrap_or(0);
    let chosen = choice.wanted.state.as_str();
    let mut tabs = vec![Tab {
        href: choice.but("state", ""),
        icon: None,
        label: language.say("hosts-all"),
        n: STATES.iter().map(|state| of(state)).sum(),
        here: chosen.is_empty(),
    }];
    tabs.extend(STATES.map(|state| Tab {
        href: choice.but("state", state),
        icon: Some(Icon { kind: state }),
        label: language.word("state", state),
        n: of(state),
        here: chosen == state,
    }));
    if of(REVOKED) > 0 || chosen == REVOKED {
        tabs.push(Tab {
            href: choice.but("state", REVOKED),
            icon: Some(Icon { kind: "cancelled" }),
            label: language.say("hosts-revoked"),
            n: of(REVOKED),
            here: chosen == REVOKED,
        });
    }
    tabs
}

/// What can be chosen beside the state.
fn facets(teller: Teller, choice: &Choice, counts: &Counts) -> Vec<Facet> {
    let (language, wanted) = (teller.language, &choice.wanted);
    let named = |counts: &BTreeMap<String, u32>| -> Vec<(String, String, u32)> {
        counts.iter().map(|(value, n)| (value.clone(), plain(value), *n)).collect()
    };
    let in_words = |family: &'static str, counts: &BTreeMap<String, u32>| -> Vec<(String, String, u32)> {
        let mut all: Vec<_> = counts.iter().map(|(word, n)| (word.clone(), language.word(family, word), *n)).collect();
        all.sort_by_key(|(.., n)| std::cmp::Reverse(*n));
        all
    };
    let groups = counts.groups.iter().map(|(path, n)| (path.clone(), teller.language.group(path), *n)).collect();
    let bundle = |version: &i64| super::hosts::signatures(teller, *version);
    let bundles = counts.bundles.iter().rev().map(|(v, n)| (v.to_string(), bundle(v), *n)).collect();
    vec![
        facet("group", language.say("column-group"), false, &wanted.group, groups),
        facet("reason", language.say("hosts-reason"), false, &wanted.reason, in_words("reason", &counts.reasons)),
        facet("link", language.say("column-connected"), true, &wanted.link, in_words("link", &counts.links)),
        facet("system", language.say("host-system"), true, &wanted.system, named(&counts.systems)),
        facet("agent", language.say("host-agent"), true, &wanted.agent, named(&counts.agents)),
        facet("bundle", language.say("column-signatures"), true, &wanted.bundle, bundles),
    ]
}

fn facet(name: &'static str, label: String, rare: bool, chosen: &str, all: Vec<(String, String, u32)>) -> Facet {
    let known = all.iter().any(|(value, ..)| value == chosen);
    let mut options: Vec<Choosable> = all
        .into_iter()
        // What is unknown of a PC cannot be asked for.
        .filter(|(value, ..)| !value.is_empty())
        .map(|(value, label, n)| Choosable::new(value, format!("{label} ({n})"), chosen))
        .collect();
    if !known && !chosen.is_empty() {
        options.insert(0, Choosable::new(chosen, plain(chosen), chosen));
    }
    Facet { name, label, rare, options }
}

fn chips(teller: Teller, choice: &Choice, facets: &[Facet]) -> Vec<Chip> {
    let language = teller.language;
    let mut chips = Vec::new();
    if !choice.wanted.words.is_empty() {
        let words = plain(&choice.wanted.words);
        chips.push(Chip::new(language, &language.say("hosts-search"), &words, choice.but("q", "")));
    }
    for facet in facets {
        if let Some(option) = facet.options.iter().find(|option| option.chosen) {
            // Without how many.
            let value = option.label.rsplit_once(" (").map_or(option.label.as_str(), |(label, _)| label);
            chips.push(Chip::new(language, &facet.label, value, choice.but(facet.name, "")));
        }
    }
    chips
}

fn columns(teller: Teller, choice: &Choice) -> Vec<Column> {
    let language = teller.language;
    let (now, turned) = Order::parse(&choice.sort);
    let column = |label: String, order: Order| {
        // All begin with the least but this one.
        let falls = (order == Order::Detections) != turned;
        let next = if now == order && !turned { format!("-{}", order.word()) } else { order.word().to_owned() };
        Column {
            label,
            href: choice.but("sort", &next),
            sorted: (now == order).then_some(if falls { "descending" } else { "ascending" }),
            number: order == Order::Detections,
        }
    };
    vec![
        column(language.say("column-host"), Order::Name),
        column(language.say("column-state"), Order::Urgency),
        column(language.say("column-connected"), Order::Seen),
        column(language.say("column-backup"), Order::Backup),
        column(language.say("column-scan"), Order::Scan),
        column(language.say("column-signatures"), Order::Signatures),
        column(language.say("column-detections"), Order::Detections),
    ]
}

fn row(teller: Teller, choice: &Choice, host: &HostView) -> Row {
    let language = teller.language;
    let name = plain(host.name());
    let former = former_name(host, &choice.wanted.words).map(plain);
    Row {
        id: host.row.id.to_string(),
        tick: teller.text("hosts-tick", "host", &name),
        former: former.map(|former| teller.text("hosts-formerly", "name", &former)).unwrap_or_default(),
        group: teller.language.group(&host.group),
        badge: teller.badge("state", host.state.word()),
        reasons: host.reasons.iter().take(REASONS).map(|r| language.word("reason", r.word())).collect(),
        more: match host.reasons.len().saturating_sub(REASONS) {
            0 => String::new(),
            n => language.count("hosts-more-reasons", n as u64),
        },
        connected: host.connected,
        seen: teller.moment(host.row.last_seen),
        backup: teller.moment(host.last_backup),
        scan: teller.moment(host.last_scan),
        signatures: signatures(teller, host.row.bundle),
        detections: host.open_detections,
        name,
    }
}

/// The version of the signatures in use, in words.
pub(super) fn signatures(teller: Teller, bundle: i64) -> String {
    match bundle {
        0 => teller.language.say("none"),
        version => teller.text("signatures-version", "version", &version.to_string()),
    }
}
