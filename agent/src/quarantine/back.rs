//! How a file leaves the vault: back to where people can use it, or for good.

use super::{Header, Receipt, Step, Vault, VaultError, container, trace};
use crate::platform::Folder;
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::paths;
use keepwatch_proto::quarantine::{Changed, Item, ItemState};
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::path::Path;

impl Vault {
    /// Brings one back to this path, whose folder is there and free of links, and where nothing is.
    pub(crate) fn restore(&self, id: ItemId, target: &Path) -> Result<Item, VaultError> {
        let _held = self.hold()?;
        let header = self.header(id)?;
        let shown = paths::of_path(target);
        let at = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => VaultError::InTheWay(shown.clone()),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VaultError::NoRoom(error),
            _ => VaultError::Target(shown.clone(), error),
        };
        let (Some(above), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(at(io::Error::new(io::ErrorKind::InvalidInput, "it names no file")));
        };
        let folder = Folder::open(above).map_err(at)?;
        let temporary = trace::aside(id);
        // One that an interrupted attempt has left: also where the file is back by now.
        let _ = folder.remove(&temporary);
        if !is_back(&folder, name, &header).map_err(at)? {
            self.leaves_trace(id, above, None).map_err(VaultError::writing)?;
            let written = self.write_back(id, &header, &folder, &temporary).and_then(|file| {
                self.reach(Step::Written);
                let both = folder.publish(&temporary, name).map_err(at)?;
                self.reach(Step::Linked);
                if both {
                    folder.remove(&temporary).map_err(at)?;
                }
                folder.sync().map_err(at)?;
                match folder.holds(name, &file).map_err(at)? {
                    true => Ok(()),
                    false => Err(at(io::Error::other("something else took its place meanwhile"))),
                }
            });
            if let Err(error) = written {
                if folder.remove(&temporary).is_ok_and(|()| folder.sync().is_ok()) {
                    self.drop_trace(id);
                }
                return Err(match error {
                    VaultError::Vault(error) => at(error),
                    error => error,
                });
            }
            self.drop_trace(id);
        }
        self.reach(Step::Published);
        let changed = Changed { id, state: ItemState::Restored, target: shown };
        self.let_go(&Receipt { changed, item: Some(header.item.clone()) })?;
        Ok(header.item)
    }

    fn write_back(&self, id: ItemId, header: &Header, folder: &Folder, name: &OsStr) -> Result<File, VaultError> {
        let key = container::key(&self.root).map_err(|error| VaultError::Damaged(error.to_string()))?;
        let file = folder.create(name).map_err(VaultError::Vault)?;
        container::unseal(&self.file(id), &key, header, &file)?;
        header.apply(&file).map_err(VaultError::Vault)?;
        file.sync_all().map_err(VaultError::Vault)?;
        Ok(file)
    }

    /// Destroys one; `named`: also where no rule has found it. What cannot be read any more, and so not
    /// be brought back, goes as well, and then nothing is known of it.
    pub(crate) fn delete(&self, id: ItemId, named: bool) -> Result<Option<Item>, VaultError> {
        let _held = self.hold()?;
        if !self.has(id)? {
            return match self.receipt(id)? {
                // It was destroyed, and then the agent was stopped before it could say so.
                Some(Receipt { changed, item }) if changed.state == ItemState::Deleted => Ok(item),
                _ => Err(VaultError::NoItem),
            };
        }
        let item = match self.header(id) {
            Ok(header) => Some(header.item),
            Err(error @ VaultError::Damaged(_)) => {
                tracing::warn!(%id, "an item goes of which nothing can be read: {error}");
                None
            }
            // It may be there again in a moment.
            Err(error) if !named => return Err(error),
            Err(_) => None,
        };
        if !named && item.as_ref().is_some_and(|item| item.rules.is_empty()) {
            return Err(VaultError::OnlyNamed);
        }
        let changed = Changed { id, state: ItemState::Deleted, target: String::new() };
        self.let_go(&Receipt { changed, item: item.clone() })?;
        Ok(item)
    }
}

/// Whether it was brought back, and then the agent was stopped before it could say so. What lies there
/// is the only one from then on, and so goes down to the disk first. Anything else there is in the way.
fn is_back(folder: &Folder, name: &OsStr, header: &Header) -> io::Result<bool> {
    let in_the_way = || io::Error::from(io::ErrorKind::AlreadyExists);
    match folder.open_file(name) {
        Ok(there) if container::digest(&there)?.0 == header.item.sha256 => {
            folder.sync_file(name, there)?;
            folder.sync()?;
            Ok(true)
        }
        Ok(_) => Err(in_the_way()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Err(in_the_way()),
        Err(error) => Err(error),
    }
}
