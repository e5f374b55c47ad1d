//! For a large screen that nobody sits at: read from across the room, and live.

use super::overview::{Bar, Count, Found, bar, counts, notable, sentence};
use super::overview_groups::{Place, places};
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::web::session::Visitor;
use crate::web::words::{Badge, plain, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::State;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// So many lines of a kind have room.
const LINES: usize = 5;

#[derive(Template)]
#[template(path = "wall.html")]
struct Wall {
    frame: Frame,
    sentence: String,
    bar: Bar,
    counts: Vec<Count>,
    hosts: u32,
    detections: u32,
    places: Vec<Place>,
    notable: Vec<Found>,
    kinds: Vec<(String, u64)>,
    jobs: Vec<Run>,
    now: DateTime<Utc>,
}

/// A job that runs.
struct Run {
    badge: Badge,
    host: String,
    since: String,
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let overview = app.overview(&visitor.actor).await?;
    let running = app.running(&visitor.actor).await?;
    let kind = |kind: &str| teller.language.word("kind", kind);
    // Those where nothing is to be done are not what one must see from afar.
    let worst: Vec<_> =
        overview.departments.into_iter().filter(|d| d.figures.protected < d.figures.hosts).take(LINES).collect();
    let jobs = running.jobs.into_iter().take(LINES).map(|(row, host)| Run {
        badge: Badge { kind: "running", label: kind(&row.kind) },
        host: plain(&host),
        since: teller.words(row.started),
    });
    show(&Wall {
        frame: Frame::of(&visitor),
        sentence: sentence(teller, &overview.fleet),
        bar: bar(&overview.fleet),
        counts: counts(teller, &overview.fleet),
        hosts: overview.fleet.hosts,
        detections: overview.fleet.open_detections,
        places: places(teller, &worst),
        notable: notable(teller, overview.notable.into_iter().take(LINES).collect()),
        kinds: running.kinds.iter().map(|row| (kind(&row.kind), unsigned(row.jobs))).collect(),
        jobs: jobs.collect(),
        now: teller.now,
    })
}
