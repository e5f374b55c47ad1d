//! The way through a folder of a snapshot, each entry under the name that it gets in an archive.

use crate::error::Result;
use crate::repository::Repository;
use crate::storage::StorageError;
use crate::tree::{self, Indexed};
use rustic_core::repofile::Node;
use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Bytes of a name; more than any system lets a file have.
const LONGEST_NAME: usize = 1024;

/// Bytes of a path; folders below would only cost memory.
const LONGEST_PATH: usize = 16 << 10;

/// What is met.
pub(super) enum Seen<'a> {
    /// An entry: its path in the snapshot and its name in the archive.
    Entry { path: &'a Path, name: &'a [u8], node: &'a Node },
    /// What cannot be had.
    LeftOut { path: &'a Path, why: &'a str },
}

pub(super) struct Walk<'a> {
    repository: &'a Repository,
    indexed: &'a Indexed,
    path: PathBuf,
}

/// A folder under way.
struct Level {
    path: PathBuf,
    name: Vec<u8>,
    nodes: std::vec::IntoIter<Node>,
}

type Visit<'a> = &'a mut dyn FnMut(Seen<'_>) -> Result<()>;

impl<'a> Walk<'a> {
    pub(super) fn new(repository: &'a Repository, indexed: &'a Indexed, path: &Path) -> Self {
        Self { repository, indexed, path: crate::browse::plain(path) }
    }

    /// Visits `node`, called `top`, and all below it.
    pub(super) fn each(&self, node: Node, top: &[u8], visit: Visit<'_>) -> Result<()> {
        visit(Seen::Entry { path: &self.path, name: top, node: &node })?;
        if !node.is_dir() {
            return Ok(());
        }
        let mut levels = vec![self.open(&node, self.path.clone(), top.to_owned(), 0, visit)?];
        while let Some(level) = levels.last_mut() {
            let Some(node) = level.nodes.next() else {
                levels.pop();
                continue;
            };
            let path = level.path.join(node.name());
            let name = [&level.name[..], b"/", node.name().as_encoded_bytes()].concat();
            visit(Seen::Entry { path: &path, name: &name, node: &node })?;
            if node.is_dir() {
                let depth = levels.len();
                levels.push(self.open(&node, path, name, depth, visit)?);
            }
        }
        Ok(())
    }

    /// What is in a folder, links last: nothing is unpacked through a link, even where `A` and
    /// `a` are one name.
    fn open(&self, folder: &Node, path: PathBuf, name: Vec<u8>, depth: usize, visit: Visit<'_>) -> Result<Level> {
        let children = match tree::children(self.indexed, folder, depth) {
            Ok(children) => children,
            Err(why) => {
                fatal(self.repository)?;
                visit(Seen::LeftOut { path: &path, why: &format!("what is in this folder cannot be read: {why}") })?;
                tree::Children::default()
            }
        };
        for name in children.refused {
            let shown: String = name.chars().take(LONGEST_NAME).collect();
            let why = format!("it holds an entry whose name cannot be a file's: '{}'", shown.escape_debug());
            visit(Seen::LeftOut { path: &path, why: &why })?;
        }
        let (links, mut nodes): (Vec<Node>, Vec<Node>) = children.nodes.into_iter().partition(Node::is_symlink);
        nodes.extend(links);
        let (mut names, mut kept) = (HashSet::<OsString>::new(), Vec::with_capacity(nodes.len()));
        for node in nodes {
            let name = node.name().into_owned();
            let why = if name.len() > LONGEST_NAME {
                "its name is longer than any file's"
            } else if path.as_os_str().len() + name.len() > LONGEST_PATH {
                "its path is longer than any program can open"
            } else if names.contains(&name) {
                "its folder has another entry of the same name"
            } else {
                names.insert(name);
                kept.push(node);
                continue;
            };
            visit(Seen::LeftOut { path: &path.join(shortened(&name)), why })?;
        }
        Ok(Level { path, name, nodes: kept.into_iter() })
    }
}

/// A name, for messages.
fn shortened(name: &OsStr) -> OsString {
    if name.len() <= LONGEST_NAME {
        return name.to_owned();
    }
    name.to_string_lossy().chars().take(LONGEST_NAME / 8).chain(['…']).collect::<String>().into()
}

/// Ends the work where the storage is out of reach, and not where one thing in it is damaged.
pub(super) fn fatal(repository: &Repository) -> Result<()> {
    match repository.guard.take_failure().filter(StorageError::is_of_all) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
