//! The verbs, a file each. Every one asks the staff door, turns the answer into its view
//! and hands that to the output; none of them formats or prints.

mod audit;
mod backup;
mod claims;
mod clock;
mod completion;
mod deletions;
mod detections;
mod download;
mod find;
mod groups;
mod hosts;
pub(crate) mod jobs;
mod login;
mod ls;
mod many;
mod placement;
mod policies;
mod quarantine;
mod recovery_kit;
mod report;
mod restore;
mod retention;
mod rollouts;
mod scan;
#[cfg(test)]
mod shapes;
mod signatures;
mod snapshots;
mod tokens;
mod users;
mod verify;
mod versions;

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use clap::builder::{OsStringValueParser, TypedValueParser};
use keepwatch_proto::paths;
use std::ffi::OsString;

/// What can be asked.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Log in to a controller and keep the session in a profile
    Login(login::Login),
    /// End the session
    Logout,
    /// Show who is logged in where
    Whoami,
    /// The PCs: whether they are protected, and if not, why
    Hosts(hosts::Hosts),
    /// The tree of departments and sites
    Groups(groups::Groups),
    /// What a group's hosts must do
    Policies(policies::Policies),
    /// What a PC enrols with
    Tokens(tokens::Tokens),
    /// Scans, backups and restores: past, running, waiting
    Jobs(jobs::Jobs),
    /// The backups of a host
    Snapshots(snapshots::Snapshots),
    /// Which snapshots of a host stay, and why
    Retention(retention::Retention),
    /// Read all that a host has stored, and say whether it is sound
    Verify(verify::Verify),
    /// Set aside what is damaged of a host's backups; the PC sends again what is still there
    Repair(verify::Repair),
    /// List what is in a snapshot
    Ls(ls::Ls),
    /// Find files by name in all snapshots of a host
    Find(find::Find),
    /// Show what a file was over time
    Versions(versions::Versions),
    /// Fetch one file from a snapshot to this computer
    Download(download::Download),
    /// What the scans found
    Detections(detections::Detections),
    /// Files that were put away on PCs, where nobody can open or run them
    Quarantine(quarantine::Quarantine),
    /// Scan hosts now
    Scan(scan::Scan),
    /// Back hosts up now
    Backup(backup::Backup),
    /// Bring files back onto a host
    Restore(restore::Restore),
    /// The rules that hosts scan with
    Signatures(signatures::Signatures),
    Rollouts(rollouts::Rollouts),
    /// Who may log in
    Users(users::Users),
    /// Who did what, and when
    Audit(audit::Audit),
    Clock(clock::Clock),
    Report(report::Report),
    /// What stock restic needs to open a host's backups without Keepwatch
    RecoveryKit(recovery_kit::RecoveryKit),
    Completion(completion::Completion),
    Man(completion::Manual),
}

impl Command {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        match self {
            Self::Login(command) => command.run(context).await,
            Self::Logout => login::logout(context).await,
            Self::Whoami => login::whoami(context),
            Self::Hosts(command) => command.run(context).await,
            Self::Groups(command) => command.run(context).await,
            Self::Policies(command) => command.run(context).await,
            Self::Tokens(command) => command.run(context).await,
            Self::Jobs(command) => command.run(context).await,
            Self::Snapshots(command) => command.run(context).await,
            Self::Retention(command) => command.run(context).await,
            Self::Verify(command) => command.run(context).await,
            Self::Repair(command) => command.run(context).await,
            Self::Ls(command) => command.run(context).await,
            Self::Find(command) => command.run(context).await,
            Self::Versions(command) => command.run(context).await,
            Self::Download(command) => command.run(context).await,
            Self::Detections(command) => command.run(context).await,
            Self::Quarantine(command) => command.run(context).await,
            Self::Scan(command) => command.run(context).await,
            Self::Backup(command) => command.run(context).await,
            Self::Restore(command) => command.run(context).await,
            Self::Signatures(command) => command.run(context).await,
            Self::Rollouts(command) => command.run(context).await,
            Self::Users(command) => command.run(context).await,
            Self::Audit(command) => command.run(context).await,
            Self::Clock(command) => command.run(context).await,
            Self::Report(command) => command.run(context).await,
            Self::RecoveryKit(command) => command.run(context).await,
            Self::Completion(command) => command.run(context),
            Self::Man(command) => command.run(context),
        }
    }
}

/// Says how to go on where a list has more than was shown; an empty place: it has not.
fn more_after(context: &Context, place: &str) {
    if !place.is_empty() {
        context.output.note(&format!("There are older ones: --after {place}, or more at once with --limit"));
    }
}

/// A path on a PC. One copied from a listing carries its escapes already; one whose bytes
/// are no text, as a shell may complete it, gets them here.
fn remote_path() -> impl TypedValueParser<Value = String> {
    OsStringValueParser::new()
        .map(|path: OsString| path.into_string().unwrap_or_else(|path| paths::to_text(&crate::platform::bytes(&path))))
}
