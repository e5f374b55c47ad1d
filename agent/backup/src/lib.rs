//! Keepwatch's backup engine, in restic's format: the only caller of `rustic_core`.
//!
//! It must never call a backup whole when a file was missed, write outside the folder it
//! restores into, or leave anything behind that stock restic cannot open. Everything here
//! blocks: call it from a thread or process of its own, not from async code.
//!
//! ```text
//! Repository -> backup  -> source (the walk, each reader) -> rustic_core -> guard -> folder | service | s3 | sftp
//!            -> browse, archive, restore -> tree (names checked) -> rustic_core -> guard -> folder | service | s3 | sftp
//! ```

mod ahead;
mod archive;
mod backup;
mod browse;
mod cache;
mod counts;
mod error;
mod folder;
mod frozen;
mod globs;
mod guard;
mod index;
mod inspector;
mod keys;
mod line;
mod maintain;
mod meter;
mod noise;
mod observer;
mod own_indexes;
mod past_cache;
mod patience;
mod platform;
mod queue;
mod reader;
mod repository;
mod restore;
mod s3;
mod sample;
mod service;
mod sftp;
mod share;
mod sieve;
mod source;
mod stop;
mod storage;
#[cfg(all(test, unix))]
mod tests;
mod throttle;
mod tls;
mod tree;
mod verify;

pub use archive::{ArchiveFormat, ArchiveOptions, Archived, Extent};
pub use backup::{BackupOptions, BackupReport, LookAhead};
pub use browse::{Entry, EntryKind, local, plain};
pub use counts::LeftOut;
pub use error::{Error, Result};
pub use frozen::sweep as sweep_frozen;
pub use globs::Pattern;
pub use inspector::{Content, Inspector};
pub use maintain::Pruned;
pub use observer::{Failure, Observer, Progress, Silent};
pub use past_cache::PastCache;
pub use repository::{Repository, Snapshot, exists};
pub use restore::{Conflict, RestoreOptions, RestoreReport};
pub use sample::Sampled;
pub use sieve::Sieve;
pub use storage::{Bucket, PlaceError, Service, Sftp, Storage, StorageError};
pub use throttle::Throttle;
pub use verify::Verified;
