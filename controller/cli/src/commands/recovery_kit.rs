//! `recovery-kit`: what opens a host's backups without Keepwatch. It holds the repository's
//! password, so a file made of it is the owner's alone.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Print what stock restic needs to open a host's backups. Keep it on paper, in a safe.
#[derive(Debug, clap::Args)]
pub(crate) struct RecoveryKit {
    /// Name or id of the host
    host: String,
    /// Write it to a new file that only you can read, instead of the terminal
    #[arg(short = 'o', long = "to", value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Serialize)]
struct KitView {
    host: String,
    repository: String,
    password: String,
    text: String,
}

impl RecoveryKit {
    pub(crate) async fn run(self, context: &Context) -> Result<Outcome, Failure> {
        if let Some(to) = &self.to
            && to.symlink_metadata().is_ok()
        {
            // Another host's kit may be in it.
            return Err(occupied(to));
        }
        let mut staff = context.staff().await?;
        let kit = staff.recovery_kit(wire::HostName { host: self.host }).await?.into_inner();
        let wire::RecoveryKitReply { host, repository, password, text } = kit;
        match &self.to {
            None => context.output.document(&text, &KitView { host, repository, password, text: text.clone() })?,
            Some(to) => {
                save(to, &text)?;
                context.output.note(&format!(
                    "The recovery kit of {host} is in {}. It opens all its backups: keep it safe.",
                    to.display()
                ));
            }
        }
        Ok(Outcome::Done)
    }
}

fn occupied(to: &Path) -> Failure {
    Failure::File {
        path: to.into(),
        error: std::io::Error::other("exists already, and may hold another kit; choose a new file"),
    }
}

fn save(to: &Path, text: &str) -> Result<(), Failure> {
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let write = || {
        // Made readable by its owner only.
        let mut file = tempfile::Builder::new().prefix(".keepwatch-").tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    let file = write().map_err(Failure::file(to))?;
    file.persist_noclobber(to).map_err(|failed| match failed.error.kind() {
        std::io::ErrorKind::AlreadyExists => occupied(to),
        _ => Failure::File { path: to.into(), error: failed.error },
    })?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_kit_is_its_owners_and_replaces_nothing() {
        let home = tempfile::tempdir().unwrap();
        let to = home.path().join("kit.txt");
        save(&to, "secret\n").unwrap();
        assert!(crate::platform::is_private(&to).unwrap());
        assert!(save(&to, "other\n").is_err());
        assert_eq!(std::fs::read_to_string(&to).unwrap(), "secret\n");
    }

    #[test]
    fn its_json_is_what_scripts_rely_on() {
        let view = KitView { host: "a".into(), repository: "/r".into(), password: "p".into(), text: "t".into() };
        assert_eq!(
            serde_json::to_value(view).unwrap(),
            serde_json::json!({"host": "a", "repository": "/r", "password": "p", "text": "t"})
        );
    }
}
