//! Jobs that staff ask for.

use super::audit::{Actor, Deed, Role};
use super::desired::{MOST_ASKED, length};
use super::hosts::{name_of, names_of};
use super::overdue::deadline;
use super::policies::Policies;
use super::{App, AppError};
use crate::store::{self, Conn, hosts::HostRow, jobs::JobRow, logs::LogLine};
use crate::trace;
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{JobSpec, JobState, Progress, RestoreSpec};
use keepwatch_proto::policy::{Policy, WORDS, no_such_word, unknown_word};
use keepwatch_proto::quarantine::QuarantineSpec;
use std::collections::HashMap;
use std::sync::Arc;

/// So many wait for one PC at most: what it must be has to fit a message.
const MOST_OPEN: usize = 100;

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
        let rows = store::jobs::list(&mut conn, host, if limit == 0 { 50 } else { limit.min(1000) }).await?;
        let names = names_of(&mut conn, rows.iter().map(|row| row.host)).await?;
        Ok(rows.into_iter().map(|row| self.view_job(&names, row)).collect())
    }

    /// What happened with one of them, line by line.
    pub async fn job_log(&self, actor: &Actor, id: &str) -> Result<Vec<LogLine>, AppError> {
        let job = self.job(actor, id).await?.row.id;
        let mut conn = self.store.read().await?;
        Ok(store::logs::of(&mut conn, job).await?)
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

    pub(super) fn view_job(&self, names: &HashMap<HostId, String>, row: JobRow) -> JobView {
        let progress = if row.state.0.is_end() { None } else { self.hub.progress(row.host, row.id) };
        JobView { host_name: names.get(&row.host).cloned().unwrap_or_default(), progress, row }
    }

    /// Asks a host to scan: these paths, or what its policy names.
    pub async fn ask_scan(&self, actor: &Actor, host: &str, paths: Vec<String>) -> Result<JobView, AppError> {
        self.ask(actor, host, &JobSpec::Scan { paths, excludes: vec![], max_file_bytes: 0 }).await
    }

    /// Asks a host to back up what its policy names.
    pub async fn ask_backup(&self, actor: &Actor, host: &str) -> Result<JobView, AppError> {
        self.ask(actor, host, &JobSpec::Backup { paths: vec![], excludes: vec![] }).await
    }

    async fn ask(&self, actor: &Actor, host: &str, spec: &JobSpec) -> Result<JobView, AppError> {
        self.demand(actor, Role::Operator, "job create").await?;
        let host = self.host(actor, host).await?;
        let policy = self.policies().await?.of(&host.row.group_name);
        self.queue(actor, &host.row, Wish::of(spec, &policy)?).await
    }

    pub(super) async fn policies(&self) -> Result<Arc<Policies>, AppError> {
        let mut conn = self.store.read().await?;
        Policies::read(&mut conn).await
    }

    /// Queues a job for a host, and tells it.
    pub(super) async fn queue(&self, actor: &Actor, host: &HostRow, wish: Wish) -> Result<JobView, AppError> {
        let mut tx = self.store.begin().await?;
        let id = self.queue_in(&mut tx, actor, host, wish, "").await?;
        store::commit(tx).await?;
        self.hub.poke(host.id);
        self.job(actor, &id.to_string()).await
    }

    /// The same within a transaction, and without telling. By the same key once more it is the same job.
    pub(super) async fn queue_in(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        host: &HostRow,
        wish: Wish,
        key: &str,
    ) -> Result<JobId, AppError> {
        may_work(host)?;
        if !key.is_empty()
            && let Some(same) = store::jobs::by_key(conn, key, host.id).await?
        {
            return Ok(same.id);
        }
        let host = host.id;
        let open = store::jobs::open_of(conn, host).await?;
        let asked: usize = open.iter().filter(|row| row.cancel == 0).map(|row| length(&row.spec.0)).sum();
        if open.len() >= MOST_OPEN || asked + length(&wish.spec) > MOST_ASKED {
            return Err(AppError::Conflict(format!(
                "as much waits for that PC already as it can be told of: {} jobs; wait for them, call some off with \
                 'keepwatch jobs cancel', or name fewer paths",
                open.len()
            )));
        }
        let mut row = JobRow::new(JobId::new(&self.clock), host, wish.spec, &actor.user, self.now());
        row.deadline = deadline(row.created, wish.begin_within_days);
        (row.whole, row.source_host, row.client_key) = (i64::from(wish.whole), wish.source_host, key.to_owned());
        let detail = serde_json::to_string(&row.spec.0).unwrap_or_default();
        let object = format!("{} on {host}", row.id);
        store::jobs::insert(conn, &row).await?;
        if !key.is_empty()
            && let Some(same) = store::jobs::by_key(conn, key, host).await?.filter(|same| same.id != row.id)
        {
            // Somebody was asked at another controller at the same moment.
            return Ok(same.id);
        }
        if let Some(request) = trace::current() {
            store::jobs::set_request(conn, row.id, request).await?;
        }
        self.note(conn, row.id, &format!("asked for by {}", actor.user)).await?;
        store::hosts::bump(conn, host).await?;
        let action = format!("job {}", row.kind);
        self.record(conn, actor, &Deed { action: &action, object: &object, detail: &detail }).await?;
        tracing::info!(job = %row.id, %host, kind = row.kind, user = actor.user, "a job was asked for");
        Ok(row.id)
    }

    /// Calls a job off. One that no host has heard of ends here; else the host ends it.
    pub async fn cancel_job(&self, actor: &Actor, id: &str) -> Result<(), AppError> {
        self.demand(actor, Role::Operator, "job cancel").await?;
        let mut tx = self.store.begin().await?;
        let job = open_job(&mut tx, id).await?;
        store::jobs::set_cancel(&mut tx, job.id).await?;
        self.note(&mut tx, job.id, &format!("called off by {}", actor.user)).await?;
        if store::jobs::step(&mut tx, job.id, JobState::Queued, JobState::Cancelled).await? {
            store::jobs::given_up(&mut tx, job.id, self.now(), "it was called off before it began").await?;
        }
        store::hosts::bump(&mut tx, job.host).await?;
        self.record(&mut tx, actor, &Deed { action: "job cancel", object: &job.id.to_string(), detail: &job.kind })
            .await?;
        store::commit(tx).await?;
        self.hub.poke(job.host);
        Ok(())
    }
}

impl App {
    /// Writes into a job's log.
    pub(super) async fn note(&self, conn: &mut Conn, job: JobId, text: &str) -> Result<(), AppError> {
        Ok(store::logs::add(conn, job, self.now(), text).await?)
    }

    /// Lets a scan wait where it is, or go on. One that has not begun waits as well.
    pub async fn pause_job(&self, actor: &Actor, id: &str, paused: bool) -> Result<(), AppError> {
        let action = if paused { "job pause" } else { "job resume" };
        self.demand(actor, Role::Operator, action).await?;
        let mut tx = self.store.begin().await?;
        let job = open_job(&mut tx, id).await?;
        if !matches!(job.spec.0, JobSpec::Scan { .. } | JobSpec::Backup { .. }) {
            let can = "this job cannot be paused; it can be called off with 'keepwatch jobs cancel'";
            return Err(AppError::Conflict(can.into()));
        }
        store::jobs::set_paused(&mut tx, job.id, paused).await?;
        store::hosts::bump(&mut tx, job.host).await?;
        self.record(&mut tx, actor, &Deed { action, object: &job.id.to_string(), detail: &job.kind }).await?;
        store::commit(tx).await?;
        self.hub.poke(job.host);
        Ok(())
    }
}

/// One that has not ended.
async fn open_job(conn: &mut Conn, id: &str) -> Result<JobRow, AppError> {
    let job = store::jobs::get(conn, job_id(id)?).await?.ok_or_else(|| no_job(id))?;
    if job.state.0.is_end() {
        return Err(AppError::Conflict(format!("this job has ended already: {}", job.state.0)));
    }
    Ok(job)
}

/// What staff want of a host.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    spec: JobSpec,
    /// Whether it covers what the policy names.
    whole: bool,
    /// Whose snapshot a restore reads, where it is another's.
    source_host: String,
    begin_within_days: u32,
}

impl Wish {
    /// A scan of its paths or of what the policy names, a backup of that, a trial as it is.
    pub(super) fn of(spec: &JobSpec, policy: &Policy) -> Result<Self, AppError> {
        let mut whole = true;
        let spec = match spec {
            JobSpec::Scan { paths, .. } => {
                whole = paths.is_empty();
                let scan = &policy.scan;
                let paths = if whole { scan.paths.clone() } else { paths.clone() };
                if let Some(word) = unknown_word(&paths) {
                    return Err(AppError::Invalid(no_such_word(word)));
                }
                if let Some(relative) = paths.iter().find(|p| !is_full(p)) {
                    return Err(AppError::Invalid(format!("'{}' is no full path on the PC", relative.escape_debug())));
                }
                JobSpec::Scan { paths, excludes: scan.excludes.clone(), max_file_bytes: scan.max_file_bytes }
            }
            JobSpec::Backup { .. } => {
                JobSpec::Backup { paths: policy.backup.paths.clone(), excludes: policy.backup.excludes.clone() }
            }
            JobSpec::Verify { .. } => spec.clone(),
            JobSpec::Restore(_) => {
                return Err(AppError::Invalid("files are restored on one PC at a time; name it".into()));
            }
            JobSpec::Quarantine(_) => {
                return Err(AppError::Invalid("files are put away on one PC at a time; name it".into()));
            }
        };
        Ok(Self { spec, whole, source_host: String::new(), begin_within_days: policy.work.begin_within_days })
    }

    /// A restore from a host's snapshots; empty: from its own.
    pub(super) fn restore(spec: RestoreSpec, source_host: String, policy: &Policy) -> Self {
        let begin_within_days = policy.work.begin_within_days;
        Self { spec: JobSpec::Restore(spec), whole: true, source_host, begin_within_days }
    }

    /// Something that is done with one file's quarantine.
    pub(super) fn quarantine(spec: QuarantineSpec, policy: &Policy) -> Self {
        let begin_within_days = policy.work.begin_within_days;
        Self { spec: JobSpec::Quarantine(spec), whole: true, source_host: String::new(), begin_within_days }
    }
}

fn may_work(host: &HostRow) -> Result<(), AppError> {
    if host.revoked == 0 {
        return Ok(());
    }
    let name = name_of(host);
    Err(AppError::Conflict(if host.replaced_by.is_empty() {
        format!(
            "'{name}' was revoked and can do nothing; its backups can go to another PC with 'keepwatch restore --to-host'"
        )
    } else {
        format!("'{name}' was replaced and can do nothing; the host {} has taken over: name that", host.replaced_by)
    }))
}

/// Whether a path is a full one on any system, or stands for all users' folders.
pub(super) fn is_full(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    WORDS.contains(&path) || path.starts_with(['/', '\\']) || drive
}

fn job_id(text: &str) -> Result<JobId, AppError> {
    text.parse().map_err(|_| no_job(text))
}

fn no_job(id: &str) -> AppError {
    AppError::NotFound(format!("there is no job '{}'; 'keepwatch jobs list' shows them", id.escape_debug()))
}
