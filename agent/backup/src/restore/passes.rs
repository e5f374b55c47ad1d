//! The passes of a restore over a snapshot's folders: one to measure, one for folders and
//! files, one for links and the folders' own mode and time.

mod levels;
mod measure;

use super::conflict::Conflict;
use super::foreign::{self, Tamed};
use super::gather::{Gather, WINDOW};
use super::names::{self, Names};
use super::place::{self, Placed, Unplaced, Watch};
use super::select::{Selection, Wanted};
use super::{REFUSED, RestoreOptions};
use crate::error::{Error, Result};
use crate::observer::Failure;
use crate::platform::Dir;
use crate::repository::Repository;
use crate::storage::StorageError;
use crate::tree::{self, Indexed};
use levels::Levels;
use measure::{Measure, Measured};
use rustic_core::BlobId;
use rustic_core::repofile::Node;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Files written at the same time: each waits for the network more than for the disk.
const WRITERS: usize = 4;
/// Small files that one writer gets at a time.
const MOST_IN_GROUP: usize = 128;

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

    /// Folders and files. Files go to a few writers; little waits in between.
    fn files(&self, tree: &Node, top: &Path, levels: &mut Levels<'_>) {
        let (sender, jobs) = sync_channel::<Group>(WRITERS);
        let jobs = Mutex::new(jobs);
        thread::scope(|scope| {
            for _ in 0..WRITERS {
                scope.spawn(|| self.write(&jobs));
            }
            // Dropped at the end, which ends the writers.
            let mut files = Files { levels, groups: sender, group: Group::default(), seen: HashSet::new() };
            self.each(tree, top, 0, false, &mut files);
            files.hand_over();
        });
    }

    fn write(&self, groups: &Mutex<Receiver<Group>>) {
        let next = || groups.lock().unwrap_or_else(PoisonError::into_inner).recv();
        while let Ok(group) = next() {
            let will_be_read = |job: &&Job| {
                matches!(place::foreseen(&job.dir, &job.node, self.options.conflict), Ok(Placed::Done { .. }))
            };
            let contents = group.jobs.iter().filter(will_be_read).flat_map(|job| job.node.content.iter().flatten());
            let wanted = contents.map(|id| BlobId::from(**id)).collect();
            let gather = RefCell::new(Gather::new(&self.repository.guard, &self.indexed, wanted));
            // Drained where it is stopped, so that the sender never waits for nobody.
            for job in group.jobs.iter().take_while(|_| !self.repository.stop.wanted()) {
                self.write_one(job, &gather);
            }
        }
    }

    fn write_one(&self, job: &Job, gather: &RefCell<Gather<'_>>) {
        let writing = Writing { restorer: self, path: &job.path, gather: Some(gather) };
        let placed = place::file(&self.indexed, &job.dir, &job.node, self.options.conflict, &writing);
        self.note_fatal();
        if let (Ok(Placed::Done { name, .. }), Some(file)) = (&placed, names::file(&job.node)) {
            self.names.placed(file, &job.path.with_file_name(name), &job.node);
        }
        self.placed(&job.path, &job.node, placed);
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

/// A file on its way.
struct Writing<'a, 'g> {
    restorer: &'a Restorer<'a>,
    path: &'a Path,
    gather: Option<&'a RefCell<Gather<'g>>>,
}

impl Watch for Writing<'_, '_> {
    fn chunk(&self, bytes: u64) -> Result<(), String> {
        let repository = self.restorer.repository;
        repository.meter.bytes.fetch_add(bytes, Ordering::Relaxed);
        if repository.stop.wanted() { Err("stopped".to_owned()) } else { Ok(()) }
    }

    fn needs(&self, id: &BlobId) {
        if let Some(gather) = self.gather {
            gather.borrow_mut().needs(id);
        }
    }

    /// From what has just been written: the system still has it in memory.
    fn admits(&self, file: &File, temporary: &OsStr) -> io::Result<bool> {
        let Some(inspector) = &self.restorer.options.inspector else { return Ok(true) };
        let mut file = file.try_clone()?;
        file.rewind()?;
        let names = tree::names(self.path).into_iter().flatten();
        let at: PathBuf = std::iter::once(super::target_of(self.restorer.options).as_os_str()).chain(names).collect();
        Ok(inspector.read(self.path, &at.with_file_name(temporary), file)?.is_some())
    }
}

/// Files that are written one after the other, by one writer.
#[derive(Default)]
struct Group {
    jobs: Vec<Job>,
    bytes: u64,
}

/// A file to write.
struct Job {
    dir: Arc<Dir>,
    node: Node,
    path: PathBuf,
}

/// Folders, files by their first name, and all else but links.
struct Files<'l, 'a> {
    levels: &'l mut Levels<'a>,
    groups: SyncSender<Group>,
    group: Group,
    /// Files whose first name was met.
    seen: HashSet<names::File>,
}

impl Files<'_, '_> {
    fn hand_over(&mut self) {
        // The writers outlive this pass.
        let _ = self.groups.send(std::mem::take(&mut self.group));
    }
}

impl Pass for Files<'_, '_> {
    fn enter(&mut self, path: &Path, node: &Node, whole: bool) -> bool {
        self.levels.enter(path, node);
        match whole.then(|| self.levels.here()) {
            Some(Ok(None)) => {
                self.levels.restorer.tally.folders.fetch_add(1, Ordering::Relaxed);
            }
            Some(Err(why)) => self.levels.restorer.failed(path, why),
            Some(Ok(Some(_))) | None => {}
        }
        true
    }

    fn entry(&mut self, path: &Path, node: &Node) {
        let further = names::file(node).is_some_and(|file| !self.seen.insert(file));
        let restorer = self.levels.restorer;
        let conflict = restorer.options.conflict;
        if node.is_file() && !restorer.admits(path) {
            return restorer.placed(path, node, Err(Unplaced::Refused));
        }
        match self.levels.here() {
            Err(why) => restorer.failed(path, why),
            // Only in a dry run is the folder not there yet.
            Ok(None) => restorer.count(node),
            Ok(Some(dir)) if restorer.options.dry_run => {
                restorer.placed(path, node, place::foreseen(&dir, node, conflict));
            }
            Ok(Some(_)) if node.is_symlink() => {}
            Ok(Some(_)) if further => {}
            Ok(Some(dir)) if node.is_file() => {
                self.group.jobs.push(Job { dir, node: node.clone(), path: path.to_owned() });
                self.group.bytes = self.group.bytes.saturating_add(node.meta.size);
                if self.group.bytes >= WINDOW || self.group.jobs.len() >= MOST_IN_GROUP {
                    self.hand_over();
                }
            }
            Ok(Some(dir)) => restorer.placed(path, node, place::special(&dir, node, conflict)),
        }
    }

    fn leave(&mut self, _: &Path, _: &Node, _: bool) {
        self.levels.stack.pop();
    }

    fn broken(&mut self, _: &Path, _: &str) {}
}

/// Links and further names of files, then each folder's own mode and time as it is left for
/// the last time.
struct Links<'l, 'a> {
    levels: &'l mut Levels<'a>,
    seen: HashSet<names::File>,
}

impl Pass for Links<'_, '_> {
    fn enter(&mut self, path: &Path, node: &Node, _: bool) -> bool {
        self.levels.enter(path, node);
        true
    }

    fn entry(&mut self, path: &Path, node: &Node) {
        let further = names::file(node).is_some_and(|file| !self.seen.insert(file));
        if !node.is_symlink() && (!further || !self.levels.restorer.admits(path)) {
            return;
        }
        let restorer = self.levels.restorer;
        let (conflict, target) = (restorer.options.conflict, self.levels.target.clone());
        // A folder that cannot be used has been told with its files, and by itself.
        match self.levels.here() {
            Ok(Some(dir)) => {
                let outcome = match target {
                    Some(target) if further => {
                        let writing = Writing { restorer, path, gather: None };
                        restorer.names.further(&restorer.indexed, &target, &dir, node, conflict, &writing)
                    }
                    _ => place::special(&dir, node, conflict),
                };
                restorer.note_fatal();
                restorer.placed(path, node, outcome);
            }
            Ok(None) => {}
            Err(why) => restorer.failed(path, why),
        }
    }

    fn leave(&mut self, path: &Path, node: &Node, whole: bool) {
        let ours =
            self.levels.made.contains(path) || whole && self.levels.restorer.options.conflict == Conflict::Overwrite;
        if ours
            && let Ok(Some(dir)) = self.levels.here()
            && let Err(e) = dir.finish(&node.meta)
        {
            self.levels.restorer.failed(path, place::incomplete(e));
        }
        self.levels.stack.pop();
    }

    fn broken(&mut self, _: &Path, _: &str) {}
}
