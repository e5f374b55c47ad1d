//! Opening what a backup reads, past all that may have been put in the way since it was listed.

use nix::fcntl::OFlag;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Opens a regular file for reading. Never waits on a FIFO, and follows no link, wherever it may
/// be on the path: a folder may have been swapped for one since it was listed.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let file = match open_with(path, flags | no_atime()) {
        // Only the owner may leave the access time alone.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => open_with(path, flags)?,
        outcome => outcome?,
    };
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it was replaced by something that is no file while the backup ran")),
    }
}

#[cfg(target_os = "linux")]
fn open_with(path: &Path, flags: OFlag) -> io::Result<File> {
    use nix::errno::Errno;
    use nix::fcntl::{AT_FDCWD, OpenHow, ResolveFlag, openat2};
    let how = OpenHow::new().flags(flags | OFlag::O_RDONLY).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS);
    match openat2(AT_FDCWD, path, how) {
        // Before Linux 5.6, or where a sandbox does not know it.
        Err(Errno::ENOSYS | Errno::EPERM) => open_by_path(path, flags).and_then(|file| in_place(file, path)),
        Err(Errno::ELOOP) => Err(io::Error::other("a link was put in its way while the backup ran")),
        opened => Ok(opened?.into()),
    }
}

/// The file, if it lies in the folder that the path names.
#[cfg(target_os = "linux")]
fn in_place(file: File, path: &Path) -> io::Result<File> {
    use std::os::fd::AsRawFd;
    let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))?;
    match real.parent() == path.parent() {
        true => Ok(file),
        false => Err(io::Error::other("a link was put in its way while the backup ran")),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_with(path: &Path, flags: OFlag) -> io::Result<File> {
    open_by_path(path, flags)
}

fn open_by_path(path: &Path, flags: OFlag) -> io::Result<File> {
    fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path)
}

#[cfg(target_os = "linux")]
fn no_atime() -> OFlag {
    OFlag::O_NOATIME
}

#[cfg(not(target_os = "linux"))]
fn no_atime() -> OFlag {
    OFlag::empty()
}
