//! One member: the reader for its method, its checksum, and what is encrypted.

use super::claim::Claim;
use crate::formats::codecs::{Bzip2, Inflate, Xz, Zstd};
use crate::formats::decode::{DICTIONARY, Stream, breaks_off, invalid, large_dictionary};
use crate::formats::part::Part;
use crate::nest::{Halt, Nest, Opening};
use crate::text::name as text;
use crate::{Reason, Source};
use std::io::{self, Cursor, Read, Seek, SeekFrom};

/// Members packed by methods of before 1993 are not larger: their decoders keep all in memory.
const OLD: u64 = 32 << 20;
/// Bytes that are decoded to see whether a member is encrypted in earnest.
const TRIAL: u64 = 1 << 20;

/// Whether a method is known by its number, opened or not.
pub(super) fn is_method(method: u16) -> bool {
    matches!(method, 0..=6 | 8..=10 | 12 | 14 | 16 | 18..=20 | 93..=99)
}

/// Whether the data of a method says itself where it ends, and its reader stops right there.
pub(super) fn ends_itself(method: u16) -> bool {
    matches!(method, 8 | 12 | 20 | 93 | 95)
}

/// Hands on a member whose data begins there.
pub(super) fn hand_on(claim: &Claim, data: u64, source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    if claim.is_empty() {
        return nest.tick();
    }
    let name = text(&claim.name);
    if claim.is_encrypted() && !is_plain(claim, data, source, nest)? {
        return nest.missed(&name, Reason::Encrypted);
    }
    source.seek(SeekFrom::Start(data.min(source.len())))?;
    let mut opening = Ok(());
    let reading = decode(claim, Part::new(source, claim.packed), &mut |reader| {
        let mut checked = Checked::new(reader, claim);
        opening = nest.member(&name, &mut checked);
    });
    match reading.map_err(Halt::from) {
        Ok(()) => opening,
        Err(Halt::Bad(reason)) => nest.missed(&name, reason),
        Err(Halt::End) => Err(Halt::End),
    }
}

/// Some say that they are encrypted and are not, and some systems open them all the same. Only
/// a short one is tried.
fn is_plain(claim: &Claim, data: u64, source: &mut Source<'_>, nest: &mut Nest<'_>) -> Result<bool, Halt> {
    if claim.crc == 0 || !matches!(claim.method, 0 | 8) || claim.size > TRIAL || claim.packed > TRIAL {
        return Ok(false);
    }
    nest.tick()?;
    source.seek(SeekFrom::Start(data.min(source.len())))?;
    let mut plain = false;
    let reading = decode(claim, Part::new(source, claim.packed), &mut |reader| {
        plain =
            io::copy(&mut Checked::new(reader, claim).take(TRIAL + 1), &mut io::sink()).is_ok_and(|out| out <= TRIAL);
    });
    Ok(reading.is_ok() && plain)
}

/// Shows a reader of the member's content.
fn decode(claim: &Claim, mut part: Part<'_, '_>, with: &mut dyn FnMut(&mut dyn Read)) -> io::Result<()> {
    match claim.method {
        0 => with(&mut part),
        8 => with(&mut Stream::new(Inflate::new(), part)),
        12 => with(&mut Stream::new(Bzip2::new(), part)),
        14 => with(&mut lzma(claim, part)?),
        20 | 93 => with(&mut Stream::new(Zstd::new()?, part)),
        95 => with(&mut Stream::new(Xz::new(), part)),
        1..=6 | 9 | 98 => by_library(claim, part, with)?,
        _ => return Err(io::Error::other(Reason::Unsupported("this compression method of zip"))),
    }
    Ok(())
}

/// LZMA (APPNOTE 5.8): two bytes of version, two of length, and five of properties first.
fn lzma<'s, 'a>(claim: &Claim, mut part: Part<'s, 'a>) -> io::Result<lzma_rust2::LzmaReader<Part<'s, 'a>>> {
    let mut head = [0; 9];
    part.read_exact(&mut head).map_err(|_| breaks_off())?;
    let [_, _, 5, 0, properties, dictionary @ ..] = head else { return Err(invalid("LZMA without properties")) };
    let dictionary = u32::from_le_bytes(dictionary);
    if dictionary > DICTIONARY {
        return Err(large_dictionary());
    }
    // Bit 1: a mark ends it.
    let size = if claim.flags & 2 != 0 || claim.size == 0 { u64::MAX } else { claim.size };
    let mut reader = lzma_rust2::LzmaReader::new_with_props(part, size, properties, dictionary, None)?;
    reader.set_defer_errors(true);
    Ok(reader)
}

/// Deflate64, PPMd and the methods of before 1993. The library reads a member only with its
/// local header, so it gets one that says what is known.
fn by_library(claim: &Claim, mut part: Part<'_, '_>, with: &mut dyn FnMut(&mut dyn Read)) -> io::Result<()> {
    let old = claim.method <= 6;
    if old && (claim.size > OLD || claim.packed > OLD) {
        return Err(io::Error::other(Reason::TooLarge(OLD)));
    }
    let (Ok(packed), Ok(size)) = (u32::try_from(claim.packed), u32::try_from(claim.size)) else {
        return Err(io::Error::other(Reason::Unsupported("zip64 with this compression method")));
    };
    let mut ahead = vec![];
    if claim.method == 98 {
        let mut parameters = [0; 2];
        part.read_exact(&mut parameters).map_err(|_| breaks_off())?;
        let mebibytes = u32::from(u16::from_le_bytes(parameters) >> 4 & 0xff) + 1;
        if mebibytes > DICTIONARY >> 20 {
            return Err(large_dictionary());
        }
        ahead.extend(parameters);
    }
    let mut header = b"PK\x03\x04\x3f\0".to_vec();
    // Bits 1 and 2 tell of the trees and the window of method 6.
    header.extend((claim.flags & 6).to_le_bytes());
    header.extend(claim.method.to_le_bytes());
    header.extend([0, 0, 0x21, 0]);
    header.extend([claim.crc, packed, size].iter().flat_map(|number| number.to_le_bytes()));
    header.extend([1, 0, 0, 0, b'x']);
    header.extend(ahead);
    let mut source = Cursor::new(header).chain(part);
    match zip::read::read_zipfile_from_stream(&mut source) {
        Ok(Some(mut file)) => with(&mut Unchecked(&mut file, claim.crc == 0)),
        Ok(None) => return Err(invalid("not read by the library")),
        Err(zip::result::ZipError::Io(error)) => return Err(error),
        Err(error) => return Err(io::Error::other(error.to_string())),
    }
    Ok(())
}

/// The library's reader, which complains of the checksum too where it is not known.
struct Unchecked<'r>(&'r mut dyn Read, bool);

impl Read for Unchecked<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        match self.0.read(output) {
            Err(error) if self.1 && error.to_string().contains("checksum") => Ok(0),
            read => read,
        }
    }
}

/// Compares what came out with what the header says, at the end.
struct Checked<'r> {
    reader: &'r mut dyn Read,
    sum: flate2::Crc,
    len: u64,
    /// Checksum and size, if they are known.
    claimed: Option<(u32, u64)>,
}

impl<'r> Checked<'r> {
    fn new(reader: &'r mut dyn Read, claim: &Claim) -> Self {
        let claimed = (claim.crc != 0).then_some((claim.crc, claim.size));
        Self { reader, sum: flate2::Crc::new(), len: 0, claimed }
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(output)?;
        if read == 0 && !output.is_empty() {
            // Said once.
            return match self.claimed.take() {
                Some(claimed) if claimed != (self.sum.sum(), self.len) => Err(invalid("the checksum does not match")),
                _ => Ok(0),
            };
        }
        self.sum.update(output.get(..read).unwrap_or_default());
        self.len += read as u64;
        Ok(read)
    }
}
