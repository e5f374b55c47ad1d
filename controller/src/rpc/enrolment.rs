//! Enrolment, the only thing that is open to strangers.

use super::status;
use crate::app::App;
use crate::app::enrolment::Request as Enrol;
use keepwatch_proto::wire::agent::enrolment_server::Enrolment;
use keepwatch_proto::wire::agent::{EnrollReply, EnrollRequest, RecipientsReply, RecipientsRequest};
use std::sync::Arc;
use tonic::{Request, Response, Status};

pub(super) struct Service(pub(super) Arc<App>);

#[tonic::async_trait]
impl Enrolment for Service {
    async fn recipients(&self, _: Request<RecipientsRequest>) -> Result<Response<RecipientsReply>, Status> {
        let recipients = self.0.escrow.recipients().map_err(|e| status(&e.into()))?;
        Ok(Response::new(RecipientsReply { recipients }))
    }

    async fn enroll(&self, request: Request<EnrollRequest>) -> Result<Response<EnrollReply>, Status> {
        let EnrollRequest { secret, csr, facts, escrow } = request.into_inner();
        let request = Enrol { secret, csr, escrow, facts: facts.unwrap_or_default().into() };
        let enrolled = self.0.enrol(request).await.map_err(|e| {
            tracing::warn!(error = %e, "an enrolment was refused");
            status(&e)
        })?;
        Ok(Response::new(EnrollReply {
            host: enrolled.host.to_string(),
            certificate: enrolled.certificate,
            signatures_root: enrolled.signatures_root,
        }))
    }
}
