//! First contact: taking the controller's CA from its own hands, and only if it is the one
//! whose fingerprint a person vouches for.

use crate::connect::{Address, ConnectError, PATIENCE, refused};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keepwatch_proto::pin::{Fingerprint, PinnedCa};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;

/// The fingerprint of the CA that the server sends along. Nothing is trusted yet: the
/// handshake is broken off, and only a person can say whether this is the right one.
pub(crate) async fn presented(address: &Address) -> Result<Fingerprint, ConnectError> {
    let witness = Arc::new(Witness::default());
    let attempt = handshake(address, witness.clone()).await;
    let seen = witness.seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (seen, attempt) {
        (Some(Some(ca)), _) => Ok(ca),
        (Some(None), _) => Err(sends_no_ca(address)),
        (None, Err(error)) => Err(error),
        (None, Ok(_)) => Err(sends_no_ca(address)),
    }
}

/// The CA with this fingerprint, as PEM, if the server has it and is certified by it.
pub(crate) async fn fetch(address: &Address, pin: Fingerprint) -> Result<String, ConnectError> {
    let verifier = Arc::new(PinnedCa::new(pin));
    let chain = handshake(address, verifier.clone()).await?;
    let ca = verifier.find(&chain).ok_or_else(|| sends_no_ca(address))?;
    Ok(to_pem(ca))
}

/// Checks that a text holds a certificate.
pub(crate) fn check_pem(pem: &str) -> Result<(), ConnectError> {
    match CertificateDer::from_pem_slice(pem.as_bytes()) {
        Ok(_) => Ok(()),
        Err(_) => Err(ConnectError::Ca("it is no certificate in PEM form".into())),
    }
}

fn sends_no_ca(address: &Address) -> ConnectError {
    ConnectError::Ca(format!("{address} does not send its CA along"))
}

async fn handshake(
    address: &Address,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Vec<CertificateDer<'static>>, ConnectError> {
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ConnectError::Ca(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from(address.host.clone()).map_err(|_| ConnectError::Address(address.to_string()))?;
    let meet = async {
        let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
        tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, stream).await
    };
    let met = tokio::time::timeout(PATIENCE, meet).await;
    let stream = met.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(|e| refused(address, &e))?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    Ok(chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
}

fn to_pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// Looks at the chain and lets nobody in.
#[derive(Debug, Default)]
struct Witness {
    /// Outer `None`: saw no chain at all. Inner: the chain was the server's certificate alone.
    seen: Mutex<Option<Option<Fingerprint>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let ca = intermediates.last().map(|ca| Fingerprint::of(ca));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(ca);
        Err(Error::General("only looking".into()))
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only looking".into()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("only looking".into()))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let provider: CryptoProvider = aws_lc_rs::default_provider();
        provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pem_reads_back() {
        for length in [1, 47, 48, 49, 500] {
            let der = vec![7u8; length];
            let pem = to_pem(&der);
            assert_eq!(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().as_ref(), der);
            assert!(pem.lines().all(|line| line.len() <= 64));
            check_pem(&pem).unwrap();
        }
        assert!(check_pem("no certificate").is_err());
    }

    #[tokio::test]
    async fn nobody_there_is_said_so() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = Address { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
        drop(listener);
        assert!(matches!(presented(&address).await, Err(ConnectError::Unreachable { .. })));
        assert!(matches!(fetch(&address, Fingerprint::of(b"x")).await, Err(ConnectError::Unreachable { .. })));
    }
}
