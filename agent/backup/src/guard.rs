//! What stands between rustic_core and the storage. It remembers the first failure in our
//! own terms, and keeps a broken or cancelled backup from becoming a snapshot: rustic_core
//! would go on reading the whole tree, and files it could not store would simply be missing.

use crate::stop::Stop;
use crate::storage::{Objects, StorageError, name};
use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use std::sync::{Arc, Mutex, PoisonError};

/// The storage as rustic_core sees it.
pub(crate) struct Guard {
    objects: Box<dyn Objects>,
    stop: Arc<Stop>,
    failure: Mutex<Option<StorageError>>,
}

impl Guard {
    pub(crate) fn new(objects: Box<dyn Objects>, stop: Arc<Stop>) -> Self {
        Self { objects, stop, failure: Mutex::default() }
    }

    /// The first failure since this was last asked.
    pub(crate) fn take_failure(&self) -> Option<StorageError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn told<T>(&self, outcome: Result<T, StorageError>) -> RusticResult<T> {
        outcome.map_err(|error| {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.clone());
            RusticError::with_source(ErrorKind::Backend, error.to_string(), error)
        })
    }
}

impl ReadBackend for Guard {
    fn location(&self) -> String {
        self.objects.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if kind == FileType::Config {
            return Ok(self.told(self.objects.config())?.map(|size| (Id::default(), size)).into_iter().collect());
        }
        self.told(self.objects.list(kind))
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        self.told(self.objects.read(kind, id, None))
    }

    fn read_partial(&self, kind: FileType, id: &Id, _: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        self.told(self.objects.read(kind, id, Some((offset, length))))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        name(kind, id)
    }
}

impl WriteBackend for Guard {
    fn create(&self) -> RusticResult<()> {
        self.told(self.objects.create())
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        if kind == FileType::Snapshot && self.stop.wanted() {
            return self.told(Err(StorageError::Cancelled));
        }
        let outcome = self.objects.write(kind, id, &content);
        if outcome.is_err() {
            // Each file from here on would be lost: end the walk, and with it the run.
            self.stop.ask();
        }
        self.told(outcome)
    }

    fn remove(&self, kind: FileType, id: &Id, _: bool) -> RusticResult<()> {
        self.told(self.objects.remove(kind, id))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    #[test]
    fn a_stopped_run_keeps_packs_and_refuses_snapshots() {
        let root = tempfile::tempdir().unwrap();
        let stop = Arc::new(Stop::default());
        let guard = Guard::new(Box::new(Folder::new(root.path())), Arc::clone(&stop));
        guard.create().unwrap();
        let write = |kind| guard.write_bytes(kind, &Id::default(), false, b"x".to_vec().into());
        stop.ask();
        write(FileType::Pack).unwrap();
        write(FileType::Index).unwrap();
        write(FileType::Snapshot).unwrap_err();
        assert!(matches!(guard.take_failure(), Some(StorageError::Cancelled)));
        assert!(guard.list_with_size(FileType::Snapshot).unwrap().is_empty());
    }

    #[test]
    fn a_failed_write_stops_the_run_and_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("index"), "no folder").unwrap();
        let stop = Arc::new(Stop::default());
        let guard = Guard::new(Box::new(Folder::new(root.path())), Arc::clone(&stop));
        guard.write_bytes(FileType::Index, &Id::default(), false, b"x".to_vec().into()).unwrap_err();
        assert!(stop.wanted());
        assert!(matches!(guard.take_failure(), Some(StorageError::Disk { .. })));
    }
}
