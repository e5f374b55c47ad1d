//! `backup`: save a host's files now.

use super::jobs;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::wire::agent::{BackupJob, job_spec::Kind};
use keepwatch_proto::wire::staff::CreateJobRequest;

/// Back up what a host's policy names, now.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// Name or id of the host
    host: String,
    /// Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    #[arg(long)]
    watch: bool,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let spec = jobs::spec(Kind::Backup(BackupJob::default()));
        jobs::start(context, CreateJobRequest { host: self.host, spec, source_host: String::new() }, self.watch).await
    }
}
