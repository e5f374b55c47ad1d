//! An archive behind something else: a program that opens it, or a picture that hides it.
//!
//! Told by more than the magic, which stands in many programs as a constant: a zip by its
//! central directory at the end of the file, the others by headers whose every field holds,
//! with checksums where the format has them. What is not found so is no damage.

use super::part::bytes_at;
use super::zip;
use crate::nest::{Nest, Opening};
use crate::{Reason, Source};
use std::io::{self, Read, Seek, SeekFrom};

/// So much of a file is searched.
const SEARCHED: usize = 16 << 20;
/// So many archives in one file are looked for: each costs a search.
const MOST: u64 = 64;
/// Bytes from a header that are enough to tell it.
const HEADER: usize = 4 << 10;
/// Bytes before the first byte of a magic is of use.
const SHORTEST: usize = 4;

/// Whether a header holds, given the bytes from its beginning to the file's end; and then how
/// long the archive is, if it says.
type Accept = fn(&[u8], u64) -> Option<Option<u64>>;

/// Where an archive is.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    at: u64,
    /// If it says.
    len: Option<u64>,
}

pub(crate) fn is(source: &mut Source<'_>, head: &[u8]) -> io::Result<bool> {
    if head.len() < SHORTEST {
        return Ok(false);
    }
    let zip = zip::at_the_end(source)?.is_some();
    let found = zip || next(source, SHORTEST as u64, source.len())?.is_some();
    source.rewind()?;
    Ok(found)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let zip = zip::at_the_end(source)?;
    let end = zip.unwrap_or(source.len());
    let mut at = SHORTEST as u64;
    // An installer carries several: what one spans is not searched again.
    for count in 0.. {
        nest.tick()?;
        let Some(found) = next(source, at, end)? else { break };
        if count == MOST {
            nest.missed("", Reason::TooMany(MOST))?;
            break;
        }
        source.seek(SeekFrom::Start(found.at))?;
        let rest = source.len() - found.at;
        let len = found.len.unwrap_or(rest).clamp(SHORTEST as u64, rest.max(SHORTEST as u64));
        nest.member("archive", &mut source.take(len))?;
        at = found.at.saturating_add(len);
    }
    if zip.is_some() { zip::open(source, nest) } else { Ok(()) }
}

/// The next archive that begins between these places.
fn next(source: &mut Source<'_>, from: u64, to: u64) -> io::Result<Option<Found>> {
    let read;
    let bytes = match source.whole() {
        Some(all) => all,
        None => {
            read = bytes_at(source, 0, SEARCHED + HEADER)?;
            &read
        }
    };
    let to = usize::try_from(to).unwrap_or(usize::MAX).min(SEARCHED).min(bytes.len());
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(to);
    let len = source.len();
    let searched = bytes.get(..to).unwrap_or_default();
    // The earliest of them; what one kind found bounds the search for the next.
    const KINDS: [(&[u8], Accept); 4] =
        [(b"7z\xbc\xaf\x27\x1c", seven), (b"MSCF\0\0\0\0", cab), (b"Rar!\x1a\x07", rar), (b"PK\x03\x04", local)];
    let mut first: Option<Found> = None;
    for (magic, accept) in KINDS {
        let end = first.as_ref().and_then(|found| usize::try_from(found.at).ok()).unwrap_or(to);
        let place = memchr::memmem::find_iter(searched.get(from..end).unwrap_or_default(), magic).find_map(|place| {
            let at = from + place;
            let header = bytes.get(at..)?;
            accept(header.get(..HEADER).unwrap_or(header), len - at as u64).map(|len| Found { at: at as u64, len })
        });
        first = place.or(first);
    }
    Ok(first)
}

/// 7z (7zFormat.txt): version 0, and a checksum over where its end header is.
fn seven(header: &[u8], rest: u64) -> Option<Option<u64>> {
    let numbers = header.get(12..32)?;
    let mut sum = flate2::Crc::new();
    sum.update(numbers);
    let holds = header.get(6) == Some(&0) && header.get(8..12)? == sum.sum().to_le_bytes();
    let (at, len) = (numbers.first_chunk()?, numbers.get(8..)?.first_chunk()?);
    let end = u64::from_le_bytes(*at).checked_add(u64::from_le_bytes(*len))?.checked_add(32)?;
    holds.then_some(Some(end.min(rest)))
}

/// Cabinet ([MS-CAB] 2.1): reserved fields, version 1.3, a size that fits.
fn cab(header: &[u8], rest: u64) -> Option<Option<u64>> {
    let long = |at: usize| Some(u32::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let short = |at: usize| Some(u16::from_le_bytes(*header.get(at..)?.first_chunk()?));
    let (size, files) = (long(8)?, long(16)?);
    let holds = long(12)? == 0
        && long(20)? == 0
        && header.get(24..26)? == [3, 1]
        && short(26)? > 0
        && short(28)? > 0
        && short(30)? < 8
        && (36..size).contains(&files)
        && u64::from(size) <= rest;
    holds.then_some(Some(size.into()))
}

/// RAR (technote.txt): the checksum of the header behind the mark, in either version.
fn rar(header: &[u8], _: u64) -> Option<Option<u64>> {
    let mut sum = flate2::Crc::new();
    let holds = match header.get(6..)? {
        [0, crc, crc2, main @ ..] => {
            sum.update(main.get(..11)?);
            main.first() == Some(&0x73) && [*crc, *crc2] == sum.sum().to_le_bytes()[..2]
        }
        // The length of a main header fits in one byte; one that is encrypted has it too.
        [1, 0, a, b, c, d, main @ ..] => {
            let len = usize::from(*main.first()?) + 1;
            sum.update(main.get(..len)?);
            len < 128 && [*a, *b, *c, *d] == sum.sum().to_le_bytes()
        }
        _ => false,
    };
    holds.then_some(None)
}

/// A zip whose central directory is not there.
fn local(header: &[u8], rest: u64) -> Option<Option<u64>> {
    let packed = header.get(18..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))?;
    (zip::begins(header) && u64::from(packed) < rest).then_some(None)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::samples::{Heard, sample, torment};
    use crate::{Kind, Limits, Source, unpack};

    /// A program, as far as is looked at, with the constants that unpackers have.
    fn program() -> Vec<u8> {
        let mut program = b"MZ\x90\0".to_vec();
        program.resize(600, 0x90);
        for constant in [
            &b"PK\x03\x04\0\0\0\0PK\x05\x06\0\0\0\0"[..],
            b"7z\xbc\xaf\x27\x1c\0\x04",
            b"MSCF\0\0\0\0",
            b"Rar!\x1a\x07\0",
            b"Rar!\x1a\x07\x01\0",
            b"PK\x01\x02",
        ] {
            program.extend(constant);
            program.extend([0; 64]);
        }
        program.resize(4096, 0xcc);
        program
    }

    fn kind(bytes: &[u8]) -> Option<Kind> {
        unpack(&mut Source::bytes(bytes), &Limits::default(), &mut Heard::default())
    }

    #[test]
    fn an_ordinary_program_is_none() {
        assert_eq!(kind(&program()), None);
        assert_eq!(kind(b"MZ"), None);
        assert_eq!(kind(b""), None);
    }

    #[test]
    fn a_zip_behind_a_program_or_a_picture_is_opened() {
        for name in ["deflate.zip.b64", "streamed.zip.b64", "zip64.zip.b64"] {
            for before in [program(), b"\x89PNG\r\n\x1a\n and so on".to_vec()] {
                let heard = Heard::of(&[before, sample(name)].concat());
                assert!(heard.found() && heard.missed.is_empty(), "{name} {:?} {:?}", heard.missed, heard.names());
            }
        }
        // Signed: bytes behind.
        let signed = [program(), sample("deflate.zip.b64"), vec![1; 5000]].concat();
        let heard = Heard::of(&signed);
        assert_eq!((heard.names(), heard.missed.len()), (vec!["mark.txt", "second.txt"], 0));
        // Without its directory.
        let mut zip = sample("deflate.zip.b64");
        zip.truncate(memchr::memmem::find(&zip, b"PK\x01\x02").unwrap());
        assert!(Heard::of(&[program(), zip].concat()).found());
    }

    #[test]
    fn other_archives_are_handed_on() {
        let (seven, cab) = (sample("behind.7z.b64"), sample("behind.cab.b64"));
        let heard =
            Heard::of(&[program(), cab.clone(), vec![0; 100], seven.clone(), sample("deflate.zip.b64")].concat());
        let at_top: Vec<_> = heard.members.iter().filter(|(name, _)| !name.contains("!/")).collect();
        assert_eq!(at_top[0], &("archive".to_owned(), cab));
        assert_eq!(at_top[1], &("archive".to_owned(), seven));
        assert_eq!((at_top[2].0.as_str(), at_top.len()), ("mark.txt", 4));
    }

    #[test]
    fn nothing_done_to_one_crashes_it() {
        torment(&[b"MZ program".to_vec(), sample("behind.7z.b64"), sample("deflate.zip.b64")].concat());
    }
}
