//! Uuencode (POSIX), alone or within a text: `begin 644 name`, lines of up to 45 bytes,
//! `end`; and its younger form in base64, `begin-base64 644 name` to `====`. A block without
//! an end is decoded to where its lines are none any more: mail programs do.

use super::coder::{Base64, decode, line};
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use crate::text;
use std::io::Read;

/// A text with a block near its beginning, whose first line is one to the letter.
pub(crate) fn is(head: &[u8]) -> bool {
    let mut from = 0;
    while let Some(block) = next_block(head, from) {
        from = block.begins;
        let Some((first, next)) = line(head, from) else { return false };
        // The head may end within the line.
        let whole = next < head.len() || first == b"end";
        if whole && (block.base64 || first.len() == 1 + symbols(first)) && decoded(first, block.base64).is_some() {
            return true;
        }
    }
    false
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let bytes = source.whole().ok_or(Halt::Bad(Reason::TooLarge(source.len())))?;
    blocks(bytes, nest)
}

/// Hands on every block in a text.
pub(super) fn blocks(bytes: &[u8], nest: &mut Nest<'_>) -> Opening {
    let mut from = 0;
    while let Some(block) = next_block(bytes, from) {
        nest.tick()?;
        from = block.begins;
        let mut content = Content { bytes, at: from, base64: block.base64, out: Vec::new(), done: 0 };
        content.fill();
        if !content.out.is_empty() {
            nest.member(&text::name(block.name), &mut content)?;
            from = content.at;
        }
    }
    Ok(())
}

struct Block<'a> {
    base64: bool,
    name: &'a [u8],
    /// Where its first line does.
    begins: usize,
}

fn next_block(bytes: &[u8], mut from: usize) -> Option<Block<'_>> {
    loop {
        let at = from + memchr::memmem::find(bytes.get(from..)?, b"begin")?;
        from = at + 5;
        if at > 0 && !matches!(bytes.get(at - 1), Some(b'\n' | b'\r')) {
            continue;
        }
        let (first, begins) = line(bytes, at)?;
        let (base64, rest) = match first.strip_prefix(b"begin-base64 ") {
            Some(rest) => (true, rest),
            None => (false, first.strip_prefix(b"begin ").unwrap_or_default()),
        };
        let (mode, name) = rest.split_at(memchr::memchr(b' ', rest).unwrap_or(0));
        let octal = (3..=6).contains(&mode.len()) && mode.iter().all(|b| (b'0'..=b'7').contains(b));
        let name = name.trim_ascii();
        if octal && !name.is_empty() {
            return Some(Block { base64, name, begins });
        }
    }
}

/// Symbols that a line's first one announces.
fn symbols(line: &[u8]) -> usize {
    let len = line.first().map_or(0, |first| usize::from(first.wrapping_sub(32) & 63));
    len.div_ceil(3) * 4
}

/// What a line holds, or `None` if it is none of a block.
fn decoded(line: &[u8], base64: bool) -> Option<Vec<u8>> {
    if base64 {
        let is = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
        let line = line.trim_ascii();
        let content = !line.is_empty() && !line.starts_with(b"====") && line.iter().all(is);
        return content.then(|| decode(line, Base64::default()));
    }
    let line = line.trim_ascii_end();
    let (first, rest) = line.split_first()?;
    let len = usize::from(first.wrapping_sub(32) & 63);
    // Some programs add a check sum behind a line.
    let fits = rest.len() <= symbols(line) + 2 && line.iter().all(|b| (32..=96).contains(b));
    if len == 0 || !fits || line == b"end" {
        return None;
    }
    let mut out = Vec::with_capacity(48);
    for four in rest.chunks(4) {
        // Blanks at a line's end may have been lost on the way.
        let bits = (0..4).fold(0, |bits, n| bits << 6 | four.get(n).map_or(0, |b| u32::from(b.wrapping_sub(32) & 63)));
        out.extend_from_slice(&u32::to_be_bytes(bits)[1..]);
    }
    out.resize(len, 0);
    Some(out)
}

/// Reads a block line by line.
struct Content<'a> {
    bytes: &'a [u8],
    at: usize,
    base64: bool,
    out: Vec<u8>,
    done: usize,
}

impl Content<'_> {
    /// The next line, if it is one of the block.
    fn fill(&mut self) {
        let next = line(self.bytes, self.at).and_then(|(line, next)| Some((decoded(line, self.base64)?, next)));
        if let Some((out, next)) = next {
            (self.out, self.at, self.done) = (out, next, 0);
        }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut read = 0;
        while read < buffer.len() {
            if self.done == self.out.len() {
                self.fill();
            }
            let rest = self.out.get(self.done..).unwrap_or_default();
            let more = (&mut &*rest).read(buffer.get_mut(read..).unwrap_or_default())?;
            if more == 0 {
                break;
            }
            self.done += more;
            read += more;
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample, torment};

    #[test]
    fn real_ones_of_both_codes_are_opened() {
        for name in ["sample.uu", "base64.uu"] {
            let whole = sample(name);
            let heard = Heard::of(&whole);
            heard.holds("invoice.js");
            assert_eq!(heard.members[0].1.len(), 34, "{name}");
            torment(&whole);
        }
    }

    #[test]
    fn several_blocks_in_a_text_without_ends_and_with_any_line_ends_are_opened() {
        let block = String::from_utf8_lossy(&sample("sample.uu")).replace("`\nend\n", "");
        let text = format!("Hello,\n\nsee below.\n{block}and\n{}", block.replace("invoice", "second"));
        for ends in ["\n", "\r\n", "\r"] {
            let heard = Heard::of(text.replace('\n', ends).as_bytes());
            heard.holds("invoice.js");
            heard.holds("second.js");
            assert_eq!((heard.members.len(), heard.missed.len()), (2, 0));
        }
    }

    #[test]
    fn blanks_that_were_lost_at_the_end_of_a_line_are_zeros() {
        let heard = Heard::of(b"begin 644 a\n#04%!\n&04%!\nend\n");
        assert_eq!(heard.members, [("a".to_owned(), b"AAAAAA\0\0\0".to_vec())]);
        assert!(!super::is(b"begin 644 a\n&04%!\nend\n"), "the first line must be whole for a file of its own");
    }

    #[test]
    fn text_that_begins_is_no_block() {
        for text in [
            "begin at the beginning\n",
            "begin 644\n",
            "begin 999 x\n#0V%T\n",
            "beginning\n",
            "begin 644 of the text\nand so on\n",
            "  begin 644 x\n#0V%T\n",
        ] {
            Heard::of(text.as_bytes()).is_nothing();
        }
        let many = format!("begin 644 x\n{}", "begin 644 x\n".repeat(50_000));
        Heard::of(many.as_bytes()).is_nothing();
    }
}
