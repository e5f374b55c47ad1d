//! Doing away with snapshots, and with what no other needs. For whoever owns the repository: one
//! at a time, and never a PC that backs up into it.

use crate::error::{Error, Result};
use crate::repository::Repository;
use crate::tree;
use rustic_core::jiff::Span;
use rustic_core::repofile::{BlobType, IndexFile, SnapshotFile};
use rustic_core::{BlobId, FileType, Id, PruneOptions};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// What is new, and what is no longer needed, stays for so long.
const KEPT_DAYS: i64 = 8;

/// Packs that are read whole to see whether what they have in common is in all of them.
const MOST_TWICE: usize = 64;

/// What several packs say that they hold, by pack.
type Twice = HashMap<Id, HashMap<BlobId, BlobType>>;

/// What a prune did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Bytes of packs that were removed.
    pub removed: u64,
    /// Bytes that are no longer needed and wait for some days: a backup that runs may still want them.
    pub waiting: u64,
}

impl Repository {
    /// Removes these snapshots, by their full ids, and says how many were there. What they alone
    /// needed stays until a prune. Nothing is removed where something cannot be read.
    pub fn forget(&self, ids: &[String]) -> Result<u64> {
        self.all_can_be_read()?;
        let there = self.run(|| rustic_core::ReadBackend::list_with_size(&*self.guard, FileType::Snapshot))?;
        let there: Vec<Id> = there.into_iter().map(|(id, _)| id).collect();
        let wanted = there.iter().filter(|id| ids.iter().any(|wanted| id.to_hex().as_str() == wanted));
        let wanted: Vec<_> = wanted.map(|id| (*id).into()).collect();
        self.run(|| self.inner.delete_snapshots(&wanted))?;
        Ok(wanted.len() as u64)
    }

    /// Removes what no snapshot needs. In two steps, days apart: what is found now is marked, and
    /// goes in a later prune unless somebody needs it by then. Where a snapshot or an index cannot
    /// be read nothing is done: what it needs would be taken for what nobody does.
    pub fn prune(&self) -> Result<Pruned> {
        // No backup lasts as long: what one that runs has sent, or relies on, stays.
        self.prune_after(KEPT_DAYS)
    }

    pub(crate) fn prune_after(&self, days: i64) -> Result<Pruned> {
        self.all_can_be_read()?;
        let mut options = PruneOptions::default();
        options.keep_pack = Span::new().days(days);
        options.keep_delete = Span::new().days(days);
        let plan = self.run(|| self.inner.prune_plan(&options))?;
        let stats = &plan.stats;
        let (removed, sizes) = (stats.size_to_delete.remove, stats.size_sum());
        let waiting = stats.size_to_delete.keep + sizes.remove + sizes.repack + sizes.repackrm + stats.size_unref;
        self.run(|| self.inner.prune(&options, plan))?;
        self.forget_index();
        Ok(Pruned { removed, waiting })
    }

    fn all_can_be_read(&self) -> Result<()> {
        let mut twice = Twice::new();
        self.run(|| {
            for file in self.inner.stream_files::<SnapshotFile>()? {
                file?;
            }
            let mut packs: HashMap<BlobId, Id> = HashMap::new();
            for file in self.inner.stream_files::<IndexFile>()? {
                for pack in file?.1.packs {
                    for blob in &pack.blobs {
                        let first = *packs.entry(blob.id).or_insert(*pack.id);
                        if first != *pack.id {
                            twice.entry(first).or_default().insert(blob.id, blob.tpe);
                            twice.entry(*pack.id).or_default().insert(blob.id, blob.tpe);
                        }
                    }
                }
            }
            Ok(())
        })
        .map_err(|error| match error {
            Error::Broken { location, why } => {
                let why = format!("a snapshot or an index cannot be read, so nothing is removed: {why}");
                Error::Broken { location, why }
            }
            other => other,
        })?;
        let refused = |why: &str| Error::Broken {
            location: self.storage.location(),
            why: format!("some content is named in more than one pack{why}, so nothing is removed"),
        };
        if twice.len() > MOST_TWICE {
            return Err(refused(", in very many"));
        }
        for (pack, blobs) in twice {
            // A backup that was cut off has sent it, and the next one again; or it is invented, by a PC
            // that wants the good one removed as not needed.
            let alone = self.of_packs(Some(pack))?;
            if blobs.into_iter().any(|(id, kind)| tree::blob(&alone, id, kind).is_err()) {
                return Err(refused(&format!(", and not in {pack}, which says so")));
            }
        }
        Ok(())
    }
}
