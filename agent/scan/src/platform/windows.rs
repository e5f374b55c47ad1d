//! Windows.

use crate::read::Skip;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::windows::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

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

/// Whether this folder lies on a file system that the kernel makes up: none here does.
pub(crate) fn is_pseudo_file_system(_folder: &Path) -> bool {
    false
}
