//! The certificate authority: it vouches for this controller and for every enrolled host.
//! A host's certificate is good for client authentication only, so no host can pose as
//! the controller.

use super::{KeyError, read, write_secret};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::pin::Fingerprint;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SerialNumber,
};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

const CA_YEARS: i64 = 20;
const SERVER_DAYS: i64 = 730;
/// Long: a host is looked up at every connection, so what ends its access is revoking it,
/// and a PC that nobody watches must not drop off by itself.
const HOST_DAYS: i64 = 3650;
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
        Ok(Self { folder: folder.into(), certificate, certificate_pem, issuer, clock: clock.clone() })
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

    /// Makes the controller's certificate anew when it is missing, has less than a third of
    /// its life left, or is for other names.
    pub fn renew_server(&self, names: &[String]) -> Result<(), KeyError> {
        let path = self.folder.join(SERVER);
        if !path.exists() {
            return self.issue_server(names);
        }
        let der = CertificateDer::from_pem_slice(read(&path)?.as_bytes()).map_err(|e| KeyError::Tls(e.to_string()))?;
        let (_, certificate) = x509_parser::parse_x509_certificate(&der).map_err(|e| KeyError::Tls(e.to_string()))?;
        let left = certificate.validity().not_after.timestamp() - self.clock.now().timestamp();
        let good = left >= SERVER_DAYS * 86_400 / 3 && names_of(&certificate) == names;
        if good { Ok(()) } else { self.issue_server(names) }
    }

    /// A certificate for a host whose request is `csr`; of the request only the key is taken.
    pub fn issue_host(&self, csr_pem: &str, host: HostId) -> Result<HostCertificate, KeyError> {
        let refuse = |e: rcgen::Error| KeyError::Request(e.to_string());
        // Verifies that whoever asks holds the private key.
        let request = CertificateSigningRequestParams::from_pem(csr_pem).map_err(refuse)?;
        let mut params = dated(CertificateParams::default(), &self.clock, Duration::days(HOST_DAYS));
        params.distinguished_name.push(DnType::CommonName, host.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let expires = params.not_after.unix_timestamp();
        let certificate = params.signed_by(&request.public_key, &self.issuer).map_err(refuse)?;
        Ok(HostCertificate {
            expires,
            fingerprint: Fingerprint::of(certificate.der()),
            pem: format!("{}{}", certificate.pem(), self.certificate_pem),
        })
    }

    /// TLS for the agent door: a client's certificate is asked for and, where one comes,
    /// must be ours. Enrolment comes without.
    pub fn agent_tls(&self) -> Result<Arc<ServerConfig>, KeyError> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.certificate.clone()).map_err(|e| KeyError::Tls(e.to_string()))?;
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
            .allow_unauthenticated()
            .build()
            .map_err(|e| KeyError::Tls(e.to_string()))?;
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
        let tls = |e: &dyn std::fmt::Display| KeyError::Tls(e.to_string());
        let pem = read(&self.folder.join(SERVER))?;
        let server = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|e| tls(&e))?;
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|e| tls(&e))?;
        // The CA goes along, so that a client that knows only its fingerprint can find it.
        let mut config = builder.with_single_cert(vec![server, self.certificate.clone()], key).map_err(|e| tls(&e))?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

/// What a host gets.
pub struct HostCertificate {
    /// When it ends; Unix seconds.
    pub expires: i64,
    /// By which its certificate in force is known.
    pub fingerprint: Fingerprint,
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

/// The host that a certificate speaks for. The chain was verified by TLS.
pub fn host_of(certificate: &CertificateDer<'_>) -> Option<HostId> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    parsed.subject().iter_common_name().next()?.as_str().ok()?.parse().ok()
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ca() -> (tempfile::TempDir, Ca) {
        let folder = tempfile::tempdir().unwrap();
        let ca = Ca::create(folder.path(), &["localhost".into()], &Clock::system()).unwrap();
        (folder, ca)
    }

    #[test]
    fn a_host_gets_a_certificate_in_its_own_name_whatever_it_asked_for() {
        let (_folder, ca) = ca();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let mut wish = CertificateParams::new(vec!["controller.example".into()]).unwrap();
        wish.distinguished_name.push(DnType::CommonName, "another host");
        let csr = wish.serialize_request(&key).unwrap().pem().unwrap();
        let host = HostId::new(&Clock::system());
        let issued = ca.issue_host(&csr, host).unwrap();
        let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        assert_eq!(host_of(&der), Some(host));
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let usage = parsed.extended_key_usage().unwrap().unwrap().value;
        assert!(usage.client_auth && !usage.server_auth);
        assert!(parsed.subject_alternative_name().unwrap().is_none());
        assert!(!parsed.is_ca());
    }

    #[test]
    fn a_forged_request_is_refused() {
        let (_folder, ca) = ca();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let good = CertificateParams::default().serialize_request(&key).unwrap();
        // The last bytes are the signature's.
        let mut der = good.der().to_vec();
        let last = der.len() - 3;
        der[last] ^= 0x55;
        let forged = rustls::pki_types::CertificateSigningRequestDer::from(der);
        let pem = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
            base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &forged)
        );
        let host = HostId::new(&Clock::system());
        assert!(matches!(ca.issue_host(&pem, host), Err(KeyError::Request(_))));
        assert!(matches!(ca.issue_host("no pem", host), Err(KeyError::Request(_))));
    }

    #[test]
    fn keys_are_never_overwritten() {
        let (folder, ca) = ca();
        assert!(Ca::create(folder.path(), &["localhost".into()], &Clock::system()).is_err());
        assert_eq!(Ca::open(folder.path(), &Clock::system()).unwrap().fingerprint(), ca.fingerprint());
    }

    #[test]
    fn the_servers_certificate_is_renewed_in_time() {
        let (folder, ca) = ca();
        let server = folder.path().join(SERVER);
        let before = read(&server).unwrap();
        ca.renew_server(&["localhost".into()]).unwrap();
        assert_eq!(read(&server).unwrap(), before);
        // For other names, or after a crash that took it away.
        let names = ["localhost".into(), "192.0.2.7".into(), "2001:db8::1".into()];
        ca.renew_server(&names).unwrap();
        let renamed = read(&server).unwrap();
        assert_ne!(renamed, before);
        ca.renew_server(&names).unwrap();
        assert_eq!(read(&server).unwrap(), renamed);
        std::fs::remove_file(&server).unwrap();
        ca.renew_server(&["localhost".into()]).unwrap();
        assert!(ca.agent_tls().is_ok() && ca.staff_tls().is_ok());
        let before = read(&server).unwrap();
        let later = Clock::fixed(Clock::system().now() + chrono::TimeDelta::days(SERVER_DAYS - 100));
        Ca::open(folder.path(), &later).unwrap().renew_server(&["localhost".into()]).unwrap();
        assert_ne!(read(&server).unwrap(), before);
    }
}
