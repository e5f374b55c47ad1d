//! The calls about how signatures spread, and how the wire says that.

use super::Service;
use crate::app::audit::Actor;
use crate::app::rollouts::{Ring, Rollout, RolloutInFull, Spread};
use crate::rpc::status;
use keepwatch_proto::wire::staff as wire;
use keepwatch_proto::wire::staff::rollouts_server::Rollouts;
use tonic::{Request, Response, Status};

type Reply<T> = Result<Response<T>, Status>;

#[tonic::async_trait]
impl Rollouts for Service {
    async fn list_rollouts(&self, request: Request<wire::ListRolloutsRequest>) -> Reply<wire::ListRolloutsReply> {
        let actor = self.actor(&request).await?;
        let (rollouts, more) = self.0.rollouts(&actor, request.into_inner().limit).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::ListRolloutsReply { rollouts: rollouts.into_iter().map(rollout).collect(), more }))
    }

    async fn get_rollout(&self, request: Request<wire::RolloutOf>) -> Reply<wire::RolloutInFull> {
        let actor = self.actor(&request).await?;
        self.in_full(&actor, request.into_inner().version).await
    }

    async fn halt_rollout(&self, request: Request<wire::HaltRolloutRequest>) -> Reply<wire::RolloutInFull> {
        let actor = self.actor(&request).await?;
        let wire::HaltRolloutRequest { version, reason } = request.into_inner();
        self.0.halt_rollout(&actor, version, &reason).await.map_err(|e| status(&e))?;
        self.in_full(&actor, version).await
    }

    async fn resume_rollout(&self, request: Request<wire::RolloutOf>) -> Reply<wire::RolloutInFull> {
        let actor = self.actor(&request).await?;
        let version = request.into_inner().version;
        self.0.resume_rollout(&actor, version).await.map_err(|e| status(&e))?;
        self.in_full(&actor, version).await
    }

    async fn spread_now(&self, request: Request<wire::RolloutOf>) -> Reply<wire::RolloutInFull> {
        let actor = self.actor(&request).await?;
        let version = request.into_inner().version;
        self.0.spread_now(&actor, version).await.map_err(|e| status(&e))?;
        self.in_full(&actor, version).await
    }
}

impl Service {
    async fn in_full(&self, actor: &Actor, version: u64) -> Reply<wire::RolloutInFull> {
        let RolloutInFull { rollout: known, groups, refused } =
            self.0.rollout(actor, version).await.map_err(|e| status(&e))?;
        let refused = refused.into_iter().map(|by| wire::RefusedBundle {
            host: by.host.to_string(),
            host_name: by.name,
            group: by.group,
            at: by.at,
            reason: by.reason,
        });
        Ok(Response::new(wire::RolloutInFull {
            rollout: Some(rollout(known)),
            groups: groups.into_iter().map(ring).collect(),
            refused: refused.collect(),
        }))
    }
}

fn rollout(rollout: Rollout) -> wire::Rollout {
    let Rollout { bundle, state, hosts, rings } = rollout;
    wire::Rollout {
        version: u64::try_from(bundle.version).unwrap_or(0),
        published: bundle.published,
        published_by: bundle.published_by,
        state: state.word().into(),
        halted_by: bundle.halted_by,
        halted_why: bundle.halted_why,
        halted: bundle.halted,
        everywhere: bundle.everywhere,
        hosts: Some(spread(hosts)),
        rings: rings.into_iter().map(ring).collect(),
    }
}

fn ring(ring: Ring) -> wire::Ring {
    wire::Ring {
        group: ring.group,
        after_hours: u32::try_from(ring.wait.num_hours()).unwrap_or(0),
        due: ring.due.map_or(0, |due| due.timestamp()),
        hosts: Some(spread(ring.hosts)),
    }
}

fn spread(spread: Spread) -> wire::Spread {
    let Spread { have, offered, wait, refused, passed } = spread;
    wire::Spread { have, offered, wait, refused, passed }
}
