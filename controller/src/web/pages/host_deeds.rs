//! What is done with one PC: scanned, backed up, left to the rules, cut off.

use super::hosts_choice::{Pairs, value};
use super::{Frame, Page, Teller, back_with, show};
use crate::app::App;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::Arc;

/// Asks for a scan.
pub async fn scan(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(host): Path<String>,
) -> Result<Redirect, Problem> {
    let job = app.ask_scan(&visitor.actor, &host, vec![]).await?;
    Ok(back_with(&format!("/hosts/{}", job.row.host), "scan-asked"))
}

/// Asks for a backup.
pub async fn back_up(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(host): Path<String>,
) -> Result<Redirect, Problem> {
    let job = app.ask_backup(&visitor.actor, &host).await?;
    Ok(back_with(&format!("/hosts/{}", job.row.host), "backup-asked"))
}

/// Lets rules say again which group it is in.
pub async fn unpin(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(host): Path<String>,
) -> Result<Redirect, Problem> {
    app.unpin_hosts(&visitor.actor, std::slice::from_ref(&host)).await?;
    Ok(back_with(&format!("/hosts/{host}"), "unpinned"))
}

#[derive(Template)]
#[template(path = "host-revoke.html")]
struct Revoke {
    frame: Frame,
    id: String,
    name: String,
    title: String,
    typed: String,
    wrong: bool,
}

/// Says what it means to cut it off.
pub async fn sure(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(host): Path<String>,
) -> Page {
    show(&revoking(&app, &visitor, &host, String::new()).await?)
}

async fn revoking(app: &App, visitor: &Visitor, host: &str, typed: String) -> Result<Revoke, Problem> {
    let host = app.host(&visitor.actor, host).await?;
    let name = plain(host.name());
    Ok(Revoke {
        frame: Frame::of(visitor),
        id: host.row.id.to_string(),
        title: Teller::new(app, visitor).text("revoke-title", "host", &name),
        wrong: !typed.is_empty(),
        typed,
        name,
    })
}

/// Cuts it off, where its name was typed.
pub async fn revoke(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(host): Path<String>,
    Form(pairs): Form<Pairs>,
) -> Result<Response, Problem> {
    let (view, typed) = (app.host(&visitor.actor, &host).await?, value(&pairs, "name"));
    if typed != plain(view.name()) {
        let typed = if typed.is_empty() { " ".into() } else { typed };
        let page = show(&revoking(&app, &visitor, &host, typed).await?)?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let id = view.row.id.to_string();
    app.revoke_host(&visitor.actor, &id).await?;
    Ok(back_with(&format!("/hosts/{id}"), "revoked").into_response())
}
