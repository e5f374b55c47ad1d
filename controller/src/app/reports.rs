//! The fleet in figures, whole and by group. Every enrolled host counts, whatever is known of
//! it, and whoever shows figures takes them from here: page, command line and metrics agree.

use super::audit::Actor;
use super::groups::{meant, tree_of};
use super::hosts::HostView;
use super::{App, AppError};
use crate::plan::health::{Figures, GroupFigures, roll_up};
use crate::plan::tree::Tree;
use crate::store;
use crate::store::figures::{JobCount, JobWait};
use crate::store::groups::Group;
use crate::store::slots::SlotRow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// All that is counted, as of one moment.
#[derive(Debug, Clone)]
pub struct Survey {
    /// The fleet.
    pub fleet: Figures,
    /// Its groups, each with all below it: a parent before its children.
    pub groups: Vec<GroupFigures>,
    /// Its hosts, each with the bytes of its repository.
    pub hosts: Vec<(HostView, u64)>,
    /// Its jobs.
    pub jobs: Vec<JobCount>,
    /// How long those that staff asked for wait, by kind.
    pub waiting: Vec<Waiting>,
    /// Backups that run or would.
    pub slots: Slots,
}

/// Backups that run or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Slots {
    /// Wait for leave.
    pub waiting: u32,
    /// Have it and have not begun.
    pub granted: u32,
    /// Run.
    pub running: u32,
    /// Seconds that the one has waited which has waited longest; 0: none waits.
    pub longest: i64,
}

fn slots(rows: &[SlotRow], now: i64) -> Slots {
    let mut slots = Slots::default();
    for row in rows {
        match (row.begun, row.granted) {
            (0, 0) => {
                slots.waiting += 1;
                slots.longest = slots.longest.max(now - row.asked);
            }
            (0, _) => slots.granted += 1,
            _ => slots.running += 1,
        }
    }
    slots
}

/// By path of the group; see [`App::counted`].
type Counted = (HashMap<String, Figures>, Arc<Vec<HostView>>, Vec<u64>);

/// How long jobs of one kind wait until their host begins with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// `scan`, `backup`, `restore`, `verify`.
    pub kind: String,
    /// Seconds that half, nine in ten, and all of those waited that began within a day.
    pub waits: Vec<(&'static str, i64)>,
    /// Seconds that the oldest has waited which has not begun; 0: none waits.
    pub oldest: i64,
}

/// Of so many seconds back waits are looked at.
const WAITS_OF: i64 = 24 * 60 * 60;

fn waiting(rows: Vec<JobWait>, now: i64) -> Vec<Waiting> {
    let mut kinds: BTreeMap<String, (Vec<i64>, i64)> = BTreeMap::new();
    for row in rows {
        let (waits, oldest) = kinds.entry(row.kind).or_default();
        match row.started {
            0 => *oldest = (*oldest).max(now - row.created),
            // The start is dated by the PC's clock.
            started => waits.push((started - row.created).max(0)),
        }
    }
    let of_kind = |(kind, (mut waits, oldest)): (String, (Vec<i64>, i64))| {
        waits.sort_unstable();
        let at = |share: usize| waits.get((waits.len() * share / 100).min(waits.len().saturating_sub(1))).copied();
        let quantiles = [("0.5", 50), ("0.9", 90), ("1", 100)];
        let waits = quantiles.into_iter().filter_map(|(name, share)| Some((name, at(share)?))).collect();
        Waiting { kind, waits, oldest }
    };
    kinds.into_iter().map(of_kind).collect()
}

impl App {
    /// The fleet in figures, as of now.
    pub async fn fleet(&self, _actor: &Actor) -> Result<Figures, AppError> {
        let (own, ..) = self.counted().await?;
        let mut fleet = Figures::default();
        own.into_values().for_each(|figures| fleet += figures);
        Ok(fleet)
    }

    /// The figures of a group and of each below it; of all groups where none is named.
    pub async fn group_health(&self, _actor: &Actor, group: &str) -> Result<Vec<GroupFigures>, AppError> {
        Ok(self.group_look(group).await?.0)
    }

    /// Those figures, and all hosts, by one look at them.
    pub(super) async fn group_look(&self, group: &str) -> Result<(Vec<GroupFigures>, Arc<Vec<HostView>>), AppError> {
        let (own, hosts, _) = self.counted().await?;
        let (tree, parents) = self.group_parents().await?;
        let rolled = roll_up(&parents, &own);
        if group.is_empty() {
            return Ok((rolled, hosts));
        }
        let path = tree.path(&meant(&tree, group)?);
        // Made between the two looks.
        let Some(at) = rolled.iter().position(|g| g.name == path) else { return Ok((vec![], hosts)) };
        let depth = rolled[at].depth;
        let below = rolled[at + 1..].iter().take_while(|g| g.depth > depth).count();
        Ok((rolled[at..=at + below].to_vec(), hosts))
    }

    /// All of it, for those who watch the controller.
    pub async fn survey(&self) -> Result<Survey, AppError> {
        let (own, hosts, used) = self.counted().await?;
        let hosts = hosts.iter().cloned().zip(used).collect();
        let mut fleet = Figures::default();
        own.values().for_each(|figures| fleet += *figures);
        let groups = roll_up(&self.group_parents().await?.1, &own);
        let mut conn = self.store.read().await?;
        let jobs = store::figures::job_counts(&mut conn).await?;
        let waits = store::figures::job_waits(&mut conn, self.now() - WAITS_OF).await?;
        let slots = slots(&store::slots::list(&mut conn).await?, self.now());
        Ok(Survey { fleet, groups, hosts, jobs, waiting: waiting(waits, self.now()), slots })
    }

    /// Whether the controller can do its work: its database answers, and keeps what hosts say.
    pub async fn ready(&self) -> Result<(), AppError> {
        if self.intake.fails() {
            return Err(AppError::Interrupted);
        }
        let mut conn = self.store.read().await?;
        Ok(store::figures::answers(&mut conn).await?)
    }

    /// The tree, and the path of each group with that of its parent: by those they are counted and
    /// sorted.
    async fn group_parents(&self) -> Result<(Tree, Vec<(String, String)>), AppError> {
        let mut conn = self.store.read().await?;
        let groups = store::groups::list(&mut conn).await?;
        let tree = tree_of(&groups);
        let above = |g: &Group| if g.parent.is_empty() { String::new() } else { tree.path(&g.parent) };
        let parents = groups.iter().map(|g| (tree.path(&g.name), above(g))).collect();
        Ok((tree, parents))
    }

    /// The figures of the hosts that are in each group itself; the hosts, and the bytes of each one's
    /// repository.
    async fn counted(&self) -> Result<Counted, AppError> {
        let hosts = self.all_hosts().await?;
        let (ids, repositories) = (hosts.iter().map(|h| h.row.id).collect::<Vec<_>>(), self.repositories.clone());
        let used =
            tokio::task::spawn_blocking(move || ids.into_iter().map(|id| repositories.usage(id).bytes).collect());
        let used: Vec<u64> = used.await.map_err(|e| AppError::Repository(e.to_string()))?;
        let mut own: HashMap<String, Figures> = HashMap::new();
        for (host, bytes) in hosts.iter().zip(&used) {
            let figures = own.entry(host.group.clone()).or_default();
            figures.open_detections += host.open_detections;
            figures.repository_bytes += bytes;
            figures.count(host.state, &host.reasons);
        }
        Ok((own, hosts, used))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::{HostId, JobId};

    #[test]
    fn slots_are_counted_by_how_far_they_are() {
        let host = HostId::new(&Clock::system());
        let row = |asked, granted, begun| SlotRow {
            host,
            job: JobId::new(&Clock::system()),
            asked,
            granted,
            begun,
            group_name: String::new(),
            last_seen: 0,
            revoked: 0,
        };
        // The last went ahead without leave.
        let rows = [row(900, 0, 0), row(700, 0, 0), row(100, 950, 0), row(50, 60, 70), row(50, 0, 70)];
        assert_eq!(slots(&rows, 1_000), Slots { waiting: 2, granted: 1, running: 2, longest: 300 });
    }

    #[test]
    fn waits_are_shared_out_by_kind() {
        let wait = |kind: &str, created, started| JobWait { kind: kind.into(), created, started };
        let mut rows: Vec<JobWait> = (1..=100).map(|n| wait("backup", 1_000, 1_000 + n)).collect();
        // A clock that is behind waits for nothing; two have not begun.
        rows.extend([wait("scan", 1_000, 900), wait("backup", 1_500, 0), wait("backup", 1_900, 0)]);
        let waiting = waiting(rows, 2_000);
        let expected = [
            Waiting { kind: "backup".into(), waits: vec![("0.5", 51), ("0.9", 91), ("1", 100)], oldest: 500 },
            Waiting { kind: "scan".into(), waits: vec![("0.5", 0), ("0.9", 0), ("1", 0)], oldest: 0 },
        ];
        assert_eq!(waiting, expected);
    }
}
