//! The certificate authority: it vouches for this controller and for every enrolled host.
//! A host's certificate is good for client authentication only, so no host can pose as
//! the controller.

use super::{KeyError, read, write_secret};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::pin::Fingerprint;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SerialNumber,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use time::{Duration, OffsetDateTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

const CA_YEARS: i64 = 20;
/// A server's certificate is good for so long, and made anew when less than [`SERVER_LEFT`] of
/// it is left. A PC's clock, or ours, may be wrong by a year either way: with these, and
/// [`SERVER_BACKDATED`], the certificate is good by every such clock. Together they stay below
/// the 825 days beyond which some browsers take no certificate.
const SERVER_DAYS: i64 = 450;
const SERVER_LEFT: Duration = Duration::days(400);
const SERVER_BACKDATED: Duration = Duration::days(370);
/// Good for a year: a PC that is away for longer is looked at before it is let in again.
pub const HOST_DAYS: i64 = 365;
/// The controller's own key and certificate.
const SERVER: &str = "server.pem";
/// PCs' clocks are off; a certificate is good a little before it was made.
const BACKDATED: Duration = Duration::days(2);

/// The authority, and the controller's own certificate under it.
pub struct Ca {
    folder: PathBuf,
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
    /// What the doors show.
    server: Arc<Shown>,
    clock: Clock,
}

impl Ca {
    /// Makes a new one in `folder`, with a server certificate for `names`.
    pub fn create(folder: &Path, names: &[String], clock: &Clock) -> Result<Self, KeyError> {
        std::fs::create_dir_all(folder).map_err(|e| KeyError::File(folder.into(), e))?;
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = dated(CertificateParams::default(), clock, Duration::days(365 * CA_YEARS));
        params.distinguished_name.push(DnType::CommonName, "Keepwatch CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        write_secret(&folder.join("ca.key"), key.serialize_pem().as_bytes())?;
        write_secret(&folder.join("ca.pem"), certificate.pem().as_bytes())?;
        let ca = Self::open(folder, clock)?;
        ca.issue_server(names)?;
        Ok(ca)
    }

    /// Opens the one in `folder`.
    pub fn open(folder: &Path, clock: &Clock) -> Result<Self, KeyError> {
        let certificate_pem = read(&folder.join("ca.pem"))?;
        let key = KeyPair::from_pem(&read(&folder.join("ca.key"))?)?;
        let certificate =
            CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|e| KeyError::Tls(e.to_string()))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        let server = Arc::default();
        Ok(Self { folder: folder.into(), certificate, certificate_pem, issuer, server, clock: clock.clone() })
    }

    /// Has it go by another clock.
    #[cfg(test)]
    pub(crate) fn set_clock(&mut self, clock: &Clock) {
        self.clock = clock.clone();
    }

    /// Its certificate, for whoever is to trust it.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// What tokens pin.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    fn issue_server(&self, names: &[String]) -> Result<(), KeyError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = dated(CertificateParams::new(names)?, &self.clock, Duration::days(SERVER_DAYS));
        params.not_before -= SERVER_BACKDATED;
        params.distinguished_name.push(DnType::CommonName, "Keepwatch controller");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer)?;
        // One file, and one rename: key and certificate never belong to different ones.
        let (path, staged) = (self.folder.join(SERVER), self.folder.join("server.new"));
        let at = |e| KeyError::File(staged.clone(), e);
        match std::fs::remove_file(&staged) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(at(e)),
            _ => {}
        }
        write_secret(&staged, format!("{}{}", key.serialize_pem(), certificate.pem()).as_bytes())?;
        std::fs::rename(&staged, path).map_err(at)
    }

    /// Makes the controller's certificate anew when it is missing, has not enough of its life
    /// left, or is for other names.
    pub fn renew_server(&self, names: &[String]) -> Result<(), KeyError> {
        if !self.folder.join(SERVER).exists() {
            return self.issue_server(names);
        }
        let (left, present) = self.server_left()?;
        if left >= SERVER_LEFT && present == names { Ok(()) } else { self.issue_server(names) }
    }

    /// The same while the doors are open: they show the new one from then on. Says whether there is one.
    pub fn renew_served(&self) -> Result<bool, KeyError> {
        let (left, names) = self.server_left()?;
        if left >= SERVER_LEFT {
            return Ok(false);
        }
        self.issue_server(&names)?;
        self.show_server()?;
        Ok(true)
    }

    /// How much of its life the controller's certificate has left, and for which names it is.
    fn server_left(&self) -> Result<(Duration, Vec<String>), KeyError> {
        let pem = read(&self.folder.join(SERVER))?;
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| KeyError::Tls(e.to_string()))?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|e| KeyError::Tls(e.to_string()))?;
        let left = certificate.validity().not_after.timestamp() - self.clock.now().timestamp();
        Ok((Duration::seconds(left), names_of(&certificate)))
    }

    /// A certificate for a host whose request is `csr`, its `number`th; of the request only the
    /// key is taken.
    pub fn issue_host(&self, csr_pem: &str, host: HostId, number: u64) -> Result<HostCertificate, KeyError> {
        let refuse = |e: rcgen::Error| KeyError::Request(e.to_string());
        // Verifies that whoever asks holds the private key.
        let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(refuse)?;
        let mut params = dated(CertificateParams::default(), &self.clock, Duration::days(HOST_DAYS));
        params.distinguished_name.push(DnType::CommonName, host.to_string());
        params.distinguished_name.push(DnType::OrganizationalUnitName, number.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let expires = params.not_after.unix_timestamp();
        let certificate = params.signed_by(&request.public_key, &self.issuer).map_err(refuse)?;
        Ok(HostCertificate {
            fingerprint: Fingerprint::of(certificate.der()),
            expires,
            pem: format!("{}{}", certificate.pem(), self.certificate_pem),
        })
    }

    /// The public key that a request is for. Verifies that whoever asks holds the private one.
    pub fn requested_key(&self, csr_pem: &str) -> Result<Vec<u8>, KeyError> {
        let request =
            CertificateSigningRequestParams::from_pem(csr_pem).map_err(|e| KeyError::Request(e.to_string()))?;
        Ok(request.public_key.der_bytes().to_vec())
    }

    /// TLS for the agent door: a client's certificate is asked for and, where one comes,
    /// must be ours. Enrolment comes without. Whether its time has passed is not TLS's to say:
    /// the door says it by our clock, and in words.
    pub fn agent_tls(&self) -> Result<Arc<ServerConfig>, KeyError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(|e| KeyError::Tls(e.to_string()))?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .allow_unauthenticated()
            .build()
            .map_err(|e| KeyError::Tls(e.to_string()))?;
        let verifier = Arc::new(WheneverMade(verifier));
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        self.finish(builder.map_err(|e| KeyError::Tls(e.to_string()))?.with_client_cert_verifier(verifier))
    }

    /// TLS for the staff door.
    pub fn staff_tls(&self) -> Result<Arc<ServerConfig>, KeyError> {
        let builder = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        self.finish(builder.map_err(|e| KeyError::Tls(e.to_string()))?.with_no_client_auth())
    }

    fn finish(
        &self,
        builder: rustls::ConfigBuilder<ServerConfig, rustls::server::WantsServerCert>,
    ) -> Result<Arc<ServerConfig>, KeyError> {
        self.show_server()?;
        let mut config = builder.with_cert_resolver(self.server.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Has the doors show the certificate that is in the folder.
    fn show_server(&self) -> Result<(), KeyError> {
        let tls = |e: &dyn std::fmt::Display| KeyError::Tls(e.to_string());
        let pem = read(&self.folder.join(SERVER))?;
        let server = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| tls(&e))?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|e| tls(&e))?;
        // The CA goes along, so that a client that knows only its fingerprint can find it.
        let chain = vec![server, self.certificate.clone()];
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|e| tls(&e))?;
        *self.server.0.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(certified));
        Ok(())
    }
}

/// The certificate that the doors show, whichever it is at the time.
#[derive(Debug, Default)]
struct Shown(RwLock<Option<Arc<CertifiedKey>>>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Takes a client's certificate if it was good on the day that it was made.
#[derive(Debug)]
struct WheneverMade(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for WheneverMade {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let made = x509_parser::parse_x509_certificate(end_entity).ok().map(|(_, c)| c.validity().not_before);
        let made = made.and_then(|made| u64::try_from(made.timestamp()).ok());
        let then = made.map_or(now, |made| UnixTime::since_unix_epoch(std::time::Duration::from_secs(made)));
        self.0.verify_client_cert(end_entity, intermediates, then)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// What a host gets.
pub struct HostCertificate {
    /// By which its certificate in force is known.
    pub fingerprint: Fingerprint,
    /// Until when it is good; Unix seconds.
    pub expires: i64,
    /// The chain: its own, then the CA's.
    pub pem: String,
}

/// The names and addresses that a certificate is for.
fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.iter().flat_map(|n| n.value.general_names.iter());
    names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match bytes.len() {
                4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
                _ => <[u8; 16]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
            },
            _ => None,
        })
        .collect()
}

/// A host's certificate, as it was shown. The chain was verified by TLS; the time was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The host that it speaks for.
    pub host: HostId,
    /// How many that host had been given by then, with this one. 0: from before they were counted.
    pub number: u64,
    /// By which the database knows it.
    pub fingerprint: String,
    /// When it was made; Unix seconds.
    pub made: i64,
    /// Until when it is good; Unix seconds.
    pub expires: i64,
}

/// What a certificate says; `None`: it is no host's.
pub fn credential_of(certificate: &CertificateDer<'_>) -> Option<Credential> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let host = parsed.subject().iter_common_name().next()?.as_str().ok()?.parse().ok()?;
    let number = parsed.subject().iter_organizational_unit().next().and_then(|unit| unit.as_str().ok()?.parse().ok());
    Some(Credential {
        host,
        number: number.unwrap_or(0),
        fingerprint: Fingerprint::of(certificate).to_string(),
        made: parsed.validity().not_before.timestamp() + BACKDATED.whole_seconds(),
        expires: parsed.validity().not_after.timestamp(),
    })
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

fn dated(mut params: CertificateParams, clock: &Clock, life: Duration) -> CertificateParams {
    let now = OffsetDateTime::from_unix_timestamp(clock.now().timestamp()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    params.not_before = now - BACKDATED;
    params.not_after = now + life;
    let serial: [u8; 16] = rand::random();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params
}

#[cfg(test)]
mod tests;
