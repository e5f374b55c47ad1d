//! Restores: staff say what and where to; the host does it, within what its own
//! configuration allows.

use super::audit::{Actor, Role};
use super::jobs::{JobView, Wish};
use super::{App, AppError};
use crate::store;
use crate::store::jobs::JobRow;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::{Grant, JobSpec, RestoreSpec};

/// Bytes of the paths of infected files that go along with a restore.
const MOST_NAMED: usize = 256 << 10;
/// Restores that are not older are shown as recent.
const RECENT: TimeDelta = TimeDelta::days(30);
/// How long a host may read another's repository for one restore.
pub(super) const GRANT: TimeDelta = TimeDelta::hours(24);

impl App {
    /// Asks `host` to restore a snapshot of its own, or of `source` where one is named. What a host
    /// replaced counts as its own.
    pub async fn ask_restore(
        &self,
        actor: &Actor,
        host: &str,
        source: &str,
        spec: RestoreSpec,
    ) -> Result<JobView, AppError> {
        self.restore_once(actor, host, source, spec, "").await
    }

    /// Asks for what a look at a restore has shown: the same paths to the same place. Asked once
    /// more, it is the same job.
    pub async fn restore_as_looked(&self, actor: &Actor, job: &str) -> Result<JobView, AppError> {
        let looked = self.job(actor, job).await?.row;
        let JobSpec::Restore(mut spec) = looked.spec.0 else {
            return Err(AppError::Conflict("this job is no restore; ask for one from a snapshot's page".into()));
        };
        if !spec.dry_run {
            return Err(AppError::Conflict("this restore has written already; ask for another one".into()));
        }
        if !looked.state.0.is_end() {
            return Err(AppError::Conflict("it is still looking; wait for what it finds, and ask then".into()));
        }
        spec.dry_run = false;
        if !spec.in_place && spec.target.is_empty() {
            // The very folder that was shown.
            spec.target = looked.target;
        }
        let key = format!("as looked {}", looked.id);
        self.restore_once(actor, &looked.host.to_string(), &looked.source_host, spec, &key).await
    }

    async fn restore_once(
        &self,
        actor: &Actor,
        host: &str,
        source: &str,
        mut spec: RestoreSpec,
        key: &str,
    ) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "job create").await?;
        let host = self.host(actor, host).await?.row;
        let source = match source {
            "" => host.clone(),
            wanted => self.host(actor, wanted).await?.row,
        };
        if spec.infected {
            self.demand(actor, Role::Administrator, "infected restore").await?;
        }
        let only = if let [path] = &spec.paths[..] { path.as_str() } else { "" };
        let (source, snapshot) = self.snapshot_with(actor, &source, &spec.snapshot, only).await?;
        spec.snapshot = snapshot.id;
        let verdict = snapshot.verdict.0.unwrap_or_default();
        // Some that are infected may not be named: then all are looked at once more.
        let named: usize = verdict.files.iter().map(|file| file.path.len()).sum();
        let whole = verdict.is_whole() && named <= MOST_NAMED;
        // Another PC's word for it is not enough.
        spec.judged = if whole && source.id == host.id { verdict.bundle } else { 0 };
        let mut room = MOST_NAMED;
        let fits = |path: &String| {
            let fits = path.len() <= room;
            room -= if fits { path.len() } else { 0 };
            fits
        };
        spec.known = verdict.files.into_iter().map(|file| file.path).filter(fits).collect();
        spec.grant = String::new();
        let source = if source.id == host.id { String::new() } else { source.id.to_string() };
        let policy = self.policies().await?.of(&host.group_name);
        let mut tx = self.store.begin().await?;
        let id = self.queue_in(&mut tx, actor, &host, Wish::restore(spec, source, &policy), key).await?;
        store::commit(tx).await?;
        self.hub.poke(host.id);
        self.job(actor, &id.to_string()).await
    }

    /// The newest ones of the last month that wrote something, of all hosts.
    pub async fn recent_restores(&self, _actor: &Actor, most: u32) -> Result<Vec<JobRow>, AppError> {
        let mut conn = self.store.read().await?;
        // Looks come with them: so many that there is one of most of the hosts.
        let rows = store::jobs::newest_restores(&mut conn, self.now() - RECENT.num_seconds(), most * 4).await?;
        let wrote = rows.into_iter().filter(|row| matches!(&row.spec.0, JobSpec::Restore(spec) if !spec.dry_run));
        Ok(wrote.take(most as usize).collect())
    }

    /// The zone in which a host's days begin, as its policy says.
    pub async fn time_zone(&self, actor: &Actor, host: &str) -> Result<Tz, AppError> {
        let host = self.host(actor, host).await?.row;
        let policy = self.policies().await?.of(&host.group_name);
        Ok(policy.time_zone.parse().unwrap_or(Tz::UTC))
    }

    /// What an open restore needs from another host's repository; none once it is called off
    /// or too old.
    pub(super) fn grant(
        &self,
        job: &store::jobs::JobRow,
        source: &store::hosts::HostRow,
    ) -> Result<Option<Grant>, AppError> {
        if job.cancel != 0 || expiry(job.created) <= self.clock.now() {
            return Ok(None);
        }
        Ok(Some(Grant {
            id: job.id.to_string(),
            host: source.id,
            repository_password: self.escrow.unseal(&source.escrow)?,
            expires: expiry(job.created),
        }))
    }

    /// Whether a host may read another's repository now.
    pub async fn may_read(&self, reader: HostId, owner: HostId) -> bool {
        let open = async {
            let mut conn = self.store.read().await?;
            store::jobs::open_of(&mut conn, reader).await
        };
        let (owner, now) = (owner.to_string(), self.clock.now());
        open.await
            .is_ok_and(|jobs| jobs.iter().any(|j| j.source_host == owner && j.cancel == 0 && expiry(j.created) > now))
    }
}

fn expiry(created: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(created, 0).unwrap_or_default() + GRANT
}
