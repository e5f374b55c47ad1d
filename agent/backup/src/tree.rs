//! Walking a snapshot's folders. What lies in a repository was written by a PC that may
//! have been taken over: a name must be a plain one, depth and sizes have bounds, and each
//! blob is hashed before it is believed.

use crate::platform;
use rustic_core::repofile::{BlobType, Node, NodeType, Tree};
use rustic_core::{BlobId, IndexedFullStatus, TreeId};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf, Prefix};

/// Deeper than any path that Linux or Windows can name; keeps crafted trees from our stack.
const DEEPEST: usize = 2048;

/// How often one and the same folder may be in a snapshot. Twenty folders, each of them twice in the
/// one above, are a million; forty are more than anybody could ever walk.
const MOST_ALIKE: u32 = if cfg!(test) { 10_000 } else { 1_000_000 };

/// The repository, its index loaded.
pub(crate) type Indexed = rustic_core::Repository<IndexedFullStatus>;

/// The root of a snapshot, as a folder without a name.
pub(crate) fn root(tree: TreeId) -> Node {
    let mut node = Node::new_node(OsStr::new(""), NodeType::Dir, rustic_core::repofile::Metadata::default());
    node.subtree = Some(tree);
    node
}

/// One blob, its content checked against its id.
pub(crate) fn blob(repository: &Indexed, id: BlobId, kind: BlobType) -> Result<bytes::Bytes, String> {
    let content = repository.get_blob_cached(&id, kind).map_err(|e| e.display_log())?;
    let hex = id.to_hex();
    if hex::encode(Sha256::digest(&content)) != hex.as_str() {
        return Err(format!("the repository holds wrong content for blob {}", hex.as_str()));
    }
    Ok(content)
}

/// What a folder of a snapshot holds: children with plain names, and the names that are none.
#[derive(Debug, Default)]
pub(crate) struct Children {
    pub(crate) nodes: Vec<Node>,
    pub(crate) refused: Vec<String>,
}

/// Reads one folder at `depth` below the root.
pub(crate) fn children(repository: &Indexed, folder: &Node, depth: usize) -> Result<Children, String> {
    if depth > DEEPEST {
        return Err(format!("folders are nested more than {DEEPEST} deep"));
    }
    let id = folder.subtree.ok_or("the repository holds no content for this folder")?;
    let content = blob(repository, BlobId::from(*id), BlobType::Tree)?;
    let tree: Tree = serde_json::from_slice(&content).map_err(|e| format!("the folder's list cannot be read: {e}"))?;
    let mut children = Children::default();
    for node in tree.nodes {
        if platform::is_plain_name(&node.name()) {
            children.nodes.push(node);
        } else {
            children.refused.push(node.name);
        }
    }
    Ok(children)
}

/// The path's plain names, or None when it holds `..` or the like. A drive is the folder of its
/// letter, as snapshots have it.
pub(crate) fn names(path: &Path) -> Option<Vec<&OsStr>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::Prefix(prefix) if matches!(prefix.kind(), Prefix::Disk(_)) => {
                names.push(OsStr::new(prefix.as_os_str().to_str()?.get(..1)?));
            }
            Component::Prefix(_) | Component::ParentDir => return None,
        }
    }
    Some(names)
}

/// The node at a path of the snapshot.
pub(crate) fn find(repository: &Indexed, tree: TreeId, path: &Path) -> Result<Option<Node>, String> {
    let mut node = root(tree);
    let Some(names) = names(path) else { return Ok(None) };
    for (depth, name) in names.into_iter().enumerate() {
        if !node.is_dir() {
            return Ok(None);
        }
        let found = children(repository, &node, depth)?.nodes.into_iter().find(|child| child.name() == name);
        match found {
            Some(child) => node = child,
            None => return Ok(None),
        }
    }
    Ok(Some(node))
}

/// How often each folder was met, so that a snapshot which is made to be endless has an end.
#[derive(Default)]
pub(crate) struct Alike(HashMap<TreeId, u32>);

impl Alike {
    /// One more folder is met; an error where it has been too often.
    pub(crate) fn met(&mut self, folder: &Node) -> Result<(), String> {
        let Some(tree) = folder.subtree else { return Ok(()) };
        let times = self.0.entry(tree).or_default();
        *times += 1;
        if *times <= MOST_ALIKE {
            return Ok(());
        }
        Err(format!(
            "the same folder is in the snapshot more than {MOST_ALIKE} times: it was made to be endless; choose single paths"
        ))
    }
}

/// Whether an index names all that this node itself needs.
pub(crate) fn is_named(repository: &Indexed, node: &Node) -> bool {
    let has_tree = node.subtree.is_none_or(|tree| repository.get_index_entry(&tree).is_ok());
    has_tree && node.content.iter().flatten().all(|id| repository.get_index_entry(id).is_ok())
}

/// How many bytes of a file the repository has. What the snapshot says of its size may be anything.
pub(crate) fn stored(repository: &Indexed, node: &Node) -> u64 {
    let entries = node.content.iter().flatten().filter_map(|id| repository.get_index_entry(id).ok());
    entries.fold(0, |sum: u64, entry| sum.saturating_add(entry.data_length().into()))
}

/// The path that a snapshot's root stands for.
pub(crate) fn top() -> PathBuf {
    PathBuf::from("/")
}

/// Visits what lies below `folder`, each folder before what is in it. A folder that cannot be read
/// costs what is in it: all else is visited, while `go_on` says so, and then the first such folder
/// told.
pub(crate) fn walk(
    repository: &Indexed,
    folder: Node,
    path: PathBuf,
    recursive: bool,
    go_on: &dyn Fn() -> bool,
    visit: &mut dyn FnMut(PathBuf, &Node) -> ControlFlow<()>,
) -> Result<(), String> {
    let open = |folder: &Node, path: &Path, depth| -> Result<_, String> {
        let found = children(repository, folder, depth)?;
        for name in found.refused {
            tracing::warn!(folder = %path.display(), name, "left out an entry whose name cannot be a file's");
        }
        Ok(found.nodes.into_iter())
    };
    let (mut alike, mut unread) = (Alike::default(), None);
    let mut stack = vec![(open(&folder, &path, 0)?, path)];
    while let Some((nodes, path)) = stack.last_mut() {
        let Some(node) = nodes.next() else {
            stack.pop();
            continue;
        };
        let path = path.join(node.name());
        if visit(path.clone(), &node).is_break() {
            return Ok(());
        }
        if recursive && node.is_dir() {
            alike.met(&node)?;
            match open(&node, &path, stack.len()) {
                Ok(nodes) => stack.push((nodes, path)),
                Err(why) => {
                    unread.get_or_insert_with(|| format!("{}: {why}", path.display()));
                    if !go_on() {
                        break;
                    }
                }
            }
        }
    }
    unread.map_or(Ok(()), Err)
}
