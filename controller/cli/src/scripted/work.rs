//! The script for what is asked of many, and for looking it up.

use super::{Stage, job, says, unscripted};
use crate::failure::Outcome;
use keepwatch_proto::wire::staff::work_server::Work;
use keepwatch_proto::wire::staff::*;
use std::sync::Mutex;
use tonic::{Request, Response, Status};

/// What is asked of many. The first answer to each key is lost on the way.
#[derive(Default)]
pub(super) struct Many {
    keys: Mutex<Vec<String>>,
}

#[tonic::async_trait]
impl Work for Many {
    async fn select_hosts(&self, request: Request<Selection>) -> Result<Response<SelectedHosts>, Status> {
        let named = request.into_inner().names;
        let names = if named.is_empty() { vec!["PC-1".into(), "PC\x1b[2J".into()] } else { named };
        let hosts = names.into_iter().map(|name| SelectedHost { name, ..Default::default() }).collect();
        Ok(Response::new(SelectedHosts { hosts }))
    }

    async fn create_jobs(&self, request: Request<CreateJobsRequest>) -> Result<Response<CreateJobsReply>, Status> {
        let CreateJobsRequest { hosts, key, .. } = request.into_inner();
        let mut keys = self.keys.lock().unwrap();
        if !keys.contains(&key) {
            keys.push(key);
            return Err(Status::unavailable("going down"));
        }
        let names = hosts.unwrap_or_default().names;
        let refusal = |name: &String| Refusal { what: name.clone(), why: "it was revoked".into() };
        let (gone, there): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name == "gone");
        let jobs = there.iter().map(|_| Job { id: "failed".into(), ..job("queued") }).collect();
        Ok(Response::new(CreateJobsReply { jobs, refused: gone.iter().map(refusal).collect() }))
    }

    async fn change_jobs(&self, request: Request<ChangeJobsRequest>) -> Result<Response<ChangeJobsReply>, Status> {
        let jobs = request.into_inner().jobs;
        let refusal = |what: String| Refusal { what, why: "this job has ended already".into() };
        let (ended, changed): (Vec<String>, Vec<String>) = jobs.into_iter().partition(|job| job == "ended");
        Ok(Response::new(ChangeJobsReply { changed, refused: ended.into_iter().map(refusal).collect() }))
    }

    async fn find_jobs(&self, _: Request<FindJobsRequest>) -> Result<Response<FindJobsReply>, Status> {
        Ok(Response::new(FindJobsReply { jobs: vec![job("running")], next: "1/2".into() }))
    }

    async fn job_log(&self, _: Request<JobId>) -> Result<Response<JobLogReply>, Status> {
        unscripted()
    }

    async fn list_slots(&self, _: Request<Empty>) -> Result<Response<Slots>, Status> {
        unscripted()
    }
}

#[tokio::test]
async fn what_is_asked_of_many_is_named_where_it_was_not_done_and_never_asked_for_twice() {
    let stage = Stage::logged_in().await;
    assert_eq!(stage.says(&["backup", "PC-1", "gone", "--yes"]).await.unwrap(), Outcome::Partial);
    says(stage.says(&["backup", "gone"]).await, "it was revoked");
    assert_eq!(stage.says(&["scan", "PC-1", "/a"]).await.unwrap(), Outcome::Done);
    assert_eq!(stage.says(&["backup", "PC-1", "PC-2", "--yes", "--watch"]).await.unwrap(), Outcome::Failed);
    // Nobody is there to say whether all are meant.
    says(stage.says(&["backup", "--group", "tax"]).await, "--yes");
    says(stage.says(&["jobs", "cancel", "--query", "connected"]).await, "--yes");
    says(stage.says(&["backup"]).await, "nobody is meant");
    says(stage.says(&["jobs", "cancel"]).await, "nobody is meant");
    assert_eq!(stage.says(&["jobs", "cancel", "1"]).await.unwrap(), Outcome::Done);
    assert_eq!(stage.says(&["jobs", "cancel", "1", "ended"]).await.unwrap(), Outcome::Partial);
    says(stage.says(&["jobs", "cancel", "ended"]).await, "ended already");
    stage.says(&["jobs", "--state", "open"]).await.unwrap();
}
