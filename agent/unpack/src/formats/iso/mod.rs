//! Images of discs: ISO 9660 (ECMA-119) with Joliet's names where it has them, and UDF
//! (ECMA-167). Many have several of them over the same files, and a program may look at any:
//! each tree of folders is walked, and what was seen in one is not handed on from the next.

mod iso9660;
mod udf;

use super::decode::breaks_off;
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::{HEAD, Source};
use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};

/// In which everything is counted, but for a volume that says otherwise.
const SECTOR: u64 = 2048;
/// Where the descriptors of volumes begin, one to a sector.
const DESCRIPTORS: u64 = 16 * SECTOR;
/// Descriptors that are looked at: real images have three to eight.
const MOST_DESCRIPTORS: u64 = 64;
/// Of one folder's own bytes; enough for a hundred thousand files.
const LONGEST_FOLDER: u64 = 8 << 20;
/// Pieces of one folder that are kept until it is looked into.
const FOLDER_PIECES: usize = 64;
/// Folders in one another in the name of a file.
const DEEPEST: usize = 64;

pub(crate) fn is(head: &[u8]) -> bool {
    head.len() > HEAD / 2 && matches!(head.get(0x8001..0x8007), Some(b"CD001\x01" | b"BEA01\x01"))
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let (mut trees, mut has_udf) = (Vec::new(), false);
    for number in 0..MOST_DESCRIPTORS {
        let descriptor = bytes_at(source, DESCRIPTORS + number * SECTOR, SECTOR)?;
        match descriptor.get(1..6) {
            Some(b"CD001") => trees.extend(iso9660::tree(&descriptor)),
            Some(b"NSR02" | b"NSR03") => has_udf = true,
            Some(b"BEA01" | b"TEA01" | b"BOOT2" | b"CDW02") => {}
            _ => break,
        }
    }
    // The trees in the order of how good their names are: Joliet's, UDF's, the old ones.
    trees.sort_by_key(|(volume, _)| !volume.joliet);
    let (joliet, plain) = trees.split_at(trees.partition_point(|(volume, _)| volume.joliet));
    let mut walk = Walk::new(source.len());
    for (volume, root) in joliet {
        walk.tree(source, volume, root.clone(), nest)?;
    }
    if has_udf {
        match udf::tree(source)? {
            Ok((volume, root)) => walk.tree(source, &volume, root, nest)?,
            Err(reason) => nest.missed("", reason)?,
        }
    } else if trees.is_empty() {
        walk.damage = Some("it has no root folder");
    }
    for (volume, root) in plain {
        walk.tree(source, volume, root.clone(), nest)?;
    }
    walk.damage.map_or(Ok(()), |damage| Err(Halt::Bad(Reason::Damaged(damage.into()))))
}

/// Up to so many bytes from there.
fn bytes_at(source: &mut Source<'_>, at: u64, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.seek(SeekFrom::Start(at))?;
    source.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A piece of a file or folder.
#[derive(Debug, Clone, Copy)]
enum Piece {
    At(u64, u64),
    /// Nothing was ever written there.
    Zeros(u64),
}

/// What a folder holds.
#[derive(Debug, Default)]
struct Child {
    name: String,
    is_folder: bool,
    pieces: Vec<Piece>,
    /// Where its pieces are told, if elsewhere: they are looked up one child at a time.
    entry: Option<u32>,
    /// It cannot be read.
    missed: Option<Reason>,
}

/// A tree of folders.
trait Tree {
    /// What stands in a folder's own bytes.
    fn children(&self, folder: &[u8], nest: &mut Nest<'_>) -> Result<Vec<Child>, Halt>;

    /// Looks a child's pieces up.
    fn find(&self, _source: &mut Source<'_>, _child: &mut Child) -> io::Result<()> {
        Ok(())
    }
}

/// The walk through all trees of an image.
struct Walk {
    /// Where the files and folders begin that have been seen, and how long they are.
    seen: HashSet<(bool, u64, u64)>,
    /// Bytes of folders that may still be read: they do not overlap, but where somebody wants
    /// them read again and again.
    folder_bytes: u64,
    damage: Option<&'static str>,
}

impl Walk {
    fn new(image: u64) -> Self {
        Self { seen: HashSet::new(), folder_bytes: image, damage: None }
    }

    /// Whether this has not been seen before.
    fn is_new(&mut self, child: &Child) -> bool {
        let len = child.pieces.iter().fold(0, |len: u64, piece| {
            let (Piece::At(_, more) | Piece::Zeros(more)) = piece;
            len.saturating_add(*more)
        });
        match child.pieces.first() {
            // A folder that holds itself may claim another length each time.
            Some(Piece::At(at, _)) => self.seen.insert((child.is_folder, *at, if child.is_folder { 0 } else { len })),
            Some(Piece::Zeros(_)) => true,
            None => child.missed.is_some(),
        }
    }

    fn tree(&mut self, source: &mut Source<'_>, tree: &dyn Tree, root: Vec<Piece>, nest: &mut Nest<'_>) -> Opening {
        // Each folder's name, and the folder it is in.
        let mut names: Vec<(String, usize)> = vec![(String::new(), 0)];
        let mut todo = vec![(0, root)];
        while let Some((folder, pieces)) = todo.pop() {
            nest.tick()?;
            let bytes = self.read_folder(source, &pieces)?;
            for mut child in tree.children(&bytes, nest)? {
                nest.tick()?;
                tree.find(source, &mut child)?;
                if !self.is_new(&child) {
                    continue;
                }
                if matches!(child.pieces.first(), Some(Piece::At(at, _)) if *at >= source.len()) {
                    child.missed = Some(Reason::Damaged("it lies beyond the image's end".into()));
                }
                if child.is_folder && child.missed.is_none() {
                    child.pieces.truncate(FOLDER_PIECES);
                    names.push((child.name, folder));
                    todo.push((names.len() - 1, child.pieces));
                    continue;
                }
                let path = path(&names, folder, &child.name);
                match child.missed {
                    Some(reason) => nest.missed(&path, reason)?,
                    None => nest.member(&path, &mut Content { source, pieces: &child.pieces, within: 0 })?,
                }
            }
        }
        Ok(())
    }

    fn read_folder(&mut self, source: &mut Source<'_>, pieces: &[Piece]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = LONGEST_FOLDER.min(self.folder_bytes);
        let read = Content { source, pieces, within: 0 }.take(most).read_to_end(&mut bytes);
        self.folder_bytes -= bytes.len() as u64;
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => self.damage = Some("a folder breaks off"),
            Ok(_) if bytes.len() as u64 == most => self.damage = Some("its folders are too large"),
            other => drop(other?),
        }
        Ok(bytes)
    }
}

/// The way from the root.
fn path(names: &[(String, usize)], folder: usize, name: &str) -> String {
    let (mut parts, mut at) = (vec![name], folder);
    while let Some((name, above)) = names.get(at).filter(|_| at != 0 && parts.len() < DEEPEST) {
        parts.push(name);
        at = *above;
    }
    parts.reverse();
    parts.join("/")
}

/// The bytes of some pieces.
struct Content<'c, 's> {
    source: &'c mut Source<'s>,
    pieces: &'c [Piece],
    within: u64,
}

impl Read for Content<'_, '_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while let Some((piece, rest)) = self.pieces.split_first() {
            let (Piece::At(_, len) | Piece::Zeros(len)) = *piece;
            let most = usize::try_from(len - self.within).unwrap_or(usize::MAX).min(output.len());
            if len == self.within {
                (self.pieces, self.within) = (rest, 0);
                continue;
            }
            let output = output.get_mut(..most).unwrap_or_default();
            let read = match piece {
                Piece::Zeros(_) => {
                    output.fill(0);
                    most
                }
                Piece::At(at, _) => {
                    let at = at.saturating_add(self.within);
                    if self.source.stream_position()? != at {
                        self.source.seek(SeekFrom::Start(at))?;
                    }
                    self.source.read(output)?
                }
            };
            if read == 0 && most > 0 {
                return Err(breaks_off());
            }
            self.within += read as u64;
            return Ok(read);
        }
        Ok(0)
    }
}

#[cfg(test)]
mod tests;
