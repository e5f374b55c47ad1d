//! Files that streams hold: a package ([MS-OLEDS] 2.3.6), and the objects and macros of a
//! presentation, deflated or not ([MS-PPT] 2.10.34). And whether a document needs a password.

use super::compound::{Compound, Stream, le16, le32};
use crate::formats::codecs::Inflate;
use crate::formats::decode;
use crate::nest::{Nest, Opening, Reason};
use crate::text;
use std::io::{BufReader, Read};

/// ExOleObjStg, compressed or not: an object, or the macros.
const OBJECT: u16 = 0x1011;
/// The names of a package, and what a document says first.
const BEGINNING: u64 = 64 << 10;

/// Hands on what this stream holds besides itself, and says whether it is encrypted.
pub(super) fn open(file: &mut Compound<'_, '_>, index: usize, name: &str, nest: &mut Nest<'_>) -> Opening {
    let last = name.rsplit('/').next().unwrap_or(name).trim_start_matches('\u{1}');
    let known = ["EncryptedPackage", "Workbook", "Book", "WordDocument", "Current User"];
    if last.eq_ignore_ascii_case("Ole10Native") {
        package(file.stream(index), nest)
    } else if last.eq_ignore_ascii_case("PowerPoint Document") {
        objects(file.stream(index), nest)
    } else if known.contains(&last) && is_encrypted(last, &beginning(&mut file.stream(index))) {
        // Said of the document, or of the storage that it is embedded in.
        nest.missed(name.rsplit_once('/').map_or("", |(folder, _)| folder), Reason::Encrypted)
    } else {
        Ok(())
    }
}

fn beginning(stream: &mut Stream<'_, '_, '_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // What cannot be read has been said when the stream itself was handed on.
    let _ = stream.take(BEGINNING).read_to_end(&mut bytes);
    bytes
}

/// An embedded file, under the name it had.
fn package(mut stream: Stream<'_, '_, '_>, nest: &mut Nest<'_>) -> Opening {
    let mut head = beginning(&mut stream);
    let Some((label, at, size)) = package_head(&head) else { return Ok(()) };
    let mut begun = head.split_off(at.min(head.len()));
    begun.truncate(size.try_into().unwrap_or(usize::MAX));
    let rest = size - begun.len() as u64;
    nest.member(&label, &mut begun.as_slice().chain(stream.take(rest)))
}

/// The label of an embedded file, where in the stream its content begins, and its size.
fn package_head(bytes: &[u8]) -> Option<(String, usize, u64)> {
    // The size of it all and a word, then label and path, and eight bytes of which the last
    // four tell how long the path of the temporary copy is.
    let (label, at) = zero_ended(bytes, 6)?;
    let (path, at) = zero_ended(bytes, at)?;
    let by_length = at.checked_add(8)?.checked_add(le32(bytes, at.checked_add(4)?)? as usize);
    // Some writers tell a wrong length. The size then does not fit into the whole.
    let total = u64::from(le32(bytes, 0)?);
    let fits = |at: &usize| le32(bytes, *at).is_some_and(|size| u64::from(size) <= total);
    let by_zero = || Some(zero_ended(bytes, at + 8)?.1);
    let at = by_length.filter(fits).or_else(|| by_zero().filter(fits))?;
    let label = if label.is_empty() { path } else { label };
    Some((text::name(label), at + 4, le32(bytes, at)?.into()))
}

/// A text from there, and where it ends.
fn zero_ended(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..)?;
    let end = memchr::memchr(0, rest)?;
    Some((rest.get(..end)?, at + end + 1))
}

/// The objects among a presentation's records, which lie in one another.
fn objects(mut stream: Stream<'_, '_, '_>, nest: &mut Nest<'_>) -> Opening {
    let (mut header, mut found, mut count) = ([0; 8], 0, 0_u32);
    // What cannot be read has been said when the stream itself was handed on.
    while stream.read_exact(&mut header).is_ok() {
        count += 1;
        if count.is_multiple_of(256) {
            nest.tick()?;
        }
        let [version, instance, kind, kind_above, len @ ..] = header;
        if version & 15 == 15 {
            // A container: its records follow.
            continue;
        }
        let len = u64::from(u32::from_le_bytes(len));
        let mut content = stream.by_ref().take(len);
        if u16::from_le_bytes([kind, kind_above]) == OBJECT {
            found += 1;
            let name = format!("object-{found}");
            let deflated = instance != 0 || version >> 4 != 0;
            // Before what is deflated stands its length unpacked, and zlib's header.
            if !deflated {
                nest.member(&name, &mut content)?;
            } else if content.read_exact(&mut [0; 6]).is_ok() {
                let mut inflated = decode::Stream::new(Inflate::new(), BufReader::new(&mut content));
                nest.member(&name, &mut inflated)?;
            }
        }
        let left = content.limit();
        if stream.skip(left).is_err() {
            break;
        }
    }
    Ok(())
}

/// Whether what this stream belongs to needs a password: an OOXML document in a package, a
/// workbook with a FILEPASS record ([MS-XLS] 2.4.117), a text whose FIB says so ([MS-DOC]
/// 2.5.1), a presentation whose user's atom does ([MS-PPT] 2.3.2).
fn is_encrypted(name: &str, bytes: &[u8]) -> bool {
    match name {
        "EncryptedPackage" => true,
        "Workbook" | "Book" => records(bytes).take(64).any(|kind| kind == 0x2f),
        "WordDocument" => le16(bytes, 0) == Some(0xa5ec) && le16(bytes, 10).is_some_and(|flags| flags & 0x100 != 0),
        "Current User" => le32(bytes, 12) == Some(0xf3d1_c4df),
        _ => false,
    }
}

/// The kinds of a workbook's records.
fn records(bytes: &[u8]) -> impl Iterator<Item = u16> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let (kind, len) = (le16(bytes, at)?, le16(bytes, at + 2)?);
        at += 4 + usize::from(len);
        Some(kind)
    })
}
