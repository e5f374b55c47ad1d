//! PCs whose certificate is ours and that are not let in as they are: they ask here to be hosts
//! again, and are told how staff decided.

use super::{Address, Shown, status};
use crate::app::App;
use crate::app::claims::Claim;
use crate::app::streams::Lineage;
use keepwatch_proto::wire::agent::claims_server::Claims;
use keepwatch_proto::wire::agent::{ClaimReply, ClaimRequest};
use std::sync::Arc;
use tonic::{Request, Response, Status};

pub(super) struct Service(pub(super) Arc<App>);

#[tonic::async_trait]
impl Claims for Service {
    async fn claim(&self, request: Request<ClaimRequest>) -> Result<Response<ClaimReply>, Status> {
        let shown = request.extensions().get::<Shown>().cloned();
        let Shown(shown) = shown.ok_or_else(|| Status::unauthenticated("show the certificate that this PC had"))?;
        let address = request.extensions().get::<Address>().map(|a| a.0.ip().to_string()).unwrap_or_default();
        let ClaimRequest { csr, escrow, fresh_escrow, facts, session, previous } = request.into_inner();
        let lineage = Lineage { session, previous };
        let claim = Claim { csr, escrow, fresh_escrow, facts: facts.unwrap_or_default().into(), lineage };
        let answer = self.0.claim(&shown, &address, claim).await.map_err(|e| status(&e))?;
        Ok(Response::new(ClaimReply {
            state: answer.state,
            host: answer.host,
            certificate: answer.certificate,
            signatures_root: answer.signatures_root,
        }))
    }
}
