//! Which bundle of rules is in use, and how a newer one takes its place: a child fetches,
//! verifies, compiles and tries it; only then is it swapped in by a rename. Whatever fails,
//! the one in use stays in use.

use crate::config::{LinkConfig, StateDir};
use crate::identity::Present;
use crate::ledger::{Ledger, LedgerError};
use crate::link::backoff;
use crate::platform;
use crate::worker::{BundleOrder, Ending, Judgement, Order, Said, Worker};
use keepwatch_proto::bundle::Bundle;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A bundle in use, and where its verified file lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InUse {
    /// Which.
    pub(crate) bundle: Bundle,
    /// Its file.
    pub(crate) file: PathBuf,
}

/// The folder of bundles: each under its version, and a file that says which is in use.
#[derive(Debug, Clone)]
pub(crate) struct Shelf(PathBuf);

#[derive(Serialize, Deserialize)]
struct Label {
    current: Bundle,
    previous: Option<Bundle>,
}

const LABEL: &str = "current.json";

impl Shelf {
    /// The shelf in a state folder.
    pub(crate) fn open(state: &StateDir) -> io::Result<Self> {
        let folder = state.signatures();
        platform::private_dir(&folder)?;
        Ok(Self(folder))
    }

    fn file(&self, bundle: &Bundle) -> PathBuf {
        self.0.join(format!("{}.json.zst", bundle.version))
    }

    fn label(&self) -> Option<Label> {
        let label: Label = serde_json::from_slice(&std::fs::read(self.0.join(LABEL)).ok()?).ok()?;
        self.file(&label.current).exists().then_some(label)
    }

    /// What is in use.
    pub(crate) fn in_use(&self) -> Option<InUse> {
        self.label().map(|label| InUse { file: self.file(&label.current), bundle: label.current })
    }

    /// Puts a verified file into use; the one before it is kept, older ones go.
    pub(crate) fn swap(&self, bundle: Bundle, verified: &Path) -> io::Result<InUse> {
        let previous = self.label().map(|label| label.current).filter(|former| former.version != bundle.version);
        let file = self.file(&bundle);
        std::fs::rename(verified, &file)?;
        platform::sync_dir(&self.0)?;
        let keep = [Some(file.clone()), previous.as_ref().map(|p| self.file(p))];
        let label = serde_json::to_vec_pretty(&Label { current: bundle.clone(), previous })?;
        let new = self.0.join("current.json.new");
        platform::write_private(&new, &label)?;
        std::fs::rename(&new, self.0.join(LABEL))?;
        platform::sync_dir(&self.0)?;
        for entry in std::fs::read_dir(&self.0)?.flatten() {
            let path = entry.path();
            let is_bundle = entry.file_name().to_string_lossy().ends_with(".json.zst");
            if is_bundle && !keep.contains(&Some(path.clone())) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(InUse { bundle, file })
    }
}

/// What was tried without success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// Nothing.
    None,
    /// This version must not be used; only a newer one is looked at.
    Refused(u64),
    /// This version could not be had so many times; the last ones of them since whoever tried it was
    /// killed.
    Unavailable { version: u64, times: u32, killed: u32 },
}

/// So often in a row whoever tries a bundle is killed before that is the bundle's own doing.
const KILLED: u32 = 3;

impl Attempt {
    /// How often it could not be had before, and how often in a row whoever tried it was killed.
    fn so_far(self, version: u64) -> (u32, u32) {
        match self {
            Self::Unavailable { version: this, times, killed } if this == version => (times.saturating_add(1), killed),
            _ => (0, 0),
        }
    }
}

/// What to make of a bundle on which whoever tried it was killed, so many times in a row. The system
/// does that where memory runs short or the PC goes down, and says nothing of the bundle by it.
fn of_the_killed(how: String, times: u32) -> Judgement {
    match times < KILLED {
        true => Judgement::Unavailable(how),
        false => Judgement::Bad(format!("{how}, {times} times in a row")),
    }
}

/// The bundle to fetch now, if any.
fn to_fetch(current: u64, wanted: Option<&Bundle>, attempt: Attempt) -> Option<Bundle> {
    let wanted = wanted.filter(|wanted| wanted.version > current)?;
    match attempt {
        Attempt::Refused(version) if wanted.version <= version => None,
        _ => Some(wanted.clone()),
    }
}

/// A refusal counts for as long as the version is offered.
fn still(attempt: Attempt, announced: Option<u64>) -> Attempt {
    match attempt {
        Attempt::Refused(version) if announced != Some(version) => Attempt::None,
        attempt => attempt,
    }
}

/// Whoever tried a bundle died before it said anything.
struct Death {
    how: String,
    /// By somebody else's hand.
    killed: bool,
}

/// What keeping the signatures needs.
pub(crate) struct Signatures {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) identity: Present,
    pub(crate) controller: String,
    pub(crate) shelf: Shelf,
    /// The folder of what scans leave for later ones.
    pub(crate) scans: PathBuf,
    pub(crate) in_use: watch::Sender<Option<InUse>>,
    pub(crate) config: LinkConfig,
}

impl Signatures {
    /// Keeps the bundle in use as new as the controller wants it.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), LedgerError> {
        let mut changes = self.ledger.watch();
        let mut attempt = Attempt::None;
        // A swap may have been the last thing before a power cut.
        if let Some(in_use) = self.shelf.in_use() {
            self.ledger.bundle_applied(in_use.bundle.version)?;
        }
        loop {
            changes.borrow_and_update();
            let current = self.in_use.borrow().as_ref().map_or(0, |in_use| in_use.bundle.version);
            let announced = self.ledger.desired()?.and_then(|desired| desired.bundle);
            let version = announced.as_ref().map(|bundle| bundle.version);
            // One that was halted and goes on is looked at anew.
            if self.ledger.refused()?.is_some_and(|refused| Some(refused) != version) {
                self.ledger.forget_refusal()?;
            }
            attempt = still(attempt, version);
            if let Some(wanted) = to_fetch(current, announced.as_ref(), attempt) {
                attempt = tokio::select! {
                    outcome = self.take(current, wanted, attempt, &stop) => outcome?,
                    _ = stop.cancelled() => return Ok(()),
                };
            }
            let retry = match attempt {
                Attempt::Unavailable { times, .. } => backoff(times, self.config.longest(), rand::random()),
                _ => Duration::MAX,
            };
            let rested = async {
                match attempt {
                    // Other changes come by the dozen while a scan runs; they are no reason to hurry.
                    Attempt::Unavailable { .. } => tokio::time::sleep(retry).await,
                    _ => drop(changes.changed().await),
                }
            };
            tokio::select! {
                _ = rested => {}
                _ = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Fetches, judges and swaps one in.
    async fn take(
        &self,
        current: u64,
        wanted: Bundle,
        before: Attempt,
        stop: &CancellationToken,
    ) -> Result<Attempt, LedgerError> {
        let version = wanted.version;
        let (times, mut killed) = before.so_far(version);
        let judgement = match self.judge(current, wanted).await {
            Ok(judgement) => {
                killed = 0;
                judgement
            }
            // Its judge goes with us.
            Err(Death { how, .. }) if stop.is_cancelled() => Judgement::Unavailable(how),
            Err(Death { how, killed: true }) => {
                killed += 1;
                of_the_killed(how, killed)
            }
            // It was tried and took its judge down with it: not to be tried again and again.
            Err(Death { how, killed: false }) => Judgement::Bad(how),
        };
        let judgement = match judgement {
            Judgement::Good { bundle, file } => match self.shelf.swap(bundle, &file) {
                Ok(in_use) => {
                    tracing::info!(version, rules = in_use.bundle.rules, "signatures are in use");
                    self.in_use.send_replace(Some(in_use));
                    self.ledger.bundle_applied(version)?;
                    return Ok(Attempt::None);
                }
                Err(error) => Judgement::Unavailable(format!("it cannot be put in place: {error}")),
            },
            other => other,
        };
        match judgement {
            Judgement::Bad(reason) => {
                tracing::error!(version, reason, "signatures refused; the ones in use stay");
                self.ledger.bundle_refused(version, &reason)?;
                Ok(Attempt::Refused(version))
            }
            Judgement::Good { .. } => Ok(Attempt::None),
            Judgement::Unavailable(reason) => {
                tracing::warn!(version, reason, "signatures cannot be had yet");
                Ok(Attempt::Unavailable { version, times, killed })
            }
        }
    }

    /// What a child says of it, or how that one died.
    async fn judge(&self, current: u64, wanted: Bundle) -> Result<Judgement, Death> {
        let identity = self.identity.borrow().clone();
        let order = Order::Bundle(BundleOrder {
            controller: self.controller.clone(),
            ca: identity.ca.clone(),
            certificate: identity.certificate.clone(),
            key: identity.key.clone(),
            root: identity.signatures_root.clone(),
            folder: self.shelf.0.clone(),
            scans: self.scans.clone(),
            current,
            wanted,
        });
        let mut worker = match Worker::start(&order).await {
            Ok(worker) => worker,
            Err(error) => return Ok(Judgement::Unavailable(error.to_string())),
        };
        let (mut judged, (heard, ..)) = (None, worker.parts());
        while let Some(said) = heard.recv().await {
            if let Said::Judged(judgement) = said {
                judged = Some(judgement);
            }
        }
        match judged {
            Some(judgement) => Ok(judgement),
            None => {
                let Ending { how, killed, .. } = worker.how_it_ended().await;
                Err(Death { how: format!("the process that tried it died: {how}"), killed })
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bundle(version: u64) -> Bundle {
        Bundle { version, sha256: "00".into(), size: 1, rules: 1 }
    }

    #[test]
    fn only_a_newer_one_is_fetched_and_a_refused_one_not_again() {
        use Attempt::{None as Untried, Refused};
        for (current, wanted, attempt, fetch) in [
            (0, Some(1), Untried, true),
            (0, None, Untried, false),
            (2, Some(2), Untried, false),
            (2, Some(1), Untried, false),
            (2, Some(3), Refused(3), false),
            (2, Some(4), Refused(3), true),
            (2, Some(3), Attempt::Unavailable { version: 3, times: 7, killed: 0 }, true),
        ] {
            let wanted: Option<Bundle> = wanted.map(bundle);
            assert_eq!(
                to_fetch(current, wanted.as_ref(), attempt).is_some(),
                fetch,
                "{current} {wanted:?} {attempt:?}"
            );
        }
    }

    #[test]
    fn a_refusal_counts_for_as_long_as_the_bundle_is_offered() {
        for (announced, expected) in
            [(Some(3), Attempt::Refused(3)), (None, Attempt::None), (Some(2), Attempt::None), (Some(4), Attempt::None)]
        {
            assert_eq!(still(Attempt::Refused(3), announced), expected, "{announced:?}");
        }
        let unavailable = Attempt::Unavailable { version: 3, times: 1, killed: 1 };
        assert_eq!(still(unavailable, None), unavailable);
    }

    #[test]
    fn only_who_is_killed_over_and_over_is_killed_by_the_bundle() {
        let how = || "it was killed by SIGKILL (9)".to_owned();
        for (times, bad) in [(1, false), (2, false), (3, true), (4, true)] {
            assert_eq!(matches!(of_the_killed(how(), times), Judgement::Bad(_)), bad, "{times}");
        }
        let before = Attempt::Unavailable { version: 3, times: 4, killed: 2 };
        // Of another version nothing is known.
        assert_eq!((before.so_far(3), before.so_far(4), Attempt::None.so_far(3)), ((5, 2), (0, 0), (0, 0)));
    }

    #[test]
    fn a_swap_keeps_the_one_before_and_survives_a_cut() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().into()));
        let shelf = Shelf::open(&state).unwrap();
        assert_eq!(shelf.in_use(), None);
        let incoming = folder.path().join("verified");
        for version in 1..=3 {
            std::fs::write(&incoming, version.to_string()).unwrap();
            let in_use = shelf.swap(bundle(version), &incoming).unwrap();
            assert_eq!(std::fs::read_to_string(&in_use.file).unwrap(), version.to_string());
            assert_eq!(Shelf::open(&state).unwrap().in_use(), Some(in_use));
        }
        let mut left: Vec<_> = std::fs::read_dir(state.signatures()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["2.json.zst", "3.json.zst", "current.json"]);
        // Cut between the file and its label: the old one is still in use.
        std::fs::write(shelf.file(&bundle(4)), "4").unwrap();
        assert_eq!(shelf.in_use().unwrap().bundle.version, 3);
    }
}
