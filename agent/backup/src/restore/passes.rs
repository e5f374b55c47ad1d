//! The passes of a restore over a snapshot's folders: one to measure, one for folders and
//! files, one for links and the folders' own mode and time.

mod files;
mod levels;
mod links;
mod measure;

use super::conflict::Conflict;
use super::foreign::{self, Tamed};
use super::names::Names;
use super::place::{Placed, Unplaced};
use super::select::{Selection, Wanted};
use super::{REFUSED, RestoreOptions};
use crate::error::{Error, Result};
use crate::observer::Failure;
use crate::platform::Dir;
use crate::repository::Repository;
use crate::storage::StorageError;
use crate::tree::{self, Indexed};
use levels::Levels;
use links::Links;
use measure::{Measure, Measured};
use rustic_core::repofile::Node;
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) files: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) folders: AtomicU64,
    pub(super) specials: AtomicU64,
    pub(super) replaced: AtomicU64,
    pub(super) skipped: AtomicU64,
    pub(super) refused: AtomicU64,
}

/// What a pass does on its way. Paths are the snapshot's.
trait Pass {
    /// A folder begins; `whole` says that it is to be restored even when empty. Says whether to look
    /// into it.
    fn enter(&mut self, path: &Path, node: &Node, whole: bool) -> bool;
    /// A chosen entry that is no folder.
    fn entry(&mut self, path: &Path, node: &Node);
    /// A chosen entry that is there, and is not to be restored.
    fn left_out(&mut self, _: &Path) {}
    /// The folder that was last entered ends.
    fn leave(&mut self, path: &Path, node: &Node, whole: bool);
    /// Something of the snapshot cannot be read or must not be used.
    fn broken(&mut self, path: &Path, reason: &str);
}

pub(super) struct Restorer<'a> {
    repository: &'a Repository,
    indexed: Arc<Indexed>,
    options: &'a RestoreOptions,
    selection: Selection,
    failures: Sender<Failure>,
    fatal: Mutex<Option<StorageError>>,
    /// Whether the target's disk is.
    full: AtomicBool,
    names: Names,
    tally: Tally,
}

impl<'a> Restorer<'a> {
    pub(super) fn new(
        repository: &'a Repository,
        indexed: Arc<Indexed>,
        options: &'a RestoreOptions,
        selection: Selection,
        failures: Sender<Failure>,
    ) -> Self {
        let (fatal, full, names, tally) =
            (Mutex::default(), AtomicBool::new(false), Names::default(), Tally::default());
        Self { repository, indexed, options, selection, failures, fatal, full, names, tally }
    }

    pub(super) fn restore(mut self, tree: &Node, target: Option<Dir>) -> Result<Tally> {
        let top = tree::top();
        let mut measured = self.measure(tree);
        if measured.unnamed && !self.repository.stop.wanted() {
            // Perhaps an index is lost, and what it named is not.
            self.indexed = self.repository.indexed_by_packs()?;
            measured = self.measure(tree);
        }
        let bytes = self.told(measured)?;
        if let Some(dir) = target.as_ref().filter(|_| !self.options.dry_run) {
            self.has_room(dir, bytes)?;
        }
        let mut levels = Levels::new(&self, target);
        self.files(tree, &top, &mut levels);
        if !self.options.dry_run {
            self.each(tree, &top, 0, false, &mut Links { levels: &mut levels, seen: HashSet::new() });
        }
        let fatal = self.fatal.lock().unwrap_or_else(PoisonError::into_inner).take();
        match fatal {
            Some(error) => Err(error.into()),
            None if self.full.load(Ordering::Relaxed) => Err(self.no_room("its disk is full")),
            None if self.repository.stop.wanted() => Err(Error::Cancelled),
            None => Ok(self.tally),
        }
    }

    fn measure(&self, tree: &Node) -> Measured {
        let mut measured = Measured { unnamed: !tree::is_named(&self.indexed, tree), ..Measured::default() };
        self.each(tree, &tree::top(), 0, false, &mut Measure { restorer: self, measured: &mut measured });
        measured
    }

    /// Tells what is missing, and says how many bytes are to be written.
    fn told(&self, measured: Measured) -> Result<u64> {
        if let Some(why) = measured.endless {
            return Err(Error::Broken { location: self.repository.storage.location(), why });
        }
        self.repository.meter.total.store(measured.bytes, Ordering::Relaxed);
        for (path, reason) in measured.broken {
            self.failed(&path, reason);
        }
        for path in self.selection.paths().iter().filter(|path| !measured.found.contains(*path)) {
            self.failed(path, "the snapshot does not hold it");
        }
        for glob in self.options.globs.iter().filter(|_| !measured.any) {
            self.failed(Path::new(glob), "nothing in the snapshot matches this pattern");
        }
        Ok(measured.room)
    }

    /// Whether what is to be restored fits, where all of it comes to lie beside what is there.
    fn has_room(&self, dir: &Dir, bytes: u64) -> Result<()> {
        // In place it may go to several disks: one that is full shows when it is.
        let beside = self.options.target.is_some();
        let adds = beside && matches!(self.options.conflict, Conflict::Refuse | Conflict::KeepBoth);
        match dir.free_space() {
            Some(free) if adds && free < bytes => {
                Err(self.no_room(&format!("{bytes} bytes are to be restored and {free} are free")))
            }
            _ => Ok(()),
        }
    }

    fn no_room(&self, why: &str) -> Error {
        Error::Target {
            path: super::target_of(self.options),
            why: format!("there is no room: {why}; make room, or restore elsewhere"),
        }
    }

    /// Goes over all that is chosen below `folder`.
    fn each(&self, folder: &Node, path: &Path, depth: usize, within: bool, pass: &mut dyn Pass) {
        if self.repository.stop.wanted() {
            return;
        }
        let children = match tree::children(&self.indexed, folder, depth) {
            Ok(children) => children,
            Err(why) => {
                self.note_fatal();
                return pass.broken(path, &why);
            }
        };
        for name in children.refused {
            pass.broken(
                &path.join(name.escape_debug().to_string().replace('/', "\\x2f")),
                "no file can have this name",
            );
        }
        for mut node in children.nodes {
            let path = path.join(node.name());
            let wanted = self.selection.wanted(&path, within);
            if self.options.foreign && wanted == Wanted::Whole {
                match foreign::tame(&mut node) {
                    Tamed::Harmless => {}
                    Tamed::Less(why) => pass.broken(&path, why),
                    Tamed::No(why) => {
                        pass.left_out(&path);
                        pass.broken(&path, why);
                        continue;
                    }
                }
            }
            match (wanted, node.is_dir()) {
                (Wanted::No, _) | (Wanted::Below, false) => {}
                (Wanted::Whole, false) => pass.entry(&path, &node),
                (_, true) => {
                    let whole = wanted == Wanted::Whole;
                    if pass.enter(&path, &node, whole) {
                        self.each(&node, &path, depth + 1, whole, pass);
                    }
                    pass.leave(&path, &node, whole);
                }
            }
        }
    }

    /// Whether a file may come back, as far as is known before it is read.
    fn admits(&self, path: &Path) -> bool {
        self.options.inspector.as_ref().is_none_or(|inspector| inspector.admits(path))
    }

    fn placed(&self, path: &Path, node: &Node, outcome: Result<Placed, Unplaced>) {
        match outcome {
            Ok(Placed::Skipped) => {
                self.tally.skipped.fetch_add(1, Ordering::Relaxed);
            }
            Ok(Placed::Done { replaced, problem, .. }) => {
                self.count(node);
                self.tally.replaced.fetch_add(replaced.into(), Ordering::Relaxed);
                if let Some(problem) = problem {
                    self.failed(path, problem);
                }
            }
            // What a stop cut off has not failed.
            Err(_) if self.repository.stop.wanted() => {}
            Err(Unplaced::Full) => {
                self.full.store(true, Ordering::Relaxed);
                self.repository.stop.ask();
            }
            Err(Unplaced::Refused) => {
                self.tally.refused.fetch_add(1, Ordering::Relaxed);
                self.failed(path, REFUSED);
            }
            Err(Unplaced::Why(reason)) => self.failed(path, reason),
        }
    }

    fn count(&self, node: &Node) {
        if node.is_file() {
            self.tally.files.fetch_add(1, Ordering::Relaxed);
            self.tally.bytes.fetch_add(tree::stored(&self.indexed, node), Ordering::Relaxed);
            self.repository.meter.files.fetch_add(1, Ordering::Relaxed);
        } else {
            self.tally.specials.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn failed(&self, path: &Path, reason: impl Into<String>) {
        // Nobody listens only when the run is over.
        let _ = self.failures.send(Failure { path: path.to_owned(), reason: reason.into() });
    }

    /// Ends the run when the storage is out of reach: every file that is left would wait
    /// just as long and fail the same way.
    fn note_fatal(&self) {
        let fatal = |e: &StorageError| e.is_of_all() && !matches!(e, StorageError::Cancelled);
        if let Some(error) = self.repository.guard.take_failure().filter(fatal) {
            self.fatal.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            self.repository.stop.ask();
        }
    }
}
