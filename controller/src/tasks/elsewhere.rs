//! Where several controllers work with one database: what another one changed is looked for, since it
//! cannot poke the hosts that are connected here.

use crate::app::App;
use std::collections::HashMap;
use std::time::Duration;

/// How often is looked: whoever asked waits for it.
const EVERY: Duration = Duration::from_secs(1);

/// Until it is dropped.
pub(super) async fn run(app: &App) {
    let mut seen = HashMap::new();
    while app.store.is_shared() {
        tokio::time::sleep(EVERY).await;
        if let Err(error) = app.look_elsewhere(&mut seen).await {
            tracing::warn!(%error, "it was not looked for what other controllers changed");
        }
    }
}
