//! What is done when: staff's jobs as they come, the policy's by its schedule, one heavy
//! piece of work at a time. Deciding is [`plan`], a pure function; the rest does it. None
//! of it needs the controller to be reachable.

mod account;
mod deaths;
mod due;
mod obstacles;
pub(crate) mod queue;
mod scans;
mod vault;

use crate::canaries::Canaries;
use crate::config::{QuarantineConfig, StateDir};
use crate::identity::{Identity, Present};
use crate::ledger::{Cause, Ledger, LedgerError, Standing};
use crate::media::Media;
use crate::places::{Places, expand};
use crate::platform::{self, Medium};
use crate::quarantine::Vault;
use crate::signatures::InUse;
use crate::worker::{BackupOrder, Courtesy, Deed, Ending, Hooks, Order, RestoreOrder, ScanOrder, VerifyOrder, Worker};
use account::{Account, Suspects, Wishes};
use chrono::{DateTime, TimeDelta, Utc};
use deaths::Deaths;
pub(crate) use due::Pc;
use keepwatch_backup::{Service, Storage};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec, JobState, Progress, RestoreSpec, Want};
use keepwatch_proto::paths;
use keepwatch_proto::policy::{Policy, WhenInfected};
use obstacles::Looks;
use queue::{Leave, Queue};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// One thing to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Begin a job that staff asked for.
    Begin(JobId, JobSpec),
    /// Begin what the policy's schedule asks for; the job that waited for leave, where one did.
    BeginScheduled(Option<JobId>, JobSpec),
    /// Begin the scan of a removable medium that has appeared.
    BeginMedium(JobSpec),
    /// Ask for leave to begin; a new job, where the policy's schedule asks for it.
    Ask(Option<JobId>, JobSpec),
    /// What waits for leave is not to be done any more.
    GiveUp,
    /// Staff called off what has not begun.
    Drop(JobId, JobSpec),
    /// What staff asked for was not begun in time.
    Expire(JobId, JobSpec),
    /// Staff called off what runs.
    Stop(JobId),
    /// Staff want a scan or backup that runs to wait, or to go on.
    Hold(JobId, bool),
}

impl Step {
    /// Whether it is what staff say of one job: it needs no look at the PC.
    fn is_word(&self) -> bool {
        matches!(self, Self::Drop(..) | Self::Stop(_) | Self::Hold(..))
    }
}

/// What runs side by side: somebody waits for a restore, so it does not wait for a scan; and what is
/// to be put away must not lie open meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Restores,
    Quarantine,
    Rest,
}

fn lane(kind: &str) -> Lane {
    match kind {
        "restore" => Lane::Restores,
        "quarantine" => Lane::Quarantine,
        _ => Lane::Rest,
    }
}

/// Whether work of this kind keeps no other from beginning.
pub(crate) fn is_aside(kind: &str) -> bool {
    lane(kind) != Lane::Rest
}

/// What to do next. `medium` is the root of a removable medium that waits; `heard`: when the
/// controller was last known to have the request for leave.
pub(crate) fn plan(
    standing: &Standing,
    pc: Pc,
    medium: Option<&Path>,
    heard: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Vec<Step> {
    let Some(desired) = &standing.desired else { return vec![] };
    let mut steps = Vec::new();
    let mut busy: BTreeSet<Lane> = standing.running.values().map(|kind| lane(kind)).collect();
    let mut queue = Queue::new(standing, heard, now);
    let backup_due = due::backup_is(&desired.policy, standing, pc, now);
    if queue.is_stale(desired, backup_due) {
        (queue.first, steps) = (None, vec![Step::GiveUp]);
    }
    for job in &desired.jobs {
        let (known, running) = (standing.known.contains(&job.id), standing.running.contains_key(&job.id));
        let late = job.deadline.is_some_and(|deadline| now > deadline) && !queue.holds(job.id);
        if job.cancel {
            match (known, running) {
                (false, _) => steps.push(Step::Drop(job.id, job.spec.clone())),
                (true, true) => steps.push(Step::Stop(job.id)),
                (true, false) => {}
            }
        } else if running && matches!(job.spec, JobSpec::Scan { .. } | JobSpec::Backup { .. }) {
            steps.push(Step::Hold(job.id, job.pause));
        } else if known || job.known_only {
        } else if late {
            steps.push(Step::Expire(job.id, job.spec.clone()));
        } else if !job.pause && !busy.contains(&lane(job.spec.kind())) {
            match queue.leave(Some(job.id), &job.spec) {
                Leave::Given => {
                    busy.insert(lane(job.spec.kind()));
                    steps.push(Step::Begin(job.id, job.spec.clone()));
                }
                Leave::Wanted => steps.push(Step::Ask(Some(job.id), job.spec.clone())),
                Leave::Awaited => {}
            }
        }
    }
    if !busy.contains(&Lane::Rest) {
        // Somebody has just put it in, and is about to open what is on it.
        let medium = medium.map(|at| Step::BeginMedium(scan_of(&desired.policy, vec![paths::of_path(at)])));
        steps.extend(medium.or_else(|| by_schedule(&desired.policy, standing, pc, &mut queue, now)));
    }
    steps
}

/// What the policy's schedule has done next. While a backup waits, a scan need not.
fn by_schedule(
    policy: &Policy,
    standing: &Standing,
    pc: Pc,
    queue: &mut Queue<'_>,
    now: DateTime<Utc>,
) -> Option<Step> {
    let spec = due::scheduled(policy, standing, pc, true, now)?;
    let waiting = queue.first.filter(|wait| wait.want.scheduled).map(|wait| wait.want.job);
    match queue.leave(waiting, &spec) {
        Leave::Given => {
            // Only what waited has an id by now.
            let job = waiting.filter(|_| matches!(spec, JobSpec::Backup { .. }));
            Some(Step::BeginScheduled(job, spec))
        }
        Leave::Wanted => Some(Step::Ask(None, spec)),
        Leave::Awaited => due::scheduled(policy, standing, pc, false, now).map(|scan| Step::BeginScheduled(None, scan)),
    }
}

fn scan_of(policy: &Policy, paths: Vec<String>) -> JobSpec {
    JobSpec::Scan { paths, excludes: policy.scan.excludes.clone(), max_file_bytes: policy.scan.max_file_bytes }
}

/// Whoever looks every minute and finds that so much time has passed was asleep.
const ASLEEP: TimeDelta = TimeDelta::minutes(5);
/// Removable media are looked for no more often than this.
const LOOK_FOR_MEDIA: Duration = Duration::from_secs(30);

/// A look at the canaries takes no time where disks answer.
const LOOK_AT_CANARIES: Duration = Duration::from_secs(30);

/// What doing jobs needs.
pub(crate) struct Jobs {
    pub(crate) canaries: Arc<Canaries>,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) identity: Present,
    pub(crate) controller: String,
    pub(crate) restore_roots: Vec<PathBuf>,
    /// Of the PC's own file.
    pub(crate) hooks: Hooks,
    pub(crate) quarantine: QuarantineConfig,
    pub(crate) state: StateDir,
    pub(crate) bundle: watch::Receiver<Option<InUse>>,
    pub(crate) progress: mpsc::Sender<Progress>,
    /// Whether the controller is there.
    pub(crate) connected: watch::Receiver<bool>,
    pub(crate) clock: Clock,
    /// Scans that go on where the agent was stopped.
    pub(crate) taken_up: Vec<(JobId, JobSpec)>,
}

/// What runs now, and what staff may still say of it.
#[derive(Default)]
struct Running {
    tasks: JoinSet<Result<JobId, LedgerError>>,
    reins: HashMap<JobId, Reins>,
}

#[derive(Default)]
struct Reins {
    stop: CancellationToken,
    hold: watch::Sender<bool>,
}

impl Running {
    fn begin(&mut self, jobs: &Arc<Jobs>, job: JobId, spec: JobSpec, held: bool) {
        let reins = self.reins.entry(job).or_default();
        reins.hold.send_replace(held);
        let wishes = Wishes { called_off: reins.stop.clone(), held: reins.hold.subscribe() };
        // All that is logged of it, here and by its worker, says which job and whose wish it is.
        let span = tracing::info_span!("job", %job, request = jobs.request(job));
        self.tasks.spawn(jobs.clone().perform(job, spec, wishes).instrument(span));
    }
}

/// Writes down a step that is no more than that. Gives back one that has something to be done.
pub(crate) fn noted(step: Step, ledger: &Ledger, clock: &Clock) -> Result<Option<Step>, LedgerError> {
    match step {
        Step::Ask(asked, spec) => {
            let (job, scheduled) = (asked.unwrap_or_else(|| JobId::new(clock)), asked.is_none());
            tracing::info!(%job, kind = spec.kind(), "asks for leave");
            ledger.wait(Want { job, spec, scheduled })?;
        }
        Step::GiveUp => ledger.give_up_waiting()?,
        Step::Drop(job, spec) => {
            let why = Ended::failed("it was called off before it began");
            ledger.drop_unbegun(job, &spec, Ended { outcome: JobState::Cancelled, ..why })?;
        }
        Step::Expire(job, spec) => {
            let why = Ended::failed("it was not begun in time; ask for it again if it is still wanted");
            ledger.drop_unbegun(job, &spec, Ended { outcome: JobState::Expired, ..why })?;
        }
        step => return Ok(Some(step)),
    }
    Ok(None)
}

impl Jobs {
    /// Does what is due until it is told to stop.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), LedgerError> {
        let taken_up = std::mem::take(&mut self.taken_up);
        let jobs = Arc::new(self);
        let mut changes = jobs.ledger.watch();
        let mut running = Running::default();
        let desired = jobs.ledger.desired()?;
        let held = |id: JobId| desired.iter().flat_map(|d| &d.jobs).any(|job| job.id == id && job.pause);
        taken_up.into_iter().for_each(|(job, spec)| running.begin(&jobs, job, spec, held(job)));
        let (mut media, mut looked) = (Media::new(present_media().await), Instant::now());
        jobs.ledger.wait_anew()?;
        let (mut heard, mut awake, mut looks) = (None, jobs.clock.now(), Looks::default());
        loop {
            changes.borrow_and_update();
            let now = jobs.clock.now();
            if now - std::mem::replace(&mut awake, now) > ASLEEP {
                jobs.ledger.wait_anew()?;
                heard = None;
            }
            let standing = jobs.ledger.standing()?;
            if *jobs.connected.borrow() && queue::is_answered(&standing) {
                heard = Some(now);
            }
            if looked.elapsed() >= LOOK_FOR_MEDIA {
                media.look(present_media().await, jobs.wants_media(&standing));
                looked = Instant::now();
            }
            let host = jobs.identity.borrow().host;
            // What staff say of a job waits for no look at the PC, which may take its time.
            for step in plan(&standing, Pc::free(host), None, heard, now).into_iter().filter(Step::is_word) {
                jobs.take(step, &mut running, &mut media)?;
            }
            let asked = due::to_ask(&standing, host, now);
            let pc = Pc { host, obstacles: looks.look(asked, now).await };
            let standing = jobs.ledger.standing()?;
            for step in plan(&standing, pc, media.next().as_deref(), heard, now) {
                jobs.take(step, &mut running, &mut media)?;
            }
            // Schedules are looked at again after this: a PC sleeps, and its clock is set.
            let look_again = jobs.clock.patience(jobs.clock.now() + TimeDelta::minutes(1));
            tokio::select! {
                _ = changes.changed() => {}
                _ = tokio::time::sleep(look_again) => {}
                Some(done) = running.tasks.join_next() => {
                    let job = done.map_err(|e| redb::Error::Io(std::io::Error::other(e)))??;
                    running.reins.remove(&job);
                }
                _ = stop.cancelled() => return Ok(()),
            }
        }
    }

    fn take(self: &Arc<Self>, step: Step, running: &mut Running, media: &mut Media) -> Result<(), LedgerError> {
        let Some(step) = noted(step, &self.ledger, &self.clock)? else { return Ok(()) };
        let (job, spec, cause) = match step {
            Step::Begin(job, spec) => (job, spec, Cause::Asked),
            Step::BeginScheduled(job, spec) => (job.unwrap_or_else(|| JobId::new(&self.clock)), spec, Cause::Schedule),
            Step::BeginMedium(spec) => {
                media.begun();
                (JobId::new(&self.clock), spec, Cause::Medium)
            }
            Step::Stop(job) => {
                if let Some(reins) = running.reins.get(&job) {
                    reins.stop.cancel();
                }
                return Ok(());
            }
            Step::Hold(job, held) => {
                if let Some(reins) = running.reins.get(&job) {
                    reins.hold.send_if_modified(|before| std::mem::replace(before, held) != held);
                }
                return Ok(());
            }
            // Those are written down by now.
            Step::Ask(..) | Step::GiveUp | Step::Drop(..) | Step::Expire(..) => return Ok(()),
        };
        let waited = self.ledger.standing()?.wait.is_some_and(|wait| wait.want.job == job);
        let slots = self.ledger.desired()?.map(|desired| desired.slots).unwrap_or_default();
        if waited && !slots.iter().any(|slot| slot.job == job && slot.granted) {
            tracing::warn!(%job, "goes ahead without leave: the controller was silent for too long");
        }
        if self.ledger.start(job, &spec, cause)? {
            running.begin(self, job, spec, false);
        }
        Ok(())
    }

    /// The request that a job was asked for by; empty where there is none.
    fn request(&self, job: JobId) -> String {
        let desired = self.ledger.desired().ok().flatten();
        let of = |desired: Desired| desired.jobs.into_iter().find(|known| known.id == job)?.request;
        desired.and_then(of).map(|id| id.to_string()).unwrap_or_default()
    }

    /// Whether a medium that appears is to be scanned: without signatures it could not be.
    fn wants_media(&self, standing: &Standing) -> bool {
        let wanted = standing.desired.as_ref().is_some_and(|desired| desired.policy.scan.removable);
        wanted && self.bundle.borrow().is_some()
    }

    async fn perform(self: Arc<Self>, job: JobId, spec: JobSpec, mut wishes: Wishes) -> Result<JobId, LedgerError> {
        tracing::info!(%job, kind = spec.kind(), "begins");
        if matches!(spec, JobSpec::Backup { .. }) {
            // Before what may have been encrypted is saved, and older snapshots go. A disk that
            // does not answer is no reason to wait for it.
            let _ = tokio::time::timeout(LOOK_AT_CANARIES, self.canaries.look()).await;
        }
        let ended = match self.order(job, spec) {
            Ok(order) => {
                let frozen = order.frozen();
                let mut log = Vec::new();
                let (ended, suspects) = self.oversee(job, order, &mut wishes, &mut log).await?;
                let mut ended = self.put_away(job, ended, suspects, &mut wishes).await?;
                ended.log = log;
                // One that was killed had no time to.
                let swept = tokio::task::spawn_blocking(move || keepwatch_backup::sweep_frozen(&frozen)).await;
                swept.unwrap_or_else(|error| tracing::warn!(%error, "frozen states may be left behind"));
                ended
            }
            Err(why) => Ended::failed(why),
        };
        // Also what a child has done that died before it could say so.
        Vault::to_look_at(self.state.quarantine()).tell_changes(&self.ledger)?;
        tracing::info!(%job, outcome = %ended.outcome, why = ended.message, "ended");
        self.ledger.end(job, ended)?;
        Ok(job)
    }

    /// Follows a child from its start to its end; where a scanner dies, the next one.
    async fn oversee(
        &self,
        job: JobId,
        mut order: Order,
        wishes: &mut Wishes,
        log: &mut Vec<String>,
    ) -> Result<(Ended, Suspects), LedgerError> {
        let folder = self.state.scans();
        let mut account = Account::new(job, &self.ledger, &self.progress)?;
        let (mut deaths, is_scan) = (Deaths::default(), matches!(order, Order::Scan(_)));
        // What the dead were done with counts for a scan; a backup counts what is in its snapshot.
        let count = |deaths: Deaths| if is_scan { deaths } else { Deaths::default() };
        if let Some(scan) = order.scan() {
            deaths = Deaths::resumed(scans::take_left(&folder, job));
            scans::after(&deaths, scan);
        }
        loop {
            // What is said to a child later may come too late for its first file.
            order.hold(*wishes.held.borrow());
            let how = match Worker::start(&order).await {
                Ok(mut worker) => {
                    let (said, leash, kill) = worker.parts();
                    account.hear_out(said, wishes, leash, kill).await?;
                    let Ending { how, log: said, .. } = worker.how_it_ended().await;
                    // Of several children the last one's: the others died, and that is told.
                    *log = said;
                    how
                }
                Err(error) => return Ok(account.close(error.to_string(), &count(deaths))),
            };
            let (true, false) = (order.scan().is_some(), account.is_over()) else {
                let again = "try again, and report it if it happens again";
                return Ok(account.close(format!("the worker process died: {how}; {again}"), &count(deaths)));
            };
            tracing::warn!(%job, how, "the scanner died");
            match (deaths.one_more(scans::take_left(&folder, job), &how), &mut order) {
                (Ok(()), Order::Backup(backup)) => backup.saved = account.so_far().cloned(),
                (Ok(()), _) => {}
                // What cannot be scanned is to be saved all the same.
                (Err(why), Order::Backup(backup)) if account.so_far().is_none() => {
                    (backup.scan, backup.unscanned) = (None, why);
                }
                (Err(why), _) => return Ok(account.close(why, &count(deaths))),
            }
            order.scan().into_iter().for_each(|scan| scans::after(&deaths, scan));
        }
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
                let (places, folder) = (expand(&paths)?, self.state.scans());
                let policy = self.policy()?.scan;
                let put_away_from = policy.puts_away_from();
                let order = scans::order(job, places, excludes, max_file_bytes, &policy, bundle, folder);
                Order::Scan(ScanOrder { put_away_from, ..order })
            }
            JobSpec::Backup { paths, excludes } => {
                let places = expand(&paths)?;
                let policy = self.policy()?;
                let (scan, unscanned) = self.scan_of_backup(job, &policy);
                Order::Backup(Box::new(BackupOrder {
                    storage: self.own_repository(),
                    password: self.identity.borrow().repository_password.clone(),
                    host: crate::enroll::facts(&self.state, "").name,
                    paths: places.paths,
                    excludes: excludes.into_iter().chain(places.excludes).chain(self.canaries.globs()).collect(),
                    scan,
                    max_file_bytes: policy.backup.max_file_bytes,
                    one_file_system: policy.backup.one_file_system,
                    freeze: policy.backup.freeze,
                    cpu_percent: policy.backup.cpu_percent,
                    courtesy: Courtesy {
                        on_battery: policy.backup.pause_on_battery,
                        when_busy: policy.backup.pause_when_busy,
                        held: false,
                    },
                    bandwidth: policy.backup.bandwidth,
                    time_zone: policy.time_zone,
                    hooks: self.hooks.clone(),
                    leave_out: policy.backup.infected == WhenInfected::LeaveOut,
                    unscanned,
                    saved: None,
                }))
            }
            JobSpec::Restore(spec) => {
                let (host, password) = self.source(&spec)?;
                let id = job.to_string();
                let new_folder = format!("restored-{}-{}", self.clock.now().format("%Y%m%d"), &id[id.len() - 8..]);
                let roots = self.restore_roots.clone();
                let storage = if host == self.identity.borrow().host {
                    self.own_repository()
                } else {
                    Storage::Service(self.repository(host))
                };
                let (scan, unscanned) = self.scan_of_restore(job, &spec)?;
                Order::Restore(Box::new(RestoreOrder { storage, password, spec, roots, new_folder, scan, unscanned }))
            }
            JobSpec::Verify { files, bytes } => Order::Verify(Box::new(VerifyOrder {
                storage: self.own_repository(),
                password: self.identity.borrow().repository_password.clone(),
                scratch: self.state.scratch(),
                files,
                bytes,
            })),
            JobSpec::Quarantine(spec) => self.vault_order(job, vec![Deed::Asked(spec)]),
        })
    }

    fn policy(&self) -> Result<Policy, String> {
        let desired = self.ledger.desired().map_err(|e| e.to_string())?;
        Ok(desired.map(|desired| desired.policy).unwrap_or_default())
    }

    /// How what a backup saves is scanned, or why it is not though the policy asks for it.
    fn scan_of_backup(&self, job: JobId, policy: &Policy) -> (Option<ScanOrder>, String) {
        if !policy.backup.scan {
            return (None, String::new());
        }
        let Some(bundle) = self.bundle.borrow().clone() else {
            return (None, "no signatures are here yet; import some with 'keepwatch signatures import'".into());
        };
        let (nowhere, scan, folder) = (Places::default(), &policy.scan, self.state.scans());
        (Some(scans::order(job, nowhere, vec![], scan.max_file_bytes, scan, bundle, folder)), String::new())
    }

    /// How what is restored is scanned: not at all where that was done by the rules in use, or is
    /// not wanted. Where it should be and cannot, why.
    fn scan_of_restore(&self, job: JobId, spec: &RestoreSpec) -> Result<(Option<ScanOrder>, String), String> {
        if spec.infected {
            return Ok((None, String::new()));
        }
        let Some(bundle) = self.bundle.borrow().clone() else {
            return Ok((None, "no signatures are here yet".into()));
        };
        if spec.judged >= bundle.bundle.version {
            return Ok((None, String::new()));
        }
        let (nowhere, scan, folder) = (Places::default(), self.policy()?.scan, self.state.scans());
        Ok((Some(scans::order(job, nowhere, vec![], scan.max_file_bytes, &scan, bundle, folder)), String::new()))
    }

    fn repository(&self, host: HostId) -> Service {
        let url = format!("{}/repositories/{host}/", self.controller);
        let identity = self.identity.borrow();
        let Identity { ca, certificate, key, .. } = &**identity;
        Service::new(url, ca.clone(), certificate.clone(), key.clone())
    }

    /// This host's, with copies of what every backup reads.
    fn own_repository(&self) -> Storage {
        Storage::Service(Service {
            cache: Some(self.state.repository_cache()),
            ..self.repository(self.identity.borrow().host)
        })
    }

    /// Whose repository a restore reads, and what opens it.
    fn source(&self, spec: &RestoreSpec) -> Result<(HostId, String), String> {
        if spec.grant.is_empty() {
            return Ok((self.identity.borrow().host, self.identity.borrow().repository_password.clone()));
        }
        let desired = self.ledger.desired().map_err(|e| e.to_string())?;
        let mut grants = desired.into_iter().flat_map(|desired| desired.grants);
        let grant = grants.find(|grant| grant.id == spec.grant && grant.expires > self.clock.now());
        let grant =
            grant.ok_or("the leave to read the other host's repository has expired; ask for the restore again")?;
        Ok((grant.host, grant.repository_password))
    }
}

/// An empty drive may make whoever asks wait.
async fn present_media() -> BTreeSet<Medium> {
    tokio::task::spawn_blocking(platform::removable_media).await.unwrap_or_default()
}

#[cfg(test)]
mod tests;
