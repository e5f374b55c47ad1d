//! What one host must be, put together from the truth.

use super::policies::Policies;
use super::{App, AppError};
use crate::store::{self, Conn, bundles::BundleRow, jobs::JobRow};
use chrono::DateTime;
use keepwatch_proto::bundle::Bundle;
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::{Ended, Grant, Job, JobSpec, JobState, RestoreSpec};

/// Bytes of the work that one message tells of; with the policy it stays below what an agent reads.
const MOST_TOLD: usize = 640 << 10;
/// Bytes of the work that may wait for a host, so that all of it is told at once.
pub(super) const MOST_ASKED: usize = 512 << 10;

impl App {
    /// What a host must be. Jobs that are in it count as offered from now on.
    pub async fn desired(&self, host: HostId) -> Result<Desired, AppError> {
        let mut tx = self.store.begin().await?;
        let row = store::hosts::get(&mut tx, host)
            .await?
            .ok_or_else(|| AppError::NotFound(format!("there is no host {host}")))?;
        let policy = Policies::read(&mut tx).await?.of(&row.group_name);
        let bundle = self.offer(&mut tx, &row, policy.signatures.wait()).await?.map(bundle);
        let (mut jobs, mut grants) = (Vec::new(), Vec::new());
        let (now, mut room) = (self.now(), MOST_TOLD);
        for open in store::jobs::open_of(&mut tx, host).await?.into_iter().filter(|open| open.due <= now) {
            let mut job = job(&open);
            // The others are told of when these are done; nothing that is too long keeps a host from the rest.
            let Some(left) = room.checked_sub(length(&job.spec)) else { continue };
            room = left;
            let queued = open.state.0 == JobState::Queued;
            if queued && !store::jobs::step(&mut tx, open.id, JobState::Queued, JobState::Offered).await? {
                // Called off at another controller meanwhile.
                continue;
            }
            if let JobSpec::Restore(spec) = &mut job.spec
                && !open.source_host.is_empty()
            {
                match self.grant_for(&mut tx, &open).await {
                    Ok(grant) => {
                        spec.grant = grant.as_ref().map_or("expired".into(), |g| g.id.clone());
                        grants.extend(grant);
                    }
                    // One restore that cannot be must not keep the host from everything else.
                    Err(why) => {
                        self.end(&mut tx, host, open.id, self.now(), &Ended::failed(why.to_string())).await?;
                        continue;
                    }
                }
            }
            jobs.push(job);
        }
        let slots = self.answers(&mut tx, host).await?;
        store::commit(tx).await?;
        let generation = u64::try_from(row.generation).unwrap_or(1);
        Ok(Desired { generation, policy, bundle, agent_version: String::new(), jobs, grants, slots })
    }
}

impl App {
    async fn grant_for(&self, conn: &mut Conn, job: &JobRow) -> Result<Option<Grant>, AppError> {
        let missing = || AppError::NotFound(format!("there is no host {}", job.source_host));
        let source = job.source_host.parse().map_err(|_| missing())?;
        let source = store::hosts::get(conn, source).await?.ok_or_else(missing)?;
        self.grant(job, &source)
    }
}

/// Bytes that telling of this work takes, more or less.
pub(super) fn length(spec: &JobSpec) -> usize {
    serde_json::to_string(spec).map_or(usize::MAX, |text| text.len())
}

/// The kind of work alone: a host looks at no more where it began it by itself, or is to leave it.
fn in_short(spec: &JobSpec) -> JobSpec {
    match spec {
        JobSpec::Scan { .. } => JobSpec::Scan { paths: vec![], excludes: vec![], max_file_bytes: 0 },
        JobSpec::Backup { .. } => JobSpec::Backup { paths: vec![], excludes: vec![] },
        JobSpec::Restore(spec) => JobSpec::Restore(RestoreSpec { paths: vec![], known: vec![], ..spec.clone() }),
        JobSpec::Verify { .. } | JobSpec::Quarantine(_) => spec.clone(),
    }
}

fn job(row: &JobRow) -> Job {
    let spec = &row.spec.0;
    Job {
        id: row.id,
        spec: if row.is_asked() && row.cancel == 0 { spec.clone() } else { in_short(spec) },
        cancel: row.cancel != 0,
        pause: row.paused != 0,
        // The host began it, or would: it is named so that staff can call it off.
        known_only: !row.is_asked(),
        deadline: DateTime::from_timestamp(row.deadline, 0).filter(|_| row.deadline != 0),
        request: row.request.parse().ok(),
    }
}

fn bundle(row: BundleRow) -> Bundle {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Bundle {
        version: count(row.version),
        sha256: row.sha256,
        size: count(row.size),
        rules: u32::try_from(row.rules).unwrap_or(0),
    }
}
