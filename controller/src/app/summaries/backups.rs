//! What became of the backups of a period: of each host, which of its runs were due and done. A large
//! fleet has a million of them in a month; they are looked at for some hosts at a time.

use super::in_use;
use crate::app::hosts::HostView;
use crate::app::policies::Policies;
use crate::app::{App, AppError};
use crate::plan::runs::{self, Runs};
use crate::store;
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::policy::Policy;
use std::collections::HashMap;
use std::sync::Arc;

/// Hosts whose backups are looked at together: all of each one's, however many.
pub(super) const TOGETHER: usize = 500;
/// For how long after a period its last runs are looked for.
const AFTERWARDS: i64 = 32 * 24 * 60 * 60;
/// Runs of one host in a month: more than a schedule has that asks for one each quarter of an hour.
const RUNS: usize = 3_000;

/// Of one host's backups in a period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Backups {
    /// Those that were due.
    pub runs: Runs,
    /// Bytes that were added.
    pub stored: u64,
}

/// When backups of one host ended, and what each stored.
type Done = Vec<(i64, u64)>;

impl App {
    /// What became of the backups of these hosts, so many hosts at a time.
    pub(super) async fn backups_in(
        &self,
        period: (i64, i64),
        now: DateTime<Utc>,
        (hosts, policies): (&Arc<Vec<HostView>>, &Arc<Policies>),
        together: usize,
    ) -> Result<HashMap<HostId, Backups>, AppError> {
        let mut found = HashMap::new();
        for first in (0..hosts.len()).step_by(together) {
            let range = first..hosts.len().min(first + together);
            let done = self.backups_of(&hosts[range.clone()], period, now).await?;
            let (hosts, policies) = (hosts.clone(), policies.clone());
            let work = move || count(&hosts[range], &policies, done, period, now);
            let counted = tokio::task::spawn_blocking(work).await;
            found.extend(counted.map_err(|e| AppError::Repository(e.to_string()))?);
        }
        Ok(found)
    }

    /// All backups of these hosts that bear on a period.
    async fn backups_of(
        &self,
        hosts: &[HostView],
        (from, until): (i64, i64),
        now: DateTime<Utc>,
    ) -> Result<HashMap<HostId, Done>, AppError> {
        let mut done: HashMap<HostId, Done> = hosts.iter().map(|host| (host.row.id, vec![])).collect();
        let (Some(first), Some(last)) = (done.keys().min().copied(), done.keys().max().copied()) else {
            return Ok(done);
        };
        let afterwards = now.timestamp().saturating_add(1).min(until + AFTERWARDS);
        let mut conn = self.store.read().await?;
        store::summaries::backups(&mut conn, (from, afterwards), (first, last), |backup| {
            // Others lie between them, where it is a department's report.
            if let Some(done) = done.get_mut(&backup.host) {
                done.push((backup.ended, backup.tally.0.stored));
            }
        })
        .await?;
        Ok(done)
    }
}

fn count<'a>(
    hosts: &'a [HostView],
    policies: &Policies,
    mut done: HashMap<HostId, Done>,
    period: (i64, i64),
    now: DateTime<Utc>,
) -> Vec<(HostId, Backups)> {
    let mut of_groups: HashMap<&'a str, Policy> = HashMap::new();
    let of_host = |host: &'a HostView| {
        let mut done = done.remove(&host.row.id).unwrap_or_default();
        done.sort_unstable();
        let in_time = done.iter().filter(|(ended, _)| *ended < period.1);
        let stored = in_time.fold(0, |sum: u64, (_, stored)| sum.saturating_add(*stored));
        let group = host.row.group_name.as_str();
        let policy = of_groups.entry(group).or_insert_with(|| policies.of(group));
        let runs = if in_use(host) { runs_of(host, policy, &done, period, now) } else { Runs::default() };
        (host.row.id, Backups { runs, stored })
    };
    hosts.iter().map(of_host).collect()
}

/// Of its backups, those that were due in the period, since it was enrolled.
fn runs_of(
    host: &HostView,
    policy: &Policy,
    done: &[(i64, u64)],
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
    let done: Vec<i64> = done.iter().map(|(ended, _)| *ended).collect();
    runs::count(&due, next, &done, now.timestamp())
}
