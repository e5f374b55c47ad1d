//! All that differs between systems: what is saved of a file, how it is opened without
//! following links, and how a restore writes without ever passing through one.

use rustic_core::jiff::Timestamp;

#[cfg(target_os = "linux")]
mod btrfs;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(target_os = "linux")]
pub(crate) use btrfs::*;
#[cfg(not(target_os = "linux"))]
pub(crate) use nothing_frozen::*;
#[cfg(unix)]
pub(crate) use unix::*;
#[cfg(windows)]
pub(crate) use windows::*;

/// Where there is no way past the system's cache.
#[cfg(not(target_os = "linux"))]
pub(crate) fn past_cache(_: &std::fs::File, _: bool) -> bool {
    false
}

/// Where no file system can be frozen.
#[cfg(not(target_os = "linux"))]
mod nothing_frozen {
    use std::collections::HashSet;
    use std::path::{Path, PathBuf};

    pub(crate) fn freezable(_: &Path) -> Option<PathBuf> {
        None
    }

    pub(crate) fn freeze(_: &Path, _: &Path) -> Result<(), String> {
        Ok(())
    }

    pub(crate) fn thaw(_: &Path) -> Result<(), String> {
        Ok(())
    }

    pub(crate) fn mount_points() -> HashSet<PathBuf> {
        HashSet::new()
    }

    pub(crate) fn is_left_open(_: &Path) -> bool {
        false
    }

    pub(crate) fn lives(_: &str) -> bool {
        false
    }
}

/// What lies at a name in the target already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Folder,
    /// Anything else.
    Other {
        /// Of a regular file, in bytes.
        file: Option<u64>,
        /// When it was last changed.
        modified: Option<Timestamp>,
    },
}

/// restic stores file modes as Go writes them; these bits are Go's `fs.FileMode`.
pub(crate) mod mode {
    pub(crate) const DIR: u32 = 1 << 31;
    pub(crate) const SYMLINK: u32 = 1 << 27;
    #[cfg(unix)]
    pub(crate) const DEVICE: u32 = 1 << 26;
    #[cfg(unix)]
    pub(crate) const FIFO: u32 = 1 << 25;
    #[cfg(unix)]
    pub(crate) const SOCKET: u32 = 1 << 24;
    pub(crate) const SETUID: u32 = 1 << 23;
    pub(crate) const SETGID: u32 = 1 << 22;
    #[cfg(unix)]
    pub(crate) const CHARDEVICE: u32 = 1 << 21;
    pub(crate) const STICKY: u32 = 1 << 20;

    const SPECIAL: [(u32, u32); 3] = [(SETUID, 0o4000), (SETGID, 0o2000), (STICKY, 0o1000)];

    /// Go's bits for permissions as Unix has them; those for the type come from elsewhere.
    #[cfg(unix)]
    pub(crate) fn permissions_to_go(unix: u32) -> u32 {
        let special = SPECIAL.iter().filter(|(_, bit)| unix & bit != 0);
        special.fold(unix & 0o777, |mode, (go, _)| mode | go)
    }

    /// Unix permissions out of Go's bits.
    pub(crate) fn permissions_from_go(go: u32) -> u32 {
        let special = SPECIAL.iter().filter(|(bit, _)| go & bit != 0);
        special.fold(go & 0o777, |mode, (_, unix)| mode | unix)
    }

    #[cfg(all(test, unix))]
    mod tests {
        use super::*;

        #[test]
        fn permissions_survive_the_way_through_go() {
            for unix in [0, 0o644, 0o755, 0o4755, 0o2770, 0o1777, 0o7777] {
                assert_eq!(permissions_from_go(permissions_to_go(unix | 0o100_000)), unix);
            }
        }
    }
}
