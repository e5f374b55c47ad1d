//! What the scans found: put together where it is the same again and again, or one by one.

use super::choosing::Choosable;
use super::turns::number;
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::detections::DetectionView;
use crate::app::outbreaks::{Filter, GROUPS, Outbreak, file_of, severity_of};
use crate::app::pages;
use crate::plan::outbreak;
use crate::store::detections::DetectionRow;
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, encoded, plain, size, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use keepwatch_proto::detection::Severity;
use keepwatch_proto::ids::HostId;
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;

/// States that are chosen from, in their order.
pub const STATES: [&str; 3] = ["open", "acknowledged", "all"];
/// Ways to look at them.
pub const VIEWS: [&str; 2] = ["together", "single"];
/// Days that the small drawing in the list covers, each with a bar of its own.
const DAYS: usize = 30;
/// Seconds of each.
const DAY: i64 = 24 * 3600;
/// PCs that are named of a group.
const NAMED: usize = 3;

#[derive(Template)]
#[template(path = "detections.html")]
struct Detections {
    frame: Frame,
    states: Vec<Tab>,
    views: Vec<Tab>,
    state: String,
    view: &'static str,
    host: Option<(String, String)>,
    without_host: String,
    severities: Vec<Choosable>,
    groups: Vec<Choosable>,
    filtered: bool,
    unfiltered: String,
    summary: String,
    rows: Vec<Row>,
    detections: Vec<Detection>,
    first: Option<String>,
    next: Option<String>,
}

/// A way to another look at the same things.
pub(super) struct Tab {
    pub(super) href: String,
    pub(super) label: String,
    pub(super) here: bool,
}

/// Detections that belong together.
struct Row {
    id: String,
    severity: Badge,
    title: String,
    rule: String,
    spreads: bool,
    on: String,
    place: String,
    hosts: usize,
    count: usize,
    /// Where it was not seen only once.
    first: Option<Moment>,
    last: Moment,
    put_away: String,
    bars: Bars,
}

/// How many there were over a time, as a small drawing.
pub(super) struct Bars {
    /// Place and height of each that is there.
    pub(super) bars: Vec<(usize, u32)>,
    /// How many places there are.
    pub(super) width: usize,
}

impl Bars {
    /// Height of the highest.
    pub(super) const HEIGHT: u32 = 20;

    pub(super) fn new(counts: &[u32]) -> Self {
        let most = counts.iter().copied().max().unwrap_or(0).max(1);
        // One is seen, too.
        let height = |n: u32| (n * Self::HEIGHT / most).max(3);
        let there = counts.iter().enumerate().filter(|(_, n)| **n > 0);
        Self { bars: there.map(|(place, n)| (place, height(*n))).collect(), width: counts.len().max(1) }
    }
}

/// One of them, as any page shows it.
pub struct Detection {
    /// Its id.
    pub id: String,
    /// How bad.
    pub severity: Badge,
    /// What the rule says of itself.
    pub description: String,
    /// The rule.
    pub rule: String,
    /// The file.
    pub path: String,
    /// Id of its host.
    pub host: String,
    /// Name of its host.
    pub host_name: String,
    /// When.
    pub found: Moment,
    /// The file's size.
    pub size: String,
    /// The file's content.
    pub sha256: String,
    /// Whether the file is put away on its PC.
    pub put_away: bool,
    /// Who acknowledged it when, and why; empty: it is open.
    pub acknowledged: String,
}

impl Detection {
    /// In the reader's words.
    pub(super) fn new(teller: Teller, view: DetectionView) -> Self {
        let row = view.row;
        let by = (plain(&row.acknowledged_by), teller.words(row.acknowledged), plain(&row.reason));
        let values = [("user", Value::Text(&by.0)), ("when", Value::Text(&by.1)), ("reason", Value::Text(&by.2))];
        Self {
            id: row.id.to_string(),
            severity: teller.badge("severity", severity_of(&row.severity).word()),
            description: plain(teller.language.description(&row.metadata.0)),
            rule: plain(&format!("{} · {}", row.namespace, row.rule)),
            path: plain(&row.path),
            host: row.host.to_string(),
            host_name: plain(&view.host_name),
            found: teller.moment(row.at),
            size: size(unsigned(row.size)),
            sha256: plain(&row.sha256),
            put_away: !row.put_away.is_empty(),
            acknowledged: match row.acknowledged {
                0 => String::new(),
                _ => teller.language.with("detection-acknowledged", &values),
            },
        }
    }
}

/// Which of them.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Asked {
    host: String,
    group: String,
    severity: String,
    state: String,
    view: String,
    page: String,
    after: String,
}

impl Asked {
    /// The address of the page with something of it otherwise; its beginning where that is not the page.
    fn address(&self, other: &[(&str, &str)]) -> String {
        let own = [
            ("state", self.state.as_str()),
            ("severity", &self.severity),
            ("group", &self.group),
            ("host", &self.host),
            ("view", &self.view),
        ];
        let mut parts: Vec<String> = Vec::new();
        for (name, value) in own {
            let value = other.iter().find(|(n, _)| *n == name).map_or(value, |(_, v)| v);
            if !value.is_empty() {
                parts.push(format!("{name}={}", encoded(value)));
            }
        }
        let places = other.iter().filter(|(name, _)| ["page", "after"].contains(name));
        parts.extend(places.map(|(name, value)| format!("{name}={}", encoded(value))));
        if parts.is_empty() { "/detections".to_owned() } else { format!("/detections?{}", parts.join("&")) }
    }

    fn view(&self) -> &'static str {
        match self.view.as_str() {
            "together" => "together",
            "single" => "single",
            // On one PC, what is alike is no outbreak.
            _ if !self.host.is_empty() => "single",
            _ => "together",
        }
    }

    fn filter(&self) -> Filter {
        let Self { host, group, severity, state, .. } = self;
        Filter { host: host.clone(), group: group.clone(), severity: severity.clone(), state: state.clone() }
    }
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let language = teller.language;
    let state = if STATES.contains(&asked.state.as_str()) { asked.state.clone() } else { "open".to_owned() };
    let (filter, view) = (asked.filter(), asked.view());
    let host = match asked.host.as_str() {
        "" => None,
        wanted => {
            let host = app.host(&visitor.actor, wanted).await?;
            Some((host.row.id.to_string(), plain(host.name())))
        }
    };
    let (mut rows, mut detections, mut next, mut summary) = (vec![], vec![], None, String::new());
    let number = number(&asked.page);
    if view == "together" {
        let found = app.outbreaks(&visitor.actor, &filter, number).await?;
        let hosts = found.groups.iter().flat_map(|group| group.hosts.iter().take(NAMED).copied()).collect();
        let names = app.host_names_of(&visitor.actor, &hosts).await?;
        let after = number.saturating_add(1);
        if after.saturating_mul(GROUPS) < found.total {
            next = Some(asked.address(&[("page", &after.to_string())]));
        }
        if found.cut {
            summary = language.count("detections-cut", found.detections as u64);
        }
        rows = found.groups.into_iter().map(|group| row(teller, &names, &group)).collect();
    } else {
        let place = pages::Page { limit: 0, after: asked.after.clone() };
        let (found, after) = app.find_detections(&visitor.actor, &filter, &place).await?;
        next = (!after.is_empty()).then(|| asked.address(&[("after", &after)]));
        detections = found.into_iter().map(|d| Detection::new(teller, d)).collect();
    }
    let tab = |name: &'static str, word: &'static str, here: bool, family| Tab {
        href: asked.address(&[(name, word)]),
        label: language.word(family, word),
        here,
    };
    let groups = app.group_paths(&visitor.actor).await?.into_iter();
    show(&Detections {
        frame: Frame::of(&visitor),
        states: STATES.map(|word| tab("state", word, word == state, "detections-state")).into(),
        views: VIEWS.map(|word| tab("view", word, word == view, "detections-view")).into(),
        severities: Severity::ALL[1..]
            .iter()
            .rev()
            .map(|severity| {
                let word = language.word("severity", severity.word());
                let label = teller.text("detections-least", "severity", &word);
                Choosable::new(severity.word(), label, &asked.severity)
            })
            .collect(),
        groups: groups.map(|path| Choosable::new(path.as_str(), language.group(&path), &asked.group)).collect(),
        filtered: !(asked.severity.is_empty() && asked.group.is_empty() && asked.host.is_empty()),
        unfiltered: asked.address(&[("severity", ""), ("group", ""), ("host", "")]),
        without_host: asked.address(&[("host", "")]),
        first: (number > 0 || !asked.after.is_empty()).then(|| asked.address(&[])),
        state,
        view,
        host,
        summary,
        rows,
        detections,
        next,
    })
}

fn row(teller: Teller, names: &HashMap<HostId, String>, group: &Outbreak) -> Row {
    let language = teller.language;
    let face = &group.face;
    let (title, rule) = called(teller, face);
    let (first, last) = group.seen();
    let now = teller.now.timestamp();
    let away = group.members.iter().filter(|member| !member.put_away.is_empty()).count();
    let mut files: Vec<&str> = group.members.iter().map(|member| member.path.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    let place = match files[..] {
        [file] => plain(file),
        _ => language.with(
            "detections-files",
            &[("n", Value::Count(files.len() as u64 - 1)), ("file", Value::Text(&plain(file_of(&face.path))))],
        ),
    };
    Row {
        id: face.id.to_string(),
        severity: teller.badge("severity", group.severity().word()),
        title,
        rule,
        spreads: group.hosts.len() > 1,
        on: named(teller, names, &group.hosts),
        place,
        hosts: group.hosts.len(),
        count: group.members.len(),
        first: (last - first >= 60).then(|| teller.moment(first)),
        last: teller.moment(last),
        put_away: match away {
            0 => String::new(),
            n if n == group.members.len() => language.say("detection-put-away"),
            n => language.count("detections-put-away", n as u64),
        },
        bars: Bars::new(&outbreak::spread(
            group.members.iter().map(|member| member.at),
            (now - DAYS as i64 * DAY + 1, now),
            DAYS,
        )),
    }
}

/// What people read of a detection's rule, and its own name.
pub(super) fn called(teller: Teller, row: &DetectionRow) -> (String, String) {
    let title = plain(teller.language.called(&row.metadata.0, &row.rule));
    (title, plain(&format!("{} · {}", row.namespace, row.rule)))
}

/// The first of these PCs by name.
pub(super) fn named(teller: Teller, names: &HashMap<HostId, String>, hosts: &[HostId]) -> String {
    let name = |host: &HostId| plain(names.get(host).map_or("?", String::as_str));
    let first: Vec<String> = hosts.iter().take(NAMED).map(name).collect();
    let first = first.join(&teller.language.say("detections-comma"));
    match hosts.len().saturating_sub(NAMED) {
        0 => first,
        n => teller
            .language
            .with("detections-hosts-more", &[("n", Value::Count(n as u64)), ("hosts", Value::Text(&first))]),
    }
}
