//! Which PC: found by what people know of it, and those that were restored to of late first.

use crate::app::App;
use crate::app::hosts::HostView;
use crate::web::pages::{Frame, Teller, show};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Moment, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::Arc;

/// PCs on the page.
const SHOWN: usize = 30;
/// Of those, the ones that were restored to of late.
const RECENT: u32 = 8;

#[derive(Template)]
#[template(path = "restore-find.html")]
struct Find {
    frame: Frame,
    q: String,
    recent: Vec<Pc>,
    pcs: Vec<Pc>,
    more: String,
}

/// A PC to choose.
pub struct Pc {
    /// Its id.
    pub id: String,
    /// The end of its id, by which those of one name are told apart.
    pub tail: String,
    /// Its name.
    pub name: String,
    /// Names that it had.
    pub former: String,
    /// Its group.
    pub group: String,
    /// Whether it holds a stream now.
    pub connected: bool,
    /// Whether it was cut off.
    pub revoked: bool,
    /// When it was last heard of.
    pub seen: Moment,
    /// When it was last backed up.
    pub backup: Moment,
    /// When it was enrolled.
    pub enrolled: Moment,
}

impl Pc {
    pub(in crate::web::pages) fn of(teller: Teller, host: &HostView) -> Self {
        let former: Vec<&str> =
            host.names.iter().map(|(name, _)| name.as_str()).filter(|name| *name != host.name()).collect();
        let id = host.row.id.to_string();
        Self {
            tail: id.get(id.len().saturating_sub(8)..).unwrap_or_default().to_owned(),
            id,
            name: plain(host.name()),
            former: match former.is_empty() {
                true => String::new(),
                false => teller.text("find-former", "names", &plain(&former.join(", "))),
            },
            group: teller.language.group(&host.group),
            connected: host.connected,
            revoked: host.row.revoked != 0,
            seen: teller.moment(host.row.last_seen),
            backup: teller.moment(host.last_backup),
            enrolled: teller.moment(host.row.enrolled),
        }
    }
}

/// Whether all words are in what people know a PC by.
pub(in crate::web::pages) fn is_meant(host: &HostView, words: &[String]) -> bool {
    if words.is_empty() {
        return true;
    }
    let id = host.row.id.to_string();
    let addresses: Vec<String> = host.row.facts.0.addresses.iter().map(ToString::to_string).collect();
    let known: Vec<String> = [host.name(), &host.group, &id]
        .into_iter()
        .chain(host.names.iter().map(|(name, _)| name.as_str()))
        .chain(addresses.iter().map(String::as_str))
        .map(str::to_lowercase)
        .collect();
    words.iter().all(|word| known.iter().any(|text| text.contains(word)))
}

/// What is looked for, word by word.
pub(in crate::web::pages) fn words(q: &str) -> Vec<String> {
    q.split_whitespace().map(str::to_lowercase).collect()
}

/// What is looked for.
#[derive(Deserialize)]
pub struct Wanted {
    /// Also what another form calls it that asks for names.
    #[serde(default, alias = "to_host")]
    q: String,
}

/// The page. Who sent the whole form and meant one PC is taken to it.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    headers: HeaderMap,
    Query(Wanted { q }): Query<Wanted>,
) -> Result<Response, Problem> {
    let teller = Teller::new(&app, &visitor);
    let hosts = app.hosts(&visitor.actor).await?;
    let words = words(&q);
    let mut found: Vec<&HostView> = hosts.iter().filter(|host| is_meant(host, &words)).collect();
    if let ([only], false, false) = (&found[..], words.is_empty(), headers.contains_key("hx-request")) {
        return Ok(Redirect::to(&format!("/hosts/{}/restore", only.row.id)).into_response());
    }
    let mut recent = Vec::new();
    if words.is_empty() {
        let mut seen = HashSet::new();
        for job in app.recent_restores(&visitor.actor, RECENT).await?.into_iter().filter(|job| seen.insert(job.host)) {
            recent.extend(hosts.iter().find(|host| host.row.id == job.host));
        }
    }
    found.retain(|host| recent.iter().all(|shown| shown.row.id != host.row.id));
    found.sort_by_cached_key(|host| (host.row.revoked != 0, host.name().to_lowercase()));
    let more = found.len().saturating_sub(SHOWN) as u64;
    let page = Find {
        frame: Frame::of(&visitor),
        recent: recent.into_iter().map(|host| Pc::of(teller, host)).collect(),
        pcs: found.into_iter().take(SHOWN).map(|host| Pc::of(teller, host)).collect(),
        more: if more > 0 { teller.language.count("find-more", more) } else { String::new() },
        q,
    };
    Ok(show(&page)?.into_response())
}
