//! A replaced PC: which one is gone, which takes its place, what that inherits; then its files.

use super::restore::find::{Pc, is_meant, words};
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::hosts::HostView;
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::Moment;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use std::cmp::Reverse;
use std::sync::Arc;

/// PCs on the page.
const SHOWN: usize = 30;

#[derive(Template)]
#[template(path = "replace.html")]
struct Replace {
    frame: Frame,
    step: u8,
    q: String,
    old: Option<Pc>,
    new: Option<Pc>,
    pcs: Vec<Pc>,
    more: String,
    inherits: Option<Inherits>,
    problem: String,
}

struct Inherits {
    group: String,
    snapshots: String,
    newest: Moment,
    connected: bool,
}

/// Which, as far as they are chosen.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Chosen {
    q: String,
    old: String,
    new: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Query(chosen): Query<Chosen>,
) -> Page {
    show(&replace(&app, &visitor, chosen).await?)
}

/// Makes it so, and goes on to the files.
pub async fn confirm(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Problem> {
    let actor = &visitor.actor;
    if let Err(error) = app.replace_host(actor, &chosen.old, &chosen.new).await {
        let mut page = replace(&app, &visitor, chosen).await?;
        page.problem = visitor.language.said(&error.to_string());
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&page)?).into_response());
    }
    let new = app.host(actor, &chosen.new).await?.row.id;
    let snapshots = app.snapshots(actor, &new.to_string()).await?;
    let clean = snapshots.iter().find(|row| row.verdict.0.as_ref().is_some_and(|v| v.word() == "clean"));
    let next = match clean.or(snapshots.first()) {
        Some(snapshot) => format!("/hosts/{new}/snapshots/{}/whole?replaced=true", snapshot.id),
        None => format!("/hosts/{new}?notice=replaced"),
    };
    Ok(Redirect::to(&next).into_response())
}

async fn replace(app: &Arc<App>, visitor: &Visitor, chosen: Chosen) -> Result<Replace, Problem> {
    let (teller, actor) = (Teller::new(app, visitor), &visitor.actor);
    let hosts = app.hosts(actor).await?;
    let named = |id: &str| hosts.iter().find(|host| host.row.id.to_string() == id);
    let old = named(&chosen.old);
    let new = named(&chosen.new).filter(|new| old.is_some_and(|old| old.row.id != new.row.id));
    let words = words(&chosen.q);
    let mut pcs: Vec<&HostView> = match (old, new) {
        (None, _) => hosts.iter().filter(|host| host.row.replaced_by.is_empty()).collect(),
        (Some(old), None) => hosts.iter().filter(|host| host.row.revoked == 0 && host.row.id != old.row.id).collect(),
        (Some(_), Some(_)) => vec![],
    };
    pcs.retain(|host| is_meant(host, &words));
    // What is gone was not heard of for long; what takes its place has just come.
    match old {
        None => pcs.sort_by_key(|host| (host.connected, host.row.last_seen)),
        Some(_) => pcs.sort_by_key(|host| Reverse(host.row.enrolled)),
    }
    let more = pcs.len().saturating_sub(SHOWN) as u64;
    let inherits = match (old, new) {
        (Some(old), Some(_)) => {
            let all = app.snapshots(actor, &old.row.id.to_string()).await?;
            let snapshots = teller.language.count("replace-count", all.len() as u64);
            Some(Inherits {
                group: visitor.language.group(&old.group),
                snapshots,
                newest: teller.moment(all.iter().map(|row| row.received).max().unwrap_or(0)),
                connected: old.connected,
            })
        }
        _ => None,
    };
    Ok(Replace {
        frame: Frame::of(visitor),
        step: 1 + u8::from(old.is_some()) + u8::from(new.is_some()),
        old: old.map(|host| Pc::of(teller, host)),
        new: new.map(|host| Pc::of(teller, host)),
        pcs: pcs.into_iter().take(SHOWN).map(|host| Pc::of(teller, host)).collect(),
        more: match more {
            0 => String::new(),
            n => teller.language.with("find-more", &[("n", Value::Count(n))]),
        },
        inherits,
        problem: String::new(),
        q: chosen.q,
    })
}
