//! A file into memory, safely: by descriptor, never through a link, never blocking on a
//! pipe, never mapped (a file that shrinks under a map kills the process), never more than
//! the limit. What is read is the whole file as it was, or it is no reading at all.

use crate::platform;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Larger files are skipped, unless the options say otherwise.
pub const DEFAULT_MAX_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// Why something was passed over, though nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A link; what it points to is scanned where it lies.
    Link,
    /// A pipe, a device or a socket: no content of its own.
    Special,
    /// A file system that the kernel makes up, such as /proc.
    PseudoFileSystem,
    /// Its content is in the cloud; reading would download it.
    Elsewhere,
    /// More bytes than the limit given here.
    TooLarge(u64),
}

impl Skip {
    /// Whether there was content that a scan should have seen.
    pub fn leaves_content_unread(self) -> bool {
        matches!(self, Self::Elsewhere | Self::TooLarge(_))
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("a link, not followed"),
            Self::Special => f.write_str("a pipe, device or socket"),
            Self::PseudoFileSystem => f.write_str("a pseudo file system"),
            Self::Elsewhere => f.write_str("its content is not on this machine"),
            Self::TooLarge(limit) => write!(f, "larger than the limit of {limit} bytes"),
        }
    }
}

/// How an attempt to read ended without content.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unread {
    #[error("skipped: {0}")]
    Skipped(Skip),
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("it changed while it was read")]
    Changed,
    #[error("not enough memory for {0} bytes")]
    Memory(u64),
}

/// A file that may be read, and how long it was when it was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    pub(crate) len: u64,
}

/// Opens a file, unless there is a reason not to read it.
pub(crate) fn open(path: &Path, limit: u64) -> Result<Opened, Unread> {
    let file = match platform::open(path) {
        Ok(file) => file,
        Err(error) => return Err(platform::skip_by_open_error(&error).map_or(Unread::Io(error), Unread::Skipped)),
    };
    let metadata = file.metadata()?;
    if let Some(skip) = platform::skip_by_metadata(&metadata) {
        return Err(Unread::Skipped(skip));
    }
    let len = metadata.len();
    if len > limit { Err(Unread::Skipped(Skip::TooLarge(limit))) } else { Ok(Opened { file, len }) }
}

impl Opened {
    /// Fills `buffer` with the file's whole content.
    pub(crate) fn read_whole(mut self, buffer: &mut Vec<u8>) -> Result<(), Unread> {
        fill(&mut self.file, self.len, buffer)?;
        let same = buffer.len() as u64 == self.len && self.file.metadata()?.len() == self.len;
        if same { Ok(()) } else { Err(Unread::Changed) }
    }
}

/// Reads at most one byte more than expected, enough to notice that the file grew.
fn fill(source: &mut impl Read, expected: u64, buffer: &mut Vec<u8>) -> Result<(), Unread> {
    buffer.clear();
    let room = usize::try_from(expected).ok().and_then(|n| n.checked_add(1)).ok_or(Unread::Memory(expected))?;
    buffer.try_reserve_exact(room).map_err(|_| Unread::Memory(expected))?;
    source.take(expected + 1).read_to_end(buffer)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read_whole(path: &Path, limit: u64, buffer: &mut Vec<u8>) -> Result<(), Unread> {
        open(path, limit)?.read_whole(buffer)
    }

    #[test]
    fn the_whole_file_or_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"12345").unwrap();
        let mut buffer = b"stale content".to_vec();
        read_whole(&path, 5, &mut buffer).unwrap();
        assert_eq!(buffer, b"12345");
        assert!(matches!(read_whole(&path, 4, &mut buffer), Err(Unread::Skipped(Skip::TooLarge(4)))));
        assert!(read_whole(dir.path(), 5, &mut buffer).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read_whole(&path, 5, &mut buffer), Err(Unread::Io(_))));
    }

    #[test]
    fn a_sparse_giant_costs_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("giant");
        std::fs::File::create(&path).unwrap().set_len(10 << 30).unwrap();
        let mut buffer = Vec::new();
        assert!(matches!(
            read_whole(&path, DEFAULT_MAX_FILE_BYTES, &mut buffer),
            Err(Unread::Skipped(Skip::TooLarge(_)))
        ));
        assert_eq!(buffer.capacity(), 0);
    }

    #[test]
    fn a_growing_file_is_noticed_and_bounded() {
        let mut buffer = Vec::new();
        fill(&mut io::repeat(7), 10, &mut buffer).unwrap();
        assert_eq!(buffer.len(), 11);
    }

    #[test]
    fn only_real_content_left_out_counts_as_unread() {
        assert!(Skip::TooLarge(1).leaves_content_unread() && Skip::Elsewhere.leaves_content_unread());
        assert!(![Skip::Link, Skip::Special, Skip::PseudoFileSystem].iter().any(|s| s.leaves_content_unread()));
    }
}
