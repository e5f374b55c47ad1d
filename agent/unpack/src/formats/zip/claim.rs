//! What a header says of a member: the local one before its data, and its copy in the central
//! directory.

use crate::Source;
use crate::formats::part::bytes_at;
use std::io;

/// Bytes of a local header without its name and extra field.
pub(super) const LOCAL: usize = 30;
/// Bytes of a header in the central directory without its name, extra field and comment.
pub(super) const CENTRAL: usize = 46;
/// Says that a number stands in the zip64 extra field.
const ZIP64: u64 = 0xffff_ffff;

/// A member, as a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) flags: u16,
    pub(super) method: u16,
    /// Zero if it is not known.
    pub(super) crc: u32,
    pub(super) packed: u64,
    pub(super) size: u64,
    pub(super) name: Vec<u8>,
}

impl Claim {
    /// The local header there, and where the data begins.
    pub(super) fn local(source: &mut Source<'_>, at: u64) -> io::Result<Option<(Self, u64)>> {
        let fixed = bytes_at(source, at, LOCAL)?;
        if fixed.len() < LOCAL || !fixed.starts_with(b"PK\x03\x04") {
            return Ok(None);
        }
        let (name, extra) = (short(&fixed, 26), short(&fixed, 28));
        let start = at.saturating_add(LOCAL as u64);
        let mut rest = bytes_at(source, start, usize::from(name) + usize::from(extra))?;
        let extra_field = rest.split_off(rest.len().min(name.into()));
        let mut claim = Self {
            flags: short(&fixed, 6),
            method: short(&fixed, 8),
            crc: long(&fixed, 14),
            packed: long(&fixed, 18).into(),
            size: long(&fixed, 22).into(),
            name: rest,
        };
        zip64(&extra_field, [&mut claim.size, &mut claim.packed]);
        Ok(Some((claim, start.saturating_add(u64::from(name) + u64::from(extra)))))
    }

    /// The header in the central directory there, where its local header is, and where the
    /// next one begins.
    pub(super) fn central(source: &mut Source<'_>, at: u64) -> io::Result<Option<(Self, u64, u64)>> {
        let fixed = bytes_at(source, at, CENTRAL)?;
        if fixed.len() < CENTRAL || !fixed.starts_with(b"PK\x01\x02") {
            return Ok(None);
        }
        let (name, extra, comment) = (short(&fixed, 28), short(&fixed, 30), short(&fixed, 32));
        let start = at.saturating_add(CENTRAL as u64);
        let mut rest = bytes_at(source, start, usize::from(name) + usize::from(extra))?;
        let extra_field = rest.split_off(rest.len().min(name.into()));
        let mut local = long(&fixed, 42).into();
        let mut claim = Self {
            flags: short(&fixed, 8),
            method: short(&fixed, 10),
            crc: long(&fixed, 16),
            packed: long(&fixed, 20).into(),
            size: long(&fixed, 24).into(),
            name: rest,
        };
        zip64(&extra_field, [&mut claim.size, &mut claim.packed, &mut local]);
        Ok(Some((claim, local, start.saturating_add(u64::from(name) + u64::from(extra) + u64::from(comment)))))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        // Bit 6 is strong encryption, which says bit 0 too; method 99 is AES.
        self.flags & 1 != 0 || self.method == 99
    }

    /// Its sizes follow its data.
    pub(super) fn is_streamed(&self) -> bool {
        self.flags & 8 != 0 && self.packed == 0
    }

    /// A directory, or a file without content.
    pub(super) fn is_empty(&self) -> bool {
        self.packed == 0 && self.size == 0
    }

    /// Whether the member's local header says that its content is another one.
    pub(super) fn disagrees(&self, local: &Self) -> bool {
        let packed = self.packed != local.packed && local.packed != 0;
        packed || self.method != local.method && !(self.is_empty() && local.is_empty())
    }
}

/// Puts in the numbers that the extra field holds for those that do not fit: in this order.
fn zip64<const N: usize>(extra: &[u8], numbers: [&mut u64; N]) {
    let mut rest = extra;
    let field = loop {
        let [id, id2, len, len2, after @ ..] = rest else { return };
        let Some((field, next)) = after.split_at_checked(u16::from_le_bytes([*len, *len2]).into()) else { return };
        if [*id, *id2] == [1, 0] {
            break field;
        }
        rest = next;
    };
    let mut longs = field.as_chunks::<8>().0.iter();
    for number in numbers {
        if *number == ZIP64
            && let Some(long) = longs.next()
        {
            *number = u64::from_le_bytes(*long);
        }
    }
}

pub(super) fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

pub(super) fn long(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}
