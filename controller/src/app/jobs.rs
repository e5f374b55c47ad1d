//! Jobs that staff ask for.

use super::audit::{Actor, Deed, Role};
use super::hosts::{name_of, names};
use super::policies::Policies;
use super::{App, AppError};
use crate::store::{self, hosts::HostRow, jobs::JobRow};
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{JobSpec, JobState, Progress};
use keepwatch_proto::policy::{WORDS, no_such_word, unknown_word};
use std::collections::HashMap;

/// A job as staff see it.
#[derive(Debug, Clone)]
pub struct JobView {
    /// What is stored of it.
    pub row: JobRow,
    /// Name of its host.
    pub host_name: String,
    /// How far it has come, while it runs.
    pub progress: Option<Progress>,
}

impl App {
    /// The newest ones, of one host or of all.
    pub async fn jobs(&self, actor: &Actor, host: &str, limit: u32) -> Result<Vec<JobView>, AppError> {
        let host = self.host_filter(actor, host).await?;
        let mut conn = self.store.read().await?;
        let names = names(&mut conn).await?;
        let rows = store::jobs::list(&mut conn, host, if limit == 0 { 50 } else { limit.min(1000) }).await?;
        Ok(rows.into_iter().map(|row| self.view_job(&names, row)).collect())
    }

    /// One of them.
    pub async fn job(&self, _actor: &Actor, id: &str) -> Result<JobView, AppError> {
        let id = job_id(id)?;
        let mut conn = self.store.read().await?;
        let row = store::jobs::get(&mut conn, id).await?.ok_or_else(|| no_job(&id.to_string()))?;
        let host = store::hosts::get(&mut conn, row.host).await?;
        let names = host.map(|h| (h.id, name_of(&h).to_owned())).into_iter().collect();
        Ok(self.view_job(&names, row))
    }

    fn view_job(&self, names: &HashMap<HostId, String>, row: JobRow) -> JobView {
        let progress = if row.state.0.is_end() { None } else { self.hub.progress(row.host, row.id) };
        JobView { host_name: names.get(&row.host).cloned().unwrap_or_default(), progress, row }
    }

    /// Asks a host to scan: these paths, or what its policy names.
    pub async fn ask_scan(&self, actor: &Actor, host: &str, mut paths: Vec<String>) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "job create").await?;
        let host = self.host(actor, host).await?;
        let policy = self.policy_of(&host.row.group_name).await?.scan;
        let whole = paths.is_empty();
        if whole {
            paths = policy.paths;
        }
        if let Some(word) = unknown_word(&paths) {
            return Err(AppError::Invalid(no_such_word(word)));
        }
        if let Some(relative) = paths.iter().find(|p| !is_full(p)) {
            return Err(AppError::Invalid(format!("'{}' is no full path on the PC", relative.escape_debug())));
        }
        let spec = JobSpec::Scan { paths, excludes: policy.excludes, max_file_bytes: policy.max_file_bytes };
        self.queue(actor, &host.row, spec, |job| job.whole = i64::from(whole)).await
    }

    /// Asks a host to back up what its policy names.
    pub async fn ask_backup(&self, actor: &Actor, host: &str) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "job create").await?;
        let host = self.host(actor, host).await?;
        let policy = self.policy_of(&host.row.group_name).await?.backup;
        let spec = JobSpec::Backup { paths: policy.paths, excludes: policy.excludes };
        self.queue(actor, &host.row, spec, |_| {}).await
    }

    async fn policy_of(&self, group: &str) -> Result<keepwatch_proto::policy::Policy, AppError> {
        let mut conn = self.store.read().await?;
        Ok(Policies::read(&mut conn).await?.of(group))
    }

    pub(super) async fn queue(
        &self,
        actor: &Actor,
        host: &HostRow,
        spec: JobSpec,
        particulars: impl FnOnce(&mut JobRow),
    ) -> Result<JobView, AppError> {
        if host.revoked != 0 {
            let name = name_of(host);
            if !host.replaced_by.is_empty() {
                return Err(AppError::Conflict(format!(
                    "'{name}' was replaced and can do nothing; the host {} has taken over: name that",
                    host.replaced_by
                )));
            }
            return Err(AppError::Conflict(format!(
                "'{name}' was revoked and can do nothing; its backups can go to another PC with 'keepwatch restore --to-host'"
            )));
        }
        let host = host.id;
        let mut row = JobRow::new(JobId::new(&self.clock), host, spec, &actor.user, self.now());
        particulars(&mut row);
        let detail = serde_json::to_string(&row.spec.0).unwrap_or_default();
        let object = format!("{} on {host}", row.id);
        let mut tx = self.store.begin().await?;
        store::jobs::insert(&mut tx, &row).await?;
        store::hosts::bump(&mut tx, host).await?;
        let action = format!("job {}", row.kind);
        self.record(&mut tx, actor, &Deed { action: &action, object: &object, detail: &detail }).await?;
        store::commit(tx).await?;
        self.hub.poke(host);
        self.job(actor, &row.id.to_string()).await
    }

    /// Calls a job off. One that no host has heard of ends here; else the host ends it.
    pub async fn cancel_job(&self, actor: &Actor, id: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Operator, "job cancel").await?;
        let job = self.open_job(actor, id).await?;
        let mut tx = self.store.begin().await?;
        store::jobs::set_cancel(&mut tx, job.id).await?;
        store::jobs::step(&mut tx, job.id, JobState::Queued, JobState::Cancelled).await?;
        store::hosts::bump(&mut tx, job.host).await?;
        self.record(&mut tx, actor, &Deed { action: "job cancel", object: &job.id.to_string(), detail: &job.kind })
            .await?;
        store::commit(tx).await?;
        self.hub.poke(job.host);
        Ok(())
    }
}

impl App {
    /// Lets a scan wait where it is, or go on. One that has not begun waits as well.
    pub async fn pause_job(&self, actor: &Actor, id: &str, paused: bool) -> Result<(), AppError> {
        let action = if paused { "job pause" } else { "job resume" };
        self.demand(actor, Role::Operator, action).await?;
        let job = self.open_job(actor, id).await?;
        if matches!(job.spec.0, JobSpec::Restore(_) | JobSpec::Verify { .. }) {
            let can = "this job cannot be paused; it can be called off with 'keepwatch jobs cancel'";
            return Err(AppError::Conflict(can.into()));
        }
        let mut tx = self.store.begin().await?;
        store::jobs::set_paused(&mut tx, job.id, paused).await?;
        store::hosts::bump(&mut tx, job.host).await?;
        self.record(&mut tx, actor, &Deed { action, object: &job.id.to_string(), detail: &job.kind }).await?;
        store::commit(tx).await?;
        self.hub.poke(job.host);
        Ok(())
    }

    /// One that has not ended.
    async fn open_job(&self, actor: &Actor, id: &str) -> Result<JobRow, AppError> {
        let job = self.job(actor, id).await?.row;
        if job.state.0.is_end() {
            return Err(AppError::Conflict(format!("this job has ended already: {}", job.state.0)));
        }
        Ok(job)
    }
}

/// Whether a path is a full one on any system, or stands for all users' folders.
fn is_full(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    WORDS.contains(&path) || path.starts_with(['/', '\\']) || drive
}

fn job_id(text: &str) -> Result<JobId, AppError> {
    text.parse().map_err(|_| no_job(text))
}

fn no_job(id: &str) -> AppError {
    AppError::NotFound(format!("there is no job '{}'; 'keepwatch jobs list' shows them", id.escape_debug()))
}
