//! The structure of a compound file ([MS-CFB]): sectors that a table (the FAT) chains to
//! streams, small streams within a stream of their own, and a directory of it all.
//!
//! A reader of its own, because damage is the rule here and the libraries refuse a whole file
//! for one sector that is pointed to twice: this one reads each stream as far as it can, and
//! streams that hang in no folder too.

use crate::formats::decode::invalid;
use crate::source::Source;
use std::collections::HashSet;
use std::io::{self, Read, Seek, SeekFrom};

/// Streams that are smaller lie within the root's stream, whatever the header says.
const MINI_CUTOFF: u64 = 4096;
/// Of a sector within the root's stream.
const MINI_SECTOR: u64 = 64;
/// The largest number of a sector that is one.
const LAST_SECTOR: u32 = 0xffff_fffa;
const END_OF_CHAIN: u32 = 0xffff_fffe;
/// Sectors of the largest file that is read: 2 GiB in the common size.
const MOST_SECTORS: u64 = 4 << 20;
/// Entries of a directory that are read.
const MOST_ENTRIES: usize = 100_000;
const ENTRY: usize = 128;
/// Folders in one another in the name of a stream.
const DEEPEST: usize = 32;

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// An entry of the directory.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) is_stream: bool,
    pub(super) size: u64,
    start: u32,
    /// The two that stand beside it in the tree of its folder, and the tree of its own.
    links: [u32; 3],
    /// The folder it hangs in.
    folder: Option<u32>,
}

/// An opened file.
#[derive(Debug)]
pub(super) struct Compound<'s, 'a> {
    source: &'s mut Source<'a>,
    sector: u64,
    fat: Vec<u32>,
    mini_fat: Vec<u32>,
    /// Sectors of the root's stream.
    mini: Vec<u32>,
    mini_size: u64,
    pub(super) entries: Vec<Entry>,
    /// Something of the structure itself was not there.
    pub(super) damage: Option<&'static str>,
}

impl<'s, 'a> Compound<'s, 'a> {
    pub(super) fn open(source: &'s mut Source<'a>) -> io::Result<Self> {
        source.rewind()?;
        let mut header = Vec::new();
        source.by_ref().take(512).read_to_end(&mut header)?;
        let field = |at| le32(&header, at).ok_or_else(|| invalid("its header breaks off"));
        // The version tells the size, too, where the header lies about it.
        let sector = match (le16(&header, 30), le16(&header, 26)) {
            (Some(9), _) | (_, Some(3)) => 512,
            (Some(12), _) | (_, Some(4)) => 4096,
            _ => return Err(invalid("its sectors have no size")),
        };
        let (directory, mini_fat, difat) = (field(48)?, field(60)?, field(68)?);
        let mut file = Self {
            source,
            sector,
            fat: vec![],
            mini_fat: vec![],
            mini: vec![],
            mini_size: 0,
            entries: vec![],
            damage: None,
        };
        file.read_fat(header.get(76..).unwrap_or_default(), difat)?;
        file.read_directory(directory)?;
        let chain = file.chain(mini_fat);
        file.mini_fat = file.table(&chain)?;
        if let Some(root) = file.entries.first() {
            (file.mini, file.mini_size) = (file.chain(root.start), root.size);
        }
        Ok(file)
    }

    fn sectors(&self) -> u64 {
        (self.source.len().saturating_sub(1) / self.sector).min(MOST_SECTORS)
    }

    /// Where a sector begins: the first one lies behind the header.
    fn place(&self, sector: u32) -> u64 {
        (u64::from(sector) + 1) * self.sector
    }

    /// One sector, or as much of it as there is.
    fn sector(&mut self, number: u32) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if number <= LAST_SECTOR {
            self.source.seek(SeekFrom::Start(self.place(number)))?;
            self.source.by_ref().take(self.sector).read_to_end(&mut bytes)?;
        }
        Ok(bytes)
    }

    /// The words of some sectors. Those that are missing are free.
    fn table(&mut self, sectors: &[u32]) -> io::Result<Vec<u32>> {
        let mut table = Vec::new();
        for (index, sector) in sectors.iter().enumerate() {
            let bytes = self.sector(*sector)?;
            table.extend(bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)));
            table.resize((index + 1) * (self.sector / 4) as usize, u32::MAX);
        }
        Ok(table)
    }

    /// The table of chains, whose own sectors the header and a chain behind it (the DIFAT) name.
    fn read_fat(&mut self, header: &[u8], mut next: u32) -> io::Result<()> {
        let most = self.sectors();
        // One sector of the table for so many of the file.
        let needed = most.div_ceil(self.sector / 4) as usize;
        let mut own: Vec<u32> = header.as_chunks().0.iter().take(109).map(|word| u32::from_le_bytes(*word)).collect();
        let mut seen = HashSet::new();
        while own.len() < needed && next <= LAST_SECTOR && seen.insert(next) {
            let mut more = self.table(&[next])?;
            next = more.pop().unwrap_or(END_OF_CHAIN);
            own.extend(more);
        }
        own.truncate(needed);
        while own.last().is_some_and(|sector| *sector > LAST_SECTOR) {
            own.pop();
        }
        if own.iter().any(|sector| u64::from(*sector) >= most) {
            self.damage = Some("a part of its table of sectors is missing");
        }
        self.fat = self.table(&own)?;
        self.fat.truncate(most as usize);
        Ok(())
    }

    /// All sectors of a chain, none of them twice.
    fn chain(&self, start: u32) -> Vec<u32> {
        let (mut sectors, mut next) = (Vec::new(), start);
        let mut seen = vec![false; self.fat.len()];
        while let (Some(follows), Some(seen)) = (self.fat.get(next as usize), seen.get_mut(next as usize)) {
            if std::mem::replace(seen, true) {
                break;
            }
            sectors.push(next);
            next = *follows;
        }
        sectors
    }

    fn read_directory(&mut self, start: u32) -> io::Result<()> {
        let mut sectors = self.chain(start);
        if sectors.is_empty() && start <= LAST_SECTOR {
            // The table is gone, but the header says where the first ones are.
            sectors.push(start);
        }
        for sector in sectors {
            let bytes = self.sector(sector)?;
            let entries = bytes.chunks_exact(ENTRY).map(|bytes| entry(bytes, self.sector == 512));
            self.entries.extend(entries);
            if self.entries.len() > MOST_ENTRIES {
                self.damage = Some("its directory is too large");
                break;
            }
        }
        self.hang();
        Ok(())
    }

    /// Finds the folder of each entry, from the root down.
    fn hang(&mut self) {
        let mut seen = vec![false; self.entries.len()];
        let root = self.entries.first().map_or(u32::MAX, |root| root.links[2]);
        let mut todo = vec![(root, 0)];
        while let Some((index, folder)) = todo.pop() {
            let at = index as usize;
            let Some((entry, seen)) = self.entries.get_mut(at).zip(seen.get_mut(at)) else { continue };
            if at == 0 || std::mem::replace(seen, true) {
                continue;
            }
            entry.folder = Some(folder);
            let [left, right, child] = entry.links;
            todo.extend([(left, folder), (right, folder), (child, index)]);
        }
    }

    /// The names of the folders that an entry hangs in, and its own.
    pub(super) fn path(&self, index: usize, decode: impl Fn(&str) -> String) -> String {
        let (mut parts, mut at) = (Vec::new(), index);
        while let Some(entry) = self.entries.get(at).filter(|_| at != 0 && parts.len() < DEEPEST) {
            parts.push(decode(&entry.name));
            at = entry.folder.unwrap_or(0) as usize;
        }
        parts.reverse();
        parts.join("/")
    }

    /// Which folder an entry hangs in.
    pub(super) fn folder(&self, index: usize) -> Option<u32> {
        self.entries.get(index)?.folder
    }

    /// A stream's bytes.
    pub(super) fn stream(&mut self, index: usize) -> Stream<'_, 's, 'a> {
        let (start, size) = self.entries.get(index).map_or((END_OF_CHAIN, 0), |entry| (entry.start, entry.size));
        Stream { mini: size < MINI_CUTOFF, file: self, next: start, within: 0, left: size, steps: 0 }
    }

    /// A stream, where it lies in memory in one piece.
    pub(super) fn piece(&self, index: usize) -> Option<&'a [u8]> {
        let whole = self.source.whole()?;
        let entry = self.entries.get(index).filter(|entry| entry.size >= MINI_CUTOFF)?;
        let (begin, size) = (self.place(entry.start), entry.size);
        let bytes = whole.get(usize::try_from(begin).ok()?..usize::try_from(begin.checked_add(size)?).ok()?)?;
        let last = u64::from(entry.start) + size.div_ceil(self.sector) - 1;
        let chained = self.fat.get(entry.start as usize..usize::try_from(last).ok()?)?;
        let in_order = chained.iter().zip(entry.start + 1..).all(|(next, expected)| *next == expected);
        in_order.then_some(bytes)
    }
}

/// An entry of the directory as it stands there.
fn entry(bytes: &[u8], old: bool) -> Entry {
    let word = |at| le32(bytes, at).unwrap_or(u32::MAX);
    let name: Vec<u16> =
        bytes.get(..64).unwrap_or_default().as_chunks().0.iter().map(|c| u16::from_le_bytes(*c)).collect();
    let end = name.iter().position(|c| *c == 0).unwrap_or(name.len());
    // The upper half of a size is not always zero where it is not used.
    let size = u64::from(word(120)) | if old { 0 } else { u64::from(word(124)) << 32 };
    Entry {
        name: String::from_utf16_lossy(name.get(..end).unwrap_or_default()),
        is_stream: bytes.get(66) == Some(&2),
        size,
        start: word(116),
        links: [word(68), word(72), word(76)],
        folder: None,
    }
}

/// The bytes of a stream, in their order.
#[derive(Debug)]
pub(super) struct Stream<'c, 's, 'a> {
    file: &'c mut Compound<'s, 'a>,
    mini: bool,
    /// The sector it is in, and how far.
    next: u32,
    within: u64,
    left: u64,
    steps: usize,
}

impl Stream<'_, '_, '_> {
    fn sector(&self) -> u64 {
        if self.mini { MINI_SECTOR } else { self.file.sector }
    }

    fn table(&self) -> &[u32] {
        if self.mini { &self.file.mini_fat } else { &self.file.fat }
    }

    /// On to the next sector, if this one is done with. A chain has at most as many as there are.
    fn advance(&mut self) -> io::Result<()> {
        while self.within >= self.sector() {
            self.next = self.table().get(self.next as usize).copied().unwrap_or(END_OF_CHAIN);
            self.within -= self.sector();
            self.steps += 1;
            if self.next > LAST_SECTOR || self.steps > self.table().len() {
                self.left = 0;
                return Err(invalid("its chain of sectors breaks off"));
            }
        }
        Ok(())
    }

    /// Passes over some bytes.
    pub(super) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = bytes.min(self.left);
        (self.within, self.left) = (self.within + bytes, self.left - bytes);
        if self.left > 0 { self.advance() } else { Ok(()) }
    }

    /// Where in the file the stream goes on, and for how many bytes in one piece, up to so many.
    fn run(&mut self, most: u64) -> io::Result<(u64, u64)> {
        self.advance()?;
        if self.next > LAST_SECTOR {
            return Err(invalid("it has no sectors"));
        }
        let (mut at, mut most) = (self.file.place(self.next) + self.within, most);
        if self.mini {
            let within = u64::from(self.next) * MINI_SECTOR + self.within;
            let index = usize::try_from(within / self.file.sector).unwrap_or(usize::MAX);
            let holder = self.file.mini.get(index).filter(|_| within < self.file.mini_size);
            let holder = *holder.ok_or_else(|| invalid("it lies beyond the small streams' end"))?;
            at = self.file.place(holder) + within % self.file.sector;
            most = most.min(self.file.sector - within % self.file.sector);
        }
        // Sectors that lie behind one another are read in one go.
        let (mut last, mut len) = (self.next, (self.sector() - self.within).min(most));
        while len < most && self.table().get(last as usize) == Some(&(last + 1)) && last < LAST_SECTOR {
            last += 1;
            len += self.sector().min(most - len);
        }
        Ok((at, len))
    }
}

impl Read for Stream<'_, '_, '_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let most = (output.len() as u64).min(self.left);
        if most == 0 {
            return Ok(0);
        }
        let (at, len) = self.run(most)?;
        self.file.source.seek(SeekFrom::Start(at))?;
        let read = self.file.source.read(output.get_mut(..len as usize).unwrap_or_default())?;
        if read == 0 {
            self.left = 0;
            return Err(invalid("it lies beyond the file's end"));
        }
        (self.within, self.left) = (self.within + read as u64, self.left - read as u64);
        Ok(read)
    }
}
