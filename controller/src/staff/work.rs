//! What staff ask of many hosts at once, call by call.

use super::calls::Reply;
use super::{Service, views};
use crate::app::pages::Page;
use crate::app::select::{Change, Filter};
use crate::rpc::status;
use keepwatch_proto::job::JobSpec;
use keepwatch_proto::selection::Selection;
use keepwatch_proto::wire::staff as wire;
use keepwatch_proto::wire::staff::work_server::Work;
use tonic::{Request, Response, Status};

fn selection(wire: Option<wire::Selection>) -> Selection {
    wire.unwrap_or_default().into()
}

fn refusals(refused: Vec<(String, String)>) -> Vec<wire::Refusal> {
    refused.into_iter().map(|(what, why)| wire::Refusal { what, why }).collect()
}

#[tonic::async_trait]
impl Work for Service {
    async fn select_hosts(&self, request: Request<wire::Selection>) -> Reply<wire::SelectedHosts> {
        let actor = self.actor(&request).await?;
        let hosts = self.0.select(&actor, &request.into_inner().into()).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::SelectedHosts { hosts: hosts.into_iter().map(views::selected).collect() }))
    }

    async fn create_jobs(&self, request: Request<wire::CreateJobsRequest>) -> Reply<wire::CreateJobsReply> {
        let actor = self.actor(&request).await?;
        let wire::CreateJobsRequest { hosts, spec, key } = request.into_inner();
        let spec: Result<JobSpec, _> = spec.unwrap_or_default().try_into();
        let spec = spec.map_err(|e| Status::invalid_argument(e.to_string()))?;
        let asked = self.0.ask_many(&actor, &selection(hosts), &spec, &key).await.map_err(|e| status(&e))?;
        let jobs = asked.jobs.into_iter().map(views::job).collect();
        Ok(Response::new(wire::CreateJobsReply { jobs, refused: refusals(asked.refused) }))
    }

    async fn change_jobs(&self, request: Request<wire::ChangeJobsRequest>) -> Reply<wire::ChangeJobsReply> {
        let actor = self.actor(&request).await?;
        let wire::ChangeJobsRequest { jobs, hosts, kind, change } = request.into_inner();
        let change = Change::parse(&change).map_err(|e| status(&e))?;
        let done = self.0.change_many(&actor, &jobs, &selection(hosts), &kind, change).await;
        let (changed, refused) = done.map_err(|e| status(&e))?;
        let changed = changed.into_iter().map(|id| id.to_string()).collect();
        Ok(Response::new(wire::ChangeJobsReply { changed, refused: refusals(refused) }))
    }

    async fn find_jobs(&self, request: Request<wire::FindJobsRequest>) -> Reply<wire::FindJobsReply> {
        let actor = self.actor(&request).await?;
        let wire::FindJobsRequest { host, group, state, kind, since, limit, after } = request.into_inner();
        let filter = Filter { host, group, state, kind, since, page: Page { limit, after } };
        let (jobs, next) = self.0.find_jobs(&actor, &filter).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::FindJobsReply { jobs: jobs.into_iter().map(views::job).collect(), next }))
    }

    async fn job_log(&self, request: Request<wire::JobId>) -> Reply<wire::JobLogReply> {
        let actor = self.actor(&request).await?;
        let lines = self.0.job_log(&actor, &request.into_inner().id).await.map_err(|e| status(&e))?;
        let lines = lines.into_iter().map(|line| wire::JobLogLine { at: line.at, text: line.text }).collect();
        Ok(Response::new(wire::JobLogReply { lines }))
    }

    async fn list_slots(&self, request: Request<wire::Empty>) -> Reply<wire::Slots> {
        let actor = self.actor(&request).await?;
        let slots = self.0.slots(&actor).await.map_err(|e| status(&e))?;
        let most = u32::try_from(self.0.slots.whole).unwrap_or(u32::MAX);
        Ok(Response::new(wire::Slots { slots: slots.into_iter().map(views::slot).collect(), most }))
    }
}
