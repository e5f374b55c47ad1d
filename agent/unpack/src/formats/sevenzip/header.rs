//! The header of a 7z archive (7zFormat.txt of the LZMA SDK): which packed streams there are,
//! by which coders they become folders, and of which files a folder is made.
//!
//! A reader of its own, since the libraries allocate what a header claims, and refuse a whole
//! archive for one name or property that they do not like. Here each claim is paid for by
//! bytes that are there, and within the bounds below.

/// Folders that are read: an archive that is not solid has one for each file.
const MOST_FOLDERS: u64 = 50_000;
/// Files, and streams, that are read.
const MOST_FILES: u64 = 400_000;
/// Coders of a folder, and streams that go into them. Real ones have up to five, and seven.
const MOST_CODERS: u64 = 16;

const END: u64 = 0;
const HEADER: u64 = 1;
const PROPERTIES: u64 = 2;
const MORE_STREAMS: u64 = 3;
const STREAMS: u64 = 4;
const FILES: u64 = 5;
const PACKS: u64 = 6;
const FOLDERS: u64 = 7;
const SUBSTREAMS: u64 = 8;
const SIZE: u64 = 9;
const CRC: u64 = 10;
const FOLDER: u64 = 11;
const UNPACKED_SIZE: u64 = 12;
const COUNT: u64 = 13;
const EMPTY: u64 = 14;
const NAMES: u64 = 17;
const ENCODED: u64 = 23;

/// Why a header cannot be read.
pub(super) type Fault = &'static str;

/// A step on the way from packed bytes to a folder's.
#[derive(Debug)]
pub(super) struct Coder {
    pub(super) method: u64,
    pub(super) inputs: usize,
    pub(super) properties: Vec<u8>,
}

/// A stream that was unpacked as one, and is divided then.
#[derive(Debug, Default)]
pub(super) struct Folder {
    pub(super) coders: Vec<Coder>,
    /// Which input is fed by which coder.
    pub(super) binds: Vec<(usize, usize)>,
    /// Which inputs are fed by the packed streams, in their order.
    pub(super) packed: Vec<usize>,
    /// What comes out of each coder.
    pub(super) sizes: Vec<u64>,
    /// Sizes and checksums of what it is divided into.
    pub(super) parts: Vec<(u64, Option<u32>)>,
}

impl Folder {
    /// The coder from which nothing goes into another.
    pub(super) fn last(&self) -> usize {
        (0..self.coders.len()).find(|coder| self.binds.iter().all(|(_, from)| from != coder)).unwrap_or(0)
    }
}

/// Packed streams, and folders made from them.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Where the packed ones begin, counted from the end of the signature header.
    pub(super) at: u64,
    pub(super) packs: Vec<u64>,
    pub(super) folders: Vec<Folder>,
}

/// A whole header.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) streams: Streams,
    /// Names of the files, and whether each has bytes.
    pub(super) files: Vec<(String, bool)>,
}

/// What a header turns out to be.
pub(super) enum Read {
    /// Packed itself, in the first of these folders.
    Packed(Streams),
    /// As much of it as makes sense, and what did not.
    Plain(Header, Option<Fault>),
}

/// Reads a header's bytes.
pub(super) fn read(bytes: &[u8]) -> Result<Read, Fault> {
    let mut fields = Fields(bytes);
    match fields.number()? {
        ENCODED => {
            let mut streams = Streams::default();
            fields.streams(&mut streams)?;
            Ok(Read::Packed(streams))
        }
        HEADER => {
            let mut header = Header::default();
            let fault = fields.header(&mut header).err();
            Ok(Read::Plain(header, fault))
        }
        _ => Err("its header is none"),
    }
}

const BREAKS_OFF: Fault = "its header breaks off";

struct Fields<'b>(&'b [u8]);

impl<'b> Fields<'b> {
    fn take(&mut self, len: u64) -> Result<&'b [u8], Fault> {
        let len = usize::try_from(len).map_err(|_| BREAKS_OFF)?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(BREAKS_OFF)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Fault> {
        self.take(1)?.first().copied().ok_or(BREAKS_OFF)
    }

    fn le32(&mut self) -> Result<u32, Fault> {
        self.take(4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)).ok_or(BREAKS_OFF)
    }

    /// As many bytes follow the first as that has ones in front.
    fn number(&mut self) -> Result<u64, Fault> {
        let first = self.byte()?;
        let (mut value, more) = (0, first.leading_ones());
        for (at, byte) in self.take(more.into())?.iter().enumerate() {
            value |= u64::from(*byte) << (8 * at);
        }
        if more < 7 {
            value |= (u64::from(first) & (0x7f >> more)) << (8 * more);
        }
        Ok(value)
    }

    /// A number of things of which each takes a byte at least, or no more than so many.
    fn count(&mut self, most: u64) -> Result<u64, Fault> {
        let count = self.number()?;
        if count > most { Err("its header claims too much") } else { Ok(count) }
    }

    /// So many bits, the highest first.
    fn bits(&mut self, count: usize) -> Result<impl Iterator<Item = bool> + use<'b>, Fault> {
        let bytes = self.take(count.div_ceil(8) as u64)?;
        Ok((0..count).map(|at| bytes.get(at / 8).is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)))
    }

    /// Checksums of those that have one.
    fn checksums(&mut self, count: usize) -> Result<Vec<Option<u32>>, Fault> {
        let all = self.byte()? != 0;
        let defined: Vec<bool> = if all { vec![true; count] } else { self.bits(count)?.collect() };
        defined.into_iter().map(|defined| if defined { self.le32().map(Some) } else { Ok(None) }).collect()
    }

    fn header(&mut self, header: &mut Header) -> Result<(), Fault> {
        loop {
            match self.number()? {
                END => return Ok(()),
                PROPERTIES => {
                    while self.number()? != END {
                        let len = self.number()?;
                        self.take(len)?;
                    }
                }
                MORE_STREAMS => self.streams(&mut Streams::default())?,
                STREAMS => self.streams(&mut header.streams)?,
                FILES => self.files(&mut header.files)?,
                _ => return Err("its header makes no sense"),
            }
        }
    }

    fn streams(&mut self, streams: &mut Streams) -> Result<(), Fault> {
        loop {
            match self.number()? {
                END => return Ok(()),
                PACKS => self.packs(streams)?,
                FOLDERS => self.folders(&mut streams.folders)?,
                SUBSTREAMS => self.parts(&mut streams.folders)?,
                _ => return Err("its streams make no sense"),
            }
        }
    }

    fn packs(&mut self, streams: &mut Streams) -> Result<(), Fault> {
        streams.at = self.number()?;
        let count = self.count(self.0.len() as u64)?;
        loop {
            match self.number()? {
                END => return Ok(()),
                SIZE => streams.packs = (0..count).map(|_| self.number()).collect::<Result<_, _>>()?,
                CRC => drop(self.checksums(usize::try_from(count).unwrap_or(0))?),
                _ => return Err("its packed streams make no sense"),
            }
        }
    }

    fn folders(&mut self, folders: &mut Vec<Folder>) -> Result<(), Fault> {
        if self.number()? != FOLDER {
            return Err("its folders make no sense");
        }
        let count = self.count(MOST_FOLDERS)?;
        if self.byte()? != 0 {
            return Err("its folders stand elsewhere");
        }
        for _ in 0..count {
            folders.push(self.folder()?);
        }
        loop {
            match self.number()? {
                END => return Ok(()),
                UNPACKED_SIZE => {
                    for folder in folders.iter_mut() {
                        folder.sizes = folder.coders.iter().map(|_| self.number()).collect::<Result<_, _>>()?;
                        // One part, where nothing else is said.
                        folder.parts = vec![(folder.sizes.get(folder.last()).copied().unwrap_or(0), None)];
                    }
                }
                CRC => {
                    let sums = self.checksums(folders.len())?;
                    for (folder, crc) in folders.iter_mut().zip(sums) {
                        folder.parts.iter_mut().for_each(|part| part.1 = crc);
                    }
                }
                _ => return Err("its folders make no sense"),
            }
        }
    }

    fn folder(&mut self) -> Result<Folder, Fault> {
        const IS_COMPLEX: u8 = 0x10;
        const HAS_PROPERTIES: u8 = 0x20;
        let (mut folder, mut inputs) = (Folder::default(), 0);
        for _ in 0..self.count(MOST_CODERS)? {
            let flags = self.byte()?;
            let id = self.take((flags & 15).into())?;
            let method = id.iter().fold(0_u64, |id, byte| id << 8 | u64::from(*byte));
            let mut coder = Coder { method, inputs: 1, properties: vec![] };
            if flags & IS_COMPLEX != 0 {
                coder.inputs = usize::try_from(self.count(MOST_CODERS)?).unwrap_or(1);
                if self.number()? != 1 {
                    return Err("a coder has several outputs");
                }
            }
            if flags & HAS_PROPERTIES != 0 {
                let len = self.number()?;
                coder.properties = self.take(len)?.to_vec();
            }
            inputs += coder.inputs;
            folder.coders.push(coder);
        }
        if folder.coders.is_empty() || inputs > 2 * usize::try_from(MOST_CODERS).unwrap_or(0) {
            return Err("a folder has no coders, or too many");
        }
        let index = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        for _ in 1..folder.coders.len() {
            folder.binds.push((index(self.number()?), index(self.number()?)));
        }
        let bound = |input: &usize| folder.binds.iter().any(|(to, _)| to == input);
        folder.packed = match inputs.checked_sub(folder.binds.len()) {
            None | Some(0) => return Err("a folder comes from nowhere"),
            Some(1) => (0..inputs).filter(|input| !bound(input)).take(1).collect(),
            Some(several) => (0..several).map(|_| self.number().map(index)).collect::<Result<_, _>>()?,
        };
        Ok(folder)
    }

    fn parts(&mut self, folders: &mut [Folder]) -> Result<(), Fault> {
        let mut kind = self.number()?;
        if kind == COUNT {
            let mut left = MOST_FILES;
            for folder in folders.iter_mut() {
                let count = self.count(left)?;
                left -= count;
                // The checksum of the whole is that of its only part.
                if count != 1 {
                    folder.parts = vec![(0, None); usize::try_from(count).unwrap_or(0)];
                }
            }
            kind = self.number()?;
        }
        for folder in folders.iter_mut().filter(|folder| folder.parts.len() > 1) {
            let mut left = folder.sizes.get(folder.last()).copied().unwrap_or(0);
            if let Some((last, parts)) = folder.parts.split_last_mut() {
                for part in parts.iter_mut().filter(|_| kind == SIZE) {
                    part.0 = self.number()?;
                    left = left.checked_sub(part.0).ok_or("the parts of a folder are larger than it")?;
                }
                // What is left is the last one's.
                last.0 = left;
            }
        }
        if kind == SIZE {
            kind = self.number()?;
        }
        while kind != END {
            if kind == CRC {
                let wanted = folders.iter_mut().flat_map(|folder| &mut folder.parts).filter(|part| part.1.is_none());
                let wanted: Vec<_> = wanted.collect();
                let sums = self.checksums(wanted.len())?;
                wanted.into_iter().zip(sums).for_each(|(part, sum)| part.1 = sum);
            } else {
                let len = self.number()?;
                self.take(len)?;
            }
            kind = self.number()?;
        }
        Ok(())
    }

    fn files(&mut self, files: &mut Vec<(String, bool)>) -> Result<(), Fault> {
        // Each has a name of two bytes at least.
        let count = usize::try_from(self.count(MOST_FILES.min(self.0.len() as u64))?).unwrap_or(0);
        files.resize(count, (String::new(), true));
        loop {
            let kind = self.number()?;
            if kind == END {
                return Ok(());
            }
            let len = self.number()?;
            // A property that makes no sense does not spoil the next.
            let mut own = Fields(self.take(len)?);
            match kind {
                NAMES if own.byte() == Ok(0) => {
                    for (file, name) in files.iter_mut().zip(names(own.0)) {
                        file.0 = name;
                    }
                }
                EMPTY => files.iter_mut().zip(own.bits(count)?).for_each(|(file, is_empty)| file.1 = !is_empty),
                _ => {}
            }
        }
    }
}

/// Names, each up to a zero.
fn names(bytes: &[u8]) -> impl Iterator<Item = String> {
    let mut characters = bytes.as_chunks().0.iter().map(|pair| u16::from_le_bytes(*pair)).peekable();
    std::iter::from_fn(move || {
        characters.peek()?;
        let name: Vec<u16> = characters.by_ref().take_while(|character| *character != 0).collect();
        Some(String::from_utf16_lossy(&name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_are_read() {
        for (bytes, number) in [
            (&[0x7f][..], 0x7f),
            (&[0x81, 0x02], 0x102),
            (&[0xc1, 2, 3], 0x1_0302),
            (&[0xfe, 1, 2, 3, 4, 5, 6, 7], 0x07_0605_0403_0201),
            (&[0xff, 1, 2, 3, 4, 5, 6, 7, 8], 0x0807_0605_0403_0201),
        ] {
            assert_eq!(Fields(bytes).number(), Ok(number));
        }
        assert_eq!(Fields(&[0xff, 1]).number(), Err(BREAKS_OFF));
    }
}
