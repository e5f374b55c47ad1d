//! What staff decide about the PCs' identities, and about the controller's own clock.

use super::Service;
use crate::app::claims::Verdict;
use crate::rpc::status;
use crate::store::claims::ClaimRow;
use keepwatch_proto::wire::staff::machines_server::Machines;
use keepwatch_proto::wire::staff::{ClaimList, ClaimView, ClockView, DecideClaimRequest, Empty};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Machines for Service {
    async fn list_claims(&self, request: Request<Empty>) -> Result<Response<ClaimList>, Status> {
        let actor = self.actor(&request).await?;
        let claims = self.0.claims(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(ClaimList { claims: claims.into_iter().map(view).collect() }))
    }

    async fn decide_claim(&self, request: Request<DecideClaimRequest>) -> Result<Response<ClaimView>, Status> {
        let actor = self.actor(&request).await?;
        let DecideClaimRequest { id, verdict, group } = request.into_inner();
        let verdict = match verdict.as_str() {
            "same" => Verdict::Same,
            "new" => Verdict::New,
            "refuse" => Verdict::Refuse,
            _ => return Err(Status::invalid_argument("the verdict is one of same, new, refuse")),
        };
        let decided = self.0.decide_claim(&actor, &id, verdict, &group).await.map_err(|e| status(&e))?;
        Ok(Response::new(view(decided)))
    }

    async fn get_clock(&self, request: Request<Empty>) -> Result<Response<ClockView>, Status> {
        let actor = self.actor(&request).await?;
        let seen = self.0.clock_seen(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(ClockView { now: seen.now, trusted: seen.trusted, doubt: seen.doubt }))
    }

    async fn confirm_clock(&self, request: Request<Empty>) -> Result<Response<ClockView>, Status> {
        let actor = self.actor(&request).await?;
        let seen = self.0.confirm_clock(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(ClockView { now: seen.now, trusted: seen.trusted, doubt: seen.doubt }))
    }
}

fn view((row, host_name): (ClaimRow, String)) -> ClaimView {
    ClaimView {
        id: row.id,
        host: row.host.to_string(),
        host_name,
        kind: row.kind,
        name: row.facts.0.name,
        address: row.address,
        asked: row.asked,
        heard: row.heard,
        state: row.state,
        new_host: row.new_host,
        decided_by: row.decided_by,
        system: format!("{} {}", row.facts.0.system, row.facts.0.system_version),
    }
}
