//! The fleet in figures. Every enrolled host counts, whatever is known of it.

use super::audit::Actor;
use super::{App, AppError};
use crate::plan::health::State;

/// The fleet in figures.
#[derive(Debug, Clone, Default)]
pub struct FleetView {
    /// Enrolled hosts that were not revoked.
    pub hosts: u32,
    /// Of them, protected.
    pub protected: u32,
    /// Of them, to be looked at.
    pub attention: u32,
    /// Of them, at risk.
    pub at_risk: u32,
    /// Of them, not heard of.
    pub unknown: u32,
    /// Open detections.
    pub open_detections: u32,
    /// Bytes of all repositories.
    pub repository_bytes: u64,
}

impl App {
    /// The fleet in figures, as of now.
    pub async fn fleet(&self, actor: &Actor) -> Result<FleetView, AppError> {
        let mut fleet = FleetView::default();
        let hosts = self.hosts(actor).await?;
        let (ids, repositories) = (hosts.iter().map(|h| h.row.id).collect::<Vec<_>>(), self.repositories.clone());
        let used = tokio::task::spawn_blocking(move || ids.into_iter().map(|id| repositories.usage(id).bytes).sum());
        fleet.repository_bytes = used.await.map_err(|e| AppError::Repository(e.to_string()))?;
        for host in hosts {
            fleet.open_detections += host.open_detections;
            if host.row.revoked != 0 {
                continue;
            }
            fleet.hosts += 1;
            match host.state {
                State::Protected => fleet.protected += 1,
                State::Attention => fleet.attention += 1,
                State::AtRisk => fleet.at_risk += 1,
                State::Unknown => fleet.unknown += 1,
            }
        }
        Ok(fleet)
    }
}
