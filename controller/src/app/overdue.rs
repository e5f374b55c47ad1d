//! What has not happened: jobs of silent PCs are lost, jobs that were not begun in time have
//! expired, and what failed is tried again when its time has come.

use super::policies::Policies;
use super::{App, AppError};
use crate::plan::overdue::{Open, judge};
use crate::store::jobs::{JobRow, OpenRow};
use crate::store::{self, Conn};
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec, JobState};
use std::collections::BTreeSet;

impl App {
    /// Gives up what has to be given up, and hands out what is due. `since`: from when on this
    /// controller has listened.
    pub async fn look_for_overdue(&self, since: DateTime<Utc>) -> Result<(), AppError> {
        if self.clock_doubt().is_some() {
            // By a clock that jumped everybody has been silent for a year.
            return Ok(());
        }
        let (now, mut touched) = (self.clock.now(), BTreeSet::<HostId>::new());
        let mut tx = self.store.begin().await?;
        for row in store::jobs::all_open(&mut tx).await? {
            if let Some((state, why)) = judge(&open(&row, self.hub.is_connected(row.host), now), since, now) {
                if store::jobs::step(&mut tx, row.id, row.state.0, state).await? {
                    store::jobs::given_up(&mut tx, row.id, self.now(), why).await?;
                    store::slots::release(&mut tx, row.host, row.id).await?;
                    self.note(&mut tx, row.id, why).await?;
                    self.hub.forget_progress(row.host, row.id);
                    touched.insert(row.host);
                }
            } else if row.due != 0 && row.due <= self.now() {
                store::jobs::release(&mut tx, row.id).await?;
                touched.insert(row.host);
            }
        }
        for host in &touched {
            store::hosts::bump(&mut tx, *host).await?;
        }
        store::commit(tx).await?;
        touched.into_iter().for_each(|host| self.hub.poke(host));
        Ok(())
    }

    /// What staff asked for and failed is queued once more, where its kind of failure may pass.
    pub(super) async fn try_again(&self, conn: &mut Conn, job: JobId, ended: &Ended) -> Result<(), AppError> {
        let Some(row) = store::jobs::get(conn, job).await? else { return Ok(()) };
        // Whoever asks for a restore waits for it, and sees that it failed.
        let may = !matches!(row.spec.0, JobSpec::Restore(_));
        if ended.outcome != JobState::Failed || !may || !row.is_asked() || row.cancel != 0 {
            return Ok(());
        }
        let Some(host) = store::hosts::get(conn, row.host).await? else { return Ok(()) };
        let policy = Policies::read(conn).await?.of(&host.group_name).work;
        let before = usize::try_from(row.attempt - 1).unwrap_or(0);
        let most = usize::try_from(policy.retries).unwrap_or(usize::MAX);
        let Some(wait) = ended.failure.retry_after(before, most) else { return Ok(()) };
        let mut next = JobRow::new(JobId::new(&self.clock), row.host, row.spec.0, &row.origin, self.now());
        next.due = self.now() + wait.num_seconds();
        next.deadline = deadline(next.due, policy.begin_within_days);
        (next.whole, next.attempt, next.retry_of) = (row.whole, row.attempt + 1, job.to_string());
        store::jobs::insert(conn, &next).await?;
        if let Ok(request) = row.request.parse() {
            store::jobs::set_request(conn, next.id, request).await?;
        }
        let minutes = wait.num_minutes();
        self.note(conn, job, &format!("it is tried again in {minutes} minutes, as job {}", next.id)).await
    }
}

/// Until when a job that is asked for at this time must have begun; 0: it waits for ever.
pub(super) fn deadline(asked: i64, days: u32) -> i64 {
    if days == 0 { 0 } else { asked + TimeDelta::days(days.into()).num_seconds() }
}

fn open(row: &OpenRow, connected: bool, now: DateTime<Utc>) -> Open {
    let moment = |seconds: i64| DateTime::from_timestamp(seconds, 0).filter(|_| seconds != 0);
    Open {
        state: row.state.0,
        deadline: moment(row.deadline),
        // A stream that is held is not silent, whatever it says.
        heard: if connected { Some(now) } else { moment(row.last_seen) },
        gone: row.revoked != 0,
    }
}
