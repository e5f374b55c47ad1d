//! Finds the streams of a document.

use super::filters::Filter;
use super::syntax::{Dictionary, Token, Tokens, reference};
use memchr::memmem;
use std::collections::HashMap;
use std::rc::Rc;

/// Bytes before a stream in which its dictionary begins.
const BEFORE: usize = 16 << 10;
/// Bytes of a value elsewhere that are looked at.
const VALUE: usize = 512;
/// Objects whose places are remembered.
const MOST_OBJECTS: usize = 1 << 20;
/// Bytes that may be gone through again, for each byte of the document.
const AGAIN: usize = 4;
/// And for any.
const FREE: usize = 1 << 20;

/// A stream, as it lies in the document.
pub(super) struct Stream<'a> {
    pub(super) number: u32,
    pub(super) dictionary: Dictionary<'a>,
    pub(super) data: &'a [u8],
    /// Whether an end was found.
    pub(super) ended: bool,
    objects: Rc<Objects<'a>>,
}

impl Stream<'_> {
    pub(super) fn name(&self) -> String {
        format!("object-{}", self.number)
    }

    pub(super) fn filters(&self) -> Vec<Filter> {
        let Some(value) = self.dictionary.value("Filter") else { return vec![] };
        match reference(value).and_then(|object| self.objects.place(object)) {
            Some(at) => {
                let end = |token: &Token<'_>| !matches!(token, Token::Word(b"endobj" | b"]"));
                let tokens: Vec<Token<'_>> =
                    Tokens::new(value_at(self.objects.bytes, at), 0).take_while(end).take(64).collect();
                Filter::named(&tokens, &self.dictionary)
            }
            None => Filter::named(value, &self.dictionary),
        }
    }

    pub(super) fn is_picture(&self) -> bool {
        self.dictionary.says("Subtype", "Image") && self.dictionary.has("Width") && self.dictionary.has("Height")
    }

    pub(super) fn may_be_font(&self) -> bool {
        let kinds = ["Type1C", "CIDFontType0C", "OpenType"];
        self.dictionary.has("Length1") || kinds.iter().any(|kind| self.dictionary.says("Subtype", kind))
    }
}

/// Where objects are that others refer to: looked up only where a stream's own length or
/// filter is such.
struct Objects<'a> {
    bytes: &'a [u8],
    places: std::cell::OnceCell<HashMap<u32, usize>>,
}

impl Objects<'_> {
    /// Behind its `obj`. Of several the last one counts.
    fn place(&self, object: u32) -> Option<usize> {
        let find = || {
            let all = memmem::find_iter(self.bytes, b" obj").take(MOST_OBJECTS);
            all.filter_map(|at| Some((number_before(self.bytes, at)?, at + 4))).collect()
        };
        self.places.get_or_init(find).get(&object).copied()
    }

    fn length(&self, dictionary: &Dictionary<'_>) -> Option<usize> {
        let value = dictionary.value("Length")?;
        let number = match (reference(value), value) {
            (Some(object), _) => match Tokens::new(value_at(self.bytes, self.place(object)?), 0).next()? {
                Token::Number(number) => number,
                _ => return None,
            },
            (None, [Token::Number(number), ..]) => *number,
            _ => return None,
        };
        usize::try_from(number).ok()
    }
}

/// A short value, and what is behind it.
fn value_at(bytes: &[u8], at: usize) -> &[u8] {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.get(..VALUE).unwrap_or(rest)
}

/// The object's number in `12 0 obj`, of which the last blank is at a place.
fn number_before(bytes: &[u8], at: usize) -> Option<u32> {
    let before = bytes.get(at.saturating_sub(24)..at)?.trim_ascii_end();
    let generation = before.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    let before = before.get(..before.len() - generation)?;
    let number = before.trim_ascii_end();
    if generation == 0 || number.len() == before.len() {
        return None;
    }
    let digits = number.iter().rev().take_while(|b| b.is_ascii_digit()).count();
    std::str::from_utf8(number.get(number.len() - digits..)?).ok()?.parse().ok()
}

/// All of them, one after another.
pub(super) struct Streams<'a> {
    objects: Rc<Objects<'a>>,
    begin: memmem::Finder<'static>,
    end: memmem::Finder<'static>,
    at: usize,
    /// Where the last one ended.
    last: usize,
    /// No `endstream` is behind it.
    open_end: bool,
    again: usize,
}

impl<'a> Streams<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let objects = Rc::new(Objects { bytes, places: std::cell::OnceCell::new() });
        let (begin, end) = (memmem::Finder::new(b"stream"), memmem::Finder::new(b"endstream"));
        Self {
            objects,
            begin,
            end,
            at: 0,
            last: 0,
            open_end: false,
            again: bytes.len().saturating_mul(AGAIN).saturating_add(FREE),
        }
    }

    pub(super) fn next(&mut self) -> Option<Stream<'a>> {
        let bytes = self.objects.bytes;
        loop {
            let at = self.at + self.begin.find(bytes.get(self.at..)?)?;
            self.at = at + 6;
            let before = bytes.get(at.saturating_sub(64)..at).unwrap_or_default().trim_ascii_end();
            if !before.ends_with(b">>") || !bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
                continue;
            }
            let (number, dictionary) = self.dictionary(at);
            let start = at + 6 + line_end(bytes.get(at + 6..).unwrap_or_default());
            let (end, known) = self.end_of(start, &dictionary);
            let data = bytes.get(start..end.unwrap_or(bytes.len())).unwrap_or_default();
            // A stream may be a lie around other ones: these are looked for in it, as long as that
            // is not too much.
            let next = end.map_or(bytes.len(), |end| end + 9);
            if !known && self.again >= data.len() {
                self.again -= data.len();
            } else {
                self.at = next.max(self.at);
            }
            self.last = at;
            return Some(Stream { number, dictionary, data, ended: end.is_some(), objects: Rc::clone(&self.objects) });
        }
    }

    /// The dictionary before a place, and the number of its object.
    fn dictionary(&mut self, at: usize) -> (u32, Dictionary<'a>) {
        let bytes = self.objects.bytes;
        let mut from = at.saturating_sub(BEFORE);
        if self.again < BEFORE {
            from = from.max(self.last);
        }
        let mut end = at;
        while let Some(found) = bytes.get(from..end).and_then(|window| memmem::rfind(window, b"obj")) {
            let found = from + found;
            self.again = self.again.saturating_sub(end - found);
            if let Some(number) = number_before(bytes, found) {
                return (number, Dictionary::read(bytes.get(..at).unwrap_or_default(), found + 3));
            }
            if bytes.get(..found).is_some_and(|before| before.ends_with(b"end")) {
                return (0, Dictionary::read(bytes.get(..at).unwrap_or_default(), found + 3));
            }
            end = found;
        }
        self.again = self.again.saturating_sub(end - from);
        (0, Dictionary::read(bytes.get(..at).unwrap_or_default(), from.max(self.last)))
    }

    /// Where a stream ends, if it does, and whether its length says the same.
    fn end_of(&mut self, start: usize, dictionary: &Dictionary<'_>) -> (Option<usize>, bool) {
        let bytes = self.objects.bytes;
        let claimed = self.objects.length(dictionary).and_then(|len| start.checked_add(len));
        let behind = claimed.and_then(|end| bytes.get(end..)).map(|rest| rest.get(..16).unwrap_or(rest));
        if behind.is_some_and(|behind| behind.trim_ascii_start().starts_with(b"endstream")) {
            return (claimed, true);
        }
        if self.open_end {
            return (None, false);
        }
        let found = bytes.get(start..).and_then(|rest| self.end.find(rest)).map(|end| start + end);
        self.open_end = found.is_none();
        (found, false)
    }
}

/// Bytes of the line end behind `stream`.
fn line_end(rest: &[u8]) -> usize {
    let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    match rest.get(blanks..).unwrap_or_default() {
        [b'\r', b'\n', ..] => blanks + 2,
        [b'\n' | b'\r', ..] => blanks + 1,
        _ => 0,
    }
}
