//! Snapshots that a repository has and the database does not: what came after the copy that a lost
//! database was restored from. They are found again in the repository, dated by when it received
//! them, so that nothing that was acknowledged is lost in silence.

use super::audit::{Actor, Deed, Role};
use super::hosts::name_of;
use super::{App, AppError};
use crate::maintain::{Outcome, Work};
use crate::plan::suspicion::{self, Arrival};
use crate::store::hosts::HostRow;
use crate::store::{self};
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::job::Snapshot;
use std::collections::{HashMap, HashSet};

/// No backup that still runs was asked for before that.
pub(super) const LONGEST_BACKUP: TimeDelta = TimeDelta::days(8);
/// While a host backs up, what came since is its own to tell of.
const SOON_TOLD: TimeDelta = TimeDelta::days(1);
/// Found in one look; the rest is in the next.
const MOST: usize = 500;

impl App {
    /// Looks into all repositories, and says whose are nobody's.
    pub async fn find_snapshots(&self) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        drop(conn);
        let known: HashSet<_> = hosts.iter().map(|host| host.id).collect();
        let owners = self.repositories.owners().await.map_err(|e| AppError::Repository(e.to_string()))?;
        for owner in owners.into_iter().filter(|owner| !known.contains(owner)) {
            tracing::warn!(
                repository = %owner,
                "a repository is of no host that the database knows; 'keepwatch-controller adopt' takes it in with its recovery kit"
            );
        }
        for host in &hosts {
            if let Err(error) = self.find_snapshots_of(host).await {
                tracing::warn!(host = %host.id, %error, "it was not looked for snapshots that the database does not know");
            }
        }
        Ok(())
    }

    /// Takes in what a host's repository has and the database does not. Says how many.
    pub(super) async fn find_snapshots_of(&self, host: &HostRow) -> Result<usize, AppError> {
        let stored = self.repositories.snapshots(host.id).await.map_err(|e| AppError::Repository(e.to_string()))?;
        let mut conn = self.store.read().await?;
        let known: HashSet<String> =
            store::snapshots::list(&mut conn, host.id).await?.into_iter().map(|row| row.id).collect();
        let since = (self.clock.now() - LONGEST_BACKUP).timestamp();
        let works = store::jobs::backs_up(&mut conn, host.id, since).await?;
        drop(conn);
        let until = if works { (self.clock.now() - SOON_TOLD).timestamp() } else { i64::MAX };
        let mut unknown: Vec<(i64, String)> = stored
            .into_iter()
            .filter(|(id, received)| !known.contains(id) && *received <= until)
            .map(|(id, received)| (received.min(self.now()), id))
            .collect();
        if unknown.is_empty() {
            return Ok(0);
        }
        unknown.sort();
        unknown.truncate(MOST);
        let ids = unknown.iter().map(|(_, id)| id.clone()).collect();
        let described = match self.maintain(host, Work::Describe(ids)).await? {
            Outcome::Described(snapshots) => snapshots,
            Outcome::Failed(why) => return Err(AppError::Repository(why)),
            other => return Err(AppError::Repository(format!("it answered {other:?}"))),
        };
        let mut described: HashMap<String, keepwatch_backup::Snapshot> =
            described.into_iter().map(|snapshot| (snapshot.id.clone(), snapshot)).collect();
        // One that cannot be read is none: it was said in the log.
        let found = unknown.into_iter().filter_map(|(received, id)| Some((received, described.remove(&id)?)));
        self.take_in(host, found.collect()).await
    }

    async fn take_in(&self, host: &HostRow, found: Vec<(i64, keepwatch_backup::Snapshot)>) -> Result<usize, AppError> {
        if found.is_empty() {
            return Ok(0);
        }
        let mut tx = self.store.begin().await?;
        let mut odd = None;
        for (received, snapshot) in &found {
            odd = odd.or(suspicion::look(&arrival(*received, snapshot), &[]));
            store::snapshots::insert_found(&mut tx, host.id, *received, &noun(snapshot)).await?;
        }
        self.suspect(&mut tx, host.id).await?;
        if let Some(odd) = odd {
            store::retention::freeze(&mut tx, host.id, &odd.words(), self.now()).await?;
        }
        let ids: Vec<&str> = found.iter().map(|(_, snapshot)| snapshot.id.as_str()).collect();
        let deed = Deed { action: "snapshot found", object: &host.id.to_string(), detail: &ids.join(" ") };
        self.record(&mut tx, &itself(), &deed).await?;
        store::commit(tx).await?;
        tracing::warn!(
            host = %host.id,
            name = name_of(host),
            count = found.len(),
            "snapshots were found that the database did not know; was it restored from a copy?"
        );
        self.hub.tell(crate::hub::Change::Host(host.id));
        Ok(found.len())
    }
}

/// Who does what nobody has asked for.
pub(super) fn itself() -> Actor {
    Actor { user: "keepwatch".into(), role: Role::Administrator, origin: String::new() }
}

fn arrival(received: i64, snapshot: &keepwatch_backup::Snapshot) -> Arrival {
    let received: DateTime<Utc> = DateTime::from_timestamp(received, 0).unwrap_or_default();
    Arrival { received, taken: snapshot.time, files: snapshot.files, bytes: snapshot.bytes, changed: 0, noise: 0 }
}

fn noun(snapshot: &keepwatch_backup::Snapshot) -> Snapshot {
    Snapshot {
        id: snapshot.id.clone(),
        time: snapshot.time,
        paths: snapshot.paths.clone(),
        files: snapshot.files,
        bytes: snapshot.bytes,
        // What the scan said went with the database.
        verdict: None,
    }
}
