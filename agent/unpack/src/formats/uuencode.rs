//! Uuencode (POSIX), alone or in a text: `begin 644 name`, lines of up to 45 bytes, `end`;
//! and its younger form in base64.

use crate::nest::{Nest, Opening};
use crate::source::Source;
use crate::text;

/// A file that begins with a block.
pub(crate) fn is(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    begins(line).is_some()
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    match source.whole() {
        Some(bytes) => blocks(bytes, nest),
        None => nest.missed("", crate::Reason::Unsupported("uuencode of this size")),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Classic,
    Base64,
}

/// The code and name of the block that this line begins.
fn begins(line: &[u8]) -> Option<(Code, String)> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (code, rest) = match line.strip_prefix(b"begin-base64 ") {
        Some(rest) => (Code::Base64, rest),
        None => (Code::Classic, line.strip_prefix(b"begin ")?),
    };
    let (mode, name) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
    let octal = (3..=4).contains(&mode.len()) && mode.iter().all(|b| (b'0'..=b'7').contains(b));
    (octal && name.len() > 1).then(|| (code, text::name(&name[1..])))
}

/// Hands on every block in a text.
pub(super) fn blocks(bytes: &[u8], nest: &mut Nest<'_>) -> Opening {
    let mut from = 0;
    while let Some(at) = bytes.get(from..).and_then(|rest| memchr::memmem::find(rest, b"begin")) {
        nest.tick()?;
        let at = from + at;
        from = at + 5;
        if at > 0 && bytes[at - 1] != b'\n' {
            continue;
        }
        let mut lines = bytes[at..].split_inclusive(|b| *b == b'\n');
        let Some((first, (code, name))) = lines.next().and_then(|line| Some((line, begins(line.trim_ascii_end())?)))
        else {
            continue;
        };
        let mut content = Vec::new();
        let mut used = first.len();
        for line in lines {
            used += line.len();
            let line = line.trim_ascii_end();
            let goes_on = match code {
                Code::Classic => decode_line(line, &mut content),
                Code::Base64 => decode_base64(line, &mut content),
            };
            if !goes_on {
                break;
            }
        }
        from = at + used;
        if !content.is_empty() {
            nest.bytes(&name, &content)?;
        }
    }
    Ok(())
}

/// `false` at the end, and where a line is none.
fn decode_line(line: &[u8], content: &mut Vec<u8>) -> bool {
    let Some((&len, symbols)) = line.split_first() else { return false };
    let len = usize::from(len.wrapping_sub(32) & 63);
    if line == b"end" || len == 0 || !(32..=96).contains(&line[0]) {
        return false;
    }
    let begins = content.len();
    for four in symbols.chunks(4) {
        // Blanks at a line's end may have been lost on the way.
        let bits =
            (0..4).fold(0_u32, |bits, n| bits << 6 | u32::from(four.get(n).map_or(0, |s| s.wrapping_sub(32) & 63)));
        content.extend_from_slice(&bits.to_be_bytes()[1..]);
    }
    content.resize(begins + len, 0);
    true
}

/// Whatever is no digit is passed over; `false` at the end.
pub(super) fn decode_base64(line: &[u8], content: &mut Vec<u8>) -> bool {
    if line.starts_with(b"====") || line.is_empty() {
        return false;
    }
    let value = |symbol: &u8| match symbol {
        b'A'..=b'Z' => Some(u32::from(symbol - b'A')),
        b'a'..=b'z' => Some(u32::from(symbol - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(symbol - b'0') + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    for four in line.chunks(4) {
        let values: Vec<u32> = four.iter().filter_map(value).collect();
        let bits = (0..4).fold(0, |bits, n| bits << 6 | values.get(n).copied().unwrap_or(0));
        content.extend_from_slice(&bits.to_be_bytes()[1..values.len().max(1)]);
    }
    true
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
    fn text_that_begins_is_no_block() {
        for text in ["begin at the beginning\n", "begin 644\n", "begin 999 x\n", "beginning\n"] {
            Heard::of(text.as_bytes()).is_nothing();
        }
    }
}
