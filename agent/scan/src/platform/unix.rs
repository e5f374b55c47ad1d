//! Linux and its kin.

use crate::read::Skip;
use nix::libc;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

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

/// Whether this folder lies on a file system that the kernel makes up.
#[cfg(target_os = "linux")]
pub(crate) fn is_pseudo_file_system(folder: &Path) -> bool {
    // From linux/magic.h. /dev and /run are not here: what lies in a tmpfs is real, and
    // /dev/shm is a favourite hiding place.
    const KERNEL_MADE: [i64; 17] = [
        0x9fa0,      // proc
        0x6265_6572, // sysfs
        0x1cd1,      // devpts
        0x6462_6720, // debugfs
        0x7472_6163, // tracefs
        0x0027_e0eb, // cgroup
        0x6367_7270, // cgroup2
        0xcafe_4a11, // bpf
        0x7363_6673, // securityfs
        0xf97c_ff8c, // selinuxfs
        0x6165_676c, // pstore
        0xde5e_81e4, // efivarfs
        0x6265_6570, // configfs
        0x1980_0202, // mqueue
        0x4249_4e4d, // binfmt_misc
        0x6573_5543, // fusectl
        0x6759_6969, // rpc_pipefs
    ];
    nix::sys::statfs::statfs(folder).is_ok_and(|fs| KERNEL_MADE.contains(&fs.filesystem_type().0))
}

/// Whether this folder lies on a file system that the kernel makes up.
#[cfg(not(target_os = "linux"))]
pub(crate) fn is_pseudo_file_system(_folder: &Path) -> bool {
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::read::{self, Unread};
    use crate::walk::{Excludes, Step, walk};

    fn why(path: &Path) -> Option<Skip> {
        match read::open(path, 100) {
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
                steps.push(step);
                true
            });
            steps.sort_by_key(|step| format!("{step:?}"));
            let tree = std::fs::canonicalize(at("tree")).unwrap();
            let expected = [
                Step::File(tree.join("inside")),
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
    #[cfg(target_os = "linux")]
    fn proc_is_pseudo_and_a_temp_folder_is_not() {
        assert!(is_pseudo_file_system(Path::new("/proc")));
        assert!(!is_pseudo_file_system(tempfile::tempdir().unwrap().path()));
    }
}
