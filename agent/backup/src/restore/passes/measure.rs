//! What there is to restore: how much, whether what was chosen is there, what of it is broken.

use super::{Pass, Restorer};
use crate::tree;
use rustic_core::repofile::Node;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// What there is to restore.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) bytes: u64,
    /// What they take on the disk: less, where there are holes.
    pub(super) room: u64,
    /// The chosen paths that are there.
    pub(super) found: HashSet<PathBuf>,
    /// Whether anything is.
    pub(super) any: bool,
    /// Whether something is needed that no index names.
    pub(super) unnamed: bool,
    /// What of the snapshot cannot be read or must not be used, and why.
    pub(super) broken: Vec<(PathBuf, String)>,
    /// Why there is no end to it.
    pub(super) endless: Option<String>,
    pub(super) alike: tree::Alike,
}

/// Adds up sizes, notes what of the snapshot is broken, and looks for each chosen path.
pub(super) struct Measure<'m, 'a> {
    pub(super) restorer: &'m Restorer<'a>,
    pub(super) measured: &'m mut Measured,
}

impl Measure<'_, '_> {
    fn note(&mut self, path: &Path, node: &Node) {
        self.measured.any = true;
        self.measured.unnamed |= !tree::is_named(&self.restorer.indexed, node);
        if self.restorer.selection.paths().iter().any(|wanted| wanted == path) {
            self.measured.found.insert(path.to_owned());
        }
    }
}

impl Pass for Measure<'_, '_> {
    fn enter(&mut self, path: &Path, node: &Node, whole: bool) -> bool {
        if whole {
            self.note(path, node);
        } else {
            self.measured.unnamed |= !tree::is_named(&self.restorer.indexed, node);
        }
        if let Err(why) = self.measured.alike.met(node) {
            self.measured.endless.get_or_insert(why);
        }
        self.measured.endless.is_none()
    }
    fn entry(&mut self, path: &Path, node: &Node) {
        self.note(path, node);
        let size = tree::stored(&self.restorer.indexed, node);
        self.measured.bytes = self.measured.bytes.saturating_add(size);
        self.measured.room = self.measured.room.saturating_add(without_holes(node, size));
    }
    fn left_out(&mut self, path: &Path) {
        self.measured.found.insert(path.to_owned());
    }
    fn leave(&mut self, _: &Path, _: &Node, _: bool) {}
    fn broken(&mut self, path: &Path, reason: &str) {
        self.measured.broken.push((path.to_owned(), reason.to_owned()));
    }
}

/// About what a file takes on the disk: a hole is the same blob again and again.
fn without_holes(node: &Node, size: u64) -> u64 {
    let blobs = node.content.as_deref().unwrap_or_default();
    let again = blobs.windows(2).filter(|two| two[0] == two[1]).count() as u64;
    let size = u128::from(size) * u128::from(blobs.len() as u64 - again) / (blobs.len().max(1) as u128);
    u64::try_from(size).unwrap_or(u64::MAX)
}
