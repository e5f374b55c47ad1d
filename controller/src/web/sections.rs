//! The sections of a report on a week or a month, in words.

use super::summary::Words;
use crate::app::summaries::{Department, Happened, Signatures, Summary, Unprotected};
use crate::plan::health::{Figures, State};
use crate::plan::tree::SLASH;
use crate::print::{Cell, Column, Look, Part, Row, Section, Share, Table};
use crate::store::detections::DetectionRow;
use crate::store::groups::ROOT;
use crate::store::summaries::Restore;
use crate::web::i18n::{Language, Value};
use crate::web::words::{plain, size};
use keepwatch_proto::detection::Severity;

/// All of them.
pub fn sections(words: Words, summary: &Summary) -> Vec<Section> {
    let mut sections = vec![standing(words, summary), happened(words, summary)];
    if summary.departments.len() > 1 {
        sections.push(departments(words, summary));
        sections.push(departments_happened(words, summary));
    }
    sections.extend([
        unprotected(words, summary),
        detections(words, summary),
        restores(words, summary),
        signatures(words, summary),
    ]);
    sections
}

fn bytes(n: u64) -> Cell {
    Cell::number(size(n), n)
}

fn section(words: Words, key: &str, note: String, parts: Vec<Part>) -> Section {
    Section { heading: words.language.word("report-section", key), note, parts }
}

/// A column of texts.
fn texts(title: String) -> Column {
    Column { title, unit: String::new(), numbers: false }
}

/// A column of counts.
fn counts(title: String) -> Column {
    Column { title, unit: String::new(), numbers: true }
}

/// A column of sizes.
fn sizes(words: Words, title: String) -> Column {
    Column { title, unit: words.language.say("report-bytes"), numbers: true }
}

/// A row of texts.
fn row(texts: impl IntoIterator<Item = String>) -> Row {
    Row { cells: texts.into_iter().map(Cell::text).collect(), step: 0 }
}

/// A section that is one table.
fn table(words: Words, key: &str, columns: Vec<Column>, rows: Vec<Row>) -> Section {
    let total = rows.len();
    beginning(words, key, columns, rows, total)
}

/// A section that is the beginning of a table with so many rows.
fn beginning(words: Words, key: &str, columns: Vec<Column>, rows: Vec<Row>, total: usize) -> Section {
    let (name, empty) = (words.language.word("report-section", key), words.language.word("report-empty", key));
    section(words, key, String::new(), vec![Part::Table(Table { name, columns, rows, total, empty })])
}

fn state(language: Language, state: State) -> String {
    language.word("state", state.word())
}

const STATES: [(State, Look); 4] = [
    (State::Protected, Look::Good),
    (State::Attention, Look::Warn),
    (State::AtRisk, Look::Bad),
    (State::Unknown, Look::Unknown),
];

fn of_state(figures: &Figures, state: State) -> u32 {
    match state {
        State::Protected => figures.protected,
        State::Attention => figures.attention,
        State::AtRisk => figures.at_risk,
        State::Unknown => figures.unknown,
    }
}

/// How the PCs stand, when the report is made.
fn standing(words: Words, summary: &Summary) -> Section {
    let (language, now) = (words.language, &summary.now);
    let share = |(s, look)| Share { look, label: state(language, s), n: of_state(now, s) };
    let facts = vec![
        (language.say("column-hosts"), words.count(now.hosts)),
        (language.say("overview-detections"), words.count(now.open_detections)),
        (language.say("overview-storage"), bytes(now.repository_bytes)),
    ];
    let at = words.time(summary.made.timestamp());
    let note = language.with("report-as-of", &[("at", Value::Text(&at))]);
    section(words, "standing", note, vec![Part::Bar(STATES.map(share).into()), Part::Facts(facts)])
}

/// What happened in the period.
fn happened(words: Words, summary: &Summary) -> Section {
    let (language, it) = (words.language, &summary.happened);
    let facts = vec![
        (language.say("report-backups-due"), words.count(it.backups.due)),
        (language.say("report-backups-done"), words.count(it.backups.done)),
        (language.say("report-backups-missed"), words.count(it.backups.missed)),
        (language.say("report-backups-open"), words.count(it.backups.open)),
        (language.say("report-scans"), words.count(it.scans)),
        (language.say("report-scans-failed"), words.count(it.scans_failed)),
        (language.say("report-found"), words.count(it.found)),
        (language.say("report-still-open"), words.count(it.still_open)),
        (language.say("report-restores"), words.count(it.restores)),
        (language.say("report-stored"), bytes(it.stored)),
    ];
    section(words, "happened", language.say("report-happened-help"), vec![Part::Facts(facts)])
}

/// A group's name, and how far it is set off.
fn head(words: Words, department: &Department) -> (Cell, u32) {
    let figures = &department.figures;
    let above = format!("{}{SLASH}", figures.parent);
    let name = match figures.name.as_str() {
        ROOT => words.language.say("report-everything"),
        name => plain(name.strip_prefix(&above).unwrap_or(name)),
    };
    (Cell::text(name), figures.depth)
}

/// Where a host is; nobody may have put it into a department.
fn department(language: Language, path: &str) -> String {
    if path == ROOT { language.say("overview-no-place") } else { plain(path) }
}

/// Steps count from the topmost department of the report.
fn rows(words: Words, summary: &Summary, cells: impl Fn(&Department) -> Vec<Cell>) -> Vec<Row> {
    let top = summary.departments.first().map_or(0, |department| department.figures.depth);
    let row = |department: &Department| {
        let (name, depth) = head(words, department);
        Row { cells: [vec![name], cells(department)].concat(), step: depth.saturating_sub(top) }
    };
    summary.departments.iter().map(row).collect()
}

fn departments(words: Words, summary: &Summary) -> Section {
    let language = words.language;
    let cells = |department: &Department| {
        let all = &department.figures.all;
        let states = STATES.map(|(s, _)| words.count(of_state(all, s)));
        [
            vec![words.count(all.hosts)],
            states.into(),
            vec![words.count(all.open_detections), bytes(all.repository_bytes)],
        ]
        .concat()
    };
    let rows = rows(words, summary, cells);
    let mut columns = vec![texts(language.say("report-department")), counts(language.say("column-hosts"))];
    columns.extend(STATES.map(|(s, _)| counts(state(language, s))));
    columns.push(counts(language.say("column-detections")));
    columns.push(sizes(words, language.say("column-storage")));
    Section { note: language.say("report-departments-help"), ..table(words, "departments", columns, rows) }
}

fn departments_happened(words: Words, summary: &Summary) -> Section {
    let language = words.language;
    let cells = |department: &Department| {
        let Happened { backups, stored, scans, found, still_open, restores, .. } = department.happened;
        let runs = [backups.due, backups.done, backups.missed, backups.open].map(|n| words.count(n));
        [runs.into(), [scans, found, still_open, restores].map(|n| words.count(n)).into(), vec![bytes(stored)]].concat()
    };
    let rows = rows(words, summary, cells);
    let columns = vec![
        texts(language.say("report-department")),
        counts(language.say("report-backups-due")),
        counts(language.say("report-backups-done")),
        counts(language.say("report-backups-missed")),
        counts(language.say("report-backups-open")),
        counts(language.say("report-scans")),
        counts(language.say("report-found")),
        counts(language.say("report-still-open")),
        counts(language.say("report-restores")),
        sizes(words, language.say("report-stored")),
    ];
    table(words, "departments-happened", columns, rows)
}

fn unprotected(words: Words, summary: &Summary) -> Section {
    let language = words.language;
    let of = |host: &Unprotected| {
        let reasons: Vec<String> = host.reasons.iter().map(|r| language.word("reason", r.word())).collect();
        let last = match host.last_backup {
            0 => language.say("time-never"),
            at => words.day(at),
        };
        row([
            plain(&host.name),
            department(language, &host.group),
            state(language, host.state),
            reasons.join(&language.say("report-and")),
            words.day(host.since),
            last,
        ])
    };
    let columns = vec![
        texts(language.say("column-host")),
        texts(language.say("report-department")),
        texts(language.say("column-state")),
        texts(language.say("report-reasons")),
        texts(language.say("report-since")),
        texts(language.say("column-backup")),
    ];
    table(words, "unprotected", columns, summary.unprotected.iter().map(of).collect())
}

fn detections(words: Words, summary: &Summary) -> Section {
    let language = words.language;
    let of = |(host, found): &(String, DetectionRow)| {
        let severity = found.severity.parse().unwrap_or(Severity::High);
        row([
            words.time(found.at),
            plain(host),
            language.word("severity", severity.word()),
            plain(language.called(&found.metadata.0, &found.rule)),
            plain(&found.path),
            match found.acknowledged {
                0 => language.say("report-open"),
                _ => language.say("report-acknowledged"),
            },
        ])
    };
    let columns = vec![
        texts(language.say("detection-found")),
        texts(language.say("column-host")),
        texts(language.say("report-severity")),
        texts(language.say("report-what")),
        texts(language.say("report-file")),
        texts(language.say("report-stands")),
    ];
    let total = usize::try_from(summary.happened.found).unwrap_or(0);
    beginning(words, "detections", columns, summary.detections.iter().map(of).collect(), total)
}

fn restores(words: Words, summary: &Summary) -> Section {
    let language = words.language;
    let of = |(host, it): &(String, Restore)| {
        let took = if it.started > 0 && it.ended > 0 {
            let seconds = (it.ended - it.started).max(0);
            Cell::number(language.span(seconds), u64::try_from(seconds).unwrap_or(0))
        } else {
            Cell::default()
        };
        let mut row = row([words.time(it.created), plain(host), plain(&it.origin), language.word("job", &it.state)]);
        row.cells.push(took);
        row
    };
    let took = Column { title: language.say("report-took"), unit: language.say("report-seconds"), numbers: true };
    let columns = vec![
        texts(language.say("report-asked")),
        texts(language.say("column-host")),
        texts(language.say("report-asked-by")),
        texts(language.say("column-state")),
        took,
    ];
    let total = usize::try_from(summary.happened.restores_asked).unwrap_or(0);
    beginning(words, "restores", columns, summary.restores.iter().map(of).collect(), total)
}

fn signatures(words: Words, summary: &Summary) -> Section {
    let language = words.language;
    let of = |it: &Signatures| {
        let version = match it.version {
            0 => language.say("none"),
            version => {
                let version = version.to_string();
                language.with("signatures-version", &[("version", Value::Text(&version))])
            }
        };
        let mut row = row([version, words.day(it.published)]);
        row.cells.push(words.count(it.hosts));
        row
    };
    let columns = vec![
        texts(language.say("report-version")),
        texts(language.say("report-published")),
        counts(language.say("column-hosts")),
    ];
    table(words, "signatures", columns, summary.signatures.iter().map(of).collect())
}

/// The words of all of them.
#[cfg(test)]
pub const SECTIONS: [&str; 8] = [
    "standing",
    "happened",
    "departments",
    "departments-happened",
    "unprotected",
    "detections",
    "restores",
    "signatures",
];

/// The words of those that may be empty.
#[cfg(test)]
pub const EMPTY: [&str; 6] =
    ["departments", "departments-happened", "unprotected", "detections", "restores", "signatures"];
