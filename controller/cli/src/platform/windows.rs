//! Windows.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

/// Where the user's settings live.
pub(crate) fn config_folder() -> Option<PathBuf> {
    std::env::var_os("APPDATA").map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A folder that only its owner may enter: whatever is below APPDATA inherits that.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Whether nobody but the owner may read it.
#[cfg(test)]
pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    path.try_exists()
}

/// An argument or name as bytes.
pub(crate) fn bytes(name: &OsStr) -> Vec<u8> {
    name.to_string_lossy().into_owned().into_bytes()
}

/// The name of a local file for one that was saved elsewhere, where more characters are
/// allowed: a colon here would name a stream within another file.
pub(crate) fn file_name(bytes: Vec<u8>) -> OsString {
    let name = String::from_utf8_lossy(&bytes);
    name.replace(|c: char| c.is_control() || "<>:\"/\\|?*".contains(c), "_").into()
}
