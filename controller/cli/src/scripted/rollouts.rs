//! How signatures spread, by the script.

use super::{Script, Stage, only_with_session, says};
use keepwatch_proto::wire::staff::rollouts_server::Rollouts;
use keepwatch_proto::wire::staff::*;
use tonic::{Request, Response, Status};

type Reply = Result<Response<RolloutInFull>, Status>;

fn whole(version: u64) -> Reply {
    let rollout = Rollout { version, state: "spreading".into(), ..Default::default() };
    Ok(Response::new(RolloutInFull { rollout: Some(rollout), ..Default::default() }))
}

#[tonic::async_trait]
impl Rollouts for Script {
    async fn list_rollouts(
        &self,
        request: Request<ListRolloutsRequest>,
    ) -> Result<Response<ListRolloutsReply>, Status> {
        only_with_session(&request)?;
        let more = request.into_inner().limit == 1;
        Ok(Response::new(ListRolloutsReply { rollouts: vec![Rollout { version: 7, ..Default::default() }], more }))
    }
    async fn get_rollout(&self, request: Request<RolloutOf>) -> Reply {
        match request.into_inner().version {
            7 => whole(7),
            version => Err(Status::not_found(format!("there is no bundle {version}; 'keepwatch rollouts' shows them"))),
        }
    }
    async fn halt_rollout(&self, request: Request<HaltRolloutRequest>) -> Reply {
        let HaltRolloutRequest { version, reason } = request.into_inner();
        if reason == "slow" { whole(version) } else { Err(Status::failed_precondition("bundle 7 is halted already")) }
    }
    async fn resume_rollout(&self, request: Request<RolloutOf>) -> Reply {
        whole(request.into_inner().version)
    }
    async fn spread_now(&self, _: Request<RolloutOf>) -> Reply {
        Err(Status::permission_denied("this needs the role administrator"))
    }
}

#[tokio::test]
async fn a_bundle_is_halted_with_a_reason_and_given_to_all_only_if_that_is_meant() {
    let stage = Stage::logged_in().await;
    for line in
        ["rollouts", "rollouts list --limit 1", "rollouts show 7", "rollouts halt 7 --reason slow", "rollouts resume 7"]
    {
        stage.says(&line.split(' ').collect::<Vec<_>>()).await.unwrap();
    }
    says(stage.says(&["rollouts", "show", "9"]).await, "there is no bundle 9");
    says(stage.says(&["rollouts", "halt", "7", "--reason", "again"]).await, "is halted already");
    says(stage.says(&["rollouts", "now", "7"]).await, "say --yes");
    says(stage.says(&["rollouts", "now", "7", "--yes"]).await, "ask someone whose role");
}
