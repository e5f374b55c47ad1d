//! How a PC becomes a host. The token pins the controller's CA, so the first connection is
//! already to the right controller; the key is made here and never leaves; what opens the
//! repository leaves only encrypted to those who may recover it.

use crate::config::{Address, Config, ConfigError, StateDir};
use crate::identity::{Identity, IdentityError};
use crate::link::words;
use crate::platform;
use age::armor::{ArmoredWriter, Format};
use base64::Engine as _;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::facts::{Facts, MOST_ADDRESSES};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::pin::PinnedCa;
use keepwatch_proto::token::Token;
use keepwatch_proto::wire::agent::enrolment_client::EnrolmentClient;
use keepwatch_proto::wire::agent::{EnrollRequest, RecipientsRequest};
use rustls::pki_types::ServerName;
use std::io::Write;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

const PATIENCE: Duration = Duration::from_secs(30);

/// Why a PC did not become a host.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EnrollError {
    /// It is one.
    #[error("this PC is already enrolled as host {0}; to enrol it anew as another host, add --force")]
    Already(HostId),
    /// Its agent runs.
    #[error("an agent is running on {0}; stop it first, then enrol")]
    Running(std::path::PathBuf),
    /// Nobody answered.
    #[error("{0} cannot be reached: {1}; check the address, the network and that the controller runs")]
    Unreachable(String, String),
    /// Somebody else answered, or the token is another controller's.
    #[error(
        "{0} is not the controller that the token is for: its certificate comes from another CA; make a token on that controller, or correct the address"
    )]
    WrongCa(String),
    /// The right controller under a name that it does not bear.
    #[error(
        "the controller's certificate is not valid for '{0}'; use one of the names given to 'keepwatch-controller init --name'"
    )]
    WrongName(String),
    /// The connection is not as it must be.
    #[error("no secure connection to {0}: {1}")]
    Tls(String, String),
    /// The controller said no.
    #[error("the controller refused: {0}")]
    Refused(String),
    /// The controller's answer makes no sense.
    #[error("the controller's answer cannot be used: {0}; controller and agent may be of different versions")]
    Answer(String),
    /// No key or request could be made.
    #[error("no key could be made: {0}")]
    Key(String),
    /// agent.toml.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// identity/.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The state folder.
    #[error("{0} cannot be used: {1}; run as the user that the agent runs as, or give another folder with --state")]
    State(std::path::PathBuf, std::io::Error),
}

/// Makes this PC a host of the controller.
pub(crate) async fn enroll(
    state: &StateDir,
    controller: &str,
    token: &Token,
    force: bool,
    clock: &Clock,
) -> Result<Identity, EnrollError> {
    let address = Address::parse(controller)?;
    if Identity::exists(state) && !force {
        return Err(EnrollError::Already(Identity::load(state)?.host));
    }
    let state_error = |e| EnrollError::State(state.root().to_owned(), e);
    platform::private_dir(state.root()).map_err(state_error)?;
    let lock = std::fs::File::create(state.lock()).map_err(state_error)?;
    lock.try_lock().map_err(|_| EnrollError::Running(state.root().to_owned()))?;

    let ca = fetch_ca(&address, token).await?;
    let identity = ask(&address, ca, token, state, clock).await?;
    Config::name_controller(state, &address)?;
    // Bundles were proven by the former controller's root; the new one starts afresh.
    match std::fs::remove_dir_all(state.signatures()) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(state_error(e)),
        _ => {}
    }
    identity.save(state)?;
    Ok(identity)
}

/// What this PC says of itself.
pub(crate) fn facts(state: &StateDir, system_version: &str) -> Facts {
    let disk = platform::disk(state.root()).ok();
    Facts {
        name: hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        system: platform::SYSTEM.into(),
        system_version: system_version.into(),
        architecture: std::env::consts::ARCH.into(),
        agent_version: env!("CARGO_PKG_VERSION").into(),
        disk_total: disk.map_or(0, |d| d.total),
        disk_free: disk.map_or(0, |d| d.free),
        addresses: told(platform::addresses()),
    }
}

/// Of the addresses of this PC's interfaces, those that say where it is, each once.
fn told(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let says_where = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_link_local(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_unicast_link_local(),
    };
    let mut told: Vec<IpAddr> = addresses.into_iter().filter(says_where).collect();
    // In an order of their own: the system's changes, and would look like a change of place.
    told.sort();
    told.dedup();
    told.truncate(MOST_ADDRESSES);
    told
}

/// One handshake that takes nothing on trust but the fingerprint in the token.
async fn fetch_ca(address: &Address, token: &Token) -> Result<String, EnrollError> {
    let pinned = Arc::new(PinnedCa::new(token.ca));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls_error = |e: rustls::Error| EnrollError::Tls(address.url.clone(), e.to_string());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(tls_error)?
        .dangerous()
        .with_custom_certificate_verifier(pinned.clone())
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];

    let unreachable = |why: String| EnrollError::Unreachable(address.url.clone(), why);
    let name = ServerName::try_from(address.name.clone()).map_err(|_| ConfigError::Address(address.url.clone()))?;
    let handshake = async {
        let tcp = TcpStream::connect((address.name.as_str(), address.port)).await?;
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await
    };
    let stream = match tokio::time::timeout(PATIENCE, handshake).await {
        Err(_) => return Err(unreachable("no answer".into())),
        Ok(Err(error)) => return Err(handshake_error(address, error)),
        Ok(Ok(stream)) => stream,
    };
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let ca = pinned.find(chain).ok_or_else(|| EnrollError::WrongCa(address.url.clone()))?;
    Ok(pem("CERTIFICATE", ca))
}

fn handshake_error(address: &Address, error: std::io::Error) -> EnrollError {
    use rustls::{CertificateError, Error};
    let url = address.url.clone();
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        None => EnrollError::Unreachable(url, error.to_string()),
        Some(Error::InvalidCertificate(why)) => match why {
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                EnrollError::WrongName(address.name.clone())
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => EnrollError::WrongCa(url),
            other => EnrollError::Tls(url, other.to_string()),
        },
        Some(other) => EnrollError::Tls(url, other.to_string()),
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = text.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN {label}-----\n{}-----END {label}-----\n", lines.collect::<String>())
}

async fn ask(
    address: &Address,
    ca: String,
    token: &Token,
    state: &StateDir,
    clock: &Clock,
) -> Result<Identity, EnrollError> {
    let unreachable = |e: tonic::transport::Error| EnrollError::Unreachable(address.url.clone(), in_full(&e));
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&ca)).domain_name(&address.name);
    let endpoint = Endpoint::from_shared(address.url.clone()).and_then(|e| e.tls_config(tls)).map_err(unreachable)?;
    let channel = endpoint.connect_timeout(PATIENCE).timeout(PATIENCE).connect().await.map_err(unreachable)?;
    let mut client = EnrolmentClient::new(channel).max_decoding_message_size(keepwatch_proto::MAX_MESSAGE);

    let refused = |status: tonic::Status| match status.code() {
        tonic::Code::Unavailable => EnrollError::Unreachable(address.url.clone(), words(&status)),
        _ => EnrollError::Refused(words(&status)),
    };
    let recipients = client.recipients(RecipientsRequest {}).await.map_err(refused)?.into_inner().recipients;
    let repository_password = hex::encode(rand::random::<[u8; 32]>());
    let escrow = seal(&repository_password, &recipients)?;

    let facts = facts(state, &platform::system_version());
    let (key, csr) = request(&facts.name)?;
    let request = EnrollRequest { secret: token.secret.clone(), csr, facts: Some(facts.into()), escrow };
    let reply = client.enroll(request).await.map_err(refused)?.into_inner();
    if reply.certificate.is_empty() || reply.signatures_root.is_empty() {
        return Err(EnrollError::Answer("the certificate or the signatures' root is missing".into()));
    }
    Ok(Identity {
        host: reply.host.parse().map_err(|e: keepwatch_proto::WireError| EnrollError::Answer(e.to_string()))?,
        enrolled: clock.now(),
        rebirth: None,
        ca,
        certificate: reply.certificate,
        key,
        repository_password,
        signatures_root: reply.signatures_root,
    })
}

/// An error with what lies behind it: the outermost one alone often says nothing.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut inner = error.source();
    while let Some(cause) = inner {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        inner = cause.source();
    }
    text
}

/// A new key, and a request that proves we hold it. The controller names the subject.
pub(crate) fn request(name: &str) -> Result<(String, String), EnrollError> {
    let make = || {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let csr = params.serialize_request(&key)?.pem()?;
        Ok((key.serialize_pem(), csr))
    };
    make().map_err(|e: rcgen::Error| EnrollError::Key(e.to_string()))
}

/// Encrypts to everyone who may recover the repository.
pub(crate) fn seal(secret: &str, recipients: &[String]) -> Result<String, EnrollError> {
    let answer = |why: String| EnrollError::Answer(format!("it names no one to escrow the repository key to: {why}"));
    let recipients = recipients
        .iter()
        .map(|r| age::x25519::Recipient::from_str(r).map_err(|why| answer(why.into())))
        .collect::<Result<Vec<_>, _>>()?;
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(|r| r as &dyn age::Recipient))
        .map_err(|e| answer(e.to_string()))?;
    let write = || {
        let armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
        let mut writer = encryptor.wrap_output(armor)?;
        writer.write_all(secret.as_bytes())?;
        writer.finish()?.finish()
    };
    let armored: Vec<u8> = write().map_err(|e: std::io::Error| answer(e.to_string()))?;
    String::from_utf8(armored).map_err(|e| answer(e.to_string()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_escrow_opens_for_each_recipient_and_nobody_else() {
        let (controller, offline, other) =
            (age::x25519::Identity::generate(), age::x25519::Identity::generate(), age::x25519::Identity::generate());
        let recipients = [controller.to_public().to_string(), offline.to_public().to_string()];
        let sealed = seal("secret", &recipients).unwrap();
        assert!(sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----"));
        for identity in [&controller, &offline] {
            assert_eq!(age::decrypt(identity, sealed.as_bytes()).unwrap(), b"secret");
        }
        assert!(age::decrypt(&other, sealed.as_bytes()).is_err());
        assert!(seal("secret", &[]).is_err());
        assert!(seal("secret", &["age1nonsense".into()]).is_err());
    }

    #[test]
    fn addresses_are_told_that_say_where_a_pc_is() {
        let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let all = ["127.0.0.1", "::1", "169.254.3.4", "fe80::1", "0.0.0.0", "2001:db8::7", "10.7.0.9", "10.7.0.9"];
        assert_eq!(told(ips(&all)), ips(&["10.7.0.9", "2001:db8::7"]));
        let many = (1..=40).map(|n| IpAddr::from([10, 0, 0, n])).rev().collect();
        assert_eq!(told(many).len(), MOST_ADDRESSES);
        assert!(told(vec![]).is_empty());
    }

    #[test]
    fn the_request_is_signed_with_the_key_that_stays() {
        let (key, csr) = request("办公室-7").unwrap();
        assert!(key.contains("PRIVATE KEY") && !csr.contains("PRIVATE KEY"));
        assert!(rcgen::CertificateSigningRequestParams::from_pem(&csr).is_ok());
    }

    #[test]
    fn a_certificate_is_written_as_pem() {
        let text = pem("CERTIFICATE", &[7; 100]);
        assert!(text.lines().all(|line| line.len() <= 64));
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----\n") && text.ends_with("-----END CERTIFICATE-----\n"));
    }
}
