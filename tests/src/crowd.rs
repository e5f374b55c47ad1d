//! Many agents in this process: real identities, ledgers and streams over mutual TLS, and work
//! that is only pretended. What a thousand PCs do to a controller is tried with these.

use crate::controller::Controller;
use keepwatch_agent::simulated::Simulated;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::HostId;
use keepwatch_proto::job::{Ended, JobSpec, JobState};
use keepwatch_proto::policy::Policy;
use keepwatch_proto::token::Token;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Agents that enrol at the same time.
const AT_ONCE: usize = 32;
/// Their ledgers wait for the disk, one thread each at a time.
const THREADS: usize = 8;
/// Thousands on two slow cores.
const PATIENCE: Duration = Duration::from_secs(600);

/// The agents.
pub struct Crowd {
    runtime: Runtime,
    agents: Vec<Arc<Simulated>>,
    stop: CancellationToken,
    running: JoinSet<anyhow::Result<()>>,
}

impl Crowd {
    /// Enrols so many with one token, their state below a folder. Nobody is connected yet.
    pub fn enroll(controller: &Controller, token: &str, agents: usize, folder: &Path) -> Self {
        // The process may be none that has one yet.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build();
        let runtime = runtime.expect("threads");
        let (door, token): (_, Token) = (controller.agent_door(), token.parse().expect("a token"));
        let agents = runtime.block_on(async {
            let (mut made, mut making) = (Vec::with_capacity(agents), JoinSet::new());
            for n in 0..agents {
                if making.len() == AT_ONCE {
                    made.extend(making.join_next().await);
                }
                let (state, door, token) = (folder.join(format!("{n:05}")), door.clone(), token.clone());
                making.spawn(async move { Simulated::open(&state, &door, &token, Clock::system()).await });
            }
            made.extend(making.join_all().await.into_iter().map(Ok));
            made.into_iter().map(|agent| Arc::new(agent.expect("no panic").expect("it enrols"))).collect()
        });
        Self { runtime, agents, stop: CancellationToken::new(), running: JoinSet::new() }
    }

    /// Has all of them hold their streams, and answer each job with "done" at once.
    pub fn start(&mut self) {
        let _entered = self.runtime.enter();
        for agent in &self.agents {
            let (agent, stop) = (agent.clone(), self.stop.child_token());
            self.running.spawn(async move { agent.run(|_| async { done() }, stop).await });
        }
    }

    /// Waits until all are connected.
    pub fn until_connected(&self) {
        self.until_each("is connected", |agent| *agent.connected().borrow());
    }

    /// Waits until all follow a policy of which this is so.
    pub fn until_following(&self, holds: impl Fn(&Policy) -> bool) {
        let follows = |agent: &Simulated| agent.policy().expect("the ledger").is_some_and(|policy| holds(&policy));
        self.until_each("follows the policy", follows);
    }

    /// Waits until the controller has acknowledged all that happened.
    pub fn until_told(&self) {
        self.until_each("has told all", |agent| agent.waiting().expect("the ledger") == 0);
    }

    /// One after the other: who was looked at in vain is looked at again when something has changed with it.
    fn until_each(&self, what: &str, holds: impl Fn(&Simulated) -> bool) {
        let wait = async {
            for agent in &self.agents {
                let (mut changes, mut connected) = (agent.changes(), agent.connected());
                while !holds(agent) {
                    // Neither ends before the agent does.
                    let _ = tokio::select! {
                        changed = changes.changed() => changed,
                        changed = connected.changed() => changed,
                    };
                }
            }
        };
        let waited = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, wait).await });
        assert!(waited.is_ok(), "waited in vain until each agent {what}; {} are connected", self.connected());
    }

    /// How many are connected.
    pub fn connected(&self) -> usize {
        self.agents.iter().filter(|agent| *agent.connected().borrow()).count()
    }

    /// Each of them has done so many jobs, by its own schedule.
    pub fn have_done(&self, jobs: usize) {
        let spec = JobSpec::Backup { paths: vec!["/srv".into()], excludes: vec![] };
        let each = self.agents.len().div_ceil(THREADS).max(1);
        std::thread::scope(|scope| {
            for some in self.agents.chunks(each) {
                let spec = &spec;
                scope.spawn(move || {
                    for _ in 0..jobs {
                        for agent in some {
                            agent.has_done(spec, done()).expect("the ledger");
                        }
                    }
                });
            }
        });
    }

    /// Events that the controller has not acknowledged.
    pub fn waiting(&self) -> u64 {
        self.agents.iter().map(|agent| agent.waiting().expect("the ledger")).sum()
    }

    /// Who they are.
    pub fn hosts(&self) -> Vec<HostId> {
        self.agents.iter().map(|agent| agent.host()).collect()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.cancel();
        let running = std::mem::take(&mut self.running);
        self.runtime.block_on(async { running.join_all().await });
    }
}

fn done() -> Ended {
    Ended { outcome: JobState::Succeeded, ..Ended::failed("") }
}
