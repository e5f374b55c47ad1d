//! Zips that no packer writes: every field is ours.

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use std::io::Write;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// A zip that is being written.
#[derive(Default)]
pub(crate) struct Zip {
    pub(crate) bytes: Vec<u8>,
    directory: Vec<u8>,
    entries: u64,
}

/// What a zip says of a member.
#[derive(Clone, Copy)]
pub(crate) struct Claim {
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) packed: u32,
    pub(crate) size: u32,
}

impl Claim {
    fn put(self, to: &mut Vec<u8>) {
        to.extend_from_slice(&self.method.to_le_bytes());
        to.extend_from_slice(&[0; 4]); // time
        for field in [self.crc, self.packed, self.size] {
            to.extend_from_slice(&field.to_le_bytes());
        }
    }
}

/// What stands before a member.
pub(crate) fn local_header(name: &[u8], claim: Claim) -> Vec<u8> {
    let mut header = b"PK\x03\x04\x14\0\0\0".to_vec();
    claim.put(&mut header);
    header.extend_from_slice(&(name.len() as u16).to_le_bytes());
    header.extend_from_slice(&[0; 2]);
    header.extend_from_slice(name);
    header
}

/// What the directory says of it.
pub(crate) fn central_header(name: &[u8], claim: Claim, offset: u32) -> Vec<u8> {
    let mut header = b"PK\x01\x02\x14\0\x14\0\0\0".to_vec();
    claim.put(&mut header);
    header.extend_from_slice(&(name.len() as u16).to_le_bytes());
    header.extend_from_slice(&[0; 12]);
    header.extend_from_slice(&offset.to_le_bytes());
    header.extend_from_slice(name);
    header
}

/// What stands at the end.
pub(crate) fn end(entries: u16, directory: u32, offset: u32) -> Vec<u8> {
    let mut end = b"PK\x05\x06\0\0\0\0".to_vec();
    end.extend_from_slice(&entries.to_le_bytes());
    end.extend_from_slice(&entries.to_le_bytes());
    end.extend_from_slice(&directory.to_le_bytes());
    end.extend_from_slice(&offset.to_le_bytes());
    end.extend_from_slice(&[0; 2]);
    end
}

impl Zip {
    pub(crate) fn stored(&mut self, name: &[u8], content: &[u8]) -> &mut Self {
        let size = content.len() as u32;
        self.member(name, Claim { method: STORED, crc: crc(content).sum(), packed: size, size }, content)
    }

    pub(crate) fn deflated(&mut self, name: &[u8], packed: &Packed) -> &mut Self {
        let claim = Claim {
            method: DEFLATED,
            crc: packed.crc.sum(),
            packed: packed.bytes.len() as u32,
            size: packed.crc.amount(),
        };
        self.member(name, claim, &packed.bytes)
    }

    fn member(&mut self, name: &[u8], claim: Claim, packed: &[u8]) -> &mut Self {
        self.names(name, claim, self.bytes.len() as u32);
        self.bytes.extend_from_slice(&local_header(name, claim));
        self.bytes.extend_from_slice(packed);
        self
    }

    /// Only in the directory: what stands at `offset` may be anything.
    pub(crate) fn names(&mut self, name: &[u8], claim: Claim, offset: u32) -> &mut Self {
        self.directory.extend_from_slice(&central_header(name, claim, offset));
        self.entries += 1;
        self
    }

    /// The zip, with the long form of its end where it has that many members.
    pub(crate) fn done(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        let (offset, size) = (bytes.len() as u64, self.directory.len() as u64);
        bytes.extend_from_slice(&self.directory);
        if self.entries > 0xfffe {
            let at = bytes.len() as u64;
            bytes.extend_from_slice(b"PK\x06\x06\x2c\0\0\0\0\0\0\0\x2d\0\x2d\0\0\0\0\0\0\0\0\0");
            for field in [self.entries, self.entries, size, offset] {
                bytes.extend_from_slice(&field.to_le_bytes());
            }
            bytes.extend_from_slice(b"PK\x06\x07\0\0\0\0");
            bytes.extend_from_slice(&at.to_le_bytes());
            bytes.extend_from_slice(&1u32.to_le_bytes());
        }
        bytes.extend_from_slice(&end(self.entries.min(0xffff) as u16, size as u32, offset as u32));
        bytes
    }
}

/// Deflated bytes, and the checksum of what they hold.
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) crc: Crc,
}

pub(crate) fn crc(content: &[u8]) -> Crc {
    let mut crc = Crc::new();
    crc.update(content);
    crc
}

/// Zeros, deflated a piece at a time: the same piece again and again.
pub(crate) fn zeros(mebibytes: usize) -> Packed {
    let piece = vec![0; 1 << 20];
    let mut encoder = DeflateEncoder::new(vec![], Compression::best());
    encoder.write_all(&piece).unwrap();
    encoder.flush().unwrap();
    let (piece_crc, deflated) = (crc(&piece), encoder.get_ref().clone());
    let mut crc = Crc::new();
    let mut bytes = Vec::with_capacity(deflated.len() * mebibytes + 5);
    for _ in 0..mebibytes {
        crc.combine(&piece_crc);
        bytes.extend_from_slice(&deflated);
    }
    bytes.extend_from_slice(&[1, 0, 0, 0xff, 0xff]); // an empty, last block
    Packed { bytes, crc }
}

pub(crate) fn deflate(content: &[u8]) -> Packed {
    let mut encoder = DeflateEncoder::new(vec![], Compression::best());
    encoder.write_all(content).unwrap();
    Packed { bytes: encoder.finish().unwrap(), crc: crc(content) }
}
