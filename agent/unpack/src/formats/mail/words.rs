//! Text as mails spell it: encoded words (RFC 2047), quoted-printable (RFC 2045), and charsets.

use crate::formats::coder::{Base64, Coder, decode as decode_all};
use crate::text;
use encoding_rs::{CoderResult, Decoder, Encoding, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};
use std::io::{Read, Result};

/// Bytes of this charset as text; of an unknown one by what they are.
pub(super) fn text(charset: &[u8], bytes: &[u8]) -> String {
    match Encoding::for_label(charset) {
        Some(encoding) if encoding != UTF_8 => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        _ => text::name(bytes),
    }
}

/// A header's text. Words of one charset are joined before they are decoded: senders cut
/// between the bytes of a character.
pub(super) fn decode(value: &[u8]) -> String {
    let mut out = String::new();
    let mut pending: (&[u8], Vec<u8>) = (b"", Vec::new());
    let mut rest = value;
    while !rest.is_empty() {
        let begins = memchr::memmem::find(rest, b"=?").unwrap_or(rest.len());
        let (plain, word) = rest.split_at(begins);
        let Some((charset, bytes, after)) = encoded_word(word) else {
            // None, or something that only looks like one.
            let end = rest.len().min(begins + 2);
            flush(&mut pending, &mut out);
            out.push_str(&text::name(rest.get(..end).unwrap_or(rest)));
            rest = rest.get(end..).unwrap_or_default();
            continue;
        };
        let joined = pending.0.eq_ignore_ascii_case(charset) && plain.trim_ascii().is_empty();
        if !joined {
            let between = !pending.1.is_empty() && plain.trim_ascii().is_empty();
            flush(&mut pending, &mut out);
            if !between {
                out.push_str(&text::name(plain));
            }
        }
        pending.0 = charset;
        pending.1.extend(bytes);
        rest = after;
    }
    flush(&mut pending, &mut out);
    out
}

fn flush(pending: &mut (&[u8], Vec<u8>), out: &mut String) {
    out.push_str(&text(pending.0, &pending.1));
    pending.1.clear();
}

/// `=?charset?B?text?=` at the beginning: its charset, its bytes, and what is behind it.
fn encoded_word(word: &[u8]) -> Option<(&[u8], Vec<u8>, &[u8])> {
    let mut parts = word.strip_prefix(b"=?")?.splitn(3, |b| *b == b'?');
    let (charset, code, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let end = memchr::memmem::find(rest, b"?=")?;
    let (coded, after) = rest.split_at(end);
    let bytes = match code {
        b"b" | b"B" => decode_all(coded, Base64::default()),
        b"q" | b"Q" => {
            let spaced: Vec<u8> = coded.iter().map(|b| if *b == b'_' { b' ' } else { *b }).collect();
            unescape(&spaced, b'=')
        }
        _ => return None,
    };
    // A language may stand behind the charset (RFC 2231).
    let charset = charset.split(|b| *b == b'*').next().unwrap_or_default();
    Some((charset, bytes, after.get(2..).unwrap_or_default()))
}

/// Bytes written as a sign and two hexadecimal digits.
pub(super) fn unescape(value: &[u8], sign: u8) -> Vec<u8> {
    let (mut out, mut at) = (Vec::with_capacity(value.len()), 0);
    while let Some(&b) = value.get(at) {
        let code = (b == sign).then(|| Some(hex(*value.get(at + 1)?)? << 4 | hex(*value.get(at + 2)?)?)).flatten();
        out.push(code.unwrap_or(b));
        at += if code.is_some() { 3 } else { 1 };
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// Quoted-printable. What is no escape stays as it is.
#[derive(Default)]
pub(super) struct Quoted {
    /// An escape that has begun: its sign, and what follows.
    escape: Vec<u8>,
}

impl Coder for Quoted {
    fn take(&mut self, input: &[u8], out: &mut Vec<u8>) -> bool {
        for &b in input {
            match (self.escape.as_slice(), b) {
                ([], b'=') => self.escape.push(b),
                ([], _) => out.push(b),
                // A soft line end, with the blanks that were added on the way.
                ([.., b'\r'], b'\n') | ([b'='], b'\n') | ([b'=', b' ' | b'\t', ..], b'\n') => self.escape.clear(),
                ([.., b'\r'], _) => {
                    self.escape.clear();
                    if b == b'=' { self.escape.push(b) } else { out.push(b) }
                }
                ([b'='], b'\r') | ([b'=', b' ' | b'\t', ..], b'\r') => self.escape.push(b),
                ([b'='] | [b'=', b' ' | b'\t', ..], b' ' | b'\t') if self.escape.len() < 80 => self.escape.push(b),
                ([b'='], _) if hex(b).is_some() => self.escape.push(b),
                (&[b'=', high], _) if hex(high).is_some() && hex(b).is_some() => {
                    out.push(hex(high).unwrap_or(0) << 4 | hex(b).unwrap_or(0));
                    self.escape.clear();
                }
                _ => {
                    out.append(&mut self.escape);
                    if b == b'=' { self.escape.push(b) } else { out.push(b) }
                }
            }
        }
        true
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if self.escape != b"=" {
            out.append(&mut self.escape);
        }
    }
}

/// Reads text in UTF-8 out of text of another charset.
pub(super) struct Converted<R> {
    input: R,
    decoder: Decoder,
    out: String,
    at: usize,
    over: bool,
}

impl<R> Converted<R> {
    /// Of a charset that can hide what is written in it. UTF-16 is checked against what is
    /// there: text that only claims to be that would become unreadable.
    pub(super) fn new(charset: &[u8], begin: &[u8], input: R) -> std::result::Result<Self, R> {
        let claimed = |encoding: &&'static Encoding| {
            let wide = [UTF_16LE, UTF_16BE].contains(encoding);
            *encoding != UTF_8 && *encoding != REPLACEMENT && (!wide || begin.contains(&0))
        };
        match Encoding::for_label(charset).filter(claimed) {
            Some(encoding) => {
                let decoder = encoding.new_decoder_with_bom_removal();
                Ok(Self { input, decoder, out: String::new(), at: 0, over: false })
            }
            None => Err(input),
        }
    }
}

impl<R: Read> Read for Converted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        while self.at == self.out.len() && !self.over {
            self.out.clear();
            self.at = 0;
            let mut step = [0; 8 << 10];
            let read = self.input.read(&mut step)?;
            self.over = read == 0;
            let step = step.get(..read).unwrap_or_default();
            self.out.reserve(self.decoder.max_utf8_buffer_length(read).unwrap_or(read * 4 + 16));
            let (result, ..) = self.decoder.decode_to_string(step, &mut self.out, self.over);
            debug_assert_eq!(result, CoderResult::InputEmpty);
        }
        let mut rest = self.out.as_bytes().get(self.at..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_are_joined_decoded_and_left_alone() {
        for (value, expected) in [
            ("=?utf-8?B?5Y+R56Wo?=", "发票"),
            ("=?GB2312?B?t6I=?=\r\n =?gb2312?B?xrE=?=", "发票"),
            ("=?utf-8?B?5Y+R56U=?= =?utf-8?B?qA==?=", "发票"),
            ("a =?iso-8859-1?Q?b_=E4?= c", "a b ä c"),
            ("=?utf-8*zh?q?a?= =?us-ascii?q?b?=", "ab"),
            ("=?broken", "=?broken"),
            ("=?x?z?y?=", "=?x?z?y?="),
            ("plain", "plain"),
        ] {
            assert_eq!(decode(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn quoted_printable_is_forgiven_its_faults() {
        for (coded, expected) in [
            ("a=3Db", "a=b"),
            ("a=3db=\r\nc=\nd=  \r\ne=\rf", "a=bcdef"),
            ("a=zz=4=41=", "a=zz=4A"),
            ("==41", "=A"),
            ("100 % = all", "100 % = all"),
        ] {
            assert_eq!(decode_all(coded.as_bytes(), Quoted::default()), expected.as_bytes(), "{coded}");
        }
    }

    #[test]
    fn text_is_converted_where_that_reveals_something() {
        let convert = |charset: &str, bytes: &[u8]| {
            let mut text = String::new();
            let converted = Converted::new(charset.as_bytes(), bytes, bytes).ok();
            converted.map(|mut reader| reader.read_to_string(&mut text).map(|_| text).unwrap())
        };
        assert_eq!(convert("gbk", b"\xb7\xa2\xc6\xb1").as_deref(), Some("发票"));
        assert_eq!(convert("utf-16le", b"a\0b\0").as_deref(), Some("ab"));
        assert_eq!(convert("utf-16le", b"ab"), None);
        assert_eq!(convert("utf-8", b"a"), None);
        assert_eq!(convert("hz-gb-2312", b"a"), None);
        assert_eq!(convert("none", b"a"), None);
    }
}
