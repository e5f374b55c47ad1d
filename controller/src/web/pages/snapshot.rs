//! Inside a snapshot: its folders, and what is chosen in them.

use super::restore::picked::{MOST, Picked};
use super::restore::stamp;
use super::{Frame, Page, Teller, show};
use crate::app::snapshots::Found;
use crate::app::{App, AppError};
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Moment, encoded, plain, size, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, Query, State};
use axum::response::Redirect;
use chrono_tz::Tz;
use keepwatch_backup::EntryKind;
use keepwatch_proto::paths;
use keepwatch_proto::verdict::Verdict;
use serde::Deserialize;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Entries on one page.
const ENTRIES: usize = 1_000;
/// The columns that a folder can be sorted by.
pub const SORTS: [&str; 3] = ["name", "size", "modified"];

#[derive(Template)]
#[template(path = "snapshot.html")]
struct Snapshot {
    frame: Frame,
    host: String,
    host_name: String,
    id: String,
    title: String,
    made_at: String,
    made: Moment,
    proved: Option<Moment>,
    files: String,
    size: String,
    partial: bool,
    verdict: Option<Said>,
    infected: Vec<Infected>,
    infected_more: String,
    crumbs: Vec<Crumb>,
    path: String,
    columns: Vec<Column>,
    entries: Vec<Entry>,
    cut: String,
    pages: Option<Pages>,
    picked: Chosen,
    /// What goes along to the next folder.
    along: String,
}

/// What the scan that went with the backup says.
pub(super) struct Said {
    /// `clean`, `infected` or `unjudged`.
    pub(super) word: &'static str,
    pub(super) text: String,
}

impl Said {
    pub(super) fn of(teller: Teller, verdict: Option<&Verdict>) -> Option<Self> {
        let verdict = verdict?;
        let word = verdict.word();
        let text = match word {
            "infected" => teller.language.count("snapshot-infected", verdict.infected),
            "unjudged" => teller.language.count("snapshot-unjudged", verdict.unjudged),
            _ => teller.language.say("snapshot-clean"),
        };
        Some(Self { word, text })
    }
}

struct Infected {
    path: String,
    rules: String,
}

/// A folder on the way to the one shown.
struct Crumb {
    name: String,
    path: String,
}

/// A column's head, and how to sort by it.
struct Column {
    word: &'static str,
    label: String,
    /// `ascending`, `descending`, or empty: it is sorted by another.
    sorted: &'static str,
    /// What its head asks for.
    sort: String,
}

struct Entry {
    kind: &'static str,
    kind_label: String,
    name: String,
    /// Its name as a form sends it.
    value: String,
    path: String,
    target: String,
    size: String,
    modified_at: String,
    modified: Moment,
    /// The scan that went with the backup names it: it is not handed out.
    infected: bool,
    picked: bool,
    covered: bool,
    picked_alone: String,
}

/// Which of several pages of a folder.
struct Pages {
    said: String,
    at: usize,
    before: Option<usize>,
    after: Option<usize>,
}

/// What is chosen in all.
struct Chosen {
    packed: String,
    elsewhere: usize,
    said: String,
    none: String,
    one: String,
    many: String,
    full: String,
    paths: Vec<String>,
}

/// Which folder, and how it is shown.
#[derive(Deserialize)]
#[serde(default)]
pub struct Place {
    path: String,
    picked: String,
    sort: String,
    page: usize,
    full: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { path: String::new(), picked: String::new(), sort: String::new(), page: 1, full: false }
    }
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, wanted)): Path<(String, String)>,
    Query(place): Query<Place>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let picked = Picked::parse(&place.picked)?;
    let host = app.host(&visitor.actor, &host).await?;
    let id = host.row.id.to_string();
    let snapshots = app.snapshots(&visitor.actor, &id).await?;
    let row = snapshots.into_iter().find(|s| s.id == wanted).ok_or(Problem::NOTHING)?;
    let (mut found, cut) = read(&app, &visitor, &id, &row.id, &place.path).await?;
    let (by, down) = sorted_by(&place.sort);
    found.sort_by(|a, b| order(a, b, by, down));
    let pages = found.len().div_ceil(ENTRIES).max(1);
    let at = place.page.clamp(1, pages);
    let (first, all) = ((at - 1) * ENTRIES, found.len() as u64);
    let zone = app.time_zone(&visitor.actor, &id).await?;
    let bad: BTreeSet<&str> = row.verdict.0.iter().flat_map(|v| &v.files).map(|file| file.path.as_str()).collect();
    let one = |found| entry(teller, zone, found, &picked, &bad);
    let shown: Vec<Entry> = found.into_iter().skip(first).take(ENTRIES).map(one).collect();
    let name = plain(host.name());
    show(&Snapshot {
        frame: Frame::of(&visitor),
        title: teller.text("snapshot-of", "host", &name),
        host_name: name,
        made_at: stamp(zone, row.received),
        made: teller.moment(row.received),
        proved: (row.verified != 0).then(|| teller.moment(row.verified)),
        files: teller.language.count("count-files", unsigned(row.files)),
        size: size(unsigned(row.bytes)),
        partial: row.partial != 0,
        verdict: Said::of(teller, row.verdict.0.as_ref()),
        infected: infected(row.verdict.0.as_ref()),
        infected_more: match &row.verdict.0 {
            Some(verdict) if verdict.infected > verdict.files.len() as u64 => {
                teller.language.count("snapshot-infected-more", verdict.infected - verdict.files.len() as u64)
            }
            _ => String::new(),
        },
        crumbs: crumbs(&place.path),
        columns: SORTS.into_iter().map(|word| column(teller, word, by, down)).collect(),
        cut: if cut { teller.language.count("snapshot-cut", all) } else { String::new() },
        pages: (pages > 1).then(|| Pages {
            said: pages_said(teller, first as u64 + 1, first as u64 + shown.len() as u64, all),
            at,
            before: (at > 1).then(|| at - 1),
            after: (at < pages).then_some(at + 1),
        }),
        along: along(&place),
        picked: chosen(teller, &picked, &shown, place.full),
        entries: shown,
        path: place.path,
        host: id,
        id: row.id,
    })
}

/// What the links to other folders carry.
fn along(place: &Place) -> String {
    let mut along = String::new();
    for (name, value) in [("picked", &place.picked), ("sort", &place.sort)] {
        if !value.is_empty() {
            along.push_str(&format!("&{name}={}", encoded(value)));
        }
    }
    along
}

fn pages_said(teller: Teller, first: u64, last: u64, all: u64) -> String {
    teller.language.with(
        "snapshot-pages",
        &[("first", Value::Count(first)), ("last", Value::Count(last)), ("all", Value::Count(all))],
    )
}

fn chosen(teller: Teller, picked: &Picked, shown: &[Entry], full: bool) -> Chosen {
    let language = teller.language;
    let here = shown.iter().filter(|entry| entry.picked).count();
    let all = picked.paths().len();
    let none = language.say("picked-none");
    Chosen {
        packed: picked.packed().unwrap_or_default(),
        elsewhere: all - here.min(all),
        said: if all == 0 { none.clone() } else { language.count("picked-count", all as u64) },
        none,
        one: language.count("picked-count", 1),
        many: language.with("picked-count", &[("n", Value::Text("#"))]),
        full: if full { language.count("picked-full", MOST as u64) } else { String::new() },
        paths: picked.paths().iter().map(|path| plain(path)).collect(),
    }
}

/// The column, and whether it goes down.
fn sorted_by(sort: &str) -> (&'static str, bool) {
    let (word, down) = match sort.strip_prefix('-') {
        Some(word) => (word, true),
        None => (sort, false),
    };
    SORTS.into_iter().find(|column| *column == word).map_or(("name", false), |column| (column, down))
}

/// Folders first; what is equal by a column is in the order of its names.
fn order(a: &Found, b: &Found, by: &str, down: bool) -> Ordering {
    let is_file = |found: &Found| found.entry.kind != EntryKind::Folder;
    let within = match by {
        "size" => a.entry.size.cmp(&b.entry.size),
        "modified" => a.entry.modified.cmp(&b.entry.modified),
        _ => a.entry.path.cmp(&b.entry.path),
    };
    let within = if down { within.reverse() } else { within };
    is_file(a).cmp(&is_file(b)).then(within).then_with(|| a.entry.path.cmp(&b.entry.path))
}

fn column(teller: Teller, word: &'static str, by: &str, down: bool) -> Column {
    let sorted = match (word == by, down) {
        (false, _) => "",
        (true, false) => "ascending",
        (true, true) => "descending",
    };
    let sort = if sorted == "ascending" { format!("-{word}") } else { word.to_owned() };
    Column { word, label: teller.language.word("snapshot", word), sorted, sort }
}

fn infected(verdict: Option<&Verdict>) -> Vec<Infected> {
    let files = verdict.into_iter().flat_map(|verdict| &verdict.files);
    files.map(|file| Infected { path: plain(&file.path), rules: plain(&file.rules.join(", ")) }).collect()
}

/// What is in the folder, and whether there is more than anybody reads.
async fn read(
    app: &App,
    visitor: &Visitor,
    host: &str,
    snapshot: &str,
    path: &str,
) -> Result<(Vec<Found>, bool), Problem> {
    let mut flow = app.entries(&visitor.actor, host, snapshot, path, false).await?;
    let mut entries = Vec::new();
    while let Some(found) = flow.recv().await {
        match found {
            Ok(found) => entries.push(found),
            Err(AppError::Conflict(_)) if !entries.is_empty() => return Ok((entries, true)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok((entries, false))
}

fn crumbs(path: &str) -> Vec<Crumb> {
    let mut so_far = String::new();
    let crumb = |name: &str| {
        so_far.push('/');
        so_far.push_str(name);
        Crumb { name: plain(name), path: so_far.clone() }
    };
    path.split('/').filter(|name| !name.is_empty()).map(crumb).collect()
}

fn entry(teller: Teller, zone: Tz, found: Found, picked: &Picked, bad: &BTreeSet<&str>) -> Entry {
    let entry = found.entry;
    let kind = match entry.kind {
        EntryKind::File => "file",
        EntryKind::Folder => "folder",
        EntryKind::Link => "link",
        EntryKind::Special => "special",
    };
    let name = entry.path.file_name().map(|n| paths::of_path(n.as_ref())).unwrap_or_default();
    let path = paths::of_path(&entry.path);
    let modified = entry.modified.map_or(0, |t| t.timestamp());
    Entry {
        kind,
        kind_label: teller.language.word("entry", kind),
        name: plain(&name),
        target: entry
            .target
            .map(|t| teller.text("snapshot-link", "target", &plain(&paths::of_path(&t))))
            .unwrap_or_default(),
        size: if entry.kind == EntryKind::File { size(entry.size) } else { String::new() },
        modified_at: stamp(zone, modified),
        modified: teller.moment(modified),
        infected: bad.contains(path.as_str()),
        picked: picked.has(&path),
        covered: picked.covers(&path),
        picked_alone: Picked::only(&path).packed().unwrap_or_default(),
        value: name,
        path,
    }
}

/// Takes what is ticked on a page, and goes on: to another folder, or to where it is restored to.
pub async fn pick(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path((host, snapshot)): Path<(String, String)>,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Redirect, Problem> {
    let host = app.host(&visitor.actor, &host).await?.row.id;
    let last = |name: &str| form.iter().rev().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str());
    let folder = last("path").trim_end_matches('/');
    let all = |name: &str| -> Vec<String> {
        form.iter().filter(|(key, _)| key == name).map(|(_, value)| format!("{folder}/{value}")).collect()
    };
    let before = if last("deed") == "clear" { Picked::default() } else { Picked::parse(last("picked"))? };
    let ticked = if last("deed") == "clear" { vec![] } else { all("tick") };
    let (picked, whole) = before.changed(&all("was"), &ticked);
    let packed = picked.packed().unwrap_or_default();
    let here = format!("/hosts/{host}/snapshots/{}", encoded(&snapshot));
    if last("deed") == "restore" && whole && !picked.paths().is_empty() {
        return Ok(Redirect::to(&format!("{here}/restore?picked={packed}")));
    }
    let path = match last("go") {
        "" => last("path"),
        go => go,
    };
    let page = last("page").parse().ok().filter(|page: &usize| *page > 1);
    let page = page.map(|page| format!("&page={page}")).unwrap_or_default();
    let (full, sort) = (if whole { "" } else { "&full=true" }, encoded(last("sort")));
    Ok(Redirect::to(&format!("{here}?path={}&picked={packed}&sort={sort}{page}{full}", encoded(path))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_columns_name_sorts() {
        for (sort, by) in [
            ("", ("name", false)),
            ("size", ("size", false)),
            ("-modified", ("modified", true)),
            ("--size", ("name", false)),
            ("-rules", ("name", false)),
        ] {
            assert_eq!(sorted_by(sort), by, "{sort}");
        }
    }

    #[test]
    fn each_crumb_leads_to_its_folder() {
        let crumbs = crumbs("/home/王/a b");
        let pairs: Vec<(&str, &str)> = crumbs.iter().map(|c| (c.name.as_str(), c.path.as_str())).collect();
        assert_eq!(pairs, [("home", "/home"), ("王", "/home/王"), ("a b", "/home/王/a b")]);
        assert!(super::crumbs("/").is_empty());
    }
}
