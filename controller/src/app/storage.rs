//! What the repositories take, and the room there is. To look at a repository for the first time
//! may take long: whoever shows a page does not wait for it, and says what is not known yet.

use super::{App, AppError};
use crate::repository::Space;
use crate::store;
use keepwatch_proto::ids::HostId;
use std::time::Duration;

/// Whoever shows a page waits so long at most.
const PATIENCE: Duration = Duration::from_millis(50);

/// What some hosts' repositories take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    /// Of those that have been looked at.
    pub bytes: u64,
    /// How many have not been.
    pub unknown: usize,
}

impl App {
    /// What these hosts have stored, as far as it can be said at once.
    pub(super) async fn stored(&self, hosts: &[HostId]) -> Stored {
        let missing: Vec<HostId> =
            hosts.iter().copied().filter(|host| self.repositories.usage_at_hand(*host).is_none()).collect();
        if !missing.is_empty() {
            // It goes on by itself, so that the next look finds it done.
            let _ = tokio::time::timeout(PATIENCE, self.measure(missing)).await;
        }
        hosts.iter().fold(Stored::default(), |sum, host| match self.repositories.usage_at_hand(*host) {
            Some(usage) => Stored { bytes: sum.bytes + usage.bytes, ..sum },
            None => Stored { unknown: sum.unknown + 1, ..sum },
        })
    }

    /// Looks at the repositories of these hosts, unless somebody is at it.
    async fn measure(&self, hosts: Vec<HostId>) -> Result<(), AppError> {
        let Ok(turn) = self.measuring.clone().try_lock_owned() else { return Ok(()) };
        let repositories = self.repositories.clone();
        let work = move || {
            let _turn = turn;
            hosts.into_iter().for_each(|host| {
                repositories.usage(host);
            });
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| AppError::Repository(e.to_string()))
    }

    /// Looks at all of those that have not been looked at.
    pub async fn measure_repositories(&self) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::generations(&mut conn).await?;
        drop(conn);
        let missing = hosts.into_iter().map(|host| host.id);
        self.measure(missing.filter(|host| self.repositories.usage_at_hand(*host).is_none()).collect()).await
    }

    /// The room where the repositories are. A storage that hangs is asked once, and not by everybody.
    pub(super) async fn space(&self) -> Option<Space> {
        let turn = self.looking.clone().try_lock_owned().ok()?;
        let repositories = self.repositories.clone();
        let look = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            repositories.space()
        });
        // A storage that does not answer keeps nobody waiting.
        tokio::time::timeout(PATIENCE, look).await.ok()?.ok()?
    }
}
