//! Older snapshots go by the policy's rules, dated by when we received them, and never where
//! something looks as if somebody worked towards it.

use super::audit::{Actor, Deed, Role};
use super::found::LONGEST_BACKUP;
use super::policies::Policies;
use super::{App, AppError};
use crate::maintain::{Outcome, Work};
use crate::plan::retention::{Seen, Why, fates};
use crate::plan::suspicion::{self, Arrival};
use crate::store::hosts::HostRow;
use crate::store::retention::RetentionRow;
use crate::store::snapshots::SnapshotRow;
use crate::store::{self, Conn};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use keepwatch_proto::canary::Canary;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::paths::harmless;

/// How often it is looked whether something goes.
const EVERY: TimeDelta = TimeDelta::hours(24);
/// Of what a PC says, so much is kept.
const LONGEST_PATH: usize = 1000;
/// Snapshots that the newest one is compared with.
const COMPARED: usize = 100;

/// What becomes of a host's snapshots.
pub struct RetentionView {
    /// Each of them, newest first, and why it stays; it goes where there is nothing to say.
    pub fates: Vec<(SnapshotRow, Vec<Why>)>,
    /// How it stands.
    pub row: RetentionRow,
}

impl App {
    /// What would become of a host's snapshots now. Nothing is done.
    pub async fn retention(&self, actor: &Actor, host: &str) -> Result<RetentionView, AppError> {
        let host = self.host(actor, host).await?.row;
        let mut conn = self.store.read().await?;
        let fates = self.fates(&mut conn, &host).await?;
        Ok(RetentionView { fates, row: store::retention::get(&mut conn, host.id).await? })
    }

    /// Has a host's snapshots go by the rules, now. Says what was done.
    pub async fn retain_now(&self, actor: &Actor, host: &str) -> Result<String, AppError> {
        self.demand(actor, Role::Administrator, "retention run").await?;
        let host = self.host(actor, host).await?.row;
        self.record_now(actor, &Deed { action: "retention run", object: &host.id.to_string(), detail: "" }).await?;
        self.retain(&host).await
    }

    /// Lets a host's snapshots go by the rules again, after staff have looked.
    pub async fn thaw(&self, actor: &Actor, host: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "retention thaw").await?;
        let host = self.host(actor, host).await?.row;
        let mut tx = self.store.begin().await?;
        let why = store::retention::get(&mut tx, host.id).await?.frozen;
        if !store::retention::thaw(&mut tx, host.id).await? {
            return Err(AppError::Conflict("nothing is frozen there: snapshots go by the rules".into()));
        }
        let deed = Deed { action: "retention thaw", object: &host.id.to_string(), detail: &why };
        self.record(&mut tx, actor, &deed).await?;
        store::commit(tx).await?;
        self.hub.tell(crate::hub::Change::Host(host.id));
        Ok(())
    }

    /// Has the snapshots of all hosts go that are due, one host after the other.
    pub async fn retain_due(&self) -> Result<(), AppError> {
        let due = (self.clock.now() - EVERY).timestamp();
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        let ran: std::collections::HashMap<String, i64> =
            store::retention::list(&mut conn).await?.into_iter().map(|row| (row.host, row.ran)).collect();
        drop(conn);
        let last = |host: &HostRow| ran.get(&host.id.to_string()).copied().unwrap_or(0);
        let mut hosts: Vec<HostRow> = hosts.into_iter().filter(|host| last(host) <= due).collect();
        // What a replaced PC has stored its heir relies on, and nothing newer comes.
        hosts.retain(|host| host.replaced_by.is_empty());
        // Who has waited the longest first: one that takes long does not keep the same ones waiting.
        hosts.sort_by_key(last);
        for host in &hosts {
            match self.retain(host).await {
                Ok(outcome) => tracing::debug!(host = %host.id, outcome, "retention"),
                // It backs up, or another controller is at it.
                Err(error @ AppError::Conflict(_)) => tracing::debug!(host = %host.id, %error, "retention waits"),
                Err(error) => tracing::warn!(host = %host.id, %error, "retention did not run"),
            }
        }
        Ok(())
    }

    /// A snapshot has arrived: whether its host's older ones may still go by the rules.
    pub(super) async fn suspect(&self, conn: &mut Conn, host: HostId) -> Result<(), AppError> {
        let all = store::snapshots::list(conn, host).await?;
        let arrivals: Vec<Arrival> = all.iter().take(COMPARED).map(arrival).collect();
        let Some((newest, earlier)) = arrivals.split_first() else { return Ok(()) };
        let Some(suspicion) = suspicion::look(newest, earlier) else { return Ok(()) };
        if store::retention::freeze(conn, host, &suspicion.words(), self.now()).await? {
            tracing::warn!(%host, why = suspicion.words(), "no snapshot of this host is removed until staff have looked");
        }
        Ok(())
    }

    /// Somebody goes through the files of a PC: none of its snapshots goes until staff have looked.
    pub(super) async fn canary_touched(&self, conn: &mut Conn, host: HostId, canary: &Canary) -> Result<(), AppError> {
        let path: String = canary.path.chars().take(LONGEST_PATH).collect();
        let what = if canary.gone { "renamed or deleted" } else { "changed" };
        let why = format!("a canary was {what}: {}", harmless(&path));
        // A PC can tell of as many as it likes; until staff have looked, one says it all.
        if store::retention::canary(conn, host, &why).await? {
            let actor = Actor { user: "agent".into(), role: Role::Viewer, origin: String::new() };
            let deed = Deed { action: "canary touched", object: &host.to_string(), detail: &why };
            self.record(conn, &actor, &deed).await?;
            tracing::warn!(%host, why, "no snapshot of this host is removed until staff have looked");
        }
        store::retention::freeze(conn, host, &why, self.now()).await?;
        Ok(())
    }

    async fn fates(&self, conn: &mut Conn, host: &HostRow) -> Result<Vec<(SnapshotRow, Vec<Why>)>, AppError> {
        let snapshots = store::snapshots::list(conn, host.id).await?;
        let policies = Policies::read(conn).await?;
        let Some((keep, zone)) = policies.keep_of(&host.group_name) else {
            return Err(AppError::Conflict(
                "the policy of this host's group cannot be read, so it is not known what to keep; set it anew".into(),
            ));
        };
        let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
        // What a PC says that it has stored counts only if it has.
        let mut there = Vec::new();
        for snapshot in &snapshots {
            there.push(self.is_there(host.id, &snapshot.id).await?);
        }
        let real = || snapshots.iter().zip(&there).filter(|(_, there)| **there);
        let seen: Vec<Seen> = real().map(|(snapshot, _)| seen(snapshot)).collect();
        let mut fates = fates(&seen, &keep, zone, self.clock.now()).into_iter();
        let fate = |there: &bool| if *there { fates.next().unwrap_or_default() } else { vec![Why::Absent] };
        let fates: Vec<Vec<Why>> = there.iter().map(fate).collect();
        Ok(snapshots.into_iter().zip(fates).collect())
    }

    async fn is_there(&self, host: HostId, snapshot: &str) -> Result<bool, AppError> {
        self.repositories.has_snapshot(host, snapshot).await.map_err(|e| AppError::Repository(e.to_string()))
    }

    /// Does it for one host, and keeps what came of it.
    async fn retain(&self, host: &HostRow) -> Result<String, AppError> {
        self.demand_clock()?;
        let ran = self.now();
        if let Err(error) = self.find_snapshots_of(host).await {
            tracing::debug!(host = %host.id, %error, "it was not looked for snapshots that the database does not know");
        }
        self.finish_removal(host.id).await?;
        let mut conn = self.store.read().await?;
        let fates = self.fates(&mut conn, host).await;
        // Looked at last: a snapshot that came meanwhile may have frozen it.
        let before = store::retention::get(&mut conn, host.id).await?;
        // One that never ended, since its PC is gone, is no reason to wait for it.
        let since = (self.clock.now() - LONGEST_BACKUP).timestamp();
        let works = store::jobs::backs_up(&mut conn, host.id, since).await?;
        drop(conn);
        if works {
            return Err(AppError::Conflict("this host is to back up, or does; try again when it is done".into()));
        }
        let going = fates.map(|fates| fates.into_iter().filter(|(_, why)| why.is_empty()).map(|(s, _)| s.id).collect());
        let (outcome, waiting) = match going {
            Ok(going) => self.remove(host, &before, going).await?,
            Err(error) => (error.to_string(), u64::try_from(before.waiting).unwrap_or(0)),
        };
        let mut tx = self.store.begin().await?;
        store::retention::done(&mut tx, host.id, ran, waiting, &outcome).await?;
        store::commit(tx).await?;
        Ok(outcome)
    }

    /// Removes these snapshots and what they alone needed. Says what came of it, and how many
    /// bytes wait for the next run.
    async fn remove(
        &self,
        host: &HostRow,
        before: &RetentionRow,
        going: Vec<String>,
    ) -> Result<(String, u64), AppError> {
        let waiting = u64::try_from(before.waiting).unwrap_or(0);
        if !before.frozen.is_empty() {
            let why = &before.frozen;
            return Ok((format!("nothing is removed: {why}; look at it, then 'keepwatch retention thaw'"), waiting));
        }
        if going.is_empty() && waiting == 0 {
            return Ok(("all snapshots stay by the rules".to_owned(), 0));
        }
        let mut tx = self.store.begin().await?;
        for id in &going {
            store::snapshots::set_leaving(&mut tx, host.id, id, self.now()).await?;
        }
        store::commit(tx).await?;
        let outcome = self.maintain(host, Work::Retain(going.clone())).await?;
        // Whatever became of it: what is gone is said to be.
        let mut gone = Vec::new();
        for id in going {
            if !self.is_there(host.id, &id).await? {
                gone.push(id);
            }
        }
        let (said, waiting) = match outcome {
            Outcome::Retained { forgotten, pruned } => (
                format!(
                    "{forgotten} snapshots removed, {} bytes freed, {} more in about a week",
                    pruned.removed, pruned.waiting
                ),
                pruned.waiting,
            ),
            Outcome::NotPruned { forgotten, why } => {
                (format!("{forgotten} snapshots removed; what they needed is still there: {why}"), waiting.max(1))
            }
            Outcome::Failed(why) => (format!("{} snapshots removed, and then: {why}", gone.len()), waiting.max(1)),
            other => return Err(AppError::Repository(format!("it answered {other:?}"))),
        };
        match self.no_longer(host.id, &gone).await {
            Ok(()) => Ok((said, waiting)),
            Err(error) => Ok((format!("{said}; but {error}"), waiting)),
        }
    }

    /// What an earlier run had removed when it was cut off is said to be gone.
    async fn finish_removal(&self, host: HostId) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let mut leaving = store::snapshots::list(&mut conn, host).await?;
        drop(conn);
        leaving.retain(|snapshot| snapshot.leaving != 0);
        let (mut gone, mut there) = (Vec::new(), Vec::new());
        for snapshot in leaving {
            if self.is_there(host, &snapshot.id).await? { there.push(snapshot.id) } else { gone.push(snapshot.id) }
        }
        if !there.is_empty() {
            // The rules may be others by now.
            let mut tx = self.store.begin().await?;
            for id in &there {
                store::snapshots::set_leaving(&mut tx, host, id, 0).await?;
            }
            store::commit(tx).await?;
        }
        if gone.is_empty() { Ok(()) } else { self.no_longer(host, &gone).await }
    }

    async fn no_longer(&self, host: HostId, gone: &[String]) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        for id in gone {
            store::snapshots::remove(&mut tx, host, id).await?;
        }
        let actor = Actor { user: "retention".into(), role: Role::Administrator, origin: String::new() };
        let deed = Deed { action: "snapshot remove", object: &host.to_string(), detail: &gone.join(" ") };
        if !gone.is_empty() {
            self.record(&mut tx, &actor, &deed).await?;
        }
        store::commit(tx).await?;
        self.hub.tell(crate::hub::Change::Host(host));
        Ok(())
    }
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn seen(row: &SnapshotRow) -> Seen {
    let clean = row.verdict.0.as_ref().is_some_and(|verdict| verdict.word() == "clean");
    Seen { id: row.id.clone(), received: moment(row.received), whole: row.partial == 0, clean }
}

fn arrival(row: &SnapshotRow) -> Arrival {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Arrival {
        received: moment(row.received),
        taken: moment(row.time),
        files: count(row.files),
        bytes: count(row.bytes),
        changed: count(row.changed),
        noise: count(row.noise),
    }
}
