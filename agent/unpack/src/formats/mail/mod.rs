//! E-mail (RFC 5322, MIME), single or as a saved web page: attachments and all that was
//! encoded, as members. Read here and not by a library: `mail-parser` frees mails in mails
//! recursively, so that six megabytes end the process, and takes minutes for a megabyte of
//! multiparts. This goes through a mail once, line by line, and believes it as little as
//! mail programs do: every boundary, encoding and name that is given is tried.
//!
//! A text that is neither encoded nor in another charset is no member: it has been seen with
//! the mail. One that is itself a container is.

mod header;
mod words;

use super::coder::{Base64, Decoded, line};
use super::uuencode;
use crate::kind::Kind;
use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use header::{Headers, begins_with, field_of};
use std::io::Read;
use words::{Converted, Quoted};

/// Multiparts in multiparts; real ones have four.
const DEEPEST: usize = 32;
/// Boundaries that are believed of one multipart.
const MOST_CLAIMS: usize = 4;
/// Lines between two looks at the budget.
const LINES_PER_TICK: usize = 4096;
/// Lines of a beginning that are looked at.
const MOST_LINES: usize = 100;
/// Header fields that little else than a mail has,
const TELLING: [&[u8]; 12] = [
    b"from",
    b"to",
    b"subject",
    b"received",
    b"return-path",
    b"message-id",
    b"mime-version",
    b"delivered-to",
    b"reply-to",
    b"dkim-signature",
    b"content-transfer-encoding",
    b"envelope-to",
];
/// and such that others have too.
const KNOWN: [&[u8]; 6] = [b"date", b"cc", b"bcc", b"sender", b"content-type", b"content-disposition"];

/// Begins with lines that are header fields, at least two of them well known.
pub(crate) fn is(head: &[u8]) -> bool {
    let (mut at, mut known, mut telling) = (beginning(head), 0, false);
    for _ in 0..MOST_LINES {
        let Some((text, next)) = line(head, at) else { break };
        at = next;
        if known > 0 && (text.starts_with(b" ") || text.starts_with(b"\t")) {
            continue;
        }
        let Some((name, _)) = field_of(text) else { break };
        let one_of = |names: &[&[u8]]| names.iter().any(|known| name.eq_ignore_ascii_case(known));
        if one_of(&TELLING) {
            telling = true;
            known += 1;
        } else if one_of(&KNOWN) || begins_with(name, b"x-") {
            known += 1;
        }
        if telling && known > 1 {
            return true;
        }
    }
    false
}

/// Behind what may stand before the first field.
fn beginning(bytes: &[u8]) -> usize {
    let mut at = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    while let Some((text, next)) = line(bytes, at) {
        if !text.trim_ascii().is_empty() && !text.starts_with(b"From ") && !text.starts_with(b">From ") {
            break;
        }
        at = next;
    }
    at
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let bytes = source.whole().ok_or(Halt::Bad(Reason::TooLarge(source.len())))?;
    Walk { bytes, boundaries: vec![], number: 0, messages: 0, too_deep: false }.go(nest)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Code {
    Plain,
    Base64,
    Quoted,
    Uuencode,
}

impl Code {
    fn of(value: &[u8]) -> Self {
        let value = value.trim_ascii();
        let quoted = value.strip_prefix(b"\"").unwrap_or(value);
        if begins_with(quoted, b"base64") {
            Self::Base64
        } else if begins_with(quoted, b"quoted-printable") {
            Self::Quoted
        } else if begins_with(quoted, b"x-uu") || begins_with(quoted, b"uu") {
            Self::Uuencode
        } else {
            Self::Plain
        }
    }
}

/// A part whose body is being read.
struct Part {
    /// `text/plain`, in lower case.
    kind: String,
    name: Option<String>,
    charset: Vec<u8>,
    /// Each that is claimed, usually one.
    codes: Vec<Code>,
    body: usize,
    number: usize,
    /// A multipart, of which no part has been met yet.
    multipart: bool,
}

struct Walk<'a> {
    bytes: &'a [u8],
    /// Of the multiparts that are open, each with all that is claimed for it.
    boundaries: Vec<Vec<Vec<u8>>>,
    number: usize,
    /// How many mails in mails this is.
    messages: usize,
    too_deep: bool,
}

impl<'a> Walk<'a> {
    fn go(mut self, nest: &mut Nest<'_>) -> Opening {
        let mut part = Some(self.begin(beginning(self.bytes)));
        let mut at = part.as_ref().map_or(0, |part| part.body);
        // Where the line before ends, without its end: that belongs to the boundary.
        let (mut before, mut lines) = (at, 0_usize);
        while let Some((text, next)) = line(self.bytes, at) {
            lines += 1;
            if lines.is_multiple_of(LINES_PER_TICK) {
                nest.tick()?;
            }
            if let Some((depth, closes)) = self.boundary(text, next, part.as_ref()) {
                nest.tick()?;
                // The multipart of which this is the first part holds nothing itself.
                let ended = part.take().filter(|part| !part.multipart || depth + 1 < self.boundaries.len());
                if let Some(part) = ended {
                    self.hand_on(&part, before, nest)?;
                }
                // One that is closed stays: malware goes on behind the end, and some programs do too.
                self.boundaries.truncate(depth + 1);
                if !closes {
                    let next_part = self.begin(next);
                    (at, before) = (next_part.body, next_part.body);
                    part = Some(next_part);
                    continue;
                }
            }
            (at, before) = (next, at + text.len());
        }
        if let Some(part) = part {
            self.hand_on(&part, self.bytes.len(), nest)?;
        }
        if self.too_deep { Err(Halt::Bad(Reason::TooDeep(DEEPEST))) } else { Ok(()) }
    }

    /// Which open multipart's boundary this line is, and whether it is its last.
    fn boundary(&mut self, text: &[u8], next: usize, part: Option<&Part>) -> Option<(usize, bool)> {
        let text = text.strip_prefix(b"--")?.trim_ascii_end();
        for (depth, claimed) in self.boundaries.iter().enumerate().rev() {
            if claimed.iter().any(|boundary| boundary == text) {
                return Some((depth, false));
            }
        }
        for (depth, claimed) in self.boundaries.iter().enumerate().rev() {
            for rest in claimed.iter().filter_map(|boundary| text.strip_prefix(boundary.as_slice())) {
                // Behind it there may be anything but more of another boundary.
                let other = rest.first().is_some_and(u8::is_ascii_alphanumeric);
                if !other {
                    return Some((depth, rest.starts_with(b"--")));
                }
            }
        }
        // No boundary is claimed, or a wrong one: a part can be told by its fields.
        let innermost = self.boundaries.last_mut().filter(|_| part.is_some_and(|part| part.multipart))?;
        let fields = line(self.bytes, next).is_some_and(|(text, _)| begins_with(text, b"content-"));
        if text.is_empty() || !fields {
            return None;
        }
        innermost.push(text.to_vec());
        Some((self.boundaries.len() - 1, false))
    }

    /// Reads the header of a part, and opens it if it is a multipart.
    fn begin(&mut self, at: usize) -> Part {
        let (headers, body) = Headers::read(self.bytes, at);
        let types = headers.types();
        self.number += 1;
        let mut codes: Vec<Code> = headers.encodings().map(Code::of).collect();
        codes.dedup();
        if codes.is_empty() {
            codes.push(Code::Plain);
        }
        let mut multipart = types.iter().any(|value| value.main.starts_with("multipart"));
        if multipart && self.boundaries.len() == DEEPEST {
            (multipart, self.too_deep) = (false, true);
        }
        if multipart {
            let claimed = types.iter().flat_map(|value| value.all("boundary"));
            let claimed = claimed.map(|boundary| boundary.trim_ascii_end().to_vec());
            self.boundaries.push(claimed.filter(|boundary| !boundary.is_empty()).take(MOST_CLAIMS).collect());
        }
        let charset = types.iter().find_map(|value| value.all("charset").into_iter().next());
        Part {
            name: headers.name(&types),
            kind: types.into_iter().next().map(|value| value.main).unwrap_or_default(),
            charset: charset.unwrap_or_default(),
            codes,
            body,
            number: self.number,
            multipart,
        }
    }

    fn hand_on(&self, part: &Part, end: usize, nest: &mut Nest<'_>) -> Opening {
        let body: &'a [u8] = self.bytes.get(part.body..end).unwrap_or_default();
        if body.trim_ascii().is_empty() {
            return Ok(());
        }
        for code in &part.codes {
            match code {
                Code::Base64 => self.decoded(part, || Decoded::new(body, Base64::default()), nest)?,
                Code::Quoted => self.decoded(part, || Decoded::new(body, Quoted::default()), nest)?,
                Code::Uuencode => uuencode::blocks(body, nest)?,
                Code::Plain => self.plain(part, body, nest)?,
            }
        }
        Ok(())
    }

    fn decoded<R: Read>(&self, part: &Part, reader: impl Fn() -> R, nest: &mut Nest<'_>) -> Opening {
        let name = part.name();
        if !part.is_text() {
            return nest.member(&name, &mut reader());
        }
        let mut begin = Vec::new();
        reader().take(256).read_to_end(&mut begin)?;
        match Converted::new(&part.charset, &begin, reader()) {
            Ok(mut text) => nest.member(&name, &mut text),
            Err(mut bytes) => nest.member(&name, &mut bytes),
        }
    }

    fn plain(&self, part: &Part, body: &'a [u8], nest: &mut Nest<'_>) -> Opening {
        if part.is_message() {
            let (headers, _) = Headers::read(body, beginning(body));
            let subject = headers.subject.first().map(|subject| words::decode(subject.trim_ascii()));
            let subject = subject.filter(|subject| !subject.trim().is_empty()).unwrap_or("attached".into());
            let name = part.name.clone().unwrap_or_else(|| format!("{subject}.eml"));
            nest.bytes(&name, body)?;
            // One with few fields is told by nothing but its being here.
            let messages = self.messages + 1;
            return match is(body) {
                true => Ok(()),
                false if messages > DEEPEST => Err(Halt::Bad(Reason::TooDeep(DEEPEST))),
                false => Walk { bytes: body, boundaries: vec![], number: 0, messages, too_deep: false }.go(nest),
            };
        }
        if !part.is_text() && !part.multipart {
            return nest.bytes(&part.name(), body);
        }
        let foreign =
            !body.is_ascii() || begins_with(&part.charset, b"iso-2022") || begins_with(&part.charset, b"utf-16");
        if let Ok(mut text) = Converted::new(&part.charset, body.get(..256).unwrap_or(body), body)
            && foreign
            && !part.multipart
        {
            nest.member(&part.name(), &mut text)?;
        }
        match Kind::of(&mut Source::bytes(body.trim_ascii_start()))? {
            None | Some(Kind::Uuencode) => uuencode::blocks(body, nest),
            Some(_) => nest.bytes(&part.name(), body.trim_ascii_start()),
        }
    }
}

impl Part {
    fn is_text(&self) -> bool {
        self.name.is_none() && (self.kind.is_empty() || self.kind.starts_with("text"))
    }

    fn is_message(&self) -> bool {
        matches!(self.kind.as_str(), "message/rfc822" | "message/global" | "message/news")
    }

    /// The file's name, or what it is and the how-many-eth part.
    fn name(&self) -> String {
        let kind = match self.kind.as_str() {
            "" | "text" | "text/plain" => "text",
            "text/html" => "html",
            _ => "part",
        };
        let number = self.number;
        self.name
            .clone()
            .unwrap_or_else(|| if kind == "part" || number > 3 { format!("{kind}-{number}") } else { kind.into() })
    }
}

#[cfg(test)]
mod tests;
