//! Puts the agent's rooms together and watches over them: one that fails takes the agent
//! down, and the system starts it again with the ledger as it was.

use crate::canaries::Canaries;
use crate::claim;
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
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Whoever asks for the status tries the lock, too, and has it for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_AGAIN: Duration = Duration::from_millis(100);

/// Runs until it is told to stop, by the token or by the system.
pub(crate) fn run(state: &StateDir, stop: CancellationToken) -> anyhow::Result<()> {
    // One thread: nothing heavy happens in this process. More for what may wait for a device: one that
    // does not answer must not keep the others waiting.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(8).build()?;
    loop {
        runtime.block_on(assemble(state, stop.clone()))?;
        // A PC that was let in again begins anew, as who it is now.
        if stop.is_cancelled() {
            return Ok(());
        }
    }
}

/// Has no other agent run on the same state.
async fn lock(state: &StateDir) -> anyhow::Result<File> {
    let lock = File::create(state.lock()).with_context(|| format!("{} cannot be used", state.lock().display()))?;
    for _ in 0..LOCK_TRIES {
        if lock.try_lock().is_ok() {
            return Ok(lock);
        }
        tokio::time::sleep(LOCK_AGAIN).await;
    }
    anyhow::bail!("another agent runs on {}; stop it first", state.root().display())
}

async fn assemble(state: &StateDir, told_to_stop: CancellationToken) -> anyhow::Result<()> {
    let (identity, present) = watch::channel(Arc::new(Identity::load(state)?));
    let (host, enrolled, rebirth) = (present.borrow().host, present.borrow().enrolled, present.borrow().rebirth);
    let stop = told_to_stop.child_token();
    let config = Config::load(state)?;
    let address = Address::parse(&config.controller)?;
    let _held = lock(state).await?;

    let clock = Clock::from_environment();
    claim::put_away(state, &present.borrow()).context("the folder of the claim cannot be removed")?;
    if let Some(rebirth) = rebirth {
        Ledger::be_reborn(&state.ledger(), host, rebirth, &clock)?;
    }
    let ledger = Arc::new(Ledger::open(&state.ledger(), host, enrolled, clock.clone())?);
    let taken_up = ledger.take_up()?;
    let shelf = Shelf::open(state).context("the folder of signatures cannot be used; check the state folder")?;
    platform::private_dir(&state.scans()).context("the folder of scans cannot be used; check the state folder")?;
    let (in_use, bundle) = watch::channel(shelf.in_use());
    let (progress, progress_heard) = mpsc::channel(16);
    let (connected, connected_heard) = watch::channel(false);

    let link = Link {
        ledger: ledger.clone(),
        identity,
        address: address.clone(),
        config: config.link,
        state: state.clone(),
        bundle: bundle.clone(),
        progress: progress_heard,
        connected,
        clock: clock.clone(),
    };
    let canaries = Canaries::new(state, config.roots(state), ledger.clone(), clock.clone());
    let jobs = Jobs {
        canaries: canaries.clone(),
        ledger: ledger.clone(),
        identity: present.clone(),
        controller: address.url.clone(),
        restore_roots: config.roots(state),
        hooks: config.backup.clone(),
        quarantine: config.quarantine,
        state: state.clone(),
        bundle: bundle.clone(),
        progress,
        connected: connected_heard.clone(),
        clock,
        taken_up,
    };
    let signatures = Signatures {
        ledger: ledger.clone(),
        identity: present.clone(),
        controller: address.url,
        shelf,
        scans: state.scans(),
        in_use,
        config: config.link,
    };

    let mut rooms = JoinSet::new();
    let (link_stop, jobs_stop, signatures_stop) = (stop.clone(), stop.clone(), stop.clone());
    let (canaries_stop, until) = (stop.clone(), stop.clone());
    rooms.spawn(async move { canaries.run(canaries_stop).await.context("the canaries failed") });
    rooms.spawn(async move { link.hold(link_stop).await.context("the link failed") });
    rooms.spawn(async move { jobs.run(jobs_stop).await.context("the jobs failed") });
    rooms.spawn(async move { signatures.run(signatures_stop).await.context("the signatures failed") });
    let kept = status::keep(host, state.clone(), ledger, bundle, connected_heard, stop.clone());
    rooms.spawn(async move { kept.await.context("the status failed") });
    rooms
        .spawn(async move { wait_for_stop(told_to_stop, until).await.context("the system's signals cannot be heard") });
    tracing::info!(%host, version = env!("CARGO_PKG_VERSION"), "the agent runs");
    watch_over(rooms, stop).await
}

/// Until the system says so, or another of the rooms has ended.
async fn wait_for_stop(stop: CancellationToken, ended: CancellationToken) -> std::io::Result<()> {
    tokio::select! {
        asked = platform::stop_signal() => asked?,
        _ = ended.cancelled() => return Ok(()),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_holds_the_lock_for_a_moment_does_not_keep_the_agent_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().into()));
        let probe = lock(&state).await.unwrap();
        // The first try meets the probe; then that is gone.
        let (held, ()) = tokio::join!(lock(&state), async { drop(probe) });
        let held = held.unwrap();
        let other = File::open(state.lock()).unwrap();
        assert!(other.try_lock().is_err());
        drop(held);
    }
}
