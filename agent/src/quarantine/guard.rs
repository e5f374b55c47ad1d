//! What may be put away: a regular file, with no link on the way to it, that is none of the agent's
//! own; what the system may need only by name, and what holds much besides what was found not for
//! the sake of that.

use super::{VaultError, Wanted};
use crate::platform::{self, Folder};
use keepwatch_proto::paths;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};

/// What people keep all their mail in begins with one of these.
const MAILBOXES: [&[u8]; 2] = [b"From ", b"!BDN"];

/// Why what the system may need stays where it is.
const SYSTEM: &str = "the system may need it: if it may go, put it away by name with 'keepwatch quarantine add', which 'system_files' in the PC's agent.toml has to allow";
const SYSTEM_CLOSED: &str = "the system may need it, and this PC does not let it go: 'system_files' in the section [quarantine] of its agent.toml is not true";

/// A file, and where it lies.
pub(super) struct Place {
    pub(super) folder: Folder,
    pub(super) name: OsString,
    /// Its path, without links.
    pub(super) path: PathBuf,
    pub(super) file: File,
}

/// Finds what is to be put away, if it may be.
pub(super) fn place(path: &Path, wanted: &Wanted, own: &[PathBuf]) -> Result<Place, VaultError> {
    let opening = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => VaultError::NotThere,
        _ => VaultError::Open(error),
    };
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(VaultError::Open(io::Error::other("it names no file")));
    };
    if !path.is_absolute() {
        return Err(VaultError::Open(io::Error::other("it is not a full path")));
    }
    let above_it = above.canonicalize().map_err(opening)?;
    let real = above_it.join(name);
    // Where the content is known it is the same file by any way; what is only named must be what was meant.
    if wanted.sha256.is_empty() && platform::folded(&real) != platform::folded(path) {
        return Err(VaultError::Linked(paths::of_path(&real)));
    }
    let below = |folder: &PathBuf| is_below(&real, folder);
    if own.iter().any(below) {
        return Err(VaultError::Guarded("it is one of the agent's own files"));
    }
    if !wanted.system && platform::system_folders().iter().any(below) {
        return Err(VaultError::Guarded(if wanted.by_name { SYSTEM_CLOSED } else { SYSTEM }));
    }
    let folder = Folder::open(&above_it).map_err(opening)?;
    let file = folder.open_file(name).map_err(opening)?;
    if !wanted.by_name && wanted.inside && is_mailbox(&file).map_err(opening)? {
        return Err(VaultError::Guarded(
            "it is a whole mailbox: delete the mail in it that was found, or put all of it away by name with 'keepwatch quarantine add'",
        ));
    }
    Ok(Place { folder, name: name.to_owned(), path: real, file })
}

/// Whether a path lies below a folder, or is it: by its name, or by another one that the same folder has
/// where it is mounted twice.
fn is_below(real: &Path, folder: &Path) -> bool {
    let there = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    if platform::folded(real).starts_with(platform::folded(&there)) {
        return true;
    }
    let number = |path: &Path| std::fs::metadata(path).ok().and_then(|data| platform::names_of(&data).0);
    number(&there).is_some_and(|this| real.ancestors().skip(1).any(|above| number(above) == Some(this)))
}

fn is_mailbox(mut file: &File) -> io::Result<bool> {
    let mut head = Vec::new();
    file.rewind()?;
    file.take(8).read_to_end(&mut head)?;
    Ok(MAILBOXES.iter().any(|begin| head.starts_with(begin)))
}
