//! The way to the staff door: TLS that trusts the controller's own CA and no other, and the
//! session with every call.

use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::RequestId;
use keepwatch_proto::wire::staff::figures_client::FiguresClient;
use keepwatch_proto::wire::staff::machines_client::MachinesClient;
use keepwatch_proto::wire::staff::plans_client::PlansClient;
use keepwatch_proto::wire::staff::quarantine_client::QuarantineClient;
use keepwatch_proto::wire::staff::rollouts_client::RolloutsClient;
use keepwatch_proto::wire::staff::staff_client::StaffClient;
use keepwatch_proto::wire::staff::work_client::WorkClient;
use std::error::Error;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Uri};
use tonic::{Request, Status};

/// How long a connection may take to come about.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// How often a quiet connection is asked whether it lives.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Largest answer taken, in bytes: a listing of a large fleet comes as one.
const LARGEST_ANSWER: usize = 64 << 20;

/// The staff door, ready for calls.
pub(crate) type Staff = StaffClient<Line>;
/// The same door's figures.
pub(crate) type Figures = FiguresClient<Line>;
/// The same door, for groups and policies.
pub(crate) type Plans = PlansClient<Line>;
/// The same door, for files that were put away.
pub(crate) type Quarantine = QuarantineClient<Line>;
/// The same door, for how signatures spread.
pub(crate) type Rollouts = RolloutsClient<Line>;
/// The same door, for what is asked of many hosts at once.
pub(crate) type Work = WorkClient<Line>;
/// What calls go over.
pub(crate) type Line = InterceptedService<Channel, Bearer>;

/// The same door, for what concerns the PCs' identities.
pub(crate) type Machines = MachinesClient<Line>;

/// Where a controller's staff door is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    /// A name or IP address, without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("'{0}' is no controller's address; write https://NAME:PORT")]
    Address(String),
    #[error(
        "the CA certificate cannot be used: {0}; give the controller's ca.pem with --ca, or its fingerprint with --fingerprint"
    )]
    Ca(String),
    #[error(
        "the session is not what a controller gives out; log in with 'keepwatch login', and see that KEEPWATCH_TOKEN is right or unset"
    )]
    Session,
    #[error(
        "no answer from {address}: {problem}; check the address, the network, and that keepwatch-controller is running there"
    )]
    Unreachable { address: Address, problem: String },
    #[error(
        "{address} cannot be trusted: {problem}; if the controller was set up anew, log in again with its fingerprint or ca.pem, otherwise someone may be listening in"
    )]
    Untrusted { address: Address, problem: String },
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "https://[{host}]:{port}") } else { write!(f, "https://{host}:{port}") }
    }
}

impl FromStr for Address {
    type Err = ConnectError;
    fn from_str(text: &str) -> Result<Self, ConnectError> {
        let bad = || ConnectError::Address(text.into());
        let full = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let uri: Uri = full.parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let plain = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
        if uri.scheme_str() != Some("https") || !plain {
            return Err(bad());
        }
        // Not port_u16(), to which a port that is no number is the same as none.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => 443,
            Some(rest) => {
                rest.strip_prefix(':').and_then(|port| port.parse().ok()).filter(|p| *p > 0).ok_or_else(bad)?
            }
            None => return Err(bad()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(bad());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// Adds the session, and the id of this run, to each call.
#[derive(Clone)]
pub(crate) struct Bearer {
    session: Option<MetadataValue<Ascii>>,
    /// By which this run is found in the controller's log, and in those of the PCs.
    request: MetadataValue<Ascii>,
}

/// What the controller's log calls a run of this program.
pub(crate) const REQUEST: &str = "x-request-id";

impl Bearer {
    fn new(session: &str) -> Result<Self, ConnectError> {
        let id = RequestId::new(&Clock::system()).to_string();
        let request = MetadataValue::try_from(id).map_err(|_| ConnectError::Session)?;
        if session.is_empty() {
            return Ok(Self { session: None, request });
        }
        let mut value: MetadataValue<Ascii> = format!("Bearer {session}").parse().map_err(|_| ConnectError::Session)?;
        // Kept out of logs and of header compression.
        value.set_sensitive(true);
        Ok(Self { session: Some(value), request })
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.session {
            request.metadata_mut().insert("authorization", value.clone());
        }
        request.metadata_mut().insert(REQUEST, self.request.clone());
        Ok(request)
    }
}

/// The staff door. An empty session is enough for logging in and nothing else.
pub(crate) async fn open(address: &Address, ca: &str, session: &str) -> Result<Staff, ConnectError> {
    Ok(StaffClient::new(line(address, ca, session).await?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The same door's figures.
pub(crate) async fn figures(address: &Address, ca: &str, session: &str) -> Result<Figures, ConnectError> {
    Ok(FiguresClient::new(line(address, ca, session).await?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The same door, for what is asked of many hosts at once.
pub(crate) async fn open_work(address: &Address, ca: &str, session: &str) -> Result<Work, ConnectError> {
    Ok(WorkClient::new(line(address, ca, session).await?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The same door, for groups and policies.
pub(crate) async fn open_plans(address: &Address, ca: &str, session: &str) -> Result<Plans, ConnectError> {
    Ok(PlansClient::new(line(address, ca, session).await?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The same door, for how signatures spread.
pub(crate) async fn rollouts(address: &Address, ca: &str, session: &str) -> Result<Rollouts, ConnectError> {
    Ok(RolloutsClient::new(line(address, ca, session).await?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The same door, for files that were put away.
pub(crate) async fn open_quarantine(address: &Address, ca: &str, session: &str) -> Result<Quarantine, ConnectError> {
    Ok(QuarantineClient::new(line(address, ca, session).await?).max_decoding_message_size(LARGEST_ANSWER))
}

/// The same door, for what concerns the PCs' identities.
pub(crate) async fn machines(address: &Address, ca: &str, session: &str) -> Result<Machines, ConnectError> {
    Ok(MachinesClient::new(line(address, ca, session).await?).max_decoding_message_size(LARGEST_ANSWER))
}

/// Connects to the staff door.
async fn line(address: &Address, ca: &str, session: &str) -> Result<Line, ConnectError> {
    let bearer = Bearer::new(session)?;
    let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(ca)).timeout(PATIENCE);
    let channel = Endpoint::from_shared(address.to_string())
        .map_err(|_| ConnectError::Address(address.to_string()))?
        .tls_config(tls)
        .map_err(|error| ConnectError::Ca(causes(&error)))?
        .connect_timeout(PATIENCE)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .connect()
        .await
        .map_err(|error| refused(address, &error))?;
    Ok(InterceptedService::new(channel, bearer))
}

/// A connection that failed: nobody there, or the wrong one.
pub(crate) fn refused(address: &Address, error: &(dyn Error + 'static)) -> ConnectError {
    let address = address.clone();
    let problem = causes(error);
    if is_about_trust(error) {
        ConnectError::Untrusted { address, problem }
    } else {
        ConnectError::Unreachable { address, problem }
    }
}

fn is_about_trust(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|cause| {
        // rustls hides within io::Error, whose source is the source of what it wraps.
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = cause.downcast_ref::<rustls::Error>().or(inner.and_then(|e| e.downcast_ref()));
        matches!(tls, Some(rustls::Error::InvalidCertificate(_)))
    })
}

/// An error with its causes: the innermost are those that help.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in chain(error).map(ToString::to_string) {
        // Many errors repeat their cause.
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
    }
    texts.join(": ")
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_and_a_port() {
        for (text, meant) in [
            ("https://controller:8443", "https://controller:8443"),
            ("https://controller:8443/", "https://controller:8443"),
            ("controller:8443", "https://controller:8443"),
            ("https://10.0.0.1", "https://10.0.0.1:443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), meant);
        }
        for bad in [
            "",
            "http://a:1",
            "https://",
            "https://a:1/x",
            "https://a:99999",
            "https://a:",
            "https://u@a:1",
            "a b:1",
            "https://a:0",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_session_that_is_no_header_is_refused() {
        assert!(Bearer::new("abc").unwrap().session.unwrap().is_sensitive());
        assert!(Bearer::new("").unwrap().session.is_none());
        assert!(matches!(Bearer::new("a\nb"), Err(ConnectError::Session)));
    }

    #[test]
    fn a_wrong_certificate_is_not_called_unreachable() {
        let address = Address { host: "c".into(), port: 1 };
        let tls = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let hidden = std::io::Error::new(std::io::ErrorKind::InvalidData, tls);
        assert!(matches!(refused(&address, &hidden), ConnectError::Untrusted { .. }));
        let away = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(matches!(refused(&address, &away), ConnectError::Unreachable { .. }));
    }
}
