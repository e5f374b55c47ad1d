//! Puts files away, brings them back, destroys them; and says of each what came of it.

use super::restore::{TargetError, allowed};
use super::{Speaker, counted};
use crate::quarantine::{PutAway, Receipt, Vault, VaultError, Wanted};
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

/// What whoever has one brought back should know.
const AGAIN: &str = "the next scan finds it again, unless its SHA-256 stands in the policy's 'scan.allowed'";

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undone {
    /// The vault's own reason.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It may not go there.
    #[error("{}", elsewhere(.0))]
    Target(#[from] TargetError),
}

fn elsewhere(error: &TargetError) -> String {
    match error {
        TargetError::NotAllowed(path) => format!(
            "this PC does not let files be brought back to {path}: 'restore_roots' in its agent.toml does not cover it; \
             name a place below them with --to"
        ),
        other => other.to_string(),
    }
}

/// What was done.
#[derive(Debug)]
pub(crate) enum Done {
    PutAway(PutAway),
    /// What became of one, and its bytes as far as they are known.
    Changed(Changed, u64),
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
                (wanted.by_name, wanted.system, wanted.inside) = (false, false, suspect.inside);
                vault.put_away(&wanted).map(Done::PutAway).map_err(Undone::from)
            }
            Deed::Asked(spec) if spec.action == Action::PutAway => vault
                .put_away(&wanted(&order, spec.item, &spec.path, &spec.sha256))
                .map(Done::PutAway)
                .map_err(Undone::from),
            Deed::Asked(spec) => done(&vault, spec, &order.roots, order.allow_delete),
        };
        account.take(deed, outcome, speaker);
    }
    account.name_others(speaker);
    account.ended(order.deeds.len())
}

fn wanted(order: &QuarantineOrder, id: ItemId, path: &str, sha256: &str) -> Wanted {
    let item =
        Item { id, path: path.into(), sha256: String::new(), size: 0, rules: vec![], job: order.job, at: order.now };
    Wanted {
        item,
        path: paths::to_path(path),
        sha256: sha256.into(),
        by_name: true,
        system: order.system_files,
        inside: false,
    }
}

/// Brings one back, or destroys it; `named`: also where no rule has found it. The vault keeps a receipt,
/// by which it is told.
pub(crate) fn done(vault: &Vault, spec: &QuarantineSpec, roots: &[PathBuf], named: bool) -> Result<Done, Undone> {
    let id = spec.item;
    if spec.action == Action::Delete {
        let bytes = vault.delete(id, named)?.map_or(0, |item| item.size);
        return Ok(Done::Changed(Changed { id, state: ItemState::Deleted, target: String::new() }, bytes));
    }
    // By an attempt that was stopped before it could say so.
    if let Some(Receipt { changed, item }) = vault.was_done(id, ItemState::Restored)? {
        return Ok(Done::Changed(changed, item.map_or(0, |item| item.size)));
    }
    let path = paths::to_path(&vault.header(id)?.item.path);
    let target = target(&path, &spec.target, roots)?;
    let bytes = vault.restore(id, &target)?.size;
    Ok(Done::Changed(Changed { id, state: ItemState::Restored, target: paths::of_path(&target) }, bytes))
}

/// Where one goes that was at this path: there, or to the file or into the folder that was named.
fn target(path: &Path, named: &str, roots: &[PathBuf]) -> Result<PathBuf, TargetError> {
    if roots.is_empty() {
        return Err(TargetError::NoRoots);
    }
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
    /// Other names of those, under which they are still there.
    named_elsewhere: u64,
    /// Names that may be such, and of which.
    others: Vec<(PathBuf, String)>,
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
                if unknown > 0 {
                    speaker.failed(&path, &format!("{unknown} other names of it were not found, and are still there"));
                    (self.tally.failed, self.named_elsewhere) = (self.tally.failed + 1, self.named_elsewhere + unknown);
                }
                self.others.extend(names.into_iter().map(|other| (other, path.clone())));
            }
            Ok(Done::Changed(changed, bytes)) => {
                self.tally.files += 1;
                self.tally.bytes += bytes;
                self.target = changed.target;
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

    /// Names what is still there by another name: some of those may have been put away by then, too.
    fn name_others(&mut self, speaker: &Speaker<impl Write>) {
        for (other, path) in std::mem::take(&mut self.others) {
            if other.symlink_metadata().is_ok() {
                speaker.failed(&paths::of_path(&other), &format!("it is another name of {path}, which was put away"));
                (self.tally.failed, self.named_elsewhere) = (self.tally.failed + 1, self.named_elsewhere + 1);
            }
        }
    }

    fn ended(self, deeds: usize) -> Ended {
        let Self { tally, put_away, named_elsewhere, target, last, .. } = self;
        if let (1, Some((why, kind))) = (deeds, &last) {
            return Ended { tally, ..Ended::failed(why.as_str()).by(*kind) };
        }
        let undone = tally.files.abs_diff(deeds as u64);
        let restored = u64::from(!target.is_empty());
        let said = [
            counted(
                put_away,
                "file was put away ('keepwatch quarantine list' shows it)",
                "files were put away ('keepwatch quarantine list' shows them)",
            ),
            counted(
                named_elsewhere,
                "other name of what was put away is still there: put that away, too",
                "other names of what was put away are still there: put those away, too",
            ),
            counted(
                undone,
                "file could not be put away and stays where it is, for the reason named",
                "files could not be put away and stay where they are, each for the reason named",
            ),
            Some(AGAIN.to_owned()).filter(|_| restored > 0),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        let outcome = if tally.failed == 0 { JobState::Succeeded } else { JobState::Partial };
        Ended { outcome, tally, target, ..Ended::failed(said.join("; ")) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::worker::Suspect;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::ids::JobId;
    use keepwatch_proto::job::Failure;
    use sha2::{Digest, Sha256};
    use std::fs;

    struct Scene {
        _folder: tempfile::TempDir,
        home: PathBuf,
        state: PathBuf,
    }

    impl Scene {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let base = folder.path().canonicalize().unwrap();
            fs::create_dir(base.join("home")).unwrap();
            Self { _folder: folder, home: base.join("home"), state: base.join("state") }
        }

        fn file(&self, name: &str) -> PathBuf {
            let path = self.home.join(name);
            fs::write(&path, "bad").unwrap();
            path
        }

        fn found(&self, path: &Path) -> Deed {
            let (path, sha256) = (paths::of_path(path), hex::encode(Sha256::digest("bad")));
            Deed::PutAwayFound(id(), Suspect { path, sha256, inside: false, rules: vec!["bad".into()] })
        }

        fn order(&self, deeds: Vec<Deed>) -> QuarantineOrder {
            let clock = Clock::system();
            QuarantineOrder {
                job: JobId::new(&clock),
                now: clock.now(),
                vault: self.state.join("quarantine"),
                most: Some(1 << 20),
                system_files: true,
                allow_delete: false,
                own: vec![self.state.clone()],
                roots: vec![self.home.clone()],
                deeds,
            }
        }

        /// How it ended, what was put away or changed, and what was not.
        fn does(&self, deeds: Vec<Deed>) -> (Ended, Vec<Said>, Vec<Failure>) {
            said(self.order(deeds))
        }
    }

    fn said(order: QuarantineOrder) -> (Ended, Vec<Said>, Vec<Failure>) {
        let speaker = Speaker::new(Vec::new());
        let ended = run(order, &speaker);
        let (mut done, mut failures) = (Vec::new(), Vec::new());
        for line in String::from_utf8(speaker.out.into_inner().unwrap()).unwrap().lines() {
            match serde_json::from_str(line).unwrap() {
                Said::Failure(failure) => failures.push(failure),
                Said::Progress { .. } => {}
                other => done.push(other),
            }
        }
        (ended, done, failures)
    }

    fn id() -> ItemId {
        ItemId::new(&Clock::system())
    }

    #[test]
    fn what_cannot_be_put_away_is_named_and_keeps_nothing_else_from_it() {
        let scene = Scene::new();
        let (first, changed, last) = (scene.file("first"), scene.file("changed"), scene.file("last"));
        let mut deeds = vec![scene.found(&first), scene.found(&changed), scene.found(&last)];
        fs::write(&changed, "a letter").unwrap();
        // One that was read in windows cannot be told again.
        let large = scene.file("large");
        let Deed::PutAwayFound(of_large, suspect) = scene.found(&large) else { panic!() };
        deeds.push(Deed::PutAwayFound(of_large, Suspect { sha256: String::new(), ..suspect }));
        let (ended, done, failures) = scene.does(deeds);
        assert_eq!((ended.outcome, ended.tally.files, ended.tally.failed), (JobState::Partial, 2, 2));
        assert_eq!((done.len(), failures.len(), failures[0].path.clone()), (2, 2, paths::of_path(&changed)));
        assert!(!first.exists() && !last.exists() && changed.exists() && large.exists());
        let Said::PutAway(item) = &done[0] else { panic!() };
        assert_eq!((item.path.clone(), item.rules.join("")), (paths::of_path(&first), "bad".to_owned()));
        assert!(ended.message.starts_with("2 files were put away"), "{}", ended.message);
    }

    #[cfg(unix)]
    #[test]
    fn another_name_is_told_unless_it_is_put_away_by_the_same_scan() {
        let scene = Scene::new();
        let (first, second, third) = (scene.file("a"), scene.home.join("b"), scene.home.join("c"));
        fs::hard_link(&first, &second).unwrap();
        let (ended, done, failures) = scene.does(vec![scene.found(&first), scene.found(&second)]);
        assert_eq!((ended.outcome, done.len(), failures), (JobState::Succeeded, 2, vec![]));
        let first = scene.file("a");
        fs::hard_link(&first, &third).unwrap();
        let (ended, _, failures) = scene.does(vec![scene.found(&first)]);
        assert_eq!((ended.outcome, failures[0].path.clone()), (JobState::Partial, paths::of_path(&third)));
    }

    #[test]
    fn one_comes_back_only_where_the_pc_allows_it() {
        let scene = Scene::new();
        let path = scene.file("a");
        let (_, done, _) = scene.does(vec![scene.found(&path)]);
        let Said::PutAway(item) = &done[0] else { panic!() };
        let back = |target: &str| vec![Deed::Asked(QuarantineSpec::restore(item.id, target.into()))];
        for (target, why) in
            [(scene.state.clone(), "restore_roots"), (scene.home.join("../x"), ".."), ("x".into(), "full")]
        {
            let (ended, _, failures) = scene.does(back(&paths::of_path(&target)));
            assert_eq!((ended.outcome, ended.failure, failures.len()), (JobState::Failed, FailureKind::Refused, 1));
            assert!(ended.message.contains(why), "{}", ended.message);
        }
        let closed = QuarantineOrder { roots: vec![], ..scene.order(back("")) };
        assert!(said(closed).0.message.contains("'restore_roots' in its agent.toml is empty"));

        // Into a folder: by the name that it had.
        fs::create_dir(scene.home.join("in")).unwrap();
        let (ended, done, _) = scene.does(back(&paths::of_path(&scene.home.join("in"))));
        let target = paths::of_path(&scene.home.join("in").join("a"));
        assert_eq!((ended.outcome, ended.target.clone()), (JobState::Succeeded, target.clone()));
        assert!(ended.message.contains("scan.allowed"), "{}", ended.message);
        assert!(done.is_empty());
        let vault = Vault::to_look_at(scene.state.join("quarantine"));
        let receipt = vault.was_done(item.id, ItemState::Restored).unwrap().unwrap();
        assert_eq!(receipt.changed, Changed { id: item.id, state: ItemState::Restored, target: target.clone() });
        // Whoever is asked again, since nobody heard of it, says the same.
        let (ended, ..) = scene.does(back(""));
        assert_eq!((ended.outcome, ended.target), (JobState::Succeeded, target));
        let (ended, _, _) = scene.does(vec![Deed::Asked(QuarantineSpec::delete(item.id))]);
        assert_eq!((ended.outcome, ended.failure), (JobState::Failed, FailureKind::Refused));
    }

    #[test]
    fn what_was_only_named_is_destroyed_where_the_pc_allows_it() {
        let scene = Scene::new();
        let named = |path: &Path| {
            let spec = QuarantineSpec::put_away(id(), paths::of_path(path), String::new());
            (spec.item, Deed::Asked(spec))
        };
        let (item, deed) = named(&scene.file("letter"));
        let delete = || vec![Deed::Asked(QuarantineSpec::delete(item))];
        assert_eq!(scene.does(vec![deed]).0.outcome, JobState::Succeeded);
        let (ended, _, _) = scene.does(delete());
        assert_eq!((ended.outcome, ended.failure), (JobState::Failed, FailureKind::Refused));
        assert!(ended.message.contains("allow_delete"), "{}", ended.message);
        let (ended, ..) = said(QuarantineOrder { allow_delete: true, ..scene.order(delete()) });
        assert_eq!(ended.outcome, JobState::Succeeded, "{}", ended.message);
        // What a rule has found goes all the same.
        let (_, done, _) = scene.does(vec![scene.found(&scene.file("bad"))]);
        let Said::PutAway(found) = &done[0] else { panic!() };
        assert_eq!(scene.does(vec![Deed::Asked(QuarantineSpec::delete(found.id))]).0.outcome, JobState::Succeeded);
    }

    #[test]
    fn where_the_pc_has_no_quarantine_nothing_is_touched() {
        let scene = Scene::new();
        let path = scene.file("a");
        let (ended, done, _) = said(QuarantineOrder { most: None, ..scene.order(vec![scene.found(&path)]) });
        assert_eq!((ended.outcome, ended.failure, done.len()), (JobState::Failed, FailureKind::Refused, 0));
        assert!(path.exists() && !scene.state.exists());
    }
}
