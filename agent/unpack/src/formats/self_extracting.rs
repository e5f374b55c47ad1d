//! Archives behind something else: programs that unpack themselves, pictures that hide a zip.

use crate::nest::{Nest, Opening};
use crate::source::Source;
use std::io::{self, Read, Seek, SeekFrom};

/// Where in a program the archive must begin, at the latest.
const SEARCHED: u64 = 4 << 20;

/// What programs carry, by more than their magic: version and the place of its headers, or
/// sizes that fit.
fn plausible(bytes: &[u8], len: u64) -> bool {
    let le32 = |at: usize| bytes.get(at..at + 4).map(|b| u64::from(u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    if bytes.starts_with(b"7z\xbc\xaf\x27\x1c\0") {
        return le32(12).zip(le32(20)).is_some_and(|(next, size)| next + size + 32 <= len && size > 0);
    }
    if bytes.starts_with(b"MSCF\0\0\0\0") {
        return le32(8).is_some_and(|size| size > 36 && size <= len) && bytes.get(24..26) == Some(b"\x03\x01");
    }
    bytes.starts_with(b"Rar!\x1a\x07\x01\0") || bytes.starts_with(b"Rar!\x1a\x07\0")
}

/// Where an archive begins in a program.
fn carried(source: &mut Source<'_>) -> io::Result<Option<u64>> {
    let len = source.len();
    source.rewind()?;
    let mut program = Vec::new();
    source.by_ref().take(SEARCHED).read_to_end(&mut program)?;
    source.rewind()?;
    for magic in [&b"7z\xbc\xaf\x27\x1c"[..], b"MSCF\0\0\0\0", b"Rar!\x1a\x07"] {
        let mut places = memchr::memmem::find_iter(&program, magic);
        if let Some(at) = places.find(|at| plausible(&program[*at..], len - *at as u64)) {
            return Ok(Some(at as u64));
        }
    }
    Ok(None)
}

pub(crate) fn is(source: &mut Source<'_>, head: &[u8]) -> io::Result<bool> {
    let program = head.starts_with(b"MZ") || head.starts_with(b"\x7fELF");
    Ok(super::zip::ends(source)? || (program && carried(source)?.is_some()))
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    if super::zip::ends(source)? {
        return super::zip::open(source, nest);
    }
    let Some(at) = carried(source)? else { return Ok(()) };
    source.seek(SeekFrom::Start(at))?;
    nest.member("archive", source)
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample};

    #[test]
    fn what_a_program_or_a_picture_carries_is_opened() {
        let program = [b"MZ".as_slice(), &[0x90; 5000]].concat();
        Heard::of(&[&program[..], &sample("sample.7z")].concat()).holds("archive!/docs/invoice.js");
        Heard::of(&[&program[..], &sample("sample.zip")].concat()).holds("docs/invoice.js");
        let picture = [b"\xff\xd8\xff\xe0".as_slice(), &[7; 300]].concat();
        Heard::of(&[&picture[..], &sample("sample.zip")].concat()).holds("docs/invoice.js");
    }

    #[test]
    fn magic_bytes_alone_are_no_archive() {
        let mut program = [b"MZ".as_slice(), &[0x90; 5000]].concat();
        program.extend(b"7z\xbc\xaf\x27\x1c MSCF\0\0\0\0 PK\x05\x06 PK\x03\x04");
        program.extend([1; 5000]);
        Heard::of(&program).is_nothing();
    }
}
