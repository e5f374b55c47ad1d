//! `backup`: save hosts' files now.

use super::jobs;
use super::many::{self, Many};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::wire::agent::{BackupJob, job_spec::Kind};

/// Back up what a host's policy names, now.
#[derive(Debug, clap::Args)]
pub(crate) struct Backup {
    /// Names or ids of hosts
    #[arg(value_name = "HOST")]
    hosts: Vec<String>,
    #[command(flatten)]
    many: Many,
    /// Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    #[arg(long)]
    watch: bool,
}

impl Backup {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let spec = jobs::spec(Kind::Backup(BackupJob::default()));
        many::start(context, self.hosts, &self.many, spec, self.watch).await
    }
}
