//! 7z (7zFormat.txt of the LZMA SDK). Several files are one stream here, a folder, so they
//! are handed on in the order in which they come out of it.

mod coders;
mod header;

use super::decode::{breaks_off, invalid};
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use coders::PACKS;
use header::{Header, Streams};
use std::io::{self, Read, Seek, SeekFrom};

/// Bytes of a header, unpacked.
const LONGEST_HEADER: u64 = 16 << 20;
/// A header that is packed may hold one that is packed.
const PACKED_HEADERS: usize = 4;
/// Bytes that are passed over at once.
const STEP: usize = 16 << 10;

pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(b"7z\xbc\xaf\x27\x1c\0")
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let Some((header, fault)) = read_header(source, nest)? else { return Ok(()) };
    let mut names = header.files.iter().filter(|(_, has_bytes)| *has_bytes).map(|(name, _)| name.as_str());
    let (mut packs, mut at) = (header.streams.packs.as_slice(), PACKS.saturating_add(header.streams.at));
    for folder in &header.streams.folders {
        nest.tick()?;
        let parts: Vec<Part<'_>> = folder
            .parts
            .iter()
            .map(|(len, crc)| Part { name: names.next().unwrap_or_default(), len: *len, crc: *crc })
            .collect();
        let (own, rest) = packs.split_at(folder.packed.len().min(packs.len()));
        let decoder = match coders::refused(folder) {
            Some(reason) => Err(reason),
            None => coders::decoder(source, own, at, folder),
        };
        match decoder {
            Ok(mut decoder) => open_folder(&mut decoder, &parts, nest)?,
            Err(reason) => parts.iter().try_for_each(|part| nest.missed(part.name, reason.clone()))?,
        }
        packs = rest;
        at = own.iter().fold(at, |at, len| at.saturating_add(*len));
    }
    fault.map_or(Ok(()), |fault| Err(Halt::Bad(Reason::Damaged(fault.into()))))
}

/// The header, unpacked, and what was wrong with it. None of an archive without any files.
fn read_header(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Result<Option<(Header, Option<&'static str>)>, Halt> {
    source.seek(SeekFrom::Start(8))?;
    let mut start = [0; 24];
    source.read_exact(&mut start)?;
    let [s0, s1, s2, s3, fields @ ..] = start;
    let field =
        |at: usize| fields.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |field| u64::from_le_bytes(*field));
    let (at, len) = (field(0), field(8));
    let sum = fields.last_chunk().map_or(0, |sum| u32::from_le_bytes(*sum));
    let mut fault = (crc(&fields) != u32::from_le_bytes([s0, s1, s2, s3])).then_some("its start's checksum is wrong");
    if len == 0 {
        return fault.map_or(Ok(None), |_| Err(invalid("it has no header").into()));
    }
    if len > LONGEST_HEADER {
        return Err(Halt::Bad(Reason::TooLarge(LONGEST_HEADER)));
    }
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(PACKS.checked_add(at).ok_or_else(breaks_off)?))?;
    source.by_ref().take(len).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < len {
        return Err(breaks_off().into());
    }
    if crc(&bytes) != sum {
        fault = Some("its header's checksum is wrong");
    }
    for _ in 0..PACKED_HEADERS {
        match header::read(&bytes).map_err(invalid)? {
            header::Read::Plain(header, other) => return Ok(Some((header, other.or(fault)))),
            header::Read::Packed(streams) => bytes = unpack_header(source, &streams, nest)?,
        }
    }
    Err(invalid("its header is packed too often").into())
}

fn unpack_header(source: &mut Source<'_>, streams: &Streams, nest: &mut Nest<'_>) -> Result<Vec<u8>, Halt> {
    let folder = streams.folders.first().ok_or_else(|| invalid("its header is packed in nothing"))?;
    if let Some(reason) = coders::refused(folder) {
        return Err(Halt::Bad(reason));
    }
    let len = folder.parts.first().map_or(0, |(len, _)| *len);
    let at = PACKS.saturating_add(streams.at);
    let mut decoder = coders::decoder(source, &streams.packs, at, folder).map_err(Halt::Bad)?.take(len);
    let (mut bytes, mut step) = (Vec::new(), [0; STEP]);
    loop {
        let read = decoder.read(&mut step)?;
        nest.passed(read)?;
        bytes.extend_from_slice(step.get(..read).unwrap_or_default());
        if read == 0 {
            return Ok(bytes);
        }
        if bytes.len() as u64 > LONGEST_HEADER {
            return Err(Halt::Bad(Reason::TooLarge(LONGEST_HEADER)));
        }
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A part of a folder: a file.
struct Part<'n> {
    name: &'n str,
    len: u64,
    crc: Option<u32>,
}

/// Hands on the files of a folder.
fn open_folder(decoder: &mut dyn Read, parts: &[Part<'_>], nest: &mut Nest<'_>) -> Opening {
    for part in parts {
        nest.tick()?;
        let mut content = Content { decoder, left: part.len, sum: flate2::Crc::new(), crc: part.crc };
        if part.len > 0 {
            nest.member(part.name, &mut content)?;
        }
        // What was too large to be taken must be passed for the next one to be reached.
        let mut step = [0; STEP];
        while let Ok(read @ 1..) = content.read(&mut step) {
            nest.passed(read)?;
        }
    }
    Ok(())
}

/// The content of a file. That its checksum is wrong is told after its last byte.
struct Content<'d> {
    decoder: &'d mut dyn Read,
    left: u64,
    sum: flate2::Crc,
    crc: Option<u32>,
}

impl Read for Content<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let most = output.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let output = output.get_mut(..most).unwrap_or_default();
        let read = self.decoder.read(output)?;
        self.sum.update(output.get(..read).unwrap_or_default());
        self.left -= read as u64;
        if read > 0 {
            return Ok(read);
        }
        if self.left > 0 {
            return Err(breaks_off());
        }
        match self.crc.take() {
            Some(crc) if crc != self.sum.sum() => Err(invalid("its checksum is wrong")),
            _ => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests;
