//! Files that are taken away and brought back. There are no folder handles to work on in std, so
//! each folder on the path is looked at; what is read is held so that nobody writes to it meanwhile.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Others may read it and delete it, and not write to it.
const SHARED: u32 = 1 | 4;
/// A link is opened itself.
const NOT_THROUGH_LINKS: u32 = 0x0020_0000;

/// A folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Opens it: a link anywhere on the path is refused.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        if !path.is_absolute() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a full path"));
        }
        for part in path.ancestors().filter(|part| part.parent().is_some()) {
            if !fs::symlink_metadata(part)?.is_dir() {
                return Err(io::Error::other("a part of its path is a link, or no folder"));
            }
        }
        Ok(Self(path.to_owned()))
    }

    /// Opens a regular file in it for reading.
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let path = self.0.join(name);
        if !fs::symlink_metadata(&path)?.is_file() {
            return Err(no_file());
        }
        let file = OpenOptions::new().read(true).share_mode(SHARED).custom_flags(NOT_THROUGH_LINKS).open(&path)?;
        if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
    }

    /// Whether this name is that file's, as far as can be told.
    pub(crate) fn holds(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let ours = file.metadata()?;
        match fs::symlink_metadata(self.0.join(name)) {
            Ok(there) => Ok(there.is_file()
                && there.len() == ours.len()
                && there.modified().ok() == ours.modified().ok()
                && there.created().ok() == ours.created().ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// A new, empty file.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).share_mode(SHARED).open(self.0.join(name))
    }

    /// Gives one another name of ours, which no other has.
    pub(crate) fn set_aside(&self, name: &OsStr, aside: &OsStr) -> io::Result<()> {
        fs::rename(self.0.join(name), self.0.join(aside))
    }

    /// Gives a finished file its real name, which no other may have. False: it has no other then.
    pub(crate) fn publish(&self, temporary: &OsStr, name: &OsStr) -> io::Result<bool> {
        let path = self.0.join(name);
        match fs::symlink_metadata(&path) {
            Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Err(_) => fs::rename(self.0.join(temporary), path).map(|()| false),
        }
    }

    /// Makes the content of a file in it last. Only whoever may write to it can do that.
    // It is one mark here, not Unix' permissions for everybody.
    #[allow(clippy::permissions_set_readonly_false)]
    pub(crate) fn sync_file(&self, name: &OsStr, file: File) -> io::Result<()> {
        let path = self.0.join(name);
        let before = file.metadata()?.permissions();
        // While it is held nobody writes to it, nor do we.
        drop(file);
        if before.readonly() {
            let mut open = before.clone();
            open.set_readonly(false);
            fs::set_permissions(&path, open)?;
        }
        let file = OpenOptions::new().write(true).share_mode(SHARED).custom_flags(NOT_THROUGH_LINKS).open(&path);
        let synced = file.and_then(|file| file.sync_all());
        if before.readonly() {
            fs::set_permissions(&path, before)?;
        }
        synced
    }

    /// Removes what is no folder.
    // It is one mark here, not Unix' permissions for everybody.
    #[allow(clippy::permissions_set_readonly_false)]
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        let path = self.0.join(name);
        let mut permissions = fs::symlink_metadata(&path)?.permissions();
        if permissions.readonly() {
            permissions.set_readonly(false);
            fs::set_permissions(&path, permissions)?;
        }
        fs::remove_file(path)
    }

    /// Windows keeps a folder's changes by itself.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")
}

/// Which file it is, and how many names it has: std does not tell.
pub(crate) fn names_of(_: &Metadata) -> (Option<(u64, u64)>, u64) {
    (None, 1)
}

/// When anything was last done to a file: std does not tell.
pub(crate) fn changed_at(_: &Metadata) -> Option<(i64, i64)> {
    None
}

/// Who may do what with a file: there is only the read-only mark; rights come from the folder.
pub(crate) fn owner_of(data: &Metadata) -> (u32, u32, u32) {
    (if data.permissions().readonly() { 0o444 } else { 0o666 }, 0, 0)
}

/// Gives a file its read-only mark.
pub(crate) fn set_owner(file: &File, (mode, _, _): (u32, u32, u32)) -> io::Result<()> {
    if mode & 0o222 == 0 {
        let mut permissions = file.metadata()?.permissions();
        permissions.set_readonly(true);
        file.set_permissions(permissions)?;
    }
    Ok(())
}

/// What the system needs to run.
pub(crate) fn system_folders() -> Vec<PathBuf> {
    let named = |name: &str, usual: &str| std::env::var_os(name).map_or_else(|| PathBuf::from(usual), PathBuf::from);
    let drive = named("SystemDrive", "C:");
    let below = |folder: &str| PathBuf::from(format!("{}\\{folder}", drive.display()));
    vec![
        named("SystemRoot", r"C:\Windows"),
        named("ProgramFiles", r"C:\Program Files"),
        named("ProgramFiles(x86)", r"C:\Program Files (x86)"),
        below(r"ProgramData\Microsoft"),
        below("Boot"),
        below("EFI"),
        below("Recovery"),
        below("bootmgr"),
        below("BOOTNXT"),
        below("System Volume Information"),
    ]
}

/// A path as it is compared with others: case does not tell two apart.
pub(crate) fn folded(path: &Path) -> PathBuf {
    let text = path.to_string_lossy().to_lowercase();
    text.strip_prefix(r"\\?\").map_or_else(|| PathBuf::from(&*text), PathBuf::from)
}
