//! What mail, uuencode and PDF share: text that spells bytes, decoded while it is read, and
//! lines whatever ends them.

use std::io::{BufRead, Read, Result};

/// Bytes of input that are decoded at once.
const STEP: usize = 8 << 10;

/// One code. It is lenient: what does not belong into it is passed over.
pub(super) trait Coder {
    /// Decodes some input. `false` when the code's own end has been met.
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool;
    /// Nothing more comes: what is half done is finished, where that makes sense.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// A reader of what a coder makes of another reader.
pub(super) struct Decoded<R, C> {
    input: R,
    coder: C,
    out: Vec<u8>,
    at: usize,
    over: bool,
}

impl<R, C> Decoded<R, C> {
    pub(super) fn new(input: R, coder: C) -> Self {
        Self { input, coder, out: Vec::new(), at: 0, over: false }
    }
}

impl<R: BufRead, C: Coder> Read for Decoded<R, C> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.at == self.out.len() && !self.over {
            self.out.clear();
            self.at = 0;
            let chunk = self.input.fill_buf()?;
            let chunk = chunk.get(..STEP).unwrap_or(chunk);
            let used = chunk.len();
            self.over = used == 0 || !self.coder.take(chunk, &mut self.out);
            self.input.consume(used);
            if self.over {
                self.coder.finish(&mut self.out);
            }
        }
        let mut rest = self.out.get(self.at..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

/// Base64 (RFC 4648), as mail programs read it: padding in the middle ends a group and not
/// the data, since some senders encode piece by piece.
#[derive(Default)]
pub(super) struct Base64 {
    bits: u32,
    symbols: u8,
    padding: u8,
}

impl Coder for Base64 {
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for &symbol in input {
            let value = match symbol {
                b'A'..=b'Z' => symbol - b'A',
                b'a'..=b'z' => symbol - b'a' + 26,
                b'0'..=b'9' => symbol - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.padding += 1;
                    if self.symbols < 2 {
                        self.padding = 0;
                    } else if self.symbols + self.padding >= 4 {
                        self.finish(out);
                    }
                    continue;
                }
                _ => continue,
            };
            self.padding = 0;
            self.bits = self.bits << 6 | u32::from(value);
            self.symbols += 1;
            if self.symbols == 4 {
                out.extend_from_slice(&self.bits.to_be_bytes()[1..]);
                self.symbols = 0;
            }
        }
        true
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let bytes = (self.bits << (6 * (4 - u32::from(self.symbols.min(4))))).to_be_bytes();
        match self.symbols {
            2 => out.extend_from_slice(&bytes[1..2]),
            3 => out.extend_from_slice(&bytes[1..3]),
            _ => {}
        }
        (self.symbols, self.padding) = (0, 0);
    }
}

/// The line at `at` without its end, and where the next one begins. A line ends with CR, LF
/// or both: mail is found with each.
pub(super) fn line(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    let Some(end) = memchr::memchr2(b'\n', b'\r', rest) else { return Some((rest, bytes.len())) };
    let crlf = rest.get(end..end + 2) == Some(b"\r\n");
    Some((&rest[..end], at + end + if crlf { 2 } else { 1 }))
}

/// What a coder makes of bytes that are in memory.
pub(super) fn decode<C: Coder>(input: &[u8], mut coder: C) -> Vec<u8> {
    let mut out = Vec::new();
    coder.take(input, &mut out);
    coder.finish(&mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_mail_programs_read_it() {
        for (text, expected) in [
            ("S0VFUA==", "KEEP"),
            ("S0VF\r\nUA", "KEEP"),
            ("S0!V-F U\u{fc}A=-=", "KEEP"),
            ("S0VFUA==V0FUQ0g=", "KEEPWATCH"),
            ("=S0VFUA==", "KEEP"),
            ("S", ""),
            ("", ""),
        ] {
            assert_eq!(decode(text.as_bytes(), Base64::default()), expected.as_bytes(), "{text}");
        }
    }

    #[test]
    fn lines_end_in_three_ways() {
        let text = b"a\rb\nc\r\n\r\nd";
        let (mut at, mut lines) = (0, vec![]);
        while let Some((line, next)) = line(text, at) {
            lines.push(line);
            at = next;
        }
        assert_eq!(lines, [&b"a"[..], b"b", b"c", b"", b"d"]);
    }
}
