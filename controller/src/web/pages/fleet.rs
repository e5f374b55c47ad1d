//! The first page: how the fleet is in one sentence, then in figures, then PC by PC.

use super::{Frame, Page, Teller, own_name, show};
use crate::app::App;
use crate::app::hosts::HostView;
use crate::plan::health::{Figures, State as Health};
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "fleet.html")]
struct Fleet {
    frame: Frame,
    sentence: String,
    counts: Vec<Count>,
    hosts: u32,
    detections: u32,
    storage: String,
    rows: Vec<Row>,
    controller: String,
}

/// How many PCs are in a state, and where its part of the bar begins.
struct Count {
    badge: Badge,
    n: u32,
    from: u32,
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
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    uri: Uri,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let fleet = app.fleet(&visitor.actor).await?;
    let mut hosts = app.hosts(&visitor.actor).await?;
    // What needs somebody comes first.
    hosts.sort_by_cached_key(|h| (urgency(h), h.name().to_lowercase()));
    show(&Fleet {
        frame: Frame::of(&visitor),
        sentence: sentence(teller, &fleet),
        counts: counts(teller, &fleet),
        hosts: fleet.hosts,
        detections: fleet.open_detections,
        storage: size(fleet.repository_bytes),
        rows: hosts.into_iter().map(|h| row(teller, h)).collect(),
        controller: own_name(&headers, &uri),
    })
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

fn sentence(teller: Teller, fleet: &Figures) -> String {
    let count = |n: u32| Value::Count(n.into());
    let (hosts, protected) = (fleet.hosts, fleet.protected);
    match hosts - protected.min(hosts) {
        _ if hosts == 0 => teller.language.say("fleet-none"),
        0 => teller.language.with("fleet-all", &[("hosts", count(hosts))]),
        rest => {
            let values = [("hosts", count(hosts)), ("protected", count(protected)), ("rest", count(rest))];
            teller.language.with("fleet-some", &values)
        }
    }
}

fn counts(teller: Teller, fleet: &Figures) -> Vec<Count> {
    let states = [
        (Health::Protected, fleet.protected),
        (Health::Attention, fleet.attention),
        (Health::AtRisk, fleet.at_risk),
        (Health::Unknown, fleet.unknown),
    ];
    let mut from = 0;
    let count = |(state, n): (Health, u32)| {
        let count = Count { badge: teller.badge("state", state.word()), n, from };
        from += n;
        count
    };
    states.into_iter().map(count).collect()
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
