//! Unix. Restores work on folder handles (`openat` and its kin with `O_NOFOLLOW`), so that
//! no link, old or made meanwhile, can lead a write out of the target.

use super::{Found, mode};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{self, FchmodatFlags, Mode, SFlag, UtimensatFlags};
use nix::sys::time::TimeSpec;
use nix::unistd::{self, Gid, Group, LinkatFlags, Uid, UnlinkatFlags, User};
use rustic_core::jiff::Timestamp;
use rustic_core::repofile::{Metadata, Node, NodeType};
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use xattr::FileExt;

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
    use nix::fcntl::{FcntlArg, fcntl};
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
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
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

/// Turns what the system says about files into restic's nodes; remembers users' names.
#[derive(Debug, Default)]
pub(crate) struct Describer {
    users: HashMap<u32, Option<String>>,
    groups: HashMap<u32, Option<String>>,
}

impl Describer {
    /// The node of this name for what lies at `path`, and what of it could not be read.
    pub(crate) fn node(
        &mut self,
        name: &OsStr,
        path: &Path,
        data: &fs::Metadata,
    ) -> io::Result<(Node, Option<io::Error>)> {
        let (kind, type_bits) = kind(path, data)?;
        let time = |seconds, nanos: i64| Timestamp::new(seconds, i32::try_from(nanos).unwrap_or(0)).ok();
        let mtime = time(data.mtime(), data.mtime_nsec());
        let mut meta = Metadata {
            mode: Some(mode::permissions_to_go(data.mode()) | type_bits),
            mtime,
            // The real one changes with each read, and with it every folder's tree.
            atime: mtime,
            ctime: time(data.ctime(), data.ctime_nsec()),
            uid: Some(data.uid()),
            gid: Some(data.gid()),
            user: self.user(data.uid()),
            group: self.group(data.gid()),
            inode: data.ino(),
            device_id: if data.nlink() > 1 && !data.is_dir() { data.dev() } else { 0 },
            size: if data.is_file() { data.len() } else { 0 },
            links: if data.is_dir() { 0 } else { data.nlink() },
            extended_attributes: Vec::new(),
        };
        let problem = read_attributes(path, data, &mut meta).err();
        Ok((Node::new_node(name, kind, meta), problem))
    }

    fn user(&mut self, uid: u32) -> Option<String> {
        let look = || User::from_uid(Uid::from_raw(uid)).ok().flatten().map(|user| user.name);
        self.users.entry(uid).or_insert_with(look).clone()
    }

    fn group(&mut self, gid: u32) -> Option<String> {
        let look = || Group::from_gid(Gid::from_raw(gid)).ok().flatten().map(|group| group.name);
        self.groups.entry(gid).or_insert_with(look).clone()
    }
}

fn kind(path: &Path, data: &fs::Metadata) -> io::Result<(NodeType, u32)> {
    let kind = data.file_type();
    Ok(if kind.is_dir() {
        (NodeType::Dir, mode::DIR)
    } else if kind.is_symlink() {
        (NodeType::from_link(&fs::read_link(path)?), mode::SYMLINK)
    } else if kind.is_block_device() {
        (NodeType::Dev { device: data.rdev() }, mode::DEVICE)
    } else if kind.is_char_device() {
        (NodeType::Chardev { device: data.rdev() }, mode::DEVICE | mode::CHARDEVICE)
    } else if kind.is_fifo() {
        (NodeType::Fifo, mode::FIFO)
    } else if kind.is_socket() {
        (NodeType::Socket, mode::SOCKET)
    } else {
        (NodeType::File, 0)
    })
}

fn read_attributes(path: &Path, data: &fs::Metadata, meta: &mut Metadata) -> io::Result<()> {
    if !data.is_file() && !data.is_dir() {
        return Ok(());
    }
    let names = match xattr::list(path) {
        Err(e) if e.kind() == io::ErrorKind::Unsupported => return Ok(()),
        names => names?,
    };
    for name in names {
        // The format holds names as text; Linux has no others in practice.
        if let Some(text) = name.to_str() {
            // rustic_core keeps the attribute's type to itself: only serde can make one.
            let mut one: Metadata = serde_json::from_str(r#"{"extended_attributes":[{"name":"","value":null}]}"#)?;
            for attribute in &mut one.extended_attributes {
                text.clone_into(&mut attribute.name);
                attribute.value = xattr::get(path, &name)?;
            }
            meta.extended_attributes.append(&mut one.extended_attributes);
        }
    }
    Ok(())
}

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

/// A name for what is not finished yet.
pub(crate) fn temporary_name() -> OsString {
    format!(".keepwatch-{:016x}", rand::random::<u64>()).into()
}
