//! The staff's pages: made here, live by server-sent events, from this binary alone. They
//! call the same use cases as the command line and decide nothing.
//!
//! Every route stands in [`routes`] with the role that it needs; there is no other way to
//! become one.

mod assets;
mod i18n;
mod live;
mod pages;
mod problem;
mod session;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod words;

use crate::app::App;
use crate::app::audit::Role;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::HeaderValue;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use pages::{
    detections, groups, host, hosts, imports, login, outbreak, overview, quarantine, rollouts, signatures, snapshot,
};
use problem::Problem;
use session::Need;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;

/// Bytes of the largest form.
const LARGEST_FORM: usize = 16 << 10;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

type Routes = Vec<(&'static str, Need, MethodRouter<Arc<App>>)>;

fn routes() -> Routes {
    const ANYONE: Need = Need::Nothing;
    const VIEWER: Need = Need::Role(Role::Viewer);
    const OPERATOR: Need = Need::Role(Role::Operator);
    const ADMINISTRATOR: Need = Need::Role(Role::Administrator);
    vec![
        ("/assets/{name}", ANYONE, get(assets::serve)),
        ("/login", ANYONE, get(login::page).post(login::enter)),
        ("/language", ANYONE, post(login::choose_language)),
        ("/logout", VIEWER, post(login::leave)),
        ("/events", VIEWER, get(live::events)),
        ("/", VIEWER, get(overview::page)),
        ("/groups", VIEWER, get(groups::page)),
        ("/hosts", VIEWER, get(hosts::page)),
        ("/hosts/{host}", VIEWER, get(host::page)),
        ("/hosts/{host}/scan", OPERATOR, post(host::scan)),
        ("/hosts/{host}/backup", OPERATOR, post(host::back_up)),
        ("/hosts/{host}/snapshots/{snapshot}", VIEWER, get(snapshot::page)),
        ("/hosts/{host}/snapshots/{snapshot}/file", OPERATOR, get(snapshot::download)),
        ("/jobs/{job}/cancel", OPERATOR, post(host::cancel)),
        ("/jobs/{job}/pause", OPERATOR, post(host::pause)),
        ("/jobs/{job}/resume", OPERATOR, post(host::resume)),
        // Detections, quarantine, signatures and rollouts.
        ("/detections", VIEWER, get(detections::page)),
        ("/detections/{detection}", VIEWER, get(outbreak::page)),
        ("/detections/{detection}/acknowledge", OPERATOR, get(outbreak::ask_one).post(outbreak::acknowledge)),
        ("/detections/{detection}/acknowledge-all", OPERATOR, get(outbreak::ask_all).post(outbreak::acknowledge_all)),
        ("/detections/{detection}/put-away", OPERATOR, get(outbreak::ask_away).post(outbreak::put_away)),
        ("/quarantine", VIEWER, get(quarantine::page)),
        ("/quarantine/{item}/restore", OPERATOR, get(quarantine::ask_restore).post(quarantine::restore)),
        ("/quarantine/{item}/delete", OPERATOR, get(quarantine::ask_delete).post(quarantine::delete)),
        ("/signatures", VIEWER, get(signatures::page)),
        ("/signatures/bundles/{version}", VIEWER, get(signatures::one_bundle)),
        ("/signatures/source", VIEWER, get(signatures::one_source)),
        ("/signatures/source/remove", ADMINISTRATOR, get(signatures::ask_remove).post(signatures::remove)),
        (
            "/signatures/import",
            ADMINISTRATOR,
            get(imports::page).post(imports::check).layer(DefaultBodyLimit::max(imports::LARGEST)),
        ),
        ("/signatures/drafts/{draft}", ADMINISTRATOR, get(imports::checked).post(imports::publish)),
        ("/rollouts", VIEWER, get(rollouts::page)),
        ("/rollouts/{version}", VIEWER, get(rollouts::whole)),
        ("/rollouts/{version}/halt", OPERATOR, get(rollouts::ask_halt).post(rollouts::halt)),
        ("/rollouts/{version}/resume", OPERATOR, get(rollouts::ask_resume).post(rollouts::resume)),
        ("/rollouts/{version}/now", ADMINISTRATOR, get(rollouts::ask_now).post(rollouts::now)),
    ]
}

/// All pages, and the one for what is none.
pub fn router(app: &Arc<App>) -> Router {
    let mut router = Router::new();
    for (path, need, methods) in routes() {
        router = router.route(path, methods.layer(from_fn_with_state((app.clone(), need), session::guard)));
    }
    router
        .fallback(async || Problem::NOTHING)
        .layer(DefaultBodyLimit::max(LARGEST_FORM))
        .layer(from_fn(session::own_forms_only))
        .layer(from_fn(problem::dress))
        .layer(from_fn(secure))
        // Lines are thin. No secret is on a page beside what others choose, so that lengths tell nothing.
        .layer(CompressionLayer::new().gzip(true))
        .with_state(app.clone())
}

/// What browsers must know of every answer.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
