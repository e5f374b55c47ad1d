//! What the policy's schedules ask for now: a pure decision.

use super::obstacles::Obstacles;
use super::plan::{Lane, lane, scan_of};
use crate::ledger::{Standing, Turn};
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::JobSpec;
use keepwatch_proto::policy::Policy;
use keepwatch_proto::schedule::Timetable;

/// A time that lies this far ahead was written under a wrong clock.
const CLOCK_SET_BACK: TimeDelta = TimeDelta::days(1);

/// How the PC is that asks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pc {
    /// Which one, for its own delay.
    pub(crate) host: HostId,
    /// What stands in the way of what is due.
    pub(crate) obstacles: Obstacles,
}

impl Pc {
    /// One on which nothing stands in the way.
    pub(crate) fn free(host: HostId) -> Self {
        Self { host, obstacles: Obstacles::default() }
    }
}

/// What has to be known of the PC to say whether what is due now may begin.
pub(super) fn to_ask(standing: &Standing, host: HostId, now: DateTime<Utc>) -> Obstacles {
    let Some(policy) = standing.desired.as_ref().map(|desired| &desired.policy) else { return Obstacles::default() };
    // Nothing begins beside it, and what it tells of itself wakes whoever asks here.
    if standing.running.values().any(|kind| lane(kind) == Lane::Rest) {
        return Obstacles::default();
    }
    let runs = [
        (policy.scan_timetable(host), standing.scan, &policy.scan.timing),
        (policy.backup_timetable(host), standing.backup, &policy.backup.timing),
    ];
    let is_due = |table: &Option<Timetable>, turn| table.as_ref().is_some_and(|table| due(table, turn, now).is_some());
    let asked = runs.iter().filter(|(table, turn, _)| is_due(table, *turn));
    asked.fold(Obstacles::default(), |asked, (.., timing)| asked.or(Obstacles::asked_by(timing)))
}

/// Whether a backup may begin by the schedule, whatever else is due. One that something stands in the way
/// of gives its place up: it would hold leave that others wait for, and keep what staff ask for waiting.
pub(super) fn backup_is(policy: &Policy, standing: &Standing, pc: Pc, now: DateTime<Utc>) -> bool {
    let is_due = policy.backup_timetable(pc.host).is_some_and(|table| due(&table, standing.backup, now).is_some());
    is_due && !pc.obstacles.hold(&policy.backup.timing)
}

/// What the policy asks for now, with or without backups; of several, what has been due longest.
pub(super) fn scheduled(
    policy: &Policy,
    standing: &Standing,
    pc: Pc,
    backups: bool,
    now: DateTime<Utc>,
) -> Option<JobSpec> {
    let may = backups && !pc.obstacles.hold(&policy.backup.timing);
    let backup = policy.backup_timetable(pc.host).filter(|_| may);
    let scan = policy.scan_timetable(pc.host).filter(|_| !pc.obstacles.hold(&policy.scan.timing));
    let due = [(backup, standing.backup), (scan, standing.scan)].map(|(table, turn)| due(&table?, turn, now));
    match due {
        [None, None] => None,
        [Some(backup), scan] if scan.is_none_or(|scan| backup <= scan) => {
            Some(JobSpec::Backup { paths: policy.backup.paths.clone(), excludes: policy.backup.excludes.clone() })
        }
        _ => Some(scan_of(policy, policy.scan.paths.clone())),
    }
}

/// Since when a run has been due.
fn due(table: &Timetable, turn: Turn, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // A clock that was far ahead and was set right: better once too often than not for years.
    if turn.since > now + CLOCK_SET_BACK {
        return table.windows.open(now).then_some(now);
    }
    let waits = turn.not_before.is_some_and(|earliest| now < earliest && earliest < now + CLOCK_SET_BACK);
    if waits { None } else { table.due(turn.since, now) }
}
