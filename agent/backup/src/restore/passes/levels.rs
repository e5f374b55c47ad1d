//! Where a pass is in the target.

use super::Restorer;
use crate::platform::Dir;
use rustic_core::repofile::Node;
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The folders from the target down to where a pass is, opened or made when something in
/// them is wanted.
pub(super) struct Levels<'a> {
    pub(super) restorer: &'a Restorer<'a>,
    pub(super) target: Option<Arc<Dir>>,
    pub(super) stack: Vec<Level>,
    /// Folders that this restore made, by their path: only their mode and time are ours to set.
    pub(super) made: HashSet<PathBuf>,
}

pub(super) struct Level {
    name: OsString,
    path: PathBuf,
    dir: Option<Result<Arc<Dir>, String>>,
}

impl<'a> Levels<'a> {
    pub(super) fn new(restorer: &'a Restorer<'a>, target: Option<Dir>) -> Self {
        Self { restorer, target: target.map(Arc::new), stack: Vec::new(), made: HashSet::new() }
    }

    pub(super) fn enter(&mut self, path: &Path, node: &Node) {
        self.stack.push(Level { name: node.name().into_owned(), path: path.to_owned(), dir: None });
    }

    /// The innermost folder. None when, in a dry run, it is not there yet.
    pub(super) fn here(&mut self) -> Result<Option<Arc<Dir>>, String> {
        let Some(mut dir) = self.target.clone() else { return Ok(None) };
        for level in &mut self.stack {
            if level.dir.is_none() {
                let opened = if self.restorer.options.dry_run {
                    match dir.look(&level.name) {
                        Ok(None) => return Ok(None),
                        _ => dir.open(&level.name).map(|dir| (dir, false)),
                    }
                } else {
                    dir.make(&level.name)
                };
                level.dir = Some(opened.map_err(|e| e.to_string()).map(|(dir, made)| {
                    if made {
                        self.made.insert(level.path.clone());
                        self.restorer.tally.folders.fetch_add(1, Ordering::Relaxed);
                    }
                    Arc::new(dir)
                }));
            }
            match &level.dir {
                Some(Ok(opened)) => dir = Arc::clone(opened),
                Some(Err(why)) => return Err(format!("its folder {} cannot be used: {why}", level.path.display())),
                None => return Ok(None),
            }
        }
        Ok(Some(dir))
    }
}
