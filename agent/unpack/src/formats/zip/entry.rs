//! One member: its header in the directory, and its data by the method it was packed with.

use crate::nest::{Nest, Opening, Reason};
use crate::source::Source;
use crate::text;
use lzma_rust2::{LzmaReader, XzReader};
use std::io::{self, BufReader, Read};

pub(super) const LOCAL: &[u8; 4] = b"PK\x03\x04";
pub(super) const CENTRAL: &[u8; 4] = b"PK\x01\x02";
pub(super) const END: &[u8; 4] = b"PK\x05\x06";
pub(super) const END64: &[u8; 4] = b"PK\x06\x06";
pub(super) const END64_LOCATOR: &[u8; 4] = b"PK\x06\x07";

/// Memory that a decoder of LZMA may ask for, in KiB.
const LZMA_MEMORY: u32 = 80 << 10;
/// Window of a zstd frame, as a power of two.
const ZSTD_WINDOW: u32 = 26;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// An entry of the central directory.
#[derive(Debug)]
pub(super) struct Central {
    pub(super) name: String,
    pub(super) method: u16,
    pub(super) encrypted: bool,
    /// Bytes of its data.
    pub(super) packed: u64,
    /// Where its local header is, from the archive's beginning.
    pub(super) local_at: u64,
}

impl Central {
    /// The entry here, and how long its record is.
    pub(super) fn read(source: &mut Source<'_>) -> io::Result<Option<(Self, u64)>> {
        let mut header = [0; 46];
        if source.read_exact(&mut header).is_err() || !header.starts_with(CENTRAL) {
            return Ok(None);
        }
        let [name, extra, comment] = [28, 30, 32].map(|at| u16_at(&header, at));
        let (mut name_bytes, mut extra_bytes) = (vec![0; name.into()], vec![0; extra.into()]);
        if source.read_exact(&mut name_bytes).is_err() || source.read_exact(&mut extra_bytes).is_err() {
            return Ok(None);
        }
        let mut entry = Self {
            name: text::name(&name_bytes),
            method: u16_at(&header, 10),
            encrypted: u16_at(&header, 8) & 1 != 0,
            packed: u32_at(&header, 20).into(),
            local_at: u32_at(&header, 42).into(),
        };
        entry.widen(u32_at(&header, 24), &extra_bytes);
        Ok(Some((entry, 46 + u64::from(name) + u64::from(extra) + u64::from(comment))))
    }

    /// Sizes and places above 4 GiB are in an extra field, those that do not fit, in order.
    fn widen(&mut self, unpacked: u32, extra: &[u8]) {
        let mut rest = extra;
        while let Some((field, more)) = rest.split_at_checked(4) {
            let (id, size) = (u16_at(field, 0), usize::from(u16_at(field, 2)));
            let Some((content, more)) = more.split_at_checked(size) else { return };
            if id == 1 {
                let mut at = if unpacked == u32::MAX { 8 } else { 0 };
                for value in [&mut self.packed, &mut self.local_at] {
                    if *value == u64::from(u32::MAX) && content.len() >= at + 8 {
                        *value = u64_at(content, at);
                        at += 8;
                    }
                }
            }
            rest = more;
        }
    }

    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with('/') && self.packed == 0
    }
}

/// Hands on a member whose data comes from `packed`.
pub(super) fn unpack(name: &str, method: u16, encrypted: bool, packed: &mut dyn Read, nest: &mut Nest<'_>) -> Opening {
    if encrypted {
        return nest.missed(name, Reason::Encrypted);
    }
    match method {
        0 => nest.member(name, packed),
        8 => nest.member(name, &mut flate2::read::DeflateDecoder::new(packed)),
        9 => nest.member(name, &mut deflate64::Deflate64Decoder::new(packed)),
        12 => nest.member(name, &mut bzip2::read::BzDecoder::new(packed)),
        14 => match lzma(packed) {
            Ok(mut decoder) => nest.member(name, &mut decoder),
            Err(error) => nest.missed(name, Reason::damaged(error)),
        },
        93 => match zstd::Decoder::new(packed).and_then(|mut d| d.window_log_max(ZSTD_WINDOW).map(|()| d)) {
            Ok(mut decoder) => nest.member(name, &mut decoder),
            Err(error) => nest.missed(name, Reason::damaged(error)),
        },
        95 => nest.member(name, &mut XzReader::new_mem_limit(BufReader::new(packed), true, LZMA_MEMORY)),
        _ => nest.missed(name, Reason::Unsupported("its method of compression")),
    }
}

/// Before the data: the version of the packer, the length of the properties, and these.
fn lzma<R: Read>(mut packed: R) -> io::Result<LzmaReader<BufReader<R>>> {
    let mut header = [0; 9];
    packed.read_exact(&mut header)?;
    let dictionary = u32_at(&header, 5);
    if dictionary > LZMA_MEMORY << 10 {
        return Err(io::Error::other("its dictionary is larger than any packer makes it"));
    }
    LzmaReader::new_with_props(BufReader::new(packed), u64::MAX, header[4], dictionary, None)
}
