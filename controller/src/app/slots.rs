//! Leave to back up: hosts ask for it in their reports, and are answered in what they must be.
//! Who is served is decided in `plan`, over what the database knows, so that several controllers
//! over one database keep one bound.

use super::audit::Actor;
use super::events::advance;
use super::hosts::names;
use super::policies::Policies;
use super::{App, AppError};
use crate::plan::slots::{Bounds, Place, decide};
use crate::store::jobs::{JobRow, SCHEDULE, UNKNOWN};
use crate::store::slots::SlotRow;
use crate::store::{self, Conn};
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{JobSpec, JobState, Slot, Want};
use tokio::sync::Notify;

/// The one place that a controller's hosts store in.
const STORAGE: &str = "repositories";

/// Where leave is given.
#[derive(Debug, Default)]
pub struct Desk {
    /// How many may back up at once, in all.
    pub whole: usize,
    /// How many into one storage.
    pub storage: usize,
    bell: Notify,
}

impl Desk {
    /// One that gives leave to so many at once; 0: to everybody.
    pub fn new(whole: u32, storage: u32) -> Self {
        let count = |n: u32| usize::try_from(n).unwrap_or(usize::MAX);
        Self { whole: count(whole), storage: count(storage), bell: Notify::new() }
    }

    /// Somebody asks, or has done.
    pub fn look(&self) {
        self.bell.notify_one();
    }

    /// Returns when somebody did since the last time.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// A slot as staff see it.
#[derive(Debug, Clone)]
pub struct SlotView {
    /// What is stored of it.
    pub row: SlotRow,
    /// Name of its host.
    pub host_name: String,
    /// The path of its host's group.
    pub group: String,
}

impl App {
    /// Takes in what a host asks for. Says whether that changes who may begin.
    pub(super) async fn hear_wants(&self, conn: &mut Conn, host: HostId, wants: &[Want]) -> Result<bool, AppError> {
        // One piece of heavy work at a time is all that a host does.
        let Some(want) = wants.first() else { return Ok(store::slots::withdraw(conn, host).await?) };
        if !matches!(want.spec, JobSpec::Backup { .. }) {
            return Ok(false);
        }
        let before = store::slots::get(conn, host).await?;
        // What is said again, or was said before it began.
        if before.is_some_and(|slot| slot.job == want.job || slot.begun != 0) {
            return Ok(false);
        }
        if self.has_too_many(conn, host, want.job).await? {
            return Ok(false);
        }
        let origin = if want.scheduled { SCHEDULE } else { UNKNOWN };
        let mut row = JobRow::new(want.job, host, want.spec.clone(), origin, self.now());
        row.state.0 = JobState::Waiting;
        store::jobs::insert(conn, &row).await?;
        if advance(conn, host, want.job, JobState::Waiting).await? {
            store::jobs::turned_up(conn, want.job).await?;
        }
        // Its age is what we have seen of it, and not what a host claims.
        let known = store::jobs::get(conn, want.job).await?;
        let Some(known) = known.filter(|row| row.host == host && row.state.0 == JobState::Waiting) else {
            return Ok(false);
        };
        store::slots::ask(conn, host, want.job, known.created).await?;
        // It is to hear that we know.
        store::hosts::bump(conn, host).await?;
        self.hub.poke(host);
        Ok(true)
    }

    /// A backup has begun, by leave or without.
    pub(super) async fn begins(&self, conn: &mut Conn, host: HostId, job: JobId) -> Result<(), AppError> {
        if let Some(slot) = store::slots::get(conn, host).await?.filter(|slot| slot.job == job) {
            let waited = (self.now() - slot.asked).max(0);
            store::jobs::set_waited(conn, job, waited).await?;
            self.taken_in.waited(waited);
            if slot.granted == 0 {
                self.note(conn, job, "it went ahead without leave: its PC heard no answer for too long").await?;
            }
        }
        Ok(store::slots::begin(conn, host, job, self.now()).await?)
    }

    /// Who backs up now and who would, those that have waited longest first.
    pub async fn slots(&self, _actor: &Actor) -> Result<Vec<SlotView>, AppError> {
        let mut conn = self.store.read().await?;
        let names = names(&mut conn).await?;
        let rows = store::slots::list(&mut conn).await?;
        let tree = super::groups::tree(&mut conn).await?;
        let name = |host: HostId| names.get(&host).cloned().unwrap_or_default();
        let view = |row: SlotRow| SlotView { host_name: name(row.host), group: tree.path(&row.group_name), row };
        Ok(rows.into_iter().map(view).collect())
    }

    /// What a host's requests are answered.
    pub(super) async fn answers(&self, conn: &mut Conn, host: HostId) -> Result<Vec<Slot>, AppError> {
        let slot = store::slots::get(conn, host).await?.filter(|slot| slot.begun == 0);
        Ok(slot.into_iter().map(|slot| Slot { job: slot.job, granted: slot.granted != 0 }).collect())
    }

    /// Gives leave to whoever's turn it is. Returns those who got it.
    /// `since`: from when on this controller has listened.
    pub async fn grant_slots(&self, since: DateTime<Utc>) -> Result<Vec<HostId>, AppError> {
        // Most of the time there is nothing to do, and nobody is kept waiting for it.
        if !store::slots::any(&mut *self.store.read().await?).await? {
            return Ok(vec![]);
        }
        let mut tx = self.store.begin().await?;
        let rows = store::slots::list(&mut tx).await?;
        let policies = Policies::read(&mut tx).await?;
        let mut bounds = Bounds { whole: self.slots.whole, storage: self.slots.storage, groups: Default::default() };
        let heard = |row: &SlotRow| match self.hub.is_connected(row.host) {
            true => self.now(),
            false => row.last_seen.max(since.timestamp()),
        };
        let places: Vec<Place> = rows.into_iter().map(|row| place(row, heard, &policies, &mut bounds)).collect();
        let (now, certain) = (self.now(), self.clock_doubt().is_none());
        let decision = decide(&places, &bounds, now, certain);
        let job_of = |host: HostId| places.iter().find(|place| place.host == host).map(|place| place.job);
        for host in &decision.granted {
            store::slots::grant(&mut tx, *host, now).await?;
            if let Some(job) = job_of(*host) {
                self.note(&mut tx, job, "its PC has leave to begin").await?;
            }
        }
        for host in &decision.lapsed {
            if let Some(job) = job_of(*host) {
                store::slots::release(&mut tx, *host, job).await?;
                self.note(&mut tx, job, "its turn has lapsed: nothing was heard of its PC").await?;
            }
        }
        for host in decision.granted.iter().chain(&decision.lapsed) {
            store::hosts::bump(&mut tx, *host).await?;
        }
        store::commit(tx).await?;
        decision.granted.iter().chain(&decision.lapsed).for_each(|host| self.hub.poke(*host));
        Ok(decision.granted)
    }
}

fn place(row: SlotRow, heard: impl Fn(&SlotRow) -> i64, policies: &Policies, bounds: &mut Bounds) -> Place {
    // One that may not come any more is as good as silent.
    let heard = if row.revoked == 0 { heard(&row) } else { 0 };
    let bounded_by = policies.origin_of(&row.group_name, "work.backups_at_once").unwrap_or_default();
    let most = policies.of(&row.group_name).work.backups_at_once;
    bounds.groups.insert(bounded_by.clone(), usize::try_from(most).unwrap_or(usize::MAX));
    Place {
        host: row.host,
        job: row.job,
        group: row.group_name,
        bounded_by,
        storage: STORAGE.into(),
        asked: row.asked,
        granted: row.granted,
        begun: row.begun,
        heard,
    }
}
