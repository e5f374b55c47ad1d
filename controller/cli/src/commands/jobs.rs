//! `jobs`: scans, backups and restores. Also where the commands that start one end.

use crate::connect::Staff;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::{show, watch};
use chrono::{DateTime, Utc};
use keepwatch_proto::job::{Failure as Missed, Tally};
use keepwatch_proto::wire::{agent, staff as wire};
use serde::Serialize;

/// Scans, backups and restores.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Jobs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    filter: Filter,
}

#[derive(Debug, clap::Args)]
struct Filter {
    /// Only this host's (name or id)
    #[arg(long, default_value = "", hide_default_value = true)]
    host: String,
    /// At most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List jobs, the newest first (the default)
    List(Filter),
    /// Show one job and what it could not do
    Show {
        /// Its id
        id: String,
    },
    /// Follow a job to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    Watch {
        /// Its id
        id: String,
    },
    /// Let a scan or backup wait until it is resumed
    Pause {
        /// Its id
        id: String,
    },
    /// Let a paused scan or backup go on
    Resume {
        /// Its id
        id: String,
    },
    /// Call a job off
    Cancel {
        /// Its id
        id: String,
    },
}

/// One job, for people and programs.
#[derive(Debug, Serialize)]
pub(crate) struct JobView {
    id: String,
    host: String,
    host_name: String,
    kind: String,
    state: String,
    origin: String,
    created: Option<DateTime<Utc>>,
    started: Option<DateTime<Utc>>,
    ended: Option<DateTime<Utc>>,
    message: Option<String>,
    tally: Tally,
    failures: Vec<Missed>,
    snapshot: Option<String>,
    target: Option<String>,
    progress: Option<ProgressView>,
    paused: bool,
}

#[derive(Debug, Serialize)]
struct ProgressView {
    phase: String,
    files: u64,
    bytes: u64,
    total_bytes: u64,
}

impl From<wire::Job> for JobView {
    fn from(job: wire::Job) -> Self {
        Self {
            id: job.id,
            host: job.host,
            host_name: job.host_name,
            kind: job.kind,
            state: job.state,
            origin: job.origin,
            created: show::time(job.created),
            started: show::time(job.started),
            ended: show::time(job.ended),
            message: show::some(job.message),
            tally: job.tally.unwrap_or_default().into(),
            failures: job.failures.into_iter().map(Into::into).collect(),
            snapshot: show::some(job.snapshot),
            target: show::some(job.target),
            progress: job.progress.map(|agent::Progress { phase, files, bytes, total_bytes, .. }| ProgressView {
                phase,
                files,
                bytes,
                total_bytes,
            }),
            paused: job.paused,
        }
    }
}

impl JobView {
    /// The state, for people.
    fn standing(&self) -> String {
        if self.paused && self.ended.is_none() { format!("{}, paused", self.state) } else { self.state.clone() }
    }
}

impl Row for JobView {
    const HEADER: &'static [&'static str] =
        &["ID", "HOST", "KIND", "STATE", "ORIGIN", "CREATED", "ENDED", "FILES", "SIZE", "FAILED", "MESSAGE"];
    fn cells(&self) -> Vec<String> {
        vec![
            self.id.clone(),
            self.host_name.clone(),
            self.kind.clone(),
            self.standing(),
            self.origin.clone(),
            show::when(self.created),
            show::when(self.ended),
            self.tally.files.to_string(),
            show::size(self.tally.bytes),
            self.tally.failed.to_string(),
            show::or_dash(self.message.as_ref()),
        ]
    }
}

impl Card for JobView {
    fn lines(&self) -> Vec<(&'static str, String)> {
        let Tally { files, bytes, detected, unchanged, skipped, failed, stored, noise } = self.tally;
        let mut lines = vec![
            ("job", self.id.clone()),
            ("host", format!("{} ({})", self.host_name, self.host)),
            ("kind", self.kind.clone()),
            ("state", self.standing()),
            ("asked by", self.origin.clone()),
            ("created", show::when(self.created)),
            ("started", show::when(self.started)),
            ("ended", show::when(self.ended)),
            ("files", format!("{files}, {}", show::size(bytes))),
            ("not done", format!("{failed} failed, {skipped} skipped, {unchanged} unchanged")),
        ];
        match self.kind.as_str() {
            "scan" => lines.push(("detected", detected.to_string())),
            "backup" => lines.push(("stored", show::size(stored))),
            _ => {}
        }
        if noise > 0 {
            lines.push(("look encrypted", format!("{noise} of the files that it read")));
        }
        if let Some(ProgressView { phase, files, bytes, .. }) = &self.progress {
            lines.push(("now", format!("{phase}, {files} files, {}", show::size(*bytes))));
        }
        lines.extend(self.snapshot.clone().map(|snapshot| ("snapshot", snapshot)));
        lines.extend(self.target.clone().map(|target| ("restored to", target)));
        lines.extend(self.message.clone().map(|message| ("message", message)));
        lines.extend(self.failures.iter().map(|Missed { path, reason }| ("failed", format!("{path}: {reason}"))));
        lines
    }
}

impl Jobs {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut staff = context.staff().await?;
        match self.action.unwrap_or(Action::List(self.filter)) {
            Action::List(Filter { host, limit }) => {
                let jobs = staff.list_jobs(wire::ListJobsRequest { host, limit }).await?.into_inner().jobs;
                let views: Vec<JobView> = jobs.into_iter().map(Into::into).collect();
                context.output.list(&views, "There is no job yet.")?;
            }
            Action::Show { id } => {
                // What a watcher is told first is how the job stands now.
                let mut stream = staff.watch_job(wire::JobId { id: id.clone() }).await?.into_inner();
                let job = stream.message().await?.ok_or(Failure::Answer(format!("nothing is said of job {id}")))?;
                context.output.card(&JobView::from(job))?;
            }
            Action::Watch { id } => return watch::to_the_end(context, &mut staff, &id).await,
            Action::Pause { id } => {
                staff.pause_job(wire::JobId { id: id.clone() }).await?;
                context.output.note(&format!("It waits. Let it go on with 'keepwatch jobs resume {id}'."));
            }
            Action::Resume { id } => {
                staff.resume_job(wire::JobId { id: id.clone() }).await?;
                context.output.note(&format!("It goes on. Follow it with 'keepwatch jobs watch {id}'."));
            }
            Action::Cancel { id } => {
                staff.cancel_job(wire::JobId { id: id.clone() }).await?;
                context.output.note(&format!("Called off. See how it ends with 'keepwatch jobs watch {id}'."));
            }
        }
        Ok(Outcome::Done)
    }
}

/// Has a job done: says how to follow it, or follows it.
pub(crate) async fn start(
    context: &Context,
    request: wire::CreateJobRequest,
    follow: bool,
) -> Result<Outcome, Failure> {
    let mut staff: Staff = context.staff().await?;
    let job = staff.create_job(request).await?.into_inner();
    let id = job.id.clone();
    if follow {
        return watch::to_the_end(context, &mut staff, &id).await;
    }
    context.output.document(&id, &JobView::from(job))?;
    context.output.note(&format!("Follow it with 'keepwatch jobs watch {id}'."));
    Ok(Outcome::Done)
}

/// What a job is to do, as the wire has it.
pub(crate) fn spec(kind: agent::job_spec::Kind) -> Option<agent::JobSpec> {
    Some(agent::JobSpec { kind: Some(kind) })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let job = wire::Job {
            id: "1".into(),
            host: "2".into(),
            host_name: "PC-1".into(),
            kind: "backup".into(),
            state: "partial".into(),
            origin: "schedule".into(),
            created: 1,
            tally: Some(agent::Tally { files: 3, failed: 1, ..Default::default() }),
            failures: vec![agent::Failure { path: "/a\\xE9".into(), reason: "denied".into() }],
            progress: Some(agent::Progress { phase: "reading".into(), files: 3, ..Default::default() }),
            ..Default::default()
        };
        let tally = json!({
            "files": 3, "bytes": 0, "detected": 0, "unchanged": 0, "skipped": 0, "failed": 1, "stored": 0,
            "noise": 0
        });
        assert_eq!(
            serde_json::to_value(JobView::from(job)).unwrap(),
            json!({
                "id": "1", "host": "2", "host_name": "PC-1", "kind": "backup", "state": "partial",
                "origin": "schedule", "created": "1970-01-01T00:00:01Z", "started": null, "ended": null,
                "message": null, "tally": tally, "failures": [{"path": "/a\\xE9", "reason": "denied"}],
                "snapshot": null, "target": null,
                "progress": {"phase": "reading", "files": 3, "bytes": 0, "total_bytes": 0}, "paused": false
            })
        );
    }

    #[test]
    fn every_named_failure_is_on_the_card() {
        let failures = vec![agent::Failure { path: "/a".into(), reason: "denied".into() }; 3];
        let view = JobView::from(wire::Job { failures, ..Default::default() });
        assert_eq!(view.lines().iter().filter(|(name, value)| *name == "failed" && value == "/a: denied").count(), 3);
    }
}
