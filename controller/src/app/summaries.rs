//! What managers are told of a week or a month: how a department's PCs stand now, by the same
//! figures as everywhere, and what happened to them in that time.

mod backups;
mod happened;
mod turns;

pub use happened::Happened;
pub use turns::{Turn, Turns};

use super::audit::Actor;
use super::groups::meant;
use super::hosts::HostView;
use super::policies::Policies;
use super::{App, AppError};
use crate::plan::health::{Figures, GroupFigures, Reason, State};
use crate::plan::period::Period;
use crate::store;
use crate::store::detections::DetectionRow;
use crate::store::groups::ROOT;
use crate::store::summaries::Restore;
use backups::Backups;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use happened::Seen;
use keepwatch_proto::ids::HostId;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// Restores and detections that are looked at by name; all of them are counted.
const NAMED: i64 = 5_000;

/// Which report is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// `week`, `month`, `2026-W47` or `2026-11`.
    pub period: String,
    /// Of this group and all below it; empty: of all.
    pub group: String,
}

/// A report. It holds its turn: while it is made into a page or a file, it is still being made.
#[derive(Debug)]
pub struct Summary {
    _turn: Turn,
    /// What it is about.
    pub period: Period,
    /// Whether that is over.
    pub over: bool,
    /// Where its days begin and end.
    pub zone: Tz,
    /// The group's path; empty: all of them.
    pub group: String,
    /// When it was made, and what `now` is as of.
    pub made: DateTime<Utc>,
    /// Who had it made.
    pub made_by: String,
    /// How the PCs stand.
    pub now: Figures,
    /// The group and all below it, a parent before its children; each with all that is below it.
    pub departments: Vec<Department>,
    /// What happened to all of them.
    pub happened: Happened,
    /// Hosts that are not protected, the worst first.
    pub unprotected: Vec<Unprotected>,
    /// What was found, the newest first, with the host's name; not all where that is very much.
    pub detections: Vec<(String, DetectionRow)>,
    /// What was restored, the newest first, with the host's name.
    pub restores: Vec<(String, Restore)>,
    /// How many hosts have which version of the signatures, the newest first; version 0: none.
    pub signatures: Vec<Signatures>,
}

/// A group in a report.
#[derive(Debug, Clone)]
pub struct Department {
    /// How its PCs stand.
    pub figures: GroupFigures,
    /// What happened to them.
    pub happened: Happened,
}

/// A host that is not protected.
#[derive(Debug, Clone)]
pub struct Unprotected {
    /// Its name.
    pub name: String,
    /// Its group's path.
    pub group: String,
    /// How it stands.
    pub state: State,
    /// Why.
    pub reasons: Vec<Reason>,
    /// Since when, in Unix seconds; 0: that is not known.
    pub since: i64,
    /// When it was last backed up; 0: never.
    pub last_backup: i64,
}

/// A version of the signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signatures {
    /// Which.
    pub version: i64,
    /// When it was published; 0: not known here.
    pub published: i64,
    /// How many hosts have it.
    pub hosts: u32,
}

impl App {
    /// Puts a report together.
    pub async fn summary(&self, actor: &Actor, wanted: &Wanted) -> Result<Summary, AppError> {
        let turn = self.reporting.next().await?;
        let (policies, now) = (self.policies().await?, self.clock.now());
        let key = meant(policies.tree(), &wanted.group)?;
        let zone: Tz = policies.of(&key).time_zone.parse().unwrap_or(Tz::UTC);
        let period = period(&wanted.period, now.with_timezone(&zone).date_naive())?;
        let (from, until) = period.bounds(zone);
        if from > now.timestamp() {
            return Err(AppError::Invalid(format!("{period} has not begun yet; choose an earlier week or month")));
        }
        let (groups, hosts) = self.group_look(&wanted.group).await?;
        let paths: HashSet<&str> = groups.iter().map(|g| g.name.as_str()).collect();
        let hosts = hosts.iter().filter(|host| paths.contains(host.group.as_str())).cloned();
        let hosts: Arc<Vec<HostView>> = Arc::new(hosts.collect());
        let group = if wanted.group.is_empty() { String::new() } else { policies.tree().path(&key) };

        let backups = self.backups_in((from, until), now, (&hosts, &policies), backups::TOGETHER).await?;
        let seen = self.seen_in((from, until), backups).await?;
        let places: HashMap<HostId, String> = hosts.iter().map(|h| (h.row.id, h.name().to_owned())).collect();
        let named = |host: &HostId| places.get(host).cloned();
        let detections = seen.detections.iter().filter_map(|row| Some((named(&row.host)?, row.clone()))).collect();
        let restores = seen.restores.iter().filter_map(|row| Some((named(&row.host)?, row.clone()))).collect();
        let signatures = signatures(&hosts, &seen.published);
        let mut figures = Figures::default();
        groups.iter().for_each(|g| figures += g.own);

        let work = move || {
            let unprotected = unprotected(&hosts, &policies, &seen.open_since);
            let (departments, happened) = happened::roll_up(groups, happened::by_group(&hosts, &seen));
            (turn, unprotected, departments, happened)
        };
        let done = tokio::task::spawn_blocking(work).await;
        let (turn, unprotected, departments, happened) = done.map_err(|e| AppError::Repository(e.to_string()))?;
        Ok(Summary {
            _turn: turn,
            period,
            over: until <= now.timestamp(),
            zone,
            group,
            made: now,
            made_by: actor.user.clone(),
            now: figures,
            departments,
            happened,
            unprotected,
            detections,
            restores,
            signatures,
        })
    }

    /// Whose clocks most PCs' policies go by: what is not of one PC is told by them.
    pub async fn fleet_zone(&self) -> Result<Tz, AppError> {
        Ok(self.policies().await?.of(ROOT).time_zone.parse().unwrap_or(Tz::UTC))
    }

    /// Which day it is by these: by it periods are offered.
    pub async fn local_day(&self) -> Result<chrono::NaiveDate, AppError> {
        Ok(self.clock.now().with_timezone(&self.fleet_zone().await?).date_naive())
    }

    /// What the database has of a period, beside the backups.
    async fn seen_in(&self, period: (i64, i64), backups: HashMap<HostId, Backups>) -> Result<Seen, AppError> {
        let mut conn = self.store.read().await?;
        let since = store::summaries::open_since(&mut conn).await?;
        let bundles = store::bundles::list(&mut conn).await?;
        Ok(Seen {
            backups,
            scans: store::summaries::scans(&mut conn, period).await?,
            detected: store::summaries::detected(&mut conn, period).await?,
            detections: store::summaries::detections(&mut conn, period, NAMED).await?,
            restored: store::summaries::restored(&mut conn, period).await?,
            restores: store::summaries::restores(&mut conn, period, NAMED).await?,
            open_since: since.into_iter().map(|row| (row.host, row.at)).collect(),
            published: bundles.into_iter().map(|bundle| (bundle.version, bundle.published)).collect(),
        })
    }
}

fn period(text: &str, today: chrono::NaiveDate) -> Result<Period, AppError> {
    Period::parse(text, today).ok_or_else(|| {
        AppError::Invalid(format!(
            "there is no period '{}'; write week, month, a week such as 2026-W47 or a month such as 2026-11",
            text.escape_debug()
        ))
    })
}

fn in_use(host: &HostView) -> bool {
    host.row.revoked == 0 && host.row.replaced_by.is_empty()
}

fn unprotected(hosts: &[HostView], policies: &Arc<Policies>, found: &HashMap<HostId, i64>) -> Vec<Unprotected> {
    let counted = hosts.iter().filter(|host| in_use(host) && host.state != State::Protected);
    let mut list: Vec<Unprotected> = counted
        .map(|host| Unprotected {
            name: host.name().to_owned(),
            group: host.group.clone(),
            state: host.state,
            reasons: host.reasons.clone(),
            since: since(host, policies, found.get(&host.row.id).copied()),
            last_backup: host.last_backup,
        })
        .collect();
    let urgency = |state: State| match state {
        State::AtRisk => 0,
        State::Unknown => 1,
        State::Attention => 2,
        State::Protected => 3,
    };
    list.sort_by_cached_key(|host| (urgency(host.state), host.group.clone(), host.name.to_lowercase()));
    list
}

/// Since when the first of its reasons has held of which that is known; 0: of none.
fn since(host: &HostView, policies: &Policies, found: Option<i64>) -> i64 {
    let backup_due = || {
        let done = if host.last_backup > 0 { host.last_backup } else { host.row.enrolled };
        let times = policies.of(&host.row.group_name).backup_timetable(host.row.id)?;
        Some(times.expected(DateTime::from_timestamp(done, 0)?)?.due.timestamp())
    };
    let of = |reason: &Reason| match reason {
        Reason::NeverConnected | Reason::Pending | Reason::NoBackup | Reason::FirstBackup => Some(host.row.enrolled),
        Reason::Away | Reason::Lost => Some(host.row.last_seen).filter(|at| *at > 0),
        Reason::BackupOverdue | Reason::BackupMissed => backup_due(),
        Reason::Malware | Reason::Detections => found,
        _ => None,
    };
    host.reasons.iter().find_map(of).unwrap_or(0)
}

/// How many hosts in use have which version; the newest first.
fn signatures(hosts: &[HostView], published: &HashMap<i64, i64>) -> Vec<Signatures> {
    let mut counts: BTreeMap<i64, u32> = BTreeMap::new();
    hosts.iter().filter(|host| in_use(host)).for_each(|host| *counts.entry(host.row.bundle).or_default() += 1);
    let of = |(version, hosts)| Signatures { version, published: published.get(&version).copied().unwrap_or(0), hosts };
    counts.into_iter().rev().map(of).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
