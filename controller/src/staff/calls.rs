//! The calls, one after another.

use super::{Service, bearer, figures, origin, views};
use crate::app::downloads::{self, Asked};
use crate::app::pages::Page;
use crate::app::signatures::Import;
use crate::app::snapshots::Flow;
use crate::hub::Change;
use crate::rpc::status;
use keepwatch_proto::job::JobSpec;
use keepwatch_proto::wire::staff as wire;
use keepwatch_proto::wire::staff::staff_server::Staff;
use std::pin::Pin;
use tokio::sync::{broadcast, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};

pub(super) type Reply<T> = Result<Response<T>, Status>;
type Replies<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn stream<T: Send + 'static, W: 'static>(flow: Flow<T>, view: fn(T) -> W) -> Replies<W> {
    Box::pin(ReceiverStream::new(flow).map(move |piece| piece.map(view).map_err(|e| status(&e))))
}

#[tonic::async_trait]
impl Staff for Service {
    async fn login(&self, request: Request<wire::LoginRequest>) -> Reply<wire::LoginReply> {
        let from = origin(&request);
        let wire::LoginRequest { user, password } = request.into_inner();
        let session = self.0.login(&user, &password, &from).await.map_err(|e| status(&e))?;
        let role = session.role.word().into();
        Ok(Response::new(wire::LoginReply { session: session.token, expires: session.expires, role }))
    }

    async fn logout(&self, request: Request<wire::Empty>) -> Reply<wire::Empty> {
        let token = bearer(request.metadata()).unwrap_or_default();
        self.0.logout(token, &origin(&request)).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn list_hosts(&self, request: Request<wire::Empty>) -> Reply<wire::Hosts> {
        let actor = self.actor(&request).await?;
        let hosts = self.0.hosts(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Hosts { hosts: hosts.iter().cloned().map(views::host).collect() }))
    }

    async fn get_host(&self, request: Request<wire::HostName>) -> Reply<wire::Host> {
        let actor = self.actor(&request).await?;
        let host = self.0.host(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::host(host)))
    }

    async fn revoke_host(&self, request: Request<wire::HostName>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.revoke_host(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn replace_host(&self, request: Request<wire::ReplaceHostRequest>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        let wire::ReplaceHostRequest { old, new } = request.into_inner();
        self.0.replace_host(&actor, &old, &new).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn list_deletions(&self, request: Request<wire::Empty>) -> Reply<wire::Deletions> {
        let actor = self.actor(&request).await?;
        let rows = self.0.deletions(&actor).await.map_err(|e| status(&e))?;
        let deletions = rows.into_iter().map(|(row, name)| views::deletion(row, name)).collect();
        Ok(Response::new(wire::Deletions { deletions }))
    }

    async fn ask_deletion(&self, request: Request<wire::AskDeletionRequest>) -> Reply<wire::Deletion> {
        let actor = self.actor(&request).await?;
        let wire::AskDeletionRequest { host, reason } = request.into_inner();
        let row = self.0.ask_deletion(&actor, &host, &reason).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::deletion(row, host)))
    }

    async fn approve_deletion(&self, request: Request<wire::HostName>) -> Reply<wire::Deletion> {
        let actor = self.actor(&request).await?;
        let host = request.into_inner().host;
        let row = self.0.approve_deletion(&actor, &host).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::deletion(row, host)))
    }

    async fn call_off_deletion(&self, request: Request<wire::HostName>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.call_off_deletion(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn recovery_kit(&self, request: Request<wire::HostName>) -> Reply<wire::RecoveryKitReply> {
        let actor = self.actor(&request).await?;
        let kit = self.0.recovery_kit(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::recovery_kit(kit)))
    }

    type ListRecoveryKitsStream = Replies<wire::RecoveryKitReply>;

    async fn list_recovery_kits(&self, request: Request<wire::Empty>) -> Reply<Self::ListRecoveryKitsStream> {
        let actor = self.actor(&request).await?;
        let kits = self.0.recovery_kits(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(Box::pin(tokio_stream::iter(kits).map(|kit| Ok(views::recovery_kit(kit))))))
    }

    type SealRecoveryKitsStream = Replies<wire::Chunk>;

    async fn seal_recovery_kits(&self, request: Request<wire::HostName>) -> Reply<Self::SealRecoveryKitsStream> {
        let actor = self.actor(&request).await?;
        let sealed = self.0.sealed_recovery_kits(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(Box::pin(tokio_stream::iter(views::chunks(sealed.as_bytes())).map(Ok))))
    }

    async fn get_retention(&self, request: Request<wire::HostName>) -> Reply<wire::Retention> {
        let actor = self.actor(&request).await?;
        let view = self.0.retention(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::retention(view)))
    }

    async fn run_retention(&self, request: Request<wire::HostName>) -> Reply<wire::RetentionDone> {
        let actor = self.actor(&request).await?;
        let outcome = self.0.retain_now(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::RetentionDone { outcome }))
    }

    async fn thaw_retention(&self, request: Request<wire::HostName>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.thaw(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn get_verification(&self, request: Request<wire::HostName>) -> Reply<wire::Verification> {
        let actor = self.actor(&request).await?;
        let row = self.0.verification(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::verification(row)))
    }

    async fn verify(&self, request: Request<wire::HostName>) -> Reply<wire::Verification> {
        let actor = self.actor(&request).await?;
        let row = self.0.verify_now(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::verification(row)))
    }

    async fn repair(&self, request: Request<wire::HostName>) -> Reply<wire::Repaired> {
        let actor = self.actor(&request).await?;
        let (set_aside, job) = self.0.repair(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Repaired { set_aside, job: Some(views::job(job)) }))
    }

    async fn list_groups(&self, request: Request<wire::Empty>) -> Reply<wire::Groups> {
        let actor = self.actor(&request).await?;
        let groups = self.0.groups(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Groups { groups: groups.into_iter().map(views::group).collect() }))
    }

    async fn create_group(&self, request: Request<wire::CreateGroupRequest>) -> Reply<wire::Group> {
        let actor = self.actor(&request).await?;
        let wire::CreateGroupRequest { name, parent } = request.into_inner();
        let group = self.0.create_group(&actor, &name, &parent).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::group(group)))
    }

    async fn get_policy(&self, request: Request<wire::GroupName>) -> Reply<wire::PolicyDocument> {
        let actor = self.actor(&request).await?;
        let policy = self.0.policy(&actor, &request.into_inner().group).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::policy(policy)))
    }

    async fn set_policy(&self, request: Request<wire::SetPolicyRequest>) -> Reply<wire::PolicyDocument> {
        let actor = self.actor(&request).await?;
        let wire::SetPolicyRequest { group, yaml, revision } = request.into_inner();
        let policy = self.0.set_policy(&actor, &group, &yaml, revision).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::policy(policy)))
    }

    async fn create_token(&self, request: Request<wire::CreateTokenRequest>) -> Reply<wire::NewToken> {
        let actor = self.actor(&request).await?;
        let wire::CreateTokenRequest { uses, ttl_seconds, group, by_rules } = request.into_inner();
        let token = self.0.create_token(&actor, uses, ttl_seconds, &group, by_rules).await.map_err(|e| status(&e))?;
        let text = token.token.to_string();
        let door = self.0.agent_door.clone();
        Ok(Response::new(wire::NewToken { id: token.id, token: text, expires: token.expires, uses: token.uses, door }))
    }

    async fn list_tokens(&self, request: Request<wire::Empty>) -> Reply<wire::Tokens> {
        let actor = self.actor(&request).await?;
        let tokens = self.0.tokens(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Tokens { tokens: tokens.into_iter().map(views::token).collect() }))
    }

    async fn revoke_token(&self, request: Request<wire::TokenId>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.revoke_token(&actor, &request.into_inner().id).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn list_jobs(&self, request: Request<wire::ListJobsRequest>) -> Reply<wire::Jobs> {
        let actor = self.actor(&request).await?;
        let wire::ListJobsRequest { host, limit } = request.into_inner();
        let jobs = self.0.jobs(&actor, &host, limit).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Jobs { jobs: jobs.into_iter().map(views::job).collect() }))
    }

    async fn create_job(&self, request: Request<wire::CreateJobRequest>) -> Reply<wire::Job> {
        let actor = self.actor(&request).await?;
        let wire::CreateJobRequest { host, spec, source_host } = request.into_inner();
        let spec = spec.unwrap_or_default().try_into();
        let spec: JobSpec = spec.map_err(|e: keepwatch_proto::WireError| Status::invalid_argument(e.to_string()))?;
        let job = match spec {
            JobSpec::Scan { paths, .. } => self.0.ask_scan(&actor, &host, paths).await,
            JobSpec::Backup { .. } => self.0.ask_backup(&actor, &host).await,
            JobSpec::Verify { .. } => self.0.ask_trial(&actor, &host).await,
            JobSpec::Restore(spec) => self.0.ask_restore(&actor, &host, &source_host, spec).await,
            JobSpec::Quarantine(spec) => self.0.ask_quarantine(&actor, &host, spec).await,
        };
        Ok(Response::new(views::job(job.map_err(|e| status(&e))?)))
    }

    async fn cancel_job(&self, request: Request<wire::JobId>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.cancel_job(&actor, &request.into_inner().id).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn pause_job(&self, request: Request<wire::JobId>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.pause_job(&actor, &request.into_inner().id, true).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn resume_job(&self, request: Request<wire::JobId>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.pause_job(&actor, &request.into_inner().id, false).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    type WatchJobStream = ReceiverStream<Result<wire::Job, Status>>;

    async fn watch_job(&self, request: Request<wire::JobId>) -> Reply<Self::WatchJobStream> {
        let actor = self.actor(&request).await?;
        let (token, from) = (bearer(request.metadata()).unwrap_or_default().to_owned(), origin(&request));
        let id = request.into_inner().id;
        // Heard from before the first look, so that nothing falls in between.
        let mut changes = self.0.hub.watch();
        let first = self.0.job(&actor, &id).await.map_err(|e| status(&e))?;
        let (out, replies) = mpsc::channel(4);
        let app = self.0.clone();
        tokio::spawn(async move {
            let host = first.row.host;
            let mut next = Ok(first);
            loop {
                let ended = next.as_ref().map_or(true, |job| job.row.state.0.is_end());
                if out.send(next.map(views::job).map_err(|e| status(&e))).await.is_err() || ended {
                    return;
                }
                loop {
                    tokio::select! {
                        () = out.closed() => return,
                        change = changes.recv() => match change {
                            Ok(Change::Host(other)) if other != host => {}
                            // Fallen behind is a reason to look, too.
                            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => break,
                            Err(broadcast::error::RecvError::Closed) => return,
                        }
                    }
                }
                // The session may have ended, or its owner be gone.
                next = match app.actor(&token, &from).await {
                    Ok(actor) => app.job(&actor, &id).await,
                    Err(error) => Err(error),
                };
            }
        });
        Ok(Response::new(ReceiverStream::new(replies)))
    }

    async fn list_snapshots(&self, request: Request<wire::HostName>) -> Reply<wire::Snapshots> {
        let actor = self.actor(&request).await?;
        let snapshots = self.0.snapshots(&actor, &request.into_inner().host).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Snapshots { snapshots: snapshots.into_iter().map(views::snapshot).collect() }))
    }

    type ListEntriesStream = Replies<wire::Entry>;

    async fn list_entries(&self, request: Request<wire::EntriesRequest>) -> Reply<Self::ListEntriesStream> {
        let actor = self.actor(&request).await?;
        let wire::EntriesRequest { host, snapshot, path, recursive } = request.into_inner();
        let flow = self.0.entries(&actor, &host, &snapshot, &path, recursive).await.map_err(|e| status(&e))?;
        Ok(Response::new(stream(flow, views::entry)))
    }

    type FindStream = Replies<wire::Entry>;

    async fn find(&self, request: Request<wire::FindRequest>) -> Reply<Self::FindStream> {
        let actor = self.actor(&request).await?;
        let wire::FindRequest { host, pattern } = request.into_inner();
        let flow = self.0.find(&actor, &host, &pattern).await.map_err(|e| status(&e))?;
        Ok(Response::new(stream(flow, views::found)))
    }

    async fn list_versions(&self, request: Request<wire::VersionsRequest>) -> Reply<wire::Versions> {
        let actor = self.actor(&request).await?;
        let wire::VersionsRequest { host, path } = request.into_inner();
        let versions = self.0.versions(&actor, &host, &path).await.map_err(|e| status(&e))?;
        let versions = versions.into_iter().map(|version| views::version(&path, version)).collect();
        Ok(Response::new(wire::Versions { versions }))
    }

    type DownloadStream = Replies<wire::Chunk>;

    async fn download(&self, request: Request<wire::DownloadRequest>) -> Reply<Self::DownloadStream> {
        let actor = self.actor(&request).await?;
        let wire::DownloadRequest { host, snapshot, path, format, infected } = request.into_inner();
        let format = downloads::format(&format).map_err(|e| status(&e))?;
        let asked = Asked { host: &host, snapshot: &snapshot, path: &path, format, infected };
        let download = self.0.download(&actor, asked).await.map_err(|e| status(&e))?;
        // What it is goes ahead: where it is kept is decided before it comes.
        let first = views::download(&download);
        let total = download.size;
        let pieces = ReceiverStream::new(download.content)
            .map(move |piece| piece.map(|piece| views::chunk(piece, total)).map_err(|e| status(&e)));
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(first)).chain(pieces))))
    }

    async fn list_detections(&self, request: Request<wire::ListDetectionsRequest>) -> Reply<wire::Detections> {
        let actor = self.actor(&request).await?;
        let wire::ListDetectionsRequest { host, all, limit, after } = request.into_inner();
        let page = Page { limit, after };
        let (found, next) = self.0.detections(&actor, &host, all, &page).await.map_err(|e| status(&e))?;
        let detections = found.into_iter().map(views::detection).collect();
        Ok(Response::new(wire::Detections { detections, more: !next.is_empty(), next }))
    }

    async fn acknowledge_detection(&self, request: Request<wire::AcknowledgeRequest>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        let wire::AcknowledgeRequest { id, reason } = request.into_inner();
        self.0.acknowledge_detection(&actor, &id, &reason).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn import_signatures(&self, request: Request<Streaming<wire::ImportPart>>) -> Reply<wire::ImportReply> {
        let actor = self.actor(&request).await?;
        let mut parts = request.into_inner();
        let mut import = Import::default();
        while let Some(part) = parts.message().await? {
            import.add(&part.path, &part.data).map_err(|e| status(&e))?;
            import.dry_run |= part.dry_run;
            import.skip_broken |= part.skip_broken;
            if !part.source.is_empty() {
                import.source = part.source;
            }
        }
        let imported = self.0.import_signatures(&actor, import).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::imported(imported)))
    }

    async fn list_bundles(&self, request: Request<wire::Empty>) -> Reply<wire::Bundles> {
        let actor = self.actor(&request).await?;
        let bundles = self.0.bundles(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Bundles { bundles: bundles.into_iter().map(views::bundle).collect() }))
    }

    async fn list_sources(&self, request: Request<wire::Empty>) -> Reply<wire::Sources> {
        let actor = self.actor(&request).await?;
        let sources = self.0.sources(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Sources { sources: sources.into_iter().map(views::source).collect() }))
    }

    async fn remove_source(&self, request: Request<wire::SourceName>) -> Reply<wire::ImportReply> {
        let actor = self.actor(&request).await?;
        let imported = self.0.remove_source(&actor, &request.into_inner().source).await.map_err(|e| status(&e))?;
        Ok(Response::new(views::imported(imported)))
    }

    async fn list_users(&self, request: Request<wire::Empty>) -> Reply<wire::Users> {
        let actor = self.actor(&request).await?;
        let users = self.0.users(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Users { users: users.into_iter().map(views::user).collect() }))
    }

    async fn create_user(&self, request: Request<wire::CreateUserRequest>) -> Reply<wire::NewUser> {
        let actor = self.actor(&request).await?;
        let wire::CreateUserRequest { name, role } = request.into_inner();
        let password = self.0.create_user(&actor, &name, &role).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::NewUser { name, password }))
    }

    async fn remove_user(&self, request: Request<wire::UserName>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        self.0.remove_user(&actor, &request.into_inner().user).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn change_password(&self, request: Request<wire::ChangePasswordRequest>) -> Reply<wire::Empty> {
        let actor = self.actor(&request).await?;
        let wire::ChangePasswordRequest { old, new } = request.into_inner();
        self.0.change_password(&actor, &old, &new).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::Empty {}))
    }

    async fn list_audit(&self, request: Request<wire::ListAuditRequest>) -> Reply<wire::AuditRecords> {
        let actor = self.actor(&request).await?;
        let wire::ListAuditRequest { limit, after } = request.into_inner();
        let (records, next) = self.0.audit(&actor, &Page { limit, after }).await.map_err(|e| status(&e))?;
        Ok(Response::new(wire::AuditRecords { records: records.into_iter().map(views::audit).collect(), next }))
    }

    async fn fleet_report(&self, request: Request<wire::Empty>) -> Reply<wire::FleetReportReply> {
        let actor = self.actor(&request).await?;
        let fleet = self.0.fleet(&actor).await.map_err(|e| status(&e))?;
        Ok(Response::new(figures::report(&fleet, self.0.now())))
    }
}
