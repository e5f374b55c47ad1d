//! `scan`: look at a host's files now.

use super::{jobs, remote_path};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::wire::agent::{ScanJob, job_spec::Kind};
use keepwatch_proto::wire::staff::CreateJobRequest;

/// Scan a host now.
#[derive(Debug, clap::Args)]
pub(crate) struct Scan {
    /// Name or id of the host
    host: String,
    /// Files and folders on it; those of its policy if left out
    #[arg(value_name = "PATH", value_parser = remote_path())]
    paths: Vec<String>,
    /// Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    #[arg(long)]
    watch: bool,
}

impl Scan {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let spec = jobs::spec(Kind::Scan(ScanJob { paths: self.paths, ..Default::default() }));
        jobs::start(context, CreateJobRequest { host: self.host, spec, source_host: String::new() }, self.watch).await
    }
}
