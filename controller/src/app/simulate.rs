//! What the hosts of a group would do in the coming days, by the policies that hold now.

use super::audit::{Actor, Role};
use super::groups::meant;
use super::hosts::name_of;
use super::policies::{self, Given, Policies};
use super::{App, AppError};
use crate::plan::load::{self, Hour, Planned};
use crate::store;
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::ids::HostId;
use std::collections::{BTreeMap, HashMap};

/// What would happen.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// The zone that the group's schedules are in, by its IANA name.
    pub time_zone: String,
    /// How many hosts.
    pub hosts: u32,
    /// The hours in which something begins, by their first moments.
    pub hours: BTreeMap<DateTime<Utc>, Hour>,
    /// Schedules that have more runs than are counted.
    pub left_out: u64,
}

/// The longest time looked at, in days.
const LONGEST: u32 = 92;
/// Backups that are looked at to know what one stores.
const SEEN: u32 = 5000;

impl App {
    /// The hosts in a group and in those below it, for so many days from now.
    pub async fn simulate(&self, _actor: &Actor, group: &str, days: u32) -> Result<Simulated, AppError> {
        let mut conn = self.store.read().await?;
        let policies = Policies::read(&mut conn).await?;
        let group = meant(policies.tree(), group)?;
        drop(conn);
        self.forecast(&policies, &group, days).await
    }

    /// The same, as if a document were in place already.
    pub async fn simulate_draft(&self, actor: &Actor, given: Given, days: u32) -> Result<Simulated, AppError> {
        self.demand(actor, Role::Administrator, "policy set").await?;
        let mut conn = self.store.read().await?;
        let groups = store::groups::list(&mut conn).await?;
        let rows = store::policies::list(&mut conn).await?;
        drop(conn);
        let (group, policies) = policies::drafted(&groups, rows, given)?;
        self.forecast(&policies, &group, days).await
    }

    async fn forecast(&self, policies: &Policies, group: &str, days: u32) -> Result<Simulated, AppError> {
        if !(1..=LONGEST).contains(&days) {
            return Err(AppError::Invalid(format!("{days} days cannot be looked at; write 1 to {LONGEST}")));
        }
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        let stored = average(store::jobs::stored_by_backups(&mut conn, SEEN).await?);
        drop(conn);
        let mut made = HashMap::new();
        let mut planned = Vec::new();
        for host in hosts.iter().filter(|host| host.revoked == 0 && policies.tree().is_below(&host.group_name, group)) {
            let policy = made.entry(host.group_name.clone()).or_insert_with(|| policies.of(&host.group_name));
            planned.push(Planned {
                name: name_of(host).into(),
                scan: policy.scan_timetable(host.id),
                backup: policy.backup_timetable(host.id),
                bytes: stored.get(&host.id).copied().unwrap_or(0),
            });
        }
        let (from, until) = (self.clock.now(), self.clock.now() + TimeDelta::days(days.into()));
        let count = u32::try_from(planned.len()).unwrap_or(u32::MAX);
        // A thousand hosts' fortnights take a while.
        let forecast = tokio::task::spawn_blocking(move || load::forecast(&planned, from, until)).await;
        let (hours, left_out) =
            forecast.map_err(|error| AppError::Invalid(format!("the simulation broke off: {error}")))?;
        Ok(Simulated { time_zone: policies.of(group).time_zone, hosts: count, hours, left_out })
    }
}

/// What each host's backups stored on average, in bytes.
fn average(stored: Vec<(HostId, u64)>) -> HashMap<HostId, u64> {
    let mut sums: HashMap<HostId, (u64, u64)> = HashMap::new();
    for (host, bytes) in stored {
        let (sum, count) = sums.entry(host).or_default();
        (*sum, *count) = (sum.saturating_add(bytes), *count + 1);
    }
    sums.into_iter().map(|(host, (sum, count))| (host, sum / count)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::policies::Given;
    use crate::app::tests::{administrator, app, enrol_into};

    #[tokio::test]
    async fn a_group_is_simulated_with_those_below_it() {
        let (_folder, app) = app().await;
        let staff = administrator();
        app.create_group(&staff, "tax", "").await.unwrap();
        app.create_group(&staff, "office", "tax").await.unwrap();
        for (name, group) in [("a", ""), ("b", "tax"), ("c", "office")] {
            enrol_into(&app, name, group).await;
        }
        let yaml = "scan: {schedule: ''}\nbackup: {schedule: '0 12 * * *'}\n";
        app.set_policy(&staff, "all", yaml, 0).await.unwrap();
        let simulated = app.simulate(&staff, "tax", 14).await.unwrap();
        assert_eq!((simulated.hosts, simulated.hours.len(), simulated.left_out), (2, 14, 0));
        assert!(simulated.hours.values().all(|hour| hour.backups == 2 && hour.scans == 0));
        for (group, days) in [("nowhere", 14), ("tax", 0), ("tax", 1000)] {
            assert!(app.simulate(&staff, group, days).await.is_err(), "{group} {days}");
        }
        // What is only drafted changes nothing, and shows what it would.
        let draft = |text: &str| Given {
            name: String::new(),
            text: text.into(),
            group: "tax".into(),
            base: None,
            why: String::new(),
        };
        let drafted = app.simulate_draft(&staff, draft("scan: {schedule: '0 9 * * *'}"), 14).await.unwrap();
        assert!(drafted.hours.values().map(|hour| hour.scans).sum::<u32>() == 28);
        assert!(app.simulate(&staff, "tax", 14).await.unwrap().hours.values().all(|hour| hour.scans == 0));
        assert!(app.simulate_draft(&staff, draft("scan: {schedule: 'x'}"), 14).await.is_err());
    }
}
