//! Doing away with snapshots, and with what no other needs. For whoever owns the repository: one
//! at a time, and never a PC that backs up into it.

use crate::error::{Error, Result};
use crate::repository::Repository;
use rustic_core::repofile::{IndexFile, SnapshotFile};
use rustic_core::{FileType, Id, PruneOptions};
use serde::{Deserialize, Serialize};

/// What a prune did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Bytes of packs that were removed.
    pub removed: u64,
    /// Bytes that are no longer needed and wait for a day: a backup that runs may still want them.
    pub waiting: u64,
}

impl Repository {
    /// Removes these snapshots, by their full ids, and says how many were there. What they alone
    /// needed stays until a prune.
    pub fn forget(&self, ids: &[String]) -> Result<u64> {
        let there = self.run(|| rustic_core::ReadBackend::list_with_size(&*self.guard, FileType::Snapshot))?;
        let there: Vec<Id> = there.into_iter().map(|(id, _)| id).collect();
        let wanted = there.iter().filter(|id| ids.iter().any(|wanted| id.to_hex().as_str() == wanted));
        let wanted: Vec<_> = wanted.map(|id| (*id).into()).collect();
        self.run(|| self.inner.delete_snapshots(&wanted))?;
        Ok(wanted.len() as u64)
    }

    /// Removes what no snapshot needs. In two steps, a day apart: what is found now is marked, and
    /// goes in a later prune unless somebody needs it by then. Where a snapshot or an index cannot
    /// be read nothing is done: what it needs would be taken for what nobody does.
    pub fn prune(&self) -> Result<Pruned> {
        self.all_can_be_read()?;
        let options = PruneOptions::default();
        let plan = self.run(|| self.inner.prune_plan(&options))?;
        let stats = &plan.stats;
        let (removed, sizes) = (stats.size_to_delete.remove, stats.size_sum());
        let waiting = stats.size_to_delete.keep + sizes.remove + sizes.repack + sizes.repackrm + stats.size_unref;
        self.run(|| self.inner.prune(&options, plan))?;
        self.forget_index();
        Ok(Pruned { removed, waiting })
    }

    fn all_can_be_read(&self) -> Result<()> {
        self.run(|| {
            for file in self.inner.stream_files::<SnapshotFile>()? {
                file?;
            }
            for file in self.inner.stream_files::<IndexFile>()? {
                file?;
            }
            Ok(())
        })
        .map_err(|error| match error {
            Error::Broken { location, why } => {
                let why = format!("a snapshot or an index cannot be read, so nothing is removed: {why}");
                Error::Broken { location, why }
            }
            other => other,
        })
    }
}
