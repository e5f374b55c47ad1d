//! Files that PCs have put away: what they tell of them, and what staff have done with them. A PC's
//! vault is the truth; what is here follows it.

use super::audit::{Actor, Role};
use super::hosts::names;
use super::jobs::{JobView, Wish, is_full};
use super::pages::{Page, cut};
use super::{App, AppError};
use crate::store::quarantine::{Place, QuarantineRow};
use crate::store::{self, Conn};
use keepwatch_proto::ids::{HostId, ItemId};
use keepwatch_proto::quarantine::{Action, Changed, Contents, Item, ItemState, QuarantineSpec};
use keepwatch_proto::selection::Selection;
use std::collections::HashSet;

/// How many are on a page where nobody says how many.
pub const SHOWN: u32 = 1000;
/// Of one host so many are kept: an honest one has far fewer, over years.
const MOST: i64 = 20_000;
/// Files that one page may show to be gone; the next page shows the others.
const MOST_GONE: usize = 1_000;
/// Longest path that staff name, in bytes.
const LONGEST_PATH: usize = 16 << 10;

/// One of them, and the name of its host.
#[derive(Debug, Clone)]
pub struct QuarantineView {
    /// What is stored of it.
    pub row: QuarantineRow,
    /// Name of its host.
    pub host_name: String,
}

impl App {
    /// One page of them, the newest first, and where the next begins; empty: there is none. Of the
    /// hosts that are meant or of all; held ones, or all.
    pub async fn quarantine(
        &self,
        actor: &Actor,
        hosts: &Selection,
        all: bool,
        page: &Page,
    ) -> Result<(Vec<QuarantineView>, String), AppError> {
        let meant = match hosts.is_empty() {
            true => None,
            false => Some(self.select(actor, hosts).await?.into_iter().map(|host| host.row.id)),
        };
        let (size, from) = (page.size(SHOWN), from(page)?);
        let mut conn = self.store.read().await?;
        let mut rows = Vec::new();
        match meant {
            None => rows = store::quarantine::list(&mut conn, None, all, &from, size + 1).await?,
            Some(hosts) => {
                for host in hosts {
                    rows.extend(store::quarantine::list(&mut conn, Some(host), all, &from, size + 1).await?);
                    rows.sort_by_key(|row| std::cmp::Reverse((row.at, row.id, row.host)));
                    rows.truncate(size as usize + 1);
                }
            }
        }
        let (rows, next) = cut(rows, size, |row| (row.at, format!("{}/{}", row.id, row.host)));
        let names = names(&mut conn).await?;
        let name = |row: &QuarantineRow| names.get(&row.host).cloned().unwrap_or_default();
        Ok((rows.into_iter().map(|row| QuarantineView { host_name: name(&row), row }).collect(), next))
    }

    /// One of them.
    pub async fn quarantined_file(&self, _actor: &Actor, id: &str) -> Result<QuarantineView, AppError> {
        let missing = || {
            let id = id.escape_debug();
            AppError::NotFound(format!("no file was put away by the id '{id}'; 'keepwatch quarantine list' shows them"))
        };
        let item: ItemId = id.parse().map_err(|_| missing())?;
        let mut conn = self.store.read().await?;
        let mut rows = store::quarantine::by_id(&mut conn, item).await?;
        let names = names(&mut conn).await?;
        match rows.len() {
            0 => Err(missing()),
            1 => {
                let row = rows.remove(0);
                Ok(QuarantineView { host_name: names.get(&row.host).cloned().unwrap_or_default(), row })
            }
            _ => {
                let name = |row: &QuarantineRow| names.get(&row.host).cloned().unwrap_or_default();
                let hosts: Vec<String> = rows.iter().map(name).collect();
                Err(AppError::Conflict(format!(
                    "several PCs say that they have it: {}; one of them does not tell the truth, or is a copy",
                    hosts.join(", ")
                )))
            }
        }
    }

    /// Has a PC put a file away; where `sha256` is given, only if that is its content.
    pub async fn put_away(&self, actor: &Actor, host: &str, path: &str, sha256: &str) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "quarantine put away").await?;
        if path.starts_with('@') || !is_full(path) || path.len() > LONGEST_PATH {
            return Err(AppError::Invalid(format!("'{}' is no full path on the PC", path.escape_debug())));
        }
        let sha256 = sha256.to_ascii_lowercase();
        if !sha256.is_empty() && (sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err(AppError::Invalid("a SHA-256 has 64 hexadecimal digits".into()));
        }
        let spec = QuarantineSpec::put_away(ItemId::new(&self.clock), path.to_owned(), sha256);
        self.have_done(actor, host, spec).await
    }

    /// Has one brought back: to where it was, or to a file or into a folder that is named.
    pub async fn restore_quarantined(&self, actor: &Actor, id: &str, target: &str) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "quarantine restore").await?;
        if !target.is_empty() && (target.starts_with('@') || !is_full(target) || target.len() > LONGEST_PATH) {
            return Err(AppError::Invalid(format!("'{}' is no full path on the PC", target.escape_debug())));
        }
        let row = self.held(actor, id, Action::Restore).await?;
        self.have_done(actor, &row.host.to_string(), QuarantineSpec::restore(row.id, target.to_owned())).await
    }

    /// Has one destroyed.
    pub async fn delete_quarantined(&self, actor: &Actor, id: &str) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "quarantine delete").await?;
        let row = self.held(actor, id, Action::Delete).await?;
        self.have_done(actor, &row.host.to_string(), QuarantineSpec::delete(row.id)).await
    }

    /// Any of these, as one job among others is asked for.
    pub async fn ask_quarantine(&self, actor: &Actor, host: &str, spec: QuarantineSpec) -> Result<JobView, AppError> {
        let item = spec.item.to_string();
        if spec.action != Action::PutAway {
            let owner = self.quarantined_file(actor, &item).await?.row.host;
            if self.host(actor, host).await?.row.id != owner {
                return Err(AppError::Invalid("that file was put away on another PC".into()));
            }
        }
        match spec.action {
            Action::PutAway => self.put_away(actor, host, &spec.path, &spec.sha256).await,
            Action::Restore => self.restore_quarantined(actor, &item, &spec.target).await,
            Action::Delete => self.delete_quarantined(actor, &item).await,
        }
    }

    async fn have_done(&self, actor: &Actor, host: &str, spec: QuarantineSpec) -> Result<JobView, AppError> {
        let host = self.host(actor, host).await?.row;
        let policy = self.policies().await?.of(&host.group_name);
        self.queue(actor, &host, Wish::quarantine(spec, &policy)).await
    }

    /// One that its PC still has, as far as is known, or may have.
    async fn held(&self, actor: &Actor, id: &str, wished: Action) -> Result<QuarantineRow, AppError> {
        let row = self.quarantined_file(actor, id).await?.row;
        match row.state.0 {
            ItemState::Held => Ok(row),
            // What a PC can read no more it does not tell of, and has all the same: it says so if it does not.
            ItemState::Gone if wished == Action::Delete => Ok(row),
            ItemState::Restored => Err(AppError::Conflict(format!("it was brought back already, to {}", row.target))),
            ItemState::Deleted => Err(AppError::Conflict("it was deleted already".into())),
            ItemState::Gone => Err(AppError::Conflict(
                "its PC does not have it any more: somebody took it out there, or the PC was set up anew".into(),
            )),
        }
    }

    /// A host has put a file away.
    pub(super) async fn quarantined(
        &self,
        conn: &mut Conn,
        host: HostId,
        item: &Item,
        at: i64,
    ) -> Result<(), AppError> {
        self.keep_in_mind(conn, host, item, at).await?;
        tracing::info!(%host, item = %item.id, job = %item.job, "a file was put away");
        Ok(())
    }

    async fn keep_in_mind(&self, conn: &mut Conn, host: HostId, item: &Item, at: i64) -> Result<(), AppError> {
        if !store::quarantine::has_room(conn, host, MOST).await? {
            return Ok(());
        }
        store::quarantine::hold(conn, host, item, item.at.timestamp().min(at), self.now()).await?;
        Ok(store::detections::put_away(conn, host, item, at).await?)
    }

    /// A host has brought one back, or destroyed it.
    pub(super) async fn quarantine_changed(
        &self,
        conn: &mut Conn,
        host: HostId,
        changed: &Changed,
    ) -> Result<(), AppError> {
        let Changed { id, state, target } = changed;
        store::quarantine::change(conn, host, *id, (*state, target), self.now()).await?;
        if *state == ItemState::Restored {
            store::detections::not_put_away(conn, host, *id).await?;
        }
        tracing::info!(%host, item = %id, %state, "what became of a file that was put away");
        Ok(())
    }

    /// Takes over what a host's vault holds. All its events up to then are in.
    pub(super) async fn agree_on_quarantine(
        &self,
        conn: &mut Conn,
        host: HostId,
        contents: &Contents,
    ) -> Result<(), AppError> {
        let held = store::quarantine::held(conn, host).await?;
        let known: HashSet<ItemId> = held.iter().copied().collect();
        for item in contents.items.iter().filter(|item| !known.contains(&item.id)) {
            let at = item.at.min(self.clock.now()).timestamp();
            self.keep_in_mind(conn, host, item, at).await?;
        }
        let there: HashSet<ItemId> = contents.items.iter().map(|item| item.id).collect();
        let gone: Vec<ItemId> =
            held.into_iter().filter(|id| contents.covers(*id) && !there.contains(id)).take(MOST_GONE).collect();
        for id in &gone {
            store::quarantine::change(conn, host, *id, (ItemState::Gone, ""), self.now()).await?;
            store::detections::not_put_away(conn, host, *id).await?;
        }
        if let Some(first) = gone.first() {
            let files = gone.len();
            tracing::warn!(%host, files, item = %first, "a host does not have files any more that it had put away");
        }
        Ok(())
    }
}

/// Where a page begins.
fn from(page: &Page) -> Result<Place, AppError> {
    let (before, last) = page.place()?;
    let (id, host) = last.split_once('/').unwrap_or((&last, ""));
    Ok(Place { before, id: id.to_owned(), host: host.to_owned() })
}
