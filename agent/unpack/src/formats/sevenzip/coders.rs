//! A folder's coders, put one on another.

use super::header::{Coder, Folder};
use crate::Reason;
use crate::formats::codecs::{Bzip2, Inflate, Zstd};
use crate::formats::decode::{DICTIONARY, Stream, breaks_off, invalid};
use crate::source::Source;
use lzma_rust2::filter::bcj::BcjReader;
use lzma_rust2::filter::bcj2::Bcj2Reader;
use lzma_rust2::filter::delta::DeltaReader;
use lzma_rust2::{Lzma2Reader, LzmaReader};
use ppmd_rust::Ppmd7Decoder;
use std::cell::RefCell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// Where packed streams begin: behind the signature header.
pub(super) const PACKS: u64 = 32;
/// Bytes that are decoded at once: a decoder throws those away that come before an error.
const STEP: usize = 1 << 10;

const COPY: u64 = 0;
const DELTA: u64 = 3;
const ARM64: u64 = 0xa;
const RISCV: u64 = 0xb;
const LZMA2: u64 = 0x21;
const LZMA: u64 = 0x03_01_01;
const PPMD: u64 = 0x03_04_01;
const X86: u64 = 0x03_03_01_03;
const BCJ2: u64 = 0x03_03_01_1b;
const PPC: u64 = 0x03_03_02_05;
const IA64: u64 = 0x03_03_04_01;
const ARM: u64 = 0x03_03_05_01;
const THUMB: u64 = 0x03_03_07_01;
const SPARC: u64 = 0x03_03_08_05;
const DEFLATE: u64 = 0x04_01_08;
const BZIP2: u64 = 0x04_02_02;
const ZSTD: u64 = 0x04_f7_11_01;
const AES: u64 = 0x06_f1_07_01;

/// Bytes that a coder keeps in mind, or why it is not tried.
fn memory(coder: &Coder) -> Result<u64, Reason> {
    let word =
        |at| coder.properties.get(at..).and_then(<[u8]>::first_chunk).map(|word| u32::from_le_bytes(*word).into());
    let none = || Reason::Damaged("a coder has no properties".into());
    match coder.method {
        AES => Err(Reason::Encrypted),
        LZMA | PPMD => word(1).ok_or_else(none),
        LZMA2 => match coder.properties.first() {
            Some(bits @ 0..40) => Ok((2 | u64::from(bits & 1)) << (bits / 2 + 11)),
            Some(_) => Ok(u64::MAX),
            None => Err(none()),
        },
        ZSTD => Ok(8 << 20),
        BZIP2 => Ok(4 << 20),
        COPY | DELTA | ARM64 | RISCV | X86 | BCJ2 | PPC | IA64 | ARM | THUMB | SPARC | DEFLATE => Ok(64 << 10),
        _ => Err(Reason::Unsupported("its method of compression")),
    }
}

/// Why a folder cannot be unpacked, if it cannot.
pub(super) fn refused(folder: &Folder) -> Option<Reason> {
    let mut all = 0_u64;
    for coder in &folder.coders {
        match memory(coder) {
            Ok(more) => all = all.saturating_add(more),
            Err(reason) => return Some(reason),
        }
    }
    // Some beside a dictionary of the largest size.
    (all > u64::from(DICTIONARY) + (8 << 20)).then_some(Reason::Unsupported("a dictionary larger than 64 MiB"))
}

/// A packed stream. Several of them are read by turns.
struct Pack<'s, 'a> {
    source: Rc<RefCell<&'s mut Source<'a>>>,
    at: u64,
    left: u64,
}

impl Read for Pack<'_, '_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let most = output.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let mut source = self.source.borrow_mut();
        source.seek(SeekFrom::Start(self.at))?;
        let read = source.read(output.get_mut(..most).unwrap_or_default())?;
        if read == 0 && most > 0 {
            return Err(breaks_off());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}

type Boxed<'d> = Box<dyn Read + 'd>;

/// What the coders are built from.
struct Parts<'f, 's, 'a> {
    folder: &'f Folder,
    source: Rc<RefCell<&'s mut Source<'a>>>,
    /// Where the packed streams of this folder are, and how long.
    packs: Vec<(u64, u64)>,
    /// Coders that are built already: one that feeds two, or itself, is a trick.
    used: Vec<bool>,
}

/// What comes out of a folder, whose packed streams have these lengths and begin there.
pub(super) fn decoder<'d>(
    source: &'d mut Source<'_>,
    lengths: &[u64],
    begin: u64,
    folder: &Folder,
) -> Result<Boxed<'d>, Reason> {
    let (mut packs, mut at) = (Vec::new(), begin);
    for len in lengths {
        packs.push((at, *len));
        at = at.saturating_add(*len);
    }
    let used = vec![false; folder.coders.len()];
    let mut parts = Parts { folder, source: Rc::new(RefCell::new(source)), packs, used };
    let decoder = parts.output(folder.last())?;
    Ok(Box::new(Careful { inner: decoder, error: None }))
}

impl<'d, 'a: 'd> Parts<'_, 'd, 'a> {
    /// What comes out of a coder.
    fn output(&mut self, index: usize) -> Result<Boxed<'d>, Reason> {
        let senseless = || Reason::Damaged("its coders make no sense".into());
        let coder = self.folder.coders.get(index).ok_or_else(senseless)?;
        if self.used.get_mut(index).is_none_or(|used| std::mem::replace(used, true)) {
            return Err(senseless());
        }
        let size = self.folder.sizes.get(index).copied().ok_or_else(senseless)?;
        let first = self.folder.coders.iter().take(index).map(|coder| coder.inputs).sum::<usize>();
        let mut inputs = Vec::new();
        for input in first..first + coder.inputs {
            inputs.push(BufReader::new(self.input(input)?));
        }
        if coder.method == BCJ2 && inputs.len() == 4 {
            return Ok(Box::new(Bcj2Reader::new(inputs, size)));
        }
        let [input] = <[_; 1]>::try_from(inputs).map_err(|_| senseless())?;
        coded(coder, input, size).map_err(Reason::damaged)
    }

    /// What goes into a coder: what comes out of another, or a packed stream.
    fn input(&mut self, input: usize) -> Result<Boxed<'d>, Reason> {
        if let Some((_, from)) = self.folder.binds.iter().find(|(to, _)| *to == input) {
            return self.output(*from);
        }
        let place = self.folder.packed.iter().position(|packed| *packed == input);
        let (at, left) = *place
            .and_then(|place| self.packs.get(place))
            .ok_or_else(|| Reason::Damaged("a coder is fed by nothing".into()))?;
        Ok(Box::new(Pack { source: Rc::clone(&self.source), at, left }))
    }
}

/// What a coder of one input makes of it.
fn coded<'d>(coder: &Coder, input: BufReader<Boxed<'d>>, size: u64) -> io::Result<Boxed<'d>> {
    let word =
        |at| coder.properties.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |word| u32::from_le_bytes(*word));
    let first = coder.properties.first().copied().unwrap_or(0);
    Ok(match coder.method {
        LZMA => {
            let mut lzma = LzmaReader::new_with_props(input, size, first, word(1), None)?;
            // It may have an end mark, and need not; what came out before an error is given.
            lzma.set_relaxed_end_condition(false);
            lzma.set_defer_errors(true);
            Box::new(lzma)
        }
        LZMA2 => {
            let dictionary = u32::try_from(memory(coder).unwrap_or(0)).unwrap_or(0);
            Box::new(Lzma2Reader::new(input, dictionary, None))
        }
        // Its end shows by nothing but the size.
        PPMD => Box::new(Ppmd7Decoder::new(input, first.into(), word(1)).map_err(io::Error::other)?.take(size)),
        BZIP2 => Box::new(Stream::new(Bzip2::new(), input)),
        DEFLATE => Box::new(Stream::new(Inflate::new(), input)),
        ZSTD => Box::new(Stream::new(Zstd::new()?, input)),
        DELTA => Box::new(DeltaReader::new(input, usize::from(first) + 1)),
        X86 => Box::new(BcjReader::new_x86(input, 0)),
        ARM => Box::new(BcjReader::new_arm(input, 0)),
        ARM64 => Box::new(BcjReader::new_arm64(input, 0)),
        THUMB => Box::new(BcjReader::new_arm_thumb(input, 0)),
        PPC => Box::new(BcjReader::new_ppc(input, 0)),
        SPARC => Box::new(BcjReader::new_sparc(input, 0)),
        IA64 => Box::new(BcjReader::new_ia64(input, 0)),
        RISCV => Box::new(BcjReader::new_riscv(input, 0)),
        COPY => Box::new(input.take(size)),
        _ => return Err(invalid("its coders make no sense")),
    })
}

/// A decoder that may crash, and that throws away what came before an error.
struct Careful<'d> {
    inner: Boxed<'d>,
    error: Option<io::Error>,
}

impl Read for Careful<'_> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        let mut given = 0;
        while self.error.is_none() && given < output.len() {
            let end = output.len().min(given + STEP);
            let step = output.get_mut(given..end).unwrap_or_default();
            match catch_unwind(AssertUnwindSafe(|| self.inner.read(step))) {
                Ok(Ok(0)) => break,
                Ok(Ok(read)) => given += read,
                Ok(Err(error)) => self.error = Some(error),
                Err(_) => self.error = Some(invalid("its coders crash on it")),
            }
        }
        match self.error.as_ref().filter(|_| given == 0) {
            // It stays so.
            Some(error) => Err(io::Error::new(error.kind(), error.to_string())),
            None => Ok(given),
        }
    }
}
