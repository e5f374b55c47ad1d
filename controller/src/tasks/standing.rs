//! Keeps how a large fleet stands at hand, so that nobody waits for it.

use crate::app::App;
use std::time::Duration;

/// How often is looked whether it is time. Where nothing is kept, a look costs nothing.
const EVERY: Duration = Duration::from_secs(1);

/// Until it is dropped.
pub async fn run(app: &App) {
    loop {
        let pause = match app.refresh_standing().await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "the fleet could not be judged; what is shown may be old");
                Duration::ZERO
            }
        };
        tokio::time::sleep(pause.max(EVERY)).await;
    }
}
