//! Members by their local headers, without a central directory.

use super::claim::{Claim, LOCAL, long, short};
use super::member::{ends_itself, hand_on, is_method};
use crate::Source;
use crate::formats::part::bytes_at;
use crate::nest::{Halt, Nest, Opening};
use std::io::Seek;

const MAGIC: &[u8; 4] = b"PK\x03\x04";
/// Bytes that are searched at once.
const STEP: usize = 64 << 10;
/// Newest version of the format that a member may need.
const NEWEST: u8 = 63;

/// Bytes of a header and its name that are enough to tell it.
const HEADER: usize = 4 << 10;

/// Hands on all members whose local headers are between these places, and are accepted.
pub(super) fn carve(
    from: u64,
    to: u64,
    accept: fn(&[u8]) -> bool,
    source: &mut Source<'_>,
    nest: &mut Nest<'_>,
) -> Opening {
    let mut at = from;
    while let Some(found) = find(at, to, source, nest, |bytes| bytes.starts_with(MAGIC))? {
        nest.tick()?;
        let head = bytes_at(source, found, HEADER)?;
        at = match Claim::local(source, found)? {
            Some((claim, data)) if accept(&head) && data <= source.len() => carved(claim, data, source, nest)?,
            _ => found.saturating_add(MAGIC.len() as u64),
        };
    }
    Ok(())
}

/// What all packers keep to, even those that lie.
pub(super) fn is_header(bytes: &[u8]) -> bool {
    bytes.get(4).is_some_and(|version| *version <= NEWEST) && is_method(short(bytes, 8))
}

/// Whether a local header begins here in earnest: the four bytes stand in programs too.
pub(in crate::formats) fn begins(bytes: &[u8]) -> bool {
    let name = bytes.get(LOCAL..).and_then(|rest| rest.get(..usize::from(short(bytes, 26))));
    let (flags, crc, packed, size) = (short(bytes, 6), long(bytes, 14), long(bytes, 18), long(bytes, 22));
    let streamed = flags & 8 != 0 && (crc, packed, size) == (0, 0, 0);
    bytes.starts_with(MAGIC)
        && is_header(bytes)
        && matches!(bytes.get(4..6), Some([10..=NEWEST, 0..=20]))
        && name.is_some_and(|name| !name.is_empty() && name.iter().all(|byte| *byte >= b' '))
        && (streamed || packed > 0 && size > 0)
        // Bits that have no meaning.
        && flags & 0xd780 == 0
}

/// A member that was found. Where to look on: behind it, if that can be known, for a size is
/// easily a lie that hides what follows.
fn carved(mut claim: Claim, data: u64, source: &mut Source<'_>, nest: &mut Nest<'_>) -> Result<u64, Halt> {
    let len = source.len();
    let streamed_data = claim.is_streamed();
    if streamed_data {
        claim.packed = len.saturating_sub(data);
        (claim.crc, claim.size) = (0, 0);
        if !ends_itself(claim.method) || claim.is_encrypted() {
            claim.packed = streamed(data, source, nest)?.saturating_sub(data);
        }
    }
    hand_on(&claim, data, source, nest)?;
    if ends_itself(claim.method) && !claim.is_encrypted() && !claim.is_empty() {
        let end = source.stream_position()?.clamp(data, len);
        // Damaged data can run on into what follows.
        return Ok(if streamed_data && !is_end(source, end)? { data } else { end });
    }
    Ok(data.checked_add(claim.packed).filter(|end| *end <= len).unwrap_or(data))
}

/// Whether a descriptor, which may lack its mark, or another header follows.
fn is_end(source: &mut Source<'_>, at: u64) -> Result<bool, Halt> {
    let bytes = bytes_at(source, at, 22)?;
    Ok([0, 12, 20].iter().any(|skipped| bytes.get(*skipped..).is_none_or(|bytes| bytes.starts_with(b"PK"))))
}

/// Where data ends whose length is not known: its descriptor says how long it was, or another
/// header begins.
fn streamed(data: u64, source: &mut Source<'_>, nest: &mut Nest<'_>) -> Result<u64, Halt> {
    let mut at = data;
    let to = source.len();
    while let Some(found) = find(at, to, source, nest, |bytes| {
        [MAGIC, b"PK\x01\x02", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| bytes.starts_with(*magic))
    })? {
        let head = bytes_at(source, found, 16)?;
        if !head.starts_with(b"PK\x07\x08") || u64::from(long(&head, 8)) == found - data {
            return Ok(found);
        }
        at = found + 4;
    }
    Ok(to)
}

/// The next place where bytes begin that begin with `PK` and are accepted.
fn find(
    from: u64,
    to: u64,
    source: &mut Source<'_>,
    nest: &mut Nest<'_>,
    accept: impl Fn(&[u8]) -> bool,
) -> Result<Option<u64>, Halt> {
    let mut at = from;
    while at < to {
        nest.tick()?;
        let most = usize::try_from(to - at).unwrap_or(STEP).min(STEP);
        let read;
        let bytes = match source.whole() {
            Some(all) => usize::try_from(at).ok().and_then(|at| all.get(at..)).unwrap_or_default(),
            None => {
                read = bytes_at(source, at, most)?;
                &read
            }
        };
        let bytes = bytes.get(..most).unwrap_or(bytes);
        if bytes.len() < MAGIC.len() {
            break;
        }
        let found = memchr::memmem::find_iter(bytes, b"PK").find(|place| bytes.get(*place..).is_some_and(&accept));
        if let Some(place) = found {
            return Ok(Some(at + place as u64));
        }
        // One that is cut in two is found from the next piece.
        at += (bytes.len() - (MAGIC.len() - 1)) as u64;
    }
    Ok(None)
}
