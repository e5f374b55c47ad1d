//! Linux and its kin.

use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where the user's settings live.
pub(crate) fn config_folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))
}

/// A folder that only its owner may enter.
pub(crate) fn make_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700))
}

/// Whether nobody but the owner may read it.
#[cfg(test)]
pub(crate) fn is_private(path: &Path) -> io::Result<bool> {
    Ok(std::fs::metadata(path)?.permissions().mode() & 0o077 == 0)
}

/// An argument or name as bytes.
pub(crate) fn bytes(name: &OsStr) -> Vec<u8> {
    name.as_bytes().to_vec()
}

/// The name of a local file for one that was saved, which may not be UTF-8.
pub(crate) fn file_name(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}
