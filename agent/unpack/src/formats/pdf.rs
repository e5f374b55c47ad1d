//! PDF (ISO 32000-1): the streams of its objects, found by carving rather than by the cross
//! reference table, which malware leaves out or bends. Pictures and fonts are passed over;
//! the text of pages is one member, so that a document of a thousand pages is not a
//! thousand of them.

mod filters;

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;

/// The version may stand behind other bytes: readers look this far.
const MAGIC_WITHIN: usize = 1024;
/// A dictionary before its stream; longer ones are read from here on.
const DICTIONARY: usize = 4 << 10;
/// Text of pages that is handed on as one member.
const PAGES: usize = 4 << 20;
/// A stream without a kind, this short, is a page's text.
const SHORT: usize = 256 << 10;

pub(crate) fn is(head: &[u8]) -> bool {
    let head = &head[..head.len().min(MAGIC_WITHIN)];
    memchr::memmem::find(head, b"%PDF-").is_some_and(|at| {
        let before = &head[..at];
        // Of a text that speaks of PDF it is not the beginning.
        before.is_empty() || !before.is_ascii() || before.iter().all(u8::is_ascii_whitespace)
    })
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let Some(bytes) = source.whole() else {
        return nest.missed("", Reason::Unsupported("PDF of this size"));
    };
    if is_encrypted(bytes) {
        return Err(Halt::Bad(Reason::Encrypted));
    }
    let mut pages = Vec::new();
    let (mut from, mut number) = (0, 0);
    while let Some(stream) = next_stream(bytes, from) {
        nest.tick()?;
        number += 1;
        from = stream.ends;
        if stream.is_picture_or_font() {
            continue;
        }
        let (content, reason) = filters::decode(stream.dictionary, stream.data, nest)?;
        if stream.has_no_kind() && content.len() < SHORT {
            if pages.len() + content.len() > PAGES {
                nest.bytes("pages", &pages)?;
                pages.clear();
            }
            pages.extend_from_slice(&content);
            pages.push(b'\n');
        } else if !content.is_empty() {
            nest.bytes(&format!("object-{number}"), &content)?;
        }
        if let Some(reason) = reason {
            nest.missed(&format!("object-{number}"), reason)?;
        }
    }
    if pages.iter().any(|b| *b != b'\n') {
        nest.bytes("pages", &pages)?;
    }
    Ok(())
}

/// Streams and strings of such a document are noise without its key.
fn is_encrypted(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, b"/Encrypt").any(|at| {
        let after = &bytes[at + 8..];
        let value = after.trim_ascii_start();
        // A reference, or a dictionary in its place; not the beginning of a longer name.
        after.first().is_some_and(|b| !b.is_ascii_alphabetic())
            && (value.starts_with(b"<<") || value.first().is_some_and(u8::is_ascii_digit))
    })
}

struct Stream<'b> {
    dictionary: &'b [u8],
    data: &'b [u8],
    ends: usize,
}

/// The next stream, as far as its end can be told.
fn next_stream(bytes: &[u8], from: usize) -> Option<Stream<'_>> {
    let mut at = from;
    loop {
        let word = at + memchr::memmem::find(bytes.get(at..)?, b"stream")?;
        at = word + 6;
        // Not the end of another one, and behind a dictionary.
        let before = bytes[from.max(word.saturating_sub(DICTIONARY))..word].trim_ascii_end();
        if !before.ends_with(b">>") {
            continue;
        }
        let dictionary =
            &before[memchr::memmem::rfind(before, b" obj").or(memchr::memmem::rfind(before, b"obj")).unwrap_or(0)..];
        let begins = match bytes.get(at..)? {
            [b'\r', b'\n', ..] => at + 2,
            [b'\n' | b'\r', ..] => at + 1,
            _ => at,
        };
        let rest = bytes.get(begins..)?;
        let end = length(dictionary)
            .filter(|len| rest.get(*len..).is_some_and(|after| after.trim_ascii_start().starts_with(b"endstream")))
            .or_else(|| memchr::memmem::find(rest, b"endstream"))
            .unwrap_or(rest.len());
        return Some(Stream { dictionary, data: &rest[..end], ends: begins + end });
    }
}

/// A length that is a number; one that is a reference is sought by the stream's end.
fn length(dictionary: &[u8]) -> Option<usize> {
    let at = memchr::memmem::find(dictionary, b"/Length ")?;
    let value = dictionary.get(at + 8..)?.trim_ascii_start();
    let digits = value.iter().take_while(|b| b.is_ascii_digit()).count();
    let reference = value.get(digits..)?.trim_ascii_start().first().is_some_and(u8::is_ascii_digit);
    if reference { None } else { std::str::from_utf8(&value[..digits]).ok()?.parse().ok() }
}

impl Stream<'_> {
    fn says(&self, words: &[&[u8]]) -> bool {
        words.iter().any(|word| memchr::memmem::find(self.dictionary, word).is_some())
    }

    fn is_picture_or_font(&self) -> bool {
        const FONTS: [&[u8]; 7] =
            [b"/Length1", b"/Length2", b"/Type1C", b"/CIDFontType0C", b"/OpenType", b"/CMapName", b"/ICCBased"];
        let picture = self.says(&[b"/Image"]) && self.says(&[b"/Width", b"/BitsPerComponent"]);
        picture || self.says(&FONTS) || self.says(&[b"/DCTDecode", b"/JPXDecode", b"/CCITTFaxDecode", b"/JBIG2Decode"])
    }

    /// A page's text says nothing of itself but how long it is and how it was packed.
    fn has_no_kind(&self) -> bool {
        !self.says(&[b"/Type", b"/JS", b"/JavaScript", b"/EmbeddedFile", b"/Params"])
    }
}

#[cfg(test)]
mod tests;
