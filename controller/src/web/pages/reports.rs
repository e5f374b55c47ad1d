//! Reports on a week or a month: which one is chosen here, a short of it is shown, and all of it is
//! downloaded.

use super::choosing::Choosable;
use super::restore::download::disposition;
use super::{Frame, Page, show};
use crate::app::summaries::Wanted;
use crate::app::{App, AppError};
use crate::plan::period::Period;
use crate::print::{Look, Paper, Part, Share, Table};
use crate::web::i18n::{Language, Value};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::summary;
use crate::web::words::{Icon, encoded};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use serde::Deserialize;
use std::borrow::Borrow;
use std::sync::Arc;

/// Rows of one table on the page; the files have all of them.
const ROWS: usize = 15;
/// Weeks, and months, that are offered; any other is there by its address.
const OFFERED: usize = 13;

/// What a reader chose.
#[derive(Deserialize)]
#[serde(default)]
pub struct Choice {
    period: String,
    group: String,
    language: String,
    format: String,
}

impl Default for Choice {
    fn default() -> Self {
        let none = String::new;
        Self { period: none(), group: none(), language: none(), format: none() }
    }
}

impl Choice {
    fn wanted(&self) -> Wanted {
        let period = if self.period.is_empty() { "week".to_owned() } else { self.period.clone() };
        Wanted { period, group: self.group.clone() }
    }

    fn language(&self, visitor: &Visitor) -> Language {
        Language::tagged(&self.language).unwrap_or(visitor.language)
    }
}

#[derive(Template)]
#[template(path = "reports.html")]
struct Reports {
    frame: Frame,
    weeks: Vec<Choosable>,
    months: Vec<Choosable>,
    groups: Vec<Choosable>,
    languages: Vec<Choosable>,
    /// The report itself has this address.
    address: String,
    problem: Option<String>,
    report: Option<Report>,
}

/// A report, as the page has it.
struct Report {
    paper: Paper,
}

impl Report {
    fn class(share: &Share) -> &'static str {
        match share.look {
            Look::Good => "protected",
            Look::Warn => "attention",
            Look::Bad => "at-risk",
            Look::Unknown => "unknown",
        }
    }

    fn icon(share: &Share) -> Icon {
        Icon { kind: Self::class(share) }
    }

    fn whole(shares: &[Share]) -> u32 {
        shares.iter().map(|share| share.n).sum()
    }

    /// Where a share's part of the bar begins.
    fn from(shares: &[Share], at: impl Borrow<usize>) -> u32 {
        shares.iter().take(*at.borrow()).map(|share| share.n).sum()
    }

    /// Whether a table has more than names and numbers.
    fn has_texts(table: &Table) -> bool {
        table.columns.iter().skip(1).any(|column| !column.numbers)
    }

    fn more(&self, table: &Table) -> String {
        match table.left_out(ROWS) {
            0 => String::new(),
            n => (self.paper.say_more)(n),
        }
    }
}

/// The page. Without a choice it comes at once, and the report for the last week follows.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
) -> Result<Response, Problem> {
    let made = match choice.period.is_empty() {
        true => None,
        false => Some(app.summary(&visitor.actor, &choice.wanted()).await),
    };
    let language = choice.language(&visitor);
    let (made, problem) = match made {
        None => (None, None),
        Some(Ok(made)) => (Some(made), None),
        // What was chosen stays, and can be chosen otherwise.
        Some(Err(AppError::Invalid(why) | AppError::NotFound(why) | AppError::Conflict(why))) => {
            (None, Some(visitor.language.said(&why)))
        }
        Some(Err(error)) => return Err(error.into()),
    };
    // What follows a page is put into it only where it comes as a good answer.
    let follows = headers.contains_key("hx-request");
    let status = if problem.is_some() && !follows { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let (weeks, months) = periods(visitor.language, app.local_day().await?, &choice);
    let first = weeks.iter().find(|offer| offer.chosen).map_or_else(|| "week".to_owned(), |offer| offer.value.clone());
    let languages = [(Language::English, "English"), (Language::Chinese, "中文")]
        .map(|(offered, name)| Choosable::new(offered.tag(), name.to_owned(), language.tag()));
    let page: Page = show(&Reports {
        frame: Frame::of(&visitor),
        weeks,
        months,
        groups: groups(&app, &visitor, &choice).await?,
        languages: languages.into(),
        address: format!("/reports?period={first}&group={}&language={}", encoded(&choice.group), language.tag()),
        problem,
        report: made.as_ref().map(|made| Report { paper: summary::paper(language, made) }),
    });
    // Its turn is over with the page, not before.
    drop(made);
    Ok((status, page?).into_response())
}

/// All of a report, as a file.
pub async fn file(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(choice): Query<Choice>,
) -> Result<Response, Problem> {
    let language = choice.language(&visitor).tag();
    let made = summary::made(&app, &visitor.actor, &choice.wanted(), &choice.format, language).await?;
    let headers = [(CONTENT_TYPE, made.kind.to_owned()), (CONTENT_DISPOSITION, disposition(&made.name))];
    Ok((headers, made.content).into_response())
}

/// The weeks and the months that are offered, the newest first; the last that is over is chosen unless
/// another one is.
fn periods(language: Language, today: NaiveDate, choice: &Choice) -> (Vec<Choosable>, Vec<Choosable>) {
    let wanted = Period::parse(&choice.wanted().period, today);
    let offer = |period: Period, running: bool| {
        let name = summary::period(language, period);
        let label = match running {
            true => language.with("reports-so-far", &[("period", Value::Text(&name))]),
            false => name,
        };
        Choosable { value: period.to_string(), label, chosen: wanted == Some(period) }
    };
    let offers = |newest: Option<Period>| {
        let all = std::iter::successors(newest, |period| Some(period.before()));
        let mut offers: Vec<Choosable> =
            all.take(OFFERED).enumerate().map(|(at, period)| offer(period, at == 0)).collect();
        // One that only its address names.
        let alike =
            |period: &Period| newest.is_some_and(|it| std::mem::discriminant(&it) == std::mem::discriminant(period));
        if let Some(other) = wanted.filter(|period| alike(period) && !offers.iter().any(|offer| offer.chosen)) {
            offers.push(offer(other, false));
        }
        offers
    };
    (offers(Period::week_of(today)), offers(Some(Period::month_of(today))))
}

async fn groups(app: &App, visitor: &Visitor, choice: &Choice) -> Result<Vec<Choosable>, Problem> {
    let groups = app.groups(&visitor.actor).await?;
    let all = Choosable::new("", visitor.language.say("report-everything"), &choice.group);
    // The root is what all of them are in.
    let below = groups.into_iter().filter(|group| !group.parent.is_empty());
    let offers =
        below.map(|group| Choosable::new(group.path.as_str(), visitor.language.group(&group.path), &choice.group));
    Ok(std::iter::once(all).chain(offers).collect())
}
