//! Which disks and removable media are mounted, from the kernel's own tables.

use crate::platform::{LocalDisks, Medium};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

const MOUNTS: &str = "/proc/self/mountinfo";
const SYS: &str = "/sys";
/// File systems that lie on disks. Those that read-only packages come in are not here: what
/// they were made from is a file on one of these.
const ON_DISKS: [&str; 20] = [
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "jfs", "reiserfs", "bcachefs", "nilfs2", "vfat", "msdos",
    "exfat", "ntfs", "ntfs3", "fuseblk", "hfsplus", "iso9660", "udf",
];
/// A disk made of disks made of disks is no deeper than this.
const DEEPEST: usize = 8;

/// All local disks that are not removable.
pub(crate) fn local_disks() -> LocalDisks {
    let mounts = read();
    let removable = |mount: &Mount| is_removable(Path::new(SYS), mount);
    whole_disks(&mounts, removable)
}

/// The removable media that are mounted now.
pub(crate) fn removable_media() -> BTreeSet<Medium> {
    media(&read(), |mount| is_removable(Path::new(SYS), mount))
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mount {
    /// Differs from that of every other mount that is there at the same time.
    id: String,
    /// `MAJOR:MINOR`; the same for all parts of one file system.
    device: String,
    /// Which part of the file system.
    root: PathBuf,
    at: PathBuf,
    kind: String,
    source: PathBuf,
}

fn read() -> Vec<Mount> {
    visible(&std::fs::read(MOUNTS).unwrap_or_default())
}

/// The mounts on disks, those above first; of several at one place the one that is seen.
fn visible(table: &[u8]) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for mount in table.split(|b| *b == b'\n').filter_map(parse) {
        mounts.retain(|other| other.at != mount.at);
        mounts.push(mount);
    }
    // A container's root may lie on anything.
    mounts.retain(|mount| ON_DISKS.contains(&mount.kind.as_str()) || mount.at == Path::new("/"));
    mounts.sort_by_key(|mount| mount.at.components().count());
    mounts
}

fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|b| *b == b' ');
    let (id, _parent, device) = (fields.next()?, fields.next()?, fields.next()?);
    let (root, at) = (path(fields.next()?), path(fields.next()?));
    let mut after = fields.skip_while(|field| *field != b"-").skip(1);
    let (kind, source) = (after.next()?, after.next()?);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(Mount { id: text(id), device: text(device), root, at, kind: text(kind), source: path(source) })
}

/// The kernel writes blanks and backslashes as three octal digits.
fn path(escaped: &[u8]) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::with_capacity(escaped.len()), escaped);
    while let Some((first, others)) = rest.split_first() {
        let digits = others.get(..3).filter(|_| *first == b'\\').and_then(|d| std::str::from_utf8(d).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &others[3..];
            }
            None => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

/// Where to walk to see each disk once: a walk goes on into what is mounted below, so that
/// what is removable, or seen elsewhere already, has to be left out.
fn whole_disks(mounts: &[Mount], removable: impl Fn(&Mount) -> bool) -> LocalDisks {
    let (mut seen, mut disks) = (Vec::<&Mount>::new(), LocalDisks::default());
    for mount in mounts {
        let same = || seen.iter().filter(|other| other.device == mount.device);
        if same().any(|other| mount.root.starts_with(&other.root)) || removable(mount) {
            disks.left_out.push(mount.at.clone());
            continue;
        }
        // Parts of it that are seen where they are mounted themselves.
        let parts = same().filter_map(|other| other.root.strip_prefix(&mount.root).ok());
        disks.left_out.extend(parts.map(|part| mount.at.join(part)));
        disks.roots.push(mount.at.clone());
        seen.push(mount);
    }
    disks
}

fn media(mounts: &[Mount], removable: impl Fn(&Mount) -> bool) -> BTreeSet<Medium> {
    let mut seen = BTreeSet::new();
    let media = mounts.iter().filter(|mount| removable(mount));
    let once = media.filter(|mount| seen.insert((&mount.device, &mount.root)));
    once.map(|mount| Medium { id: format!("{} {}", mount.id, mount.device), at: mount.at.clone() }).collect()
}

/// Whether people take it out of the PC: the system says so, it hangs on USB, or it is a
/// memory card. `sys` is where the kernel describes devices.
fn is_removable(sys: &Path, mount: &Mount) -> bool {
    // Some file systems have a device number of their own; what they lie on has a name.
    let by_name = mount.source.strip_prefix("/dev").ok().map(|name| sys.join("class/block").join(name));
    let by_number = sys.join("dev/block").join(&mount.device);
    let described = std::fs::canonicalize(by_number).or_else(|error| match by_name {
        Some(path) => std::fs::canonicalize(path),
        None => Err(error),
    });
    described.is_ok_and(|device| device_is_removable(&device, DEEPEST))
}

fn device_is_removable(device: &Path, deepest: usize) -> bool {
    let says = |path: PathBuf, word: &str| std::fs::read_to_string(path).is_ok_and(|text| text.trim() == word);
    let on_usb = device.iter().any(|part| {
        let number = part.as_encoded_bytes().strip_prefix(b"usb");
        number.is_some_and(|n| !n.is_empty() && n.iter().all(u8::is_ascii_digit))
    });
    // A partition is described below its disk.
    let disk = if device.join("partition").exists() { device.parent().unwrap_or(device) } else { device };
    if on_usb || says(disk.join("removable"), "1") || says(disk.join("device/type"), "SD") {
        return true;
    }
    let below = std::fs::read_dir(device.join("slaves")).into_iter().flatten().flatten();
    let mut below = below.filter_map(|entry| std::fs::canonicalize(entry.path()).ok());
    deepest > 0 && below.any(|device| device_is_removable(&device, deepest - 1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    const TABLE: &[u8] = b"22 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n\
        23 22 0:5 / /proc rw - proc proc rw\n\
        24 22 8:1 / /boot/efi rw master:2 shared:3 - vfat /dev/sda1 rw\n\
        25 22 8:2 /srv/www /var/www rw - ext4 /dev/sda2 rw\n\
        26 22 0:40 /@home /home rw - btrfs /dev/mapper/data rw\n\
        27 22 0:40 / /mnt/btrfs rw - btrfs /dev/mapper/data rw\n\
        28 22 0:50 / /net rw - nfs4 server:/ rw\n\
        29 22 8:17 / /media/li/MY\\040STICK rw,nosuid - vfat /dev/sdb1 rw\n\
        30 22 8:17 / /run/again rw - vfat /dev/sdb1 rw\n\
        31 22 7:0 / /snap/core/1 ro - squashfs /dev/loop0 ro\n\
        32 22 8:33 / /data rw - xfs /dev/sdc1 rw\n\
        33 22 8:34 / /data rw - xfs /dev/sdc2 rw\n\
        broken line\n";

    fn on_stick(mount: &Mount) -> bool {
        mount.device == "8:17"
    }

    #[test]
    fn each_disk_is_walked_once_and_sticks_are_not() {
        let disks = whole_disks(&visible(TABLE), on_stick);
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(disks.roots, paths(&["/", "/home", "/data", "/boot/efi", "/mnt/btrfs"]));
        assert_eq!(disks.left_out, paths(&["/var/www", "/mnt/btrfs/@home", "/run/again", "/media/li/MY STICK"]));
    }

    #[test]
    fn a_stick_that_is_mounted_twice_is_one() {
        let found = media(&visible(TABLE), on_stick);
        let at: Vec<_> = found.iter().map(|medium| medium.at.clone()).collect();
        assert_eq!(at, [PathBuf::from("/run/again")]);
        assert!(media(&visible(b""), on_stick).is_empty());
    }

    #[test]
    fn paths_are_unescaped_and_what_is_no_escape_stays() {
        for (escaped, expected) in [
            ("/a\\040b\\134c", "/a b\\c"),
            ("/a\\", "/a\\"),
            ("/a\\04", "/a\\04"),
            ("/a\\999", "/a\\999"),
            ("/\u{5b88}", "/\u{5b88}"),
        ] {
            assert_eq!(path(escaped.as_bytes()), PathBuf::from(expected));
        }
    }

    /// Number, name, where it is described, and files there.
    type Device = (&'static str, &'static str, &'static str, &'static [(&'static str, &'static str)]);

    /// A `/sys` with these devices.
    fn sys(devices: &[Device]) -> tempfile::TempDir {
        let sys = tempfile::tempdir().unwrap();
        for folder in ["dev/block", "class/block"] {
            fs::create_dir_all(sys.path().join(folder)).unwrap();
        }
        for (number, name, place, files) in devices {
            let place = sys.path().join("devices").join(place);
            fs::create_dir_all(&place).unwrap();
            for (file, text) in *files {
                fs::create_dir_all(place.join(file).parent().unwrap()).unwrap();
                fs::write(place.join(file), text).unwrap();
            }
            symlink(&place, sys.path().join("dev/block").join(number)).unwrap();
            symlink(&place, sys.path().join("class/block").join(name)).unwrap();
        }
        sys
    }

    fn mount(device: &str, source: &str) -> Mount {
        let (root, at) = ("/".into(), "/m".into());
        Mount { id: "1".into(), device: device.into(), root, at, kind: "ext4".into(), source: source.into() }
    }

    #[test]
    fn what_people_take_out_is_removable_and_what_is_built_in_is_not() {
        let sys = sys(&[
            ("8:0", "sda", "pci0/ata1/block/sda", &[("removable", "0\n")]),
            ("8:1", "sda1", "pci0/ata1/block/sda/sda1", &[("partition", "1\n")]),
            ("8:17", "sdb1", "pci0/usb1/1-2/block/sdb/sdb1", &[("partition", "1\n")]),
            ("11:0", "sr0", "pci0/ata2/block/sr0", &[("removable", "1\n")]),
            ("8:33", "sdc1", "pci0/ata3/block/sdc/sdc1", &[("partition", "1\n"), ("../removable", "1\n")]),
            ("179:1", "mmcblk0p1", "pci0/mmc0/block/mmcblk0/p1", &[("partition", "1\n"), ("../device/type", "SD\n")]),
            ("179:9", "mmcblk1", "pci0/mmc1/block/mmcblk1", &[("device/type", "MMC\n")]),
            ("253:0", "dm-0", "virtual/block/dm-0", &[("slaves/none", "")]),
            ("253:1", "dm-1", "virtual/block/usbstick", &[("slaves/none", "")]),
        ]);
        let devices = sys.path().join("devices");
        symlink(devices.join("pci0/usb1/1-2/block/sdb/sdb1"), devices.join("virtual/block/dm-0/slaves/sdb1")).unwrap();
        // A circle ends, too.
        symlink(devices.join("virtual/block/usbstick"), devices.join("virtual/block/usbstick/slaves/self")).unwrap();
        for (number, source, expected) in [
            ("8:1", "/dev/sda1", false),
            ("8:17", "/dev/sdb1", true),
            ("11:0", "/dev/sr0", true),
            ("8:33", "/dev/sdc1", true),
            ("179:1", "/dev/mmcblk0p1", true),
            ("179:9", "/dev/mmcblk1", false),
            ("253:0", "/dev/mapper/luks", true),
            ("253:1", "/dev/mapper/data", false),
            ("0:40", "/dev/sdb1", true),
            ("0:41", "/dev/sda1", false),
            ("0:42", "overlay", false),
            ("99:99", "/dev/gone", false),
        ] {
            assert_eq!(is_removable(sys.path(), &mount(number, source)), expected, "{number} {source}");
        }
    }
}
