//! PDF (ISO 32000-1). Streams are found in the bytes and not by the cross reference table,
//! which malware leaves out or bends: a dictionary, `stream`, and the next `endstream`; the
//! length is believed where an `endstream` is behind it.
//!
//! A document of a thousand pages is not a thousand members, since each costs its scan:
//! pictures and font programs are passed over, what is not packed has been seen with the
//! document, and short texts (pages, and what belongs to them) are one member together.
//! Object streams, embedded files, scripts, what is long, and whatever is itself a container
//! or a program are members each.

mod filters;
mod script;
mod streams;
mod syntax;

use crate::kind::Kind;
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use filters::{Between, Filter, MOST_FILTERS};
use script::Wanted;
use std::io::Read;
use streams::{Stream, Streams};
use syntax::Dictionary;

/// The version may stand behind other bytes: readers look this far.
const MAGIC_WITHIN: usize = 1024;
/// What is shorter becomes part of a member with others,
const SHORT: u64 = 64 << 10;
/// which is this long at most.
const TEXTS: usize = 1 << 20;
/// Bytes of an object stream that are looked through.
const OBJECTS: u64 = 2 << 20;
/// Bytes of a stream of an encrypted document that are tried.
const TRIED: u64 = 4 << 20;
/// Trailers that are looked at.
const MOST_TRAILERS: usize = 1000;

/// Its first line, or near the beginning one with objects behind it.
pub(crate) fn is(head: &[u8]) -> bool {
    let begin = head.get(..MAGIC_WITHIN).unwrap_or(head);
    let Some(at) = memchr::memmem::find(begin, b"%PDF-") else { return false };
    let before = begin.get(..at).unwrap_or_default();
    let version = head.get(at + 5).is_some_and(u8::is_ascii_digit);
    let first = before.strip_prefix(b"\xef\xbb\xbf").unwrap_or(before).trim_ascii().is_empty();
    version && (first || memchr::memmem::find(head, b" obj").is_some() && memchr::memmem::find(head, b"<<").is_some())
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let bytes = source.whole().ok_or(Halt::Bad(Reason::TooLarge(source.len())))?;
    let encrypted = is_encrypted(bytes, nest)?;
    let mut document = Document {
        encrypted,
        between: Between::new(bytes.len()),
        wanted: Wanted::default(),
        texts: vec![],
        damaged: 0,
        first_damaged: String::new(),
    };
    if !encrypted {
        document.wanted.look(bytes, nest)?;
    }
    // Objects first: they say what the other streams are.
    let mut streams = Streams::new(bytes);
    while let Some(stream) = streams.next() {
        nest.tick()?;
        if stream.dictionary.says("Type", "ObjStm") {
            document.objects(&stream, nest)?;
        }
    }
    let mut streams = Streams::new(bytes);
    let (mut met, mut cut) = (false, false);
    while let Some(stream) = streams.next() {
        nest.tick()?;
        if document.between.is_used_up() {
            break;
        }
        (met, cut) = (true, cut || !stream.ended);
        if !["ObjStm", "XRef"].iter().any(|kind| stream.dictionary.says("Type", kind)) {
            document.stream(&stream, nest)?;
        }
    }
    document.hand_on_texts(nest)?;
    if document.between.is_used_up() {
        return Err(Halt::Bad(Reason::Exhausted(document.between.most)));
    }
    web_page(bytes, nest)?;
    if encrypted {
        return Err(Halt::Bad(Reason::Encrypted));
    }
    let damage = match document.damaged {
        0 if !met && memchr::memmem::find(bytes, b" obj").is_none() => "it has no objects".into(),
        0 if cut => "it ends within a stream".into(),
        0 => return Ok(()),
        1 => format!("the stream of {}", document.first_damaged),
        many => format!("{many} streams, the first of {}", document.first_damaged),
    };
    Err(Halt::Bad(Reason::Damaged(damage)))
}

/// Whether a trailer says so, of the old form or the new.
fn is_encrypted(bytes: &[u8], nest: &mut Nest<'_>) -> Result<bool, Halt> {
    if memchr::memmem::find(bytes, b"/Encrypt").is_none() {
        return Ok(false);
    }
    let mut trailers = memchr::memmem::find_iter(bytes, b"trailer").take(MOST_TRAILERS);
    if trailers.any(|at| Dictionary::read(bytes, at + 7).has("Encrypt")) {
        return Ok(true);
    }
    let mut streams = Streams::new(bytes);
    while let Some(stream) = streams.next() {
        nest.tick()?;
        if stream.dictionary.says("Type", "XRef") && stream.dictionary.has("Encrypt") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A saved web page behind or within a document: Word opens such a file as that.
fn web_page(bytes: &[u8], nest: &mut Nest<'_>) -> Opening {
    let at = memchr::memmem::find(bytes, b"\nMIME-Version:").map(|at| at + 1);
    match at.and_then(|at| bytes.get(at..)).filter(|page| super::mail::is(page)) {
        Some(page) => nest.bytes("page.mht", page),
        None => Ok(()),
    }
}

struct Document {
    encrypted: bool,
    between: Between,
    wanted: Wanted,
    /// Short texts that are not handed on yet.
    texts: Vec<u8>,
    /// How many streams are, and the first of them.
    damaged: usize,
    first_damaged: String,
}

impl Document {
    /// Hands on a stream of objects, and looks through it.
    fn objects(&mut self, stream: &Stream<'_>, nest: &mut Nest<'_>) -> Opening {
        let filters = stream.filters();
        if self.is_noise(stream, &filters) {
            return Ok(());
        }
        let mut reader = filters::reader(stream.data, &filters, &self.between);
        let mut content = Vec::new();
        let reading = reader.by_ref().take(OBJECTS).read_to_end(&mut content);
        self.wanted.look(&content, nest)?;
        if reading.is_err() {
            self.is_damaged(stream);
            reader = Box::new(std::io::empty());
        }
        nest.member(&stream.name(), &mut content.as_slice().chain(reader))
    }

    fn stream(&mut self, stream: &Stream<'_>, nest: &mut Nest<'_>) -> Opening {
        let filters = stream.filters();
        let file = self.wanted.objects.get(&stream.number).cloned();
        let own = file.is_some() || stream.dictionary.says("Type", "EmbeddedFile");
        let name = file.flatten().filter(|name| !name.is_empty()).unwrap_or_else(|| stream.name());
        let picture = filters.contains(&Filter::Picture) || stream.is_picture();
        if picture && !own || self.is_noise(stream, &filters) {
            return Ok(());
        }
        if filters.len() > MOST_FILTERS {
            return nest.missed(&name, Reason::Unsupported("a chain of so many filters"));
        }
        if filters.is_empty() {
            // A container is opened only if it is a member.
            return if own || is_own(stream.data)? { nest.bytes(&name, stream.data) } else { Ok(()) };
        }
        let (begins, mut reader) = (self.texts.len(), filters::reader(stream.data, &filters, &self.between));
        let reading = reader.by_ref().take(SHORT).read_to_end(&mut self.texts);
        if reading.is_err() {
            self.is_damaged(stream);
        }
        let content = self.texts.get(begins..).unwrap_or_default();
        let font = !own && stream.may_be_font() && is_font(content);
        if font {
            self.texts.truncate(begins);
            return Ok(());
        }
        let long = content.len() as u64 == SHORT && reading.is_ok();
        if own || long || is_own(content)? {
            let content = self.texts.split_off(begins);
            let rest: Box<dyn Read> = if long { reader } else { Box::new(std::io::empty()) };
            return nest.member(&name, &mut content.as_slice().chain(rest));
        }
        self.texts.push(b'\n');
        if self.texts.len() > TEXTS { self.hand_on_texts(nest) } else { Ok(()) }
    }

    /// Of an encrypted document: what does not unpack to its check sum is encrypted. A trailer
    /// that lies hides nothing that way.
    fn is_noise(&self, stream: &Stream<'_>, filters: &[Filter]) -> bool {
        let sound = || {
            let mut reader = flate2::read::ZlibDecoder::new(stream.data).take(TRIED);
            filters.first() == Some(&Filter::Flate)
                && std::io::copy(&mut reader, &mut std::io::sink()).is_ok_and(|read| read > 0)
        };
        self.encrypted && !sound()
    }

    fn is_damaged(&mut self, stream: &Stream<'_>) {
        // Of what is cut off that is said, and not what it broke.
        if stream.ended && !stream.data.trim_ascii().is_empty() {
            self.damaged += 1;
            if self.damaged == 1 {
                self.first_damaged = stream.name();
            }
        }
    }

    fn hand_on_texts(&mut self, nest: &mut Nest<'_>) -> Opening {
        let texts = std::mem::take(&mut self.texts);
        if texts.trim_ascii().is_empty() { Ok(()) } else { nest.bytes("pages", &texts) }
    }
}

/// What deserves to be a member by itself, whatever its dictionary says.
fn is_own(content: &[u8]) -> Result<bool, Halt> {
    let program = [&b"MZ"[..], b"\x7fELF", b"\xcf\xfa\xed\xfe"].iter().any(|magic| content.starts_with(magic));
    Ok(program || Kind::of(&mut Source::bytes(content))?.is_some())
}

/// TrueType, OpenType, Type 1, or compact fonts by their first bytes.
fn is_font(content: &[u8]) -> bool {
    const MAGICS: [&[u8]; 8] =
        [b"\0\x01\0\0", b"true", b"OTTO", b"ttcf", b"%!PS-AdobeFont", b"%!FontType1", b"\x80\x01", b"\x01\0\x04"];
    MAGICS.iter().any(|magic| content.starts_with(magic))
}

#[cfg(test)]
mod tests;
