//! Unix.

mod describer;
mod opening;
mod target;

pub(crate) use describer::Describer;
pub(crate) use opening::open_file;
pub(crate) use target::{Dir, finish_file};

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(crate) const NAMES_IGNORE_CASE: bool = false;

/// A pattern as globset reads it.
pub(crate) fn glob_text(pattern: &str) -> String {
    pattern.to_owned()
}

/// Whether a pattern starts with a drive's letter.
pub(crate) fn starts_at_drive(_: &str) -> bool {
    false
}

/// Makes a rename or a new name in the folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A path without `..` and from the root on, as it is kept in the snapshot.
pub(crate) fn absolute(path: &Path) -> io::Result<PathBuf> {
    if path.components().any(|c| c == std::path::Component::ParentDir) {
        return fs::canonicalize(path);
    }
    std::path::absolute(path)
}

/// Whether a name from a snapshot is one that can lie in a folder.
pub(crate) fn is_plain_name(name: &OsStr) -> bool {
    !matches!(name.as_bytes(), b"" | b"." | b"..") && !name.as_bytes().iter().any(|b| matches!(b, b'/' | 0))
}

/// Has this process open as many files as it may: each folder on the way down is one.
pub(crate) fn many_files() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((now, most)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where that is refused, what lies too deep is named.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, now.max(MOST_FILES).min(most), most);
    }
}

/// More than the deepest folder that is restored.
const MOST_FILES: u64 = 8192;

/// The number of the file system that the entry lies on.
pub(crate) fn device(data: &fs::Metadata) -> u64 {
    data.dev()
}

/// Where a path of a snapshot is.
pub(crate) fn local(path: &Path) -> PathBuf {
    path.to_owned()
}

/// Has the disk begin with the first bytes of a file.
pub(crate) fn read_ahead(file: &File, bytes: u64) {
    #[cfg(target_os = "linux")]
    if bytes > 0 {
        use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
        // Where it does not work the file is read as it comes.
        let _ = posix_fadvise(file, 0, i64::try_from(bytes).unwrap_or(0), PosixFadviseAdvice::POSIX_FADV_WILLNEED);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, bytes);
}

/// Has what is written go past the system's cache, or through it; says whether it now goes past.
#[cfg(target_os = "linux")]
pub(crate) fn past_cache(file: &File, past: bool) -> bool {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let Ok(flags) = fcntl(file, FcntlArg::F_GETFL) else { return false };
    let mut flags = OFlag::from_bits_retain(flags);
    flags.set(OFlag::O_DIRECT, past);
    fcntl(file, FcntlArg::F_SETFL(flags)).is_ok() && past
}

/// The processor's time that this thread has had.
pub(crate) fn thread_time() -> std::time::Duration {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID);
    time.map(Into::into).unwrap_or_default()
}

/// Which file it is: its file system and its number there.
pub(crate) fn file_number(data: &fs::Metadata) -> Option<(u64, u64)> {
    Some((data.dev(), data.ino()))
}

/// Whether a folder's file system is none of this PC's disks: the kernel's talk rather than
/// anyone's files, or another machine's, which is backed up there.
#[cfg(target_os = "linux")]
pub(crate) fn is_foreign(folder: &Path) -> bool {
    // From the kernel's magic.h; tmpfs is not among them, people keep files there.
    const KERNEL: [i64; 19] = [
        0x9fa0,
        0x6265_6572,
        0x1cd1,
        0x0027_e0eb,
        0x6367_7270,
        0x6462_6720,
        0x7472_6163,
        0x7363_6673,
        0x6165_676c,
        0xcafe_4a11,
        0x6265_6570,
        0x1980_0202,
        0x9584_58f6,
        0x4249_4e4d,
        0x0187,
        0xde5e_81e4,
        0xf97c_ff8c,
        0x6759_6969,
        0x6e73_6673,
    ];
    // NFS, SMB in three versions, AFS, Coda, Ceph, NCP.
    const NETWORK: [i64; 8] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x5346_414f, 0x7375_7245, 0x00c3_6400, 0x564c];
    nix::sys::statfs::statfs(folder).is_ok_and(|s| {
        let kind = s.filesystem_type().0;
        KERNEL.contains(&kind) || NETWORK.contains(&kind)
    })
}

/// Whether a folder's file system is none of this PC's disks.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_foreign(_: &Path) -> bool {
    false
}

/// Whether the content lies with a cloud service only.
pub(crate) fn is_placeholder(_: &fs::Metadata) -> bool {
    false
}

/// The path with no link on it, as far as that can be told.
pub(crate) fn without_links(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// A name for what is not finished yet.
pub(crate) fn temporary_name() -> OsString {
    format!(".keepwatch-{:016x}", rand::random::<u64>()).into()
}
