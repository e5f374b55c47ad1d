//! A folder's blocks as one stream.

use crate::formats::decode::invalid;
use crate::source::Source;
use flate2::{Decompress, FlushDecompress, Status};
use lzxd::{Lzxd, WindowSize};
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a block unpacks to, at most; MSZIP looks back as far.
const BLOCK: usize = 32 << 10;

/// How a folder is packed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Method {
    Stored,
    MsZip,
    Lzx(WindowSize),
    Unsupported(&'static str),
}

impl Method {
    /// By the field in the header.
    pub(super) fn of(field: u16) -> Self {
        match (field & 15, field >> 8 & 31) {
            (0, _) => Self::Stored,
            (1, _) => Self::MsZip,
            (2, _) => Self::Unsupported("Quantum, a method of compression,"),
            (3, 15) => Self::Lzx(WindowSize::KB32),
            (3, 16) => Self::Lzx(WindowSize::KB64),
            (3, 17) => Self::Lzx(WindowSize::KB128),
            (3, 18) => Self::Lzx(WindowSize::KB256),
            (3, 19) => Self::Lzx(WindowSize::KB512),
            (3, 20) => Self::Lzx(WindowSize::MB1),
            (3, 21) => Self::Lzx(WindowSize::MB2),
            _ => Self::Unsupported("its method of compression"),
        }
    }
}

/// A folder, as the header has it.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) at: u64,
    pub(super) blocks: u16,
    pub(super) method: Method,
}

enum Decoder {
    Stored,
    /// With the last bytes that came out.
    MsZip(Box<Decompress>, Vec<u8>),
    Lzx(Box<Lzxd>),
}

impl Decoder {
    fn new(method: Method) -> Self {
        match method {
            Method::MsZip => Self::MsZip(Box::new(Decompress::new(false)), vec![]),
            Method::Lzx(window) => Self::Lzx(Box::new(Lzxd::new(window))),
            Method::Stored | Method::Unsupported(_) => Self::Stored,
        }
    }

    /// Unpacks a block, as far as that goes.
    fn unpack(&mut self, packed: &[u8], size: usize, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Stored => {
                out.extend_from_slice(packed.get(..size).unwrap_or(packed));
                if packed.len() < size { Err(invalid("a block is too short")) } else { Ok(()) }
            }
            Self::MsZip(inflate, before) => {
                let unpacked = mszip(inflate, before, packed, size, out);
                // Blocks behind a damaged one point to places at the right distance.
                out.resize(size, 0);
                before.extend_from_slice(out);
                before.drain(..before.len().saturating_sub(BLOCK));
                unpacked
            }
            Self::Lzx(lzx) => {
                // Its arithmetic trusts what it reads.
                let unpacked = catch_unwind(AssertUnwindSafe(|| match lzx.decompress_next(packed, size) {
                    Ok(bytes) => {
                        out.extend_from_slice(bytes);
                        Ok(())
                    }
                    Err(error) => Err(io::Error::other(error)),
                }));
                unpacked.unwrap_or_else(|_| Err(invalid("its LZX stream makes no sense")))
            }
        }
    }
}

/// A block of MSZIP ([MS-MCI]): a mark, and a deflated stream that may point into what came
/// out before it.
fn mszip(inflate: &mut Decompress, before: &[u8], packed: &[u8], size: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let packed = packed.strip_prefix(b"CK").ok_or_else(|| invalid("a block has no mark"))?;
    inflate.reset(false);
    if !before.is_empty() {
        inflate.set_dictionary(before).map_err(io::Error::other)?;
    }
    out.resize(size, 0);
    let result = inflate.decompress(packed, out, FlushDecompress::Finish);
    let given = usize::try_from(inflate.total_out()).unwrap_or(0);
    out.truncate(given);
    match result {
        // One that has more to give than the block may hold is not at its end.
        Ok(Status::StreamEnd | Status::Ok | Status::BufError) if given == size => Ok(()),
        Ok(_) => Err(invalid("a block is too short")),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// A folder's bytes in their order, read once. Blocks that are damaged are given as far as
/// they go, and remembered.
pub(super) struct Folder<'s, 'a, 'p> {
    source: &'s mut Source<'a>,
    placed: &'p Placed,
    reserve: u64,
    decoder: Decoder,
    next: u64,
    blocks: u16,
    block: Vec<u8>,
    given: usize,
    at: u64,
    /// What was wrong with a block, the latest, and where that one ends.
    damage: Option<(&'static str, u64)>,
    /// No block follows that could be read.
    over: Option<&'static str>,
}

impl<'s, 'a, 'p> Folder<'s, 'a, 'p> {
    pub(super) fn new(source: &'s mut Source<'a>, placed: &'p Placed, reserve: u64) -> Self {
        Self {
            source,
            placed,
            reserve,
            decoder: Decoder::new(placed.method),
            next: placed.at,
            blocks: placed.blocks,
            block: vec![],
            given: 0,
            at: 0,
            damage: None,
            over: None,
        }
    }

    /// Where in the folder it is.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    /// Back to an earlier place, or to its beginning, on the way to there.
    pub(super) fn back(&mut self, to: u64) {
        let block = self.at - self.given as u64;
        if let Some(within) = to.checked_sub(block) {
            (self.at, self.given) = (to, usize::try_from(within).unwrap_or(0));
            return;
        }
        self.decoder = Decoder::new(self.placed.method);
        (self.next, self.blocks, self.at, self.given) = (self.placed.at, self.placed.blocks, 0, 0);
        (self.damage, self.over) = (None, None);
        self.block.clear();
    }

    /// Passes over some bytes on the way to a place; zero if there are no more.
    pub(super) fn pass(&mut self, to: u64) -> io::Result<usize> {
        self.fill()?;
        let left = self.block.len().saturating_sub(self.given);
        let passed = left.min(usize::try_from(to - self.at).unwrap_or(usize::MAX));
        self.given += passed;
        self.at += passed as u64;
        Ok(passed)
    }

    /// A file of so many bytes at a place, to which it has come; or not, if the folder is too
    /// short. `open` means that the file's end is elsewhere.
    pub(super) fn piece(&mut self, at: u64, size: u64, open: bool) -> Content<'_, 's, 'a, 'p> {
        Content { begins: at, left: size, open, folder: self }
    }

    /// Makes the next block ready, if this one is done with.
    fn fill(&mut self) -> io::Result<()> {
        while self.given >= self.block.len() && self.blocks > 0 {
            self.blocks -= 1;
            self.given = 0;
            self.block.clear();
            if let Err(error) = self.read_block() {
                self.blocks = 0;
                self.over = Some("its blocks break off");
                if error.kind() != io::ErrorKind::UnexpectedEof {
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn read_block(&mut self) -> io::Result<()> {
        self.source.seek(SeekFrom::Start(self.next))?;
        let mut head = [0; 8];
        self.source.read_exact(&mut head)?;
        let [sum @ .., a, b, c, d] = head;
        let (len, size) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
        self.next += 8 + self.reserve + u64::from(len);
        let mut rest = Vec::new();
        self.source.by_ref().take(self.reserve + u64::from(len)).read_to_end(&mut rest)?;
        let whole = rest.len() as u64 == self.reserve + u64::from(len);
        let packed = rest.get(usize::try_from(self.reserve).unwrap_or(0)..).unwrap_or_default();
        if size == 0 {
            // The rest of it is in the next cabinet, or it is a trick.
            return Ok(());
        }
        let unpacked = self.decoder.unpack(packed, size.into(), &mut self.block);
        let sums = u32::from_le_bytes(sum);
        // Of what is somebody else's, some tools count it in and some do not.
        let sizes = u32::from(len) | u32::from(size) << 16;
        let good = sums == 0 || [packed, &rest].iter().any(|bytes| sums == checksum(bytes) ^ sizes);
        let damage = match unpacked {
            _ if !whole => Some("its blocks break off"),
            Err(_) => Some("a block cannot be unpacked"),
            Ok(()) if !good => Some("a block's checksum is wrong"),
            Ok(()) => None,
        };
        if let Some(damage) = damage {
            self.damage = Some((damage, self.at + self.block.len() as u64));
            // Nothing can be made of what follows in such a stream.
            if matches!(self.decoder, Decoder::Lzx(_)) && self.block.is_empty() {
                (self.blocks, self.over) = (0, Some(damage));
            }
        }
        Ok(())
    }
}

/// [MS-CAB] 3.1: all words added without carry, the last one of up to three bytes backwards.
fn checksum(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks();
    let rest = rest.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    words.iter().fold(rest, |sum, word| sum ^ u32::from_le_bytes(*word))
}

/// A file of a folder.
pub(super) struct Content<'f, 's, 'a, 'p> {
    folder: &'f mut Folder<'s, 'a, 'p>,
    begins: u64,
    left: u64,
    open: bool,
}

impl Read for Content<'_, '_, '_, '_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let most = output.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if most > 0 && self.folder.at >= self.begins {
            self.folder.fill()?;
            let block = self.folder.block.get(self.folder.given..).unwrap_or_default();
            let read = io::Read::read(&mut &block[..], output.get_mut(..most).unwrap_or_default())?;
            self.folder.given += read;
            self.folder.at += read as u64;
            self.left -= read as u64;
            if read > 0 {
                return Ok(read);
            }
        }
        // At its end, or where there is no more: now what was wrong is said.
        let short =
            (self.left > 0 && most > 0 && !self.open).then(|| self.folder.over.unwrap_or("its folder is too short"));
        let damaged = self.folder.damage.filter(|(_, end)| *end > self.begins).map(|(what, _)| what);
        match damaged.or(short).filter(|_| !output.is_empty()) {
            Some(what) => Err(invalid(what)),
            None => Ok(0),
        }
    }
}
