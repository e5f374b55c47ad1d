//! Indexes of one's own over a storage that is left as it is: what is found out about packs that no
//! index names, for as long as it is needed. Who only reads could not store it.

use crate::storage::{Objects, StorageError};
use bytes::Bytes;
use rustic_core::{BytesList, FileType, Id};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The storage, and what lies over it.
pub(crate) struct OwnIndexes {
    below: Arc<dyn Objects>,
    /// This pack alone is there, and no index but our own.
    only: Option<Id>,
    indexes: Mutex<HashMap<Id, Bytes>>,
}

impl OwnIndexes {
    pub(crate) fn new(below: Arc<dyn Objects>, only: Option<Id>) -> Self {
        Self { below, only, indexes: Mutex::default() }
    }

    fn own<T>(&self, work: impl FnOnce(&mut HashMap<Id, Bytes>) -> T) -> T {
        work(&mut self.indexes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Objects for OwnIndexes {
    fn location(&self) -> String {
        self.below.location()
    }

    fn create(&self) -> Result<(), StorageError> {
        Ok(())
    }

    fn config(&self) -> Result<Option<u32>, StorageError> {
        self.below.config()
    }

    fn list(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StorageError> {
        let mut listed = match (kind, self.only) {
            (FileType::Index, Some(_)) => Vec::new(),
            _ => self.below.list(kind)?,
        };
        match (kind, self.only) {
            (FileType::Pack, Some(pack)) => listed.retain(|(id, _)| *id == pack),
            (FileType::Index, _) => self.own(|own| {
                listed.extend(own.iter().map(|(id, content)| (*id, u32::try_from(content.len()).unwrap_or(u32::MAX))));
            }),
            _ => {}
        }
        Ok(listed)
    }

    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        let own = if kind == FileType::Index { self.own(|own| own.get(id).cloned()) } else { None };
        match (own, range) {
            (Some(content), None) => Ok(content),
            _ => self.below.read(kind, id, range),
        }
    }

    fn write(&self, kind: FileType, id: &Id, content: &BytesList) -> Result<(), StorageError> {
        if kind != FileType::Index {
            let what = crate::storage::name(kind, id);
            return Err(StorageError::Wrong { what, why: "nothing is stored while it is only read".to_owned() });
        }
        let content: Vec<u8> = content.slice().iter().flat_map(|part| part.iter().copied()).collect();
        self.own(|own| own.insert(*id, content.into()));
        Ok(())
    }

    /// What our own index says better is still said by the one below: that does no harm.
    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        if kind == FileType::Index {
            self.own(|own| own.remove(id));
        }
        Ok(())
    }
}
