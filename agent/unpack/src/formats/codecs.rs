//! The decoders themselves, from the libraries, behind one [`Codec`].

use super::decode::{Codec, DICTIONARY, Step, invalid, large_dictionary};
use lzma_rust2::{Action, Status as XzStatus, XzStream};
use std::io;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation, OutBuffer};

/// Compressed bytes given to the xz decoder at once. It throws away what came of them if they
/// are damaged.
const XZ_STEP: usize = 512;
/// [`DICTIONARY`], as a power of two.
const WINDOW_LOG: u32 = DICTIONARY.ilog2();

/// Bytes between two counts of a library; it cannot have used more than it was given.
fn since(before: u64, after: u64, most: usize) -> usize {
    usize::try_from(after.saturating_sub(before)).unwrap_or(most).min(most)
}

/// Deflate (RFC 1951).
#[derive(Debug)]
pub(crate) struct Inflate(flate2::Decompress);

impl Inflate {
    pub(crate) fn new() -> Self {
        Self(flate2::Decompress::new(false))
    }
}

impl Codec for Inflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (taken, given) = (self.0.total_in(), self.0.total_out());
        let result = self.0.decompress(input, output, flate2::FlushDecompress::None);
        Step {
            taken: since(taken, self.0.total_in(), input.len()),
            given: since(given, self.0.total_out(), output.len()),
            end: matches!(result, Ok(flate2::Status::StreamEnd)),
            error: result.err().map(io::Error::other),
        }
    }
}

/// One bzip2 stream.
pub(crate) struct Bzip2(bzip2::Decompress);

impl Bzip2 {
    pub(crate) fn new() -> Self {
        Self(bzip2::Decompress::new(false))
    }
}

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (taken, given) = (self.0.total_in(), self.0.total_out());
        let result = self.0.decompress(input, output);
        let error = match result {
            Ok(bzip2::Status::MemNeeded) => Some(invalid("bzip2: no memory")),
            Ok(_) => None,
            Err(error) => Some(io::Error::other(error)),
        };
        Step {
            taken: since(taken, self.0.total_in(), input.len()),
            given: since(given, self.0.total_out(), output.len()),
            end: matches!(result, Ok(bzip2::Status::StreamEnd)),
            error,
        }
    }
}

/// One xz stream.
pub(crate) struct Xz(XzStream);

impl Xz {
    pub(crate) fn new() -> Self {
        // What the decoder itself needs beside its dictionary is some hundred KiB.
        Self(XzStream::new_mem_limit(false, DICTIONARY / 1024 + 2048))
    }
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (taken, given) = (self.0.total_in(), self.0.total_out());
        let (piece, action) = match input.get(..XZ_STEP) {
            Some(piece) => (piece, Action::Run),
            None if input.is_empty() => (input, Action::Finish),
            None => (input, Action::Run),
        };
        match self.0.process(piece, output, action) {
            Ok(done) => Step {
                taken: done.bytes_consumed.min(piece.len()),
                given: done.bytes_produced.min(output.len()),
                end: done.status == XzStatus::StreamEnd,
                error: None,
            },
            Err(error) => Step {
                taken: since(taken, self.0.total_in(), piece.len()),
                given: since(given, self.0.total_out(), output.len()),
                end: false,
                error: Some(if error.kind() == io::ErrorKind::OutOfMemory { large_dictionary() } else { error }),
            },
        }
    }
}

/// One Zstandard frame.
pub(crate) struct Zstd {
    decoder: Decoder<'static>,
    /// Bytes of the block that comes next. The decoder throws away what came of a block if an
    /// error follows in the same call, the checksum's too: it is never given more than one.
    next: usize,
}

impl Zstd {
    pub(crate) fn new() -> io::Result<Self> {
        let mut decoder = Decoder::new()?;
        decoder.set_parameter(DParameter::WindowLogMax(WINDOW_LOG))?;
        Ok(Self { decoder, next: 5 })
    }
}

impl Codec for Zstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let piece = input.get(..self.next.max(1)).unwrap_or(input);
        let mut from = InBuffer::around(piece);
        let mut to = OutBuffer::around(output);
        let result = self.decoder.run(&mut from, &mut to);
        let (taken, given) = (from.pos(), to.pos());
        match result {
            Ok(next) => {
                self.next = next;
                Step { taken, given, end: next == 0, error: None }
            }
            Err(error) if error.to_string().contains("too much memory") => {
                Step { taken, given, end: false, error: Some(large_dictionary()) }
            }
            Err(error) => Step { taken, given, end: false, error: Some(error) },
        }
    }
}
