//! Who a certificate of ours speaks for, and how hosts come by their next one. The one before is
//! taken until the next one was shown, and for a while after: work that began with it goes on.

use super::found::LONGEST_BACKUP;
use super::{App, AppError};
use crate::keys::ca::Credential;
use crate::plan::identities::{self, Known, Standing};
use crate::store::hosts::HostRow;
use crate::store::identities::IdentityRow;
use crate::store::{self, Conn};

/// A CSR of an ordinary key has well under a kilobyte.
pub(super) const LONGEST_CSR: usize = 8 << 10;

impl App {
    /// What a certificate is worth that TLS has found to be ours. One that is shown for the first
    /// time is in force from then on.
    pub async fn authenticate(&self, shown: &Credential) -> Result<Standing, AppError> {
        let mut tx = self.store.begin().await?;
        let (standing, row) = self.standing(&mut tx, shown).await?;
        let former = row.map(|row| row.certificate).unwrap_or_default();
        let certificate = (shown.fingerprint.as_str(), shown.number, shown.expires);
        match standing {
            Standing::Next => {
                let until = (self.clock.now() + LONGEST_BACKUP).timestamp();
                store::identities::put_in_force(&mut tx, shown.host, certificate, (&former, until)).await?;
                tracing::info!(host = %shown.host, number = shown.number, "a host has renewed its certificate");
                store::commit(tx).await?;
            }
            Standing::Newer => {
                tracing::warn!(
                    host = %shown.host, number = shown.number,
                    "a host's certificate is newer than this database; was that restored?"
                );
                store::identities::put_in_force(&mut tx, shown.host, certificate, ("", 0)).await?;
                store::commit(tx).await?;
            }
            _ => {}
        }
        Ok(standing)
    }

    async fn standing(&self, conn: &mut Conn, shown: &Credential) -> Result<(Standing, Option<HostRow>), AppError> {
        let row = store::hosts::get(conn, shown.host).await?;
        let known = match &row {
            Some(row) => Some(known(row, store::identities::get(conn, shown.host).await?)),
            None => None,
        };
        let now = self.clock_doubt().is_none().then(|| self.now());
        Ok((identities::standing(shown, known.as_ref(), now), row))
    }

    /// Whether the host that shows this certificate is to renew it.
    pub fn renewal_due(&self, shown: &Credential) -> bool {
        identities::renewal_due(shown, self.now())
    }

    /// The next certificate of a host, for the key in `csr`; PEM. It is in force once it was shown.
    pub async fn renew(&self, shown: &Credential, csr: &str) -> Result<String, AppError> {
        if csr.len() > LONGEST_CSR {
            return Err(AppError::Invalid("the certificate signing request is too large".into()));
        }
        if !identities::may_renew(shown, self.now()) {
            return Err(AppError::Conflict("this certificate is not half way through its life; it stays".into()));
        }
        let mut tx = self.store.begin().await?;
        // It may have been cut off since it connected.
        if !self.standing(&mut tx, shown).await?.0.is_good() {
            return Err(AppError::Forbidden("this certificate is not in force any more".into()));
        }
        let known = store::identities::get(&mut tx, shown.host).await?;
        let number = next_number(&known).max(shown.number.saturating_add(1));
        let issued = self.ca.issue_host(csr, shown.host, number)?;
        store::identities::offer(&mut tx, shown.host, &issued.fingerprint.to_string(), number, issued.expires).await?;
        store::commit(tx).await?;
        Ok(issued.pem)
    }
}

/// Of the certificate that a host gets next.
pub(super) fn next_number(known: &IdentityRow) -> u64 {
    u64::try_from(known.number.max(known.next_number)).unwrap_or(0).saturating_add(1)
}

fn known(row: &HostRow, identity: IdentityRow) -> Known {
    Known {
        revoked: row.revoked != 0,
        certificate: row.certificate.clone(),
        number: u64::try_from(identity.number).unwrap_or(0),
        next: identity.next,
        former: identity.former,
        former_until: identity.former_until,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use crate::app::tests::{administrator, app, enrol};
    use crate::app::{App, AppError};
    use crate::keys::ca::{Credential, credential_of};
    use crate::plan::identities::Standing;
    use chrono::TimeDelta;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::HostId;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use std::sync::Arc;

    /// A PC's request, with a key of its own.
    pub(crate) fn csr() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap()
    }

    /// A certificate as it is shown.
    pub(crate) fn read(pem: &str) -> Credential {
        credential_of(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap()
    }

    /// A host with a certificate in force, as enrolment leaves it.
    pub(crate) async fn certified(app: &App) -> (HostId, Credential) {
        let host = enrol(app, "pc").await;
        let issued = app.ca.issue_host(&csr(), host, 0).unwrap();
        let mut conn = app.store.write().await.unwrap();
        let fingerprint = issued.fingerprint.to_string();
        crate::store::identities::put_in_force(&mut conn, host, (&fingerprint, 0, issued.expires), ("", 0))
            .await
            .unwrap();
        (host, read(&issued.pem))
    }

    /// Moves time on.
    pub(crate) fn wait(app: &mut Arc<App>, days: i64) {
        let later = app.clock.now() + TimeDelta::days(days);
        let app = Arc::get_mut(app).unwrap();
        app.clock = Clock::fixed(later);
        app.ca.set_clock(&app.clock);
    }

    #[tokio::test]
    async fn the_old_certificate_is_good_until_the_new_one_was_shown_and_some_days_more() {
        let (_folder, mut app) = app().await;
        let (_, first) = certified(&app).await;
        let good = async |app: &App, shown: &Credential| app.authenticate(shown).await.unwrap().is_good();
        assert!(matches!(app.renew(&first, &csr()).await, Err(AppError::Conflict(_))), "far too early");
        assert!(!app.renewal_due(&first));
        wait(&mut app, 270);
        assert!(app.renewal_due(&first));
        // Its answer is lost on the way, again and again: nothing changes for the one in force.
        for _ in 0..3 {
            app.renew(&first, &csr()).await.unwrap();
            assert!(good(&app, &first).await);
        }
        let second = read(&app.renew(&first, &csr()).await.unwrap());
        assert_eq!(second.number, 4);
        assert_eq!(app.authenticate(&second).await.unwrap(), Standing::Next);
        assert_eq!(app.authenticate(&second).await.unwrap(), Standing::InForce);
        assert!(good(&app, &first).await, "a backup that began with it goes on");
        assert!(!app.renewal_due(&second));
        wait(&mut app, 8);
        assert_eq!(app.authenticate(&first).await.unwrap(), Standing::Superseded);
        wait(&mut app, 400);
        assert_eq!(app.authenticate(&second).await.unwrap(), Standing::Expired);
    }

    #[tokio::test]
    async fn a_host_that_was_cut_off_gets_no_other_certificate() {
        let (_folder, mut app) = app().await;
        let (host, first) = certified(&app).await;
        wait(&mut app, 300);
        let offered = read(&app.renew(&first, &csr()).await.unwrap());
        app.revoke_host(&administrator(), &host.to_string()).await.unwrap();
        assert!(matches!(app.renew(&first, &csr()).await, Err(AppError::Forbidden(_))));
        for shown in [&first, &offered] {
            assert_eq!(app.authenticate(shown).await.unwrap(), Standing::Revoked);
        }
        let stranger = Credential { host: HostId::new(&app.clock), ..first };
        assert_eq!(app.authenticate(&stranger).await.unwrap(), Standing::Unknown);
        assert!(app.renew(&stranger, &csr()).await.is_err());
    }

    #[tokio::test]
    async fn a_certificate_that_was_renewed_after_last_nights_copy_is_taken() {
        let (_folder, mut app) = app().await;
        let (_, first) = certified(&app).await;
        wait(&mut app, 300);
        // The copy was made here: the database forgets what follows, the host and the CA do not.
        let mut conn = app.store.read().await.unwrap();
        let copy = crate::store::identities::get(&mut conn, first.host).await.unwrap();
        drop(conn);
        let second = read(&app.renew(&first, &csr()).await.unwrap());
        assert!(app.authenticate(&second).await.unwrap().is_good());
        let mut conn = app.store.write().await.unwrap();
        let certificate = (first.fingerprint.as_str(), u64::try_from(copy.number).unwrap(), first.expires);
        crate::store::identities::put_in_force(&mut conn, first.host, certificate, ("", 0)).await.unwrap();
        drop(conn);
        assert_eq!(app.authenticate(&second).await.unwrap(), Standing::Newer);
        assert_eq!(app.authenticate(&second).await.unwrap(), Standing::InForce);
        assert_eq!(app.authenticate(&first).await.unwrap(), Standing::Superseded);
    }
}
