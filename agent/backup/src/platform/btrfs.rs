//! Frozen states of btrfs: read-only snapshots of a subvolume, made in it and removed again, by
//! the system's own program.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// From the kernel's magic.h.
const BTRFS: i64 = 0x9123_683e;
/// Each subvolume's topmost folder has this number; from the kernel's btrfs_tree.h.
const TOPMOST: u64 = 256;
/// A folder in whose place a snapshot does not have a subvolume; likewise.
const LEFT_OPEN: u64 = 2;

/// The topmost folder of the subvolume that a path lies on, if it lies on one.
pub(crate) fn freezable(path: &Path) -> Option<PathBuf> {
    // Who comes by a link means what is behind it, which is not what is frozen.
    let real = fs::canonicalize(path).ok().filter(|real| real == path)?;
    if nix::sys::statfs::statfs(&real).ok()?.filesystem_type().0 != BTRFS {
        return None;
    }
    let device = fs::metadata(&real).ok()?.dev();
    let same = |path: &Path| fs::metadata(path).is_ok_and(|data| data.dev() == device);
    let top = real.ancestors().take_while(|path| same(path)).last()?;
    // A part of a subvolume that is mounted elsewhere has no topmost folder. Where anybody but us
    // may make names, a link could lead what we make and remove to somebody else's.
    let is_ours = |path: &Path| {
        let us = nix::unistd::geteuid().as_raw();
        fs::metadata(path).is_ok_and(|data| (data.uid() == us || data.uid() == 0) && data.mode() & 0o022 == 0)
    };
    let sticky = |path: &Path| fs::metadata(path).is_ok_and(|data| data.uid() == 0 && data.mode() & 0o1000 != 0);
    let above_is_ours = top.ancestors().skip(1).all(|path| is_ours(path) || sticky(path));
    (fs::metadata(top).ok()?.ino() == TOPMOST && is_ours(top) && above_is_ours).then(|| top.to_owned())
}

/// Makes a frozen state.
pub(crate) fn freeze(live: &Path, frozen: &Path) -> Result<(), String> {
    btrfs(&["subvolume".as_ref(), "snapshot".as_ref(), "-r".as_ref(), live.as_os_str(), frozen.as_os_str()])
}

/// Removes one.
pub(crate) fn thaw(frozen: &Path) -> Result<(), String> {
    btrfs(&["subvolume".as_ref(), "delete".as_ref(), frozen.as_os_str()])
}

fn btrfs(arguments: &[&OsStr]) -> Result<(), String> {
    let output =
        Command::new("btrfs").args(arguments).stdin(Stdio::null()).output().map_err(|e| format!("btrfs: {e}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.trim().to_owned()) }
}

/// All places that something is mounted at.
pub(crate) fn mount_points() -> HashSet<PathBuf> {
    let mounts = fs::read("/proc/self/mountinfo").unwrap_or_default();
    // proc(5): the fifth field; what would end it stands in octal.
    let points = mounts.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b' ').nth(4));
    points.map(|point| unescaped(point).into()).collect()
}

fn unescaped(text: &[u8]) -> OsString {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(byte) if *first == b'\\' => (out, rest) = ([out, vec![byte]].concat(), &after[3..]),
            _ => (out, rest) = ([out, vec![*first]].concat(), after),
        }
    }
    OsString::from_vec(out)
}

/// Whether a frozen state does not have what lives in this folder: another subvolume.
pub(crate) fn is_left_open(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|data| data.is_dir() && data.ino() == LEFT_OPEN)
}

/// Whether a process is there.
pub(crate) fn lives(process: &str) -> bool {
    process.parse::<u32>().is_ok_and(|number| Path::new("/proc").join(number.to_string()).exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn mount_points_are_read_as_the_kernel_writes_them() {
        let text = unescaped(b"/mnt/a\\040b\\134c\\x");
        assert_eq!(text.as_bytes(), b"/mnt/a b\\c\\x");
        assert!(mount_points().contains(Path::new("/proc")));
    }
}
