//! What is asked of many hosts at once: which are meant, whether that is really meant, and what came
//! of it.

use super::jobs::JobView;
use crate::ask;
use crate::connect::Work;
use crate::context::Context;
use crate::failure::{Failure, Outcome, is_passing};
use crate::watch;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::wire::agent::JobSpec;
use keepwatch_proto::wire::staff as wire;
use std::time::Duration;

/// Waits between attempts of a request whose answer was lost, in seconds.
const WAITS: [u64; 3] = [1, 2, 4];
/// Hosts that are named before it is asked whether all are meant.
const NAMED: usize = 5;

/// Which hosts are meant besides those that are named.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Many {
    /// All hosts of this group and of those below it
    #[arg(long, value_name = "GROUP", default_value = "", hide_default_value = true)]
    group: String,
    /// All hosts of which this is so: name:PC-* state:at-risk reason:backup-overdue system:linux
    /// connected offline no-backup:10d no-scan:3d silent:7d; several with spaces between must all be so
    #[arg(long, value_name = "QUERY", default_value = "", hide_default_value = true)]
    query: String,
}

impl Many {
    /// Whether others are meant than those that are named.
    pub(crate) fn is_given(&self) -> bool {
        !self.group.is_empty() || !self.query.is_empty()
    }

    /// All that are meant.
    pub(crate) fn with(&self, names: Vec<String>) -> Result<wire::Selection, Failure> {
        if names.is_empty() && !self.is_given() {
            return Err(Failure::Usage("nobody is meant; name PCs, or give --group or --query".into()));
        }
        Ok(wire::Selection { names, group: self.group.clone(), query: self.query.clone() })
    }

    /// Has whoever asks say that all of them are meant, where they are more than one. Says who they are,
    /// by their ids: others that fit a moment later were not agreed to. None: nobody.
    pub(crate) async fn are_meant(
        &self,
        context: &Context,
        work: &mut Work,
        hosts: &wire::Selection,
        what: &str,
    ) -> Result<Option<wire::Selection>, Failure> {
        if context.yes || (!self.is_given() && hosts.names.len() == 1) {
            return Ok(Some(hosts.clone()));
        }
        let selected = work.select_hosts(hosts.clone()).await?.into_inner().hosts;
        if selected.is_empty() {
            context.output.note("No PC is like that; nothing was done.");
            return Ok(None);
        }
        let those = selected.iter().map(|host| host.id.clone()).collect();
        let those = wire::Selection { names: those, ..Default::default() };
        if selected.len() == 1 {
            return Ok(Some(those));
        }
        let named: Vec<&str> = selected.iter().take(NAMED).map(|host| host.name.as_str()).collect();
        let more = if selected.len() > NAMED { ", …" } else { "" };
        let count = selected.len();
        let question = format!("This would {what} {count} PCs: {}{more}. Go on?", named.join(", "));
        ask::confirm(context, &question).await?;
        Ok(Some(those))
    }
}

/// Has a scan, a backup or a trial done on all of them: says how to follow it, or follows it.
pub(crate) async fn start(
    context: &Context,
    names: Vec<String>,
    many: &Many,
    spec: Option<JobSpec>,
    follow: bool,
) -> Result<Outcome, Failure> {
    let hosts = many.with(names)?;
    let mut work = context.work().await?;
    let alone = !many.is_given() && hosts.names.len() == 1;
    let Some(hosts) = many.are_meant(context, &mut work, &hosts, "start a job on").await? else {
        return Ok(Outcome::Done);
    };
    // By the same key an answer that was lost is asked for again, and not the work.
    let key = JobId::new(&Clock::system()).to_string();
    let reply = ask_until_answered(context, work, wire::CreateJobsRequest { hosts: Some(hosts), spec, key }).await?;
    if let (true, Some(refusal)) = (alone, reply.refused.first()) {
        return Err(Failure::Refused(refusal.why.clone()));
    }
    if let ([job], true) = (&reply.jobs[..], alone) {
        return one(context, job.clone(), follow).await;
    }
    refusals(context, &reply.refused);
    let mut outcome = if reply.refused.is_empty() { Outcome::Done } else { Outcome::Partial };
    let mut jobs = reply.jobs;
    if follow {
        let mut staff = context.staff().await?;
        for job in &mut jobs {
            *job = watch::until_it_ends(context, &mut staff, &job.id).await?;
            outcome = outcome.worse(watch::outcome_of(job)?);
        }
    }
    let views: Vec<JobView> = jobs.into_iter().map(Into::into).collect();
    context.output.list(&views, "No PC was asked.")?;
    Ok(outcome)
}

/// Says how to follow a job, or follows it.
pub(crate) async fn one(context: &Context, job: wire::Job, follow: bool) -> Result<Outcome, Failure> {
    let id = job.id.clone();
    if follow {
        return watch::to_the_end(context, &mut context.staff().await?, &id).await;
    }
    context.output.document(&id, &JobView::from(job))?;
    context.output.note(&format!("Follow it with 'keepwatch jobs watch {id}'."));
    Ok(Outcome::Done)
}

async fn ask_until_answered(
    context: &Context,
    mut work: Work,
    request: wire::CreateJobsRequest,
) -> Result<wire::CreateJobsReply, Failure> {
    for wait in WAITS {
        match work.create_jobs(request.clone()).await {
            Ok(reply) => return Ok(reply.into_inner()),
            Err(status) if is_passing(&status) => {
                tokio::time::sleep(Duration::from_secs(wait)).await;
                if let Ok(again) = context.work().await {
                    work = again;
                }
            }
            Err(status) => return Err(status.into()),
        }
    }
    Ok(work.create_jobs(request).await?.into_inner())
}

/// Says of what it was not done, and why.
pub(crate) fn refusals(context: &Context, refused: &[wire::Refusal]) {
    for wire::Refusal { what, why } in refused {
        context.output.note(&format!("{what}: {why}"));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn somebody_must_be_meant() {
        assert!(matches!(Many::default().with(vec![]), Err(Failure::Usage(_))));
        assert_eq!(Many::default().with(vec!["a".into()]).unwrap().names, ["a"]);
        let group = Many { group: "tax".into(), ..Many::default() };
        assert!(group.is_given() && group.with(vec![]).unwrap().group == "tax");
    }
}
