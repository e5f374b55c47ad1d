//! What happened to hosts in a period, counted for each group with all below it.

use super::Department;
use super::backups::Backups;
use crate::app::hosts::HostView;
use crate::plan::health::GroupFigures;
use crate::plan::runs::Runs;
use crate::store::detections::DetectionRow;
use crate::store::summaries::{Detected, Restore, Restored, Scans};
use keepwatch_proto::ids::HostId;
use std::collections::HashMap;
use std::ops::AddAssign;

/// What the database has of a period.
pub(super) struct Seen {
    pub backups: HashMap<HostId, Backups>,
    pub scans: Vec<Scans>,
    pub detected: Vec<Detected>,
    pub detections: Vec<DetectionRow>,
    pub restored: Vec<Restored>,
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
    /// Restores that were asked for.
    pub restores_asked: u64,
    /// Of those, the ones that were done, in whole or in part.
    pub restores: u64,
}

impl AddAssign for Happened {
    fn add_assign(&mut self, other: Self) {
        self.backups += other.backups;
        // A PC says what it likes.
        self.stored = self.stored.saturating_add(other.stored);
        self.scans += other.scans;
        self.scans_failed += other.scans_failed;
        self.found += other.found;
        self.still_open += other.still_open;
        self.restores_asked += other.restores_asked;
        self.restores += other.restores;
    }
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

/// What happened to the hosts that are in each group itself, by the group's path.
pub(super) fn by_group(hosts: &[HostView], seen: &Seen) -> HashMap<String, Happened> {
    let of_backups = |host: &HostView| {
        let Backups { runs, stored } = seen.backups.get(&host.row.id).copied().unwrap_or_default();
        (host.row.id, Happened { backups: runs, stored, ..Happened::default() })
    };
    let mut by_host: HashMap<HostId, Happened> = hosts.iter().map(of_backups).collect();
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
    for row in &seen.restored {
        add(&row.host, &|it| (it.restores_asked, it.restores) = (count(row.asked), count(row.done)));
    }
    let mut own: HashMap<String, Happened> = HashMap::new();
    for host in hosts {
        *own.entry(host.group.clone()).or_default() += by_host[&host.row.id];
    }
    own
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
