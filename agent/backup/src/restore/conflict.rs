//! What becomes of an entry whose place is taken. Folders are no conflict: what is restored
//! comes to lie in those that are there.

use crate::platform::{Dir, Found};
use rustic_core::repofile::Node;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What to do where something is there already that differs from what is restored, by size or time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// Leave it, and name what was not restored.
    #[default]
    Refuse,
    /// Leave it.
    Skip,
    /// Give what is restored another name.
    KeepBoth,
    /// Replace it where it was last changed before the snapshot's one.
    OverwriteOlder,
    /// Replace it, also where it seems to be the same.
    Overwrite,
}

/// Where an entry goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Where nothing is.
    New(OsString),
    /// In the place of what is there.
    Over(OsString),
    /// Nowhere: what is there is the same, or stays by choice.
    Nowhere,
}

/// Something is there already, and nobody said what to do about it.
pub(super) const IN_THE_WAY: &str =
    "something else is there already; say what to do about it (skip, keep both, overwrite), or restore elsewhere";
/// Names that are tried for what is kept beside.
const MOST_NAMES: u32 = 1000;

/// Looks where an entry is to go.
pub(crate) fn place(dir: &Dir, node: &Node, conflict: Conflict) -> Result<Place, String> {
    let name = node.name().into_owned();
    let look = |name: &OsStr| dir.look(name).map_err(|e| e.to_string());
    match decide(look(&name)?, node, conflict)? {
        Decision::New => Ok(Place::New(name)),
        Decision::Over => Ok(Place::Over(name)),
        Decision::Nowhere => Ok(Place::Nowhere),
        Decision::Beside => {
            for n in 1..=MOST_NAMES {
                let other = beside(&name, n);
                match look(&other)? {
                    None => return Ok(Place::New(other)),
                    Some(found) if is_same(&found, node) => return Ok(Place::Nowhere),
                    Some(_) => {}
                }
            }
            Err(format!("there are {MOST_NAMES} restored ones beside it already"))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Decision {
    New,
    Over,
    Beside,
    Nowhere,
}

fn decide(found: Option<Found>, node: &Node, conflict: Conflict) -> Result<Decision, String> {
    let Some(found) = found else { return Ok(Decision::New) };
    let older = match &found {
        Found::Folder => None,
        Found::Other { modified, .. } => modified.zip(node.meta.mtime).map(|(there, ours)| there < ours),
    };
    match (conflict, &found) {
        (Conflict::Overwrite, Found::Other { .. }) => Ok(Decision::Over),
        // Restored by a run that was cut off, most likely.
        (_, Found::Other { .. }) if is_same(&found, node) => Ok(Decision::Nowhere),
        (Conflict::Skip, _) => Ok(Decision::Nowhere),
        (Conflict::KeepBoth, _) => Ok(Decision::Beside),
        (_, Found::Folder) => Err("a folder is in the way".to_owned()),
        (Conflict::OverwriteOlder, _) if older == Some(true) => Ok(Decision::Over),
        (Conflict::OverwriteOlder, _) => Ok(Decision::Nowhere),
        (_, Found::Other { .. }) => Err(IN_THE_WAY.to_owned()),
    }
}

/// Whether a file is there that has the size and the time of the snapshot's one, or a link or device
/// that has its time.
fn is_same(found: &Found, node: &Node) -> bool {
    match found {
        Found::Other { file: Some(size), modified } => {
            node.is_file() && *size == node.meta.size && modified.is_some() && *modified == node.meta.mtime
        }
        Found::Other { file: None, modified } => !node.is_file() && modified.is_some() && *modified == node.meta.mtime,
        Found::Folder => false,
    }
}

/// `letter (restored 2).txt`
fn beside(name: &OsStr, n: u32) -> OsString {
    let path = Path::new(name);
    let mut other = path.file_stem().unwrap_or(name).to_owned();
    other.push(format!(" (restored{})", if n > 1 { format!(" {n}") } else { String::new() }));
    if let Some(extension) = path.extension() {
        other.push(".");
        other.push(extension);
    }
    other
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustic_core::jiff::Timestamp;
    use rustic_core::repofile::{Metadata, NodeType};

    #[test]
    fn what_is_in_the_way_is_left_replaced_or_passed_as_was_chosen() {
        use Conflict::{KeepBoth, Overwrite, OverwriteOlder, Refuse, Skip};
        let at = |second| Timestamp::from_second(second).ok();
        let meta = Metadata { size: 10, mtime: at(100), ..Metadata::default() };
        let node = Node::new_node(OsStr::new("letter.txt"), NodeType::File, meta);
        let file = |size, second| Found::Other { file: Some(size), modified: at(second) };
        let (older, newer, same) = (file(9, 50), file(9, 150), file(10, 100));
        let link = Found::Other { file: None, modified: at(100) };
        let ok = |decision| Some(decision);
        for (conflict, found, expected) in [
            (Refuse, None, ok(Decision::New)),
            (Refuse, Some(same), ok(Decision::Nowhere)),
            (Refuse, Some(older), None),
            (Refuse, Some(link), None),
            (Refuse, Some(Found::Folder), None),
            (Skip, Some(older), ok(Decision::Nowhere)),
            (Skip, Some(Found::Folder), ok(Decision::Nowhere)),
            (KeepBoth, Some(newer), ok(Decision::Beside)),
            (KeepBoth, Some(same), ok(Decision::Nowhere)),
            (KeepBoth, Some(Found::Folder), ok(Decision::Beside)),
            (OverwriteOlder, Some(older), ok(Decision::Over)),
            (OverwriteOlder, Some(newer), ok(Decision::Nowhere)),
            (OverwriteOlder, Some(file(9, 100)), ok(Decision::Nowhere)),
            (OverwriteOlder, Some(Found::Folder), None),
            (Overwrite, Some(newer), ok(Decision::Over)),
            (Overwrite, Some(same), ok(Decision::Over)),
            (Overwrite, Some(Found::Folder), None),
        ] {
            assert_eq!(decide(found, &node, conflict).ok(), expected, "{conflict:?} {found:?}");
        }
    }

    #[test]
    fn what_is_kept_beside_keeps_its_extension() {
        for (name, n, other) in [
            ("letter.txt", 1, "letter (restored).txt"),
            ("年度.tar.gz", 2, "年度.tar (restored 2).gz"),
            ("README", 1, "README (restored)"),
            (".bashrc", 3, ".bashrc (restored 3)"),
        ] {
            assert_eq!(beside(OsStr::new(name), n), other);
        }
    }
}
