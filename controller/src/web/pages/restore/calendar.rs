//! From when: the snapshots of a PC on a calendar, the ones to take first, and a search over all of
//! them.

use super::months::Month;
use super::{Mark, folder_of, last_name, local, stamp};
use crate::app::App;
use crate::app::searches::{FoundPath, Search};
use crate::store::snapshots::SnapshotRow;
use crate::web::i18n::Value;
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::session::Visitor;
use crate::web::words::{Moment, plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;
use keepwatch_backup::EntryKind;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Paths that a search shows.
const FOUND: usize = 50;
/// Snapshots of one day that have their place in its cell.
const IN_A_DAY: usize = 4;

#[derive(Template)]
#[template(path = "restore-host.html")]
struct Calendar {
    frame: Frame,
    host: String,
    name: String,
    connected: bool,
    q: String,
    search: Option<Results>,
    problem: String,
    newest: Option<Mark>,
    clean: Option<Mark>,
    months: Vec<Shown>,
    earlier: Option<String>,
    later: Option<String>,
    weekdays: Vec<(String, String)>,
    zone: String,
}

struct Results {
    paths: Vec<Hit>,
    more: bool,
    incomplete: String,
}

struct Hit {
    kind: &'static str,
    kind_label: String,
    path: String,
    name: String,
    folder: String,
    is_file: bool,
    snapshot: String,
    size: String,
    modified_at: String,
    modified: Moment,
    times: String,
}

struct Shown {
    title: String,
    /// None of its days has a snapshot.
    bare: bool,
    weeks: Vec<Vec<Option<Day>>>,
}

struct Day {
    number: u32,
    marks: Vec<Mark>,
    more: String,
}

/// Which months, and what is looked for.
#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    month: String,
    #[serde(default)]
    q: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(wanted): Path<String>,
    Query(Wanted { month, q }): Query<Wanted>,
) -> Page {
    let (teller, actor) = (Teller::new(&app, &visitor), &visitor.actor);
    let host = app.host(actor, &wanted).await?;
    let id = host.row.id.to_string();
    let zone = app.time_zone(actor, &id).await?;
    let mut rows = app.snapshots(actor, &id).await?;
    // Those of a PC that this one replaced are among its own, by their days.
    rows.sort_by_key(|row| std::cmp::Reverse(row.received));
    let days = by_day(zone, &rows);
    let newest = days.last_key_value().map(|(day, _)| Month::of(*day));
    let last = Month::parse(&month).or(newest).unwrap_or(Month::of(local(zone, app.now()).date_naive()));
    let months = [last.before(), last];
    // What the search cannot do is said beside what was typed.
    let (search, problem) = match q.trim() {
        "" => (None, String::new()),
        words => match app.search(actor, &id, words, FOUND).await {
            Ok(search) => (Some(results(teller, zone, search)), String::new()),
            Err(error) => (None, teller.language.said(&error.to_string())),
        },
    };
    let mark = |row: &SnapshotRow| Mark::of(teller, zone, row);
    let is_clean = |row: &&SnapshotRow| row.verdict.0.as_ref().is_some_and(|verdict| verdict.word() == "clean");
    let clean = rows.iter().find(is_clean);
    show(&Calendar {
        frame: Frame::of(&visitor),
        name: plain(host.name()),
        connected: host.connected,
        search,
        problem,
        newest: rows.first().map(mark),
        clean: clean.filter(|row| rows.first().is_none_or(|first| first.id != row.id)).map(mark),
        earlier: days.keys().map(|day| Month::of(*day)).filter(|m| *m < months[0]).max().map(Month::word),
        later: days.keys().map(|day| Month::of(*day)).filter(|m| *m > last).min().map(|m| m.word()),
        months: months.into_iter().map(|month| shown(teller, zone, month, &days)).collect(),
        weekdays: (1..=7).map(|n| weekday(teller, n)).collect(),
        zone: teller.text("calendar-zone", "zone", &teller.language.zone(zone)),
        host: id,
        q,
    })
}

type Days<'a> = BTreeMap<NaiveDate, Vec<&'a SnapshotRow>>;

/// What each day has, newest first.
fn by_day(zone: Tz, rows: &[SnapshotRow]) -> Days<'_> {
    let mut days = Days::new();
    for row in rows {
        days.entry(local(zone, row.received).date_naive()).or_default().push(row);
    }
    days
}

fn weekday(teller: Teller, number: u32) -> (String, String) {
    let number = number.to_string();
    (teller.language.word("weekday", &number), teller.language.word("weekday-whole", &number))
}

fn shown(teller: Teller, zone: Tz, month: Month, days: &Days) -> Shown {
    let name = teller.language.word("month", &month.number().to_string());
    let year = month.year().to_string();
    let day = |day: NaiveDate| {
        let rows = days.get(&day).map_or(&[][..], Vec::as_slice);
        let more = rows.len().saturating_sub(IN_A_DAY) as u64;
        Day {
            number: day.day(),
            marks: rows.iter().take(IN_A_DAY).map(|row| Mark::of(teller, zone, row)).collect(),
            more: if more > 0 { teller.language.count("calendar-more", more) } else { String::new() },
        }
    };
    Shown {
        bare: !days.keys().any(|day| Month::of(*day) == month),
        title: teller.language.with("calendar-month", &[("month", Value::Text(&name)), ("year", Value::Text(&year))]),
        weeks: month.weeks().into_iter().map(|week| week.into_iter().map(|at| at.map(day)).collect()).collect(),
    }
}

fn results(teller: Teller, zone: Tz, search: Search) -> Results {
    Results {
        paths: search.paths.into_iter().map(|found| hit(teller, zone, found)).collect(),
        more: search.more,
        incomplete: teller.language.said(&search.incomplete),
    }
}

fn hit(teller: Teller, zone: Tz, found: FoundPath) -> Hit {
    let kind = match found.kind {
        EntryKind::File => "file",
        EntryKind::Folder => "folder",
        EntryKind::Link => "link",
        EntryKind::Special => "special",
    };
    let versions = teller.language.count("search-versions", found.versions);
    let snapshots = teller.language.count("search-snapshots", found.snapshots);
    let is_file = found.kind == EntryKind::File;
    Hit {
        kind,
        kind_label: teller.language.word("entry", kind),
        name: plain(last_name(&found.path)),
        folder: plain(folder_of(&found.path)),
        is_file,
        size: if is_file { size(found.size) } else { String::new() },
        modified_at: stamp(zone, found.modified),
        modified: teller.moment(found.modified),
        times: if is_file { format!("{versions} · {snapshots}") } else { snapshots },
        snapshot: found.snapshot,
        path: found.path,
    }
}
