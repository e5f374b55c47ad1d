//! Keeps how the fleet stands each day, and at hand what the repositories take.

use crate::app::App;
use std::time::{Duration, Instant};

/// How often is looked whether a day has begun.
const EVERY: Duration = Duration::from_secs(60);
/// After the start, PCs need a while to be heard of: they must not be taken for silent.
const SETTLED: Duration = Duration::from_secs(15 * 60);

/// Until it is dropped.
pub(super) async fn run(app: &App) {
    // By a clock that goes on while the other one jumps.
    let began = Instant::now();
    loop {
        if let Err(error) = app.measure_repositories().await {
            tracing::warn!(%error, "it was not looked at what the repositories take");
        }
        if began.elapsed() >= SETTLED
            && let Err(error) = app.keep_day().await
        {
            tracing::warn!(%error, "how the fleet stands was not kept for today; it is tried again");
        }
        tokio::time::sleep(EVERY).await;
    }
}
