//! Zip, and so OOXML, ODF, jar and apk (PKWARE's APPNOTE.TXT). The central directory is
//! walked entry by entry, so that a claimed million of them costs no memory; where there is
//! none, or it lies, the members are found by their own headers, as droppers count on.

mod carve;
mod entry;

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use entry::{Central, END, END64, END64_LOCATOR, LOCAL};
use std::io::{self, Read, Seek, SeekFrom};

/// An end record and the longest comment behind it.
const END_WITHIN: u64 = 22 + 0xffff;

pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(LOCAL) || (head.starts_with(END) && head.len() == 22)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    match find_directory(source)? {
        Some(directory) => walk(source, nest, &directory),
        None => carve::open(source, nest),
    }
}

/// Where the central directory is, and what is before the archive.
#[derive(Debug, PartialEq, Eq)]
struct Directory {
    at: u64,
    entries: u64,
    /// Bytes that stand before the archive's own beginning.
    shift: u64,
}

/// Whether an archive ends here, in the last bytes of something else.
pub(crate) fn ends(source: &mut Source<'_>) -> io::Result<bool> {
    Ok(find_directory(source)?.is_some_and(|directory| directory.entries > 0))
}

/// The central directory, if there is one that begins as one.
fn find_directory(source: &mut Source<'_>) -> io::Result<Option<Directory>> {
    let tail = source.tail(END_WITHIN)?;
    let tail_at = source.len() - tail.len() as u64;
    // The last one counts: a comment may hold another archive's end.
    for at in memchr::memmem::rfind_iter(&tail, END) {
        let Some(end) = tail.get(at..at + 22) else { continue };
        let (mut entries, mut size, mut offset) =
            (u64::from(entry::u16_at(end, 10)), u64::from(entry::u32_at(end, 12)), u64::from(entry::u32_at(end, 16)));
        let mut ends_at = tail_at + at as u64;
        let too_small = offset == u64::from(u32::MAX) || entries == 0xffff || size == u64::from(u32::MAX);
        if let Some((at64, wide)) = if too_small { wide_end(source, ends_at)? } else { None } {
            ends_at = at64;
            (entries, size, offset) = wide;
        }
        let Some(begins_at) = ends_at.checked_sub(size) else { continue };
        let Some(shift) = begins_at.checked_sub(offset) else { continue };
        if entries == 0 || starts_with(source, begins_at, entry::CENTRAL)? {
            return Ok(Some(Directory { at: begins_at, entries, shift }));
        }
        // Sizes that do not fit what lies there: the claimed place may still be right.
        if starts_with(source, offset, entry::CENTRAL)? {
            return Ok(Some(Directory { at: offset, entries, shift: 0 }));
        }
    }
    source.rewind()?;
    Ok(None)
}

type Wide = (u64, (u64, u64, u64));

/// The end record of archives with more than 65,535 members or 4 GiB.
fn wide_end(source: &mut Source<'_>, end_at: u64) -> io::Result<Option<Wide>> {
    let Some(locator_at) = end_at.checked_sub(20) else { return Ok(None) };
    let locator = read_at::<20>(source, locator_at)?;
    let Some(at) = locator.filter(|l| l.starts_with(END64_LOCATOR)).map(|l| entry::u64_at(&l, 8)) else {
        return Ok(None);
    };
    let record = read_at::<56>(source, at)?;
    Ok(record
        .filter(|r| r.starts_with(END64))
        .map(|r| (at, (entry::u64_at(&r, 32), entry::u64_at(&r, 40), entry::u64_at(&r, 48)))))
}

fn starts_with(source: &mut Source<'_>, at: u64, magic: &[u8; 4]) -> io::Result<bool> {
    Ok(read_at::<4>(source, at)?.as_ref() == Some(magic))
}

/// So many bytes from there; `None` where there are fewer.
fn read_at<const N: usize>(source: &mut Source<'_>, at: u64) -> io::Result<Option<[u8; N]>> {
    if at.checked_add(N as u64).is_none_or(|end| end > source.len()) {
        return Ok(None);
    }
    source.seek(SeekFrom::Start(at))?;
    let mut bytes = [0; N];
    source.read_exact(&mut bytes)?;
    Ok(Some(bytes))
}

fn walk(source: &mut Source<'_>, nest: &mut Nest<'_>, directory: &Directory) -> Opening {
    let (mut at, mut packed, mut opened) = (directory.at, 0_u64, 0_u64);
    for _ in 0..directory.entries {
        nest.tick()?;
        source.seek(SeekFrom::Start(at))?;
        let Some((central, its_len)) = Central::read(source)? else {
            nest.missed("", Reason::Damaged("its directory ends early".into()))?;
            break;
        };
        at += its_len;
        if central.is_folder() {
            continue;
        }
        packed = packed.saturating_add(central.packed);
        opened += 1;
        let Some(begins) = data_at(source, directory.shift.saturating_add(central.local_at))? else {
            nest.missed(&central.name, Reason::Damaged("its header is not where the directory says".into()))?;
            continue;
        };
        source.seek(SeekFrom::Start(begins))?;
        entry::unpack(
            &central.name,
            central.method,
            central.encrypted,
            &mut source.by_ref().take(central.packed),
            nest,
        )?;
    }
    if packed > source.len() {
        return Err(Halt::Bad(Reason::Damaged("its members overlap, as in a decompression bomb".into())));
    }
    if opened == 0 && directory.entries == 0 && source.len() > 22 {
        return carve::open(source, nest);
    }
    Ok(())
}

/// Where the data of the member at this local header begins.
fn data_at(source: &mut Source<'_>, local_at: u64) -> io::Result<Option<u64>> {
    let header = read_at::<30>(source, local_at)?.filter(|h| h.starts_with(LOCAL));
    Ok(header.map(|h| local_at + 30 + u64::from(entry::u16_at(&h, 26)) + u64::from(entry::u16_at(&h, 28))))
}

#[cfg(test)]
mod tests;
