//! Tells hosts when their turn has come for a bundle of signatures that others had before.

use crate::app::App;
use chrono::DateTime;
use std::time::Duration;

/// How often is looked. Turns are counted in hours.
const EVERY: Duration = Duration::from_secs(60);

/// Until it is dropped.
pub(super) async fn run(app: &App) {
    // All turns that ever came, first: nobody was told while this was not running.
    let mut done = DateTime::UNIX_EPOCH;
    loop {
        match app.release_due(done).await {
            Ok(now) => done = now,
            Err(error) => tracing::warn!(%error, "it was not looked whose turn for new signatures has come"),
        }
        let next = app.clock.now() + EVERY;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // Sooner where the clock says so: the machine may have slept.
            () = app.clock.sleep_until(next) => {}
        }
    }
}
