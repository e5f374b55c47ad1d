//! Scan, back up and restore without a controller: on a PC that has none, in a script, or
//! years later when all that is left is a repository.

mod backup;
mod gauge;
mod quarantine;
mod scan;

pub(crate) use backup::{BackupArgs, backup};
pub(crate) use quarantine::{Action as QuarantineAction, quarantine};
pub(crate) use scan::{ScanArgs, scan};

use crate::work::conflict_of;
use clap::Args;
use gauge::Gauge;
use indicatif::HumanBytes;
use keepwatch_backup::{Observer, Progress, Repository, RestoreOptions, Storage};
use keepwatch_proto::job::Conflict;
use keepwatch_proto::paths;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A backup or restore that is not whole.
const PARTIAL: u8 = 3;

/// What to restore, and where to.
#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// A snapshot's id, the beginning of one, or 'latest'.
    snapshot: String,
    /// Folder to restore below.
    #[arg(long, value_name = "DIR")]
    target: PathBuf,
    /// Restore only what matches; may be given several times.
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Replace files that exist: `--conflict overwrite`.
    #[arg(long, conflicts_with = "conflict")]
    overwrite: bool,
    /// What to do where something else is there: refuse, skip, keep-both, overwrite-older, overwrite.
    #[arg(long, value_name = "WHAT", default_value_t = Conflict::Refuse)]
    conflict: Conflict,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    repository: RepositoryArgs,
}

/// A repository in a folder.
#[derive(Args)]
struct RepositoryArgs {
    /// Folder of the repository (restic's format), or `s3:https://HOST/BUCKET/FOLDER` (with
    /// AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set), or `sftp:USER@HOST:/FOLDER`.
    #[arg(long, value_name = "DIR")]
    repository: PathBuf,
    /// File with the repository's password in its first line.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
}

impl RepositoryArgs {
    fn storage(&self) -> Result<Storage, StandaloneError> {
        match self.repository.to_str() {
            Some(text) => Ok(Storage::named(text, &|name| std::env::var(name).ok())?),
            None => Ok(Storage::Folder(self.repository.clone())),
        }
    }

    fn password(&self) -> Result<String, StandaloneError> {
        let path = &self.password_file;
        let text = std::fs::read_to_string(path).map_err(|e| StandaloneError::Password(path.clone(), e.to_string()))?;
        match text.lines().next() {
            Some(password) if !password.is_empty() => Ok(password.to_owned()),
            _ => Err(StandaloneError::Password(path.clone(), "its first line is empty".into())),
        }
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandaloneError {
    /// A word that stands for no place.
    #[error("{0}")]
    Places(String),
    /// No rules to be had.
    #[error(transparent)]
    Rules(#[from] keepwatch_scan::RulesError),
    /// A pattern that is none.
    #[error(transparent)]
    Exclude(#[from] keepwatch_scan::ExcludeError),
    /// No password.
    #[error("the password cannot be read from {0}: {1}; write it into the file's first line")]
    Password(PathBuf, String),
    /// A repository's name.
    #[error(transparent)]
    Place(#[from] keepwatch_backup::PlaceError),
    /// The repository.
    #[error(transparent)]
    Backup(#[from] keepwatch_backup::Error),
    /// The terminal, or the pipe.
    #[error("the result cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl Observer for Gauge {
    fn progress(&self, Progress { files, bytes, total_bytes }: Progress) {
        self.show(files, bytes, total_bytes);
    }

    fn failed(&self, path: &Path, reason: &str) {
        self.say(&format!("failed: {}: {reason}", paths::of_path(path)));
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// Restores now.
pub(crate) fn restore(args: RestoreArgs) -> Result<ExitCode, StandaloneError> {
    let repository = Repository::open(&args.repository.storage()?, &args.repository.password()?)?;
    let options = RestoreOptions {
        snapshot: args.snapshot,
        paths: vec![],
        globs: args.include,
        target: Some(args.target.clone()),
        conflict: conflict_of(if args.overwrite { Conflict::Overwrite } else { args.conflict }),
        // Whoever has the password decides what he restores.
        foreign: false,
        dry_run: args.dry_run,
        inspector: None,
    };
    let gauge = Gauge::new("restoring");
    let report = repository.restore(&options, &gauge)?;
    gauge.finish();
    eprintln!(
        "{} files ({}), {} folders and {} links and others {}restored from snapshot {} into {}: {} replaced, {} skipped, {} failed",
        report.files,
        HumanBytes(report.bytes),
        report.folders,
        report.specials,
        if options.dry_run { "would be " } else { "" },
        report.snapshot.id,
        args.target.display(),
        report.replaced,
        report.skipped,
        report.failed
    );
    Ok(whole_or_partial(report.failed))
}

fn whole_or_partial(failed: u64) -> ExitCode {
    if failed > 0 { ExitCode::from(PARTIAL) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let args = RepositoryArgs { repository: folder.path().into(), password_file: file.clone() };
        assert!(args.password().unwrap_err().to_string().contains("first line"));
        for (text, password) in
            [("geheim\n", Some("geheim")), ("守备 pass\r\nmore", Some("守备 pass")), ("", None), ("\nx", None)]
        {
            std::fs::write(&file, text).unwrap();
            assert_eq!(args.password().ok().as_deref(), password);
        }
    }
}
