//! Small things that the archive formats share: a part of a source, what stands behind the
//! end of an archive, and names in whatever a packer's country used.

use super::decode::breaks_off;
use crate::Source;
use crate::nest::{Nest, Opening};
use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// So many bytes of a source, from where it is. That there are fewer is an error: `Read::take`
/// would pass over it.
pub(crate) struct Part<'s, 'a> {
    source: &'s mut Source<'a>,
    left: u64,
}

impl<'s, 'a> Part<'s, 'a> {
    pub(crate) fn new(source: &'s mut Source<'a>, len: u64) -> Self {
        Self { source, left: len }
    }
}

impl Read for Part<'_, '_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let most = output.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.source.read(output.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            return Err(breaks_off());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

impl BufRead for Part<'_, '_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let bytes = self.source.fill_buf()?;
        if bytes.is_empty() && most > 0 {
            return Err(breaks_off());
        }
        Ok(bytes.get(..most).unwrap_or(bytes))
    }

    fn consume(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes as u64);
        self.source.consume(bytes);
    }
}

/// Up to `most` bytes from there, fewer at the end. The source stands behind them then.
pub(crate) fn bytes_at(source: &mut Source<'_>, at: u64, most: usize) -> io::Result<Vec<u8>> {
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    source.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Where the next byte is that is not zero, if one is.
pub(crate) fn skip_zeros(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Result<bool, crate::nest::Halt> {
    loop {
        let bytes = source.fill_buf()?;
        let all = bytes.len().min(1 << 20);
        let zeros = bytes.iter().take(all).take_while(|byte| **byte == 0).count();
        source.consume(zeros);
        if zeros < all {
            return Ok(true);
        }
        if all == 0 {
            return Ok(false);
        }
        nest.tick()?;
    }
}

/// Hands on what stands behind the end of an archive: nothing that belongs to it, so it is no
/// damage, but something may hide there.
pub(crate) fn behind(source: &mut Source<'_>, end: u64, nest: &mut Nest<'_>) -> Opening {
    source.seek(SeekFrom::Start(end))?;
    if !skip_zeros(source, nest)? {
        return Ok(());
    }
    nest.member("(behind the end)", source)
}
