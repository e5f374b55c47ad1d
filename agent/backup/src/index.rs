//! Whether the index and what is stored are of one mind, before a backup relies on it: a run
//! that was cut off has sent packs that no index names, and a disk may have lost some that
//! one names.

use crate::error::{Error, Result};
use crate::repository::{Repository, Snapshot, contained};
use crate::storage::Storage;
use rustic_core::repofile::IndexFile;
use rustic_core::{FileType, Id, IndexedIdsStatus, ReadBackend, RepairIndexOptions};
use std::collections::HashSet;

/// The repository, its index loaded for a backup.
pub(crate) type Indexed = rustic_core::Repository<IndexedIdsStatus>;

/// What is amiss.
#[derive(Debug, Default, PartialEq, Eq)]
struct Amiss {
    /// Packs that no index names.
    unnamed: usize,
    /// Packs that are named and not there.
    missing: u64,
}

impl Repository {
    /// The index for a backup, and how many packs are missing that it names. What a run that
    /// was cut off had sent is named first, so that it need not be sent again; what is missing
    /// is not relied on, so that it is.
    pub(crate) fn index_for_backup(&self) -> Result<(Indexed, u64)> {
        let Amiss { unnamed, missing } = self.despite_broken_indexes(|| self.look_for_gaps())?;
        if unnamed > 0 {
            tracing::info!(unnamed, "an earlier run was cut off; what it had sent is used");
        }
        if unnamed > 0 || missing > 0 {
            self.run(|| self.inner.repair_index(&RepairIndexOptions::default(), false))?;
        }
        let indexed = match missing {
            0 => self.run(|| self.again()?.to_indexed_ids())?,
            _ => self.run(|| self.again()?.to_indexed_ids_checked())?,
        };
        Ok((indexed, missing))
    }

    /// Those of the snapshots to compare with whose folders are all there. What has not changed since
    /// is taken over by its id, and of folders nobody else would look whether they still are. Goes on
    /// beside a backup, and leaves a failure of the storage for it to tell.
    pub(crate) fn only_whole(&self, parents: &[Snapshot], indexed: &Indexed, missing: u64) -> Result<Vec<Snapshot>> {
        // Elsewhere nothing is set aside but by the backup itself, and each look is a way to the other end.
        if missing == 0 && !matches!(self.storage, Storage::Folder(_) | Storage::Service(_)) {
            return Ok(parents.to_vec());
        }
        let (mut whole, mut seen) = (Vec::new(), HashSet::new());
        for parent in parents {
            let mut left = vec![self.resolve(&parent.id)?.tree];
            let mut is_whole = true;
            while let Some(id) = left.pop().filter(|_| is_whole && !self.stop.wanted()) {
                if !seen.insert(id) {
                    continue;
                }
                let read = contained(|| indexed.get_tree(&id).map_err(|e| e.display_log()));
                match read.map_err(|e| e.to_string()).flatten() {
                    Ok(tree) => left.extend(tree.nodes.into_iter().filter_map(|node| node.subtree)),
                    Err(_) if self.guard.is_out_of_reach() => return Err(Error::Cancelled),
                    Err(error) => {
                        tracing::warn!(snapshot = parent.id, %error, "a folder is lost; all is read and sent anew that is");
                        is_whole = false;
                    }
                }
            }
            if is_whole {
                whole.push(parent.clone());
            } else {
                // What it has in common with the others may be what is lost.
                seen.clear();
            }
        }
        Ok(whole)
    }

    /// Does what reads all indexes, and once more without those that cannot be read. A disk spoils
    /// one, or a PC that was taken over stores one that is none: the packs that it named are named
    /// anew by the next backup.
    pub(crate) fn despite_broken_indexes<T>(&self, work: impl Fn() -> Result<T>) -> Result<T> {
        match work() {
            Err(Error::Broken { location, why }) => match self.hide_broken_indexes()? {
                0 => Err(Error::Broken { location, why }),
                broken => {
                    tracing::warn!(broken, "indexes of the repository cannot be read; it is gone on without them");
                    work()
                }
            },
            outcome => outcome,
        }
    }

    /// Has it gone on without the indexes that cannot be read, and says how many they are.
    fn hide_broken_indexes(&self) -> Result<usize> {
        let (all, mut broken) = (self.run(|| self.guard.list_with_size(FileType::Index))?, Vec::new());
        for (id, _) in all {
            match self.run(|| self.inner.cat_file(FileType::Index, id.to_hex().as_str())) {
                Ok(content) if serde_json::from_slice::<IndexFile>(&content).is_ok() => {}
                Ok(_) | Err(Error::Broken { .. } | Error::Crashed(_)) => broken.push(id),
                // The storage itself failing is no matter of one index.
                Err(error) => return Err(error),
            }
        }
        let count = broken.len();
        self.guard.hide(broken);
        Ok(count)
    }

    fn look_for_gaps(&self) -> Result<Amiss> {
        let packs = self.run(|| self.guard.list_with_size(FileType::Pack))?;
        let stored: HashSet<Id> = packs.into_iter().map(|(id, _)| id).collect();
        let mut named = HashSet::new();
        self.run(|| {
            for file in self.inner.stream_files::<IndexFile>()? {
                let (_, index) = file?;
                named.extend(index.packs.iter().chain(&index.packs_to_delete).map(|pack| *pack.id));
            }
            Ok(())
        })?;
        Ok(Amiss { unnamed: stored.difference(&named).count(), missing: named.difference(&stored).count() as u64 })
    }
}
