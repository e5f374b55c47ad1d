//! Whether what is stored is what was stored, before it is needed: each pack is read and held
//! against its name, which is its content's hash. What a damaged one costs is named.

use crate::error::{Error, Result};
use crate::repository::Repository;
use crate::storage::{Storage, StorageError};
use crate::tree;
use rustic_core::repofile::{IndexFile, Node};
use rustic_core::{BlobId, FileType, Id, ReadBackend, RepairIndexOptions};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

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
        self.damaged.is_empty() && self.missing.is_empty()
    }
}

impl Repository {
    /// Reads every `of`th pack, the `part`th of them, and looks whether all are there.
    pub fn verify(&self, part: u32, of: u32) -> Result<Verified> {
        let listed = self.run(|| self.guard.list_with_size(FileType::Pack))?;
        let named = self.despite_broken_indexes(|| self.packs())?;
        let there: HashSet<Id> = listed.iter().map(|(id, _)| *id).collect();
        let mut verified = Verified::default();
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
        if !lost.is_empty() {
            self.name_the_damage(&named, &lost, &mut verified)?;
        }
        Ok(verified)
    }

    /// Sets damaged packs aside and names in the index only what is there, so that the next backup
    /// of the PC sends again what of them is still on it. Says how many it set aside.
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
        let mut count = 0;
        for pack in packs.iter().filter(|pack| pack.parse::<Id>().is_ok()) {
            let path = root.join("data").join(&pack[..2]).join(pack);
            match fs::rename(&path, aside.join(pack)) {
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

    fn name_the_damage(
        &self,
        named: &HashMap<Id, Vec<BlobId>>,
        lost: &HashSet<Id>,
        verified: &mut Verified,
    ) -> Result<()> {
        let blobs = |is_lost: bool| named.iter().filter(move |(id, _)| lost.contains(*id) == is_lost);
        let sound: HashSet<BlobId> = blobs(false).flat_map(|(_, blobs)| blobs.iter().copied()).collect();
        let gone: HashSet<BlobId> =
            blobs(true).flat_map(|(_, blobs)| blobs.iter().copied()).filter(|blob| !sound.contains(blob)).collect();
        let indexed = self.indexed()?;
        for snapshot in self.snapshots()? {
            let tree = self.resolve(&snapshot.id)?.tree;
            let mut affected = false;
            let mut visit = |path: PathBuf, node: &Node| {
                if node.content.iter().flatten().any(|id| gone.contains(&BlobId::from(**id))) {
                    affected = true;
                    verified.files_affected += 1;
                    let path = path.to_string_lossy().into_owned();
                    if verified.files.len() < NAMED || verified.files.contains_key(&path) {
                        *verified.files.entry(path).or_default() += 1;
                    }
                }
                std::ops::ControlFlow::Continue(())
            };
            // A folder that cannot be read costs all that is in it.
            let walked = tree::walk(&indexed, tree::root(tree), tree::top(), true, &mut visit);
            if walked.is_err() || affected {
                verified.snapshots_affected.push(snapshot.id);
            }
        }
        Ok(())
    }
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
