//! The fleet at a glance, for whoever has a minute: how it stands and why, how it stood, where most is
//! to be done, what was found, what the backups take, how restores went.

use super::audit::Actor;
use super::hosts::HostView;
use super::storage::Stored;
use super::trend::{DAY, row, signed};
use super::{App, AppError};
use crate::plan::forecast::{Forecast, Point, forecast};
use crate::plan::health::{Figures, Reason};
use crate::plan::overview::{Adoption, Department, Seen, adoption, departments, reasons};
use crate::repository::Space;
use crate::store;
use crate::store::overview::{FoundRow, NotableRow, RestoreRow, RunRow, RunningRow, WEEK};
use crate::store::trend::{FLEET, SpaceRow, TrendRow};
use keepwatch_proto::ids::HostId;

/// So many weeks are looked back.
pub const WEEKS: i64 = 12;
/// Days of those.
const DAYS: i64 = WEEKS * WEEK / DAY;
/// So many rules are named by which something grave was found.
const NOTABLE: i64 = 6;
/// So many jobs are named that run.
const RUNS: i64 = 6;

/// All that the first page shows.
pub struct Overview {
    /// The fleet in figures.
    pub fleet: Figures,
    /// Why hosts are not protected, the most frequent reason first.
    pub reasons: Vec<(Reason, u32)>,
    /// The one with most to do first.
    pub departments: Vec<Department>,
    /// Who has which signatures.
    pub adoption: Adoption,
    /// The first day that is shown: days since 1970-01-01, UTC.
    pub first_day: i64,
    /// How the fleet stood on each day from then on, today last; `None`: it was not counted.
    pub days: Vec<Option<TrendRow>>,
    /// What the repositories take.
    pub stored: Stored,
    /// The room that is there for them.
    pub space: Option<Space>,
    /// When that will be full.
    pub forecast: Forecast,
    /// When the first of the weeks began that are looked at; Unix seconds.
    pub since: i64,
    /// What was found in each.
    pub found: Vec<FoundRow>,
    /// What is open and grave of it.
    pub notable: Vec<Notable>,
    /// How restores went in those weeks.
    pub restores: Restores,
}

/// A rule by which something grave was found.
pub struct Notable {
    /// What was found.
    pub row: NotableRow,
    /// The name of one of the hosts.
    pub host_name: String,
}

/// How restores went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Restores {
    /// Files came back, all of them or some.
    pub done: u32,
    /// They did not.
    pub failed: u32,
    /// They are to come.
    pub open: u32,
    /// Seconds from the wish to the end, of half of those that were done.
    pub half: i64,
    /// The same, of nine in ten.
    pub most: i64,
}

/// What runs.
pub struct Running {
    /// How many jobs of each kind.
    pub kinds: Vec<RunningRow>,
    /// Some of them, each with the name of its host.
    pub jobs: Vec<(RunRow, String)>,
}

impl App {
    /// All of it, as of now.
    pub async fn overview(&self, _actor: &Actor) -> Result<Overview, AppError> {
        let (now, today) = (self.now(), self.today());
        let since = (today + 1) * DAY - WEEKS * WEEK;
        let hosts = self.all_hosts().await?;
        let mut conn = self.store.read().await?;
        let root = super::groups::tree(&mut conn).await?.path(store::groups::ROOT);
        let bundles = store::overview::newest_bundles(&mut conn).await?;
        let first_day = today - DAYS + 1;
        let stood = store::trend::of(&mut conn, FLEET, first_day, today).await?;
        let room = store::trend::space(&mut conn, first_day, today).await?;
        // Some PCs' clocks are ahead.
        let found = store::overview::found(&mut conn, since, (today + 1) * DAY).await?;
        let notable = store::overview::notable(&mut conn, NOTABLE).await?;
        let restores = restores(store::overview::restores(&mut conn, since).await?);
        drop(conn);

        let ids: Vec<HostId> = hosts.iter().map(|host| host.row.id).collect();
        let (stored, space) = (self.stored(&ids).await, self.space().await);
        let mut fleet = Figures { repository_bytes: stored.bytes, ..Figures::default() };
        for host in hosts.iter() {
            fleet.open_detections += host.open_detections;
            fleet.count(host.state, &host.reasons);
        }
        let seen = hosts.iter().filter(|host| host.row.revoked == 0).map(|host| seen(host, now));
        Ok(Overview {
            fleet,
            reasons: reasons(seen.clone()),
            departments: departments(seen.clone(), &root),
            adoption: adoption(seen, &bundles),
            first_day,
            days: days(stood, first_day, row(today, FLEET, &fleet)),
            stored,
            space,
            forecast: forecast(&points(&room, today, space)),
            since,
            found,
            notable: notable.into_iter().map(|row| Notable { host_name: name(&hosts, &row.host), row }).collect(),
            restores,
        })
    }

    /// What runs now.
    pub async fn running(&self, _actor: &Actor) -> Result<Running, AppError> {
        let mut conn = self.store.read().await?;
        let kinds = store::overview::running(&mut conn).await?;
        let runs = store::overview::runs(&mut conn, RUNS).await?;
        drop(conn);
        let hosts = self.all_hosts().await?;
        Ok(Running { kinds, jobs: runs.into_iter().map(|run| (name(&hosts, &run.host), run)).map(swap).collect() })
    }
}

fn swap<A, B>((a, b): (A, B)) -> (B, A) {
    (b, a)
}

fn seen(host: &HostView, now: i64) -> Seen<'_> {
    let backup = (host.last_backup != 0).then(|| (now - host.last_backup).div_euclid(DAY));
    Seen { group: &host.group, state: host.state, reasons: &host.reasons, backup, bundle: host.row.bundle }
}

fn name(hosts: &[HostView], id: &str) -> String {
    let id: Option<HostId> = id.parse().ok();
    hosts.iter().find(|host| Some(host.row.id) == id).map(|host| host.name().to_owned()).unwrap_or_default()
}

/// Day by day, today as it is now.
fn days(stood: Vec<TrendRow>, first: i64, today: TrendRow) -> Vec<Option<TrendRow>> {
    let mut days: Vec<Option<TrendRow>> = (first..today.day).map(|_| None).collect();
    for row in stood {
        if let Some(day) = usize::try_from(row.day - first).ok().and_then(|at| days.get_mut(at)) {
            *day = Some(row);
        }
    }
    days.push(Some(today));
    days
}

fn points(room: &[SpaceRow], today: i64, space: Option<Space>) -> Vec<Point> {
    let now = space.map(|space| Point { day: today, free: signed(space.available), total: signed(space.all) });
    room.iter().map(|row| Point { day: row.day, free: row.free, total: row.total }).chain(now).collect()
}

fn restores(rows: Vec<RestoreRow>) -> Restores {
    let mut restores = Restores::default();
    let mut took = Vec::new();
    for row in rows {
        match row.state.as_str() {
            "succeeded" | "partial" => {
                restores.done += 1;
                // The end is dated by the PC's clock.
                took.push((row.ended - row.created).max(0));
            }
            "queued" | "waiting" | "offered" | "running" => restores.open += 1,
            // Staff no longer wanted it.
            "cancelled" => {}
            _ => restores.failed += 1,
        }
    }
    took.sort_unstable();
    let at = |share: usize| took.get((took.len() * share / 100).min(took.len().saturating_sub(1))).copied();
    (restores.half, restores.most) = (at(50).unwrap_or_default(), at(90).unwrap_or_default());
    restores
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn restores_are_counted_and_timed() {
        let row = |state: &str, took: i64| RestoreRow { created: 1000, state: state.into(), ended: 1000 + took };
        let mut rows: Vec<_> = (1..=10).map(|n| row("succeeded", n * 60)).collect();
        // A clock that is behind took no time.
        rows.extend([row("partial", -500), row("failed", 9), row("lost", 9), row("expired", 9), row("cancelled", 9)]);
        rows.extend(["queued", "waiting", "offered", "running"].map(|state| row(state, -1000)));
        assert_eq!(restores(rows), Restores { done: 11, failed: 3, open: 4, half: 300, most: 540 });
        assert_eq!(restores(vec![]), Restores::default());
    }

    #[test]
    fn days_that_were_not_counted_stay_empty() {
        let row = |day| TrendRow { day, protected: 7, ..TrendRow::default() };
        let days = days(vec![row(11), row(13)], 10, row(14));
        let there: Vec<_> = days.iter().map(|day| day.as_ref().map(|row| row.day)).collect();
        assert_eq!(there, [None, Some(11), None, Some(13), Some(14)]);
    }
}
