//! The last pass: links, further names of files, and the folders' own mode and time.

use super::Pass;
use super::files::Writing;
use super::levels::Levels;
use crate::restore::conflict::Conflict;
use crate::restore::{names, place};
use rustic_core::repofile::Node;
use std::collections::HashSet;
use std::path::Path;

/// Links and further names of files, then each folder's own mode and time as it is left for
/// the last time.
pub(super) struct Links<'l, 'a> {
    pub(super) levels: &'l mut Levels<'a>,
    pub(super) seen: HashSet<names::File>,
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
