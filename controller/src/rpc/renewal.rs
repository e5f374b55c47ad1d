//! A host's next certificate, asked for over the one in force.

use super::{Shown, status};
use crate::app::App;
use keepwatch_proto::wire::agent::renewal_server::Renewal;
use keepwatch_proto::wire::agent::{RenewReply, RenewRequest};
use std::sync::Arc;
use tonic::{Request, Response, Status};

pub(super) struct Service(pub(super) Arc<App>);

#[tonic::async_trait]
impl Renewal for Service {
    async fn renew(&self, request: Request<RenewRequest>) -> Result<Response<RenewReply>, Status> {
        let Shown(shown) = request
            .extensions()
            .get::<Shown>()
            .cloned()
            .ok_or_else(|| Status::unauthenticated("show this host's certificate"))?;
        let certificate = self.0.renew(&shown, &request.into_inner().csr).await.map_err(|e| status(&e))?;
        Ok(Response::new(RenewReply { certificate }))
    }
}
