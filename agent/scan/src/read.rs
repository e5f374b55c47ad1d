//! A file into memory, safely: by descriptor, never through a link, never blocking on a
//! pipe, never mapped (a file that shrinks under a map kills the process). A file up to the
//! limit is read whole, a larger one in windows that overlap, its holes left out.

use crate::below::Below;
use crate::identity::Identity;
use crate::platform;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Larger files are read in windows, unless the options say otherwise.
pub const DEFAULT_WHOLE_BYTES: u64 = 256 * 1024 * 1024;
/// Bytes of one window.
pub(crate) const WINDOW: usize = 32 << 20;
/// Bytes that two windows share: what is shorter is found across their border.
const OVERLAP: usize = 1 << 20;
/// What the system is asked to read before a file's turn comes.
const AHEAD: i64 = 4 << 20;

/// Why something was passed over, though nothing went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// A link; what it points to is scanned where it lies.
    Link,
    /// A pipe, a device or a socket: no content of its own.
    Special,
    /// A file system that the kernel makes up, such as /proc.
    PseudoFileSystem,
    /// Another machine's file system; it is scanned there, or when it is named itself.
    NetworkFileSystem,
    /// Its content is in the cloud; reading would download it.
    Elsewhere,
}

impl Skip {
    /// Whether there was content that a scan should have seen.
    pub fn leaves_content_unread(self) -> bool {
        matches!(self, Self::Elsewhere)
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "a link, not followed",
            Self::Special => "a pipe, device or socket",
            Self::PseudoFileSystem => "a pseudo file system",
            Self::NetworkFileSystem => "a network file system, not entered",
            Self::Elsewhere => "its content is not on this machine",
        })
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
    #[error("a folder on the way to it was replaced while the scan ran")]
    Swapped,
    #[error("not enough memory for {0} bytes")]
    Memory(u64),
    /// Whoever looks at the windows has seen enough.
    #[error("called off")]
    CalledOff,
}

/// A file that may be read, and how it stood when it was opened.
#[derive(Debug)]
pub(crate) struct Opened {
    file: File,
    pub(crate) len: u64,
    pub(crate) identity: Option<Identity>,
    /// What its verdict is remembered of.
    pub(crate) known_as: Option<Identity>,
    /// As a number; [`platform::owner_name`] knows the name.
    pub(crate) owner: u32,
}

/// Opens a file, unless there is a reason not to read it.
pub(crate) fn open(path: &Path) -> Result<Opened, Unread> {
    let file = match platform::open(path) {
        Ok(file) => file,
        Err(error) => return Err(platform::skip_by_open_error(&error).map_or(Unread::Io(error), Unread::Skipped)),
    };
    let metadata = file.metadata()?;
    match platform::skip_by_metadata(&metadata) {
        Some(skip) => Err(Unread::Skipped(skip)),
        None => Ok(Opened::with(file, &metadata)),
    }
}

impl Opened {
    /// Itself, if it lies where the walk met it.
    pub(crate) fn in_place(self, path: &Path, below: &Below) -> Result<Self, Unread> {
        if below.has(path, &self.file) { Ok(self) } else { Err(Unread::Swapped) }
    }

    /// One that somebody else has opened.
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self::with(file, &metadata))
    }

    fn with(file: File, metadata: &Metadata) -> Self {
        let (identity, owner) = (platform::identity(&file, metadata), platform::owner(metadata));
        Self { file, len: metadata.len(), identity, known_as: identity, owner }
    }

    /// Another file system's copy of the file at this path: what is said of the one goes for the
    /// other while that one is as this one is.
    pub(crate) fn known_as(&mut self, path: &Path) {
        let other = std::fs::symlink_metadata(path).ok().and_then(|data| platform::identity_on_the_way(&data));
        let volume = other.map_or(0, |other| other.volume);
        let this = self.identity.map(|identity| Identity { volume, ..identity });
        self.known_as = other.filter(|_| other == this);
    }

    /// Lets the disk begin before the file's turn comes.
    pub(crate) fn read_ahead(&self) {
        if self.len > 0 {
            platform::read_ahead(&self.file, AHEAD.min(i64::try_from(self.len).unwrap_or(AHEAD)));
        }
    }

    /// Fills `buffer` with the file's whole content.
    pub(crate) fn read_whole(&mut self, buffer: &mut Vec<u8>) -> Result<(), Unread> {
        fill(&mut self.file, self.len, buffer)?;
        let same = buffer.len() as u64 == self.len && self.file.metadata()?.len() == self.len;
        if same { Ok(()) } else { Err(Unread::Changed) }
    }

    /// Fills `buffer` with the content, as far as it reached when the file was opened; one that
    /// has become shorter ends earlier.
    pub(crate) fn read_as_far(&mut self, buffer: &mut Vec<u8>) -> Result<(), Unread> {
        fill(&mut self.file, self.len, buffer)?;
        let made_up = self.len == 0 && !buffer.is_empty();
        buffer.truncate(usize::try_from(self.len).unwrap_or(usize::MAX));
        // What the kernel makes up as it is read has no size.
        if made_up { Err(Unread::Changed) } else { Ok(()) }
    }

    /// Shows all content in windows that overlap, each with its offset, until `show` says no.
    pub(crate) fn read_windows(
        &mut self,
        buffer: &mut Vec<u8>,
        show: &mut dyn FnMut(u64, &[u8]) -> bool,
    ) -> Result<(), Unread> {
        let mut from = 0;
        while let Some((begin, end)) = self.next_stretch(from)? {
            let mut at = begin;
            loop {
                self.file.seek(SeekFrom::Start(at))?;
                let wanted = (end - at).min(WINDOW as u64);
                fill(&mut (&mut self.file).take(wanted), wanted, buffer)?;
                if (buffer.len() as u64) < wanted {
                    return Err(Unread::Changed);
                }
                if !show(at, buffer) {
                    return Err(Unread::CalledOff);
                }
                if at + wanted >= end {
                    break;
                }
                at += wanted - OVERLAP as u64;
            }
            from = end;
        }
        if self.file.metadata()?.len() == self.len { Ok(()) } else { Err(Unread::Changed) }
    }

    /// The next stretch that has content, small holes in it included: a file may have
    /// millions of them.
    fn next_stretch(&self, from: u64) -> io::Result<Option<(u64, u64)>> {
        let Some((begin, mut end)) = platform::next_content(&self.file, from, self.len)? else { return Ok(None) };
        while let Some((next, its_end)) = platform::next_content(&self.file, end, self.len)? {
            if next - end > OVERLAP as u64 {
                break;
            }
            end = its_end;
        }
        Ok(Some((begin, end)))
    }

    /// Whether it stands as it did when it was opened.
    pub(crate) fn is_as_it_was(&self) -> bool {
        let now = self.file.metadata().ok().and_then(|m| platform::identity(&self.file, &m));
        now.is_some() && now == self.identity
    }

    /// The file, from its beginning.
    pub(crate) fn again(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
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
    use std::io::Write;

    fn read_whole(path: &Path, buffer: &mut Vec<u8>) -> Result<(), Unread> {
        open(path)?.read_whole(buffer)
    }

    #[test]
    fn the_whole_file_or_a_reason() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"12345").unwrap();
        let mut buffer = b"stale content".to_vec();
        read_whole(&path, &mut buffer).unwrap();
        assert_eq!(buffer, b"12345");
        assert!(read_whole(dir.path(), &mut buffer).is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(read_whole(&path, &mut buffer), Err(Unread::Io(_))));
    }

    /// Offsets and lengths of the windows over a file.
    fn windows(file: &mut Opened) -> Vec<(u64, usize)> {
        let (mut seen, mut buffer) = (Vec::new(), Vec::new());
        file.read_windows(&mut buffer, &mut |at, bytes| {
            seen.push((at, bytes.len()));
            true
        })
        .unwrap();
        seen
    }

    #[test]
    fn windows_overlap_and_leave_nothing_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large");
        std::fs::write(&path, vec![7; WINDOW + 100]).unwrap();
        let expected = [(0, WINDOW), ((WINDOW - OVERLAP) as u64, OVERLAP + 100)];
        assert_eq!(windows(&mut open(&path).unwrap()), expected);
        std::fs::write(&path, vec![7; WINDOW]).unwrap();
        assert_eq!(windows(&mut open(&path).unwrap()), [(0, WINDOW)]);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_sparse_giant_costs_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("giant");
        let mut file = File::create(&path).unwrap();
        file.set_len(10 << 30).unwrap();
        file.seek(SeekFrom::Start(5 << 30)).unwrap();
        file.write_all(b"badword").unwrap();
        let seen = windows(&mut open(&path).unwrap());
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert!(seen[0].0 <= 5 << 30 && seen[0].1 < 1 << 20, "{seen:?}");
    }

    #[test]
    fn a_growing_file_is_noticed_and_bounded() {
        let mut buffer = Vec::new();
        fill(&mut io::repeat(7), 10, &mut buffer).unwrap();
        assert_eq!(buffer.len(), 11);
    }

    #[test]
    fn a_change_after_opening_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"12345").unwrap();
        let mut opened = open(&path).unwrap();
        opened.read_whole(&mut Vec::new()).unwrap();
        assert!(opened.is_as_it_was());
        std::fs::write(&path, b"1234567").unwrap();
        assert!(!opened.is_as_it_was());
        assert!(matches!(opened.read_windows(&mut Vec::new(), &mut |_, _| true), Err(Unread::Changed)));
    }

    #[test]
    fn only_real_content_left_out_counts_as_unread() {
        assert!(Skip::Elsewhere.leaves_content_unread());
        let others = [Skip::Link, Skip::Special, Skip::PseudoFileSystem, Skip::NetworkFileSystem];
        assert!(!others.iter().any(|s| s.leaves_content_unread()));
    }
}
