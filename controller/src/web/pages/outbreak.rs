//! Detections that belong together: where and when it was found, by which rule, and which snapshots
//! hold it.

mod deeds;

pub use deeds::{acknowledge, acknowledge_all, ask_all, ask_away, ask_one, put_away};

use super::detections::{Bars, Detection, called, named};
use super::turns::{Part, Turns};
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::detections::DetectionView;
use crate::app::outbreaks::{self, MEMBERS, Outbreak, SNAPSHOT_HOSTS};
use crate::app::rule_texts::RuleAsText;
use crate::plan::outbreak;
use crate::store::detections::DetectionRow;
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, plain, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use keepwatch_proto::ids::HostId;
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
    turns: Turns,
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
    let number = part.number();
    let from = number.saturating_mul(MEMBERS);
    let members = app.outbreak_members(&visitor.actor, &group, from).await?;
    let view = |row: DetectionRow| DetectionView { host_name: names.get(&row.host).cloned().unwrap_or_default(), row };
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
        turns: Turns::at(number, from.saturating_add(MEMBERS) < group.members.len(), address),
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

fn holds(teller: Teller, names: &HashMap<HostId, String>, holding: outbreaks::Holding) -> Holding {
    let more = holding.snapshots.len().saturating_sub(SNAPSHOTS);
    Holding {
        host: holding.host.to_string(),
        host_name: plain(names.get(&holding.host).map_or("?", String::as_str)),
        snapshots: holding.snapshots.into_iter().take(SNAPSHOTS).map(|(id, at)| (id, teller.moment(at))).collect(),
        more: if more == 0 { String::new() } else { teller.language.count("outbreak-snapshots-more", more as u64) },
    }
}
