//! Canaries: small documents of ours among the users', which nobody has reason to touch. One
//! that is changed, renamed or gone says that somebody goes through the files, and the controller
//! then removes no snapshot of this PC until staff have looked.
//!
//! They lie where the policy has files saved *and* the PC's own file allows restores to write,
//! one in each such folder; they belong to the folder's owner, as what encrypts or deletes his
//! files runs as him. Nothing of anybody's is ever replaced, and nothing removed that is not
//! what was planted.

use crate::config::StateDir;
use crate::ledger::{Ledger, LedgerError};
use crate::places::{expand, literal};
use crate::platform;
use keepwatch_proto::canary::Canary;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::paths;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, TryLockError};
use tokio_util::sync::CancellationToken;

/// How often they are looked at, besides before each backup.
const EVERY: chrono::TimeDelta = chrono::TimeDelta::minutes(10);
/// In one folder no more are planted one after the other: somebody does not want them there.
const MOST: u32 = 5;
/// Folders that have one; a PC has few users.
const MOST_FOLDERS: usize = 200;
/// What they may be called; a few digits tell one PC's from another's.
const NAMES: [&str; 4] = ["accounts", "contracts", "passwords", "salaries"];

/// What is remembered of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Book {
    /// Names and contents come of it.
    secret: String,
    /// By folder.
    folders: BTreeMap<PathBuf, Place>,
}

/// A folder with one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// How many there were before the one that is there, or comes next.
    number: u32,
    /// Whether it is there.
    planted: bool,
}

/// This PC's.
pub(crate) struct Canaries {
    book: PathBuf,
    /// Where the PC's own file lets us write.
    roots: Vec<PathBuf>,
    ledger: Arc<Ledger>,
    clock: Clock,
    /// One look at a time: a disk that does not answer keeps one thread, not all.
    looking: Mutex<()>,
}

impl Canaries {
    pub(crate) fn new(state: &StateDir, roots: Vec<PathBuf>, ledger: Arc<Ledger>, clock: Clock) -> Arc<Self> {
        Arc::new(Self { book: state.canaries(), roots, ledger, clock, looking: Mutex::default() })
    }

    /// Plants them and looks at them until it is told to stop.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken) -> Result<(), LedgerError> {
        let (mut changes, mut seen) = (self.ledger.watch(), None);
        loop {
            // A policy that has not changed is no reason to look sooner.
            changes.borrow_and_update();
            let generation = self.ledger.generation()?;
            if seen != Some(generation) {
                seen = Some(generation);
                self.look().await;
            }
            let due = self.clock.patience(self.clock.now() + EVERY);
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(due) => self.look().await,
                () = stop.cancelled() => return Ok(()),
            }
        }
    }

    /// Looks at all of them now, and plants those that are missing. What goes wrong is no reason
    /// not to back up.
    pub(crate) async fn look(self: &Arc<Self>) {
        let canaries = Arc::clone(self);
        let looked = tokio::task::spawn_blocking(move || canaries.look_at_all()).await;
        match looked.map_err(io::Error::other) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("the canaries could not be looked at: {error}"),
            Err(error) => tracing::warn!(%error, "the look at the canaries crashed"),
        }
    }

    /// Globs of those that are there: a backup leaves them out, so that no restore brings any.
    pub(crate) fn globs(&self) -> Vec<String> {
        let book = Book::load(&self.book).ok().flatten();
        let book = book.iter().flat_map(|book| book.folders.iter().map(move |folder| (book, folder)));
        let there = book.filter(|(_, (_, place))| place.planted);
        there.map(|(book, (folder, place))| literal(&book.canary(folder, place.number).0)).collect()
    }

    fn look_at_all(&self) -> anyhow::Result<()> {
        let _looking = match self.looking.try_lock() {
            Ok(looking) => looking,
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Poisoned(broken)) => broken.into_inner(),
        };
        let Some(desired) = self.ledger.desired()? else { return Ok(()) };
        let wanted = match desired.policy.backup.canaries {
            true => self.wanted(&desired.policy.backup.paths),
            false => BTreeSet::new(),
        };
        let before = Book::load(&self.book)?;
        if before.is_none() && wanted.is_empty() {
            return Ok(());
        }
        let mut book = before.clone().unwrap_or_else(Book::begin);
        let touched = book.look(&wanted);
        for canary in touched {
            tracing::warn!(path = canary.path, gone = canary.gone, "a canary was touched");
            self.ledger.canary_touched(canary)?;
        }
        book.plant(&wanted);
        if before.as_ref() != Some(&book) {
            book.keep(&self.book)?;
        }
        Ok(())
    }

    /// Folders that are saved and may be written to, as they are without links on the way.
    fn wanted(&self, saved: &[String]) -> BTreeSet<PathBuf> {
        let roots: Vec<PathBuf> = self.roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
        let saved = expand(saved).map(|places| places.paths).unwrap_or_default();
        let real = saved.into_iter().filter_map(|path| path.canonicalize().ok());
        let allowed = real.filter(|path| path.is_dir() && roots.iter().any(|root| path.starts_with(root)));
        allowed.take(MOST_FOLDERS).collect()
    }
}

impl Book {
    fn begin() -> Self {
        Self { secret: hex::encode(rand::random::<[u8; 32]>()), folders: BTreeMap::new() }
    }

    fn load(path: &Path) -> io::Result<Option<Self>> {
        match std::fs::read(path) {
            // One that is damaged is begun anew: what was planted is then nobody's, and stays.
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn keep(&self, path: &Path) -> anyhow::Result<()> {
        let new = path.with_extension("new");
        platform::write_private(&new, &serde_json::to_vec(self)?)?;
        Ok(std::fs::rename(&new, path)?)
    }

    fn mark(&self, folder: &Path, number: u32) -> String {
        let hash = Sha256::new().chain_update(&self.secret).chain_update(paths::of_path(folder));
        hex::encode(hash.chain_update(number.to_le_bytes()).finalize())
    }

    /// The canary of a folder: where it is, and what is in it.
    fn canary(&self, folder: &Path, number: u32) -> (PathBuf, Vec<u8>) {
        let mark = self.mark(folder, number);
        let name = NAMES[usize::from(mark.as_bytes()[0]) % NAMES.len()];
        (folder.join(format!(".~{name}-{}.rtf", &mark[..6])), text(&mark))
    }

    /// Looks at those that are there. Those that are not wanted any more are taken back.
    fn look(&mut self, wanted: &BTreeSet<PathBuf>) -> Vec<Canary> {
        let (mut touched, mut done) = (Vec::new(), Vec::new());
        for (folder, place) in self.folders.clone() {
            let (path, content) = self.canary(&folder, place.number);
            // A disk that was taken out, or a user who has left, took it along.
            if !place.planted || !folder.is_dir() {
                if !wanted.contains(&folder) && !place.planted {
                    done.push(folder);
                }
                continue;
            }
            let found = platform::read_plain(&path, content.len() as u64 + 1);
            let gone = match found {
                Ok(found) if found == content => {
                    if !wanted.contains(&folder) {
                        match std::fs::remove_file(&path) {
                            Ok(()) => done.push(folder),
                            Err(error) => tracing::debug!(path = %path.display(), %error, "a canary stays"),
                        }
                    }
                    continue;
                }
                Ok(_) => false,
                Err(e) if e.kind() == io::ErrorKind::NotFound => true,
                // Another kind of thing has its name.
                Err(e) if e.kind() == io::ErrorKind::InvalidInput => false,
                Err(error) => {
                    tracing::debug!(path = %path.display(), %error, "a canary could not be looked at");
                    continue;
                }
            };
            touched.push(Canary { path: paths::of_path(&path), gone });
            self.folders.insert(folder, Place { number: place.number + 1, planted: false });
        }
        self.folders.retain(|folder, _| !done.contains(folder));
        touched
    }

    /// Plants those that are missing.
    fn plant(&mut self, wanted: &BTreeSet<PathBuf>) {
        for folder in wanted {
            let mut place = self.folders.get(folder).copied().unwrap_or_default();
            while !place.planted && place.number < MOST {
                let (path, content) = self.canary(folder, place.number);
                match path.file_name().map(|name| platform::plant(folder, name, &content)) {
                    Some(Ok(())) => place.planted = true,
                    // Ours, planted by a run that was cut off before it wrote it down.
                    Some(Err(e)) if e.kind() == io::ErrorKind::AlreadyExists => {
                        let found = platform::read_plain(&path, content.len() as u64 + 1);
                        match found.is_ok_and(|found| found == content) {
                            true => place.planted = true,
                            false => place.number += 1,
                        }
                    }
                    Some(Err(error)) => {
                        tracing::debug!(folder = %folder.display(), %error, "no canary can be planted here");
                        break;
                    }
                    None => break,
                }
            }
            self.folders.insert(folder.clone(), place);
        }
    }
}

/// A document that says what it is to whoever opens it.
fn text(mark: &str) -> Vec<u8> {
    let said = "这是守备（Keepwatch）放置的诱饵文件，用来发现勒索软件。请勿修改、改名或删除，否则 IT 部门会收到警报。";
    let chinese: String = said
        .encode_utf16()
        // RTF counts with a sign.
        .map(|unit| format!("\\u{}?", i32::from(unit) - if unit > 0x7fff { 0x1_0000 } else { 0 }))
        .collect();
    let english = "Keepwatch has put this file here to notice malware that encrypts or deletes files. Please do not \
                   change, rename or delete it: your IT staff would be alarmed.";
    let lines: String =
        (0..24).map(|n| format!("{n:02} {}\\par\n", hex::encode(Sha256::digest(format!("{n}{mark}"))))).collect();
    format!("{{\\rtf1\\ansi\\uc1 {chinese}\\par\n{english}\\par\n{lines}}}\n").into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    fn only(folder: &Path) -> PathBuf {
        let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        found.retain(|path| path.extension().is_some_and(|e| e == "rtf"));
        assert_eq!(found.len(), 1, "{found:?}");
        found.remove(0)
    }

    #[test]
    fn one_that_is_touched_is_told_of_once_and_another_takes_its_place() {
        let home = tempfile::tempdir().unwrap();
        let wanted = BTreeSet::from([home.path().to_owned()]);
        let mut book = Book::begin();
        let round = |book: &mut Book| {
            let touched = book.look(&wanted);
            book.plant(&wanted);
            touched
        };
        assert_eq!(round(&mut book), []);
        let first = only(home.path());
        assert!(fs::read_to_string(&first).unwrap().contains("Keepwatch"));
        assert_eq!(round(&mut book), []);
        assert_eq!(only(home.path()), first);

        fs::rename(&first, home.path().join("a.locked")).unwrap();
        assert_eq!(round(&mut book), [Canary { path: paths::of_path(&first), gone: true }]);
        assert_eq!(round(&mut book), []);
        let second = only(home.path());
        assert_ne!(first, second);

        fs::write(&second, "encrypted").unwrap();
        assert_eq!(round(&mut book), [Canary { path: paths::of_path(&second), gone: false }]);
        assert_eq!(fs::read_to_string(&second).unwrap(), "encrypted", "nothing is replaced");
        // Whoever does away with them again and again has them no more.
        for _ in 0..10 {
            round(&mut book);
            for entry in fs::read_dir(home.path()).unwrap() {
                fs::remove_file(entry.unwrap().path()).unwrap();
            }
        }
        round(&mut book);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn one_that_is_not_wanted_any_more_is_taken_back_where_it_is_still_ours() {
        let (home, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let wanted = BTreeSet::from([home.path().to_owned(), other.path().to_owned()]);
        let mut book = Book::begin();
        book.plant(&wanted);
        fs::write(only(other.path()), "mine now").unwrap();
        assert_eq!(book.look(&BTreeSet::new()).len(), 1);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
        assert_eq!(fs::read_to_string(only(other.path())).unwrap(), "mine now");
        book.look(&BTreeSet::new());
        assert_eq!(book.folders.len(), 0);
    }

    #[test]
    fn nothing_is_written_through_a_link_or_over_what_is_there() {
        let (home, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let wanted = BTreeSet::from([home.path().to_owned()]);
        let book = Book::begin();
        let victim = outside.path().join("victim");
        let (first, _) = book.canary(home.path(), 0);
        if !platform::link_for_tests(&victim, &first) {
            return;
        }
        let (second, content) = book.canary(home.path(), 1);
        fs::write(&second, "somebody's").unwrap();
        let mut planted = book.clone();
        planted.plant(&wanted);
        assert!(!victim.exists());
        assert_eq!(fs::read_to_string(&second).unwrap(), "somebody's");
        assert_eq!(planted.folders[home.path()], Place { number: 2, planted: true });
        // A link to something that reads the same is not it.
        fs::remove_file(&second).unwrap();
        fs::write(&victim, content).unwrap();
        assert!(platform::link_for_tests(&victim, &second));
        assert!(platform::read_plain(&second, 10_000).is_err());
        // A folder that is a link is none.
        let linked = outside.path().join("linked");
        assert!(platform::link_for_tests(home.path(), &linked));
        assert!(platform::plant(&linked, "x".as_ref(), b"x").is_err());
        assert!(!home.path().join("x").exists());
    }

    #[test]
    fn what_was_planted_and_not_written_down_is_known_again() {
        let home = tempfile::tempdir().unwrap();
        let wanted = BTreeSet::from([home.path().to_owned()]);
        let begun = Book::begin();
        begun.clone().plant(&wanted);
        let mut again = begun;
        again.plant(&wanted);
        only(home.path());
        assert_eq!(again.look(&wanted), []);
        // A user's folder that is gone is no alarm.
        let gone = home.path().to_owned();
        drop(home);
        assert_eq!(again.look(&BTreeSet::from([gone])), []);
    }
}
