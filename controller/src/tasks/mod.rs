//! What the controller does by itself. A task takes no input: it reads the truth, closes the
//! distance, and is asked again a while later.

use crate::app::App;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often is looked whether something is to be done.
const EVERY: Duration = Duration::from_secs(600);

/// Runs all of them until `shutdown`.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = work(&app) => {}
        }
    }
}

async fn work(app: &App) {
    if let Err(error) = app.retain_due().await {
        tracing::warn!(%error, "retention did not run");
    }
    if let Err(error) = app.catalog_due().await {
        tracing::warn!(%error, "catalogs were not brought up to date");
    }
    if let Err(error) = app.verify_due().await {
        tracing::warn!(%error, "verification did not run");
    }
}
