//! Repositories of hosts that the database does not know are taken in with their recovery kits,
//! when a controller was lost with its data folder. Each becomes a host that is cut off: its
//! backups can be looked into and restored to PCs that enrol anew.

use super::found::itself;
use super::recovery_kit::{ID, NAME, PASSWORD};
use super::{App, AppError};
use crate::app::audit::Deed;
use crate::store::groups::ROOT;
use crate::store::hosts::HostRow;
use crate::store::{self, Json};
use keepwatch_backup::{Repository, Storage};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::HostId;

/// Why nothing of it goes before staff have looked: a copy may have made it younger than it is.
const FROZEN: &str = "its repository was taken in: see that 'RECEIVED' of its snapshots is as you expect";

/// What a recovery kit says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kit {
    /// Of the host.
    pub id: HostId,
    /// What people called it.
    pub name: String,
    /// What opens its repository.
    pub password: String,
}

/// What became of a kit's repository.
#[derive(Debug)]
pub struct Adopted {
    /// What people called its host.
    pub name: String,
    /// The host's id.
    pub id: HostId,
    /// How many snapshots it has, or why it was not taken in.
    pub outcome: Result<usize, String>,
}

/// The kits in a text, as it was printed or typed.
pub fn read_kits(text: &str) -> Result<Vec<Kit>, AppError> {
    let (mut kits, mut name, mut id) = (Vec::new(), String::new(), None);
    for line in text.lines().map(str::trim) {
        if let Some(said) = line.strip_prefix(NAME) {
            name = said.trim().to_owned();
        } else if let Some(said) = line.strip_prefix(ID) {
            let said = said.trim();
            id = Some(said.parse::<HostId>().map_err(|_| {
                AppError::Invalid(format!("'{ID} {}' is no host's id; copy it from the kit", said.escape_debug()))
            })?);
        } else if let Some(said) = line.strip_prefix(PASSWORD) {
            let id = id.take().ok_or_else(|| {
                AppError::Invalid(format!("a line '{ID}' with the host's id must stand before '{PASSWORD}'"))
            })?;
            kits.push(Kit { id, name: std::mem::take(&mut name), password: said.trim().to_owned() });
        }
    }
    if kits.is_empty() {
        return Err(AppError::Invalid(format!(
            "there is no recovery kit in it: a kit has lines that begin with '{ID}' and '{PASSWORD}'"
        )));
    }
    Ok(kits)
}

impl App {
    /// Takes in the repositories of these kits, each for itself. Those of hosts that are known stay
    /// as they are.
    pub async fn adopt(&self, kits: Vec<Kit>) -> Result<Vec<Adopted>, AppError> {
        let owners = self.repositories.owners().await.map_err(|e| AppError::Repository(e.to_string()))?;
        let mut adopted = Vec::new();
        for kit in kits {
            let (name, id) = (kit.name.clone(), kit.id);
            let outcome = if owners.contains(&id) {
                self.adopt_one(kit).await.map_err(|error| error.to_string())
            } else {
                let place = self.repositories.storage(id).location();
                Err(format!("its repository is not here; move or copy its folder to {place}"))
            };
            adopted.push(Adopted { name, id, outcome });
        }
        Ok(adopted)
    }

    async fn adopt_one(&self, kit: Kit) -> Result<usize, AppError> {
        let mut conn = self.store.read().await?;
        if store::hosts::get(&mut conn, kit.id).await?.is_some() {
            return Err(AppError::Conflict("this host is known here already; nothing was changed".into()));
        }
        drop(conn);
        let (storage, password) = (self.repositories.storage(kit.id), kit.password.clone());
        // A password that was mistyped would be found out when it is too late.
        tokio::task::spawn_blocking(move || opens(&storage, &password))
            .await
            .map_err(|e| AppError::Repository(e.to_string()))??;
        let row = HostRow {
            id: kit.id,
            group_name: ROOT.into(),
            // No certificate has this, and it is revoked besides: its keys were another CA's.
            certificate: String::new(),
            escrow: self.escrow.seal(&kit.password)?,
            facts: Json(Facts { name: kit.name, ..Facts::default() }),
            enrolled: self.now(),
            revoked: 0,
            last_seen: 0,
            generation: 1,
            bundle: 0,
            bundle_refused: String::new(),
            replaced_by: String::new(),
            pinned: 0,
            ruled: 0,
        };
        let mut tx = self.store.begin().await?;
        store::hosts::insert(&mut tx, &row).await?;
        store::hosts::revoke(&mut tx, row.id, self.now()).await?;
        store::retention::freeze(&mut tx, row.id, FROZEN, self.now()).await?;
        let deed = Deed { action: "host adopt", object: &row.id.to_string(), detail: &row.facts.0.name };
        self.record(&mut tx, &itself(), &deed).await?;
        store::commit(tx).await?;
        self.hub.tell(crate::hub::Change::Fleet);
        self.find_snapshots_of(&row).await
    }
}

fn opens(storage: &Storage, password: &str) -> Result<(), AppError> {
    match Repository::open(storage, password) {
        Ok(_) => Ok(()),
        Err(error) => Err(AppError::Repository(error.to_string())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::tests::{administrator, app, enrol};
    use super::*;
    use crate::keys::ca::Credential;
    use crate::plan::identities::Standing;

    #[test]
    fn kits_are_read_as_they_were_printed_or_typed() {
        let ids = ["019ac0de-0000-7000-8000-000000000001", "019ac0de-0000-7000-8000-000000000002"];
        let text = format!(
            "Keepwatch recovery kit\n======\n\nPC:          报税 1\nHost:        {}\nRepository: /r\nPassword:    abc\n\n\
             text\n\n  Host: {}\r\nPassword: def\r\n",
            ids[0], ids[1]
        );
        let kit = |n: usize, name: &str, password: &str| Kit {
            id: ids[n].parse().unwrap(),
            name: name.into(),
            password: password.into(),
        };
        assert_eq!(read_kits(&text).unwrap(), [kit(0, "报税 1", "abc"), kit(1, "", "def")]);
        for (text, word) in [
            ("nothing", "no recovery kit"),
            ("Password: abc", "must stand before"),
            ("Host: ../../etc\nPassword: abc", "no host's id"),
        ] {
            let said = read_kits(text).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }

    #[tokio::test]
    async fn only_what_is_there_is_unknown_and_opens_is_taken_in() {
        let (_folder, app) = app().await;
        let known = enrol(&app, "known").await;
        let new = |name: &str, password: &str| Kit {
            id: HostId::new(&app.clock),
            name: name.into(),
            password: password.into(),
        };
        let kits = vec![
            Kit { id: known, ..new("known", "x") },
            new("elsewhere", "right"),
            new("mistyped", "wrong"),
            new("good", "right"),
        ];
        for kit in &kits {
            if kit.name != "elsewhere" {
                let storage = app.repositories.storage(kit.id);
                tokio::task::spawn_blocking(move || drop(Repository::init(&storage, "right").unwrap())).await.unwrap();
            }
        }
        let good = kits[3].id;
        let adopted = app.adopt(kits).await.unwrap();
        for (adopted, word) in adopted.iter().zip(["known here already", "not here", "password"]) {
            let said = adopted.outcome.as_ref().unwrap_err();
            assert!(said.contains(word), "{said}");
        }
        assert_eq!(adopted[3].outcome, Ok(0));
        let view = app.host(&administrator(), "good").await.unwrap();
        assert_eq!((view.row.id, view.state.word()), (good, "unknown"));
        let shown = Credential { host: good, number: 1, fingerprint: String::new(), made: 0, expires: i64::MAX };
        assert_eq!(app.authenticate(&shown).await.unwrap(), Standing::Revoked);
        assert_eq!(app.recovery_kit(&administrator(), "good").await.unwrap().password, "right");
        assert!(matches!(app.host(&administrator(), "mistyped").await, Err(AppError::NotFound(_))));
        assert!(!app.retention(&administrator(), "good").await.unwrap().row.frozen.is_empty());
    }
}
