//! What hosts report: what each event means. A report is acknowledged after its commit (`intake`);
//! events that were committed before are dropped by (host, boot, seq).

use super::intake::Taken;
use super::{App, AppError};
use crate::hub::Change;
use crate::store::detections::DetectionRow;
use crate::store::jobs::{JobRow, MEDIUM, SCHEDULE, UNKNOWN};
use crate::store::{self, Conn};
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::{BootId, DetectionId, HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec, JobState, KnownJobs, Progress, Want};
use keepwatch_proto::quarantine::Contents;
use std::sync::atomic::Ordering;
use std::time::Duration;

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
    /// What it would begin if it had leave.
    pub wants: Vec<Want>,
    /// Which jobs its ledger knows; now and then.
    pub known: Option<KnownJobs>,
    /// A page of what its quarantine holds; now and then.
    pub quarantine: Option<Contents>,
}

impl Report {
    /// These events, and nothing else.
    #[cfg(test)]
    pub fn of(boot: BootId, events: Vec<Event>) -> Self {
        Self {
            boot,
            generation: 0,
            bundle: 1,
            facts: None,
            events,
            progress: vec![],
            wants: vec![],
            known: None,
            quarantine: None,
        }
    }
}

/// Jobs of one host that have not ended.
const MOST_BEGUN: i64 = 200;
/// Of what a host tells of a job, so many lines and bytes are kept.
const LOG_LINES: usize = 100;
const LONGEST_LOG: usize = 64 << 10;
/// No host is honestly that far.
const FARTHEST: i64 = 1 << 53;

impl App {
    /// Takes a report in, within a transaction. Nothing outside it has changed by then.
    pub(super) async fn take_report(&self, conn: &mut Conn, host: HostId, report: &Report) -> Result<Taken, AppError> {
        store::hosts::seen(conn, host, self.now(), report.bundle).await?;
        let moved = match &report.facts {
            Some(facts) => self.hear_facts(conn, host, facts).await?,
            None => false,
        };
        let restored = self.catch_up(conn, host, report.generation).await?;
        let committed = store::events::committed(conn, host, report.boot).await?;
        let mut last = committed;
        let (mut ended, mut halted) = (Vec::new(), false);
        for event in report.events.iter().filter(|e| e.seq > committed) {
            if let EventKind::Ended { job, .. } = event.kind {
                ended.push(job);
            }
            halted |= self.take(conn, host, event).await?;
            last = last.max(event.seq);
        }
        if last > committed {
            store::events::advance(conn, host, report.boot, last).await?;
        }
        if let Some(known) = &report.known {
            self.agree(conn, host, known).await?;
        }
        if let Some(contents) = &report.quarantine {
            self.agree_on_quarantine(conn, host, contents).await?;
        }
        let asks = self.hear_wants(conn, host, &report.wants).await?;
        Ok(Taken { before: committed, last, ended, restored, asks, moved, halted })
    }

    /// Tells whom it concerns what was taken in and is committed.
    pub(super) fn tell(&self, host: HostId, report: Report, taken: Taken, took: Duration) {
        let Taken { before, last, ended, restored, asks, moved, halted } = taken;
        self.taken_in.count(report.events.iter().filter(|e| e.seq > before), self.clock.now(), took);
        if asks || !ended.is_empty() {
            self.slots.look();
        }
        if halted {
            self.hub.poke_all();
        }
        if restored {
            self.put_off.store(true, Ordering::Relaxed);
            self.hub.poke(host);
        }
        if moved {
            self.tell_of_move(host);
        }
        ended.iter().for_each(|job| self.hub.forget_progress(host, *job));
        if last > before {
            self.hub.tell(Change::Host(host));
        }
        report.progress.into_iter().filter(|p| !ended.contains(&p.job)).for_each(|p| self.hub.set_progress(host, p));
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
            return Ok(true);
        }
        Ok(false)
    }

    /// Says whether all hosts are to look anew at what they must be.
    async fn take(&self, conn: &mut Conn, host: HostId, event: &Event) -> Result<bool, AppError> {
        // A PC's clock may be far ahead, and what it dates into the future would hide all that
        // comes after it. One that is behind only makes things look older than they are.
        let at = event.at.min(self.clock.now()).timestamp();
        match &event.kind {
            EventKind::Started { job, spec, scheduled, medium } => {
                if self.has_too_many(conn, host, *job).await? {
                    return Ok(false);
                }
                let mut row = JobRow::new(*job, host, spec.clone(), SCHEDULE, at);
                (row.state.0, row.started) = (JobState::Running, at);
                // A job of the staff's is there already; one that is not and was not
                // scheduled was lost with a database, and is still worth knowing of.
                if !scheduled {
                    row.origin = UNKNOWN.into();
                }
                if *medium {
                    (row.origin, row.whole) = (MEDIUM.into(), 0);
                }
                store::jobs::insert(conn, &row).await?;
                if advance(conn, host, *job, JobState::Running).await? {
                    store::jobs::set_started(conn, *job, at).await?;
                }
                if matches!(spec, JobSpec::Backup { .. }) {
                    self.begins(conn, host, *job).await?;
                }
            }
            EventKind::Detection(detection) => {
                store::detections::insert(conn, &DetectionRow::of(DetectionId::new(&self.clock), host, at, detection))
                    .await?;
            }
            EventKind::Ended { job, ended } => self.end(conn, host, *job, at, ended).await?,
            EventKind::Refused { version, reason } => return self.bundle_refused(conn, host, *version, reason).await,
            EventKind::Canary(canary) => self.canary_touched(conn, host, canary).await?,
            EventKind::Quarantined(item) => self.quarantined(conn, host, item, at).await?,
            EventKind::QuarantineChanged(changed) => self.quarantine_changed(conn, host, changed).await?,
            EventKind::Applied { version } => self.bundle_taken(conn, host, *version).await?,
        }
        Ok(false)
    }

    /// An honest host works on a few at a time. What another one begins beyond that is not kept.
    pub(super) async fn has_too_many(&self, conn: &mut Conn, host: HostId, job: JobId) -> Result<bool, AppError> {
        if store::jobs::count_open(conn, host).await? < MOST_BEGUN || store::jobs::get(conn, job).await?.is_some() {
            return Ok(false);
        }
        tracing::warn!(%host, %job, "a host says that it begins more than {MOST_BEGUN} jobs at once: this is not kept");
        Ok(true)
    }

    pub(super) async fn end(
        &self,
        conn: &mut Conn,
        host: HostId,
        job: JobId,
        at: i64,
        ended: &Ended,
    ) -> Result<(), AppError> {
        if store::jobs::get(conn, job).await?.is_none() {
            self.remember(conn, host, job, at, ended).await?;
        }
        let went = advance(conn, host, job, ended.outcome).await?;
        if went {
            store::jobs::set_ended(conn, job, at, ended).await?;
            store::hosts::bump(conn, host).await?;
            self.try_again(conn, job, ended).await?;
        }
        let known = store::jobs::get(conn, job).await?.filter(|row| row.host == host);
        let Some(row) = known else { return Ok(()) };
        if row.kind == "backup" {
            store::slots::release(conn, host, job).await?;
        }
        let log: Vec<&str> = ended.log.iter().rev().take(LOG_LINES).rev().map(String::as_str).collect();
        // Of an end that is told again it is known.
        if went && !log.is_empty() {
            let text = log.join("\n");
            let end = text.floor_char_boundary(LONGEST_LOG);
            store::logs::add(conn, job, at, &text[..end]).await?;
        }
        // What it stored is stored, also where the job had been given up by then.
        if let Some(snapshot) =
            ended.snapshot.as_ref().filter(|snapshot| row.snapshot.is_empty() || row.snapshot == snapshot.id)
        {
            let partial = ended.outcome != JobState::Succeeded;
            let changed = ended.tally.files.saturating_sub(ended.tally.unchanged);
            store::snapshots::insert(conn, host, job, self.now(), partial, (changed, ended.tally.noise), snapshot)
                .await?;
            self.suspect(conn, host).await?;
        }
        Ok(())
    }

    /// A job that ended and of which nothing is known here: its start was acknowledged and then lost,
    /// with a database that was brought back from a copy.
    async fn remember(
        &self,
        conn: &mut Conn,
        host: HostId,
        job: JobId,
        at: i64,
        ended: &Ended,
    ) -> Result<(), AppError> {
        let of_snapshot = || {
            let paths = ended.snapshot.as_ref()?.paths.clone();
            Some(JobSpec::Backup { paths, excludes: vec![] })
        };
        let Some(spec) = ended.spec.clone().or_else(of_snapshot) else {
            tracing::warn!(%host, %job, outcome = %ended.outcome, "a job ended of which nothing is known");
            return Ok(());
        };
        let origin = if ended.scheduled { SCHEDULE } else { UNKNOWN };
        let mut row = JobRow::new(job, host, spec, origin, at);
        row.state.0 = JobState::Running;
        // Whether a scan looked at all that the policy names nobody can say any more.
        row.whole = i64::from(ended.scheduled || row.kind != "scan");
        Ok(store::jobs::insert(conn, &row).await?)
    }
}

/// Moves a job of this host's on. Says whether it went: a host cannot touch another's
/// jobs, and an end is final.
pub(super) async fn advance(conn: &mut Conn, host: HostId, job: JobId, to: JobState) -> Result<bool, AppError> {
    match store::jobs::get(conn, job).await? {
        Some(row) if row.host == host && row.state.0.may_become(to) => {
            let went = store::jobs::step(conn, job, row.state.0, to).await?;
            tracing::info!(%host, %job, kind = row.kind, request = row.request, state = to.word(), "a job went on");
            Ok(went)
        }
        Some(row) if row.host != host => {
            tracing::warn!(%host, %job, "a host reported on another host's job");
            Ok(false)
        }
        _ => Ok(false),
    }
}
