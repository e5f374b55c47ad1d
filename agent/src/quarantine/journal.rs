//! What the vault notes of its own deeds, so that one that is interrupted is finished by whoever opens
//! the vault next: a small file each, named by the item, in a folder beside the items.

use super::{Vault, ids_in};
use crate::platform;
use keepwatch_proto::ids::ItemId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::PathBuf;

impl Vault {
    /// The folder of the notes.
    pub(super) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The file of a note; its end says of what kind it is.
    pub(super) fn note(&self, id: ItemId, kind: &str) -> PathBuf {
        self.journal().join(format!("{id}.{kind}"))
    }

    /// Writes one, whole and down to the disk.
    pub(super) fn write_note(&self, id: ItemId, kind: &str, note: &impl Serialize) -> io::Result<()> {
        let unfinished = self.note(id, super::UNFINISHED);
        platform::write_private(&unfinished, &serde_json::to_vec(note)?)?;
        std::fs::rename(unfinished, self.note(id, kind))?;
        platform::sync_dir(&self.journal())
    }

    /// Reads one; `None` where there is none. One that makes no sense says nothing, and is logged.
    pub(super) fn read_note<T: DeserializeOwned>(&self, id: ItemId, kind: &str) -> io::Result<Option<T>> {
        let text = match std::fs::read(self.note(id, kind)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let note = serde_json::from_slice(&text);
        Ok(note.inspect_err(|error| tracing::warn!(%id, "a note of the quarantine makes no sense: {error}")).ok())
    }

    /// Drops one. What stays is dropped by whoever opens the vault next.
    pub(super) fn drop_note(&self, id: ItemId, kind: &str) {
        match std::fs::remove_file(self.note(id, kind)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%id, "a note of the quarantine cannot be removed: {error}");
            }
            _ => {}
        }
    }

    /// Which items there are notes of this kind on.
    pub(super) fn noted(&self, kind: &str) -> io::Result<Vec<ItemId>> {
        ids_in(&self.journal(), kind)
    }
}
