//! Looking into a snapshot without restoring it: list, find, read one file.

use crate::error::{Error, Result};
use crate::repository::Repository;
use crate::sieve::Sieve;
use crate::tree::{self, Indexed};
use chrono::{DateTime, Utc};
use rustic_core::BlobId;
use rustic_core::repofile::{BlobType, Node, NodeType};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Special,
}

/// One file or folder of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its full path in the snapshot, from `/` on. Its names are plain ones.
    pub path: PathBuf,
    /// What it is.
    pub kind: EntryKind,
    /// A file's size.
    pub size: u64,
    /// Unix permissions.
    pub mode: u32,
    /// When its content last changed.
    pub modified: Option<DateTime<Utc>>,
    /// Where a link leads.
    pub target: Option<PathBuf>,
    /// Which content a file has: the SHA-256 of its blobs' ids in their order, in hexadecimal.
    /// Files that have the same hold the same bytes, whatever their names.
    pub content: Option<String>,
}

impl Repository {
    /// Tells the entries below `path` (or the file that it is), and those further down too
    /// if `recursive`. A crafted snapshot can be endless: end it when you have enough.
    pub fn entries(
        &self,
        snapshot: &str,
        path: &Path,
        recursive: bool,
        tell: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<()> {
        let (indexed, node) = self.node(snapshot, path)?;
        let path = plain(path);
        if !node.is_dir() {
            let _ = tell(entry(path, &node));
            return Ok(());
        }
        let mut visit = |path: PathBuf, node: &Node| tell(entry(path, node));
        let go_on = || !self.guard.is_out_of_reach();
        tree::walk(&indexed, node, path, recursive, &go_on, &mut visit).map_err(|why| self.broken(why))
    }

    /// Writes a file's content to `out` and says how many bytes it was. Each part is verified
    /// before it is passed on; with a sieve, none is before all of it was looked at.
    pub fn read_file(
        &self,
        snapshot: &str,
        path: &Path,
        sieve: Option<&Sieve<'_>>,
        out: &mut dyn Write,
    ) -> Result<u64> {
        let Some(sieve) = sieve else { return self.content_of(snapshot, path, out) };
        let mut copy = sieve.copy().map_err(Error::Copy)?;
        let length = self.content_of(snapshot, path, &mut copy).map_err(|error| match error {
            Error::Write(error) => Error::Copy(error),
            error => error,
        })?;
        if length > 0 && !sieve.admits(path, &mut copy).map_err(Error::Copy)? {
            return Err(Error::Refused(path.to_owned()));
        }
        copy.rewind().map_err(Error::Copy)?;
        io::copy(&mut copy, out).map_err(Error::Write)
    }

    fn content_of(&self, snapshot: &str, path: &Path, out: &mut dyn Write) -> Result<u64> {
        let (indexed, node) = self.node(snapshot, path)?;
        if !node.is_file() {
            return Err(Error::NotAFile(path.to_owned()));
        }
        let mut length = 0;
        for id in node.content.iter().flatten() {
            let content = tree::blob(&indexed, BlobId::from(**id), BlobType::Data).map_err(|why| self.broken(why))?;
            out.write_all(&content).map_err(Error::Write)?;
            length += content.len() as u64;
        }
        Ok(length)
    }

    /// Which content files of a snapshot have, as in [`Entry::content`]; `None` where there is no
    /// such file.
    pub fn content_ids(&self, snapshot: &str, paths: &[&Path]) -> Result<Vec<Option<String>>> {
        let (snapshot, indexed) = (self.resolve(snapshot)?, self.indexed()?);
        let of = |path: &&Path| {
            let node = tree::find(&indexed, snapshot.tree, path).map_err(|why| self.broken(why))?;
            Ok(node.as_ref().and_then(content_id))
        };
        paths.iter().map(of).collect()
    }

    /// The node at a path of a snapshot, and the repository with its index.
    pub(crate) fn node(&self, snapshot: &str, path: &Path) -> Result<(std::sync::Arc<Indexed>, Node)> {
        let snapshot = self.resolve(snapshot)?;
        let mut indexed = self.indexed()?;
        let mut node = tree::find(&indexed, snapshot.tree, path);
        if !node.as_ref().is_ok_and(|node| node.as_ref().is_none_or(|node| tree::is_named(&indexed, node))) {
            // Perhaps an index is lost, and what it named is not.
            indexed = self.indexed_by_packs()?;
            node = tree::find(&indexed, snapshot.tree, path);
        }
        let node = node.map_err(|why| self.broken(why))?;
        Ok((indexed, node.ok_or_else(|| Error::NoSuchPath(path.to_owned()))?))
    }
}

/// A path as snapshots have it: a drive is the folder of its letter, and what is no plain name is
/// left out.
pub fn plain(path: &Path) -> PathBuf {
    tree::names(path).into_iter().flatten().fold(tree::top(), |path, name| path.join(name))
}

/// Where on this PC a path of a snapshot is.
pub fn local(path: &Path) -> PathBuf {
    crate::platform::local(path)
}

fn content_id(node: &Node) -> Option<String> {
    let ids = node.content.iter().flatten().map(|id| id.to_hex());
    let hash = || ids.fold(Sha256::new(), |hash, id| hash.chain_update(id.as_str())).finalize();
    node.is_file().then(|| hex::encode(hash()))
}

fn entry(path: PathBuf, node: &Node) -> Entry {
    let nanos = node.meta.mtime.map(|time| time.as_nanosecond());
    Entry {
        path,
        kind: match node.node_type {
            NodeType::File => EntryKind::File,
            NodeType::Dir => EntryKind::Folder,
            NodeType::Symlink { .. } => EntryKind::Link,
            _ => EntryKind::Special,
        },
        size: node.meta.size,
        mode: crate::platform::mode::permissions_from_go(node.meta.mode.unwrap_or(0)),
        modified: nanos.and_then(|nanos| i64::try_from(nanos).ok()).map(DateTime::from_timestamp_nanos),
        target: node.is_symlink().then(|| node.node_type.to_link().to_owned()),
        content: content_id(node),
    }
}
