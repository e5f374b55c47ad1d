//! Files with several names (hard links): the first name that is met is written, the others
//! are linked to it once all files are there.

use super::conflict::Conflict;
use super::place::{self, Placed, Unplaced, Watch};
use crate::platform::Dir;
use crate::tree::{self, Indexed};
use rustic_core::repofile::{Node, NodeType};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Files that are remembered; the names of more are restored as files of their own.
const MOST: usize = 1_000_000;

/// Which file a node is a name of: its device and its number there.
pub(crate) type File = (u64, u64);

/// The file that this is one name of several of.
pub(super) fn file(node: &Node) -> Option<File> {
    let several = node.node_type == NodeType::File && node.meta.links > 1 && node.meta.inode != 0;
    several.then_some((node.meta.device_id, node.meta.inode))
}

/// The first names, as far as they are in place.
#[derive(Default)]
pub(crate) struct Names(Mutex<HashMap<File, (PathBuf, Node)>>);

impl Names {
    /// A first name is in place.
    pub(crate) fn placed(&self, file: File, path: &Path, node: &Node) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() < MOST {
            names.entry(file).or_insert_with(|| (path.to_owned(), node.clone()));
        }
    }

    /// Places a further name: as a link to the first, or, where there is none that it may be
    /// linked to, as a file.
    pub(crate) fn further(
        &self,
        repository: &Indexed,
        target: &Dir,
        dir: &Dir,
        node: &Node,
        conflict: Conflict,
        watch: &dyn Watch,
    ) -> Result<Placed, Unplaced> {
        let first = file(node).and_then(|file| {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .get(&file)
                .map(|(path, first)| (path.clone(), first.content == node.content))
        });
        // Numbers are used again: two that differ are two.
        if let Some((path, true)) = first {
            let placed = place::foreseen(dir, node, conflict)?;
            let Placed::Done { name, replaced, .. } = &placed else { return Ok(placed) };
            if let Some(linked) = link(target, &path, dir, name, *replaced) {
                // It is done with, as if it had been written.
                watch.chunk(node.meta.size)?;
                return linked.map(|()| placed);
            }
        }
        place::file(repository, dir, node, conflict, watch)
    }
}

/// `None` where the file system has no such links, or the first name is no longer there.
fn link(target: &Dir, first: &Path, dir: &Dir, name: &OsStr, overwrite: bool) -> Option<Result<(), Unplaced>> {
    let names = tree::names(first)?;
    let (first_name, folders) = names.split_last()?;
    let mut folder: Option<Dir> = None;
    for level in folders {
        folder = Some(folder.as_ref().unwrap_or(target).open(level).ok()?);
    }
    place::link(folder.as_ref().unwrap_or(target), first_name, dir, name, overwrite)
}
