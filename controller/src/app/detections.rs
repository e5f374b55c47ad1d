//! Detections as staff see them.

use super::audit::{Actor, Deed, Role};
use super::hosts::names;
use super::{App, AppError};
use crate::hub::Change;
use crate::store::{self, detections::DetectionRow};
use keepwatch_proto::ids::DetectionId;

/// A detection and the name of its host.
#[derive(Debug, Clone)]
pub struct DetectionView {
    /// What is stored of it.
    pub row: DetectionRow,
    /// Name of its host.
    pub host_name: String,
}

/// How many are shown at once.
pub const SHOWN: usize = 1000;

impl App {
    /// The newest ones, of one host or all; open ones, or all. One more than [`SHOWN`] says
    /// that there are older ones.
    pub async fn detections(&self, actor: &Actor, host: &str, all: bool) -> Result<Vec<DetectionView>, AppError> {
        let host = self.host_filter(actor, host).await?;
        let mut conn = self.store.read().await?;
        let names = names(&mut conn).await?;
        let rows = store::detections::list(&mut conn, host, all, SHOWN + 1).await?;
        let view =
            |row: DetectionRow| DetectionView { host_name: names.get(&row.host).cloned().unwrap_or_default(), row };
        Ok(rows.into_iter().map(view).collect())
    }

    /// Says that somebody has looked, and why it needs nothing more.
    pub async fn acknowledge_detection(&self, actor: &Actor, id: &str, reason: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Operator, "detection acknowledge").await?;
        if reason.trim().is_empty() {
            return Err(AppError::Invalid("say why this detection needs nothing more, with --reason".into()));
        }
        let missing = || AppError::NotFound(format!("there is no open detection '{}'", id.escape_debug()));
        let id: DetectionId = id.parse().map_err(|_| missing())?;
        let mut tx = self.store.begin().await?;
        if !store::detections::acknowledge(&mut tx, id, self.now(), &actor.user, reason).await? {
            return Err(missing());
        }
        let deed = Deed { action: "detection acknowledge", object: &id.to_string(), detail: reason };
        self.record(&mut tx, actor, &deed).await?;
        store::commit(tx).await?;
        self.hub.tell(Change::Fleet);
        Ok(())
    }
}
