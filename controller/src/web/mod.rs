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
mod sections;
mod session;
pub mod summary;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod words;

use crate::app::App;
use crate::app::audit::Role;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, Version};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use pages::{
    account, audit, claims, detections, enrol, groups, groups_edit, host, host_deeds, hosts, hosts_work, imports, job,
    jobs, jobs_change, login, outbreak, overview, policies, quarantine, replace, reports, restore, rollouts,
    signatures, snapshot, users, wall,
};
use problem::Problem;
use session::Need;
use std::sync::Arc;
use tower_http::compression::CompressionLayer;

/// Bytes of the largest form.
const LARGEST_FORM: usize = 16 << 10;
/// Bytes of the largest form that has a policy in it, or waits for a log-in with one.
const LARGEST_DOCUMENT: usize = 1 << 20;
/// The same for a folder in which everything is ticked.
const LARGEST_CHOICE: usize = 2 << 20;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

type Routes = Vec<(&'static str, Need, MethodRouter<Arc<App>>)>;

fn routes() -> Routes {
    const ANYONE: Need = Need::Nothing;
    const VIEWER: Need = Need::Role(Role::Viewer);
    const OPERATOR: Need = Need::Role(Role::Operator);
    const ADMINISTRATOR: Need = Need::Role(Role::Administrator);
    let document = || DefaultBodyLimit::max(LARGEST_DOCUMENT);
    vec![
        ("/assets/{name}", ANYONE, get(assets::serve)),
        ("/login", ANYONE, get(login::page).post(login::enter).layer(DefaultBodyLimit::max(2 * LARGEST_CHOICE))),
        ("/language", ANYONE, post(login::choose_language)),
        ("/logout", VIEWER, post(login::leave)),
        ("/events", VIEWER, get(live::events)),
        ("/", VIEWER, get(overview::page)),
        // Hosts, jobs, enrolment, groups
        ("/hosts", VIEWER, get(hosts::page)),
        ("/hosts/work", OPERATOR, get(hosts_work::preview).post(hosts_work::ask)),
        ("/hosts/move", ADMINISTRATOR, get(hosts_work::preview_move).post(hosts_work::move_them)),
        ("/hosts/{host}", VIEWER, get(host::page)),
        ("/hosts/{host}/scan", OPERATOR, post(host_deeds::scan)),
        ("/hosts/{host}/backup", OPERATOR, post(host_deeds::back_up)),
        ("/hosts/{host}/unpin", ADMINISTRATOR, post(host_deeds::unpin)),
        ("/hosts/{host}/revoke", ADMINISTRATOR, get(host_deeds::sure).post(host_deeds::revoke)),
        ("/jobs", VIEWER, get(jobs::page)),
        ("/jobs/change", OPERATOR, get(jobs_change::preview).post(jobs_change::ask)),
        ("/jobs/{job}", VIEWER, get(job::page)),
        ("/jobs/{job}/cancel", OPERATOR, post(job::cancel)),
        ("/jobs/{job}/pause", OPERATOR, post(job::pause)),
        ("/jobs/{job}/resume", OPERATOR, post(job::resume)),
        ("/enrol", ADMINISTRATOR, get(enrol::page).post(enrol::make)),
        ("/enrol/tokens/{token}/revoke", ADMINISTRATOR, post(enrol::revoke)),
        ("/enrol/claims/{claim}", ADMINISTRATOR, get(claims::sure).post(claims::decide)),
        ("/groups", VIEWER, get(groups::page)),
        ("/groups/new", ADMINISTRATOR, post(groups::create)),
        ("/groups/edit", ADMINISTRATOR, get(groups_edit::page)),
        ("/groups/rename", ADMINISTRATOR, post(groups_edit::rename)),
        ("/groups/move", ADMINISTRATOR, post(groups_edit::shift)),
        ("/groups/remove", ADMINISTRATOR, post(groups_edit::remove)),
        // Snapshots
        ("/hosts/{host}/snapshots/{snapshot}", VIEWER, get(snapshot::page)),
        // Policies, records, staff, one's own account.
        ("/policies", VIEWER, get(policies::page)),
        ("/policies/group", VIEWER, get(policies::group)),
        ("/policies/history", VIEWER, get(policies::history::page)),
        ("/policies/simulate", VIEWER, get(policies::simulate::page)),
        ("/policies/form", ADMINISTRATOR, get(policies::form::page).post(policies::form::submit).layer(document())),
        ("/policies/edit", ADMINISTRATOR, get(policies::edit::page).post(policies::edit::submit).layer(document())),
        ("/audit", ADMINISTRATOR, get(audit::page)),
        ("/audit/file", ADMINISTRATOR, get(audit::file)),
        ("/users", ADMINISTRATOR, get(users::page).post(users::create)),
        ("/users/{user}", ADMINISTRATOR, get(users::one)),
        ("/users/{user}/role", ADMINISTRATOR, post(users::set_role)),
        ("/users/{user}/sessions", ADMINISTRATOR, post(users::end_sessions)),
        ("/users/{user}/password", ADMINISTRATOR, get(users::ask_password).post(users::reset_password)),
        ("/users/{user}/remove", ADMINISTRATOR, get(users::ask_remove).post(users::remove)),
        ("/account", VIEWER, get(account::page)),
        ("/account/password", VIEWER, post(account::change_password)),
        ("/account/sessions", VIEWER, post(account::end_sessions)),
        // The overview and the wall.
        ("/wall", VIEWER, get(wall::page)),
        // Restores
        ("/restore", VIEWER, get(restore::find::page)),
        ("/restore/{job}", VIEWER, get(restore::job::page)),
        ("/restore/{job}/go", OPERATOR, post(restore::job::go)),
        ("/restore/{job}/cancel", OPERATOR, post(restore::job::cancel)),
        ("/hosts/{host}/restore", VIEWER, get(restore::calendar::page)),
        ("/hosts/{host}/versions", VIEWER, get(restore::versions::page)),
        (
            "/hosts/{host}/snapshots/{snapshot}/pick",
            OPERATOR,
            post(snapshot::pick).layer(DefaultBodyLimit::max(LARGEST_CHOICE)),
        ),
        ("/hosts/{host}/snapshots/{snapshot}/file", OPERATOR, get(restore::download::file)),
        ("/hosts/{host}/snapshots/{snapshot}/preview", OPERATOR, get(restore::preview::page)),
        ("/hosts/{host}/snapshots/{snapshot}/picture", OPERATOR, get(restore::preview::picture)),
        ("/hosts/{host}/snapshots/{snapshot}/whole", OPERATOR, get(restore::whole::page)),
        (
            "/hosts/{host}/snapshots/{snapshot}/restore",
            OPERATOR,
            get(restore::destination::page).post(restore::destination::ask),
        ),
        ("/replace", ADMINISTRATOR, get(replace::page).post(replace::confirm)),
        // Reports as PDF and CSV
        ("/reports", VIEWER, get(reports::page)),
        ("/reports/file", VIEWER, get(reports::file)),
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
        .layer(CompressionLayer::new().gzip(true).compress_when(is_ours))
        .with_state(app.clone())
}

/// Pages, styles and scripts; not what is downloaded, whose size is to be seen, nor the live stream.
fn is_ours(_: StatusCode, _: Version, headers: &HeaderMap, _: &Extensions) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let ours = ["text/html", "text/css", "text/javascript", "image/svg+xml"].iter().any(|k| kind.starts_with(k));
    ours && !headers.contains_key(CONTENT_DISPOSITION)
}

/// What browsers must know of every answer.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    // Some answers allow themselves less.
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
