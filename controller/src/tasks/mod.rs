//! What the controller does by itself. A task takes no input: it reads the truth, closes the
//! distance, and is asked again a while later.

mod elsewhere;
mod overdue;
mod rollouts;
mod slots;
mod standing;
mod trend;

use crate::app::App;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often is looked whether something is to be done.
const EVERY: Duration = Duration::from_secs(600);

/// Runs all of them until `shutdown`.
pub async fn run(app: Arc<App>, shutdown: CancellationToken) {
    let all = async {
        tokio::join!(
            now_and_then(&app, &shutdown),
            overdue::run(&app),
            slots::run(&app),
            rollouts::run(&app),
            elsewhere::run(&app),
            standing::run(&app),
            trend::run(&app)
        )
    };
    tokio::select! {
        () = shutdown.cancelled() => {}
        _ = all => {}
    }
}

/// What takes long, or can wait.
async fn now_and_then(app: &App, shutdown: &CancellationToken) {
    tokio::select! {
        () = shutdown.cancelled() => return,
        () = begin(app) => {}
    }
    // Not before that: hosts come first, and may show that the database is an old one.
    let mut next = app.clock.now() + EVERY;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
            // Sooner where the clock says so: the machine may have slept. A clock that is set back
            // keeps nothing waiting.
            () = app.clock.sleep_until(next) => {}
        }
        // Counted from before the work: what comes due during it does not wait for the next but one.
        next = app.clock.now() + EVERY;
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = work(app) => {}
        }
    }
}

/// At once: the database may have been restored from a copy, and somebody waits for a file.
async fn begin(app: &App) {
    if let Err(error) = app.find_snapshots().await {
        tracing::warn!(%error, "it was not looked for snapshots that the database does not know");
    }
    keep_kits(app).await;
}

async fn keep_kits(app: &App) {
    if let Err(error) = app.keep_recovery_kits(false).await {
        tracing::warn!(%error, "the recovery kits beside the repositories are not up to date");
    }
}

async fn work(app: &App) {
    if let Err(error) = app.look_at_clock().await {
        tracing::warn!(%error, "the clock was not looked at");
    }
    match app.ca.renew_served() {
        Ok(true) => tracing::info!("the controller's own certificate was renewed"),
        Ok(false) => {}
        Err(error) => tracing::error!(%error, "the controller's own certificate is due and was not renewed"),
    }
    keep_kits(app).await;
    if let Err(error) = app.retain_due().await {
        tracing::warn!(%error, "retention did not run");
    }
    if let Err(error) = app.catalog_due().await {
        tracing::warn!(%error, "catalogs were not brought up to date");
    }
    if let Err(error) = app.delete_due().await {
        tracing::warn!(%error, "no repository was deleted");
    }
    if let Err(error) = app.forget_jobs().await {
        tracing::warn!(%error, "the history of jobs was not looked through");
    }
    if let Err(error) = app.forget_drafts().await {
        tracing::warn!(%error, "imports that were put aside were not looked through");
    }
    if let Err(error) = app.try_due().await {
        tracing::warn!(%error, "no PC was asked whether its backups come back");
    }
    if let Err(error) = app.verify_due().await {
        tracing::warn!(%error, "verification did not run");
    }
}
