//! tar: v7, ustar and pax (POSIX.1-2017, "pax"), and GNU's long names and sparse files. Of a
//! sparse file the holes are left out.
//!
//! Read here, not by the library: that ends at the first block which is no header, and an
//! archive may go on behind it.

mod header;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use super::part::Part;
use crate::nest::{Halt, Nest, Opening};
use crate::text::name as text;
use crate::{Reason, Source};
use header::{BLOCK, Header, plausible, says_so};
use std::io::{Read, Seek, SeekFrom};

/// Longest name, and longest pax header, in bytes, that is read.
const LONGEST: u64 = 64 << 10;

pub(crate) fn is(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|block| says_so(block) || plausible(block) && Header::parse(block).is_some())
}

/// What the headers before a member say of it.
#[derive(Debug, Default)]
struct Ahead {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    source.rewind()?;
    let mut ahead = Ahead::default();
    // Past the end, which two blocks of zeros mark, or past damage, one looks on for headers:
    // archives are put one behind another, and blocks are overwritten.
    let (mut astray, mut ended) = (false, false);
    while let Some(block) = block(source)? {
        nest.tick()?;
        match Header::parse(&block) {
            Some(header) if !(astray || ended) || says_so(&block) => {
                (astray, ended) = (false, false);
                member(header, &mut ahead, source, nest)?;
            }
            _ if block == [0; BLOCK] => ended = true,
            _ if astray || ended => {}
            _ => {
                astray = true;
                nest.missed("", Reason::Damaged("a block is no header".into()))?;
            }
        }
    }
    Ok(())
}

/// The next block. A last one that is not whole is none: padding is often left out.
fn block(source: &mut Source<'_>) -> Result<Option<[u8; BLOCK]>, Halt> {
    let mut block = [0; BLOCK];
    let mut filled = 0;
    while let Some(room @ [_, ..]) = block.get_mut(filled..) {
        match source.read(room)? {
            0 => return Ok(None),
            read => filled += read,
        }
    }
    Ok(Some(block))
}

fn member(header: Header, ahead: &mut Ahead, source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let start = source.stream_position()?;
    match header.kind {
        b'L' => ahead.name = Some(line(&read(source, header.size)?).to_vec()),
        b'x' | b'X' => pax(&read(source, header.size)?, ahead),
        // For the whole archive: nothing of it is needed here. Of a link only its target.
        b'g' | b'K' => {}
        kind => {
            let Ahead { name, size } = std::mem::take(ahead);
            let size = size.unwrap_or(header.size);
            if header.more_maps {
                maps(source, nest)?;
            }
            let start = source.stream_position()?;
            // Links, devices and directories have none, whatever they claim; but then what
            // follows must be a header.
            let bare = matches!(kind, b'1'..=b'6' | b'V') && follows(source)?;
            source.seek(SeekFrom::Start(start))?;
            if bare || size == 0 {
                return Ok(());
            }
            nest.member(&text(&name.unwrap_or(header.name)), &mut Part::new(source, size))?;
            return pass(source, start, size);
        }
    }
    pass(source, start, header.size)
}

/// Whether a header, or the end, stands here.
fn follows(source: &mut Source<'_>) -> Result<bool, Halt> {
    Ok(block(source)?.is_none_or(|block| block == [0; BLOCK] || Header::parse(&block).is_some()))
}

/// To the block behind so many bytes from there, or to the end.
fn pass(source: &mut Source<'_>, start: u64, size: u64) -> Opening {
    let end = size.checked_next_multiple_of(BLOCK as u64).and_then(|size| start.checked_add(size));
    source.seek(SeekFrom::Start(end.unwrap_or(u64::MAX).min(source.len())))?;
    Ok(())
}

/// GNU sparse: blocks that say where the holes are; the last byte but seven of each says
/// whether one more follows.
fn maps(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    while let Some(map) = block(source)? {
        nest.tick()?;
        if map[504] == 0 {
            break;
        }
    }
    Ok(())
}

/// So many bytes, or as many as are of use.
fn read(source: &mut Source<'_>, size: u64) -> Result<Vec<u8>, Halt> {
    let mut bytes = Vec::new();
    source.take(size.min(LONGEST)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn line(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Records as `30 path=name\n`: each says first how long it is.
fn pax(records: &[u8], ahead: &mut Ahead) {
    let mut rest = records;
    loop {
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let len = rest.get(..digits).and_then(|len| std::str::from_utf8(len).ok()?.parse().ok());
        let Some((record, next)) = len.and_then(|len: usize| rest.split_at_checked(len)) else { return };
        let Some(record) = record.get(digits + 1..).and_then(|record| record.strip_suffix(b"\n")) else { return };
        if let Some(name) = record.strip_prefix(b"path=").or_else(|| record.strip_prefix(b"GNU.sparse.name=")) {
            ahead.name = Some(name.to_vec());
        } else if let Some(size) = record.strip_prefix(b"size=") {
            ahead.size = std::str::from_utf8(size).ok().and_then(|size| size.parse().ok());
        }
        rest = next;
    }
}
