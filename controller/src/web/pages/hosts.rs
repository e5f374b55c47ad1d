//! All PCs, those that need somebody first.

use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::hosts::HostView;
use crate::plan::health::State as Health;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, plain};
use askama::Template;
use axum::Extension;
use axum::extract::State;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "hosts.html")]
struct Hosts {
    frame: Frame,
    rows: Vec<Row>,
}

struct Row {
    id: String,
    name: String,
    group: String,
    badge: Badge,
    reasons: Vec<String>,
    connected: bool,
    seen: Moment,
    backup: Moment,
    scan: Moment,
    signatures: String,
    detections: u32,
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    let teller = Teller::new(&app, &visitor);
    let mut hosts = app.hosts(&visitor.actor).await?.to_vec();
    // What needs somebody comes first.
    hosts.sort_by_cached_key(|h| (urgency(h), h.name().to_lowercase()));
    let rows = hosts.into_iter().map(|h| row(teller, h)).collect();
    show(&Hosts { frame: Frame::of(&visitor), rows })
}

fn urgency(host: &HostView) -> (bool, u8) {
    let rank = match host.state {
        Health::AtRisk => 0,
        Health::Unknown => 1,
        Health::Attention => 2,
        Health::Protected => 3,
    };
    (host.row.revoked != 0, rank)
}

fn row(teller: Teller, host: HostView) -> Row {
    Row {
        id: host.row.id.to_string(),
        name: plain(host.name()),
        group: plain(&host.group),
        badge: teller.badge("state", host.state.word()),
        reasons: host.reasons.iter().map(|r| teller.language.word("reason", r.word())).collect(),
        connected: host.connected,
        seen: teller.moment(host.row.last_seen),
        backup: teller.moment(host.last_backup),
        scan: teller.moment(host.last_scan),
        signatures: signatures(teller, host.row.bundle),
        detections: host.open_detections,
    }
}

/// The version of the signatures in use, in words.
pub(super) fn signatures(teller: Teller, bundle: i64) -> String {
    match bundle {
        0 => teller.language.say("none"),
        version => teller.text("signatures-version", "version", &version.to_string()),
    }
}
