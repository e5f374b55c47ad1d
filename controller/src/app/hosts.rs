//! Hosts as staff see them: what each is, how it is, and why.

use super::audit::{Actor, Deed, Role};
use super::policies::Policies;
use super::{App, AppError};
use crate::plan::health::{self, Known, Reason, State, Work};
use crate::store::deletions::DeletionRow;
use crate::store::hosts::HostRow;
use crate::store::{self, Conn};
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::JobState;
use keepwatch_proto::policy::Policy;
use keepwatch_proto::schedule::Schedule;
use std::collections::{HashMap, HashSet};

/// A host with its state.
#[derive(Debug, Clone)]
pub struct HostView {
    /// What is stored of it.
    pub row: HostRow,
    /// Whether it holds a stream now.
    pub connected: bool,
    /// At a glance.
    pub state: State,
    /// Why.
    pub reasons: Vec<Reason>,
    /// When it was last scanned; Unix seconds, 0: never.
    pub last_scan: i64,
    /// When it was last backed up.
    pub last_backup: i64,
    /// When it is next due; 0: only when asked.
    pub next_scan: i64,
    /// When it is next due; 0: only when asked.
    pub next_backup: i64,
    /// Open detections.
    pub open_detections: u32,
    /// Whether its repository is to be deleted, or was.
    pub deletion: Option<DeletionRow>,
}

impl HostView {
    /// The name that people know it by.
    pub fn name(&self) -> &str {
        name_of(&self.row)
    }
}

/// The name that people know a host by.
pub fn name_of(row: &HostRow) -> &str {
    if row.facts.0.name.is_empty() { "?" } else { &row.facts.0.name }
}

/// The names of all of them.
pub(super) async fn names(conn: &mut Conn) -> Result<HashMap<HostId, String>, AppError> {
    let hosts = store::hosts::list(conn).await?;
    Ok(hosts.into_iter().map(|h| (h.id, name_of(&h).to_owned())).collect())
}

impl App {
    /// The host that a listing is of; `None` for all of them, where none is named.
    pub(super) async fn host_filter(&self, actor: &Actor, wanted: &str) -> Result<Option<HostId>, AppError> {
        match wanted {
            "" => Ok(None),
            wanted => Ok(Some(self.host(actor, wanted).await?.row.id)),
        }
    }

    /// All of them.
    pub async fn hosts(&self, _actor: &Actor) -> Result<Vec<HostView>, AppError> {
        let mut conn = self.store.read().await?;
        let rows = store::hosts::list(&mut conn).await?;
        let fleet = Fleet::read(&mut conn).await?;
        let now = self.clock.now();
        Ok(rows.into_iter().map(|row| fleet.view(row, |host| self.hub.is_connected(host), now)).collect())
    }

    /// One of them, by id or by a name that only one has.
    pub async fn host(&self, actor: &Actor, wanted: &str) -> Result<HostView, AppError> {
        pick(self.hosts(actor).await?, wanted)
    }

    /// Cuts a host off: its certificate is void, its connections end now. Its backups stay.
    pub async fn revoke_host(&self, actor: &Actor, wanted: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Administrator, "host revoke").await?;
        let host = self.host(actor, wanted).await?;
        let mut tx = self.store.begin().await?;
        if !store::hosts::revoke(&mut tx, host.row.id, self.now()).await? {
            return Err(AppError::Conflict(format!("'{}' has been revoked already", host.name())));
        }
        let deed = Deed { action: "host revoke", object: &host.row.id.to_string(), detail: host.name() };
        self.record(&mut tx, actor, &deed).await?;
        store::commit(tx).await?;
        self.hub.cut(host.row.id);
        self.hub.tell(crate::hub::Change::Host(host.row.id));
        Ok(())
    }
}

/// The one meant by an id or a name.
fn pick(hosts: Vec<HostView>, wanted: &str) -> Result<HostView, AppError> {
    let mut found: Vec<HostView> = match wanted.parse::<HostId>() {
        Ok(id) => hosts.into_iter().filter(|h| h.row.id == id).collect(),
        Err(_) => hosts.into_iter().filter(|h| h.name().eq_ignore_ascii_case(wanted)).collect(),
    };
    let shown = wanted.escape_debug();
    match found.len() {
        0 => Err(AppError::NotFound(format!("there is no host '{shown}'; 'keepwatch hosts list' shows them"))),
        1 => Ok(found.remove(0)),
        _ => {
            // A replaced PC often keeps its name: the one that is still in use is meant.
            let in_use: Vec<&HostView> = found.iter().filter(|h| h.row.revoked == 0).collect();
            if let [only] = in_use[..] {
                return Ok(only.clone());
            }
            let ids: Vec<String> = found.iter().map(|h| h.row.id.to_string()).collect();
            Err(AppError::Conflict(format!(
                "{} hosts are called '{shown}'; name one by its id: {}",
                ids.len(),
                ids.join(", ")
            )))
        }
    }
}

/// What judging hosts needs, read once for all of them.
struct Fleet {
    policies: Policies,
    done: HashMap<(HostId, String), i64>,
    outcomes: HashMap<(HostId, String), JobState>,
    open: HashMap<HostId, (u32, u32)>,
    newest: Option<(u64, DateTime<Utc>)>,
    /// Hosts of which no snapshot is removed.
    frozen: HashSet<String>,
    /// Hosts of which a canary was touched.
    canaries: HashSet<String>,
    /// Hosts of whose repository something is spoilt or gone.
    damaged: HashSet<String>,
    /// Repositories that are to be deleted, or were.
    deletions: HashMap<HostId, DeletionRow>,
}

impl Fleet {
    async fn read(conn: &mut Conn) -> Result<Self, AppError> {
        let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let done = store::jobs::last_done(conn).await?;
        let ended = store::jobs::last_ended(conn).await?;
        let open = store::detections::open_counts(conn).await?;
        let newest = store::bundles::newest(conn).await?;
        let retention = store::retention::list(conn).await?;
        let verified = store::verification::list(conn).await?;
        Ok(Self {
            policies: Policies::read(conn).await?,
            done: done.into_iter().map(|d| ((d.host, d.kind), d.ended)).collect(),
            outcomes: ended.into_iter().map(|e| ((e.host, e.kind), e.state.0)).collect(),
            open: open.into_iter().map(|o| (o.host, (count(o.open), count(o.grave)))).collect(),
            canaries: retention.iter().filter(|row| !row.canary.is_empty()).map(|row| row.host.clone()).collect(),
            frozen: retention.into_iter().filter(|row| !row.frozen.is_empty()).map(|row| row.host).collect(),
            damaged: verified.into_iter().filter(|row| row.damage.0.is_some()).map(|row| row.host).collect(),
            deletions: store::deletions::list(conn).await?.into_iter().map(|row| (row.host, row)).collect(),
            newest: newest.map(|b| (u64::try_from(b.version).unwrap_or(0), moment(b.published))),
        })
    }

    fn view(&self, row: HostRow, connected: impl Fn(HostId) -> bool, now: DateTime<Utc>) -> HostView {
        let policy: Policy = self.policies.of(&row.group_name);
        let (scan_schedule, backup_schedule) = (policy.scan_schedule(), policy.backup_schedule());
        let (open_detections, grave_detections) = self.open.get(&row.id).copied().unwrap_or_default();
        let deletion = self.deletions.get(&row.id).cloned();
        let known = Known {
            enrolled: moment(row.enrolled),
            revoked: row.revoked != 0,
            replaced: !row.replaced_by.is_empty(),
            connected: connected(row.id),
            last_seen: maybe(row.last_seen),
            backup: self.work(row.id, "backup", backup_schedule.as_ref(), now),
            scan: self.work(row.id, "scan", scan_schedule.as_ref(), now),
            open_detections,
            grave_detections,
            bundle: u64::try_from(row.bundle).unwrap_or(0),
            newest_bundle: self.newest,
            bundle_refused: !row.bundle_refused.is_empty(),
            retention_frozen: self.frozen.contains(&row.id.to_string()),
            trial: self.outcomes.get(&(row.id, "verify".to_owned())).copied(),
            canary_touched: self.canaries.contains(&row.id.to_string()),
            repository_damaged: self.damaged.contains(&row.id.to_string()),
            deletion_wanted: deletion.as_ref().is_some_and(|row| row.done == 0),
        };
        let (state, reasons) = health::judge(&known, now);
        let next = |s: Option<Schedule>| s.and_then(|s| s.next_after(now)).map_or(0, |t| t.timestamp());
        let seconds = |t: Option<DateTime<Utc>>| t.map_or(0, |t| t.timestamp());
        HostView {
            connected: known.connected,
            state,
            reasons,
            last_scan: seconds(known.scan.last_done),
            last_backup: seconds(known.backup.last_done),
            next_scan: next(scan_schedule),
            next_backup: next(backup_schedule),
            open_detections,
            deletion,
            row,
        }
    }

    fn work(&self, host: HostId, kind: &str, schedule: Option<&Schedule>, now: DateTime<Utc>) -> Work {
        let key = (host, kind.to_owned());
        let period: Option<TimeDelta> = schedule.and_then(|s| s.period(now));
        Work {
            period,
            last_done: self.done.get(&key).copied().and_then(maybe),
            last_outcome: self.outcomes.get(&key).copied(),
        }
    }
}

fn moment(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default()
}

fn maybe(seconds: i64) -> Option<DateTime<Utc>> {
    if seconds == 0 { None } else { Some(moment(seconds)) }
}
