//! Recovery kits: what stock restic needs to open hosts' backups without us, for one host or for
//! all, as it is or sealed to the offline recovery key. The text is for paper; what stands after
//! its labels is also what `adopt` reads.

use super::audit::{Actor, Deed, Role};
use super::hosts::name_of;
use super::{App, AppError};
use crate::keys::escrow;
use crate::repository::RepositoryError;
use crate::store::{self, hosts::HostRow};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::paths::harmless;
use sha2::{Digest, Sha256};

/// Stands before a host's name in a kit.
pub(super) const NAME: &str = "PC:";
/// Before its id, of which each kit has one.
pub(super) const ID: &str = "Host:";
/// Before its password.
pub(super) const PASSWORD: &str = "Password:";

/// What stock restic needs to get at one host's backups.
pub struct RecoveryKit {
    /// Name of the host.
    pub host: String,
    /// Its id, and its repository's.
    pub id: HostId,
    /// Folder of the repository on this machine.
    pub repository: String,
    /// What opens it.
    pub password: String,
    /// Why that is not known.
    pub problem: String,
    /// The repository as the PC reaches it; empty where it may not.
    pub door: String,
    /// Certificate of the CA that vouches for the door, PEM.
    pub ca: String,
}

impl App {
    /// A host's. Whoever has it can read the host's backups without us.
    pub async fn recovery_kit(&self, actor: &Actor, host: &str) -> Result<RecoveryKit, AppError> {
        self.demand(actor, Role::Administrator, "recovery kit").await?;
        let host = self.host(actor, host).await?.row;
        // A kit without a password is none.
        let password = self.escrow.unseal(&host.escrow)?;
        let deed = Deed { action: "recovery kit", object: &host.id.to_string(), detail: name_of(&host) };
        self.record_now(actor, &deed).await?;
        Ok(RecoveryKit { password, ..self.kit(&host) })
    }

    /// All hosts', also of those that were revoked.
    pub async fn recovery_kits(&self, actor: &Actor) -> Result<Vec<RecoveryKit>, AppError> {
        self.demand(actor, Role::Administrator, "recovery kit").await?;
        let mut conn = self.store.read().await?;
        let kits = self.all_kits(&store::hosts::list(&mut conn).await?);
        drop(conn);
        let detail = format!("{} hosts", kits.len());
        self.record_now(actor, &Deed { action: "recovery kit", object: "all", detail: &detail }).await?;
        Ok(kits)
    }

    /// The kit of one host, or of all where none is named, for the owner of the offline key only.
    pub async fn sealed_recovery_kits(&self, actor: &Actor, host: &str) -> Result<String, AppError> {
        self.demand(actor, Role::Administrator, "recovery kit seal").await?;
        let wanted = self.host_filter(actor, host).await?;
        let Some(recovery) = self.escrow.recovery()? else {
            return Err(AppError::Conflict(
                "no offline recovery key is set; set one at the controller with 'keepwatch-controller recovery-key set'"
                    .into(),
            ));
        };
        let mut conn = self.store.read().await?;
        let mut hosts = store::hosts::list(&mut conn).await?;
        drop(conn);
        hosts.retain(|host| wanted.is_none_or(|id| host.id == id));
        let kits = self.all_kits(&hosts);
        if let Some(problem) = kits.iter().find(|kit| wanted.is_some() && !kit.problem.is_empty()) {
            return Err(AppError::Conflict(problem.problem.clone()));
        }
        let sealed = escrow::seal(std::slice::from_ref(&recovery), &together(&kits))?;
        let object = wanted.map_or("all".into(), |id| id.to_string());
        let detail = format!("{} hosts, to {recovery}", kits.len());
        self.record_now(actor, &Deed { action: "recovery kit seal", object: &object, detail: &detail }).await?;
        Ok(sealed)
    }

    /// Keeps each host's kit beside the repositories, sealed to the offline key where one is set, so
    /// that the disk with the repositories and that key are enough. What is there of hosts that are
    /// not known here is another controller's, or of a time that the database has forgotten: it stays.
    /// `anew`: also what is there already, since the key is another.
    pub async fn keep_recovery_kits(&self, anew: bool) -> Result<(), AppError> {
        let Some(recovery) = self.escrow.recovery()? else { return Ok(()) };
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        drop(conn);
        let mut kept = self.kits_kept.lock().await;
        for kit in self.all_kits(&hosts).into_iter().filter(|kit| kit.problem.is_empty()) {
            let text = kit.text();
            let hash: [u8; 32] = Sha256::digest(format!("{recovery} {text}")).into();
            let known = kept.get(&kit.id);
            let stays = match known {
                Some(known) => *known == hash,
                None => self.repositories.has_kit(kit.id).await.map_err(failed)?,
            };
            if anew || !stays {
                let sealed = escrow::seal(std::slice::from_ref(&recovery), &text)?;
                self.repositories.keep_kit(kit.id, Some(sealed.into_bytes())).await.map_err(failed)?;
            }
            kept.insert(kit.id, hash);
        }
        Ok(())
    }

    /// Removes them, where the offline key is no longer to open anything.
    pub async fn drop_recovery_kits(&self) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let hosts = store::hosts::list(&mut conn).await?;
        drop(conn);
        for host in hosts {
            self.repositories.keep_kit(host.id, None).await.map_err(failed)?;
        }
        self.kits_kept.lock().await.clear();
        Ok(())
    }

    pub(super) fn all_kits(&self, hosts: &[HostRow]) -> Vec<RecoveryKit> {
        let kit = |host: &HostRow| {
            let kit = self.kit(host);
            // One that cannot be opened must not keep the others' from those who need them.
            match self.escrow.unseal(&host.escrow) {
                Ok(password) => RecoveryKit { password, ..kit },
                Err(error) => RecoveryKit { problem: error.to_string(), ..kit },
            }
        };
        hosts.iter().map(kit).collect()
    }

    /// All but the password.
    fn kit(&self, host: &HostRow) -> RecoveryKit {
        let door = match (host.revoked, self.agent_door.as_str()) {
            (0, door) if !door.is_empty() => format!("rest:{door}/repositories/{}/", host.id),
            _ => String::new(),
        };
        RecoveryKit {
            host: name_of(host).into(),
            id: host.id,
            repository: self.repositories.storage(host.id).location(),
            password: String::new(),
            problem: String::new(),
            door,
            ca: self.ca.certificate_pem().into(),
        }
    }
}

fn failed(error: RepositoryError) -> AppError {
    AppError::Repository(error.to_string())
}

/// Several kits as one text.
pub(super) fn together(kits: &[RecoveryKit]) -> String {
    kits.iter().map(RecoveryKit::text).collect::<Vec<_>>().join("\n\n")
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

impl RecoveryKit {
    /// The whole kit, ready to print.
    pub fn text(&self) -> String {
        let Self { host, id, repository, password, problem, .. } = self;
        let host = harmless(host);
        let password = if problem.is_empty() { password.as_str() } else { "?" };
        let at = quoted(repository);
        let head = format!(
            "Keepwatch recovery kit\n\
             ======================\n\n\
             {NAME}          {host}\n\
             {ID}        {id}\n\
             Repository:  {repository}   (on the controller, or wherever its folder was copied to)\n\
             {PASSWORD}    {password}\n\n"
        );
        if !problem.is_empty() {
            return format!("{head}THIS KIT DOES NOT WORK: {problem}\n");
        }
        format!(
            "{head}\
             Keep this page as you would keep a master key. With it, the backups can be read\n\
             by stock restic (https://restic.net), on any machine, without Keepwatch:\n\n\
             \x20 printf '%s' '{password}' > password.txt\n\
             \x20 restic --repo {at} --password-file password.txt snapshots\n\
             \x20 restic --repo {at} --password-file password.txt check --read-data\n\
             \x20 restic --repo {at} --password-file password.txt restore latest --target ./restored\n\n\
             Read only: never run 'restic prune' or 'restic forget' on it while the controller serves.\n\
             {}",
            self.through_the_door()
        )
    }

    fn through_the_door(&self) -> String {
        if self.door.is_empty() {
            return String::new();
        }
        let (door, ca) = (quoted(&self.door), self.ca.trim_end());
        format!(
            "\nWhile the controller serves, the PC itself gets at them from afar, with the certificate below\n\
             as ca.pem, and key.pem and certificate.pem of its agent's folder 'identity' together as pc.pem:\n\n\
             \x20 restic --repo {door} --cacert ca.pem --tls-client-cert pc.pem --password-file password.txt snapshots\n\n\
             {ca}\n"
        )
    }
}
