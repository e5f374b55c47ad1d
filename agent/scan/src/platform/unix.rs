//! Linux and its kin.

use super::FileSystem;
use crate::identity::Identity;
use crate::read::Skip;
use nix::libc;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Whether two names that differ only in case are the same file.
pub(crate) const CASE_INSENSITIVE: bool = false;

#[cfg(target_os = "linux")]
const NO_TRACE: i32 = libc::O_NOATIME;
#[cfg(not(target_os = "linux"))]
const NO_TRACE: i32 = 0;

/// Opens for reading: not through a link, not waiting for a pipe's other end, and without
/// touching the access time where the system lets us.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let safe = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let open_with = |flags| OpenOptions::new().read(true).custom_flags(flags).open(path);
    match open_with(safe | NO_TRACE) {
        // Only the file's owner and root may ask for that.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => open_with(safe),
        outcome => outcome,
    }
}

/// What the system calls an opened thing, where it tells.
pub(crate) fn path_of(file: &File) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
}

/// An open that failed because of what the thing is.
pub(crate) fn skip_by_open_error(error: &io::Error) -> Option<Skip> {
    match error.raw_os_error() {
        Some(libc::ELOOP) => Some(Skip::Link),
        Some(libc::ENXIO | libc::ENODEV) => Some(Skip::Special),
        _ => None,
    }
}

/// What an opened thing's metadata says against reading it.
pub(crate) fn skip_by_metadata(metadata: &Metadata) -> Option<Skip> {
    (!metadata.is_file()).then_some(Skip::Special)
}

/// Which file it is and how it stands, by what the walk knows of it.
pub(crate) fn identity_on_the_way(metadata: &Metadata) -> Option<Identity> {
    let nanoseconds = |seconds: i64, rest: i64| seconds.saturating_mul(1_000_000_000).saturating_add(rest);
    Some(Identity {
        volume: metadata.dev(),
        file: metadata.ino(),
        size: metadata.size(),
        modified: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
    })
}

/// Which file a path leads to, links followed.
pub(crate) fn identity_of(path: &Path) -> Option<Identity> {
    identity_on_the_way(&std::fs::metadata(path).ok()?)
}

/// Which file it is and how it stands, now that it is open.
pub(crate) fn identity(_file: &File, metadata: &Metadata) -> Option<Identity> {
    identity_on_the_way(metadata)
}

/// The owner, as a number; names are looked up by [`owner_name`].
pub(crate) fn owner(metadata: &Metadata) -> u32 {
    metadata.uid()
}

/// The name of an owner; empty where there is none.
pub(crate) fn owner_name(owner: u32) -> String {
    nix::unistd::User::from_uid(owner.into()).ok().flatten().map(|user| user.name).unwrap_or_default()
}

/// The volume that a folder lies on.
pub(crate) fn volume(metadata: &Metadata) -> u64 {
    metadata.dev()
}

/// Whether nobody but this user could have written it.
pub(crate) fn only_we_write(path: &Path) -> bool {
    let ours = |m: Metadata| m.uid() == nix::unistd::geteuid().as_raw() && m.mode() & 0o022 == 0;
    std::fs::symlink_metadata(path).is_ok_and(|m| !m.is_symlink() && ours(m))
}

/// Writes a new file that only this user may read, down to the disk.
pub(crate) fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// Asks the system to read the beginning of a file before it is asked for.
pub(crate) fn read_ahead(file: &File, bytes: i64) {
    #[cfg(target_os = "linux")]
    let _ = nix::fcntl::posix_fadvise(file, 0, bytes, nix::fcntl::PosixFadviseAdvice::POSIX_FADV_WILLNEED);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, bytes);
}

/// The next part of a file from `offset` on that has content of its own, and where that
/// ends: what lies between is a hole. `None` when nothing follows.
pub(crate) fn next_content(file: &File, offset: u64, len: u64) -> io::Result<Option<(u64, u64)>> {
    use nix::unistd::{Whence, lseek};
    let signed = |offset: u64| i64::try_from(offset).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput));
    let unsigned = |offset: i64| u64::try_from(offset).unwrap_or(len);
    match lseek(file, signed(offset)?, Whence::SeekData) {
        Ok(begin) => {
            let end = lseek(file, begin, Whence::SeekHole).map_or(len, unsigned);
            Ok(Some((unsigned(begin), end.min(len))).filter(|(begin, end)| begin < end))
        }
        Err(nix::errno::Errno::ENXIO) => Ok(None),
        // A file system that knows no holes has none.
        Err(_) => Ok((offset < len).then_some((offset, len))),
    }
}

/// Which file systems are mounted here.
pub(crate) struct Mounts(std::collections::HashMap<u64, FileSystem>);

impl Mounts {
    /// As they are now.
    pub(crate) fn read() -> Self {
        Self(mounts(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default()).collect())
    }

    /// What a folder on this volume lies on.
    pub(crate) fn file_system(&self, folder: &Path, volume: u64) -> FileSystem {
        // Some systems give each subvolume a number that the table does not have.
        self.0.get(&volume).copied().unwrap_or_else(|| by_statfs(folder))
    }
}

/// The volumes in the text of /proc/self/mountinfo (proc(5)).
fn mounts(table: &str) -> impl Iterator<Item = (u64, FileSystem)> {
    table.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let (major, minor) = before.split(' ').nth(2)?.split_once(':')?;
        let volume = libc::makedev(major.parse().ok()?, minor.parse().ok()?);
        Some((volume, by_name(after.split(' ').next()?)))
    })
}

/// Network file systems, and those of the kernel, by the name that mounts carry.
fn by_name(name: &str) -> FileSystem {
    // /dev and /run are not here: what lies in a tmpfs is real, and /dev/shm is a favourite
    // hiding place. A fuseblk is a disk, most often with NTFS.
    const KERNEL: [&str; 21] = [
        "proc",
        "sysfs",
        "devpts",
        "debugfs",
        "tracefs",
        "cgroup",
        "cgroup2",
        "bpf",
        "securityfs",
        "selinuxfs",
        "pstore",
        "efivarfs",
        "configfs",
        "mqueue",
        "binfmt_misc",
        "fusectl",
        "rpc_pipefs",
        "nsfs",
        "autofs",
        "fuse.gvfsd-fuse",
        "fuse.portal",
    ];
    const NETWORK: [&str; 15] = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "ncpfs",
        "coda",
        "gfs2",
        "ocfs2",
        "davfs",
    ];
    if KERNEL.contains(&name) {
        FileSystem::Pseudo
    } else if NETWORK.contains(&name) || name.starts_with("fuse.") {
        FileSystem::Network
    } else {
        FileSystem::Local
    }
}

/// From linux/magic.h, where the table of mounts does not tell.
#[cfg(target_os = "linux")]
fn by_statfs(folder: &Path) -> FileSystem {
    const KERNEL: [i64; 6] = [0x9fa0, 0x6265_6572, 0x1cd1, 0x0027_e0eb, 0x6367_7270, 0x6e73_6673];
    const NETWORK: [i64; 6] = [0x6969, 0x517b, 0xff53_4d42, 0xfe53_4d42, 0x0102_1997, 0x00c3_6400];
    match nix::sys::statfs::statfs(folder).map(|fs| fs.filesystem_type().0) {
        Ok(magic) if KERNEL.contains(&magic) => FileSystem::Pseudo,
        Ok(magic) if NETWORK.contains(&magic) => FileSystem::Network,
        _ => FileSystem::Local,
    }
}

#[cfg(not(target_os = "linux"))]
fn by_statfs(_folder: &Path) -> FileSystem {
    FileSystem::Local
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::read::{self, Unread};
    use crate::walk::{Excludes, Step, walk};

    fn why(path: &Path) -> Option<Skip> {
        match read::open(path) {
            Err(Unread::Skipped(skip)) => Some(skip),
            _ => None,
        }
    }

    #[test]
    fn links_pipes_sockets_and_devices_are_passed_over_without_waiting() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("real"), b"x").unwrap();
        std::os::unix::fs::symlink(at("real"), at("link")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        assert_eq!(why(&at("real")), None);
        assert_eq!(why(&at("link")), Some(Skip::Link));
        assert_eq!(why(&at("fifo")), Some(Skip::Special));
        assert_eq!(why(&at("socket")), Some(Skip::Special));
        assert_eq!(why(Path::new("/dev/zero")), Some(Skip::Special));
    }

    #[test]
    fn a_walk_neither_follows_nor_waits_and_a_root_that_is_a_link_is_meant() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("tree")).unwrap();
        std::fs::write(at("outside"), b"x").unwrap();
        std::fs::write(at("tree/inside"), b"x").unwrap();
        std::os::unix::fs::symlink("..", at("tree/up")).unwrap();
        nix::unistd::mkfifo(&at("tree/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink(at("tree"), at("named")).unwrap();
        for root in [at("tree"), at("named")] {
            let mut steps = Vec::new();
            walk(&root, &Excludes::new(&[]).unwrap(), &mut |step| {
                steps.push(match step {
                    Step::File(path, _) => Step::File(path, None),
                    other => other,
                });
                true
            });
            steps.sort_by_key(|step| format!("{step:?}"));
            let tree = std::fs::canonicalize(at("tree")).unwrap();
            let expected = [
                Step::File(tree.join("inside"), None),
                Step::Skipped(tree.join("fifo"), Skip::Special),
                Step::Skipped(tree.join("up"), Skip::Link),
            ];
            assert_eq!(steps, expected);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pseudo_file_system_is_passed_over_whole() {
        let mut steps = Vec::new();
        walk(Path::new("/proc"), &Excludes::new(&[]).unwrap(), &mut |step| {
            steps.push(step);
            true
        });
        assert_eq!(steps, [Step::Skipped("/proc".into(), Skip::PseudoFileSystem)]);
    }

    #[test]
    fn mounts_are_told_apart() {
        let table = "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
            23 22 0:21 / /proc rw shared:2 - proc proc rw\nbroken\n24 22 x:y / /b rw - ext4 b rw\n\
            25 22 0:50 / /mnt/share rw shared:3 master:4 - cifs //server/share rw\n\
            26 22 0:51 / /home/li/s rw - fuse.sshfs li@far: rw\n27 22 8:17 / /media/stick rw - fuseblk /dev/sdb1 rw\n";
        let volume = |major, minor| libc::makedev(major, minor);
        use FileSystem::{Local, Network, Pseudo};
        let expected = [
            (volume(8, 1), Local),
            (volume(0, 21), Pseudo),
            (volume(0, 50), Network),
            (volume(0, 51), Network),
            (volume(8, 17), Local),
        ];
        assert_eq!(mounts(table).collect::<Vec<_>>(), expected);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn proc_is_pseudo_and_a_temp_folder_is_not() {
        let (mounts, dir) = (Mounts::read(), tempfile::tempdir().unwrap());
        for (folder, expected) in [(Path::new("/proc"), FileSystem::Pseudo), (dir.path(), FileSystem::Local)] {
            let volume = volume(&std::fs::metadata(folder).unwrap());
            assert_eq!(mounts.file_system(folder, volume), expected);
            assert_eq!(by_statfs(folder), expected);
        }
    }

    #[test]
    fn only_content_is_read_of_a_file_with_holes() {
        use std::io::{Seek, SeekFrom};
        let mut file = tempfile::tempfile().unwrap();
        file.set_len(1 << 30).unwrap();
        file.seek(SeekFrom::Start(512 << 20)).unwrap();
        file.write_all(b"badword").unwrap();
        let len = 1 << 30;
        let Some((begin, end)) = next_content(&file, 0, len).unwrap() else { panic!() };
        assert!(begin <= 512 << 20 && end >= (512 << 20) + 7);
        assert!(end - begin < len, "this file system knows holes: {begin} {end}");
        assert_eq!(next_content(&file, end, len).unwrap(), None);
    }

    #[test]
    fn what_others_may_write_is_not_ours() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        write_new(&file, &[b"a", b"b"]).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"ab");
        assert!(only_we_write(&file));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
        assert!(!only_we_write(&file));
        std::os::unix::fs::symlink("f", dir.path().join("l")).unwrap();
        assert!(!only_we_write(&dir.path().join("l")) && !only_we_write(&dir.path().join("none")));
    }
}
