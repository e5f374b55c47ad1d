//! Follows a job to its end, through a controller that restarts on the way.

use crate::commands::jobs::JobView;
use crate::connect::Staff;
use crate::context::Context;
use crate::failure::{Failure, Outcome, is_passing};
use crate::progress::Progress;
use keepwatch_proto::job::JobState;
use keepwatch_proto::wire::staff as wire;
use std::time::Duration;

/// Waits between attempts to see the job again, in seconds; about two minutes in all.
const WAITS: [u64; 7] = [1, 2, 4, 8, 16, 30, 60];

/// How often a listing is shown anew, where it is.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(crate) struct Refresh {
    /// Show it anew every so many seconds, until it is interrupted
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "5", value_parser = clap::value_parser!(u64).range(1..))]
    watch: Option<u64>,
}

impl Refresh {
    /// This, or else that.
    pub(crate) fn or(self, other: Self) -> Self {
        Self { watch: self.watch.or(other.watch) }
    }
}

/// Shows something once, or again and again. A controller that is away for a while is waited for.
pub(crate) async fn again(
    context: &Context,
    refresh: Refresh,
    mut show: impl AsyncFnMut() -> Result<(), Failure>,
) -> Result<Outcome, Failure> {
    let Some(seconds) = refresh.watch else {
        show().await?;
        return Ok(Outcome::Done);
    };
    loop {
        context.output.clear()?;
        match show().await {
            Err(failure) if failure.passes() => context.output.failure(&failure.to_string()),
            shown => shown?,
        }
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }
}

/// Shows the job's progress until it ends, then how it ended.
pub(crate) async fn to_the_end(context: &Context, staff: &mut Staff, id: &str) -> Result<Outcome, Failure> {
    let job = until_it_ends(context, staff, id).await?;
    let outcome = outcome_of(&job)?;
    context.output.card(&JobView::from(job))?;
    Ok(outcome)
}

/// Shows the job's progress until it ends.
pub(crate) async fn until_it_ends(context: &Context, staff: &mut Staff, id: &str) -> Result<wire::Job, Failure> {
    let mut progress = Progress::new(&context.output);
    let mut attempt = 0;
    loop {
        match look(staff, id, &mut progress, &mut attempt).await {
            Ok(Some(job)) => return Ok(job),
            Err(status) if !is_passing(&status) => return Err(status.into()),
            Ok(None) | Err(_) => {
                let seconds = WAITS.get(attempt).ok_or_else(|| Failure::LostSight(id.into()))?;
                progress.show("connection lost, trying again", "", 0, 0);
                tokio::time::sleep(Duration::from_secs(*seconds)).await;
                attempt += 1;
            }
        }
    }
}

/// One look, for as long as the connection lasts: the job, if it was seen to end.
async fn look(
    staff: &mut Staff,
    id: &str,
    progress: &mut Progress,
    attempt: &mut usize,
) -> Result<Option<wire::Job>, tonic::Status> {
    let mut stream = staff.watch_job(wire::JobId { id: id.into() }).await?.into_inner();
    while let Some(job) = stream.message().await? {
        *attempt = 0;
        if job.state.parse().is_ok_and(JobState::is_end) {
            return Ok(Some(job));
        }
        let (headline, detail, bytes, total) = summary(&job);
        progress.show(&headline, &detail, bytes, total);
    }
    Ok(None)
}

fn summary(job: &wire::Job) -> (String, String, u64, u64) {
    let wire::Job { kind, state, host_name, .. } = job;
    let Some(now) = &job.progress else {
        return (format!("{kind} on {host_name}: {state}"), String::new(), 0, 0);
    };
    (
        format!("{kind} on {host_name}: {state}, {}", now.phase),
        format!("{} files", now.files),
        now.bytes,
        now.total_bytes,
    )
}

/// How a job that has ended counts.
pub(crate) fn outcome_of(job: &wire::Job) -> Result<Outcome, Failure> {
    let state = job.state.parse().map_err(|error: keepwatch_proto::WireError| Failure::Answer(error.to_string()))?;
    Ok(Outcome::of(state))
}
