//! The agent door: enrolment without a certificate; the stream, the signed bundles and the
//! repository service with one. What a connection may reach is decided once, when it is
//! made; a host that is cut off loses its connections.

mod enrolment;
mod link;
mod signatures;

use crate::app::{App, AppError};
use crate::door::{Admission, Caller};
use crate::keys::ca::host_of;
use crate::repository::{self, HostIdentity};
use axum::http::StatusCode;
use axum::{Extension, Router};
use keepwatch_proto::MAX_MESSAGE;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::pin::Fingerprint;
use keepwatch_proto::wire::agent::enrolment_server::EnrolmentServer;
use keepwatch_proto::wire::agent::link_server::LinkServer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::{Code, Status};

/// Largest enrolment request, in bytes.
const MAX_ENROLMENT: usize = 64 << 10;
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
    refused: Router,
    room: Arc<Semaphore>,
    /// Of each host that is or was connected.
    places: Arc<Mutex<HashMap<HostId, Arc<Semaphore>>>>,
}

impl AgentDoor {
    /// A door to this controller.
    pub fn new(app: &Arc<App>) -> Self {
        let enrolment = EnrolmentServer::new(enrolment::Service(app.clone())).max_decoding_message_size(MAX_ENROLMENT);
        let link = LinkServer::new(link::Service(app.clone())).max_decoding_message_size(MAX_MESSAGE);
        let hosts = Routes::new(link)
            .into_axum_router()
            .reset_fallback()
            .merge(signatures::router(&app.signatures))
            .merge(repository_service(app));
        Self {
            app: app.clone(),
            // Without the fallback that gRPC routes bring: there is nothing else here.
            strangers: Routes::new(enrolment).into_axum_router().reset_fallback(),
            hosts,
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
        let host = host_of(&certificate)?;
        let Some(permit) = self.place(host) else {
            tracing::warn!(%host, address = %caller.address, "closed a connection: this host has too many");
            return None;
        };
        // Taken before the look at the database: whoever is revoked in between is cut by it.
        let leash = self.app.hub.leash(host);
        match self.app.authenticate(host, &Fingerprint::of(&certificate).to_string()).await {
            Ok(true) => {
                let router = self.hosts.layer(Extension(HostIdentity(host)));
                Some(Admission { router, leash, permit: Some(permit) })
            }
            Ok(false) => {
                tracing::warn!(%host, address = %caller.address, "a revoked or replaced certificate was shown");
                Some(Admission { router: self.refused, leash, permit: Some(permit) })
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

/// All that a host which was cut off is told: an answer, so that it need not guess and retry.
async fn refused() -> (StatusCode, [(&'static str, &'static str); 2], &'static str) {
    // As gRPC says it, and as HTTP does.
    const WHY: &str = "this PC's certificate was revoked or replaced; ask an administrator, and enrol it anew";
    (StatusCode::FORBIDDEN, [("grpc-status", "7"), ("grpc-message", WHY)], WHY)
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
