//! Puts files away, brings them back, destroys them; and says of each what came of it.

use super::Speaker;
use super::restore::{TargetError, allowed};
use crate::quarantine::{PutAway, Vault, VaultError, Wanted};
use crate::worker::{Deed, QuarantineOrder, Said};
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::job::{Ended, FailureKind, JobState, Tally};
use keepwatch_proto::paths;
use keepwatch_proto::quarantine::{Action, Changed, Item, ItemState, QuarantineSpec};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Why a file stays that was scanned in windows.
const TOO_LARGE: &str =
    "it is too large to be told from another one: put it away by name with 'keepwatch quarantine add'";

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undone {
    /// The vault's own reason.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It may not go there.
    #[error(transparent)]
    Target(#[from] TargetError),
}

/// What was done.
#[derive(Debug)]
pub(crate) enum Done {
    PutAway(PutAway),
    Changed(Changed, Item),
}

impl Undone {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Vault(error) => error.kind(),
            Self::Target(_) => FailureKind::Refused,
        }
    }
}

/// Does all of it.
pub(super) fn run(order: QuarantineOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
    let Some(most) = order.most else {
        return Ended::failed(VaultError::Off.to_string()).by(FailureKind::Refused);
    };
    let vault = Vault::new(order.vault.clone(), most, order.own.clone());
    let mut account = Account::default();
    for deed in &order.deeds {
        speaker.progress("quarantine", account.tally.files, account.tally.bytes, 0);
        let outcome = match deed {
            Deed::PutAwayFound(_, suspect) if suspect.sha256.is_empty() => Err(VaultError::Guarded(TOO_LARGE).into()),
            Deed::PutAwayFound(id, suspect) => {
                let mut wanted = wanted(&order, *id, &suspect.path, &suspect.sha256);
                wanted.item.rules.clone_from(&suspect.rules);
                (wanted.by_name, wanted.inside) = (false, suspect.inside);
                vault.put_away(&wanted).map(Done::PutAway).map_err(Undone::from)
            }
            Deed::Asked(spec) if spec.action == Action::PutAway => vault
                .put_away(&wanted(&order, spec.item, &spec.path, &spec.sha256))
                .map(Done::PutAway)
                .map_err(Undone::from),
            Deed::Asked(spec) => done(&vault, spec, &order.roots),
        };
        account.take(deed, outcome, speaker);
    }
    account.ended(order.deeds.len())
}

fn wanted(order: &QuarantineOrder, id: ItemId, path: &str, sha256: &str) -> Wanted {
    let item =
        Item { id, path: path.into(), sha256: String::new(), size: 0, rules: vec![], job: order.job, at: order.now };
    Wanted { item, path: paths::to_path(path), sha256: sha256.into(), by_name: true, inside: false }
}

/// Brings one back, or destroys it.
pub(crate) fn done(vault: &Vault, spec: &QuarantineSpec, roots: &[PathBuf]) -> Result<Done, Undone> {
    let (state, target, item) = match spec.action {
        Action::Delete => (ItemState::Deleted, String::new(), vault.delete(spec.item)?),
        _ => {
            let path = paths::to_path(&vault.header(spec.item)?.item.path);
            let target = target(&path, &spec.target, roots)?;
            (ItemState::Restored, paths::of_path(&target), vault.restore(spec.item, &target)?)
        }
    };
    Ok(Done::Changed(Changed { id: spec.item, state, target }, item))
}

/// Where one goes that was at this path: there, or to the file or into the folder that was named.
fn target(path: &Path, named: &str, roots: &[PathBuf]) -> Result<PathBuf, TargetError> {
    let wished = if named.is_empty() { path.to_owned() } else { paths::to_path(named) };
    let real = allowed(&wished, roots)?;
    match path.file_name() {
        Some(name) if real.is_dir() && !named.is_empty() => allowed(&real.join(name), roots),
        _ => Ok(real),
    }
}

/// What came of all of it.
#[derive(Default)]
struct Account {
    tally: Tally,
    put_away: u64,
    /// Of those, files that are still there by another name.
    named_elsewhere: u64,
    target: String,
    last: Option<(String, FailureKind)>,
}

impl Account {
    fn take(&mut self, deed: &Deed, outcome: Result<Done, Undone>, speaker: &Speaker<impl Write>) {
        match outcome {
            Ok(Done::PutAway(PutAway { item, names, unknown })) => {
                self.put_away += 1;
                self.tally.files += 1;
                self.tally.bytes += item.size;
                let path = item.path.clone();
                speaker.say(Said::PutAway(item));
                for other in &names {
                    speaker
                        .failed(&paths::of_path(other), &format!("it is another name of {path}, which was put away"));
                }
                if unknown > 0 {
                    speaker.failed(&path, &format!("{unknown} other names of it were not found, and are still there"));
                }
                self.tally.failed += names.len() as u64 + u64::from(unknown > 0);
                self.named_elsewhere += u64::from(!names.is_empty() || unknown > 0);
            }
            Ok(Done::Changed(changed, item)) => {
                self.tally.files += 1;
                self.tally.bytes += item.size;
                self.target.clone_from(&changed.target);
                speaker.say(Said::Changed(changed));
            }
            Err(error) => {
                let path = match deed {
                    Deed::PutAwayFound(_, suspect) => suspect.path.clone(),
                    Deed::Asked(spec) if spec.action == Action::PutAway => spec.path.clone(),
                    Deed::Asked(spec) => spec.item.to_string(),
                };
                speaker.failed(&path, &error.to_string());
                self.tally.failed += 1;
                self.last = Some((error.to_string(), error.kind()));
            }
        }
    }

    fn ended(self, deeds: usize) -> Ended {
        let Self { tally, put_away, named_elsewhere, target, last } = self;
        if let (1, Some((why, kind))) = (deeds, &last) {
            return Ended { tally, ..Ended::failed(why.as_str()).by(*kind) };
        }
        let undone = tally.files.abs_diff(deeds as u64);
        let restored = u64::from(!target.is_empty());
        let said = [
            (put_away, format!("{put_away} files were put away; 'keepwatch quarantine list' shows them")),
            (
                named_elsewhere,
                format!(
                    "{named_elsewhere} of them are still there by other names, which are named: put those away, too"
                ),
            ),
            (undone, format!("{undone} files could not be put away, and stay where they are; they are named")),
            (
                restored,
                "the next scan finds it again, unless its SHA-256 stands in the policy's 'scan.allowed'".to_owned(),
            ),
        ];
        let said: Vec<String> = said.into_iter().filter(|(n, _)| *n > 0).map(|(_, words)| words).collect();
        let outcome = if tally.failed == 0 { JobState::Succeeded } else { JobState::Partial };
        Ended { outcome, tally, target, ..Ended::failed(said.join("; ")) }
    }
}
