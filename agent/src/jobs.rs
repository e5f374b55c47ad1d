//! What is done when: staff's jobs as they come, the policy's by its schedule, one heavy
//! piece of work at a time. Deciding is [`plan`], a pure function; the rest does it. None
//! of it needs the controller to be reachable.

mod account;

use crate::config::StateDir;
use crate::identity::Identity;
use crate::ledger::{Ledger, LedgerError, Standing, Turn};
use crate::platform;
use crate::signatures::InUse;
use crate::worker::{BackupOrder, Order, RestoreOrder, ScanOrder, Worker};
use account::Account;
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_backup::{Service, Storage};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec, Progress, RestoreSpec};
use keepwatch_proto::paths;
use keepwatch_proto::policy::{Policy, USERS};
use keepwatch_proto::schedule::Schedule;
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// One thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin a job that staff asked for.
    Begin(JobId, JobSpec),
    /// Begin what the policy's schedule asks for.
    BeginScheduled(JobSpec),
    /// Staff called off what has not begun.
    Drop(JobId, &'static str),
    /// Staff called off what runs.
    Stop(JobId),
}

/// What runs side by side: somebody waits for a restore, so it does not wait for a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Restores,
    Rest,
}

fn lane(kind: &str) -> Lane {
    if kind == "restore" { Lane::Restores } else { Lane::Rest }
}

/// What to do next.
pub(crate) fn plan(standing: &Standing, now: DateTime<Utc>) -> Vec<Step> {
    let Some(desired) = &standing.desired else { return vec![] };
    let mut steps = Vec::new();
    let mut busy: BTreeSet<Lane> = standing.running.values().map(|kind| lane(kind)).collect();
    for job in &desired.jobs {
        let (known, running) = (standing.known.contains(&job.id), standing.running.contains_key(&job.id));
        if job.cancel {
            match (known, running) {
                (false, _) => steps.push(Step::Drop(job.id, job.spec.kind())),
                (true, true) => steps.push(Step::Stop(job.id)),
                (true, false) => {}
            }
        } else if !known && busy.insert(lane(job.spec.kind())) {
            steps.push(Step::Begin(job.id, job.spec.clone()));
        }
    }
    if !busy.contains(&Lane::Rest) {
        steps.extend(scheduled(&desired.policy, standing, now).map(Step::BeginScheduled));
    }
    steps
}

/// What the policy asks for now; of several, what has been due longest.
fn scheduled(policy: &Policy, standing: &Standing, now: DateTime<Utc>) -> Option<JobSpec> {
    let backup = (policy.backup_schedule(), standing.backup);
    let scan = (policy.scan_schedule(), standing.scan);
    let due = [backup, scan].map(|(schedule, turn)| due(&schedule?, turn, now));
    match due {
        [None, None] => None,
        [Some(backup), scan] if scan.is_none_or(|scan| backup <= scan) => {
            Some(JobSpec::Backup { paths: policy.backup.paths.clone(), excludes: policy.backup.excludes.clone() })
        }
        _ => Some(JobSpec::Scan {
            paths: policy.scan.paths.clone(),
            excludes: policy.scan.excludes.clone(),
            max_file_bytes: policy.scan.max_file_bytes,
        }),
    }
}

/// Since when a schedule has been due.
fn due(schedule: &Schedule, turn: Turn, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    // A clock that was far ahead and was set right: better once too often than not for years.
    if turn.since > now + CLOCK_SET_BACK {
        return Some(now);
    }
    let waits = turn.not_before.is_some_and(|earliest| now < earliest && earliest < now + CLOCK_SET_BACK);
    if waits { None } else { schedule.due(turn.since, now) }
}

/// A time that lies this far ahead was written under a wrong clock.
const CLOCK_SET_BACK: TimeDelta = TimeDelta::days(1);

/// What doing jobs needs.
pub(crate) struct Jobs {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) controller: String,
    pub(crate) restore_roots: Vec<PathBuf>,
    pub(crate) state: StateDir,
    pub(crate) bundle: watch::Receiver<Option<InUse>>,
    pub(crate) progress: mpsc::Sender<Progress>,
    pub(crate) clock: Clock,
}

impl Jobs {
    /// Does what is due until it is told to stop.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), LedgerError> {
        let jobs = Arc::new(self);
        let mut changes = jobs.ledger.watch();
        let mut tasks = JoinSet::new();
        let mut stops: HashMap<JobId, CancellationToken> = HashMap::new();
        loop {
            changes.borrow_and_update();
            for step in plan(&jobs.ledger.standing()?, jobs.clock.now()) {
                let (job, spec, scheduled) = match step {
                    Step::Begin(job, spec) => (job, spec, false),
                    Step::BeginScheduled(spec) => (JobId::new(&jobs.clock), spec, true),
                    Step::Drop(job, kind) => {
                        jobs.ledger.drop_unbegun(job, kind)?;
                        continue;
                    }
                    Step::Stop(job) => {
                        stops.get(&job).map(CancellationToken::cancel);
                        continue;
                    }
                };
                if jobs.ledger.start(job, &spec, scheduled)? {
                    let called_off = stops.entry(job).or_default().clone();
                    tasks.spawn(jobs.clone().perform(job, spec, called_off));
                }
            }
            // Schedules are looked at again after this: a PC sleeps, and its clock is set.
            let look_again = jobs.clock.patience(jobs.clock.now() + TimeDelta::minutes(1));
            tokio::select! {
                _ = changes.changed() => {}
                _ = tokio::time::sleep(look_again) => {}
                Some(done) = tasks.join_next() => {
                    let job = done.map_err(|e| redb::Error::Io(std::io::Error::other(e)))??;
                    stops.remove(&job);
                }
                _ = stop.cancelled() => return Ok(()),
            }
        }
    }

    async fn perform(
        self: Arc<Self>,
        job: JobId,
        spec: JobSpec,
        called_off: CancellationToken,
    ) -> Result<JobId, LedgerError> {
        tracing::info!(%job, kind = spec.kind(), "begins");
        let ended = match self.order(job, spec) {
            Ok(order) => self.oversee(job, &order, &called_off).await?,
            Err(why) => Ended::failed(why),
        };
        tracing::info!(%job, outcome = %ended.outcome, why = ended.message, "ended");
        self.ledger.end(job, ended)?;
        Ok(job)
    }

    /// Follows a child from its start to its end.
    async fn oversee(&self, job: JobId, order: &Order, called_off: &CancellationToken) -> Result<Ended, LedgerError> {
        let mut worker = match Worker::start(order).await {
            Ok(worker) => worker,
            Err(error) => return Ok(Ended::failed(error.to_string())),
        };
        let mut account = Account::new(job, &self.ledger, &self.progress);
        let (said, kill) = worker.ear_and_end();
        account.hear_out(said, called_off, kill).await?;
        Ok(account.close(&worker.how_it_ended().await))
    }

    /// The order for a child, or why there can be none.
    fn order(&self, job: JobId, spec: JobSpec) -> Result<Order, String> {
        Ok(match spec {
            JobSpec::Scan { paths, excludes, max_file_bytes } => {
                let Some(bundle) = self.bundle.borrow().clone() else {
                    return Err(
                        "no signatures are here yet; import some with 'keepwatch signatures import', then scan again"
                            .into(),
                    );
                };
                let paths = expand(&paths);
                Order::Scan(ScanOrder { job, paths, excludes, max_file_bytes, bundle: bundle.file })
            }
            JobSpec::Backup { paths, excludes } => Order::Backup(BackupOrder {
                storage: self.repository(self.identity.host),
                password: self.identity.repository_password.clone(),
                host: crate::enroll::facts(&self.state, "").name,
                paths: expand(&paths),
                excludes,
            }),
            JobSpec::Restore(spec) => {
                let (host, password) = self.source(&spec)?;
                let id = job.to_string();
                let new_folder = format!("restored-{}-{}", self.clock.now().format("%Y%m%d"), &id[id.len() - 8..]);
                let roots = self.restore_roots.clone();
                Order::Restore(RestoreOrder { storage: self.repository(host), password, spec, roots, new_folder })
            }
        })
    }

    fn repository(&self, host: HostId) -> Storage {
        let url = format!("{}/repositories/{host}/", self.controller);
        let Identity { ca, certificate, key, .. } = &*self.identity;
        Storage::Service(Service::new(url, ca.clone(), certificate.clone(), key.clone()))
    }

    /// Whose repository a restore reads, and what opens it.
    fn source(&self, spec: &RestoreSpec) -> Result<(HostId, String), String> {
        if spec.grant.is_empty() {
            return Ok((self.identity.host, self.identity.repository_password.clone()));
        }
        let desired = self.ledger.desired().map_err(|e| e.to_string())?;
        let mut grants = desired.into_iter().flat_map(|desired| desired.grants);
        let grant = grants.find(|grant| grant.id == spec.grant && grant.expires > self.clock.now());
        let grant =
            grant.ok_or("the leave to read the other host's repository has expired; ask for the restore again")?;
        Ok((grant.host, grant.repository_password))
    }
}

/// The paths as they are on this PC.
fn expand(paths: &[String]) -> Vec<PathBuf> {
    let on_this_pc = paths.iter().flat_map(|path| match path.as_str() {
        USERS => platform::user_folders(),
        text => vec![paths::to_path(text)],
    });
    platform::outermost(on_this_pc.collect())
}

#[cfg(test)]
mod tests;
