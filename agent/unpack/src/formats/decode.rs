//! What the compressed formats share: a decoder that is fed and emptied piece by piece, one
//! stream of it as a reader, and several streams one behind another as a reader.
//!
//! Not the readers that the libraries bring: those throw away what came out before an error,
//! and take a stream that breaks off for one that ends.

use crate::{Reason, Source};
use std::io::{self, BufRead, Read, Seek};

/// Largest dictionary or window, in bytes, that is kept for a decoder.
pub(crate) const DICTIONARY: u32 = 64 << 20;
/// So many streams in a row may hold nothing.
const EMPTY_STREAMS: usize = 10_000;

/// What a decoder did with its input.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Bytes of the input that are done with.
    pub(crate) taken: usize,
    /// Bytes of the output that are good, before an error too.
    pub(crate) given: usize,
    /// The stream is at its end.
    pub(crate) end: bool,
    /// It cannot go on.
    pub(crate) error: Option<io::Error>,
}

/// A decoder.
pub(crate) trait Codec {
    /// Decodes some of the input, which is empty at the end of the source.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;
}

/// The bytes end where the format says that more must follow.
pub(crate) fn breaks_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it breaks off")
}

/// Bytes that are not what the format says.
pub(crate) fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// A dictionary that nobody should have to keep.
pub(crate) fn large_dictionary() -> io::Error {
    io::Error::other(Reason::Unsupported("a dictionary larger than 64 MiB"))
}

/// Where the reading of a stream is.
#[derive(Debug, Default)]
struct Progress {
    ended: bool,
    /// Told after what came out before it.
    error: Option<io::Error>,
}

impl Progress {
    /// As `Read::read`, but zero means that the stream is at its end, or the output is empty.
    fn read(&mut self, codec: &mut dyn Codec, input: &mut dyn BufRead, output: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            self.ended = true;
            return Err(error);
        }
        while !self.ended && !output.is_empty() {
            let bytes = match input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => &[],
                bytes => bytes?,
            };
            let dry = bytes.is_empty();
            let step = codec.step(bytes, output);
            input.consume(step.taken);
            self.ended = step.end;
            self.error = step.error;
            if !self.ended && self.error.is_none() && step.taken == 0 && step.given == 0 {
                self.error = Some(if dry { breaks_off() } else { invalid("the decoder is stuck") });
            }
            if step.given > 0 {
                return Ok(step.given);
            }
            if let Some(error) = self.error.take() {
                self.ended = true;
                return Err(error);
            }
        }
        Ok(0)
    }
}

/// One stream.
#[derive(Debug)]
pub(crate) struct Stream<C, R> {
    codec: C,
    input: R,
    progress: Progress,
}

impl<C: Codec, R: BufRead> Stream<C, R> {
    pub(crate) fn new(codec: C, input: R) -> Self {
        Self { codec, input, progress: Progress::default() }
    }
}

impl<C: Codec, R: BufRead> Read for Stream<C, R> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        self.progress.read(&mut self.codec, &mut self.input, output)
    }
}

/// A format of which several streams may stand one behind another, and make one content.
pub(crate) trait Format {
    /// Where a stream may begin: reads its header, if it has one apart from its data, and
    /// makes the decoder for it. `None` if no stream begins here, wherever the source is then.
    fn begin(&mut self, source: &mut Source<'_>) -> io::Result<Option<Box<dyn Codec>>>;
    /// Behind a stream: reads what belongs to it. `out` is what came out of it.
    fn end(&mut self, _source: &mut Source<'_>, _out: &Sum) -> io::Result<()> {
        Ok(())
    }
}

/// What came out of a stream.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    crc: flate2::Crc,
}

impl Sum {
    pub(crate) fn crc(&self) -> u32 {
        self.crc.sum()
    }

    /// Modulo 2³².
    pub(crate) fn len(&self) -> u32 {
        self.crc.amount()
    }
}

/// All streams that stand one behind another.
pub(crate) struct Streams<'s, 'a, F> {
    source: &'s mut Source<'a>,
    format: F,
    codec: Option<Box<dyn Codec>>,
    progress: Progress,
    out: Sum,
    empty: usize,
    finished: bool,
    /// Where the last stream ended.
    end: u64,
    /// No stream follows that.
    last: bool,
}

impl<'s, 'a, F: Format> Streams<'s, 'a, F> {
    pub(crate) fn new(source: &'s mut Source<'a>, format: F) -> Self {
        Self {
            source,
            format,
            codec: None,
            progress: Progress::default(),
            out: Sum::default(),
            empty: 0,
            finished: false,
            end: 0,
            last: false,
        }
    }

    /// Where the last stream ended, if all were whole.
    pub(crate) fn end(&self) -> Option<u64> {
        (self.last && self.end > 0).then_some(self.end)
    }

    fn read_some(&mut self, output: &mut [u8]) -> io::Result<usize> {
        while self.empty < EMPTY_STREAMS {
            if self.codec.is_none() {
                self.codec = self.format.begin(self.source)?;
                self.progress = Progress::default();
                self.out = Sum::default();
            }
            let Some(codec) = &mut self.codec else {
                self.last = true;
                return Ok(0);
            };
            let given = self.progress.read(codec.as_mut(), &mut self.source, output)?;
            if given > 0 {
                let out = output.get(..given).unwrap_or_default();
                self.out.crc.update(out);
                self.empty = 0;
                return Ok(given);
            }
            // Its window is let go before what came out is opened in turn.
            self.codec = None;
            self.format.end(self.source, &self.out)?;
            self.end = self.source.stream_position()?;
            self.empty += 1;
        }
        Err(invalid("streams without content"))
    }
}

impl<F: Format> Read for Streams<'_, '_, F> {
    fn read(&mut self, output: &mut [u8]) -> io::Result<usize> {
        if self.finished || output.is_empty() {
            return Ok(0);
        }
        let read = self.read_some(output);
        if !matches!(read, Ok(1..)) {
            self.finished = true;
            self.codec = None;
        }
        read
    }
}
