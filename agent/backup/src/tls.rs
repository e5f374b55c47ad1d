//! The TLS side of the repository service: one trusted authority, our own certificate, and
//! why one of the two was refused.

use crate::storage::{Service, StorageError};
use reqwest::Url;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, Stream};
use std::io::Read;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

/// What to look at when the service refuses us.
pub(crate) const HINT: &str = "Check that this host is enrolled and not revoked";

pub(crate) fn config(service: &Service) -> Result<ClientConfig, StorageError> {
    let bad = |what: &'static str| move |e: pem::Error| StorageError::Setup(format!("{what}: {e}"));
    let refused = |e: rustls::Error| StorageError::Setup(e.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(service.ca_pem.as_bytes()) {
        roots.add(certificate.map_err(bad("the authority's certificate"))?).map_err(refused)?;
    }
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(service.certificate_pem.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(service.key_pem.as_bytes()).map_err(bad("our key"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain.map_err(bad("our certificate"))?, key)
        .map_err(refused)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// For a storage that anybody may have: the authorities that the system trusts, or this one alone.
pub(crate) fn public(ca_pem: Option<&str>) -> Result<ClientConfig, StorageError> {
    let mut roots = RootCertStore::empty();
    match ca_pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|e| StorageError::Setup(format!("the authority: {e}")))?;
                roots.add(certificate).map_err(|e| StorageError::Setup(e.to_string()))?;
            }
        }
        // What of it cannot be read, and that there may be none, shows at the first connection.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|e| StorageError::Setup(e.to_string()))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Asks the service whether it refuses our certificate, or we its. In TLS 1.3 a client
/// learns of that only after the handshake, where the HTTP client sees no more than a closed
/// connection and would go on trying for nothing. None: refused or not, it is not known.
pub(crate) fn refused(config: &ClientConfig, url: &str, time: Duration) -> Option<StorageError> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "https")?;
    let address = (url.host_str()?.trim_matches(['[', ']']), url.port_or_known_default()?);
    let name = ServerName::try_from(address.0.to_owned()).ok()?;
    let mut socket = TcpStream::connect_timeout(&address.to_socket_addrs().ok()?.next()?, time).ok()?;
    socket.set_read_timeout(Some(time)).ok()?;
    socket.set_write_timeout(Some(time)).ok()?;
    let mut connection = ClientConnection::new(Arc::new(config.clone()), name).ok()?;
    // One that lets us in sends its settings first, or waits for our request.
    let answer = Stream::new(&mut connection, &mut socket).read(&mut [0]);
    let error = answer.err()?;
    error.get_ref().and_then(|inner| inner.downcast_ref()).and_then(refusal)
}

/// What a TLS error says for good; None for one that may pass.
fn refusal(error: &rustls::Error) -> Option<StorageError> {
    match error {
        rustls::Error::InvalidCertificate(why) => {
            Some(StorageError::Setup(format!("the service's certificate is not trusted: {why}")))
        }
        rustls::Error::AlertReceived(alert) => {
            let what = "this host's certificate".to_owned();
            Some(StorageError::Denied { what, answer: format!("{alert:?}"), hint: HINT })
        }
        _ => None,
    }
}
