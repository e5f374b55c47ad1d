//! The signed folder, for agents to fetch: metadata and bundles, with ranges so that a
//! download on a thin line goes on where it broke off.

use axum::Router;
use axum::routing::get_service;
use std::path::Path;
use tower_http::services::ServeDir;

/// Serves `folder` below `/signatures`.
pub(super) fn router(folder: &Path) -> Router {
    Router::new()
        .nest_service("/signatures", get_service(ServeDir::new(folder).append_index_html_on_directories(false)))
}
