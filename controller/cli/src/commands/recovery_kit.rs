//! `recovery-kit`: what opens a host's backups without Keepwatch. It holds the repository's
//! password, so a file made of it is the owner's alone.

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::show;
use keepwatch_proto::wire::staff as wire;
use serde::Serialize;
use std::io::Write;
use std::path::{Path, PathBuf};
use tonic::Streaming;

/// Print what stock restic needs to open the backups of one host, or of all. Keep it in a safe.
#[derive(Debug, clap::Args)]
pub(crate) struct RecoveryKit {
    /// Name or id of the host
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    host: Option<String>,
    /// Of all hosts, also of those that were revoked
    #[arg(long)]
    all: bool,
    /// Encrypted to the offline recovery key: only 'keepwatch-controller recovery-key open', or
    /// 'age --decrypt', with that key's secret half can read it
    #[arg(long)]
    sealed: bool,
    /// Write it to a new file that only you can read, instead of the terminal
    #[arg(short = 'o', long = "to", value_name = "FILE")]
    to: Option<PathBuf>,
}

#[derive(Serialize)]
struct KitView {
    id: String,
    host: String,
    repository: String,
    password: String,
    /// The repository as the PC itself reaches it.
    door: Option<String>,
    /// Vouches for the door; PEM.
    ca: String,
    /// Why there is no password.
    problem: Option<String>,
    text: String,
}

#[derive(Serialize)]
struct SealedView {
    sealed: String,
}

impl From<wire::RecoveryKitReply> for KitView {
    fn from(kit: wire::RecoveryKitReply) -> Self {
        let wire::RecoveryKitReply { host, repository, password, text, id, door, ca, problem } = kit;
        Self { id, host, repository, password, door: show::some(door), ca, problem: show::some(problem), text }
    }
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
        if self.sealed {
            let request = wire::HostName { host: self.host.clone().unwrap_or_default() };
            let sealed = received(staff.seal_recovery_kits(request).await?.into_inner()).await?;
            let saved = format!("What {} is in", self.whose());
            self.hand_over(context, &sealed, &SealedView { sealed: sealed.clone() }, &saved)?;
            return Ok(Outcome::Done);
        }
        let Some(host) = self.host.clone() else {
            let mut kits = Vec::new();
            let mut replies = staff.list_recovery_kits(wire::Empty {}).await?.into_inner();
            while let Some(kit) = replies.message().await? {
                kits.push(KitView::from(kit));
            }
            return self.hand_over_all(context, &kits);
        };
        let kit = KitView::from(staff.recovery_kit(wire::HostName { host }).await?.into_inner());
        self.hand_over(context, &kit.text, &kit, &format!("The recovery kit of {} is in", kit.host))?;
        Ok(Outcome::Done)
    }

    fn whose(&self) -> String {
        let of = self.host.as_ref().map_or("all hosts".to_owned(), |host| format!("'{host}'"));
        format!("the recovery key opens of {of}")
    }

    fn hand_over_all(&self, context: &Context, kits: &[KitView]) -> Result<Outcome, Failure> {
        let text = kits.iter().map(|kit| kit.text.as_str()).collect::<Vec<_>>().join("\n\n");
        self.hand_over(context, &text, &kits, &format!("The recovery kits of {} hosts are in", kits.len()))?;
        let broken = kits.iter().filter(|kit| kit.problem.is_some());
        let broken: Vec<&str> = broken.map(|kit| kit.host.as_str()).collect();
        if broken.is_empty() {
            return Ok(Outcome::Done);
        }
        context.output.note(&format!("{} of them do not work, and say why: {}", broken.len(), broken.join(", ")));
        Ok(Outcome::Partial)
    }

    fn hand_over<S: Serialize>(&self, context: &Context, text: &str, whole: &S, saved: &str) -> Result<(), Failure> {
        let Some(to) = &self.to else { return context.output.document(text, whole) };
        // What is sealed is a file of age's, in whatever format the rest is wanted.
        let written = if self.sealed { text.to_owned() } else { context.output.written(text, whole)? };
        save(to, &written)?;
        let care = if self.sealed { "" } else { " Whoever has it can read all their backups: keep it safe." };
        context.output.note(&format!("{saved} {}.{care}", to.display()));
        Ok(())
    }
}

/// What comes in pieces, whole or not at all.
async fn received(mut chunks: Streaming<wire::Chunk>) -> Result<String, Failure> {
    let (mut all, mut total) = (Vec::new(), 0);
    while let Some(chunk) = chunks.message().await? {
        all.extend(chunk.data);
        total = chunk.total;
    }
    let count = all.len() as u64;
    if count != total || total == 0 {
        return Err(Failure::CutShort { received: count, total });
    }
    String::from_utf8(all).map_err(|error| Failure::Answer(error.to_string()))
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
        let kit = wire::RecoveryKitReply { host: "a".into(), repository: "/r".into(), ..Default::default() };
        assert_eq!(
            serde_json::to_value(KitView::from(kit)).unwrap(),
            serde_json::json!({
                "id": "", "host": "a", "repository": "/r", "password": "", "door": null, "ca": "", "problem": null,
                "text": ""
            })
        );
    }
}
