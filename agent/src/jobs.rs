//! What is done when: staff's jobs as they come, the policy's by its schedule, one heavy
//! piece of work at a time. Deciding is [`plan`](plan()), a pure function; the rest does it. None
//! of it needs the controller to be reachable.

mod account;
mod course;
mod deaths;
mod due;
mod looks;
mod obstacles;
mod orders;
mod plan;
pub(crate) mod queue;
mod scans;
mod vault;

use crate::canaries::Canaries;
use crate::config::{QuarantineConfig, StateDir};
use crate::identity::Present;
use crate::ledger::{Cause, Ledger, LedgerError, Standing};
use crate::media::Media;
use crate::platform;
use crate::signatures::InUse;
use crate::worker::Hooks;
use account::Wishes;
use chrono::TimeDelta;
pub(crate) use due::Pc;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::job::{Ended, JobSpec, JobState, Progress, Want};
use looks::Looks;
pub(crate) use plan::{Step, is_aside, plan};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Whoever looks every minute and finds that so much time has passed was asleep.
const ASLEEP: TimeDelta = TimeDelta::minutes(5);
/// Removable media are looked for no more often than this.
const LOOK_FOR_MEDIA: Duration = Duration::from_secs(30);

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
        let (mut media, mut looked) = (Media::default(), None::<Instant>);
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
            let host = jobs.identity.borrow().host;
            // What staff say of a job waits for no look at the PC, which may take its time.
            for step in plan(&standing, Pc::free(host), None, heard, now).into_iter().filter(Step::is_word) {
                jobs.take(step, &mut running, &mut media)?;
            }
            if looked.is_none_or(|at| at.elapsed() >= LOOK_FOR_MEDIA) {
                if let Some(present) = looks.media(platform::removable_media).await {
                    media.look(present, jobs.wants_media(&standing));
                }
                looked = Some(Instant::now());
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
}
