//! `verify` and `repair`: whether what a host has stored is sound, and what to do where it is not.

use super::jobs;
use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Row;
use crate::show;
use keepwatch_proto::wire::agent::VerifyJob;
use keepwatch_proto::wire::agent::job_spec::Kind;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;

/// Read all that a host has stored, and say whether it is sound
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Name or id of the host
    host: String,
    /// Only say what the last look showed
    #[arg(long)]
    last: bool,
    /// Have the PC restore files of its newest snapshot, taken at random, to a scratch folder, and
    /// compare; exits with 0: succeeded, 3: partial, 4: failed or cancelled
    #[arg(long, conflicts_with = "last")]
    on_pc: bool,
}

/// Set aside what is damaged of a host's backups, and have the PC send again what is still there
#[derive(Debug, clap::Args)]
pub(crate) struct Repair {
    /// Name or id of the host
    host: String,
}

#[derive(Debug, Serialize)]
struct FileView {
    path: String,
    snapshots: u64,
}

impl Row for FileView {
    const HEADER: &'static [&'static str] = &["FILE THAT NEEDS WHAT IS DAMAGED", "IN SNAPSHOTS"];
    fn cells(&self) -> Vec<String> {
        vec![self.path.clone(), self.snapshots.to_string()]
    }
}

impl Verify {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        if self.on_pc {
            // How many is the controller's to say.
            let spec = jobs::spec(Kind::Verify(VerifyJob::default()));
            let request = wire::CreateJobRequest { host: self.host, spec, source_host: String::new() };
            return jobs::start(context, request, true).await;
        }
        let mut staff = context.staff().await?;
        let host = wire::HostName { host: self.host.clone() };
        let seen = match self.last {
            true => staff.get_verification(host).await?,
            false => staff.verify(host).await?,
        };
        let wire::Verification { ran, outcome, damaged, missing, files, snapshots, unreadable } = seen.into_inner();
        let files: Vec<FileView> =
            files.into_iter().map(|file| FileView { path: file.path, snapshots: file.snapshots }).collect();
        let sound = [damaged, missing, snapshots, unreadable].iter().all(Vec::is_empty);
        let none = if sound { "No file is damaged." } else { "No file of any snapshot needs what is damaged." };
        context.output.list(&files, none)?;
        context.output.note(&match ran {
            0 => "It was never looked at.".to_owned(),
            ran => format!("{}: {outcome}.", show::when(show::time(ran))),
        });
        if sound {
            return Ok(Outcome::Done);
        }
        context.output.note(&format!(
            "'keepwatch repair {}' sets the damage aside, and has the PC send again what of it is still there.",
            self.host
        ));
        Ok(Outcome::Partial)
    }
}

impl Repair {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        let mut staff = context.staff().await?;
        let done = staff.repair(wire::HostName { host: self.host.clone() }).await?.into_inner();
        let job = done.job.map(|job| job.id).unwrap_or_default();
        context.output.note(&format!(
            "{} damaged objects are set aside, in the repository's folder 'damaged'. The PC backs up now ({job}); then look again: 'keepwatch verify {}'.",
            done.set_aside, self.host
        ));
        Ok(Outcome::Done)
    }
}
