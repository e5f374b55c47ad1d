//! What happened to hosts in a period, counted for each group with all below it.

use super::{Department, in_use};
use crate::app::hosts::HostView;
use crate::app::policies::Policies;
use crate::plan::health::GroupFigures;
use crate::plan::runs::{self, Runs};
use crate::store::detections::DetectionRow;
use crate::store::summaries::{Detected, Restore, Scans};
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::policy::Policy;
use std::collections::HashMap;
use std::ops::AddAssign;

/// Runs of one host in a month: a schedule may ask for one each hour.
const RUNS: usize = 800;

/// What the database has of a period.
#[derive(Default)]
pub(super) struct Seen {
    /// When each host's backups ended, and what they stored.
    pub backups: HashMap<HostId, Vec<(i64, u64)>>,
    pub scans: Vec<Scans>,
    pub detected: Vec<Detected>,
    pub detections: Vec<DetectionRow>,
    pub restores: Vec<Restore>,
    /// Since when hosts have had open detections.
    pub open_since: HashMap<HostId, i64>,
    /// When versions of the signatures were published.
    pub published: HashMap<i64, i64>,
}

/// What happened in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Happened {
    /// Backups that were due.
    pub backups: Runs,
    /// Bytes that backups added.
    pub stored: u64,
    /// Scans of what the policy names that were done, in whole or in part.
    pub scans: u64,
    /// Scans that failed.
    pub scans_failed: u64,
    /// What was found.
    pub found: u64,
    /// Of that, what is open still.
    pub still_open: u64,
    /// Restores that were asked for and done, in whole or in part.
    pub restores: u64,
}

impl AddAssign for Happened {
    fn add_assign(&mut self, other: Self) {
        self.backups += other.backups;
        self.stored += other.stored;
        self.scans += other.scans;
        self.scans_failed += other.scans_failed;
        self.found += other.found;
        self.still_open += other.still_open;
        self.restores += other.restores;
    }
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// What happened to the hosts that are in each group itself, by the group's path.
pub(super) fn by_group(
    hosts: &[HostView],
    policies: &Policies,
    seen: &Seen,
    (from, until): (i64, i64),
    now: DateTime<Utc>,
) -> HashMap<String, Happened> {
    let mut of_policies: HashMap<&str, Policy> = HashMap::new();
    let mut by_host: HashMap<HostId, Happened> = HashMap::new();
    for host in hosts {
        let group = host.row.group_name.as_str();
        let policy = of_policies.entry(group).or_insert_with(|| policies.of(group));
        let backups = seen.backups.get(&host.row.id).map(Vec::as_slice).unwrap_or_default();
        let stored = backups.iter().filter(|(ended, _)| *ended < until).map(|(_, stored)| stored).sum();
        let mut happened = Happened { stored, ..Happened::default() };
        if in_use(host) {
            happened.backups = runs_of(host, policy, backups, (from, until), now);
        }
        by_host.insert(host.row.id, happened);
    }
    let mut add = |host: &HostId, change: &dyn Fn(&mut Happened)| {
        if let Some(happened) = by_host.get_mut(host) {
            change(happened);
        }
    };
    for row in &seen.scans {
        add(&row.host, &|it| (it.scans, it.scans_failed) = (count(row.done), count(row.failed)));
    }
    for row in &seen.detected {
        add(&row.host, &|it| (it.found, it.still_open) = (count(row.found), count(row.open)));
    }
    for row in seen.restores.iter().filter(|row| ["succeeded", "partial"].contains(&row.state.as_str())) {
        add(&row.host, &|it| it.restores += 1);
    }
    let mut own: HashMap<String, Happened> = HashMap::new();
    for host in hosts {
        *own.entry(host.group.clone()).or_default() += by_host[&host.row.id];
    }
    own
}

/// Of its backups, those that were due in the period, since it was enrolled.
fn runs_of(
    host: &HostView,
    policy: &Policy,
    backups: &[(i64, u64)],
    (from, until): (i64, i64),
    now: DateTime<Utc>,
) -> Runs {
    let moment = |at: i64| DateTime::from_timestamp(at, 0).unwrap_or_default();
    let Some(times) = policy.backup_timetable(host.row.id) else { return Runs::default() };
    let after = moment(from - 1).max(moment(host.row.enrolled));
    let last = moment(until - 1).min(now);
    let due = times.between(after, last, RUNS);
    let next = due.last().and_then(|last| times.next_after(*last)).map(|at| at.timestamp());
    let due: Vec<i64> = due.iter().map(DateTime::timestamp).collect();
    let done: Vec<i64> = backups.iter().map(|(ended, _)| *ended).collect();
    runs::count(&due, next, &done, now.timestamp())
}

/// The groups with what happened to all below each, and what happened to all of them.
pub(super) fn roll_up(groups: Vec<GroupFigures>, own: HashMap<String, Happened>) -> (Vec<Department>, Happened) {
    let places: HashMap<String, usize> = groups.iter().enumerate().map(|(at, g)| (g.name.clone(), at)).collect();
    let mut total = Happened::default();
    let of = |figures: GroupFigures| {
        let happened = own.get(&figures.name).copied().unwrap_or_default();
        total += happened;
        Department { figures, happened }
    };
    let mut departments: Vec<Department> = groups.into_iter().map(of).collect();
    // A parent stands before its children: from the last to the first, all are added up.
    for at in (0..departments.len()).rev() {
        let happened = departments[at].happened;
        if let Some(above) = places.get(&departments[at].figures.parent) {
            departments[*above].happened += happened;
        }
    }
    (departments, total)
}
