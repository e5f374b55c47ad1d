//! What Prometheus reads: plain HTTP, where the administrator says, and nowhere otherwise.

use crate::app::App;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Shown {
    app: Arc<App>,
    registry: Registry,
    connected: Gauge,
}

/// Serves `/metrics` until `shutdown`.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: CancellationToken) {
    let (mut registry, connected) = (Registry::with_prefix("keepwatch"), Gauge::default());
    registry.register("hosts_connected", "Hosts that hold a stream to this controller", connected.clone());
    app.meters.register(&mut registry);
    let shown = Arc::new(Shown { app, registry, connected });
    let router = Router::new().route("/metrics", get(show)).with_state(shown);
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.cancelled().await });
    if let Err(error) = served.await {
        tracing::error!(%error, "metrics are no longer served");
    }
}

async fn show(State(shown): State<Arc<Shown>>) -> Response {
    shown.connected.set(i64::try_from(shown.app.hub.connected()).unwrap_or(i64::MAX));
    let mut text = String::new();
    match encode(&mut text, &shown.registry) {
        Ok(()) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
