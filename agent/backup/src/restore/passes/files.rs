//! The pass for folders and files. Files go in groups to a few writers.

use super::levels::Levels;
use super::{Pass, Restorer};
use crate::platform::Dir;
use crate::restore::gather::{Gather, WINDOW};
use crate::restore::place::{self, Placed, Unplaced, Watch};
use crate::restore::{names, target_of};
use crate::tree;
use rustic_core::BlobId;
use rustic_core::repofile::Node;
use std::cell::RefCell;
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// Files written at the same time: each waits for the network more than for the disk.
const WRITERS: usize = 4;
/// Small files that one writer gets at a time.
const MOST_IN_GROUP: usize = 128;

impl Restorer<'_> {
    /// Folders and files. Files go to a few writers; little waits in between.
    pub(super) fn files(&self, tree: &Node, top: &Path, levels: &mut Levels<'_>) {
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
}

/// A file on its way.
pub(super) struct Writing<'a, 'g> {
    pub(super) restorer: &'a Restorer<'a>,
    pub(super) path: &'a Path,
    pub(super) gather: Option<&'a RefCell<Gather<'g>>>,
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
        let at: PathBuf = std::iter::once(target_of(self.restorer.options).as_os_str()).chain(names).collect();
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
