//! A report on a week or a month put into words, once for the page, the PDF, the CSV and the
//! command line: so all of them say the same.

use super::i18n::{Language, Value};
use super::sections;
use super::words::plain;
use crate::app::audit::Actor;
use crate::app::summaries::{Summary, Wanted};
use crate::app::{App, AppError};
use crate::plan::health::Figures;
use crate::plan::period::Period;
use crate::print::{self, Cell, Paper};
use chrono::{DateTime, Datelike};
use chrono_tz::Tz;

/// A report as a file.
pub struct Made {
    /// What it is called.
    pub name: String,
    /// What it is, as HTTP says.
    pub kind: &'static str,
    /// What is in it.
    pub content: Vec<u8>,
}

/// How a report comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Pdf,
    Csv,
    Text,
}

impl Format {
    fn named(name: &str) -> Result<Self, AppError> {
        match name {
            "pdf" => Ok(Self::Pdf),
            "csv" => Ok(Self::Csv),
            "text" => Ok(Self::Text),
            other => Err(AppError::Invalid(format!(
                "a report does not come as '{}'; write pdf, csv or text",
                other.escape_debug()
            ))),
        }
    }

    /// How its files' names end, and what they are.
    fn kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Pdf => ("pdf", "application/pdf"),
            Self::Csv => ("csv", "text/csv; charset=utf-8"),
            Self::Text => ("txt", "text/plain; charset=utf-8"),
        }
    }
}

/// Makes a report as a file: `pdf`, `csv` or `text`, in the language of this tag.
pub async fn made(app: &App, actor: &Actor, wanted: &Wanted, format: &str, language: &str) -> Result<Made, AppError> {
    let format = Format::named(format)?;
    let language = Language::tagged(language).ok_or_else(|| {
        AppError::Invalid(format!("there is no language '{}'; write en or zh-CN", language.escape_debug()))
    })?;
    let summary = app.summary(actor, wanted).await?;
    let (ending, kind) = format.kind();
    let name = file_name(language, &summary, ending);
    let work = move || {
        let paper = paper(language, &summary);
        match format {
            Format::Pdf => print::pdf(&paper),
            Format::Csv => Ok(print::csv(&paper)),
            Format::Text => Ok(print::plain(&paper).into_bytes()),
        }
    };
    let done = tokio::task::spawn_blocking(work).await;
    let content = done.map_err(|error| print::PrintError(error.to_string())).flatten();
    let content = content.map_err(|error| {
        tracing::error!(%error, "a report could not be made");
        AppError::Invalid("the report could not be made; the controller's log says why; CSV may still work".into())
    })?;
    Ok(Made { name, kind, content })
}

/// Says what it is, also among others in a folder.
fn file_name(language: Language, summary: &Summary, ending: &str) -> String {
    let mut name = format!("{} {}", language.say("product"), summary.period);
    if !summary.group.is_empty() {
        let group: String =
            plain(&summary.group).chars().map(|c| if "/\\:*?\"<>|".contains(c) { '-' } else { c }).collect();
        name += &format!(" {}", group.chars().take(60).collect::<String>());
    }
    format!("{name}.{ending}")
}

/// A report in words.
pub fn paper(language: Language, summary: &Summary) -> Paper {
    let words = Words { language, zone: summary.zone };
    let about = period(language, summary.period);
    let title = match summary.period {
        Period::Week { .. } => language.with("report-title-week", &[("period", Value::Text(&about))]),
        Period::Month { .. } => language.with("report-title-month", &[("period", Value::Text(&about))]),
    };
    let department = match summary.group.as_str() {
        "" => language.say("report-everything"),
        group => plain(group),
    };
    let dates = [("first", summary.period.first()), ("last", summary.period.last())].map(|(n, d)| (n, d.to_string()));
    let dates: Vec<(&str, Value<'_>)> = dates.iter().map(|(name, date)| (*name, Value::Text(date))).collect();
    let days = match summary.over {
        true => language.with("report-days", &dates),
        false => language.with("report-days-so-far", &dates),
    };
    let made = words.time(summary.made.timestamp());
    let zone = words.language.zone(summary.zone);
    let made = language.with("report-made-at", &[("at", Value::Text(&made)), ("zone", Value::Text(&zone))]);
    let page_of = move |page: usize, pages: usize| {
        let n = |n: usize| Value::Count(u64::try_from(n).unwrap_or(0));
        language.with("report-page", &[("page", n(page)), ("pages", n(pages))])
    };
    Paper {
        language: language.tag(),
        about: format!("{} · {department} · {made}", language.say("product")),
        author: plain(&summary.made_by),
        made: summary.made,
        sentence: sentence(language, &summary.now),
        facts: vec![
            (language.say("report-period"), days),
            (language.say("report-department"), department),
            (language.say("report-made"), made),
            (language.say("report-made-by"), plain(&summary.made_by)),
        ],
        sections: sections::sections(words, summary),
        title,
        say_more: Box::new(move |n| language.count("report-more", u64::try_from(n).unwrap_or(0))),
        say_page: Box::new(page_of),
    }
}

/// How they are, in one sentence; the first page has the same.
fn sentence(language: Language, fleet: &Figures) -> String {
    let count = |n: u32| Value::Count(n.into());
    let (hosts, protected) = (fleet.hosts, fleet.protected);
    match hosts - protected.min(hosts) {
        _ if hosts == 0 => language.say("overview-none"),
        0 => language.with("overview-all", &[("hosts", count(hosts))]),
        rest => {
            let values = [("hosts", count(hosts)), ("protected", count(protected)), ("rest", count(rest))];
            language.with("overview-some", &values)
        }
    }
}

/// A period as people say it.
pub fn period(language: Language, period: Period) -> String {
    let text = |n: u32| n.to_string();
    match period {
        Period::Week { year, week } => {
            let (year, week) = (year.to_string(), text(week));
            language.with("report-week", &[("year", Value::Text(&year)), ("week", Value::Text(&week))])
        }
        Period::Month { year, month } => {
            let (year, name) = (year.to_string(), language.word("month", &text(period.first().month())));
            let month = text(month);
            let values = [("year", Value::Text(&year)), ("name", Value::Text(&name)), ("month", Value::Text(&month))];
            language.with("report-month", &values)
        }
    }
}

/// Says things in a language, and times by a zone's clocks.
#[derive(Clone, Copy)]
pub struct Words {
    /// The language.
    pub language: Language,
    zone: Tz,
}

impl Words {
    /// A moment in Unix seconds; empty: there is none.
    pub fn time(self, seconds: i64) -> String {
        let time = DateTime::from_timestamp(seconds, 0).filter(|_| seconds != 0);
        time.map(|time| time.with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string()).unwrap_or_default()
    }

    /// How many, with the digits grouped as in all texts.
    pub fn count(self, n: impl Into<u64>) -> Cell {
        let n = n.into();
        Cell::number(self.language.count("report-number", n), n)
    }

    /// A day in Unix seconds; empty: there is none.
    pub fn day(self, seconds: i64) -> String {
        self.time(seconds).split(' ').next().unwrap_or_default().to_owned()
    }
}
