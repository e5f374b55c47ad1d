//! Hosts as staff see them: what each is, how it is, and why.

mod details;
pub mod search;

pub(super) use details::names_of;

use super::audit::{Actor, Deed, Role};
use super::policies::Policies;
use super::rollouts::published;
use super::verification::{ROUND, proved};
use super::{App, AppError};
use crate::plan::health::{self, Known, Reason, State, Work};
use crate::plan::rollout::{self, Published};
use crate::store::deletions::DeletionRow;
use crate::store::hosts::HostRow;
use crate::store::judged::{HostMoment, Whose};
use crate::store::{self, Conn};
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::JobState;
use keepwatch_proto::policy::{FULL, Policy};
use keepwatch_proto::schedule::Timetable;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A host with its state.
#[derive(Debug, Clone)]
pub struct HostView {
    /// What is stored of it.
    pub row: HostRow,
    /// The path of its group.
    pub group: String,
    /// Whether it holds a stream now.
    pub connected: bool,
    /// At a glance.
    pub state: State,
    /// Why.
    pub reasons: Vec<Reason>,
    /// When it was last scanned; Unix seconds, 0: never.
    pub last_scan: i64,
    /// When all its disks were last scanned.
    pub last_full_scan: i64,
    /// When it was last backed up.
    pub last_backup: i64,
    /// By when all that it stored was last read and found sound.
    pub last_verified: i64,
    /// When it is next due; 0: only when asked.
    pub next_scan: i64,
    /// When it is next due; 0: only when asked.
    pub next_backup: i64,
    /// When its bundle was published; 0: it has none, or one that is not known here.
    pub bundle_published: i64,
    /// When its certificate ends; 0: not known.
    pub certificate_expires: i64,
    /// What it was called since when, and last what it is called; Unix seconds.
    pub names: Vec<(String, i64)>,
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
    pub async fn hosts(&self, _actor: &Actor) -> Result<Arc<Vec<HostView>>, AppError> {
        self.all_hosts().await
    }

    /// All of them, and what they are judged by.
    pub(super) async fn fleet_as_stored(&self) -> Result<(Vec<HostRow>, Fleet), AppError> {
        let mut conn = self.store.read().await?;
        Ok((store::hosts::list(&mut conn).await?, Fleet::read(&mut conn, None).await?))
    }

    /// One of them as it stands now, if it is there.
    pub(super) async fn judged(&self, host: HostId) -> Result<Option<HostView>, AppError> {
        let mut conn = self.store.read().await?;
        let Some(row) = store::hosts::get(&mut conn, host).await? else { return Ok(None) };
        let fleet = Fleet::read(&mut conn, Some(host)).await?;
        Ok(Some(fleet.view(row, |host| self.hub.is_connected(host), self.clock.now())))
    }

    /// One of them, by id or by a name that only one has.
    pub async fn host(&self, _actor: &Actor, wanted: &str) -> Result<HostView, AppError> {
        let mut conn = self.store.read().await?;
        let rows = match wanted.parse::<HostId>() {
            Ok(id) => store::hosts::get(&mut conn, id).await?.into_iter().collect(),
            Err(_) => store::hosts::list(&mut conn).await?,
        };
        let id = pick(&rows, |row| row, wanted)?.id;
        drop(conn);
        self.judged(id).await?.ok_or_else(|| AppError::NotFound(format!("the host '{id}' has gone meanwhile")))
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
pub(super) fn pick<'h, H>(hosts: &'h [H], row: impl Fn(&H) -> &HostRow, wanted: &str) -> Result<&'h H, AppError> {
    let found: Vec<&H> = match wanted.parse::<HostId>() {
        Ok(id) => hosts.iter().filter(|h| row(h).id == id).collect(),
        Err(_) => hosts.iter().filter(|h| name_of(row(h)).eq_ignore_ascii_case(wanted)).collect(),
    };
    let shown = wanted.escape_debug();
    // A replaced PC often keeps its name: the one that is still in use is meant.
    let in_use: Vec<&H> = found.iter().copied().filter(|h| row(h).revoked == 0).collect();
    match (&found[..], &in_use[..]) {
        ([], _) => Err(AppError::NotFound(format!("there is no host '{shown}'; 'keepwatch hosts list' shows them"))),
        ([only], _) | (_, [only]) => Ok(only),
        _ => {
            let ids: Vec<String> = found.iter().map(|h| row(h).id.to_string()).collect();
            Err(AppError::Conflict(format!(
                "{} hosts are called '{shown}'; name one by its id: {}",
                ids.len(),
                ids.join(", ")
            )))
        }
    }
}

/// What judging hosts needs, read once for all of them, or for one.
pub(super) struct Fleet {
    policies: Arc<Policies>,
    done: HashMap<(HostId, String), i64>,
    outcomes: HashMap<(HostId, String), JobState>,
    open: HashMap<HostId, (u32, u32)>,
    /// All bundles, the newest first.
    bundles: Vec<Published>,
    full_scans: HashMap<HostId, i64>,
    first_backups: HashMap<HostId, i64>,
    /// By when all of a repository was found sound.
    proved: HashMap<String, i64>,
    certificates: HashMap<HostId, i64>,
    /// Names of those that have had several.
    names: HashMap<HostId, Vec<(String, i64)>>,
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
    async fn read(conn: &mut Conn, whose: Whose) -> Result<Self, AppError> {
        let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
        let done = store::judged::last_done(conn, whose).await?;
        let ended = store::judged::last_ended(conn, whose).await?;
        let open = store::judged::open_detections(conn, whose).await?;
        let bundles = store::bundles::list(conn).await?;
        let by_host = |rows: Vec<HostMoment>| rows.into_iter().map(|row| (row.host, row.at)).collect();
        let (retention, verified, deletions, called) = match whose {
            None => (
                store::retention::list(conn).await?,
                store::verification::list(conn).await?,
                store::deletions::list(conn).await?,
                store::host_names::list(conn).await?,
            ),
            Some(host) => (
                vec![store::retention::get(conn, host).await?],
                vec![store::verification::get(conn, host).await?],
                store::deletions::get(conn, host).await?.into_iter().collect(),
                store::host_names::of(conn, host).await?,
            ),
        };
        let mut names: HashMap<HostId, Vec<(String, i64)>> = HashMap::new();
        for row in called {
            names.entry(row.host).or_default().push((row.name, row.since));
        }
        Ok(Self {
            names,
            policies: Policies::read(conn).await?,
            done: done.into_iter().map(|d| ((d.host, d.kind), d.ended)).collect(),
            outcomes: ended.into_iter().map(|e| ((e.host, e.kind), e.state.0)).collect(),
            open: open.into_iter().map(|o| (o.host, (count(o.open), count(o.grave)))).collect(),
            canaries: retention.iter().filter(|row| !row.canary.is_empty()).map(|row| row.host.clone()).collect(),
            frozen: retention.into_iter().filter(|row| !row.frozen.is_empty()).map(|row| row.host).collect(),
            proved: verified.iter().filter_map(|row| Some((row.host.clone(), proved(&row.parts.0)?))).collect(),
            damaged: verified.into_iter().filter(|row| row.damage.0.is_some()).map(|row| row.host).collect(),
            deletions: deletions.into_iter().map(|row| (row.host, row)).collect(),
            bundles: bundles.iter().map(published).collect(),
            full_scans: by_host(store::judged::last_full_scans(conn, whose).await?),
            first_backups: by_host(store::judged::first_backups(conn, whose).await?),
            certificates: by_host(store::judged::certificate_ends(conn, whose).await?),
        })
    }

    pub(super) fn view(&self, row: HostRow, connected: impl Fn(HostId) -> bool, now: DateTime<Utc>) -> HostView {
        let policy: Policy = self.policies.of(&row.group_name);
        let (scan_times, backup_times) = (policy.scan_timetable(row.id), policy.backup_timetable(row.id));
        let (open_detections, grave_detections) = self.open.get(&row.id).copied().unwrap_or_default();
        let deletion = self.deletions.get(&row.id).cloned();
        let (id, at) = (row.id.to_string(), |of: &HashMap<HostId, i64>| of.get(&row.id).copied().and_then(maybe));
        let (last_full_scan, certificate_expires) = (at(&self.full_scans), at(&self.certificates));
        let done = |kind: &str| self.done.get(&(row.id, kind.to_owned())).copied().and_then(maybe);
        let last_scan = done("scan");
        // A quick look is not what a policy asks for that says all.
        let wanted = if policy.scan.paths.iter().any(|path| path == FULL) { last_full_scan } else { last_scan };
        let bundle = rollout::age(&self.bundles, row.bundle, policy.signatures.wait(), now);
        let known = Known {
            revoked: row.revoked != 0,
            replaced: !row.replaced_by.is_empty(),
            connected: connected(row.id),
            last_seen: maybe(row.last_seen),
            enrolled: moment(row.enrolled),
            backup: self.work(&row, "backup", backup_times.as_ref(), done("backup")),
            scan: self.work(&row, "scan", scan_times.as_ref(), wanted),
            open_detections,
            grave_detections,
            bundle: u64::try_from(row.bundle).unwrap_or(0),
            bundle_published: bundle.published,
            bundle_superseded: bundle.superseded,
            bundle_kept_back: bundle.kept_back,
            bundle_halted: bundle.halted,
            bundle_refused: !row.bundle_refused.is_empty(),
            retention_frozen: self.frozen.contains(&id),
            last_verified: self.proved.get(&id).copied().and_then(maybe),
            verified_within: ROUND,
            first_backup: at(&self.first_backups),
            trial: self.outcomes.get(&(row.id, "verify".to_owned())).copied(),
            canary_touched: self.canaries.contains(&id),
            repository_damaged: self.damaged.contains(&id),
            deletion_wanted: deletion.as_ref().is_some_and(|row| row.done == 0),
            certificate_expires,
            disk: (row.facts.0.disk_free, row.facts.0.disk_total),
            agent_old: health::older(&row.facts.0.agent_version, env!("CARGO_PKG_VERSION")),
        };
        let (state, reasons) = health::judge(&known, now);
        let next = |t: Option<Timetable>| t.and_then(|t| t.next_after(now)).map_or(0, |t| t.timestamp());
        let seconds = |t: Option<DateTime<Utc>>| t.map_or(0, |t| t.timestamp());
        HostView {
            group: self.policies.tree().path(&row.group_name),
            connected: known.connected,
            state,
            reasons,
            last_scan: seconds(last_scan),
            last_full_scan: seconds(last_full_scan),
            last_backup: seconds(known.backup.last_done),
            last_verified: seconds(known.last_verified),
            next_scan: next(scan_times),
            next_backup: next(backup_times),
            bundle_published: seconds(bundle.published),
            certificate_expires: seconds(certificate_expires),
            names: self.names.get(&row.id).cloned().unwrap_or_else(|| vec![(name_of(&row).to_owned(), row.enrolled)]),
            open_detections,
            deletion,
            row,
        }
    }

    fn work(&self, row: &HostRow, kind: &str, times: Option<&Timetable>, last_done: Option<DateTime<Utc>>) -> Work {
        let key = (row.id, kind.to_owned());
        Work {
            expected: times.and_then(|times| times.expected(last_done.unwrap_or(moment(row.enrolled)))),
            last_done,
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
