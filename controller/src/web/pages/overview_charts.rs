//! What is drawn on the first page. What a chart shows is in it as a table, too: for whoever does
//! not see it, and where no script runs.

use super::Teller;
use crate::app::overview::{Overview, WEEKS};
use crate::store::trend::TrendRow;
use crate::web::i18n::Value;
use crate::web::words::{size, unsigned};
use askama::Template;
use askama::filters::HtmlSafe;
use chrono::DateTime;
use keepwatch_proto::detection::Severity;
use serde::Serialize;

const DAY: i64 = 24 * 60 * 60;

/// A drawing and its numbers.
#[derive(Template)]
#[template(path = "overview-chart.html")]
pub struct Chart {
    id: &'static str,
    about: String,
    data: String,
    summary: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

// Its template escapes by itself.
impl HtmlSafe for Chart {}

/// What the script draws.
#[derive(Serialize)]
struct Drawing {
    shape: &'static str,
    unit: &'static str,
    about: String,
    labels: Vec<String>,
    series: Vec<Series>,
}

#[derive(Serialize)]
struct Series {
    name: String,
    /// The style sheet's name of its colour.
    tone: &'static str,
    /// What tells it from the others without that.
    pattern: &'static str,
    values: Vec<Option<i64>>,
}

impl Chart {
    fn new(teller: Teller, id: &'static str, drawing: &Drawing) -> Self {
        Self {
            id,
            about: drawing.about.clone(),
            // Texts and numbers always are JSON.
            data: serde_json::to_string(drawing).unwrap_or_default(),
            summary: teller.language.say("overview-as-table"),
            columns: vec![],
            rows: vec![],
        }
    }
}

/// How many PCs were in each state that is not well, day by day. Those that were protected would
/// leave no room to see the others: they are in the table.
pub fn trend(teller: Teller, overview: &Overview) -> Chart {
    let language = teller.language;
    type Of = fn(&TrendRow) -> i64;
    let states: [(&str, &str, &str, Of); 3] = [
        ("at-risk", "--bad-fill", "cross", |row| row.at_risk),
        ("attention", "--warn-fill", "stripes", |row| row.attention),
        ("unknown", "--unknown-fill", "dots", |row| row.unknown),
    ];
    let series = states.map(|(state, tone, pattern, of)| Series {
        name: language.word("state", state),
        tone,
        pattern,
        values: overview.days.iter().map(|day| day.as_ref().map(of)).collect(),
    });
    let known = u64::try_from(overview.days.iter().flatten().count()).unwrap_or_default();
    let values = [("weeks", Value::Count(unsigned(WEEKS))), ("days", Value::Count(known))];
    let about = language.with("overview-trend-about", &values);
    let drawing = Drawing { shape: "bars", unit: "count", about, labels: days(overview), series: series.into() };
    let columns: [(String, Of); 4] = [
        (language.word("state", "protected"), |row| row.protected),
        (language.word("state", "attention"), |row| row.attention),
        (language.word("state", "at-risk"), |row| row.at_risk),
        (language.word("state", "unknown"), |row| row.unknown),
    ];
    let rows = (overview.first_day..).zip(&overview.days).filter_map(|(day, row)| {
        let row = row.as_ref()?;
        Some((date(day * DAY, "%Y-%m-%d"), columns.iter().map(|(_, of)| of(row).to_string()).collect()))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.reverse();
    let columns = std::iter::once(language.say("overview-day")).chain(columns.into_iter().map(|(name, _)| name));
    Chart { columns: columns.collect(), rows, ..Chart::new(teller, "trend", &drawing) }
}

/// How the fleet was four weeks ago, if that is known; that nothing is known yet where it is not.
pub fn then(teller: Teller, overview: &Overview) -> Option<String> {
    if overview.days.iter().flatten().count() < 2 {
        return Some(teller.language.say("overview-trend-begins"));
    }
    let row = overview.days.iter().rev().nth(28)?.as_ref()?;
    let hosts = row.protected + row.attention + row.at_risk + row.unknown;
    let values = [("protected", Value::Count(unsigned(row.protected))), ("hosts", Value::Count(unsigned(hosts)))];
    Some(teller.language.with("overview-then", &values))
}

/// What was found, week by week.
pub fn found(teller: Teller, overview: &Overview) -> Chart {
    let language = teller.language;
    let severities: [(Severity, &str, &str); 4] = [
        (Severity::Critical, "--bad", "cross"),
        (Severity::High, "--bad-fill", "plain"),
        (Severity::Medium, "--warn-fill", "stripes"),
        (Severity::Low, "--unknown-fill", "dots"),
    ];
    let of = |week: i64, severity: Severity| -> i64 {
        let same = |word: &str| word == severity.word() || (severity == Severity::Low && word == Severity::Info.word());
        overview.found.iter().filter(|row| row.week == week && same(&row.severity)).map(|row| row.found).sum()
    };
    let name = |severity: Severity| match severity {
        Severity::Low => language.say("overview-found-minor"),
        other => language.word("severity", other.word()),
    };
    let series = severities.map(|(severity, tone, pattern)| Series {
        name: name(severity),
        tone,
        pattern,
        values: (0..WEEKS).map(|week| Some(of(week, severity))).collect(),
    });
    let week = |week: i64, format: &str| date(overview.since + week * 7 * DAY, format);
    let total: i64 = overview.found.iter().map(|row| row.found).sum();
    let values = [("weeks", Value::Count(unsigned(WEEKS))), ("n", Value::Count(unsigned(total)))];
    let about = language.with("overview-found-about", &values);
    let labels = (0..WEEKS).map(|n| week(n, "%m-%d")).collect();
    let drawing = Drawing { shape: "bars", unit: "count", about, labels, series: series.into() };
    let line = |n: i64| (week(n, "%Y-%m-%d"), severities.map(|(severity, ..)| of(n, severity).to_string()).into());
    let heads = severities.map(|(severity, ..)| name(severity));
    Chart {
        columns: std::iter::once(language.say("overview-week")).chain(heads).collect(),
        rows: (0..WEEKS).rev().map(line).collect(),
        ..Chart::new(teller, "found", &drawing)
    }
}

/// What the backups took, day by day.
pub fn stored(teller: Teller, overview: &Overview) -> Chart {
    let language = teller.language;
    let name = language.say("overview-storage");
    let values = overview.days.iter().map(|day| day.as_ref().map(|row| row.repository_bytes)).collect();
    let series = vec![Series { name: name.clone(), tone: "--accent", pattern: "plain", values }];
    let about = language.count("overview-stored-about", unsigned(WEEKS));
    let drawing = Drawing { shape: "line", unit: "bytes", about, labels: days(overview), series };
    let rows = (overview.first_day..).zip(&overview.days).filter_map(|(day, row)| {
        Some((date(day * DAY, "%Y-%m-%d"), vec![size(unsigned(row.as_ref()?.repository_bytes))]))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.reverse();
    Chart { columns: vec![language.say("overview-day"), name], rows, ..Chart::new(teller, "stored", &drawing) }
}

fn days(overview: &Overview) -> Vec<String> {
    (overview.first_day..).zip(&overview.days).map(|(day, _)| date(day * DAY, "%m-%d")).collect()
}

fn date(seconds: i64, format: &str) -> String {
    DateTime::from_timestamp(seconds, 0).map(|time| time.format(format).to_string()).unwrap_or_default()
}
