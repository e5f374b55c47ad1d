//! Files that were put away, call by call.

use super::calls::Reply;
use super::{Service, views};
use crate::app::pages::Page;
use crate::app::quarantine::QuarantineView;
use crate::rpc::status;
use keepwatch_proto::wire::staff as wire;
use keepwatch_proto::wire::staff::quarantine_server::Quarantine;
use tonic::{Request, Response};

#[tonic::async_trait]
impl Quarantine for Service {
    async fn list_quarantined(&self, request: Request<wire::ListQuarantinedRequest>) -> Reply<wire::QuarantinedFiles> {
        let actor = self.actor(&request).await?;
        let wire::ListQuarantinedRequest { hosts, all, limit, after } = request.into_inner();
        let (hosts, page) = (hosts.unwrap_or_default().into(), Page { limit, after });
        let (files, next) = self.0.quarantine(&actor, &hosts, all, &page).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::QuarantinedFiles { files: files.into_iter().map(view).collect(), next }))
    }

    async fn get_quarantined(&self, request: Request<wire::QuarantinedId>) -> Reply<wire::QuarantinedFile> {
        let actor = self.actor(&request).await?;
        let file = self.0.quarantined_file(&actor, &request.into_inner().id).await;
        Ok(Response::new(view(file.map_err(|e| status(&e))?)))
    }

    async fn put_away(&self, request: Request<wire::PutAwayRequest>) -> Reply<wire::Job> {
        let actor = self.actor(&request).await?;
        let wire::PutAwayRequest { host, path, sha256 } = request.into_inner();
        let job = self.0.put_away(&actor, &host, &path, &sha256).await;
        Ok(Response::new(views::job(job.map_err(|e| status(&e))?)))
    }

    async fn restore_quarantined(&self, request: Request<wire::RestoreQuarantinedRequest>) -> Reply<wire::Job> {
        let actor = self.actor(&request).await?;
        let wire::RestoreQuarantinedRequest { id, target } = request.into_inner();
        let job = self.0.restore_quarantined(&actor, &id, &target).await;
        Ok(Response::new(views::job(job.map_err(|e| status(&e))?)))
    }

    async fn delete_quarantined(&self, request: Request<wire::QuarantinedId>) -> Reply<wire::Job> {
        let actor = self.actor(&request).await?;
        let job = self.0.delete_quarantined(&actor, &request.into_inner().id).await;
        Ok(Response::new(views::job(job.map_err(|e| status(&e))?)))
    }
}

fn view(file: QuarantineView) -> wire::QuarantinedFile {
    let QuarantineView { row, host_name } = file;
    wire::QuarantinedFile {
        id: row.id.to_string(),
        host: row.host.to_string(),
        host_name,
        path: row.path,
        sha256: row.sha256,
        size: u64::try_from(row.size).unwrap_or(0),
        rules: row.rules.0,
        job: row.job,
        at: row.at,
        state: row.state.0.word().into(),
        changed: row.changed,
        target: row.target,
    }
}
