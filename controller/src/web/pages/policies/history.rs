//! What a group's document has said before: who changed it, when, why, and the way back.

use super::shown::{self, DiffLine};
use super::{Links, Of, edition};
use crate::app::App;
use crate::store::policies::EditionRow;
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::session::Visitor;
use crate::web::words::{Moment, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use std::sync::Arc;

/// Editions on the page; the command line shows all.
const SHOWN: usize = 50;

#[derive(Template)]
#[template(path = "policy-history.html")]
struct History {
    frame: Frame,
    title: String,
    links: Links,
    editions: Vec<Edition>,
    /// How many older ones there are; empty: none.
    more: String,
}

struct Edition {
    number: i64,
    name: String,
    /// It holds now.
    current: bool,
    by: String,
    when: Moment,
    why: String,
    /// What it changed in the one before.
    diff: Vec<DiffLine>,
    yaml: String,
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>, Query(of): Query<Of>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let own = app.policy(&visitor.actor, &of.group).await?;
    let history = app.policy_history(&visitor.actor, &own.group).await?;
    let before = |at: usize| history.get(at + 1).map_or("", |older: &EditionRow| older.yaml.as_str());
    let shown = history.iter().take(SHOWN).enumerate().map(|(at, row)| Edition {
        number: row.revision,
        name: edition(teller, u64::try_from(row.revision).unwrap_or(0)),
        current: at == 0,
        by: plain(&row.edited_by),
        when: teller.moment(row.edited_at),
        why: plain(&row.why),
        diff: shown::diff(teller, before(at), &row.yaml),
        yaml: shown::lines(&row.yaml),
    });
    show(&History {
        frame: Frame::of(&visitor),
        title: teller.text("policy-of", "group", &teller.language.group(&own.group)),
        links: Links::of(&own.group),
        editions: shown.collect(),
        more: match history.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => teller.language.count("policy-older", more as u64),
        },
    })
}
