//! The script for files that were put away.

use super::{Script, Stage, job, only_with_session, says};
use crate::failure::Outcome;
use keepwatch_proto::wire::staff::quarantine_server::Quarantine;
use keepwatch_proto::wire::staff::*;
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Quarantine for Script {
    async fn list_quarantined(
        &self,
        request: Request<ListQuarantinedRequest>,
    ) -> Result<Response<QuarantinedFiles>, Status> {
        only_with_session(&request)?;
        let file = QuarantinedFile { path: "/a\x1b[2J".into(), ..Default::default() };
        match request.get_ref().after.as_str() {
            "" => Ok(Response::new(QuarantinedFiles { files: vec![file], next: "1/2/3".into() })),
            "1/2/3" => Ok(Response::new(QuarantinedFiles::default())),
            other => Err(Status::invalid_argument(format!("'{other}' is no place in a listing"))),
        }
    }

    async fn get_quarantined(&self, request: Request<QuarantinedId>) -> Result<Response<QuarantinedFile>, Status> {
        match request.into_inner().id.as_str() {
            "none" => Err(Status::not_found("no file was put away by the id 'none'")),
            id => Ok(Response::new(QuarantinedFile { id: id.into(), ..Default::default() })),
        }
    }

    async fn put_away(&self, request: Request<PutAwayRequest>) -> Result<Response<Job>, Status> {
        match request.into_inner().path.as_str() {
            "relative" => Err(Status::invalid_argument("'relative' is no full path on the PC")),
            _ => Ok(Response::new(Job { id: "partial".into(), ..job("queued") })),
        }
    }

    async fn restore_quarantined(&self, request: Request<RestoreQuarantinedRequest>) -> Result<Response<Job>, Status> {
        let RestoreQuarantinedRequest { id, .. } = request.into_inner();
        Ok(Response::new(Job { id, ..job("queued") }))
    }

    async fn delete_quarantined(&self, request: Request<QuarantinedId>) -> Result<Response<Job>, Status> {
        Ok(Response::new(Job { id: request.into_inner().id, ..job("queued") }))
    }
}

#[tokio::test]
async fn files_are_put_away_and_nothing_is_destroyed_unasked() {
    let stage = Stage::logged_in().await;
    for line in [&["quarantine"][..], &["quarantine", "list", "PC-1", "--all"], &["quarantine", "show", "1"]] {
        assert_eq!(stage.says(line).await.unwrap(), Outcome::Done);
    }
    stage.says(&["quarantine", "--after", "1/2/3"]).await.unwrap();
    says(stage.says(&["quarantine", "list", "--after", "else"]).await, "no place in a listing");
    says(stage.says(&["quarantine", "show", "none"]).await, "no file was put away");
    says(stage.says(&["quarantine", "add", "PC-1", "relative"]).await, "no full path");
    assert_eq!(stage.says(&["quarantine", "add", "PC-1", "/a"]).await.unwrap(), Outcome::Done);
    let watched = ["quarantine", "restore", "succeeded", "--to", "/b", "--watch"];
    assert_eq!(stage.says(&watched).await.unwrap(), Outcome::Done);
    let refused = stage.says(&["quarantine", "delete", "1"]).await.unwrap_err();
    assert!(refused.exit_code() == 2 && refused.to_string().contains("say --yes"), "{refused}");
    assert_eq!(stage.says(&["quarantine", "delete", "1", "--yes"]).await.unwrap(), Outcome::Done);
}
