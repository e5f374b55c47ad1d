//! The staff's gRPC: each call names its session, is turned into a use case, and back.
//! No decision is made here.

mod calls;
mod figures;
mod machines;
mod plans;
mod quarantine;
mod rollouts;
mod views;
mod work;

use crate::app::App;
use crate::app::audit::Actor;
use crate::rpc::status;
use axum::Router;
use keepwatch_proto::MAX_MESSAGE;
use keepwatch_proto::wire::staff::figures_server::FiguresServer;
use keepwatch_proto::wire::staff::machines_server::MachinesServer;
use keepwatch_proto::wire::staff::plans_server::PlansServer;
use keepwatch_proto::wire::staff::quarantine_server::QuarantineServer;
use keepwatch_proto::wire::staff::rollouts_server::RolloutsServer;
use keepwatch_proto::wire::staff::staff_server::StaffServer;
use keepwatch_proto::wire::staff::work_server::WorkServer;
use std::net::SocketAddr;
use std::sync::Arc;
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::{Request, Status};

#[derive(Clone)]
struct Service(Arc<App>);

/// The staff's gRPC.
pub fn router(app: &Arc<App>) -> Router {
    let service = Service(app.clone());
    let staff = StaffServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE);
    let work = WorkServer::new(service.clone()).max_decoding_message_size(MAX_MESSAGE);
    let figures = FiguresServer::new(service).max_decoding_message_size(MAX_MESSAGE);
    // Without the fallback that gRPC routes bring: what is no call is a page.
    let machines = MachinesServer::new(Service(app.clone())).max_decoding_message_size(MAX_MESSAGE);
    let plans = PlansServer::new(Service(app.clone())).max_decoding_message_size(plans::LARGEST);
    let rollouts = RolloutsServer::new(Service(app.clone())).max_decoding_message_size(MAX_MESSAGE);
    let quarantine = QuarantineServer::new(Service(app.clone())).max_decoding_message_size(MAX_MESSAGE);
    let routes = Routes::new(staff).add_service(work).add_service(figures).add_service(plans).add_service(machines);
    routes.add_service(rollouts).add_service(quarantine).into_axum_router().reset_fallback()
}

/// Where a request came from, as the door says.
#[derive(Debug, Clone, Copy)]
pub struct Origin(pub SocketAddr);

impl Service {
    async fn actor<T>(&self, request: &Request<T>) -> Result<Actor, Status> {
        let token = bearer(request.metadata()).unwrap_or_default();
        self.0.actor(token, &origin(request)).await.map_err(|e| status(&e))
    }
}

fn origin<T>(request: &Request<T>) -> String {
    request.extensions().get::<Origin>().map(|o| o.0.ip().to_string()).unwrap_or_default()
}

fn bearer(metadata: &MetadataMap) -> Option<&str> {
    metadata.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")
}
