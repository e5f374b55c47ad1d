//! What is remembered of jobs, by policy. What failed or was lost is never forgotten, and of each
//! kind of work the newest that was done stays: health is judged by it.

use super::{App, AppError};
use crate::store;
use chrono::TimeDelta;

/// Hosts whose history is looked through in one transaction: others want to write, too.
const AT_ONCE: usize = 50;

impl App {
    /// Forgets what is older than the policies say. Returns how many jobs that were.
    pub async fn forget_jobs(&self) -> Result<u64, AppError> {
        self.demand_clock()?;
        let policies = self.policies().await?;
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        drop(conn);
        let mut forgotten = 0;
        for some in hosts.chunks(AT_ONCE) {
            let mut tx = self.store.begin().await?;
            for host in some {
                let days = policies.of(&host.group_name).work.history_days;
                if days > 0 {
                    let before = self.now() - TimeDelta::days(days.into()).num_seconds();
                    forgotten += store::jobs::forget(&mut tx, host.id, before).await?;
                }
            }
            store::commit(tx).await?;
        }
        Ok(forgotten)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::app::tests::{administrator, app, enrol};
    use crate::app::{App, events::Report};
    use chrono::{DateTime, TimeDelta, Utc};
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::event::{Event, EventKind};
    use keepwatch_proto::ids::{BootId, HostId, JobId};
    use keepwatch_proto::job::{Ended, JobSpec, JobState};
    use std::sync::Arc;

    async fn ended(app: &App, host: HostId, outcome: JobState) -> JobId {
        let (job, spec) = (JobId::new(&app.clock), JobSpec::Backup { paths: vec!["/a".into()], excludes: vec![] });
        let ended = Ended { outcome, log: vec!["a line".into()], ..Ended::failed("") };
        let kinds = [EventKind::Started { job, spec, scheduled: true, medium: false }, EventKind::Ended { job, ended }];
        let events = kinds.into_iter().zip(1..).map(|(kind, seq)| Event { seq, at: app.clock.now(), kind }).collect();
        app.ingest(host, Report::of(BootId::new(&app.clock), events)).await.unwrap();
        job
    }

    #[tokio::test]
    async fn what_ended_well_long_ago_is_forgotten_and_what_failed_never() {
        let (_folder, mut app) = app().await;
        let begins: DateTime<Utc> = "2026-01-05T04:00:00Z".parse().unwrap();
        let host = enrol(&app, "pc").await;
        app.set_policy(&administrator(), "all", "work: {history_days: 30}", 0).await.unwrap();
        let mut jobs = Vec::new();
        for (day, outcome) in [
            (0, JobState::Succeeded),
            (1, JobState::Failed),
            (2, JobState::Partial),
            (3, JobState::Succeeded),
            (40, JobState::Failed),
        ] {
            Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(begins + TimeDelta::days(day));
            jobs.push(ended(&app, host, outcome).await);
        }
        assert_eq!(app.forget_jobs().await.unwrap(), 2);
        let mut left: Vec<JobId> =
            app.jobs(&administrator(), "pc", 0).await.unwrap().iter().map(|j| j.row.id).collect();
        left.reverse();
        // The newest that was done stays, though it is old: by it the host is judged.
        assert_eq!(left, [jobs[1], jobs[3], jobs[4]]);
        let log = app.job_log(&administrator(), &jobs[1].to_string()).await.unwrap();
        assert_eq!(log.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["a line"]);
        assert_eq!(app.forget_jobs().await.unwrap(), 0);
        app.set_policy(&administrator(), "all", "work: {history_days: 0}", 0).await.unwrap();
        Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(begins + TimeDelta::days(4000));
        ended(&app, host, JobState::Succeeded).await;
        assert_eq!(app.forget_jobs().await.unwrap(), 0);
    }
}
