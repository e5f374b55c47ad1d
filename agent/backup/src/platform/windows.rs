//! Windows. There are no folder handles to work on in std, so that a restore checks each
//! folder for being a link before it writes below it; Windows lets only administrators and
//! developers make links at all.

use super::{Found, mode};
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::windows::fs::MetadataExt;
use std::path::{Component, Path, PathBuf, Prefix};

pub(crate) const NAMES_IGNORE_CASE: bool = true;

/// Offline, recall on open, recall on data access: the bytes are somewhere else.
const ELSEWHERE: u32 = 0x1000 | 0x0004_0000 | 0x0040_0000;

/// A pattern as globset reads it.
pub(crate) fn glob_text(pattern: &str) -> String {
    pattern.replace('\\', "/")
}

/// Whether a pattern starts with a drive's letter.
pub(crate) fn starts_at_drive(pattern: &str) -> bool {
    matches!(pattern.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// Windows has no such call; NTFS journals names by itself.
pub(crate) fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

/// A path without `..` and from the drive on, as it is kept in the snapshot.
pub(crate) fn absolute(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut components = path.components();
    if let Some(Component::Prefix(prefix)) = components.next() {
        if let Prefix::VerbatimDisk(letter) = prefix.kind() {
            let drive = format!("{}:\\", char::from(letter));
            return Ok(
                PathBuf::from(drive).join(components.as_path().strip_prefix("\\").unwrap_or(components.as_path()))
            );
        }
    }
    Ok(path)
}

/// Whether a name from a snapshot is one that can lie in a folder.
pub(crate) fn is_plain_name(name: &OsStr) -> bool {
    const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];
    let Some(name) = name.to_str() else { return false };
    let stem = name.split('.').next().unwrap_or(name).trim_end().to_ascii_uppercase();
    let port = stem.len() == 4 && (stem.starts_with("COM") || stem.starts_with("LPT"));
    !name.is_empty()
        && !name.ends_with(['.', ' '])
        && !name.contains(|c: char| c < ' ' || "<>:\"/\\|?*".contains(c))
        && !DEVICES.contains(&stem.as_str())
        && !port
}

/// As many files as are wanted may be open here.
pub(crate) fn many_files() {}

/// Mounts inside a drive are links here, which the walk does not follow.
pub(crate) fn device(_: &fs::Metadata) -> u64 {
    0
}

/// Windows' disks hold no other machine's files; a share is a root of its own.
pub(crate) fn is_foreign(_: &Path) -> bool {
    false
}

/// Whether the content lies with a cloud service only.
pub(crate) fn is_placeholder(data: &fs::Metadata) -> bool {
    data.file_attributes() & ELSEWHERE != 0
}

/// The path with no link on it, if it is one itself.
pub(crate) fn without_links(path: &Path) -> PathBuf {
    let is_link = fs::symlink_metadata(path).is_ok_and(|data| data.is_symlink());
    let real = if is_link { fs::canonicalize(path).ok() } else { None };
    real.unwrap_or_else(|| path.to_owned())
}

/// The time since this process first asked: what a thread waits for counts like its work.
pub(crate) fn thread_time() -> std::time::Duration {
    static FIRST: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(std::time::Instant::now).elapsed()
}

/// Opens a regular file for reading.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it was replaced by something that is no file while the backup ran"));
    }
    File::open(path)
}

/// Where a path of a snapshot is: its first folder is the drive's letter.
pub(crate) fn local(path: &Path) -> PathBuf {
    let mut names = crate::tree::names(path).into_iter().flatten();
    let mut drive = names.next().map(OsStr::to_owned).unwrap_or_default();
    drive.push(":\\");
    names.fold(PathBuf::from(drive), |path, name| path.join(name))
}

/// Windows reads ahead by itself.
pub(crate) fn read_ahead(_: &File, _: u64) {}

/// Which file it is: what the walk learns does not tell.
pub(crate) fn file_number(_: &fs::Metadata) -> Option<(u64, u64)> {
    None
}

/// Turns what the system says about files into restic's nodes.
#[derive(Debug, Default)]
pub(crate) struct Describer;

impl Describer {
    /// The node of this name for what lies at `path`, and what of it could not be read.
    pub(crate) fn node(
        &mut self,
        name: &OsStr,
        path: &Path,
        data: &fs::Metadata,
    ) -> io::Result<(Node, Option<io::Error>)> {
        let mtime = data.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        let (kind, bits) = if data.is_dir() {
            (NodeType::Dir, mode::DIR | 0o777)
        } else if data.is_symlink() {
            (NodeType::from_link(&fs::read_link(path)?), mode::SYMLINK | 0o777)
        } else {
            (NodeType::File, if data.permissions().readonly() { 0o444 } else { 0o666 })
        };
        let meta = Metadata {
            // restic asks for these on any system.
            mode: Some(bits),
            uid: Some(0),
            gid: Some(0),
            mtime,
            atime: mtime,
            ctime: data.created().ok().and_then(|time| Timestamp::try_from(time).ok()),
            size: if data.is_file() { data.len() } else { 0 },
            ..Metadata::default()
        };
        Ok((Node::new_node(name, kind, meta), None))
    }
}

/// A folder in the target.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// Where the paths of this PC begin: what is in it are the drives, by their letters.
    pub(crate) fn everything() -> io::Result<Self> {
        Ok(Self(PathBuf::new()))
    }

    fn at(&self, name: &OsStr) -> PathBuf {
        match self.0.as_os_str().is_empty() {
            true => {
                let mut drive = name.to_owned();
                drive.push(":\\");
                drive.into()
            }
            false => self.0.join(name),
        }
    }

    /// The target itself, made where it is missing.
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Self::existing(path)
    }

    /// The target itself, if it is there.
    pub(crate) fn existing(path: &Path) -> io::Result<Self> {
        match fs::metadata(path)?.is_dir() {
            // The long form lets paths exceed 260 characters.
            true => Ok(Self(fs::canonicalize(path)?)),
            false => Err(io::Error::other("it is no folder")),
        }
    }

    /// A folder in this one; a link is none.
    pub(crate) fn open(&self, name: &OsStr) -> io::Result<Self> {
        let path = self.at(name);
        match fs::symlink_metadata(&path)?.is_dir() {
            true => Ok(Self(path)),
            false => Err(io::Error::other("something that is no folder is in the way")),
        }
    }

    /// A folder in this one, and whether it was made for the purpose.
    pub(crate) fn make(&self, name: &OsStr) -> io::Result<(Self, bool)> {
        // A drive can be opened and not made.
        match self.open(name) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            opened => return Ok((opened?, false)),
        }
        match fs::create_dir(self.at(name)) {
            Ok(()) => Ok((self.open(name)?, true)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok((self.open(name)?, false)),
            Err(e) => Err(e),
        }
    }

    /// What lies at `name`.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match fs::symlink_metadata(self.at(name)) {
            Ok(data) if data.is_dir() => Ok(Some(Found::Folder)),
            Ok(data) => Ok(Some(Found::Other {
                file: data.is_file().then(|| data.len()),
                modified: data.modified().ok().and_then(|time| Timestamp::try_from(time).ok()),
            })),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// A full disk shows when it is full.
    pub(crate) fn free_space(&self) -> Option<u64> {
        None
    }

    /// A new, empty file.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        fs::OpenOptions::new().read(true).write(true).create_new(true).open(self.at(name))
    }

    /// Gives a file of another folder a name here, too.
    pub(crate) fn hard_link(&self, name: &OsStr, from: &Self, from_name: &OsStr) -> io::Result<()> {
        fs::hard_link(from.at(from_name), self.at(name))
    }

    /// Makes a link; Windows has none of the other kinds.
    pub(crate) fn special(&self, name: &OsStr, kind: &NodeType) -> io::Result<()> {
        match kind {
            NodeType::Symlink { .. } => std::os::windows::fs::symlink_file(kind.to_link(), self.at(name)),
            _ => Err(io::Error::other("Windows has no such kind of file")),
        }
    }

    /// Gives a finished entry its real name. Without `overwrite` it takes no other's place.
    pub(crate) fn publish(&self, temporary: &OsStr, name: &OsStr, overwrite: bool) -> io::Result<()> {
        let path = self.at(name);
        match fs::symlink_metadata(&path) {
            Ok(_) if !overwrite => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(there) if there.is_file() => make_replaceable(&path, there.permissions())?,
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        fs::rename(self.at(temporary), path)
    }

    /// Removes what is no folder.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.at(name))
    }

    /// The time of this folder itself.
    pub(crate) fn finish(&self, meta: &Metadata) -> io::Result<()> {
        match time(meta) {
            Some(time) => filetime::set_file_times(&self.0, time, time),
            None => Ok(()),
        }
    }

    /// Links keep the time of their making.
    pub(crate) fn finish_special(&self, _: &OsStr, _: &Node) -> io::Result<()> {
        Ok(())
    }
}

/// Windows replaces no file that is marked read-only.
// It is one mark here, not Unix' permissions for everybody.
#[allow(clippy::permissions_set_readonly_false)]
fn make_replaceable(path: &Path, mut permissions: fs::Permissions) -> io::Result<()> {
    if permissions.readonly() {
        permissions.set_readonly(false);
        fs::set_permissions(path, permissions)?;
    }
    Ok(())
}

/// The time and the read-only mark of a new file.
pub(crate) fn finish_file(file: &File, meta: &Metadata) -> io::Result<()> {
    if let Some(time) = time(meta) {
        filetime::set_file_handle_times(file, Some(time), Some(time))?;
    }
    if meta.mode.is_some_and(|bits| mode::permissions_from_go(bits) & 0o222 == 0) {
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

fn time(meta: &Metadata) -> Option<filetime::FileTime> {
    let nanos = meta.mtime?.as_nanosecond();
    let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
    Some(filetime::FileTime::from_unix_time(i64::try_from(seconds).ok()?, u32::try_from(rest).ok()?))
}

/// A name for what is not finished yet.
pub(crate) fn temporary_name() -> OsString {
    format!(".keepwatch-{:016x}", rand::random::<u64>()).into()
}
