//! Files that are taken away and brought back by their folder's handle, so that no link, old or
//! made meanwhile, leads elsewhere.

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, SFlag, fstatat};
use nix::unistd::{LinkatFlags, UnlinkatFlags, fsync, linkat, unlinkat};
use std::ffi::OsStr;
use std::fs::{File, Metadata, Permissions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Component, Path, PathBuf};

/// A folder, held open.
pub(crate) struct Folder(OwnedFd);

impl Folder {
    /// Opens it, name by name: a link anywhere on the path is refused.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut folder = openat(AT_FDCWD, "/", flags, Mode::empty())?;
        for part in path.components() {
            match part {
                Component::RootDir => {}
                Component::Normal(name) => {
                    folder = openat(&folder, name, flags, Mode::empty()).map_err(|error| match error {
                        Errno::ELOOP | Errno::ENOTDIR => io::Error::other("a part of its path is a link, or no folder"),
                        error => error.into(),
                    })?;
                }
                _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a full path")),
            }
        }
        Ok(Self(folder))
    }

    /// Opens a regular file in it for reading. What is none is not opened at all: a FIFO would wait,
    /// a device would do something.
    pub(crate) fn open_file(&self, name: &OsStr) -> io::Result<File> {
        let found = fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
            return Err(no_file());
        }
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = match openat(&self.0, name, flags, Mode::empty()) {
            Err(Errno::ELOOP) => return Err(no_file()),
            opened => File::from(opened?),
        };
        // It may have been swapped in between.
        if file.metadata()?.is_file() { Ok(file) } else { Err(no_file()) }
    }

    /// Whether this name is that file's.
    pub(crate) fn holds(&self, name: &OsStr, file: &File) -> io::Result<bool> {
        let (there, ours) = (fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW), file.metadata()?);
        match there {
            // The types differ between systems; none of them is wider.
            #[allow(clippy::unnecessary_cast)]
            Ok(there) => Ok((there.st_dev as u64, there.st_ino as u64) == (ours.dev(), ours.ino())),
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// A new, empty file that nobody else can open.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(File::from(openat(&self.0, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?))
    }

    /// Gives one another name of ours, which no other has.
    pub(crate) fn set_aside(&self, name: &OsStr, aside: &OsStr) -> io::Result<()> {
        Ok(renameat(&self.0, name, &self.0, aside)?)
    }

    /// Gives a finished file its real name, which no other may have. True: it has the first one, too,
    /// which is to be removed.
    pub(crate) fn publish(&self, temporary: &OsStr, name: &OsStr) -> io::Result<bool> {
        match linkat(&self.0, temporary, &self.0, name, LinkatFlags::empty()) {
            Ok(()) => Ok(true),
            // File systems without hard links, as on USB sticks.
            Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK) => {
                match fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
                    Err(Errno::ENOENT) => {
                        renameat(&self.0, temporary, &self.0, name)?;
                        Ok(false)
                    }
                    Err(error) => Err(error.into()),
                    Ok(_) => Err(io::ErrorKind::AlreadyExists.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes what is no folder.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Makes the content of a file in it last.
    pub(crate) fn sync_file(&self, _name: &OsStr, file: File) -> io::Result<()> {
        file.sync_all()
    }

    /// Makes what changed in it last.
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(fsync(&self.0)?)
    }
}

fn no_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")
}

/// Which file it is, and how many names it has.
pub(crate) fn names_of(data: &Metadata) -> (Option<(u64, u64)>, u64) {
    (Some((data.dev(), data.ino())), data.nlink())
}

/// When anything was last done to a file; nobody sets that back.
pub(crate) fn changed_at(data: &Metadata) -> Option<(i64, i64)> {
    Some((data.ctime(), data.ctime_nsec()))
}

/// Whose a file is and who may do what with it: mode, user, group.
pub(crate) fn owner_of(data: &Metadata) -> (u32, u32, u32) {
    (data.mode() & 0o7777, data.uid(), data.gid())
}

/// Gives a file its owner and its permissions; not those by which it would run as its owner.
pub(crate) fn set_owner(file: &File, (mode, user, group): (u32, u32, u32)) -> io::Result<()> {
    fchown(file, Some(user), Some(group))?;
    file.set_permissions(Permissions::from_mode(mode & 0o777))
}

/// What the system needs to run.
pub(crate) fn system_folders() -> Vec<PathBuf> {
    const FOLDERS: [&str; 16] = [
        "/bin", "/boot", "/dev", "/efi", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin",
        "/sys", "/sysroot", "/usr", "/var/lib",
    ];
    FOLDERS.iter().map(PathBuf::from).collect()
}

/// A path as it is compared with others.
pub(crate) fn folded(path: &Path) -> PathBuf {
    path.to_owned()
}
