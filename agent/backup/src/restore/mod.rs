//! Our own restorer, over a snapshot's folders and blobs: rustic_core's panics on disk and
//! network errors, and joins names as it finds them. Folders and files come first, links
//! after all of them, then folders' own mode and time from the deepest up, so that nothing
//! is ever written through a link or into a folder that is closed already.

mod conflict;
mod foreign;
mod gather;
mod names;
mod passes;
mod place;
mod select;

use crate::error::{Error, Result};
use crate::inspector::Inspector;
use crate::observer::{Failure, Observer, watch};
use crate::platform::Dir;
use crate::repository::{Repository, Snapshot, crashed};
use passes::{Restorer, Tally};
use select::Selection;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::thread;
#[cfg(test)]
pub(crate) use {names::Names, place::file};

pub use conflict::Conflict;
pub(crate) use gather::Gathered;

/// What is said of a file that is not handed out.
pub(crate) const REFUSED: &str = "it is infected, so it is left out";

/// Folders nest as deep as a snapshot says, within bounds; each level takes some stack.
const STACK: usize = 64 << 20;

/// What to restore, and where to.
#[derive(Clone, Default)]
pub struct RestoreOptions {
    /// The snapshot: an id, the start of one, or `latest`.
    pub snapshot: String,
    /// Files and folders of the snapshot; with no paths and no globs, all of it.
    pub paths: Vec<PathBuf>,
    /// Patterns over the snapshot's full paths, as for excludes.
    pub globs: Vec<String>,
    /// The folder to restore into; each entry comes to lie at its full path below it. `None`:
    /// where it was.
    pub target: Option<PathBuf>,
    /// What to do where something is there already.
    pub conflict: Conflict,
    /// Whether the snapshot is another PC's: then no device is made, and no program restored that acts
    /// as another user.
    pub foreign: bool,
    /// Whether to say only what would be done and what is in the way.
    pub dry_run: bool,
    /// Sees each file before it gets its name; one that it refuses is not restored.
    pub inspector: Option<Arc<dyn Inspector>>,
}

/// What a restore did, or, in a dry run, would do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RestoreReport {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Files restored.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Folders made.
    pub folders: u64,
    /// Links, FIFOs, sockets and devices made.
    pub specials: u64,
    /// Of the files, links and others, those that took the place of what was there.
    pub replaced: u64,
    /// Entries that were not restored since they are there already, or by choice.
    pub skipped: u64,
    /// Files that the inspector refused; they are among those that were not restored.
    pub refused: u64,
    /// Entries that should have been restored and were not, or not with all that belongs
    /// to them; 0 means whole.
    pub failed: u64,
    /// The first ten thousand of them by name.
    pub failures: Vec<Failure>,
}

impl Repository {
    /// Restores from a snapshot. What becomes of what is there already is the caller's choice;
    /// where there is no room nothing is begun. A run that was cut off is taken up by the next
    /// one into the same target, for what is there by then is skipped. Nothing is written outside
    /// the target, whatever the snapshot holds.
    pub fn restore(&self, options: &RestoreOptions, observer: &dyn Observer) -> Result<RestoreReport> {
        let selection = Selection::new(&options.paths, &options.globs)?;
        let snapshot = self.resolve(&options.snapshot)?;
        let indexed = self.indexed()?;
        self.begin();
        crate::platform::many_files();
        let target = open_target(options)?;
        let (sender, failures) = mpsc::channel();
        let restorer = Restorer::new(self, indexed, options, selection, sender);
        let tree = crate::tree::root(snapshot.tree);
        let (outcome, failures) = thread::scope(|scope| -> Result<_> {
            let work = move || restorer.restore(&tree, target);
            let worker = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            let worker = worker.map_err(|e| Error::Target { path: target_of(options), why: e.to_string() })?;
            let failures = watch(&failures, observer, &self.stop, &self.meter);
            Ok((worker.join(), failures))
        })?;
        let tally: Tally = outcome.map_err(|panic| crashed(&*panic))??;
        Ok(RestoreReport {
            snapshot: Snapshot::from(&snapshot),
            files: tally.files.load(Ordering::Relaxed),
            bytes: tally.bytes.load(Ordering::Relaxed),
            folders: tally.folders.load(Ordering::Relaxed),
            specials: tally.specials.load(Ordering::Relaxed),
            replaced: tally.replaced.load(Ordering::Relaxed),
            skipped: tally.skipped.load(Ordering::Relaxed),
            refused: tally.refused.load(Ordering::Relaxed),
            failed: failures.count,
            failures: failures.named,
        })
    }
}

/// The target; in a dry run it need not be there.
fn open_target(options: &RestoreOptions) -> Result<Option<Dir>> {
    let opened = match &options.target {
        None => Dir::everything().map(Some),
        Some(target) if !options.dry_run => Dir::root(target).map(Some),
        Some(target) => match Dir::existing(target) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            outcome => outcome.map(Some),
        },
    };
    opened.map_err(|e| Error::Target { path: target_of(options), why: e.to_string() })
}

/// The target, for messages.
fn target_of(options: &RestoreOptions) -> PathBuf {
    options.target.clone().unwrap_or_else(crate::tree::top)
}
