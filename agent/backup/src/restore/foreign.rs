//! What of another PC's snapshot is not restored as it is. Whoever took that PC over could write what
//! he liked into it, and a restore runs with all rights on this one: it makes no device and gives no
//! program a right that lies in the file itself.

use rustic_core::repofile::{Node, NodeType};

/// Setuid and setgid, as snapshots have them.
const RIGHTS: u32 = 1 << 23 | 1 << 22;
/// A program's rights as an attribute.
const CAPABILITY: &str = "security.capability";

/// What becomes of an entry of another PC.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tamed {
    /// It is restored as it is.
    Harmless,
    /// It is restored without something.
    Less(&'static str),
    /// It is not restored.
    No(&'static str),
}

/// Takes from the entry what it must not have.
pub(super) fn tame(node: &mut Node) -> Tamed {
    match node.node_type {
        NodeType::Dev { .. } | NodeType::Chardev { .. } => Tamed::No("it is a device, and comes from another PC"),
        NodeType::File => {
            let attributes = node.meta.extended_attributes.len();
            node.meta.extended_attributes.retain(|attribute| attribute.name != CAPABILITY);
            let mode = node.meta.mode;
            node.meta.mode = mode.map(|mode| mode & !RIGHTS);
            match node.meta.mode == mode && node.meta.extended_attributes.len() == attributes {
                true => Tamed::Harmless,
                false => {
                    Tamed::Less("it is restored without the right to act as another user: it comes from another PC")
                }
            }
        }
        _ => Tamed::Harmless,
    }
}
