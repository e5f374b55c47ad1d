//! Gives leave to back up, whenever somebody asks or has done, and now and then by itself: leave
//! lapses, and another controller over the same database may have taken a request in.

use crate::app::App;
use std::time::{Duration, Instant};

/// How often is looked though nobody rang.
const EVERY: Duration = Duration::from_secs(15);
/// Those who ask together are answered together.
const TOGETHER: Duration = Duration::from_millis(250);

/// Until it is dropped.
pub(super) async fn run(app: &App) {
    // Before that nobody could be heard. By a clock that goes on while the other one jumps.
    let began = Instant::now();
    loop {
        tokio::select! {
            () = app.slots.rung() => tokio::time::sleep(TOGETHER).await,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = app.grant_slots(app.clock.now() - began.elapsed()).await {
            tracing::warn!(%error, "nobody was given leave to back up");
        }
    }
}
