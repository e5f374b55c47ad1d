//! How a PC that is not let in as it is asks to be a host again: away for too long, with a disk
//! that was copied or set back, or forgotten by a controller that was itself set back. It asks with
//! a new key, over the certificate that it has, and staff decide. What it has to tell waits.

use crate::config::{Address, StateDir};
use crate::enroll::{facts, in_full, request, seal};
use crate::identity::{Identity, Next};
use crate::ledger::{Lineage, Rebirth};
use crate::link::words;
use crate::platform;
use keepwatch_proto::MAX_MESSAGE;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::wire::agent as wire;
use keepwatch_proto::wire::agent::claims_client::ClaimsClient;
use keepwatch_proto::wire::agent::enrolment_client::EnrolmentClient;
use std::io;
use std::time::Duration;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity as TlsIdentity};

/// An answer that takes longer is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// How it stands.
pub(crate) enum Answer {
    /// Nobody has decided yet.
    Waiting,
    /// It is not to be a host.
    Refused,
    /// It is this one from now on. Kept already.
    LetIn,
}

/// With what it asks; kept, so that it is one PC that asks however often it does.
struct Papers {
    key: String,
    csr: String,
    /// Of a repository of its own, in case it becomes a host of its own.
    password: String,
}

impl Papers {
    fn load(state: &StateDir) -> Option<Self> {
        let text = |name: &str| std::fs::read_to_string(state.claim().join(name)).ok();
        Some(Self { key: text("key.pem")?, csr: text("request.pem")?, password: text("repository-password")? })
    }

    fn load_or_make(state: &StateDir) -> Result<Self, String> {
        if let Some(papers) = Self::load(state) {
            return Ok(papers);
        }
        let (key, csr) = request("").map_err(|e| e.to_string())?;
        let papers = Self { key, csr, password: hex::encode(rand::random::<[u8; 32]>()) };
        papers.save(state).map_err(|e| format!("{} cannot be written: {e}", state.claim().display()))?;
        Ok(papers)
    }

    fn save(&self, state: &StateDir) -> io::Result<()> {
        let (place, new) = (state.claim(), state.claim().with_extension("new"));
        remove(&new)?;
        remove(&place)?;
        platform::private_dir(&new)?;
        for (name, text) in
            [("key.pem", &self.key), ("request.pem", &self.csr), ("repository-password", &self.password)]
        {
            platform::write_private(&new.join(name), text.as_bytes())?;
        }
        platform::sync_dir(&new)?;
        std::fs::rename(&new, &place)?;
        platform::sync_dir(state.root())
    }
}

fn remove(folder: &std::path::Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Puts the papers away once they have done their work: another claim has others.
pub(crate) fn put_away(state: &StateDir, identity: &Identity) -> io::Result<()> {
    match Papers::load(state) {
        Some(papers) if papers.key == identity.key => remove(&state.claim()),
        _ => Ok(()),
    }
}

/// Asks, or asks again.
pub(crate) async fn ask(
    state: &StateDir,
    identity: &Identity,
    address: &Address,
    lineage: Lineage,
    clock: &Clock,
) -> Result<Answer, String> {
    let papers = Papers::load_or_make(state)?;
    let recipients = recipients(identity, address).await?;
    let sealed = |password: &str| seal(password, &recipients).map_err(|e| e.to_string());
    let request = wire::ClaimRequest {
        csr: papers.csr.clone(),
        escrow: sealed(&identity.repository_password)?,
        fresh_escrow: sealed(&papers.password)?,
        facts: Some(facts(state, &platform::system_version()).into()),
        session: lineage.session,
        previous: lineage.previous,
    };
    let known = TlsIdentity::from_pem(&identity.certificate, &identity.key);
    let channel = connect(identity, address, Some(known)).await?;
    let mut client = ClaimsClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
    let reply = client.claim(request).await.map_err(|status| words(&status))?.into_inner();
    match reply.state.as_str() {
        "approved" => {
            let_in(identity, papers, reply, clock)?.save(state).map_err(|e| e.to_string())?;
            // One that belongs to the certificate before is of no use any more.
            Next::discard(state).map_err(|e| e.to_string())?;
            Ok(Answer::LetIn)
        }
        "refused" => Ok(Answer::Refused),
        _ => Ok(Answer::Waiting),
    }
}

/// Who it is from now on.
fn let_in(before: &Identity, papers: Papers, reply: wire::ClaimReply, clock: &Clock) -> Result<Identity, String> {
    let host = reply.host.parse().map_err(|e: keepwatch_proto::WireError| e.to_string())?;
    if reply.certificate.is_empty() || reply.signatures_root.is_empty() {
        return Err("the controller's answer lacks the certificate or the signatures' root".into());
    }
    let same = host == before.host;
    Ok(Identity {
        host,
        enrolled: if same { before.enrolled } else { clock.now() },
        rebirth: Some(Rebirth { former: before.host, at: clock.now() }),
        ca: before.ca.clone(),
        certificate: reply.certificate,
        key: papers.key,
        repository_password: if same { before.repository_password.clone() } else { papers.password },
        signatures_root: reply.signatures_root,
    })
}

/// To whom passwords are sealed. Said to whoever asks, on a connection without a certificate.
async fn recipients(identity: &Identity, address: &Address) -> Result<Vec<String>, String> {
    let channel = connect(identity, address, None).await?;
    let mut client = EnrolmentClient::new(channel).max_decoding_message_size(MAX_MESSAGE);
    let reply = client.recipients(wire::RecipientsRequest {}).await.map_err(|status| words(&status))?;
    Ok(reply.into_inner().recipients)
}

async fn connect(identity: &Identity, address: &Address, known: Option<TlsIdentity>) -> Result<Channel, String> {
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&identity.ca)).domain_name(&address.name);
    let tls = match known {
        Some(known) => tls.identity(known),
        None => tls,
    };
    let endpoint = Endpoint::from_shared(address.url.clone()).and_then(|e| e.tls_config(tls));
    let endpoint = endpoint.map_err(|e| in_full(&e))?.connect_timeout(PATIENCE).timeout(PATIENCE);
    endpoint.connect().await.map_err(|e| in_full(&e))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::identity::tests::identity;
    use keepwatch_proto::ids::HostId;

    #[test]
    fn it_asks_with_the_same_papers_until_they_have_done_their_work() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().into()));
        let papers = Papers::load_or_make(&state).unwrap();
        assert_eq!(Papers::load_or_make(&state).unwrap().csr, papers.csr);
        // What a power cut left of others.
        std::fs::create_dir(state.claim().with_extension("new")).unwrap();
        put_away(&state, &identity()).unwrap();
        assert_eq!(Papers::load_or_make(&state).unwrap().csr, papers.csr, "not used yet");
        put_away(&state, &Identity { key: papers.key, ..identity() }).unwrap();
        assert_ne!(Papers::load_or_make(&state).unwrap().csr, papers.csr);
    }

    #[test]
    fn the_same_host_keeps_its_repository_and_a_new_one_has_its_own() {
        let (before, clock) = (identity(), Clock::system());
        let papers = || Papers { key: "new key".into(), csr: "csr".into(), password: "fresh".into() };
        let reply = |host: HostId| wire::ClaimReply {
            state: "approved".into(),
            host: host.to_string(),
            certificate: "new certificate".into(),
            signatures_root: b"root".to_vec(),
        };
        let same = let_in(&before, papers(), reply(before.host), &clock).unwrap();
        assert_eq!((&same.repository_password, same.enrolled), (&before.repository_password, before.enrolled));
        assert!(same.key == "new key" && same.rebirth.is_some_and(|r| r.former == before.host));
        let other = HostId::new(&clock);
        let new = let_in(&before, papers(), reply(other), &clock).unwrap();
        assert_eq!((new.host, new.repository_password.as_str()), (other, "fresh"));
        assert_eq!(new.rebirth.unwrap().former, before.host);
        let empty = wire::ClaimReply { certificate: String::new(), ..reply(other) };
        assert!(let_in(&before, papers(), empty, &clock).is_err());
        let absurd = wire::ClaimReply { host: "../..".into(), ..reply(other) };
        assert!(let_in(&before, papers(), absurd, &clock).is_err());
    }
}
