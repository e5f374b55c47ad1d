//! What lets files out of a repository one by one: each is copied to a scratch folder, looked at
//! there, and passed on from that copy, so that one read of the repository serves both.

use crate::inspector::Inspector;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Looks at each file before it goes out.
pub struct Sieve<'a> {
    /// Says which may.
    pub inspector: &'a dyn Inspector,
    /// Where a file's copy lies meanwhile; it takes as much as the largest of them.
    pub scratch: &'a Path,
}

impl Sieve<'_> {
    /// A place for a file's content, gone with this.
    pub(crate) fn copy(&self) -> io::Result<Copy> {
        Ok(Copy(tempfile::Builder::new().prefix("copy-").tempfile_in(self.scratch)?))
    }

    /// Whether the file that has been copied may go out.
    pub(crate) fn admits(&self, path: &Path, copy: &mut Copy) -> io::Result<bool> {
        // Whoever looks has a place in it of his own.
        Ok(self.inspector.read(path, copy.0.path(), copy.0.reopen()?)?.is_some())
    }
}

/// A file's content on its way out.
pub(crate) struct Copy(NamedTempFile);

impl Copy {
    /// Back to its beginning.
    pub(crate) fn rewind(&mut self) -> io::Result<()> {
        self.0.rewind()
    }
}

impl Read for Copy {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Copy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
