//! What differs between systems: where state lies, whose files are private, who the users
//! are, how heavy work is kept out of people's way, how a service is told to stop. No other
//! room names a system.

#[cfg(any(windows, test))]
mod command_line;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes of a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    /// In all.
    pub(crate) total: u64,
    /// Free for us.
    pub(crate) free: u64,
}

/// Where to walk to see all local disks once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct LocalDisks {
    /// Their roots.
    pub(crate) roots: Vec<PathBuf>,
    /// What lies below those and is removable, or is seen elsewhere already.
    pub(crate) left_out: Vec<PathBuf>,
}

/// A removable medium that is in the PC.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Medium {
    /// Tells it from another one in the same place.
    pub(crate) id: String,
    /// Its root.
    pub(crate) at: PathBuf,
}

/// What the processors have done, in a unit of the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessorTimes {
    /// All of it.
    pub(crate) total: u64,
    /// In which nothing was done.
    pub(crate) idle: u64,
    /// Spent by this process.
    pub(crate) own: u64,
}

/// For so long nobody has touched a PC that is not in use.
const AWAY: Duration = Duration::from_secs(10 * 60);

/// Without the paths that lie below another one: nothing is to be read twice.
pub(crate) fn outermost(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    paths.dedup();
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !kept.iter().any(|above: &PathBuf| path.starts_with(above)) {
            kept.push(path);
        }
    }
    kept
}

/// The real folders directly below one; links are not followed out of it.
fn folders_below(root: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    entries.filter(|e| e.file_type().is_ok_and(|t| t.is_dir())).map(|e| e.path()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_read_twice() {
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(
            outermost(paths(&["/home/b", "/home/a/x", "/home/a", "/home/a", "/home/ab"])),
            paths(&["/home/a", "/home/ab", "/home/b"])
        );
    }

    #[test]
    fn a_private_file_is_written_whole_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        private_dir(&state).unwrap();
        private_dir(&state).unwrap();
        let file = state.join("key");
        write_private(&file, b"first, and longer").unwrap();
        write_private(&file, b"second").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"second");
        sync_dir(&state).unwrap();
        assert!(disk(&state).unwrap().total > 0);
    }

    #[test]
    fn only_real_folders_are_users_folders() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("wang")).unwrap();
        std::fs::write(folder.path().join("note"), "").unwrap();
        assert_eq!(folders_below(folder.path()), vec![folder.path().join("wang")]);
        assert!(folders_below(&folder.path().join("absent")).is_empty());
    }
}
