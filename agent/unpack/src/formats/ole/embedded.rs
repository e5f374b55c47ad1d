//! Files that streams hold: a package ([MS-OLEDS] 2.3.6), and the objects and macros of a
//! presentation, which are deflated ([MS-PPT] 2.10.34).

use crate::nest::{Nest, Opening};
use crate::text;
use flate2::read::ZlibDecoder;

/// ExOleObjStgCompressedAtom.
const COMPRESSED_OBJECT: u16 = 0x1011;
/// Records of a presentation that are looked at.
const MOST_RECORDS: usize = 100_000;

/// Hands on what this stream holds besides itself.
pub(super) fn open(name: &str, bytes: &[u8], nest: &mut Nest<'_>) -> Opening {
    let last = name.rsplit('/').next().unwrap_or(name);
    if let Some((label, content)) = package(bytes).filter(|_| last == "\u{1}Ole10Native") {
        return nest.bytes(&label, content);
    }
    if last == "PowerPoint Document" {
        return objects(bytes, nest);
    }
    Ok(())
}

/// The label and content of an embedded file: size, flags, label, path, and so on to content.
fn package(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (label, rest) = zero_ended(bytes.get(6..)?)?;
    let (path, rest) = zero_ended(rest)?;
    // Two words, then the length and text of the path of the temporary copy.
    let (head, rest) = rest.split_at_checked(8)?;
    let temporary = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let rest = rest.get(usize::try_from(temporary).ok()?..)?;
    let (size, rest) = rest.split_at_checked(4)?;
    let size = usize::try_from(u32::from_le_bytes([size[0], size[1], size[2], size[3]])).ok()?;
    let label = if label.is_empty() { path } else { label };
    Some((text::name(label), rest.get(..size).unwrap_or(rest)))
}

fn zero_ended(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// The deflated objects among a presentation's records, which lie in one another.
fn objects(bytes: &[u8], nest: &mut Nest<'_>) -> Opening {
    let (mut at, mut count) = (0, 0);
    while let Some(header) = bytes.get(at..at + 8).filter(|_| count < MOST_RECORDS) {
        count += 1;
        let (version, kind) = (header[0] & 15, u16::from_le_bytes([header[2], header[3]]));
        let len = usize::try_from(u32::from_le_bytes([header[4], header[5], header[6], header[7]])).unwrap_or(0);
        at += 8;
        if version == 15 {
            // A container: its records follow.
            continue;
        }
        let content = bytes.get(at..).map(|rest| rest.get(..len).unwrap_or(rest)).unwrap_or_default();
        // Before the stream stands its length unpacked.
        if kind == COMPRESSED_OBJECT && header[0] >> 4 == 1 && content.len() > 4 {
            nest.member(&format!("object-{count}"), &mut ZlibDecoder::new(&content[4..]))?;
        }
        at = at.saturating_add(len);
    }
    Ok(())
}

/// The records of a workbook: kind, length, content.
pub(super) fn records(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (header, more) = rest.split_at_checked(4)?;
        let (content, more) = more.split_at_checked(u16::from_le_bytes([header[2], header[3]]).into())?;
        rest = more;
        Some((u16::from_le_bytes([header[0], header[1]]), content))
    })
}
