//! What hosts report. A report is taken in within one transaction and acknowledged after
//! its commit; events that were committed before are dropped by (host, boot, seq).

use super::{App, AppError};
use crate::hub::Change;
use crate::store::jobs::{JobRow, MEDIUM, SCHEDULE};
use crate::store::{self, Conn};
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::{BootId, DetectionId, HostId, JobId};
use keepwatch_proto::job::{Ended, JobState, Progress};
use std::sync::atomic::Ordering;

/// A host's report.
pub struct Report {
    /// Its ledger's life.
    pub boot: BootId,
    /// Generation that it applied.
    pub generation: u64,
    /// Version of the bundle in use.
    pub bundle: u64,
    /// What it says of itself, where it does.
    pub facts: Option<Facts>,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// How far running jobs have come.
    pub progress: Vec<Progress>,
}

/// No host is honestly that far.
const FARTHEST: i64 = 1 << 53;

impl App {
    /// Takes a report in. Returns up to which sequence the host's events are committed.
    pub async fn ingest(&self, host: HostId, report: Report) -> Result<u64, AppError> {
        let mut tx = self.store.begin().await?;
        store::hosts::seen(&mut tx, host, self.now(), report.bundle).await?;
        if let Some(facts) = &report.facts {
            store::hosts::set_facts(&mut tx, host, facts).await?;
        }
        let restored = self.catch_up(&mut tx, host, report.generation).await?;
        let committed = store::events::committed(&mut tx, host, report.boot).await?;
        let mut last = committed;
        let mut ended = Vec::new();
        for event in report.events.iter().filter(|e| e.seq > committed) {
            if let EventKind::Ended { job, .. } = event.kind {
                ended.push(job);
            }
            self.take(&mut tx, host, event).await?;
            last = last.max(event.seq);
        }
        if last > committed {
            store::events::advance(&mut tx, host, report.boot, last).await?;
        }
        store::commit(tx).await?;
        if restored {
            self.put_off.store(true, Ordering::Relaxed);
        }
        ended.iter().for_each(|job| self.hub.forget_progress(host, *job));
        if last > committed {
            self.hub.tell(Change::Host(host));
        }
        report.progress.into_iter().filter(|p| !ended.contains(&p.job)).for_each(|p| self.hub.set_progress(host, p));
        Ok(last)
    }

    /// A host may have applied a newer generation than we know of, when our database was
    /// restored from an older copy. It takes only newer ones, so ours must be. Says whether that was so.
    async fn catch_up(&self, conn: &mut Conn, host: HostId, reported: u64) -> Result<bool, AppError> {
        let Some(row) = store::hosts::get(conn, host).await? else { return Ok(false) };
        let reported = i64::try_from(reported).unwrap_or(0);
        if reported > row.generation && reported < FARTHEST {
            tracing::warn!(%host, reported, ours = row.generation, "a host is ahead of this database; was it restored?");
            store::hosts::set_generation(conn, host, reported + 1).await?;
            // What was called off since the copy was made is in it again: whoever called it off has
            // as long again to see that. Once for each start: a PC can say so as often as it likes.
            if !self.put_off.load(Ordering::Relaxed) {
                let until = self.clock.now() + self.deletion_wait;
                store::deletions::postpone(conn, until.timestamp()).await?;
            }
            self.hub.poke(host);
            return Ok(true);
        }
        Ok(false)
    }

    async fn take(&self, conn: &mut Conn, host: HostId, event: &Event) -> Result<(), AppError> {
        // A PC's clock may be far ahead, and what it dates into the future would hide all that
        // comes after it. One that is behind only makes things look older than they are.
        let at = event.at.min(self.clock.now()).timestamp();
        match &event.kind {
            EventKind::Started { job, spec, scheduled, medium } => {
                let mut row = JobRow::new(*job, host, spec.clone(), SCHEDULE, at);
                (row.state.0, row.started) = (JobState::Running, at);
                // A job of the staff's is there already; one that is not and was not
                // scheduled was lost with a database, and is still worth knowing of.
                if !scheduled {
                    row.origin = "?".into();
                }
                if *medium {
                    (row.origin, row.whole) = (MEDIUM.into(), 0);
                }
                store::jobs::insert(conn, &row).await?;
                if advance(conn, host, *job, JobState::Running).await? {
                    store::jobs::set_started(conn, *job, at).await?;
                }
            }
            EventKind::Detection(detection) => {
                store::detections::insert(conn, DetectionId::new(&self.clock), host, at, detection).await?;
            }
            EventKind::Ended { job, ended } => self.end(conn, host, *job, at, ended).await?,
            EventKind::Refused { version, reason } => {
                tracing::warn!(%host, version, reason, "a bundle was refused");
                store::hosts::set_bundle_refused(conn, host, reason).await?;
            }
            EventKind::Canary(canary) => self.canary_touched(conn, host, canary).await?,
            EventKind::Applied { .. } => store::hosts::set_bundle_refused(conn, host, "").await?,
        }
        Ok(())
    }

    pub(super) async fn end(
        &self,
        conn: &mut Conn,
        host: HostId,
        job: JobId,
        at: i64,
        ended: &Ended,
    ) -> Result<(), AppError> {
        if !advance(conn, host, job, ended.outcome).await? {
            return Ok(());
        }
        store::jobs::set_ended(conn, job, at, ended).await?;
        store::hosts::bump(conn, host).await?;
        if let Some(snapshot) = &ended.snapshot {
            let partial = ended.outcome != JobState::Succeeded;
            let changed = ended.tally.files.saturating_sub(ended.tally.unchanged);
            store::snapshots::insert(conn, host, job, self.now(), partial, (changed, ended.tally.noise), snapshot)
                .await?;
            self.suspect(conn, host).await?;
        }
        Ok(())
    }
}

/// Moves a job of this host's on. Says whether it went: a host cannot touch another's
/// jobs, and an end is final.
async fn advance(conn: &mut Conn, host: HostId, job: JobId, to: JobState) -> Result<bool, AppError> {
    match store::jobs::get(conn, job).await? {
        Some(row) if row.host == host && row.state.0.may_become(to) => {
            Ok(store::jobs::step(conn, job, row.state.0, to).await?)
        }
        Some(row) if row.host != host => {
            tracing::warn!(%host, %job, "a host reported on another host's job");
            Ok(false)
        }
        _ => Ok(false),
    }
}
