//! The first page: how the fleet is in one sentence, then in figures.

use super::{Frame, Page, Teller, own_name, show};
use crate::app::App;
use crate::plan::health::{Figures, State as Health};
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Badge, size};
use askama::Template;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use std::sync::Arc;

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    sentence: String,
    counts: Vec<Count>,
    hosts: u32,
    detections: u32,
    storage: String,
    controller: String,
}

/// How many PCs are in a state, and where its part of the bar begins.
struct Count {
    badge: Badge,
    n: u32,
    from: u32,
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
    show(&Overview {
        frame: Frame::of(&visitor),
        sentence: sentence(teller, &fleet),
        counts: counts(teller, &fleet),
        hosts: fleet.hosts,
        detections: fleet.open_detections,
        storage: size(fleet.repository_bytes),
        controller: own_name(&headers, &uri),
    })
}

fn sentence(teller: Teller, fleet: &Figures) -> String {
    let count = |n: u32| Value::Count(n.into());
    let (hosts, protected) = (fleet.hosts, fleet.protected);
    match hosts - protected.min(hosts) {
        _ if hosts == 0 => teller.language.say("overview-none"),
        0 => teller.language.with("overview-all", &[("hosts", count(hosts))]),
        rest => {
            let values = [("hosts", count(hosts)), ("protected", count(protected)), ("rest", count(rest))];
            teller.language.with("overview-some", &values)
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
