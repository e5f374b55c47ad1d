//! Writing past the system's cache. A pack is not read again soon: through the cache it costs a
//! copy of every byte, and what people work with is pushed out for it.

use crate::platform::past_cache;
use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// What disks want addresses, places and lengths to be a multiple of.
const ALIGNED: usize = 4096;
/// Bytes that are written in one go.
const AT_ONCE: usize = 1 << 20;

/// A new file that is written from its beginning to its end. Where the file system has no way
/// past the cache it goes through it.
#[derive(Debug)]
pub struct PastCache {
    file: File,
    /// Holds `AT_ONCE` bytes from `start` on, which is aligned.
    room: Vec<u8>,
    start: usize,
    filled: usize,
    past: bool,
}

impl PastCache {
    /// Writes into this file.
    pub fn new(file: File) -> Self {
        let room = vec![0; AT_ONCE + ALIGNED];
        let start = room.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        Self { past: past_cache(&file, true), file, room, start, filled: 0 }
    }

    /// Takes more of the content.
    pub fn write(&mut self, mut more: &[u8]) -> io::Result<()> {
        while !more.is_empty() {
            let (now, later) = more.split_at(more.len().min(AT_ONCE - self.filled));
            let at = self.start + self.filled;
            self.room[at..at + now.len()].copy_from_slice(now);
            (self.filled, more) = (self.filled + now.len(), later);
            if self.filled == AT_ONCE {
                self.out(AT_ONCE)?;
            }
        }
        Ok(())
    }

    /// Writes what is left, and gives the file back. It is not yet on the disk for good.
    pub fn finish(mut self) -> io::Result<File> {
        self.out(self.filled / ALIGNED * ALIGNED)?;
        if self.past {
            self.past = past_cache(&self.file, false);
        }
        self.out(self.filled)?;
        Ok(self.file)
    }

    /// Writes the first so many bytes of what is there.
    fn out(&mut self, length: usize) -> io::Result<()> {
        let mut at = 0;
        while at < length {
            match self.file.write(&self.room[self.start + at..self.start + length]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => at += written,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                // It was promised and is not kept, or a short write has left a crooked rest.
                Err(e) if self.past && e.kind() == ErrorKind::InvalidInput => {
                    self.past = past_cache(&self.file, false);
                }
                Err(e) => return Err(e),
            }
        }
        self.room.copy_within(self.start + length..self.start + self.filled, self.start);
        self.filled -= length;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_written_is_what_was_given() {
        // On a disk, and where there is no way past the cache or none that differs.
        let folders = [std::env::temp_dir(), "/dev/shm".into()];
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            for sizes in [
                &[][..],
                &[1],
                &[ALIGNED],
                &[ALIGNED - 1, 1],
                &[AT_ONCE],
                &[AT_ONCE + 1],
                &[3, AT_ONCE - 3, 5],
                &[700_000, 900_001, 3_000_000, 17],
            ] {
                let parts: Vec<Vec<u8>> =
                    sizes.iter().map(|size| (0..*size).map(|n| (n % 251) as u8).collect()).collect();
                let file = tempfile::NamedTempFile::new_in(folder).unwrap();
                let mut writer = PastCache::new(file.reopen().unwrap());
                parts.iter().for_each(|part| writer.write(part).unwrap());
                writer.finish().unwrap().sync_all().unwrap();
                assert_eq!(fs::read(file.path()).unwrap(), parts.concat(), "{sizes:?}");
            }
        }
    }
}
