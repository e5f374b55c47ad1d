//! What Prometheus and the watchers of services read: `/metrics`, `/healthz`, `/readyz`. On the
//! staff door figures are for whoever shows a token; on an address of its own, in plain HTTP and
//! where the administrator says so, they are for anybody who reaches it.

mod gauges;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use crate::app::App;
use crate::app::tokens::{hash_secret, new_secret};
use crate::keys::{KeyError, read, write_secret};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Among the keys: the token that Prometheus shows. It opens nothing but the figures.
const TOKEN: &str = "metrics.token";

/// The token that opens the figures, as it is compared.
#[derive(Debug, Clone)]
pub struct MetricsToken(String);

impl MetricsToken {
    /// The one among the keys; made where there is none yet.
    pub fn open(keys: &Path) -> Result<Self, KeyError> {
        let file = keys.join(TOKEN);
        if !file.exists() {
            write_secret(&file, new_secret().as_bytes())?;
        }
        Ok(Self::of(read(&file)?.trim()))
    }

    fn of(token: &str) -> Self {
        Self(hash_secret(token))
    }

    /// Hashes are compared: how long that takes says nothing of the token.
    fn is(&self, shown: &str) -> bool {
        !shown.is_empty() && hash_secret(shown) == self.0
    }
}

/// Serves them in plain HTTP until `shutdown`.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: CancellationToken) {
    let router = figures(&app).merge(probes(&app));
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "metrics are no longer served");
    }
}

/// The same for the staff door: figures for whoever shows the token or a session.
pub fn router(app: &Arc<App>, token: MetricsToken) -> Router {
    let guarded = figures(app).layer(from_fn_with_state((app.clone(), token), guard));
    guarded.merge(probes(app))
}

fn figures(app: &Arc<App>) -> Router {
    Router::new().route("/metrics", get(show)).with_state(app.clone())
}

fn probes(app: &Arc<App>) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready)).with_state(app.clone())
}

async fn guard(State((app, token)): State<(Arc<App>, MetricsToken)>, request: Request, next: Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let shown = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    if token.is(&shown) || (!shown.is_empty() && app.actor(&shown, "").await.is_ok()) {
        return next.run(request).await;
    }
    let why =
        "show the token in the data folder's keys/metrics.token, or a session's, as 'Authorization: Bearer TOKEN'\n";
    (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")], why).into_response()
}

async fn show(State(app): State<Arc<App>>) -> Response {
    let survey = match app.survey().await {
        Ok(survey) => survey,
        Err(error) => {
            tracing::error!(%error, "the figures could not be read");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut text = String::new();
    match encode(&mut text, &gauges::registry(&app, &survey)) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS), (CACHE_CONTROL, "no-store")], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether agents and staff can be served: what stands in the way is for the log.
async fn ready(State(app): State<Arc<App>>) -> Response {
    match app.ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer; the controller's log says why\n")
                .into_response()
        }
    }
}
