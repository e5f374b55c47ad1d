//! Where a container's bytes are: in memory, or, where it is too large for that, in an
//! opened file.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};

/// Enough of a beginning to tell every kind: an ISO image says what it is at 32 KiB.
pub(crate) const HEAD: usize = 36 << 10;

/// A container's bytes.
#[derive(Debug)]
pub struct Source<'a>(Place<'a>);

#[derive(Debug)]
enum Place<'a> {
    Memory(Cursor<&'a [u8]>),
    File(BufReader<File>, u64),
}

impl<'a> Source<'a> {
    /// In memory.
    pub fn bytes(bytes: &'a [u8]) -> Self {
        Self(Place::Memory(Cursor::new(bytes)))
    }

    /// In a file of so many bytes, opened by whoever knows how to do that safely.
    pub fn file(file: File, len: u64) -> Self {
        Self(Place::File(BufReader::new(file), len))
    }

    /// Bytes there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u64 {
        match &self.0 {
            Place::Memory(bytes) => bytes.get_ref().len() as u64,
            Place::File(_, len) => *len,
        }
    }

    /// All of it, where it is in memory.
    pub(crate) fn whole(&self) -> Option<&'a [u8]> {
        match &self.0 {
            Place::Memory(bytes) => Some(bytes.get_ref()),
            Place::File(..) => None,
        }
    }

    /// Its first bytes, as many as there are up to [`HEAD`]. Leaves it at its beginning.
    pub(crate) fn head(&mut self) -> io::Result<Vec<u8>> {
        self.rewind()?;
        let mut head = Vec::new();
        self.take(HEAD as u64).read_to_end(&mut head)?;
        self.rewind()?;
        Ok(head)
    }

    /// Its last bytes, as many as there are up to `most`. Leaves it at its beginning.
    pub(crate) fn tail(&mut self, most: u64) -> io::Result<Vec<u8>> {
        self.seek(SeekFrom::Start(self.len().saturating_sub(most)))?;
        let mut tail = Vec::new();
        self.take(most).read_to_end(&mut tail)?;
        self.rewind()?;
        Ok(tail)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Place::Memory(bytes) => bytes.read(buffer),
            Place::File(file, _) => file.read(buffer),
        }
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match &mut self.0 {
            Place::Memory(bytes) => bytes.fill_buf(),
            Place::File(file, _) => file.fill_buf(),
        }
    }

    fn consume(&mut self, bytes: usize) {
        match &mut self.0 {
            Place::Memory(memory) => memory.consume(bytes),
            Place::File(file, _) => file.consume(bytes),
        }
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Place::Memory(bytes) => bytes.seek(to),
            Place::File(file, _) => file.seek(to),
        }
    }

    fn stream_position(&mut self) -> io::Result<u64> {
        match &mut self.0 {
            Place::Memory(bytes) => Ok(bytes.position()),
            // Of a BufReader, `seek` would throw its buffer away.
            Place::File(file, _) => file.stream_position(),
        }
    }
}
