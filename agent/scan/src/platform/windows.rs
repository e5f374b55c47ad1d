//! Windows.

use super::FileSystem;
use crate::identity::Identity;
use crate::read::Skip;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Whether two names that differ only in case are the same file.
pub(crate) const CASE_INSENSITIVE: bool = true;

const FILE_FLAG_OPEN_REPARSE_POINT: u32 = 0x0020_0000;
const FILE_FLAG_SEQUENTIAL_SCAN: u32 = 0x0800_0000;
const FILE_FLAG_OPEN_NO_RECALL: u32 = 0x0010_0000;
const FILE_ATTRIBUTE_DEVICE: u32 = 0x40;
const FILE_ATTRIBUTE_REPARSE_POINT: u32 = 0x400;
const FILE_ATTRIBUTE_OFFLINE: u32 = 0x1000;
const FILE_ATTRIBUTE_RECALL_ON_OPEN: u32 = 0x0004_0000;
const FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS: u32 = 0x0040_0000;
/// Others may go on reading, writing, renaming and deleting it.
const SHARE_ALL: u32 = 7;

/// Opens for reading: the link itself rather than its target, nothing fetched from a cloud,
/// nobody locked out.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .share_mode(SHARE_ALL)
        .custom_flags(FILE_FLAG_OPEN_REPARSE_POINT | FILE_FLAG_OPEN_NO_RECALL | FILE_FLAG_SEQUENTIAL_SCAN)
        .open(path)
}

/// What the system calls an opened thing; not asked here.
pub(crate) fn path_of(_file: &File) -> Option<PathBuf> {
    None
}

/// An open that failed because of what the thing is; Windows tells by metadata instead.
pub(crate) fn skip_by_open_error(_error: &io::Error) -> Option<Skip> {
    None
}

/// What an opened thing's metadata says against reading it.
pub(crate) fn skip_by_metadata(metadata: &Metadata) -> Option<Skip> {
    let has = |attribute| metadata.file_attributes() & attribute != 0;
    if has(FILE_ATTRIBUTE_OFFLINE | FILE_ATTRIBUTE_RECALL_ON_OPEN | FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS) {
        Some(Skip::Elsewhere)
    } else if metadata.file_type().is_symlink() {
        Some(Skip::Link)
    } else if has(FILE_ATTRIBUTE_DEVICE) || !(metadata.is_file() || has(FILE_ATTRIBUTE_REPARSE_POINT)) {
        Some(Skip::Special)
    } else {
        None
    }
}

/// What the walk knows of a file does not tell which it is.
pub(crate) fn identity_on_the_way(_metadata: &Metadata) -> Option<Identity> {
    None
}

/// Which file a path leads to, links followed.
pub(crate) fn identity_of(path: &Path) -> Option<Identity> {
    let file = File::open(path).ok()?;
    identity(&file, &file.metadata().ok()?)
}

/// Which file it is and how it stands, now that it is open.
pub(crate) fn identity(file: &File, metadata: &Metadata) -> Option<Identity> {
    let known = winapi_util::file::information(file).ok()?;
    Some(Identity {
        volume: known.volume_serial_number(),
        file: known.file_index(),
        size: metadata.len(),
        modified: i64::try_from(metadata.last_write_time()).ok()?.checked_mul(100)?,
        changed: change_time(file)?.checked_mul(100)?,
    })
}

/// When anything of the file was last changed, in units of 100 ns: unlike the time of the
/// last write, programs do not set it back.
// The standard library does not tell it; the call fills a plain struct of its own size.
#[allow(unsafe_code)]
fn change_time(file: &File) -> Option<i64> {
    use std::os::windows::io::AsRawHandle;
    use windows_sys::Win32::Storage::FileSystem::{FILE_BASIC_INFO, FileBasicInfo, GetFileInformationByHandleEx};
    let mut info = FILE_BASIC_INFO::default();
    let size = u32::try_from(size_of::<FILE_BASIC_INFO>()).ok()?;
    let told =
        unsafe { GetFileInformationByHandleEx(file.as_raw_handle(), FileBasicInfo, (&raw mut info).cast(), size) };
    (told != 0).then_some(info.ChangeTime)
}

/// Owners have no number here.
pub(crate) fn owner(_metadata: &Metadata) -> u32 {
    0
}

/// And no name that rules for this system ask for.
pub(crate) fn owner_name(_owner: u32) -> String {
    String::new()
}

/// Folders of one tree are on one volume here: what is mounted below is a link.
pub(crate) fn volume(_metadata: &Metadata) -> u64 {
    0
}

/// Whether nobody but this user could have written it: the agent's and the user's own folders
/// are private by what they inherit.
pub(crate) fn only_we_write(path: &Path) -> bool {
    path.exists()
}

/// Writes a new file, down to the disk.
pub(crate) fn write_new(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

/// The system reads ahead by itself: the file is opened for reading from end to end.
pub(crate) fn read_ahead(_file: &File, _bytes: i64) {}

/// The next part of a file from `offset` on, and where it ends; holes are read as zeros.
pub(crate) fn next_content(_file: &File, offset: u64, len: u64) -> io::Result<Option<(u64, u64)>> {
    Ok((offset < len).then_some((offset, len)))
}

/// Which file systems are mounted here: a walk meets none but the one it began on.
pub(crate) struct Mounts;

impl Mounts {
    /// As they are now.
    pub(crate) fn read() -> Self {
        Self
    }

    /// What a folder on this volume lies on, as far as its path tells; a walk enters none but
    /// the one that it was told to.
    pub(crate) fn file_system(&self, folder: &Path, _volume: u64) -> FileSystem {
        use std::path::{Component, Prefix};
        match folder.components().next() {
            Some(Component::Prefix(prefix)) => match prefix.kind() {
                Prefix::UNC(..) | Prefix::VerbatimUNC(..) => FileSystem::Network,
                Prefix::DeviceNS(..) => FileSystem::Pseudo,
                _ => FileSystem::Local,
            },
            _ => FileSystem::Local,
        }
    }
}
