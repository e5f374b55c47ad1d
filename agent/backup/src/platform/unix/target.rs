//! Where a restore writes. It works on folder handles (`openat` and its kin with `O_NOFOLLOW`),
//! so that no link, old or made meanwhile, can lead a write out of the target.

use crate::platform::{Found, mode};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{self, FchmodatFlags, Mode, SFlag, UtimensatFlags};
use nix::sys::time::TimeSpec;
use nix::unistd::{self, Gid, LinkatFlags, Uid, UnlinkatFlags};
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use xattr::FileExt;

/// A folder in the target, held open.
#[derive(Debug)]
pub(crate) struct Dir(OwnedFd);

impl Dir {
    /// Where the paths of this PC begin.
    pub(crate) fn everything() -> io::Result<Self> {
        Self::existing(Path::new("/"))
    }

    /// The target itself, made where it is missing. The caller chose it, links and all.
    pub(crate) fn root(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Self::existing(path)
    }

    /// The target itself, if it is there.
    pub(crate) fn existing(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        Ok(Self(openat(AT_FDCWD, path, flags, Mode::empty())?))
    }

    /// A folder in this one; a link is none.
    pub(crate) fn open(&self, name: &OsStr) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        match openat(&self.0, name, flags, Mode::empty()) {
            Ok(fd) => Ok(Self(fd)),
            Err(Errno::ENOTDIR | Errno::ELOOP) => Err(io::Error::other("something that is no folder is in the way")),
            Err(e) => Err(e.into()),
        }
    }

    /// A folder in this one, and whether it was made for the purpose.
    pub(crate) fn make(&self, name: &OsStr) -> io::Result<(Self, bool)> {
        let made = match stat::mkdirat(&self.0, name, Mode::S_IRWXU) {
            Ok(()) => true,
            Err(Errno::EEXIST) => false,
            Err(e) => return Err(e.into()),
        };
        Ok((self.open(name)?, made))
    }

    /// What lies at `name`.
    pub(crate) fn look(&self, name: &OsStr) -> io::Result<Option<Found>> {
        match stat::fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(found) if SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFDIR => {
                Ok(Some(Found::Folder))
            }
            Ok(found) => Ok(Some(Found::Other {
                file: (SFlag::from_bits_truncate(found.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG)
                    .then(|| u64::try_from(found.st_size).unwrap_or(0)),
                modified: Timestamp::new(found.st_mtime, i32::try_from(found.st_mtime_nsec).unwrap_or(0)).ok(),
            })),
            Err(Errno::ENOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Bytes that are free on its file system, for whoever asks.
    pub(crate) fn free_space(&self) -> Option<u64> {
        let disk = nix::sys::statvfs::fstatvfs(&self.0).ok()?;
        Some(disk.blocks_available().saturating_mul(disk.fragment_size()))
    }

    /// A new, empty file that nobody else can open.
    pub(crate) fn create(&self, name: &OsStr) -> io::Result<File> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(File::from(openat(&self.0, name, flags, Mode::S_IRUSR | Mode::S_IWUSR)?))
    }

    /// Gives a file of another folder a name here, too.
    pub(crate) fn hard_link(&self, name: &OsStr, from: &Self, from_name: &OsStr) -> io::Result<()> {
        // Without a flag a link is taken itself, not followed.
        Ok(unistd::linkat(&from.0, from_name, &self.0, name, LinkatFlags::empty())?)
    }

    /// Makes a link, FIFO, socket or device. Devices take root.
    pub(crate) fn special(&self, name: &OsStr, kind: &NodeType) -> io::Result<()> {
        let (flag, device) = match kind {
            NodeType::Symlink { .. } => return Ok(unistd::symlinkat(kind.to_link(), &self.0, name)?),
            NodeType::Fifo => (SFlag::S_IFIFO, 0),
            NodeType::Socket => (SFlag::S_IFSOCK, 0),
            NodeType::Dev { device } => (SFlag::S_IFBLK, *device),
            NodeType::Chardev { device } => (SFlag::S_IFCHR, *device),
            NodeType::File | NodeType::Dir => return Err(io::ErrorKind::InvalidInput.into()),
        };
        match stat::mknodat(&self.0, name, flag, Mode::S_IRUSR | Mode::S_IWUSR, device) {
            Err(Errno::EPERM) => Err(io::Error::other("only root can make a device")),
            outcome => Ok(outcome?),
        }
    }

    /// Gives a finished entry its real name. Without `overwrite` it takes no other's place.
    pub(crate) fn publish(&self, temporary: &OsStr, name: &OsStr, overwrite: bool) -> io::Result<()> {
        if !overwrite {
            match unistd::linkat(&self.0, temporary, &self.0, name, LinkatFlags::empty()) {
                Ok(()) => return self.remove(temporary),
                Err(Errno::EEXIST) => return Err(io::ErrorKind::AlreadyExists.into()),
                // File systems without hard links, as on USB sticks.
                Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK) if self.look(name)?.is_none() => {
                }
                Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK) => {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(renameat(&self.0, temporary, &self.0, name)?)
    }

    /// Removes what is no folder.
    pub(crate) fn remove(&self, name: &OsStr) -> io::Result<()> {
        Ok(unistd::unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Owner, mode, attributes and times of this folder itself.
    pub(crate) fn finish(&self, meta: &Metadata) -> io::Result<()> {
        finish(&self.0, meta, |name, value| xattr_on(&self.0, name, value))
    }

    /// Owner, mode and times of an entry that cannot be opened for it: a link, a FIFO, a device.
    pub(crate) fn finish_special(&self, name: &OsStr, node: &Node) -> io::Result<()> {
        let owned = match owner(&node.meta) {
            Some((uid, gid)) => unistd::fchownat(&self.0, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW),
            None => Ok(()),
        };
        let moded = match go_mode(&node.meta) {
            Some(go) if !node.is_symlink() => {
                let mode = Mode::from_bits_truncate(mode::permissions_from_go(go));
                // Nothing can have put a link here: the name is ours and random.
                stat::fchmodat(&self.0, name, mode, FchmodatFlags::FollowSymlink)
            }
            _ => Ok(()),
        };
        let times = times(&node.meta);
        let timed = times.map_or(Ok(()), |(atime, mtime)| {
            stat::utimensat(&self.0, name, &atime, &mtime, UtimensatFlags::NoFollowSymlink)
        });
        Ok(owned.and(moded).and(timed)?)
    }
}

/// Owner, mode, attributes and times of a new file.
pub(crate) fn finish_file(file: &File, meta: &Metadata) -> io::Result<()> {
    finish(file, meta, |name, value| file.set_xattr(name, value))
}

/// All is tried, the first problem is told. The order matters: a change of owner clears
/// setuid, and each change touches the times.
fn finish<F: AsFd>(fd: &F, meta: &Metadata, set: impl Fn(&str, &[u8]) -> io::Result<()>) -> io::Result<()> {
    let root = unistd::geteuid().is_root();
    let owned = owner(meta).map_or(Ok(()), |(uid, gid)| unistd::fchown(fd, Some(uid), Some(gid)));
    let mut attributed = Ok(());
    for attribute in &meta.extended_attributes {
        let ours = root || attribute.name.starts_with("user.") || attribute.name.starts_with("system.posix_acl");
        if let Some(value) = attribute.value.as_ref().filter(|_| ours) {
            let outcome = set(&attribute.name, value);
            attributed =
                attributed.and(outcome.map_err(|e| io::Error::other(format!("attribute {}: {e}", attribute.name))));
        }
    }
    let moded = go_mode(meta).map_or(Ok(()), |go| {
        let mut bits = mode::permissions_from_go(go);
        if meta.uid.is_some_and(|uid| !root && uid != unistd::geteuid().as_raw()) {
            // Another's setuid program must not become ours.
            bits &= 0o1777;
        }
        stat::fchmod(fd, Mode::from_bits_truncate(bits))
    });
    let timed = times(meta).map_or(Ok(()), |(atime, mtime)| stat::futimens(fd, &atime, &mtime));
    owned?;
    attributed?;
    Ok(moded.and(timed)?)
}

/// restic leaves out a mode of 0, but never the owner; rustic on Windows leaves out both.
fn go_mode(meta: &Metadata) -> Option<u32> {
    meta.mode.or(meta.uid.map(|_| 0))
}

/// Only root can give files away.
fn owner(meta: &Metadata) -> Option<(Uid, Gid)> {
    let ids = meta.uid.zip(meta.gid).filter(|_| unistd::geteuid().is_root())?;
    Some((Uid::from_raw(ids.0), Gid::from_raw(ids.1)))
}

fn times(meta: &Metadata) -> Option<(TimeSpec, TimeSpec)> {
    let spec = |time: Timestamp| {
        let nanos = time.as_nanosecond();
        let (seconds, rest) = (nanos.div_euclid(1_000_000_000), nanos.rem_euclid(1_000_000_000));
        Some(TimeSpec::new(i64::try_from(seconds).ok()?, i64::try_from(rest).ok()?))
    };
    let mtime = spec(meta.mtime?)?;
    Some((meta.atime.and_then(spec).unwrap_or(mtime), mtime))
}

fn xattr_on(fd: &OwnedFd, name: &str, value: &[u8]) -> io::Result<()> {
    File::from(fd.try_clone()?).set_xattr(name, value)
}
