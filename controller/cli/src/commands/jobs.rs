//! `jobs`: scans, backups and restores. Also where the commands that start one end.

use super::many::{Many, refusals};
use super::more_after;
use super::tokens::seconds;
use crate::connect::Staff;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Card, Row};
use crate::watch::Refresh;
use crate::{show, watch};
use chrono::{DateTime, Utc};
use keepwatch_proto::clock::Clock;
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

#[derive(Debug, Clone, clap::Args)]
struct Filter {
    /// Only this host's (name or id)
    #[arg(long, default_value = "", hide_default_value = true)]
    host: String,
    /// Only those of hosts in this group and below it
    #[arg(long, default_value = "", hide_default_value = true)]
    group: String,
    /// Only those in this state: queued, waiting, offered, running, succeeded, partial, failed, cancelled,
    /// expired, lost; open or ended
    #[arg(long, default_value = "", hide_default_value = true)]
    state: String,
    /// Only of this kind: scan, backup, restore, verify, quarantine
    #[arg(long, default_value = "", hide_default_value = true)]
    kind: String,
    /// Only those created within this time: 30m, 12h, 7d
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    since: Option<u64>,
    /// Where the page before ended, as it said
    #[arg(long, value_name = "PLACE", default_value = "", hide_default_value = true)]
    after: String,
    /// At most so many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: u32,
    #[command(flatten)]
    refresh: Refresh,
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
    /// Show what happened with a job, line by line
    Log {
        /// Its id
        id: String,
    },
    /// Show who backs up now, and who waits for leave to
    Slots,
    /// Let scans and backups wait until they are resumed
    Pause(Which),
    /// Let paused scans and backups go on
    Resume(Which),
    /// Call jobs off
    Cancel(Which),
}

/// Which jobs are meant.
#[derive(Debug, clap::Args)]
struct Which {
    /// Their ids
    #[arg(value_name = "ID")]
    jobs: Vec<String>,
    /// What is open on this host; may be given several times
    #[arg(long = "host", value_name = "HOST")]
    hosts: Vec<String>,
    /// Of what is open on hosts, only this kind: scan, backup, restore, verify, quarantine
    #[arg(long, default_value = "", hide_default_value = true)]
    kind: String,
    #[command(flatten)]
    many: Many,
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
    attempt: u32,
    retry_of: Option<String>,
    failure_kind: Option<String>,
    waited_seconds: u64,
    due: Option<DateTime<Utc>>,
    deadline: Option<DateTime<Utc>>,
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
            attempt: job.attempt,
            retry_of: show::some(job.retry_of),
            failure_kind: show::some(job.failure_kind),
            waited_seconds: job.waited_seconds,
            due: show::time(job.due),
            deadline: show::time(job.deadline),
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
        let Tally { files, bytes, detected, unchanged, skipped, failed, stored, noise, .. } = self.tally;
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
        if self.attempt > 1 {
            lines.push(("attempt", format!("{}, after {}", self.attempt, show::or_dash(self.retry_of.as_ref()))));
        }
        if self.due.is_some() {
            lines.push(("not before", show::when(self.due)));
        }
        if self.waited_seconds > 0 {
            lines.push(("waited", format!("{} s for leave to begin", self.waited_seconds)));
        }
        lines.extend(self.snapshot.clone().map(|snapshot| ("snapshot", snapshot)));
        lines.extend(self.target.clone().map(|target| ("restored to", target)));
        lines.extend(self.message.clone().map(|message| ("message", message)));
        lines.extend(self.failures.iter().map(|Missed { path, reason }| ("failed", format!("{path}: {reason}"))));
        lines
    }
}

/// One line of a job's log.
#[derive(Debug, Serialize)]
struct LineView {
    at: Option<DateTime<Utc>>,
    text: String,
}

impl Row for LineView {
    const HEADER: &'static [&'static str] = &["AT", "WHAT"];
    fn cells(&self) -> Vec<String> {
        vec![show::when(self.at), self.text.clone()]
    }
}

/// One PC that backs up or would.
#[derive(Debug, Serialize)]
struct SlotView {
    host: String,
    host_name: String,
    group: String,
    job: String,
    state: String,
    asked: Option<DateTime<Utc>>,
    granted: Option<DateTime<Utc>>,
    begun: Option<DateTime<Utc>>,
}

impl From<wire::SlotInUse> for SlotView {
    fn from(slot: wire::SlotInUse) -> Self {
        let wire::SlotInUse { host, host_name, group, job, state, asked, granted, begun } = slot;
        let [asked, granted, begun] = [asked, granted, begun].map(show::time);
        Self { host, host_name, group, job, state, asked, granted, begun }
    }
}

impl Row for SlotView {
    const HEADER: &'static [&'static str] = &["HOST", "GROUP", "STATE", "ASKED", "BEGUN", "JOB"];
    fn cells(&self) -> Vec<String> {
        let Self { host_name, group, state, job, .. } = self;
        let (asked, begun) = (show::when(self.asked), show::when(self.begun));
        vec![host_name.clone(), group.clone(), state.clone(), asked, begun, job.clone()]
    }
}

impl Jobs {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self.action.unwrap_or(Action::List(self.filter)) {
            Action::List(filter) => {
                return watch::again(context, filter.refresh, async || list(context, filter.clone()).await).await;
            }
            Action::Show { id } => {
                // What a watcher is told first is how the job stands now.
                let mut staff = context.staff().await?;
                let mut stream = staff.watch_job(wire::JobId { id: id.clone() }).await?.into_inner();
                let job = stream.message().await?.ok_or(Failure::Answer(format!("nothing is said of job {id}")))?;
                context.output.card(&JobView::from(job))?;
            }
            Action::Watch { id } => return watch::to_the_end(context, &mut context.staff().await?, &id).await,
            Action::Log { id } => {
                let lines = context.work().await?.job_log(wire::JobId { id }).await?.into_inner().lines;
                // The PC tells several lines at once.
                let lines = lines.into_iter().flat_map(|line| {
                    let at = show::time(line.at);
                    line.text.lines().map(|text| LineView { at, text: text.into() }).collect::<Vec<_>>()
                });
                context.output.list(&lines.collect::<Vec<_>>(), "Nothing is written of that job.")?;
            }
            Action::Slots => {
                let slots = context.work().await?.list_slots(wire::Empty {}).await?.into_inner().slots;
                let views: Vec<SlotView> = slots.into_iter().map(Into::into).collect();
                context.output.list(&views, "No PC backs up, and none would.")?;
            }
            Action::Pause(which) => return change(context, which, "pause").await,
            Action::Resume(which) => return change(context, which, "resume").await,
            Action::Cancel(which) => return change(context, which, "cancel").await,
        }
        Ok(Outcome::Done)
    }
}

async fn list(context: &Context, filter: Filter) -> Result<(), Failure> {
    let Filter { host, group, state, kind, since, after, limit, refresh: _ } = filter;
    let now = Clock::system().now().timestamp();
    let since = since.map_or(0, |seconds| now.saturating_sub_unsigned(seconds).max(0));
    let request = wire::FindJobsRequest { host, group, state, kind, since, limit, after };
    let reply = context.work().await?.find_jobs(request).await?.into_inner();
    let views: Vec<JobView> = reply.jobs.into_iter().map(Into::into).collect();
    context.output.list(&views, "There is no such job.")?;
    more_after(context, &reply.next);
    Ok(())
}

/// Calls jobs off, lets them wait or go on.
async fn change(context: &Context, which: Which, change: &str) -> Result<Outcome, Failure> {
    let Which { jobs, hosts, kind, many } = which;
    let mut work = context.work().await?;
    let mut hosts =
        if jobs.is_empty() || many.is_given() || !hosts.is_empty() { Some(many.with(hosts)?) } else { None };
    if let Some(meant) = hosts {
        let meant = many.are_meant(context, &mut work, &meant, &format!("{change} jobs on")).await?;
        let Some(meant) = meant else { return Ok(Outcome::Done) };
        hosts = Some(meant);
    }
    let alone = hosts.is_none() && jobs.len() == 1;
    let request = wire::ChangeJobsRequest { jobs, hosts, kind, change: change.into() };
    let reply = work.change_jobs(request).await?.into_inner();
    if let (true, Some(refusal)) = (alone, reply.refused.first()) {
        return Err(Failure::Refused(refusal.why.clone()));
    }
    refusals(context, &reply.refused);
    for id in &reply.changed {
        context.output.note(&match change {
            "pause" => format!("It waits. Let it go on with 'keepwatch jobs resume {id}'."),
            "resume" => format!("It goes on. Follow it with 'keepwatch jobs watch {id}'."),
            _ => format!("Called off. See how it ends with 'keepwatch jobs watch {id}'."),
        });
    }
    if reply.changed.is_empty() && reply.refused.is_empty() {
        context.output.note("There is no such job; nothing was done.");
    }
    Ok(if reply.refused.is_empty() { Outcome::Done } else { Outcome::Partial })
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
mod tests;
