//! Notices what has not happened: PCs that fell silent over a job, jobs that nobody began.

use crate::app::App;
use std::time::{Duration, Instant};

/// How often is looked: what waits to be tried again, waits for minutes.
const EVERY: Duration = Duration::from_secs(20);

/// Until it is dropped.
pub(super) async fn run(app: &App) {
    // Before that nobody could be heard. By a clock that goes on while the other one jumps.
    let began = Instant::now();
    loop {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = app.look_for_overdue(app.clock.now() - began.elapsed()).await {
            tracing::warn!(%error, "it was not looked for jobs that are overdue");
        }
    }
}
