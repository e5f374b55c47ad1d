//! UDF (ECMA-167): a partition of blocks, in which entries describe files and folders, and
//! folders name the entries of what they hold.

use super::{Child, Piece, SECTOR, Tree, bytes_at};
use crate::nest::{Halt, Nest, Reason};
use crate::source::Source;
use std::io;

/// Kinds of descriptors.
const ANCHOR: u16 = 2;
const PARTITION: u16 = 5;
const VOLUME: u16 = 6;
const END: u16 = 8;
const FILE_SET: u16 = 256;
const NAME: u16 = 257;
const FILE: u16 = 261;
const EXTENDED_FILE: u16 = 266;
/// Descriptors of a volume that are looked at.
const MOST_DESCRIPTORS: u64 = 64;
/// Pieces of one file. Each is at most 1 GiB, so large files have some.
const MOST_PIECES: usize = 4096;

fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn is(kind: u16, bytes: &[u8]) -> bool {
    // The first four bytes of a tag's checksum are its own: all but the fifth, added.
    let sum = bytes.get(..16).unwrap_or_default().iter().enumerate().filter(|(at, _)| *at != 4);
    le16(bytes, 0) == Some(kind) && bytes.get(4) == Some(&sum.fold(0, |sum: u8, (_, byte)| sum.wrapping_add(*byte)))
}

/// Whether it is a folder, and its pieces.
type Described = (bool, Result<Vec<Piece>, Reason>);

/// A volume of one partition.
#[derive(Debug, Default)]
pub(super) struct Volume {
    partition: u64,
    block: u64,
}

/// The volume, and the bytes of its root folder.
pub(super) fn tree(source: &mut Source<'_>) -> io::Result<Result<(Volume, Vec<Piece>), Reason>> {
    let damaged = |what: &str| Ok(Err(Reason::Damaged(what.into())));
    let last = source.len() / SECTOR;
    let mut anchor = Vec::new();
    for sector in [256, last.saturating_sub(1), last.saturating_sub(257)] {
        anchor = bytes_at(source, sector * SECTOR, SECTOR)?;
        if is(ANCHOR, &anchor) {
            break;
        }
    }
    let Some(sequence) = le32(&anchor, 20).filter(|_| is(ANCHOR, &anchor)) else {
        return damaged("its UDF volume has no anchor");
    };
    let (mut volume, mut file_set) = (Volume::default(), None);
    for number in 0..MOST_DESCRIPTORS {
        let descriptor = bytes_at(source, (u64::from(sequence) + number) * SECTOR, SECTOR)?;
        if is(PARTITION, &descriptor) {
            volume.partition = u64::from(le32(&descriptor, 188).unwrap_or(0)) * SECTOR;
        } else if is(VOLUME, &descriptor) {
            volume.block = le32(&descriptor, 212).unwrap_or(0).into();
            // Its maps are of the simple kind, and the files lie in the first, where its blocks are
            // the partition's.
            if descriptor.get(440) != Some(&1) || le16(&descriptor, 256) != Some(0) {
                return Ok(Err(Reason::Unsupported("this kind of UDF partition")));
            }
            file_set = le32(&descriptor, 252);
        } else if is(END, &descriptor) || descriptor.is_empty() {
            break;
        }
    }
    let Some(file_set) = file_set.filter(|_| matches!(volume.block, 512 | 1024 | 2048 | 4096) && volume.partition > 0)
    else {
        return damaged("its UDF volume makes no sense");
    };
    let file_set = volume.block(source, file_set)?;
    let root = le32(&file_set, 404).filter(|_| is(FILE_SET, &file_set));
    let root = root.map(|root| volume.entry(source, root)).transpose()?.flatten();
    match root {
        Some((_, Ok(pieces))) => Ok(Ok((volume, pieces))),
        Some((_, Err(reason))) => Ok(Err(reason)),
        None => damaged("its UDF volume has no root folder"),
    }
}

impl Volume {
    fn place(&self, block: u32) -> u64 {
        self.partition + u64::from(block) * self.block
    }

    fn block(&self, source: &mut Source<'_>, block: u32) -> io::Result<Vec<u8>> {
        bytes_at(source, self.place(block), self.block)
    }

    /// What an entry describes.
    fn entry(&self, source: &mut Source<'_>, block: u32) -> io::Result<Option<Described>> {
        const A_FOLDER: u8 = 4;
        let bytes = self.block(source, block)?;
        let lengths = if is(FILE, &bytes) {
            168
        } else if is(EXTENDED_FILE, &bytes) {
            208
        } else {
            return Ok(None);
        };
        let fields = (le32(&bytes, lengths), le32(&bytes, lengths + 4), le16(&bytes, 34), le32(&bytes, 56));
        let (Some(before), Some(len), Some(flags), Some(low)) = fields else { return Ok(None) };
        let size = u64::from(le32(&bytes, 60).unwrap_or(0)) << 32 | u64::from(low);
        let begins = (lengths + 8).saturating_add(before as usize);
        let is_folder = bytes.get(27) == Some(&A_FOLDER);
        let own = bytes.get(begins..).map(|rest| rest.get(..len as usize).unwrap_or(rest)).unwrap_or_default();
        let pieces = match flags & 7 {
            // The file stands in its entry.
            3 if size == 0 => Ok(vec![]),
            3 => Ok(vec![Piece::At(self.place(block) + begins as u64, size.min(own.len() as u64))]),
            0 => self.pieces(source, own.to_vec(), 8, size),
            1 => self.pieces(source, own.to_vec(), 16, size),
            _ => Err(Reason::Unsupported("this kind of UDF file")),
        };
        Ok(Some((is_folder, pieces)))
    }

    /// The pieces that descriptors of so many bytes name, up to the file's size.
    fn pieces(&self, source: &mut Source<'_>, own: Vec<u8>, stride: usize, size: u64) -> Result<Vec<Piece>, Reason> {
        let (mut pieces, mut left) = (Vec::new(), size);
        let (mut own, mut at) = (own, 0);
        while left > 0 && pieces.len() < MOST_PIECES {
            let (Some(word), Some(block)) = (le32(&own, at), le32(&own, at + 4)) else { break };
            at += stride;
            let len = u64::from(word & 0x3fff_ffff).min(left);
            match word >> 30 {
                _ if len == 0 => break,
                0 => pieces.push(Piece::At(self.place(block), len)),
                // The descriptors go on elsewhere. Counted, since they may go in circles.
                3 => {
                    own = self.block(source, block).map_err(Reason::damaged)?;
                    let more = le32(&own, 20).map_or(0, |more| more as usize);
                    own = own.get(24..).map(|rest| rest.get(..more).unwrap_or(rest).to_vec()).unwrap_or_default();
                    at = 0;
                    pieces.push(Piece::Zeros(0));
                    continue;
                }
                _ => pieces.push(Piece::Zeros(len)),
            }
            left -= len;
        }
        pieces.retain(|piece| !matches!(piece, Piece::Zeros(0)));
        if left > 0 && pieces.is_empty() { Err(Reason::Damaged("it lies nowhere".into())) } else { Ok(pieces) }
    }
}

impl Tree for Volume {
    fn children(&self, folder: &[u8], nest: &mut Nest<'_>) -> Result<Vec<Child>, Halt> {
        const GONE_OR_ABOVE: u8 = 4 | 8;
        let (mut children, mut at) = (Vec::new(), 0);
        while let Some(own) = folder.get(at..).filter(|own| is(NAME, own)) {
            nest.tick()?;
            let (Some(flags), Some(len), Some(block), Some(before)) =
                (own.get(18), own.get(19), le32(own, 24), le16(own, 36))
            else {
                break;
            };
            let begins = 38 + usize::from(before);
            let end = begins + usize::from(*len);
            at += end.next_multiple_of(4);
            if flags & GONE_OR_ABOVE != 0 {
                continue;
            }
            let name = name(own.get(begins..end).unwrap_or_default());
            children.push(Child { name, entry: Some(block), ..Child::default() });
        }
        Ok(children)
    }

    fn find(&self, source: &mut Source<'_>, child: &mut Child) -> io::Result<()> {
        let entry = child.entry.map(|entry| self.entry(source, entry)).transpose()?.flatten();
        let (is_folder, pieces) = entry.unwrap_or((false, Err(Reason::Damaged("it has no entry".into()))));
        child.is_folder = is_folder;
        match pieces {
            Ok(pieces) => child.pieces = pieces,
            Err(reason) => child.missed = Some(reason),
        }
        Ok(())
    }
}

/// The first byte tells how many bits a character has.
fn name(bytes: &[u8]) -> String {
    match bytes.split_first() {
        Some((16, name)) => encoding_rs::UTF_16BE.decode_without_bom_handling(name).0.into_owned(),
        Some((_, name)) => name.iter().map(|byte| char::from(*byte)).collect(),
        None => String::new(),
    }
}
