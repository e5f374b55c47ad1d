//! Detections as staff see them.

use super::audit::{Actor, Deed, Role};
use super::hosts::names_of;
use super::outbreaks::Filter;
use super::pages::{Page, cut};
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
const SHOWN: u32 = 1000;
/// How many are on a page of the web.
const LISTED: u32 = 50;

impl App {
    /// One page, the newest first, of one host's or all; open ones, or all. And where the next begins;
    /// empty: there is none.
    pub async fn detections(
        &self,
        actor: &Actor,
        host: &str,
        all: bool,
        page: &Page,
    ) -> Result<(Vec<DetectionView>, String), AppError> {
        let host = self.host_filter(actor, host).await?;
        let (size, (before, last)) = (page.size(SHOWN), page.place()?);
        let mut conn = self.store.read().await?;
        let rows = store::detections::list(&mut conn, host, all, (before, &last), size + 1).await?;
        let names = names_of(&mut conn, rows.iter().map(|row| row.host)).await?;
        let (rows, next) = cut(rows, size, |row| (row.at, row.id.to_string()));
        let view =
            |row: DetectionRow| DetectionView { host_name: names.get(&row.host).cloned().unwrap_or_default(), row };
        Ok((rows.into_iter().map(view).collect(), next))
    }

    /// One page of those that are meant, the newest first, and where the next begins; empty: there is none.
    pub async fn find_detections(
        &self,
        actor: &Actor,
        filter: &Filter,
        page: &Page,
    ) -> Result<(Vec<DetectionView>, String), AppError> {
        let wanted = self.wanted(actor, filter).await?;
        let (size, (before, last)) = (page.size(LISTED), page.place()?);
        let rows = {
            let mut conn = self.store.read().await?;
            store::sightings::find(&mut conn, &wanted, (before, &last), size + 1).await?
        };
        let (rows, next) = cut(rows, size, |row| (row.at, row.id.to_string()));
        let names = self.host_names_of(actor, &rows.iter().map(|row| row.host).collect()).await?;
        let view =
            |row: DetectionRow| DetectionView { host_name: names.get(&row.host).cloned().unwrap_or_default(), row };
        Ok((rows.into_iter().map(view).collect(), next))
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
