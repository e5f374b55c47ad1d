//! Whether what is stored is what was stored, before it is needed: each pack is read and held
//! against its name, which is its content's hash, and what each snapshot needs against what is
//! there. What damage costs is named.

use crate::error::{Error, Result};
use crate::repository::Repository;
use crate::storage::{Storage, StorageError, name};
use crate::tree::{self, Indexed};
use rustic_core::repofile::{IndexFile, Node, SnapshotFile};
use rustic_core::{BlobId, FileType, Id, ReadBackend, RepairIndexOptions, TreeId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Files that are named; more are counted.
const NAMED: usize = 500;

/// What a look at a repository showed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Packs that were read.
    pub packs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs whose content is not what their names say.
    pub damaged: Vec<String>,
    /// Packs that an index names, and that are not there.
    pub missing: Vec<String>,
    /// Snapshots and indexes that cannot be read, as `snapshots/ID` and `index/ID`.
    #[serde(default)]
    pub unreadable: Vec<String>,
    /// Files that need something of those, by path: in how many snapshots. The first ones.
    pub files: BTreeMap<String, u64>,
    /// How many there are in all.
    pub files_affected: u64,
    /// Snapshots that have such files, or folders that cannot be read.
    pub snapshots_affected: Vec<String>,
}

impl Verified {
    /// Whether nothing is amiss.
    pub fn is_sound(&self) -> bool {
        [&self.damaged, &self.missing, &self.unreadable, &self.snapshots_affected].iter().all(|amiss| amiss.is_empty())
    }
}

impl Repository {
    /// Reads every `of`th pack, the `part`th of them, and looks whether all are there that a snapshot
    /// needs.
    pub fn verify(&self, part: u32, of: u32) -> Result<Verified> {
        // In this order, while the PC may back up: what a snapshot needs is in an index before it is
        // there, and what an index names is stored before that.
        let (snapshots, unreadable) = (self.snapshot_files()?, self.unreadable_snapshots()?);
        let named = self.despite_broken_indexes(|| self.packs())?;
        let listed = self.run(|| self.guard.list_with_size(FileType::Pack))?;
        let there: HashSet<Id> = listed.iter().map(|(id, _)| *id).collect();
        let mut verified = Verified::default();
        let broken = self.guard.hidden().into_iter().map(|id| name(FileType::Index, &id));
        verified.unreadable = unreadable.iter().map(|id| name(FileType::Snapshot, id)).chain(broken).collect();
        verified.unreadable.sort();
        let mut lost: HashSet<Id> = named.keys().filter(|id| !there.contains(*id)).copied().collect();
        verified.missing = sorted(&lost);
        let mut damaged = HashSet::new();
        for (id, _) in listed.into_iter().filter(|(id, _)| part_of(id, of) == part) {
            match self.run(|| self.guard.read_full(FileType::Pack, &id)) {
                Ok(content) => {
                    verified.packs += 1;
                    verified.bytes += content.len() as u64;
                    if hex::encode(Sha256::digest(&content)) != id.to_hex().as_str() {
                        damaged.insert(id);
                    }
                }
                // Retention has removed it meanwhile.
                Err(Error::Storage(StorageError::Missing(_))) => {}
                // A disk that cannot read it has damaged it.
                Err(Error::Storage(StorageError::Disk { .. })) => drop(damaged.insert(id)),
                Err(error) => return Err(error),
            }
        }
        verified.damaged = sorted(&damaged);
        lost.extend(&damaged);
        let blobs = |is_lost: bool| named.iter().filter(move |(id, _)| lost.contains(*id) == is_lost);
        let sound: HashSet<BlobId> = blobs(false).flat_map(|(_, blobs)| blobs.iter().copied()).collect();
        let mut need = Need { indexed: self.indexed()?, there: sound, whole: HashSet::new(), verified };
        for snapshot in &snapshots {
            need.look(snapshot);
        }
        Ok(need.verified)
    }

    /// Sets damaged packs aside, and snapshots and indexes that cannot be read, and names in the index
    /// all that is there and nothing else, so that the next backup of the PC sends again what of the
    /// rest is still on it. Says how many it set aside.
    pub fn set_aside(&self, packs: &[String]) -> Result<u64> {
        let Storage::Folder(root) = &self.storage else {
            let why = "damaged packs can be set aside in a folder only".to_owned();
            return Err(Error::Broken { location: self.storage.location(), why });
        };
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |e: std::io::Error| StorageError::Disk { what: format!("set aside {path}"), why: e.to_string() }
        };
        // restic passes over a folder that it does not know. What of a pack is sound can still be
        // had from there.
        let aside = root.join("damaged");
        fs::create_dir_all(&aside).map_err(failed(&aside))?;
        let mut paths: Vec<PathBuf> = packs
            .iter()
            .filter(|pack| pack.parse::<Id>().is_ok())
            .map(|pack| root.join("data").join(&pack[..2]).join(pack))
            .collect();
        self.despite_broken_indexes(|| self.packs())?;
        let unreadable = |kind: FileType, ids: Vec<Id>| ids.into_iter().map(move |id| root.join(name(kind, &id)));
        paths.extend(unreadable(FileType::Snapshot, self.unreadable_snapshots()?));
        paths.extend(unreadable(FileType::Index, self.guard.hidden()));
        let mut count = 0;
        for path in paths {
            let Some(name) = path.file_name() else { continue };
            match fs::rename(&path, aside.join(name)) {
                Ok(()) => count += 1,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(failed(&path)(e).into()),
            }
        }
        self.run(|| self.inner.repair_index(&RepairIndexOptions::default(), false))?;
        self.forget_index();
        Ok(count)
    }

    /// Packs that the indexes name, and the blobs in each.
    fn packs(&self) -> Result<HashMap<Id, Vec<BlobId>>> {
        self.run(|| {
            let mut packs = HashMap::new();
            for file in self.inner.stream_files::<IndexFile>()? {
                for pack in file?.1.packs {
                    packs.insert(*pack.id, pack.blobs.iter().map(|blob| blob.id).collect());
                }
            }
            Ok(packs)
        })
    }
}

/// What snapshots need, held against what is there.
struct Need {
    indexed: Arc<Indexed>,
    /// All content that is in packs that are there, and sound as far as is known.
    there: HashSet<BlobId>,
    /// Folders that lack nothing: each is looked at once, however many snapshots have it.
    whole: HashSet<TreeId>,
    verified: Verified,
}

impl Need {
    fn look(&mut self, snapshot: &SnapshotFile) {
        // Folders on the way down: what is left of each, its path, its id and whether it lacks nothing.
        let root = tree::root(snapshot.tree);
        let mut lacking = HashSet::new();
        let mut way = vec![self.open(&root, tree::top(), 0)];
        while let Some(folder) = way.last_mut() {
            if let Some(node) = folder.left.next() {
                let path = folder.path.join(node.name());
                if node.is_file() && !node.content.iter().flatten().all(|id| self.there.contains(&BlobId::from(**id))) {
                    folder.is_whole = false;
                    self.affected(&path);
                }
                let known = |known: &HashSet<TreeId>| node.subtree.is_some_and(|tree| known.contains(&tree));
                if node.is_dir() && known(&lacking) {
                    folder.is_whole = false;
                } else if node.is_dir() && !known(&self.whole) {
                    let depth = way.len();
                    way.push(self.open(&node, path, depth));
                }
                continue;
            }
            let Some(Folder { id, is_whole, .. }) = way.pop() else { break };
            if let Some(id) = id {
                if is_whole {
                    self.whole.insert(id)
                } else {
                    lacking.insert(id)
                };
            }
            match way.last_mut() {
                Some(above) => above.is_whole &= is_whole,
                None if !is_whole => self.verified.snapshots_affected.push(snapshot.id.to_hex().to_string()),
                None => {}
            }
        }
    }

    fn open(&mut self, node: &Node, path: PathBuf, depth: usize) -> Folder {
        let children = match node.subtree {
            Some(tree) if !self.there.contains(&BlobId::from(*tree)) => None,
            _ => tree::children(&self.indexed, node, depth).ok(),
        };
        let is_whole = children.is_some();
        if !is_whole {
            // All that is in it is lost with it.
            self.affected(&path);
        }
        Folder { left: children.unwrap_or_default().nodes.into_iter(), path, id: node.subtree, is_whole }
    }

    fn affected(&mut self, path: &Path) {
        self.verified.files_affected += 1;
        let path = path.to_string_lossy().into_owned();
        if self.verified.files.len() < NAMED || self.verified.files.contains_key(&path) {
            *self.verified.files.entry(path).or_default() += 1;
        }
    }
}

/// A folder that is being looked at.
struct Folder {
    left: std::vec::IntoIter<Node>,
    path: PathBuf,
    id: Option<TreeId>,
    is_whole: bool,
}

/// Spread evenly: an id is a hash.
fn part_of(id: &Id, of: u32) -> u32 {
    let hex = id.to_hex();
    u32::from_str_radix(&hex[..8], 16).unwrap_or(0) % of.max(1)
}

fn sorted(ids: &HashSet<Id>) -> Vec<String> {
    let mut ids: Vec<String> = ids.iter().map(|id| id.to_hex().to_string()).collect();
    ids.sort();
    ids
}
