//! Opening a repository whose keys or config a disk has spoilt: one key that cannot be read hides no
//! other, and where nothing opens it is said what to bring back.

use crate::error::{Error, Result};
use crate::guard::is_affordable;
use crate::repository::Repository;
use crate::storage::{Objects, Storage, StorageError};
use rustic_core::{FileType, Id};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Opens after all what did not open, with the keys that are whole, or says why that is not possible.
pub(crate) fn open_despite(
    storage: &Storage,
    error: Error,
    open: impl Fn(&[Id]) -> Result<Repository>,
) -> Result<Repository> {
    let objects = storage.open(Arc::default())?;
    let location = storage.location();
    let keys: Vec<Id> = match objects.list(FileType::Key) {
        Ok(keys) => keys.into_iter().map(|(id, _)| id).collect(),
        // It is out of reach, as it was before.
        Err(failure) if failure.is_of_all() => return Err(error),
        Err(_) => Vec::new(),
    };
    let mut spoilt = Vec::new();
    for key in &keys {
        if !is_whole(&*objects, key)? {
            spoilt.push(*key);
        }
    }
    if keys.len() == spoilt.len() {
        let what = if keys.is_empty() { "it has no key" } else { "its key is damaged" };
        return Err(Error::NoKey { location, what: what.to_owned() });
    }
    let outcome = if spoilt.is_empty() { Err(error) } else { open(&spoilt) };
    match outcome {
        Ok(repository) => {
            tracing::warn!(
                spoilt = spoilt.len(),
                location,
                "keys of the repository are damaged; another one opened it"
            );
            Ok(repository)
        }
        Err(Error::WrongPassword(_)) if !spoilt.is_empty() => {
            let what = format!("the password opens none of its keys, and {} of them are damaged", spoilt.len());
            Err(Error::NoKey { location, what })
        }
        // The key is good, and only the config was read after it.
        Err(Error::Broken { why, .. } | Error::Crashed(why)) => {
            Err(Error::NoConfig { location, what: format!("cannot be read ({why})") })
        }
        outcome => outcome,
    }
}

/// Whether a key is what its name says, and one that may be tried.
fn is_whole(objects: &dyn Objects, key: &Id) -> Result<bool> {
    match objects.read(FileType::Key, key, None) {
        Ok(content) => {
            let is_named_so = hex::encode(Sha256::digest(&content)) == key.to_hex().as_str();
            Ok(is_named_so && is_affordable(key, content))
        }
        Err(StorageError::Missing(_) | StorageError::Disk { .. } | StorageError::Wrong { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
