//! ISO 9660 (ECMA-119), and Joliet, which is the same with other names.

use super::{Child, Piece, SECTOR, Tree};
use crate::nest::{Halt, Nest, Reason};
use crate::text;

const FOLDER: u8 = 2;
/// More of this file follows in the next record.
const GOES_ON: u8 = 0x80;

/// A tree of folders.
pub(super) struct Volume {
    pub(super) joliet: bool,
    /// Size of a block, in which everything is counted.
    block: u64,
}

/// The volume of a descriptor, if it is one, and its root.
pub(super) fn tree(descriptor: &[u8]) -> Option<(Volume, Vec<Piece>)> {
    let joliet = matches!(descriptor.get(88..91)?, [b'%', b'/', b'@' | b'C' | b'E']);
    // A supplementary one of another kind is the primary one with longer names.
    let joliet = match descriptor.first()? {
        1 => false,
        2 => joliet,
        _ => return None,
    };
    let block = u64::from(u16::from_le_bytes(*descriptor.get(128..)?.first_chunk()?));
    let block = if matches!(block, 512 | 1024 | 2048 | 4096) { block } else { SECTOR };
    let volume = Volume { joliet, block };
    let root = volume.record(descriptor.get(156..190)?)?;
    (!root.child.pieces.is_empty()).then_some((volume, root.child.pieces))
}

/// What a record says.
struct Record {
    child: Child,
    goes_on: bool,
    /// The folder itself, or the one above.
    is_link: bool,
}

impl Volume {
    fn record(&self, bytes: &[u8]) -> Option<Record> {
        let word = |at| Some(u64::from(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?)));
        let name = bytes.get(33..33 + usize::from(*bytes.get(32)?))?;
        let (flags, interleaved) = (*bytes.get(25)?, bytes.get(26..28)? != [0, 0]);
        // What describes a file may stand before it.
        let at = word(2)? + u64::from(*bytes.get(1)?);
        let len = word(10)?;
        let child = Child {
            name: self.name(name),
            is_folder: flags & FOLDER != 0,
            pieces: if len == 0 { vec![] } else { vec![Piece::At(at * self.block, len)] },
            entry: None,
            missed: interleaved.then_some(Reason::Unsupported("an interleaved file")),
        };
        Some(Record { child, goes_on: flags & GOES_ON != 0, is_link: matches!(name, [0 | 1]) })
    }

    fn name(&self, bytes: &[u8]) -> String {
        let name = match self.joliet {
            true => encoding_rs::UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
            false => text::name(bytes),
        };
        name.split_once(';').map_or(name.as_str(), |(name, _version)| name).to_owned()
    }
}

impl Tree for Volume {
    fn children(&self, folder: &[u8], nest: &mut Nest<'_>) -> Result<Vec<Child>, Halt> {
        let mut children: Vec<Child> = Vec::new();
        let mut goes_on = false;
        for sector in folder.chunks(SECTOR as usize) {
            nest.tick()?;
            let mut rest = sector;
            // No record crosses a sector; the rest of one is zeros.
            while let Some((own, more)) = rest.first().and_then(|len| rest.split_at_checked(usize::from(*len).max(1))) {
                rest = more;
                let Some(record) = self.record(own).filter(|record| !record.is_link) else {
                    if matches!(own, [0]) {
                        break;
                    }
                    continue;
                };
                match children.last_mut().filter(|_| goes_on) {
                    Some(last) if last.name == record.child.name => last.pieces.extend(record.child.pieces),
                    _ => children.push(record.child),
                }
                goes_on = record.goes_on;
            }
        }
        Ok(children)
    }
}
