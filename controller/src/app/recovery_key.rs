//! The offline recovery key: whoever has its secret half opens every repository, also when this
//! controller is gone. Set at the controller's own machine, not by staff from afar.

use super::audit::{Actor, Deed, Role};
use super::hosts::name_of;
use super::{App, AppError};
use crate::store;
use age::x25519::Recipient;

/// What became of the hosts' passwords.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Hosts whose password is sealed to all who may recover it now.
    pub hosts: usize,
    /// Those whose password could not be opened: name, and why. It stays as it is.
    pub failed: Vec<(String, String)>,
}

impl App {
    /// From now on passwords are sealed to this key too, or to none but the controller's; those
    /// that are there are sealed anew. Doing it again mends what was cut off.
    pub async fn set_recovery_key(&self, recovery: Option<&Recipient>) -> Result<Resealed, AppError> {
        let actor = Actor { user: "local".into(), role: Role::Administrator, origin: "local".into() };
        // First: a host that enrols meanwhile is sealed to it already.
        self.escrow.set_recovery(recovery)?;
        let mut tx = self.store.begin().await?;
        let (action, object) = match recovery {
            Some(recovery) => ("recovery key set", recovery.to_string()),
            None => ("recovery key remove", String::new()),
        };
        self.record(&mut tx, &actor, &Deed { action, object: &object, detail: "" }).await?;
        let mut resealed = Resealed::default();
        for host in store::hosts::list(&mut tx).await? {
            match self.escrow.unseal(&host.escrow).and_then(|password| self.escrow.seal(&password)) {
                Ok(sealed) => {
                    store::hosts::set_escrow(&mut tx, host.id, &sealed).await?;
                    resealed.hosts += 1;
                }
                Err(error) => resealed.failed.push((name_of(&host).into(), error.to_string())),
            }
        }
        store::commit(tx).await?;
        Ok(resealed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::{administrator, app, enrol};
    use super::*;
    use crate::keys::escrow;
    use age::x25519::Identity;

    fn opens(key: &Identity, sealed: &str) -> Option<String> {
        escrow::open_with(key, sealed.as_bytes()).ok()
    }

    #[tokio::test]
    async fn all_passwords_are_sealed_to_the_key_that_is_set_and_to_no_other() {
        let (_folder, app) = app().await;
        let (pc, broken) = (enrol(&app, "pc").await, enrol(&app, "broken").await);
        let escrow_of = async |host| {
            let mut conn = app.store.read().await.unwrap();
            store::hosts::get(&mut conn, host).await.unwrap().unwrap().escrow
        };
        let sealed = app.escrow.seal("secret of pc").unwrap();
        store::hosts::set_escrow(&mut app.store.write().await.unwrap(), pc, &sealed).await.unwrap();
        assert!(matches!(app.sealed_recovery_kits(&administrator(), "").await, Err(AppError::Conflict(_))));

        let (first, second) = (Identity::generate(), Identity::generate());
        for key in [&first, &second, &second] {
            let resealed = app.set_recovery_key(Some(&key.to_public())).await.unwrap();
            assert_eq!((resealed.hosts, resealed.failed[0].0.as_str()), (1, "broken"));
            assert_eq!(opens(key, &escrow_of(pc).await).unwrap(), "secret of pc");
            assert_eq!(app.escrow.unseal(&escrow_of(pc).await).unwrap(), "secret of pc");
        }
        assert_eq!(opens(&first, &escrow_of(pc).await), None);
        assert_eq!(escrow_of(broken).await, "", "what cannot be opened stays as it is");

        // All hosts' kits for the owner of the key: who has it opens them, and the controller does not.
        app.revoke_host(&administrator(), "pc").await.unwrap();
        let kits = app.sealed_recovery_kits(&administrator(), "").await.unwrap();
        assert!(opens(&first, &kits).is_none() && app.escrow.unseal(&kits).is_err());
        let text = opens(&second, &kits).unwrap();
        assert!(text.contains("secret of pc") && text.contains("THIS KIT DOES NOT WORK"), "{text}");
        assert!(matches!(app.sealed_recovery_kits(&administrator(), "broken").await, Err(AppError::Conflict(_))));
        let one = opens(&second, &app.sealed_recovery_kits(&administrator(), "pc").await.unwrap()).unwrap();
        assert!(one.contains(&pc.to_string()) && !one.contains(&broken.to_string()));

        // Beside the repositories: of each host that has one, and never less than there was.
        let file = |host: &keepwatch_proto::ids::HostId| {
            let place = std::path::PathBuf::from(app.repositories.storage(*host).location());
            place.with_file_name("recovery-kits").join(format!("{host}.age"))
        };
        app.keep_recovery_kits(false).await.unwrap();
        let before = std::fs::read_to_string(file(&pc)).unwrap();
        assert!(opens(&second, &before).unwrap().contains("secret of pc") && !file(&broken).exists());
        let forgotten = file(&keepwatch_proto::ids::HostId::new(&app.clock));
        std::fs::write(&forgotten, "of a host that enrolled after the copy").unwrap();
        app.keep_recovery_kits(false).await.unwrap();
        assert_eq!(std::fs::read_to_string(file(&pc)).unwrap(), before, "nothing has changed");
        app.set_recovery_key(Some(&first.to_public())).await.unwrap();
        app.keep_recovery_kits(false).await.unwrap();
        assert!(opens(&first, &std::fs::read_to_string(file(&pc)).unwrap()).is_some());
        app.drop_recovery_kits().await.unwrap();
        assert!(!file(&pc).exists() && forgotten.exists());

        app.set_recovery_key(None).await.unwrap();
        app.keep_recovery_kits(false).await.unwrap();
        assert!(!file(&pc).exists());
        assert_eq!(opens(&second, &escrow_of(pc).await), None);
        let said: Vec<String> =
            app.audit(&administrator(), &Default::default()).await.unwrap().0.into_iter().map(|r| r.action).collect();
        for action in ["recovery key set", "recovery key remove", "recovery kit seal"] {
            assert!(said.iter().any(|s| s == action), "{said:?}");
        }
    }

    #[tokio::test]
    async fn kits_of_all_hosts_are_an_administrators_and_on_record() {
        let (_folder, app) = app().await;
        let pc = enrol(&app, "pc\u{202e}").await;
        let sealed = app.escrow.seal("secret").unwrap();
        store::hosts::set_escrow(&mut app.store.write().await.unwrap(), pc, &sealed).await.unwrap();
        let operator = Actor { role: Role::Operator, ..administrator() };
        assert!(matches!(app.recovery_kits(&operator).await, Err(AppError::Forbidden(_))));
        assert!(matches!(app.sealed_recovery_kits(&operator, "").await, Err(AppError::Forbidden(_))));
        let text = app.recovery_kits(&administrator()).await.unwrap()[0].text();
        assert!(!text.contains('\u{202e}') && text.contains("--cacert ca.pem") && text.contains("BEGIN CERTIFICATE"));
        app.revoke_host(&administrator(), &pc.to_string()).await.unwrap();
        let kits = app.recovery_kits(&administrator()).await.unwrap();
        assert!(kits[0].password == "secret" && !kits[0].text().contains("rest:"), "{}", kits[0].text());
        let records = app.audit(&administrator(), &Default::default()).await.unwrap().0;
        assert_eq!(records.iter().filter(|r| r.action == "recovery kit" && r.object == "all").count(), 2);
    }
}
