//! The agent door: enrolment without a certificate; the stream, the signed bundles and the
//! repository service with one. What a connection may reach is decided once, when it is
//! made; a host that is cut off loses its connections.

mod claims;
mod enrolment;
mod link;
mod renewal;
mod signatures;

use crate::app::{App, AppError};
use crate::door::{Admission, Caller};
use crate::keys::ca::{Credential, credential_of};
use crate::plan::identities::Standing;
use crate::repository::{self, HostIdentity};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use keepwatch_proto::MAX_MESSAGE;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::wire::agent::claims_server::ClaimsServer;
use keepwatch_proto::wire::agent::enrolment_server::EnrolmentServer;
use keepwatch_proto::wire::agent::link_server::LinkServer;
use keepwatch_proto::wire::agent::renewal_server::RenewalServer;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Status};

/// Largest enrolment request, in bytes.
const MAX_ENROLMENT: usize = 64 << 10;
/// Largest request for a certificate, in bytes.
const MAX_RENEWAL: usize = 16 << 10;
/// Largest claim, in bytes.
const MAX_CLAIM: usize = 64 << 10;
/// Connections without a certificate at once; the rest are closed, and come again.
const STRANGERS: usize = 256;
/// Connections of one host at once, likewise: its agent has three, a restic five.
const CONNECTIONS: usize = 32;

/// What the door leads to.
#[derive(Clone)]
pub struct AgentDoor {
    app: Arc<App>,
    strangers: Router,
    hosts: Router,
    claimants: Router,
    refused: Router,
    room: Arc<Semaphore>,
    /// Of each host that is or was connected.
    places: Arc<Mutex<HashMap<HostId, Arc<Semaphore>>>>,
}

impl AgentDoor {
    /// A door to this controller.
    pub fn new(app: &Arc<App>) -> Self {
        let enrolment = EnrolmentServer::new(enrolment::Service(app.clone())).max_decoding_message_size(MAX_ENROLMENT);
        let link = LinkServer::new(link::Service::new(app)).max_decoding_message_size(MAX_MESSAGE);
        let renewal = RenewalServer::new(renewal::Service(app.clone())).max_decoding_message_size(MAX_RENEWAL);
        let claims = || ClaimsServer::new(claims::Service(app.clone())).max_decoding_message_size(MAX_CLAIM);
        let hosts = Routes::new(link)
            .add_service(renewal)
            .add_service(claims())
            .into_axum_router()
            .reset_fallback()
            .merge(signatures::router(app))
            .merge(repository_service(app));
        Self {
            app: app.clone(),
            // Without the fallback that gRPC routes bring: there is nothing else here.
            strangers: Routes::new(enrolment).into_axum_router().reset_fallback(),
            hosts,
            claimants: Routes::new(claims()).into_axum_router().reset_fallback().fallback(refused),
            refused: Router::new().fallback(refused),
            room: Arc::new(Semaphore::new(STRANGERS)),
            places: Arc::default(),
        }
    }

    /// Decides about a connection.
    pub async fn admit(self, caller: Caller) -> Option<Admission> {
        let Some(certificate) = caller.certificate else {
            let permit = self.room.try_acquire_owned().ok()?;
            return Some(Admission { router: self.strangers, leash: CancellationToken::new(), permit: Some(permit) });
        };
        let shown = credential_of(&certificate)?;
        let host = shown.host;
        let Some(permit) = self.place(host) else {
            tracing::warn!(%host, address = %caller.address, "closed a connection: this host has too many");
            return None;
        };
        // Taken before the look at the database: whoever is revoked in between is cut by it.
        let leash = self.app.hub.leash(host);
        match self.app.authenticate(&shown).await {
            Ok(standing) if standing.is_good() => {
                let who = (Extension(HostIdentity(host)), Extension(Shown(shown)), Extension(Address(caller.address)));
                let router = self.hosts.layer(who.0).layer(who.1).layer(who.2);
                Some(Admission { router, leash, permit: Some(permit) })
            }
            Ok(standing) => {
                tracing::warn!(%host, address = %caller.address, ?standing, "a certificate that is not in force was shown");
                let router = if standing == Standing::Revoked { self.refused } else { self.claimants };
                let who = (Extension(standing), Extension(Shown(shown)), Extension(Address(caller.address)));
                let router = router.layer(who.0).layer(who.1).layer(who.2);
                Some(Admission { router, leash, permit: Some(permit) })
            }
            Err(error) => {
                tracing::error!(%error, "a host could not be looked up");
                None
            }
        }
    }
}

impl AgentDoor {
    /// A host's place for one more connection, if it has one.
    fn place(&self, host: HostId) -> Option<OwnedSemaphorePermit> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let place = places.entry(host).or_insert_with(|| Arc::new(Semaphore::new(CONNECTIONS)));
        place.clone().try_acquire_owned().ok()
    }
}

/// The certificate on a connection.
#[derive(Debug, Clone)]
struct Shown(Credential);

/// Where a connection comes from.
#[derive(Debug, Clone, Copy)]
struct Address(SocketAddr);

/// Stands beside a refusal of a PC that may ask to be a host again.
const MAY_CLAIM: &str = "keepwatch-may-claim";

/// All that a host which is not let in is told: an answer, so that it need not guess and retry.
async fn refused(Extension(standing): Extension<Standing>) -> Response {
    let (why, may_claim) = match standing {
        Standing::Expired => ("this PC's certificate has expired; staff must approve that it comes back", true),
        Standing::Superseded => ("this PC's certificate was replaced; staff must approve that it comes back", true),
        Standing::Unknown => ("this PC is not known here; staff must approve that it comes back", true),
        _ => ("this PC's certificate was revoked; ask an administrator, and enrol it anew", false),
    };
    // As gRPC says it, and as HTTP does.
    let mut response = (StatusCode::FORBIDDEN, [("grpc-status", "7"), ("grpc-message", why)], why).into_response();
    if may_claim {
        response.headers_mut().insert(MAY_CLAIM, HeaderValue::from_static("yes"));
    }
    response
}

/// A use case's refusal, as the wire says it.
pub fn status(error: &AppError) -> Status {
    let code = match error {
        AppError::NotFound(_) => Code::NotFound,
        AppError::Invalid(_) => Code::InvalidArgument,
        AppError::Conflict(_) => Code::FailedPrecondition,
        AppError::Forbidden(_) => Code::PermissionDenied,
        AppError::Unauthenticated => Code::Unauthenticated,
        AppError::TooMany => Code::ResourceExhausted,
        AppError::Interrupted => Code::Unavailable,
        AppError::Keys(crate::keys::KeyError::Request(_) | crate::keys::KeyError::Escrow(_)) => Code::InvalidArgument,
        AppError::Keys(_) | AppError::Store(_) | AppError::Repository(_) => {
            tracing::error!(%error, "a request failed");
            Code::Internal
        }
    };
    Status::new(code, error.to_string())
}

fn repository_service(app: &Arc<App>) -> Router {
    let (grants, rooms) = (app.clone(), app.clone());
    repository::router(
        app.repositories.clone(),
        Arc::new(move |reader, owner| {
            let app = grants.clone();
            Box::pin(async move { app.may_read(reader, owner).await })
        }),
        Arc::new(move |host| {
            let app = rooms.clone();
            Box::pin(async move { app.room(host).await })
        }),
        app.meters.clone(),
    )
}
