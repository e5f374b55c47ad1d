//! The central directory: where it is, and one header after another.

use super::claim::{CENTRAL, Claim, long, short};
use crate::Source;
use crate::formats::part::bytes_at;
use std::io;

/// Bytes of the end record without its comment.
pub(super) const END: u64 = 22;
/// The end record is within so many bytes of the end.
const TAIL: u64 = (64 << 10) + END + 1;
/// Bytes that look like an end record are looked at so many times.
const CANDIDATES: usize = 64;

/// Where a central directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Directory {
    pub(super) start: u64,
    /// Where the end record begins.
    pub(super) end: u64,
    /// Bytes before the archive: it counts from there.
    pub(super) base: u64,
    /// Where the local header is of the member that it lists first.
    pub(super) first: u64,
    entries: u64,
}

impl Directory {
    pub(super) fn is_empty(&self) -> bool {
        self.start >= self.end
    }

    pub(super) fn walk(&self) -> Walk {
        Walk { at: self.start, directory: *self, entries: 0 }
    }
}

/// What the end record says, or the one of zip64 before it.
struct End {
    /// Where it is.
    at: u64,
    entries: u64,
    size: u64,
    offset: u64,
}

/// The last end record of the source with a directory before it. An empty one only if there
/// is no other: it may stand in the comment of another.
pub(super) fn find(source: &mut Source<'_>) -> io::Result<Option<Directory>> {
    let tail = source.tail(TAIL)?;
    let first = source.len().saturating_sub(TAIL);
    let mut empty = None;
    for at in memchr::memmem::rfind_iter(&tail, b"PK\x05\x06").take(CANDIDATES) {
        let record = tail.get(at..).unwrap_or_default();
        if (record.len() as u64) < END {
            continue;
        }
        let at = first + at as u64;
        let plain = End {
            at,
            entries: short(record, 10).into(),
            size: long(record, 12).into(),
            offset: long(record, 16).into(),
        };
        if plain.size == 0 && plain.entries == 0 {
            empty.get_or_insert(Directory { start: at, end: at, base: 0, first: at, entries: 0 });
            continue;
        }
        // Where its numbers do not fit, they lead nowhere.
        if let Some(directory) = directory(source, &plain)? {
            return Ok(Some(directory));
        }
        if let Some(end) = zip64(source, at)?
            && let Some(directory) = directory(source, &end)?
        {
            return Ok(Some(directory));
        }
    }
    Ok(empty)
}

/// Where the directory is: by its offset, if the local header is where it says then; or by
/// its size, counted back from its end, with bytes before the archive.
fn directory(source: &mut Source<'_>, end: &End) -> io::Result<Option<Directory>> {
    let starts = [Some(end.offset), end.at.checked_sub(end.size), Some(end.offset)];
    for (attempt, start) in starts.into_iter().enumerate() {
        let Some(start) = start.filter(|start| *start < end.at) else { continue };
        let Some((_, local, _)) = Claim::central(source, start)? else { continue };
        let mut begins =
            |base: u64| Ok::<_, io::Error>(bytes_at(source, base.saturating_add(local), 4)? == b"PK\x03\x04");
        let shifted = start.saturating_sub(end.offset);
        // Some count from the beginning of the file, whatever the end record does.
        let base = if shifted > 0 && !begins(shifted)? && begins(0)? { 0 } else { shifted };
        if attempt == 0 && !begins(base)? {
            continue;
        }
        let first = base.saturating_add(local);
        return Ok(Some(Directory { start, end: end.at, base, first, entries: end.entries }));
    }
    Ok(None)
}

/// The end record of zip64, which stands before the other one.
fn zip64(source: &mut Source<'_>, at: u64) -> io::Result<Option<End>> {
    let Some(locator) = at.checked_sub(20) else { return Ok(None) };
    let found = bytes_at(source, locator, 20)?;
    if !found.starts_with(b"PK\x06\x07") {
        return Ok(None);
    }
    // Where it says, and, with bytes before the archive, right before the locator.
    for at in [longer(&found, 8), locator.saturating_sub(56)] {
        let record = bytes_at(source, at, 56)?;
        if at < locator && record.len() == 56 && record.starts_with(b"PK\x06\x06") {
            let (entries, size, offset) = (longer(&record, 32), longer(&record, 40), longer(&record, 48));
            return Ok(Some(End { at, entries, size, offset }));
        }
    }
    Ok(None)
}

fn longer(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// On the way through a directory.
#[derive(Debug)]
pub(super) struct Walk {
    at: u64,
    directory: Directory,
    entries: u64,
}

impl Walk {
    /// The next member, and where in the source its local header is.
    pub(super) fn next(&mut self, source: &mut Source<'_>) -> io::Result<Option<(Claim, u64)>> {
        if self.at.saturating_add(CENTRAL as u64) > self.directory.end {
            return Ok(None);
        }
        let Some((claim, local, next)) = Claim::central(source, self.at)? else { return Ok(None) };
        self.at = next;
        self.entries += 1;
        Ok(Some((claim, self.directory.base.saturating_add(local))))
    }

    /// Whether as many were found as the end record says. It counts modulo 2¹⁶; more than it
    /// says have been handed on too, and are no damage.
    pub(super) fn is_whole(&self) -> bool {
        self.entries >= self.directory.entries || self.entries & 0xffff == self.directory.entries
    }
}
