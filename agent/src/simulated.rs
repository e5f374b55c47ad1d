//! An agent whose work is pretended: identity, ledger, link and the choice of what comes next are
//! the real ones, and no child is started. The load generator in `tests/` runs thousands of these
//! in one process.

use crate::config::{Address, Config, StateDir};
use crate::enroll::enroll;
use crate::identity::Identity;
use crate::jobs::{Pc, Step, noted, plan, queue};
use crate::ledger::{Cause, Ledger, LedgerError};
use crate::link::Link;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec};
use keepwatch_proto::policy::Policy;
use keepwatch_proto::token::Token;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// One agent.
pub struct Simulated {
    state: StateDir,
    config: Config,
    identity: Arc<Identity>,
    ledger: Arc<Ledger>,
    clock: Clock,
    connected: watch::Sender<bool>,
}

impl Simulated {
    /// Makes it a host of the controller, unless its state folder says that it is one, and opens its ledger.
    pub async fn open(state: &Path, controller: &str, token: &Token, clock: Clock) -> anyhow::Result<Self> {
        let state = StateDir::new(Some(state.to_owned()));
        if !Identity::exists(&state) {
            enroll(&state, controller, token, false, &clock).await?;
        }
        let identity = Arc::new(Identity::load(&state)?);
        let ledger = Ledger::open(&state.ledger(), identity.host, identity.enrolled, clock.clone())?;
        let (config, connected) = (Config::load(&state)?, watch::Sender::new(false));
        Ok(Self { state, config, identity, ledger: Arc::new(ledger), clock, connected })
    }

    /// Which host it is.
    pub fn host(&self) -> HostId {
        self.identity.host
    }

    /// Whether its stream stands.
    pub fn connected(&self) -> watch::Receiver<bool> {
        self.connected.subscribe()
    }

    /// Rings when something in its ledger has changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.ledger.watch()
    }

    /// The policy that it follows, once it was told one.
    pub fn policy(&self) -> anyhow::Result<Option<Policy>> {
        Ok(self.ledger.desired()?.map(|desired| desired.policy))
    }

    /// Events that the controller has not acknowledged.
    pub fn waiting(&self) -> anyhow::Result<u64> {
        Ok(self.ledger.waiting()?)
    }

    /// A job of its own schedule has come and gone.
    pub fn has_done(&self, spec: &JobSpec, ended: Ended) -> anyhow::Result<JobId> {
        let job = JobId::new(&self.clock);
        self.ledger.start(job, spec, Cause::Schedule)?;
        self.ledger.end(job, ended)?;
        Ok(job)
    }

    /// Holds the stream, and does what is due by pretending to, until it is told to stop.
    pub async fn run<W, F>(&self, work: W, stop: CancellationToken) -> anyhow::Result<()>
    where
        W: Fn(JobSpec) -> F,
        F: Future<Output = Ended>,
    {
        let (_no_bundle, bundle) = watch::channel(None);
        let (_no_progress, progress) = mpsc::channel(1);
        let link = Link {
            ledger: self.ledger.clone(),
            identity: watch::Sender::new(self.identity.clone()),
            address: Address::parse(&self.config.controller)?,
            config: self.config.link,
            state: self.state.clone(),
            bundle,
            progress,
            connected: self.connected.clone(),
            clock: self.clock.clone(),
        };
        let (held, done) = tokio::join!(
            async {
                let held = link.hold(stop.clone()).await;
                stop.cancel();
                held
            },
            async {
                let done = self.work(work, &stop).await;
                stop.cancel();
                done
            }
        );
        held?;
        Ok(done?)
    }

    /// One piece of work at a time.
    async fn work<W, F>(&self, work: W, stop: &CancellationToken) -> Result<(), LedgerError>
    where
        W: Fn(JobSpec) -> F,
        F: Future<Output = Ended>,
    {
        let (mut changes, mut heard) = (self.ledger.watch(), None);
        loop {
            changes.borrow_and_update();
            let (now, standing) = (self.clock.now(), self.ledger.standing()?);
            if *self.connected.borrow() && queue::is_answered(&standing) {
                heard = Some(now);
            }
            let pc = Pc::free(self.identity.host);
            for step in plan(&standing, pc, None, heard, now) {
                let (job, spec, cause) = match noted(step, &self.ledger, &self.clock)? {
                    Some(Step::Begin(job, spec)) => (job, spec, Cause::Asked),
                    Some(Step::BeginScheduled(job, spec)) => {
                        (job.unwrap_or_else(|| JobId::new(&self.clock)), spec, Cause::Schedule)
                    }
                    // What runs is over before anything else is looked at.
                    _ => continue,
                };
                if self.ledger.start(job, &spec, cause)? {
                    let ended = tokio::select! {
                        ended = work(spec) => ended,
                        () = stop.cancelled() => return Ok(()),
                    };
                    self.ledger.end(job, ended)?;
                }
            }
            let look_again = self.clock.patience(self.clock.now() + chrono::TimeDelta::minutes(1));
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(look_again) => {}
                () = stop.cancelled() => return Ok(()),
            }
        }
    }
}
