//! `restore`: bring files back onto a host, the one they came from or another.

use super::{jobs, remote_path};
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::job::{Conflict, RestoreSpec};
use keepwatch_proto::wire::agent::job_spec::Kind;
use keepwatch_proto::wire::staff::CreateJobRequest;

/// Bring files back onto a host. By default into a new folder there, over nothing.
#[derive(Debug, clap::Args)]
pub(crate) struct Restore {
    /// Name or id of the host whose backup it is
    host: String,
    /// Id of the snapshot, its beginning, 'latest', or 'latest-clean': the newest in which nothing was
    /// found; with one --path, the newest in which that file is clean
    snapshot: String,
    /// Only this path (repeatable); everything if left out
    #[arg(long = "path", value_name = "PATH", value_parser = remote_path())]
    paths: Vec<String>,
    /// Restore onto this host instead
    #[arg(long, value_name = "HOST")]
    to_host: Option<String>,
    /// Folder on the host to restore below; a new one where the PC allows restores if left out
    #[arg(long, value_name = "DIR", value_parser = remote_path(), default_value = "", hide_default_value = true)]
    target: String,
    /// Each path goes back to where it was; name what by --path
    #[arg(long, requires = "paths", conflicts_with = "target")]
    in_place: bool,
    /// What to do where something else is there already: refuse (leave it, and name what was not
    /// restored), skip, keep-both, overwrite-older, overwrite
    #[arg(long, value_name = "WHAT", default_value_t = Conflict::Refuse)]
    conflict: Conflict,
    /// Replace files that exist: --conflict overwrite
    #[arg(long, conflicts_with = "conflict")]
    overwrite: bool,
    /// Bring back also what is infected; for administrators. Otherwise such files are left out, and
    /// what newer rules find on the way as well
    #[arg(long)]
    infected: bool,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// Follow it to its end; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    #[arg(long)]
    watch: bool,
}

impl Restore {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let follow = self.watch;
        jobs::start(context, self.request(), follow).await
    }

    fn request(self) -> CreateJobRequest {
        let Self { host, snapshot, paths, to_host, target, in_place, conflict, overwrite, infected, dry_run, watch: _ } =
            self;
        let conflict = if overwrite { Conflict::Overwrite } else { conflict };
        let wanted =
            RestoreSpec { snapshot, paths, target, in_place, conflict, dry_run, infected, ..RestoreSpec::default() };
        let spec = jobs::spec(Kind::Restore(wanted.into()));
        match to_host {
            Some(other) => CreateJobRequest { host: other, spec, source_host: host },
            None => CreateJobRequest { host, spec, source_host: String::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_job_is_for_the_host_that_is_written_to() {
        let restore = |to_host: Option<&str>| Restore {
            host: "from".into(),
            snapshot: "latest".into(),
            paths: vec![],
            to_host: to_host.map(Into::into),
            target: String::new(),
            in_place: false,
            conflict: Conflict::Refuse,
            overwrite: false,
            infected: false,
            dry_run: false,
            watch: false,
        };
        for (to_host, host, source_host) in [(None, "from", ""), (Some("to"), "to", "from")] {
            let request = restore(to_host).request();
            assert_eq!((request.host.as_str(), request.source_host.as_str()), (host, source_host));
        }
    }
}
