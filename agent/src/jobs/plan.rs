//! What to do next, as a host stands: a pure decision.

use super::due::{self, Pc};
use super::queue::{Leave, Queue};
use crate::ledger::Standing;
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::JobSpec;
use keepwatch_proto::paths;
use keepwatch_proto::policy::Policy;
use std::collections::BTreeSet;
use std::path::Path;

/// One thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin a job that staff asked for.
    Begin(JobId, JobSpec),
    /// Begin what the policy's schedule asks for; the job that waited for leave, where one did.
    BeginScheduled(Option<JobId>, JobSpec),
    /// Begin the scan of a removable medium that has appeared.
    BeginMedium(JobSpec),
    /// Ask for leave to begin; a new job, where the policy's schedule asks for it.
    Ask(Option<JobId>, JobSpec),
    /// What waits for leave is not to be done any more.
    GiveUp,
    /// Staff called off what has not begun.
    Drop(JobId, JobSpec),
    /// What staff asked for was not begun in time.
    Expire(JobId, JobSpec),
    /// Staff called off what runs.
    Stop(JobId),
    /// Staff want a scan or backup that runs to wait, or to go on.
    Hold(JobId, bool),
}

impl Step {
    /// Whether it is what staff say of one job: it needs no look at the PC.
    pub(super) fn is_word(&self) -> bool {
        matches!(self, Self::Drop(..) | Self::Stop(_) | Self::Hold(..))
    }
}

/// What runs side by side: somebody waits for a restore, so it does not wait for a scan; and what is
/// to be put away must not lie open meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Restores,
    Quarantine,
    Rest,
}

pub(super) fn lane(kind: &str) -> Lane {
    match kind {
        "restore" => Lane::Restores,
        "quarantine" => Lane::Quarantine,
        _ => Lane::Rest,
    }
}

/// Whether work of this kind keeps no other from beginning.
pub(crate) fn is_aside(kind: &str) -> bool {
    lane(kind) != Lane::Rest
}

/// What to do next. `medium` is the root of a removable medium that waits; `heard`: when the
/// controller was last known to have the request for leave.
pub(crate) fn plan(
    standing: &Standing,
    pc: Pc,
    medium: Option<&Path>,
    heard: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<Step> {
    let Some(desired) = &standing.desired else { return vec![] };
    let mut steps = Vec::new();
    let mut busy: BTreeSet<Lane> = standing.running.values().map(|kind| lane(kind)).collect();
    let mut queue = Queue::new(standing, heard, now);
    let backup_due = due::backup_is(&desired.policy, standing, pc, now);
    if queue.is_stale(desired, backup_due) {
        (queue.first, steps) = (None, vec![Step::GiveUp]);
    }
    for job in &desired.jobs {
        let (known, running) = (standing.known.contains(&job.id), standing.running.contains_key(&job.id));
        let late = job.deadline.is_some_and(|deadline| now > deadline) && !queue.holds(job.id);
        if job.cancel {
            match (known, running) {
                (false, _) => steps.push(Step::Drop(job.id, job.spec.clone())),
                (true, true) => steps.push(Step::Stop(job.id)),
                (true, false) => {}
            }
        } else if running && matches!(job.spec, JobSpec::Scan { .. } | JobSpec::Backup { .. }) {
            steps.push(Step::Hold(job.id, job.pause));
        } else if known || job.known_only {
        } else if late {
            steps.push(Step::Expire(job.id, job.spec.clone()));
        } else if !job.pause && !busy.contains(&lane(job.spec.kind())) {
            match queue.leave(Some(job.id), &job.spec) {
                Leave::Given => {
                    busy.insert(lane(job.spec.kind()));
                    steps.push(Step::Begin(job.id, job.spec.clone()));
                }
                Leave::Wanted => steps.push(Step::Ask(Some(job.id), job.spec.clone())),
                Leave::Awaited => {}
            }
        }
    }
    if !busy.contains(&Lane::Rest) {
        // Somebody has just put it in, and is about to open what is on it.
        let medium = medium.map(|at| Step::BeginMedium(scan_of(&desired.policy, vec![paths::of_path(at)])));
        steps.extend(medium.or_else(|| by_schedule(&desired.policy, standing, pc, &mut queue, now)));
    }
    steps
}

/// What the policy's schedule has done next. While a backup waits, a scan need not.
fn by_schedule(
    policy: &Policy,
    standing: &Standing,
    pc: Pc,
    queue: &mut Queue<'_>,
    now: DateTime<Utc>,
) -> Option<Step> {
    let spec = due::scheduled(policy, standing, pc, true, now)?;
    let waiting = queue.first.filter(|wait| wait.want.scheduled).map(|wait| wait.want.job);
    match queue.leave(waiting, &spec) {
        Leave::Given => {
            // Only what waited has an id by now.
            let job = waiting.filter(|_| matches!(spec, JobSpec::Backup { .. }));
            Some(Step::BeginScheduled(job, spec))
        }
        Leave::Wanted => Some(Step::Ask(None, spec)),
        Leave::Awaited => due::scheduled(policy, standing, pc, false, now).map(|scan| Step::BeginScheduled(None, scan)),
    }
}

pub(super) fn scan_of(policy: &Policy, paths: Vec<String>) -> JobSpec {
    JobSpec::Scan { paths, excludes: policy.scan.excludes.clone(), max_file_bytes: policy.scan.max_file_bytes }
}

#[cfg(test)]
mod tests;
