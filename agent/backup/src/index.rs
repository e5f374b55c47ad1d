//! Whether the index and what is stored are of one mind, before a backup relies on it: a run
//! that was cut off has sent packs that no index names, and a disk may have lost some that
//! one names.

use crate::error::Result;
use crate::repository::Repository;
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
        let Amiss { unnamed, missing } = self.look_for_gaps()?;
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
