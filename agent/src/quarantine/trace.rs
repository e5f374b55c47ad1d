//! What lies in a folder of the PC's for a moment, under a name of ours: a file that is being brought
//! back, or one that is moved aside before it goes. Where that moment is cut off, the note on it has
//! the next one who opens the vault clear up.

use super::{Vault, container};
use crate::platform::Folder;
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::paths;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

/// Ends the names of these notes.
const TRACE: &str = "at";

/// Where something of ours lies.
#[derive(Debug, Serialize, Deserialize)]
struct Trace {
    folder: String,
    /// What it was called, where it was moved aside; none: it is brought back, and the vault has it.
    name: Option<String>,
}

/// The name under which it lies there.
pub(super) fn aside(id: ItemId) -> OsString {
    format!(".keepwatch-{id}").into()
}

/// Gives something its name again, unless that is another one's by now.
pub(super) fn give_back(folder: &Folder, aside: &OsStr, name: &OsStr) -> io::Result<()> {
    if folder.publish(aside, name)? {
        folder.remove(aside)?;
    }
    folder.sync()
}

impl Vault {
    /// From now on something may lie in this folder; what was called `name`, where it was moved aside.
    pub(super) fn leaves_trace(&self, id: ItemId, folder: &Path, name: Option<&OsStr>) -> io::Result<()> {
        let name = name.map(|name| paths::of_path(Path::new(name)));
        self.write_note(id, TRACE, &Trace { folder: paths::of_path(folder), name })
    }

    /// Nothing lies there any more.
    pub(super) fn drop_trace(&self, id: ItemId) {
        self.drop_note(id, TRACE);
    }

    /// Clears up after those who were interrupted.
    pub(super) fn clear_up(&self) -> io::Result<()> {
        for id in self.noted(TRACE)? {
            match self.is_cleared(id) {
                Ok(true) => self.drop_trace(id),
                Ok(false) => {}
                Err(error) => {
                    let name = aside(id);
                    tracing::warn!(%id, ?name, "what an interrupted attempt has left cannot be cleared up yet: {error}");
                }
            }
        }
        Ok(())
    }

    /// False: its folder is not there, and may come back, as a medium does.
    fn is_cleared(&self, id: ItemId) -> io::Result<bool> {
        let Some(Trace { folder, name }) = self.read_note::<Trace>(id, TRACE)? else { return Ok(true) };
        let folder = match Folder::open(&paths::to_path(&folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(!self.file(id).try_exists()?),
            folder => folder?,
        };
        let aside = aside(id);
        // What is no file is not what was put away: somebody put it in its place.
        let ours = match folder.open_file(&aside) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => false,
            file => name.is_none() || self.has_copy(id, &file?)?,
        };
        match name {
            Some(name) if !ours => give_back(&folder, &aside, paths::to_path(&name).as_os_str())?,
            _ => {
                folder.remove(&aside)?;
                folder.sync()?;
            }
        }
        Ok(true)
    }

    /// Whether the vault has what is in a file.
    fn has_copy(&self, id: ItemId, file: &std::fs::File) -> io::Result<bool> {
        Ok(match self.header(id) {
            Ok(header) => container::digest(file)?.0 == header.item.sha256,
            Err(_) => false,
        })
    }
}
