//! PCs that were hosts and are not let in as they are: away for longer than their certificate is
//! good, with one that another took the place of, with a copied disk, or enrolled after the copy
//! that the database was restored from. Each proves the key that it had, and asks; staff decide
//! whether it is the host that it was, or one of its own. Until then it keeps what it has to tell.

use super::audit::{Actor, Deed, Role};
use super::enrolment::LONGEST_ESCROW;
use super::hosts::names;
use super::identities::{LONGEST_CSR, next_number};
use super::streams::Lineage;
use super::{App, AppError, placement};
use crate::keys::ca::Credential;
use crate::plan::identities::Standing;
use crate::store::claims::ClaimRow;
use crate::store::hosts::HostRow;
use crate::store::{self, Conn, Json};
use chrono::TimeDelta;
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::{HostId, JobId};
use sha2::{Digest, Sha256};

/// Claims in one host's name within [`WITHIN`]: more are no PC's that asks to be let in.
const MOST: i64 = 8;
const WITHIN: TimeDelta = TimeDelta::days(1);
/// One that is not heard of for so long is forgotten.
const FORGOTTEN: TimeDelta = TimeDelta::days(180);

/// What a PC asks with.
pub struct Claim {
    /// For the key that it asks with, PEM.
    pub csr: String,
    /// The password of the repository that it has, sealed.
    pub escrow: String,
    /// That of a new one, sealed.
    pub fresh_escrow: String,
    /// What it says of itself.
    pub facts: Facts,
    /// How its last stream named itself.
    pub lineage: Lineage,
}

/// What it is told.
pub struct Answer {
    /// waiting, refused, approved.
    pub state: String,
    /// As which host.
    pub host: String,
    /// PEM chain; empty until it is approved.
    pub certificate: String,
    /// From which it verifies bundles; likewise.
    pub signatures_root: Vec<u8>,
}

/// What becomes of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is the host that it was.
    Same,
    /// It is a host of its own.
    New,
    /// It is none.
    Refuse,
}

impl App {
    /// A PC asks, or asks how it stands.
    pub async fn claim(&self, shown: &Credential, address: &str, claim: Claim) -> Result<Answer, AppError> {
        if claim.csr.len() > LONGEST_CSR || claim.escrow.len().max(claim.fresh_escrow.len()) > LONGEST_ESCROW {
            return Err(AppError::Invalid("the claim is too large".into()));
        }
        let kind = self.kind(shown, &claim.lineage).await?;
        // Verifies that whoever asks holds the key.
        let key = hex::encode(Sha256::digest(self.ca.requested_key(&claim.csr)?));
        let mut tx = self.store.begin().await?;
        let row = match store::claims::by_key(&mut tx, shown.host, &key).await? {
            Some(row) => {
                store::claims::heard(&mut tx, &row.id, if row.state == WAITING { kind } else { &row.kind }, self.now())
                    .await?;
                row
            }
            None => {
                if store::claims::count(&mut tx, shown.host, (self.clock.now() - WITHIN).timestamp()).await? >= MOST {
                    return Err(AppError::TooMany);
                }
                for sealed in [&claim.escrow, &claim.fresh_escrow] {
                    self.open_escrow(sealed)?;
                }
                let row = ClaimRow {
                    id: JobId::new(&self.clock).to_string(),
                    host: shown.host,
                    kind: kind.into(),
                    key,
                    csr: claim.csr,
                    escrow: claim.escrow,
                    fresh_escrow: claim.fresh_escrow,
                    facts: Json(claim.facts),
                    address: address.into(),
                    asked: self.now(),
                    heard: self.now(),
                    state: WAITING.into(),
                    decided_by: String::new(),
                    new_host: String::new(),
                    certificate: String::new(),
                };
                if self.clock_doubt().is_none() {
                    store::claims::forget(&mut tx, (self.clock.now() - FORGOTTEN).timestamp()).await?;
                }
                store::claims::insert(&mut tx, &row).await?;
                tracing::warn!(host = %shown.host, kind, address, "a PC asks to be a host again; 'keepwatch hosts pending' shows it");
                self.hub.tell(crate::hub::Change::Fleet);
                row
            }
        };
        store::commit(tx).await?;
        let approved = row.state == APPROVED;
        let signatures_root = if approved { self.signing.root_json()? } else { vec![] };
        Ok(Answer { state: row.state, host: row.new_host, certificate: row.certificate, signatures_root })
    }

    /// Why it must ask; an error where it need not, or may not.
    async fn kind(&self, shown: &Credential, lineage: &Lineage) -> Result<&'static str, AppError> {
        match self.authenticate(shown).await? {
            Standing::Expired => Ok("expired"),
            Standing::Superseded => Ok("superseded"),
            Standing::Unknown => Ok("unknown"),
            Standing::Revoked => {
                Err(AppError::Forbidden("this PC was cut off; ask an administrator, and enrol it anew".into()))
            }
            _ if self.is_copy(shown.host, lineage).await? => Ok("copy"),
            _ => Err(AppError::Conflict("this PC is in good standing and need not ask".into())),
        }
    }

    /// How many PCs ask to be let in, where the one who asks may let them in.
    pub async fn pending_claims(&self, actor: &Actor) -> Result<usize, AppError> {
        if actor.role < Role::Administrator {
            return Ok(0);
        }
        let mut conn = self.store.read().await?;
        Ok(store::claims::list(&mut conn).await?.len())
    }

    /// All that are known, newest first, each with the name of the host that the PC was.
    pub async fn claims(&self, actor: &Actor) -> Result<Vec<(ClaimRow, String)>, AppError> {
        self.demand(actor, Role::Operator, "claim list").await?;
        let mut conn = self.store.read().await?;
        let names = names(&mut conn).await?;
        let name = |row: &ClaimRow| names.get(&row.host).cloned().unwrap_or_default();
        Ok(store::claims::list(&mut conn).await?.into_iter().map(|row| (row.clone(), name(&row))).collect())
    }

    /// Decides about one; into `group`, where it is a host that the database does not know (empty:
    /// the group of the host that it was, or the root).
    pub async fn decide_claim(
        &self,
        actor: &Actor,
        id: &str,
        verdict: Verdict,
        group: &str,
    ) -> Result<(ClaimRow, String), AppError> {
        self.demand(actor, Role::Administrator, "claim decide").await?;
        let mut tx = self.store.begin().await?;
        let claim = store::claims::get(&mut tx, id).await?.ok_or_else(|| {
            AppError::NotFound(format!(
                "there is no request '{}'; 'keepwatch hosts pending' shows them",
                id.escape_debug()
            ))
        })?;
        let row = store::hosts::get(&mut tx, claim.host).await?;
        if row.as_ref().is_some_and(|row| row.revoked != 0) && verdict != Verdict::Refuse {
            return Err(AppError::Conflict("the host that this PC was is cut off; enrol the PC with a token".into()));
        }
        let group = self.group_of(&mut tx, group, row.as_ref()).await?;
        let (state, host, certificate) = match (verdict, &row) {
            (Verdict::Refuse, _) => (REFUSED, String::new(), String::new()),
            (Verdict::Same, Some(row)) => (APPROVED, row.id.to_string(), self.the_same(&mut tx, &claim).await?),
            (Verdict::Same, None) => {
                let certificate = self.admit(&mut tx, &claim, claim.host, &claim.escrow, &group).await?;
                (APPROVED, claim.host.to_string(), certificate)
            }
            (Verdict::New, _) => {
                let host = HostId::new(&self.clock);
                let certificate = self.admit(&mut tx, &claim, host, &claim.fresh_escrow, &group).await?;
                (APPROVED, host.to_string(), certificate)
            }
        };
        if !store::claims::decide(&mut tx, id, &actor.user, state, (&host, &certificate)).await? {
            return Err(AppError::Conflict(format!("'{}' has decided already: {}", claim.decided_by, claim.state)));
        }
        let action = if verdict == Verdict::Refuse { "host refuse" } else { "host approve" };
        let detail = format!("{}, as {}", claim.kind, if host.is_empty() { "none" } else { &host });
        self.record(&mut tx, actor, &Deed { action, object: &claim.host.to_string(), detail: &detail }).await?;
        let decided = store::claims::get(&mut tx, id).await?.unwrap_or(claim);
        let name = names(&mut tx).await?.remove(&decided.host).unwrap_or_default();
        let forgotten = match (verdict, &row) {
            (Verdict::Same, None) => store::hosts::get(&mut tx, decided.host).await?,
            _ => None,
        };
        store::commit(tx).await?;
        if let Some(row) = &forgotten
            && let Err(error) = self.find_snapshots_of(row).await
        {
            tracing::warn!(host = %row.id, %error, "what this host has stored is looked for later");
        }
        if verdict == Verdict::Same {
            // Whoever else has its old certificate is not it.
            self.hub.cut(decided.host);
        }
        self.hub.tell(crate::hub::Change::Fleet);
        Ok((decided, name))
    }

    async fn group_of(&self, conn: &mut Conn, wanted: &str, row: Option<&HostRow>) -> Result<String, AppError> {
        match (wanted, row) {
            ("", Some(row)) => Ok(row.group_name.clone()),
            (wanted, _) => super::groups::meant(&super::groups::tree(conn).await?, wanted),
        }
    }

    /// A host that is known: its certificate is the new one, from now on and alone, and any stream
    /// may be its next.
    async fn the_same(&self, conn: &mut Conn, claim: &ClaimRow) -> Result<String, AppError> {
        let number = next_number(&store::identities::get(conn, claim.host).await?);
        let issued = self.ca.issue_host(&claim.csr, claim.host, number)?;
        let certificate = issued.fingerprint.to_string();
        store::identities::put_in_force(conn, claim.host, (&certificate, number, issued.expires), ("", 0)).await?;
        store::identities::set_session(conn, claim.host, "").await?;
        Ok(issued.pem)
    }

    /// A host that is not known, or a new one.
    async fn admit(
        &self,
        conn: &mut Conn,
        claim: &ClaimRow,
        host: HostId,
        escrow: &str,
        group: &str,
    ) -> Result<String, AppError> {
        // One that the database has forgotten may have had many.
        let number = if host == claim.host { FORGOTTEN_NUMBER } else { 1 };
        let issued = self.ca.issue_host(&claim.csr, host, number)?;
        let row = HostRow {
            id: host,
            group_name: group.into(),
            certificate: issued.fingerprint.to_string(),
            escrow: self.escrow.seal(&self.open_escrow(escrow)?)?,
            facts: claim.facts.clone(),
            enrolled: self.now(),
            revoked: 0,
            replaced_by: String::new(),
            pinned: placement::is_chosen(group, false),
            ruled: 0,
            last_seen: 0,
            generation: 1,
            bundle: 0,
            bundle_refused: String::new(),
        };
        store::hosts::insert(conn, &row).await?;
        let certificate = (row.certificate.as_str(), number, issued.expires);
        store::identities::put_in_force(conn, host, certificate, ("", 0)).await?;
        Ok(issued.pem)
    }
}

const WAITING: &str = "waiting";
const APPROVED: &str = "approved";
const REFUSED: &str = "refused";
/// Above what any host has been given by renewals.
const FORGOTTEN_NUMBER: u64 = 1 << 20;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::app::identities::tests::{certified, csr, read, wait};
    use crate::app::tests::{actor, administrator};
    use std::sync::Arc;

    /// A controller that has something to verify bundles from.
    async fn app() -> (tempfile::TempDir, Arc<App>) {
        let (folder, app) = crate::app::tests::app().await;
        app.signing.create().await.unwrap();
        (folder, app)
    }

    fn claim(app: &App, csr: &str, session: &str) -> Claim {
        let sealed = |digit: &str| app.escrow.seal(&digit.repeat(64)).unwrap();
        Claim {
            csr: csr.into(),
            escrow: sealed("a"),
            fresh_escrow: sealed("b"),
            facts: Facts { name: "<script>".into(), ..Facts::default() },
            lineage: Lineage { session: session.into(), previous: vec![] },
        }
    }

    async fn only(app: &App) -> ClaimRow {
        let mut all = app.claims(&administrator()).await.unwrap();
        assert_eq!(all.len(), 1);
        all.remove(0).0
    }

    #[tokio::test]
    async fn one_that_was_away_for_too_long_is_the_same_host_once_staff_say_so() {
        let (_folder, mut app) = app().await;
        let (host, first) = certified(&app).await;
        let csr = csr();
        let ask = async |app: &App| app.claim(&first, "192.0.2.7", claim(app, &csr, "")).await;
        assert!(matches!(ask(&app).await, Err(AppError::Conflict(_))), "it need not ask");
        wait(&mut app, 400);
        for _ in 0..3 {
            assert_eq!(ask(&app).await.unwrap().state, "waiting");
        }
        let row = only(&app).await;
        assert_eq!((row.kind.as_str(), row.host, row.address.as_str()), ("expired", host, "192.0.2.7"));
        let decide = async |app: &App, verdict| app.decide_claim(&administrator(), &row.id, verdict, "").await;
        let operator = actor(Role::Operator);
        assert!(matches!(app.decide_claim(&operator, &row.id, Verdict::Same, "").await, Err(AppError::Forbidden(_))));
        decide(&app, Verdict::Refuse).await.unwrap();
        assert_eq!(ask(&app).await.unwrap().state, "refused");
        decide(&app, Verdict::Same).await.unwrap();
        assert!(matches!(decide(&app, Verdict::New).await, Err(AppError::Conflict(_))));
        // However often its answer is lost.
        for _ in 0..2 {
            let answer = ask(&app).await.unwrap();
            assert_eq!((answer.state.as_str(), answer.host), ("approved", host.to_string()));
            assert!(app.authenticate(&read(&answer.certificate)).await.unwrap().is_good());
        }
        assert!(!app.authenticate(&first).await.unwrap().is_good());
        assert!(matches!(
            app.decide_claim(&administrator(), "'; DROP TABLE claims; --", Verdict::New, "").await,
            Err(AppError::NotFound(_))
        ));
    }

    #[tokio::test]
    async fn a_copy_becomes_a_host_of_its_own_with_a_repository_of_its_own() {
        let (_folder, app) = app().await;
        let (host, shown) = certified(&app).await;
        app.open_stream(host, &Lineage { session: "1".into(), previous: vec![] }).await.unwrap();
        let csr = csr();
        let ask = async || app.claim(&shown, "", claim(&app, &csr, "x")).await;
        assert_eq!(ask().await.unwrap().state, "waiting");
        let row = only(&app).await;
        assert_eq!(row.kind, "copy");
        assert!(app.decide_claim(&administrator(), &row.id, Verdict::New, "no such group").await.is_err());
        app.decide_claim(&administrator(), &row.id, Verdict::New, "").await.unwrap();
        let answer = ask().await.unwrap();
        let new = read(&answer.certificate);
        assert!(new.host != host && answer.host == new.host.to_string());
        assert!(app.authenticate(&new).await.unwrap().is_good() && app.authenticate(&shown).await.unwrap().is_good());
        assert_eq!(app.recovery_kit(&administrator(), &answer.host).await.unwrap().password, "b".repeat(64));
    }

    #[tokio::test]
    async fn one_that_the_database_has_forgotten_keeps_its_id_and_its_repository() {
        let (_folder, app) = app().await;
        let host = HostId::new(&app.clock);
        let shown = read(&app.ca.issue_host(&csr(), host, 3).unwrap().pem);
        let csr = csr();
        app.claim(&shown, "", claim(&app, &csr, "1")).await.unwrap();
        let row = only(&app).await;
        assert_eq!(row.kind, "unknown");
        app.decide_claim(&administrator(), &row.id, Verdict::Same, "").await.unwrap();
        let answer = app.claim(&shown, "", claim(&app, &csr, "1")).await.unwrap();
        assert_eq!(answer.host, host.to_string());
        assert!(app.authenticate(&read(&answer.certificate)).await.unwrap().is_good());
        assert_eq!(app.recovery_kit(&administrator(), &answer.host).await.unwrap().password, "a".repeat(64));
    }

    #[tokio::test]
    async fn a_flood_of_claims_a_cut_off_host_and_nonsense_are_refused() {
        let (_folder, mut app) = app().await;
        let (host, shown) = certified(&app).await;
        wait(&mut app, 400);
        for _ in 0..MOST {
            app.claim(&shown, "", claim(&app, &csr(), "")).await.unwrap();
        }
        assert!(matches!(app.claim(&shown, "", claim(&app, &csr(), "")).await, Err(AppError::TooMany)));
        for (nonsense, word) in [
            (Claim { csr: "no request".into(), ..claim(&app, "", "") }, "signing request"),
            (Claim { csr: "x".repeat(LONGEST_CSR + 1), ..claim(&app, "", "") }, "too large"),
            (Claim { escrow: "x".repeat(LONGEST_ESCROW + 1), ..claim(&app, &csr(), "") }, "too large"),
        ] {
            let said = app.claim(&shown, "", nonsense).await.err().unwrap().to_string();
            assert!(said.contains(word), "{said}");
        }
        wait(&mut app, 2);
        let unsealed = Claim { escrow: "not sealed".into(), ..claim(&app, &csr(), "") };
        assert!(app.claim(&shown, "", unsealed).await.is_err());
        let waiting = app.claims(&administrator()).await.unwrap().remove(0).0;
        app.revoke_host(&administrator(), &host.to_string()).await.unwrap();
        assert!(matches!(app.claim(&shown, "", claim(&app, &csr(), "")).await, Err(AppError::Forbidden(_))));
        let late = app.decide_claim(&administrator(), &waiting.id, Verdict::Same, "").await;
        assert!(matches!(late, Err(AppError::Conflict(_))), "cut off while it waited");
    }
}
