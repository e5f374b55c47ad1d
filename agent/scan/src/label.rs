//! Written beside a compiled set: which sources it was made of, and what its rules speak of.
//! Who has the same sources again need not read them.

use crate::compiled::{DIGEST, RulesId};
use crate::platform;
use crate::rules::GLOBALS;
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Begins a label; changes with its layout.
const MAGIC: &[u8; 8] = b"KWLABEL1";
/// What was changed within this time, in nanoseconds, may be changed again without a trace:
/// the clocks of file systems are coarse, FAT's goes by two seconds.
const SETTLED: i64 = 3_000_000_000;

/// The label of the sources with this key.
pub(crate) fn file(folder: &Path, key: &[u8; DIGEST]) -> PathBuf {
    folder.join(format!("rules-{}.label", hex::encode(&key[..16])))
}

/// Which set a label names, and what its rules speak of. `changed` is when the sources were
/// last changed, in nanoseconds since 1970: a label that was written right after may have
/// missed another change. It is not relied on, and so written anew.
pub(crate) fn read(file: &Path, changed: i64) -> Option<(RulesId, [bool; GLOBALS.len()])> {
    if !platform::only_we_write(file.parent()?) || !platform::only_we_write(file) {
        return None;
    }
    let written = fs::metadata(file).ok()?.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
    if i64::try_from(written).ok()? < changed.saturating_add(SETTLED) {
        return None;
    }
    let bytes = fs::read(file).ok()?;
    let (content, digest) = bytes.split_at_checked(MAGIC.len() + DIGEST + GLOBALS.len())?;
    if digest != Sha256::digest(content).as_slice() {
        return None;
    }
    let (id, names) = content.strip_prefix(MAGIC)?.split_at_checked(DIGEST)?;
    let names: [u8; GLOBALS.len()] = names.try_into().ok()?;
    Some((RulesId(id.try_into().ok()?), names.map(|speaks| speaks != 0)))
}

/// Writes one.
pub(crate) fn write(file: &Path, id: &RulesId, names: [bool; GLOBALS.len()]) -> io::Result<()> {
    let folder = file.parent().ok_or(io::ErrorKind::NotFound)?;
    if !platform::only_we_write(folder) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let content = [MAGIC.as_slice(), &id.0, &names.map(u8::from)].concat();
    let new = file.with_extension(format!("{}.new", std::process::id()));
    platform::write_new(&new, &[&content, Sha256::digest(&content).as_slice()])?;
    fs::rename(&new, file)
}
