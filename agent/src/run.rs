//! Puts the agent's rooms together and watches over them: one that fails takes the agent
//! down, and the system starts it again with the ledger as it was.

use crate::canaries::Canaries;
use crate::config::{Address, Config, StateDir};
use crate::identity::Identity;
use crate::jobs::Jobs;
use crate::ledger::Ledger;
use crate::link::Link;
use crate::platform;
use crate::signatures::{Shelf, Signatures};
use crate::status;
use anyhow::Context;
use keepwatch_proto::clock::Clock;
use std::fs::File;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Runs until it is told to stop, by the token or by the system.
pub(crate) fn run(state: &StateDir, stop: CancellationToken) -> anyhow::Result<()> {
    // One thread: nothing heavy happens in this process.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    runtime.block_on(assemble(state, stop))
}

async fn assemble(state: &StateDir, stop: CancellationToken) -> anyhow::Result<()> {
    let identity = Arc::new(Identity::load(state)?);
    let config = Config::load(state)?;
    let address = Address::parse(&config.controller)?;
    let lock = File::create(state.lock()).with_context(|| format!("{} cannot be used", state.lock().display()))?;
    lock.try_lock().ok().with_context(|| format!("another agent runs on {}; stop it first", state.root().display()))?;

    let clock = Clock::from_environment();
    let ledger = Arc::new(Ledger::open(&state.ledger(), identity.host, identity.enrolled, clock.clone())?);
    let taken_up = ledger.take_up()?;
    let shelf = Shelf::open(state).context("the folder of signatures cannot be used; check the state folder")?;
    platform::private_dir(&state.scans()).context("the folder of scans cannot be used; check the state folder")?;
    let (in_use, bundle) = watch::channel(shelf.in_use());
    let (progress, progress_heard) = mpsc::channel(16);
    let (connected, connected_heard) = watch::channel(false);

    let link = Link {
        ledger: ledger.clone(),
        identity: identity.clone(),
        address: address.clone(),
        config: config.link,
        state: state.clone(),
        bundle: bundle.clone(),
        progress: progress_heard,
        connected,
    };
    let canaries = Canaries::new(state, config.roots(state), ledger.clone(), clock.clone());
    let jobs = Jobs {
        canaries: canaries.clone(),
        ledger: ledger.clone(),
        identity: identity.clone(),
        controller: address.url.clone(),
        restore_roots: config.roots(state),
        hooks: config.backup.clone(),
        state: state.clone(),
        bundle: bundle.clone(),
        progress,
        clock,
        taken_up,
    };
    let signatures = Signatures {
        ledger: ledger.clone(),
        identity: identity.clone(),
        controller: address.url,
        shelf,
        scans: state.scans(),
        in_use,
        config: config.link,
    };

    let mut rooms = JoinSet::new();
    let (told, link_stop, jobs_stop, signatures_stop) = (stop.clone(), stop.clone(), stop.clone(), stop.clone());
    let canaries_stop = stop.clone();
    rooms.spawn(async move { canaries.run(canaries_stop).await.context("the canaries failed") });
    rooms.spawn(async move { link.hold(link_stop).await.context("the link failed") });
    rooms.spawn(async move { jobs.run(jobs_stop).await.context("the jobs failed") });
    rooms.spawn(async move { signatures.run(signatures_stop).await.context("the signatures failed") });
    let kept = status::keep(state.clone(), ledger, bundle, connected_heard, stop.clone());
    rooms.spawn(async move { kept.await.context("the status failed") });
    rooms.spawn(async move { wait_for_stop(told).await.context("the system's signals cannot be heard") });
    tracing::info!(host = %identity.host, version = env!("CARGO_PKG_VERSION"), "the agent runs");
    watch_over(rooms, stop).await
}

async fn wait_for_stop(stop: CancellationToken) -> std::io::Result<()> {
    tokio::select! {
        asked = platform::stop_signal() => asked?,
        _ = stop.cancelled() => {}
    }
    tracing::info!("the agent stops");
    stop.cancel();
    Ok(())
}

/// Until all have ended. The first failure ends the others.
async fn watch_over(mut rooms: JoinSet<anyhow::Result<()>>, stop: CancellationToken) -> anyhow::Result<()> {
    let mut outcome = Ok(());
    while let Some(ended) = rooms.join_next().await {
        let ended = ended.context("a part of the agent crashed").and_then(|ended| ended);
        if outcome.is_ok() && ended.is_err() {
            outcome = ended;
        }
        stop.cancel();
    }
    outcome
}
