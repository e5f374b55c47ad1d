//! How streams are packed (ISO 32000-1, 7.4): filters behind one another, under their names or
//! their short forms. Each reads from the one before, so that nothing is whole in memory.

use super::syntax::{Dictionary, Token};
use crate::formats::coder::{Coder, Decoded};
use flate2::{Decompress, FlushDecompress, Status};
use std::cell::Cell;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::rc::Rc;

/// Filters of one stream; real ones have two.
pub(super) const MOST_FILTERS: usize = 8;
/// Bytes that may pass between filters in one document, and for each byte of it: what comes out
/// in the end, which the budget counts, may be nothing.
const BETWEEN: u64 = 256 << 20;
const BETWEEN_PER_BYTE: u64 = 4;

/// What is left of the bytes that may pass between filters.
#[derive(Debug, Clone)]
pub(super) struct Between {
    left: Rc<Cell<u64>>,
    pub(super) most: u64,
}

impl Between {
    /// For a document of so many bytes.
    pub(super) fn new(document: usize) -> Self {
        let most = BETWEEN.max((document as u64).saturating_mul(BETWEEN_PER_BYTE));
        Self { left: Rc::new(Cell::new(most)), most }
    }

    pub(super) fn is_used_up(&self) -> bool {
        self.left.get() == 0
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    Flate,
    Lzw {
        early: bool,
    },
    Hex,
    Ascii85,
    RunLength,
    /// Encrypts nothing by itself.
    Crypt,
    /// What comes out is a picture, or nobody knows.
    Picture,
}

impl Filter {
    /// Those that are named, in their order.
    pub(super) fn named(tokens: &[Token<'_>], dictionary: &Dictionary<'_>) -> Vec<Self> {
        let early = dictionary.within("DecodeParms", "EarlyChange").or(dictionary.within("DP", "EarlyChange"));
        let names = tokens.iter().filter_map(|token| if let Token::Name(name) = token { Some(name) } else { None });
        let filter = |name: &Vec<u8>| match name.as_slice() {
            b"FlateDecode" | b"Fl" => Self::Flate,
            b"LZWDecode" | b"LZW" => Self::Lzw { early: early != Some(0) },
            b"ASCIIHexDecode" | b"AHx" => Self::Hex,
            b"ASCII85Decode" | b"A85" => Self::Ascii85,
            b"RunLengthDecode" | b"RL" => Self::RunLength,
            b"Crypt" => Self::Crypt,
            _ => Self::Picture,
        };
        names.map(filter).collect()
    }
}

/// Reads what a stream holds, up to a filter that makes a picture.
pub(super) fn reader<'a>(data: &'a [u8], filters: &[Filter], between: &Between) -> Box<dyn Read + 'a> {
    let mut reader: Box<dyn BufRead + 'a> = Box::new(data);
    let mut filters = filters.iter().filter(|filter| **filter != Filter::Crypt).peekable();
    while let Some(filter) = filters.next() {
        let decoded: Box<dyn Read + 'a> = match filter {
            Filter::Flate => Box::new(Inflate::new(reader)),
            Filter::Lzw { early } => Box::new(Lzw::new(reader, *early)),
            Filter::Hex => Box::new(Decoded::new(reader, Hex::default())),
            Filter::Ascii85 => Box::new(Decoded::new(reader, Ascii85::default())),
            Filter::RunLength => Box::new(Decoded::new(reader, RunLength::Length)),
            Filter::Crypt | Filter::Picture => return Box::new(reader),
        };
        if filters.peek().is_none() {
            return decoded;
        }
        reader = Box::new(BufReader::new(Bounded { input: decoded, between: between.clone() }));
    }
    Box::new(reader)
}

/// Ends with a fault where too much has passed.
struct Bounded<R> {
    input: R,
    between: Between,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let read = self.input.read(buffer)?;
        let left = self.between.left.get().saturating_sub(read as u64);
        self.between.left.set(left);
        if left == 0 { Err(Error::other("too much between two filters")) } else { Ok(read) }
    }
}

/// Deflate with or without zlib's header, its check sum not looked at: readers show what they
/// get. An early end is one, if anything has come out: there is nothing more to inspect.
struct Inflate<R> {
    input: R,
    engine: Decompress,
    begun: bool,
    fault: Option<Error>,
}

impl<R: BufRead> Inflate<R> {
    fn new(input: R) -> Self {
        Self { input, engine: Decompress::new(false), begun: false, fault: None }
    }

    fn begin(&mut self) -> Result<()> {
        self.begun = true;
        while self.input.fill_buf()?.first().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            self.input.consume(1);
        }
        let zlib = |first: u8, second: u8| first & 15 == 8 && (u16::from(first) << 8 | u16::from(second)) % 31 == 0;
        if matches!(self.input.fill_buf()?, [first, second, ..] if zlib(*first, *second)) {
            self.input.consume(2);
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Inflate<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        if !self.begun {
            self.begin()?;
        }
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        loop {
            let chunk = self.input.fill_buf()?;
            let (at, out, given) = (self.engine.total_in(), self.engine.total_out(), chunk.len());
            let status = self.engine.decompress(chunk, buffer, FlushDecompress::None);
            let used = usize::try_from(self.engine.total_in() - at).unwrap_or(0);
            let read = usize::try_from(self.engine.total_out() - out).unwrap_or(0);
            self.input.consume(used);
            match status {
                Err(error) if read == 0 => return Err(Error::new(ErrorKind::InvalidData, error)),
                Err(error) => self.fault = Some(Error::new(ErrorKind::InvalidData, error)),
                Ok(Status::StreamEnd) => return Ok(read),
                Ok(_) if read == 0 && used == 0 && given == 0 && self.engine.total_out() == 0 => {
                    return Err(ErrorKind::UnexpectedEof.into());
                }
                Ok(_) if read == 0 && used > 0 => continue,
                Ok(_) => {}
            }
            return Ok(read);
        }
    }
}

struct Lzw<R> {
    input: R,
    engine: weezl::decode::Decoder,
}

impl<R> Lzw<R> {
    fn new(input: R, early: bool) -> Self {
        let order = weezl::BitOrder::Msb;
        let engine = match early {
            true => weezl::decode::Decoder::with_tiff_size_switch(order, 8),
            false => weezl::decode::Decoder::new(order, 8),
        };
        Self { input, engine }
    }
}

impl<R: BufRead> Read for Lzw<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let chunk = self.input.fill_buf()?;
            let (ended, result) = (chunk.is_empty(), self.engine.decode_bytes(chunk, buffer));
            self.input.consume(result.consumed_in);
            if result.consumed_out > 0 {
                return Ok(result.consumed_out);
            }
            match result.status {
                Err(error) => return Err(Error::new(ErrorKind::InvalidData, error)),
                Ok(weezl::LzwStatus::Done) => return Ok(0),
                Ok(_) if ended || result.consumed_in == 0 => return Ok(0),
                Ok(_) => {}
            }
        }
    }
}

#[derive(Default)]
struct Hex {
    half: Option<u8>,
}

impl Coder for Hex {
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for &b in input {
            if b == b'>' {
                return false;
            }
            let Some(digit) = char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else { continue };
            match self.half.take() {
                Some(high) => out.push(high << 4 | digit),
                None => self.half = Some(digit),
            }
        }
        true
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend(self.half.take().map(|high| high << 4));
    }
}

#[derive(Default)]
struct Ascii85 {
    word: u32,
    digits: usize,
    /// Signs met: `<~` may stand before it all, and `<` is one of them.
    met: usize,
}

impl Coder for Ascii85 {
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for &b in input {
            match b {
                b'~' if self.met > 1 => return false,
                b'~' => (self.word, self.digits) = (0, 0),
                b'z' if self.digits == 0 => out.extend([0; 4]),
                b'!'..=b'u' => {
                    self.word = self.word.wrapping_mul(85).wrapping_add(u32::from(b - b'!'));
                    self.digits += 1;
                }
                _ => {}
            }
            self.met += usize::from(!b.is_ascii_whitespace());
            if self.digits == 5 {
                out.extend_from_slice(&self.word.to_be_bytes());
                (self.word, self.digits) = (0, 0);
            }
        }
        true
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.digits > 1 {
            let kept = self.digits - 1;
            let word = (self.digits..5).fold(self.word, |word, _| word.wrapping_mul(85).wrapping_add(84));
            out.extend(word.to_be_bytes().iter().take(kept));
        }
        self.digits = 0;
    }
}

/// What comes next.
enum RunLength {
    Length,
    Literal(usize),
    Repeated(usize),
}

impl Coder for RunLength {
    fn take(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> bool {
        while let Some((&first, rest)) = input.split_first() {
            match *self {
                Self::Length if first == 128 => return false,
                Self::Length if first < 128 => *self = Self::Literal(usize::from(first) + 1),
                Self::Length => *self = Self::Repeated(257 - usize::from(first)),
                Self::Repeated(count) => {
                    out.resize(out.len() + count, first);
                    *self = Self::Length;
                }
                Self::Literal(count) => {
                    let (literal, rest) = input.split_at(count.min(input.len()));
                    out.extend_from_slice(literal);
                    *self = if literal.len() < count { Self::Literal(count - literal.len()) } else { Self::Length };
                    input = rest;
                    continue;
                }
            }
            input = rest;
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decoded(data: &[u8], filters: &[Filter]) -> (Vec<u8>, bool) {
        let mut out = Vec::new();
        let sound = reader(data, filters, &Between::new(0)).read_to_end(&mut out).is_ok();
        (out, sound)
    }

    #[test]
    fn codes_of_text_are_decoded() {
        assert_eq!(decoded(b"4B 45\n4>ff", &[Filter::Hex]).0, b"KE@");
        assert_eq!(decoded(b"<~87cURD]i,\"Ebo80~>x", &[Filter::Ascii85]).0, b"Hello World!");
        assert_eq!(decoded(b"87cURDZ", &[Filter::Ascii85]).0, b"Hello");
        assert_eq!(decoded(b"z!~>", &[Filter::Ascii85]).0, [0; 4]);
        assert_eq!(decoded(b"\x01ab\xfec\x05de", &[Filter::RunLength]).0, b"abcccde");
        assert_eq!(decoded(b"343E>", &[Filter::Hex, Filter::Hex]).0, b"@");
        assert_eq!(decoded(b"as it is", &[]).0, b"as it is");
    }

    #[test]
    fn deflate_is_read_with_and_without_its_header_and_to_its_fault() {
        use std::io::Write;
        let text: Vec<u8> = (0..100_000_u32).flat_map(|n| n.wrapping_mul(n).to_le_bytes()).collect();
        let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        packed.write_all(&text).unwrap();
        let packed = packed.finish().unwrap();
        assert_eq!(decoded(&packed, &[Filter::Flate]), (text.clone(), true));
        assert_eq!(decoded(&packed[2..], &[Filter::Flate]), (text.clone(), true));
        assert_eq!(decoded(&packed[..packed.len() - 4], &[Filter::Flate]), (text.clone(), true), "no check sum");
        let (half, sound) = decoded(&packed[..packed.len() / 2], &[Filter::Flate]);
        assert!(sound && half.len() > text.len() / 4 && text.starts_with(&half));
        assert!(!decoded(b"noise", &[Filter::Flate]).1 && !decoded(b"", &[Filter::Flate]).1);
    }
}
