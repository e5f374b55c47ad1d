//! Cabinets ([MS-CAB]): files are pieces of folders, and a folder is one stream of blocks,
//! stored or packed with MSZIP or LZX.
//!
//! Read by hand, since the library looks files up by their names (the second of a name is
//! never seen), unpacks a folder from its beginning for each of its files, and ends a folder
//! at an empty block. A folder is read once here, its files in the order in which they lie.

mod folder;

use super::decode::invalid;
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use crate::text;
use folder::{Folder, Method, Placed};
use std::io::{self, BufReader, Read, Seek, SeekFrom};

/// Longest name of a file; the specification allows 255.
const LONGEST_NAME: usize = 1024;
/// Numbers of folders that are none here: of files that begin or go on in another cabinet.
const FROM_PREVIOUS: u16 = 0xfffd;
const TO_NEXT: u16 = 0xfffe;
const SPLIT: Reason = Reason::Unsupported("a part of a multi-part cabinet");

/// The magic, its reserved field, and the only version there is.
pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(b"MSCF\0\0\0\0") && matches!(head.get(24..26), Some([_, 1]))
}

/// A file: a piece of a folder.
struct Piece {
    name: String,
    folder: u16,
    at: u64,
    size: u64,
}

/// What stands before the blocks.
struct Header {
    folders: Vec<Placed>,
    pieces: Vec<Piece>,
    /// Bytes before each block that are somebody else's.
    block_reserve: u64,
    begins_before: bool,
    /// It broke off, or made no sense from there.
    damage: Option<io::Error>,
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let header = read_header(source, nest)?;
    let last = header.folders.len().saturating_sub(1);
    let mut of_folders: Vec<Vec<&Piece>> = header.folders.iter().map(|_| vec![]).collect();
    for piece in &header.pieces {
        nest.tick()?;
        // What goes on in the next cabinet begins in the last folder of this one.
        let index = if piece.folder == TO_NEXT { last } else { piece.folder.into() };
        match of_folders.get_mut(index) {
            _ if piece.folder == FROM_PREVIOUS || piece.folder == u16::MAX => nest.missed(&piece.name, SPLIT)?,
            Some(_) if index == 0 && header.begins_before => nest.missed(&piece.name, SPLIT)?,
            Some(pieces) => pieces.push(piece),
            None => nest.missed(&piece.name, Reason::Damaged("it is in no folder".into()))?,
        }
    }
    for (placed, pieces) in header.folders.iter().zip(&mut of_folders) {
        pieces.sort_by_key(|piece| piece.at);
        open_folder(source, placed, header.block_reserve, pieces, nest)?;
    }
    header.damage.map_or(Ok(()), |error| Err(error.into()))
}

/// Hands on the files of one folder.
fn open_folder(
    source: &mut Source<'_>,
    placed: &Placed,
    reserve: u64,
    pieces: &[&Piece],
    nest: &mut Nest<'_>,
) -> Opening {
    if let Method::Unsupported(what) = placed.method {
        return pieces.iter().try_for_each(|piece| nest.missed(&piece.name, Reason::Unsupported(what)));
    }
    let mut folder = Folder::new(source, placed, reserve);
    for piece in pieces {
        nest.tick()?;
        if piece.at < folder.at() {
            // It shares bytes with the one before. The budget counts those again.
            folder.back(piece.at);
        }
        while folder.at() < piece.at {
            let passed = folder.pass(piece.at);
            nest.passed(passed.as_ref().map_or(0, |passed| *passed))?;
            if !matches!(passed, Ok(1..)) {
                break;
            }
        }
        if piece.size > 0 {
            let mut content = folder.piece(piece.at, piece.size, piece.folder == TO_NEXT);
            nest.member(&piece.name, &mut content)?;
            if piece.folder == TO_NEXT {
                nest.missed(&piece.name, SPLIT)?;
            }
        }
    }
    Ok(())
}

/// A reader of the fields of a header.
struct Fields<'s, 'a>(BufReader<&'s mut Source<'a>>);

impl Fields<'_, '_> {
    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn le16(&mut self) -> io::Result<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn le32(&mut self) -> io::Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn skip(&mut self, bytes: u64) -> io::Result<()> {
        io::copy(&mut self.0.by_ref().take(bytes), &mut io::sink()).map(drop)
    }

    fn text(&mut self) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            match self.array()? {
                [0] => return Ok(text),
                _ if text.len() == LONGEST_NAME => return Err(invalid("a name is too long")),
                [byte] => text.push(byte),
            }
        }
    }
}

fn read_header(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Result<Header, Halt> {
    const FROM_BEFORE: u16 = 1;
    const GOES_ON: u16 = 2;
    const RESERVE: u16 = 4;
    source.seek(SeekFrom::Start(0))?;
    let mut fields = Fields(BufReader::new(source));
    fields.skip(16)?;
    let files_at = fields.le32()?;
    fields.skip(6)?;
    let (folders, files, flags) = (fields.le16()?, fields.le16()?, fields.le16()?);
    fields.skip(4)?;
    let (mut folder_reserve, mut block_reserve) = (0, 0);
    if flags & RESERVE != 0 {
        let own = fields.le16()?;
        [folder_reserve, block_reserve] = fields.array()?.map(u64::from);
        fields.skip(own.into())?;
    }
    for flag in [FROM_BEFORE, FROM_BEFORE, GOES_ON, GOES_ON] {
        if flags & flag != 0 {
            fields.text()?;
        }
    }
    let begins_before = flags & FROM_BEFORE != 0;
    let mut header = Header { folders: vec![], pieces: vec![], block_reserve, begins_before, damage: None };
    for _ in 0..folders {
        let at = fields.le32()?.into();
        let blocks = fields.le16()?;
        let method = Method::of(fields.le16()?);
        header.folders.push(Placed { at, blocks, method });
        fields.skip(folder_reserve)?;
    }
    fields.0.seek(SeekFrom::Start(files_at.into()))?;
    for _ in 0..files {
        nest.tick()?;
        match read_piece(&mut fields) {
            Ok(piece) => header.pieces.push(piece),
            Err(error) => {
                // What was read of the list is good.
                header.damage = Some(error);
                break;
            }
        }
    }
    Ok(header)
}

fn read_piece(fields: &mut Fields<'_, '_>) -> io::Result<Piece> {
    let (size, at, folder) = (fields.le32()?.into(), fields.le32()?.into(), fields.le16()?);
    // When it was changed, and whether the name is UTF-8, which shows by itself.
    fields.skip(6)?;
    let name = text::name(&fields.text()?).replace('\\', "/");
    Ok(Piece { name, folder, at, size })
}

#[cfg(test)]
mod tests;
