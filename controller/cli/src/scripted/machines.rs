//! The script for PCs that ask to be let in, and for the controller's clock.

use super::{Script, Stage, only_with_session, says};
use crate::run::Arguments;
use clap::Parser;
use keepwatch_proto::wire::staff::machines_server::Machines;
use keepwatch_proto::wire::staff::*;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Machines for Script {
    async fn list_claims(&self, request: Request<Empty>) -> Result<Response<ClaimList>, Status> {
        only_with_session(&request)?;
        let claims = vec![ClaimView { name: "PC\x1b[2J".into(), ..Default::default() }];
        Ok(Response::new(ClaimList { claims }))
    }

    async fn decide_claim(&self, request: Request<DecideClaimRequest>) -> Result<Response<ClaimView>, Status> {
        let DecideClaimRequest { id, verdict, group } = request.into_inner();
        match (verdict.as_str(), group.as_str()) {
            ("same", "") | ("new", "税务局") | ("refuse", "") => {
                Ok(Response::new(ClaimView { id, ..Default::default() }))
            }
            _ => Err(Status::invalid_argument(format!("not in the script: {verdict} {group}"))),
        }
    }

    async fn get_clock(&self, _: Request<Empty>) -> Result<Response<ClockView>, Status> {
        Ok(Response::new(ClockView { now: 1, trusted: 1, ..Default::default() }))
    }

    async fn confirm_clock(&self, _: Request<Empty>) -> Result<Response<ClockView>, Status> {
        Err(Status::permission_denied("this needs the role administrator"))
    }
}

#[tokio::test]
async fn who_is_let_in_again_is_said_in_so_many_words() {
    let stage = Stage::logged_in().await;
    stage.says(&["hosts", "pending"]).await.unwrap();
    stage.says(&["hosts", "approve", "1", "--as", "same"]).await.unwrap();
    stage.says(&["hosts", "approve", "1", "--as", "new", "--group", "税务局"]).await.unwrap();
    stage.says(&["hosts", "refuse", "1"]).await.unwrap();
    // Which of two PCs keeps the backups is nothing to guess.
    assert!(Arguments::try_parse_from(["keepwatch", "hosts", "approve", "1"]).is_err());
    stage.says(&["clock"]).await.unwrap();
    says(stage.says(&["clock", "confirm"]).await, "administrator");
}
