//! What a person at the PC can ask: is this PC protected, and does its agent run? The
//! running agent writes it down; `status` reads it, so that asking disturbs nothing.

use crate::config::{Config, StateDir};
use crate::identity::{Identity, IdentityError};
use crate::ledger::{Ledger, LedgerError, Standing};
use crate::platform;
use crate::quarantine::Vault;
use crate::signatures::InUse;
use chrono::{DateTime, Utc};
use keepwatch_proto::ids::{HostId, JobId};
use keepwatch_proto::schedule::Timetable;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What the running agent writes down.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Now {
    connected: bool,
    generation: u64,
    bundle: Option<u64>,
    rules: Option<u32>,
    jobs: Vec<Running>,
    events_waiting: u64,
    /// `None`: the vault cannot be read.
    quarantined: Option<usize>,
    next_scan: Option<DateTime<Utc>>,
    next_backup: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    job: JobId,
    kind: String,
}

/// What is shown.
#[derive(Debug, Serialize)]
struct Status {
    host: HostId,
    enrolled: DateTime<Utc>,
    controller: Option<String>,
    running: bool,
    #[serde(flatten)]
    now: Now,
}

/// Nothing to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatusError {
    /// Not enrolled, or not allowed.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The terminal, or the pipe.
    #[error("the status cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Writes the status down whenever something changes.
pub(crate) async fn keep(
    host: HostId,
    state: StateDir,
    ledger: Arc<Ledger>,
    bundle: watch::Receiver<Option<InUse>>,
    connected: watch::Receiver<bool>,
    stop: CancellationToken,
) -> Result<(), LedgerError> {
    let vault = Vault::to_look_at(state.quarantine());
    let (mut changes, mut bundle, mut connected, mut written) = (ledger.watch(), bundle, connected, None);
    loop {
        changes.borrow_and_update();
        let in_use = bundle.borrow_and_update().as_ref().map(|b| (b.bundle.version, b.bundle.rules));
        let now = Now {
            connected: *connected.borrow_and_update(),
            bundle: in_use.map(|(version, _)| version),
            rules: in_use.map(|(_, rules)| rules),
            events_waiting: ledger.waiting()?,
            quarantined: vault.count().ok(),
            ..standing(host, &ledger.standing()?)
        };
        if written.as_ref() != Some(&now) {
            // It only informs; work goes on without it.
            if let Err(error) = write(&state, &now) {
                tracing::warn!("the status file cannot be written: {error}");
            }
            written = Some(now);
        }
        let changed = async {
            tokio::select! {
                _ = changes.changed() => {}
                _ = bundle.changed() => {}
                _ = connected.changed() => {}
            }
            // Detections come by the dozen; people read more slowly.
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        tokio::select! {
            () = changed => {}
            _ = stop.cancelled() => return Ok(()),
        }
    }
}

fn standing(host: HostId, standing: &Standing) -> Now {
    let desired = standing.desired.as_ref();
    let policy = desired.map(|d| &d.policy);
    let next = |table: Option<Timetable>, since| table?.next_after(since);
    Now {
        generation: desired.map_or(0, |d| d.generation),
        jobs: standing.running.iter().map(|(job, kind)| Running { job: *job, kind: kind.clone() }).collect(),
        next_scan: next(policy.and_then(|p| p.scan_timetable(host)), standing.scan.since),
        next_backup: next(policy.and_then(|p| p.backup_timetable(host)), standing.backup.since),
        ..Now::default()
    }
}

fn write(state: &StateDir, now: &Now) -> io::Result<()> {
    let new = state.status().with_extension("json.new");
    platform::write_private(&new, &serde_json::to_vec_pretty(now)?)?;
    std::fs::rename(new, state.status())
}

/// Shows it.
pub(crate) fn show(state: &StateDir, json: bool) -> Result<(), StatusError> {
    let identity = Identity::load(state)?;
    // Whoever holds the lock runs.
    let running = File::open(state.lock()).is_ok_and(|lock| lock.try_lock().is_err());
    let written = std::fs::read(state.status()).ok().and_then(|text| serde_json::from_slice::<Now>(&text).ok());
    let mut now = written.unwrap_or_default();
    if !running {
        now = Now { connected: false, jobs: vec![], ..now };
    }
    // Also what somebody at the PC has just taken out of it.
    now.quarantined = Vault::to_look_at(state.quarantine()).count().ok();
    let controller = Config::load(state).ok().map(|config| config.controller);
    let status = Status { host: identity.host, enrolled: identity.enrolled, controller, running, now };
    let mut out = io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &status).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        write!(out, "{}", table(&status))?;
    }
    Ok(())
}

fn table(status: &Status) -> String {
    let Status { host, enrolled, controller, running, now } = status;
    let time =
        |at: &Option<DateTime<Utc>>| at.map_or("only when asked".into(), |at| at.format("%F %H:%M UTC").to_string());
    let agent = match (running, now.connected) {
        (false, _) => "not running; start it with the system's service, or with 'keepwatch-agent run'",
        (true, false) => "running, not connected; it goes on by its schedule",
        (true, true) => "running, connected",
    };
    let signatures = match (now.bundle, now.rules) {
        (Some(version), Some(rules)) => format!("version {version}, {rules} rules"),
        _ => "none yet".into(),
    };
    let jobs: Vec<String> = now.jobs.iter().map(|running| format!("{} {}", running.kind, running.job)).collect();
    let rows = [
        ("agent", agent.to_owned()),
        ("controller", controller.clone().unwrap_or_else(|| "agent.toml cannot be read".into())),
        ("host", host.to_string()),
        ("enrolled", enrolled.format("%F %H:%M UTC").to_string()),
        ("generation", now.generation.to_string()),
        ("signatures", signatures),
        ("working on", if jobs.is_empty() { "nothing".into() } else { jobs.join(", ") }),
        ("next scan", time(&now.next_scan)),
        ("next backup", time(&now.next_backup)),
        ("events waiting", now.events_waiting.to_string()),
        ("put away", now.quarantined.map_or("its folder cannot be read".into(), |files| format!("{files} files"))),
    ];
    rows.iter().map(|(name, value)| format!("{name:<15} {value}\n")).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::identity::tests::identity;

    #[test]
    fn an_agent_that_does_not_run_is_never_shown_as_connected() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().into()));
        assert!(matches!(show(&state, true), Err(StatusError::Identity(IdentityError::NotEnrolled(_)))));
        identity().save(&state).unwrap();
        write(&state, &Now { connected: true, generation: 7, ..Now::default() }).unwrap();
        show(&state, true).unwrap();

        let identity = identity();
        let now = Now { connected: false, generation: 7, ..Now::default() };
        let status = Status { host: identity.host, enrolled: identity.enrolled, controller: None, running: false, now };
        let shown = table(&status);
        assert!(shown.contains("not running") && !shown.contains("running, connected"), "{shown}");
    }
}
