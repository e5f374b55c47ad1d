//! The signed folder, for agents to fetch: metadata and bundles, with ranges so that a
//! download on a thin line goes on where it broke off. Which version is the current one is said to
//! each host as it is for that host.

use crate::app::App;
use crate::repository::HostIdentity;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, get_service};
use axum::{Extension, Router};
use std::path::Path;
use std::sync::Arc;
use tower_http::services::ServeDir;

/// Serves the folder below `/signatures`.
pub(super) fn router(app: &Arc<App>) -> Router {
    let folder: &Path = &app.signatures;
    Router::new()
        .route("/signatures/metadata/timestamp.json", get(timestamp).with_state(app.clone()))
        .nest_service("/signatures", get_service(ServeDir::new(folder).append_index_html_on_directories(false)))
}

/// The metadata by which the bundle that the host is offered is the current one.
async fn timestamp(State(app): State<Arc<App>>, Extension(HostIdentity(host)): Extension<HostIdentity>) -> Response {
    let newest = app.signatures.join("metadata").join("timestamp.json");
    let file = match app.timestamp_of(host).await {
        Ok(file) => file.unwrap_or(newest),
        Err(error) => {
            tracing::error!(%host, %error, "which signatures a host is offered could not be looked up");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    match tokio::fs::read(&file).await {
        Ok(text) => text.into_response(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => StatusCode::NOT_FOUND.into_response(),
        Err(error) => {
            tracing::error!(%error, file = %file.display(), "the signed folder cannot be read");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
