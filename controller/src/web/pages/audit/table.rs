//! Records as comma-separated values, for spreadsheets: with the mark by which they know UTF-8, and
//! nothing in it that they would reckon out.

use super::exact;
use crate::app::App;
use crate::app::audit::Wanted;
use crate::app::pages::Page;
use crate::web::i18n::{Language, Value};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono_tz::Tz;
use futures_util::stream;
use std::sync::Arc;

/// Records that are read at once.
const AT_ONCE: u32 = 1000;
/// The mark of UTF-8.
const MARK: &str = "\u{feff}";

struct Rest {
    app: Arc<App>,
    visitor: Visitor,
    wanted: Wanted,
    /// Where the next piece begins; `None`: there is none.
    after: Option<String>,
}

/// The file, as it is read. Where reading fails it breaks off, and the browser says so.
pub fn response(app: Arc<App>, visitor: Visitor, zone: Tz, wanted: Wanted) -> Result<Response, Problem> {
    let day = app.clock.now().format("%Y-%m-%d");
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"keepwatch-audit-{day}.csv\"")),
    ];
    let head = heading(visitor.language, zone);
    let rest = Rest { app, visitor, wanted, after: Some(String::new()) };
    let rows = stream::unfold(rest, move |mut rest| async move {
        let page = Page { limit: AT_ONCE, after: rest.after.take()? };
        let read = rest.app.audit_of(&rest.visitor.actor, &rest.wanted, &page).await;
        let piece = read.map(|(rows, next)| {
            rest.after = (!next.is_empty()).then_some(next);
            let line = |row: crate::store::audit::AuditRow| {
                let at = exact(zone, row.at);
                line(&[&at, &row.user_name, &row.action, &row.object, &row.outcome, &row.origin, &row.detail])
            };
            rows.into_iter().map(line).collect::<String>()
        });
        Some((piece, rest))
    });
    let body = futures_util::StreamExt::chain(stream::iter([Ok(head)]), rows);
    Ok((headers, Body::from_stream(body)).into_response())
}

fn heading(language: Language, zone: Tz) -> String {
    let columns = [
        language.with("audit-column-time", &[("zone", Value::Text(&language.zone(zone)))]),
        language.say("audit-column-user"),
        language.say("audit-column-deed"),
        language.say("audit-column-object"),
        language.say("audit-column-outcome"),
        language.say("audit-column-origin"),
        language.say("audit-column-detail"),
    ];
    format!("{MARK}{}", line(&columns.each_ref().map(String::as_str)))
}

fn line(cells: &[&str]) -> String {
    let mut line = cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A cell that is read as a text and as nothing else.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_texts() {
        for (text, told) in [
            ("plain 文", "plain 文"),
            ("", ""),
            ("a,b", "\"a,b\""),
            ("a \"b\"\nc", "\"a \"\"b\"\"\nc\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1,A2)", "\"'@SUM(A1,A2)\""),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
        ] {
            assert_eq!(cell(text), told);
        }
        assert!(
            heading(Language::Chinese, Tz::UTC).starts_with(MARK)
                && heading(Language::English, Tz::UTC).ends_with("\r\n")
        );
    }
}
