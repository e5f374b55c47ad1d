//! RTF: what is embedded stands in it as hexadecimal digits, in `\objdata` and `\datastore`
//! groups ([MS-OLEDS] 2.2 for what these hold). Malware strews blanks, control words, groups
//! and odd digits among them, since Word reads over these; so does this. The groups are
//! searched for in the bytes, whatever surrounds them: Word and malware agree on less.

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use crate::text;

/// Words in front of data.
const OBJECTS: [&[u8]; 2] = [b"objdata", b"datastore"];
/// Groups that begin with one of these hold text for another purpose, not digits.
const DESTINATIONS: [&[u8]; 8] =
    [b"objclass", b"objname", b"objalias", b"objsect", b"result", b"pict", b"fonttbl", b"info"];
/// Bytes of one object; more is named.
const LARGEST: usize = 64 << 20;
/// The beginning of an OLE compound file.
const COMPOUND: &[u8] = b"\xd0\xcf\x11\xe0";

/// Word takes less than the whole signature.
pub(crate) fn is(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    head.trim_ascii_start().starts_with(b"{\\rt")
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let bytes = source.whole().ok_or(Halt::Bad(Reason::TooLarge(source.len())))?;
    let (mut from, mut number) = (0, 0_usize);
    while let Some(at) = next_object(bytes, from) {
        nest.tick()?;
        let mut digits = Digits::new(bytes, at, false);
        digits.read();
        from = digits.at;
        // Readers disagree on what an escape does to half a byte: the reading with a sense wins.
        if digits.doubtful && embedded(&digits.out).is_none() {
            let mut other = Digits::new(bytes, at, true);
            other.read();
            if embedded(&other.out).is_some() {
                digits = other;
            }
        }
        if digits.out.is_empty() {
            continue;
        }
        number += 1;
        let name = format!("object-{number}");
        hand_on(&name, &digits.out, nest)?;
        if digits.cut {
            nest.missed(&name, Reason::TooLarge(LARGEST as u64))?;
        }
    }
    Ok(())
}

fn hand_on(name: &str, data: &[u8], nest: &mut Nest<'_>) -> Opening {
    let Some(object) = embedded(data) else { return nest.bytes(name, data) };
    if object.class.eq_ignore_ascii_case(b"package")
        && let Some((label, content)) = package(object.content)
    {
        return nest.bytes(&label, content);
    }
    let class = text::name(object.class);
    nest.bytes(&if class.is_empty() { name.to_owned() } else { format!("{name} {class}") }, object.content)
}

/// Behind the next word in front of data.
fn next_object(bytes: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr::memmem::find(bytes.get(from..)?, b"\\")? + 1;
        from = at;
        let rest = bytes.get(at..)?;
        let found = OBJECTS.iter().find(|word| is_word(rest, word));
        if let Some(word) = found {
            return Some(at + word.len());
        }
    }
}

/// Whether the control word here is this one, and not a longer one.
fn is_word(rest: &[u8], word: &[u8]) -> bool {
    rest.starts_with(word) && !rest.get(word.len()).is_some_and(u8::is_ascii_alphabetic)
}

/// Reads the digits of one object.
struct Digits<'a> {
    bytes: &'a [u8],
    at: usize,
    out: Vec<u8>,
    half: Option<u8>,
    /// Groups that are open, and how many of them are when digits count no more.
    depth: usize,
    ignored: Option<usize>,
    /// Whether an escape takes half a byte with it.
    escapes_drop: bool,
    /// An escape stood behind half a byte.
    doubtful: bool,
    cut: bool,
}

impl<'a> Digits<'a> {
    /// Behind the word itself: its number is none of the digits.
    fn new(bytes: &'a [u8], at: usize, escapes_drop: bool) -> Self {
        let rest = bytes.get(at..).unwrap_or_default();
        let number = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
        let out = Vec::new();
        Self {
            bytes,
            at: at + number,
            out,
            half: None,
            depth: 0,
            ignored: None,
            escapes_drop,
            doubtful: false,
            cut: false,
        }
    }

    /// To the end of its group, or to the next object.
    fn read(&mut self) {
        while let Some(&b) = self.bytes.get(self.at) {
            self.at += 1;
            match b {
                b'{' => self.depth += 1,
                b'}' if self.depth == 0 => return,
                b'}' => {
                    if self.ignored == Some(self.depth) {
                        self.ignored = None;
                    }
                    self.depth -= 1;
                }
                b'\\' => {
                    let rest = self.bytes.get(self.at..).unwrap_or_default();
                    if OBJECTS.iter().any(|word| is_word(rest, word)) {
                        self.at -= 1;
                        return;
                    }
                    self.control(rest);
                }
                _ if self.ignored.is_some() => {}
                b => self.digit(b),
            }
        }
    }

    fn digit(&mut self, b: u8) {
        let Some(digit) = char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else { return };
        match self.half.take() {
            Some(_) if self.out.len() == LARGEST => self.cut = true,
            Some(high) => self.out.push(high << 4 | digit),
            None => self.half = Some(digit),
        }
    }

    /// Passes a control word or symbol; `\bin` is followed by bytes as they are.
    fn control(&mut self, rest: &[u8]) {
        let letters = rest.iter().take_while(|b| b.is_ascii_alphabetic()).count();
        let (word, after) = rest.split_at(letters);
        if word.is_empty() {
            let escape = after.first() == Some(&b'\'');
            self.at += if escape { 3.min(after.len()) } else { 1.min(after.len()) };
            if escape && self.half.is_some() {
                self.doubtful = true;
                self.half = self.half.filter(|_| !self.escapes_drop);
            }
            // A group that a reader may pass over if it does not know it: this one does not.
            if after.first() == Some(&b'*') && self.depth > 0 {
                self.ignored.get_or_insert(self.depth);
            }
            return;
        }
        if self.depth > 0 && DESTINATIONS.contains(&word) {
            self.ignored.get_or_insert(self.depth);
        }
        let number = after.iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
        let (number, after) = after.split_at(number);
        let blank = usize::from(after.first() == Some(&b' '));
        self.at += letters + number.len() + blank;
        if word == b"bin" {
            let len = std::str::from_utf8(number).ok().and_then(|number| number.parse::<usize>().ok()).unwrap_or(0);
            let content = after.get(blank..).unwrap_or_default();
            let content = content.get(..len).unwrap_or(content);
            self.at += content.len();
            let room = LARGEST.saturating_sub(self.out.len());
            self.cut |= content.len() > room;
            self.out.extend_from_slice(content.get(..room).unwrap_or(content));
        }
    }
}

/// An object as RTF holds it.
struct Embedded<'a> {
    class: &'a [u8],
    content: &'a [u8],
}

/// Version, format (which must be 2), class, topic, item, and the native data. Word does not
/// look at the version, nor does malware set it.
fn embedded(data: &[u8]) -> Option<Embedded<'_>> {
    if u32_at(data, 4)? != 2 {
        return None;
    }
    let (class, at) = string(data, 8)?;
    let (_, at) = string(data, at)?;
    let (_, at) = string(data, at)?;
    let size = usize::try_from(u32_at(data, at)?).ok()?;
    let content = data.get(at + 4..).filter(|content| !content.is_empty())?;
    // What is behind it belongs to a picture, except where the size is a lie.
    let lie = size < 4 || content.starts_with(COMPOUND);
    Some(Embedded { class, content: content.get(..size).filter(|_| !lie).unwrap_or(content) })
}

fn u32_at(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

/// A text with its length before it and a zero at its end, and where the next begins.
fn string(data: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let end = (at + 4).checked_add(usize::try_from(u32_at(data, at)?).ok()?)?;
    let text = data.get(at + 4..end)?;
    Some((text.split(|b| *b == 0).next().unwrap_or_default(), end))
}

/// A file in a package ([MS-OLEDS] 2.3.6 names it, others describe it): 2, label, path, two
/// words, the path of a temporary copy, and the content.
fn package(data: &[u8]) -> Option<(String, &[u8])> {
    let rest = data.strip_prefix(&[2, 0])?;
    let mut texts = rest.splitn(3, |b| *b == 0);
    let (label, path, rest) = (texts.next()?, texts.next()?, texts.next()?);
    let (_, at) = string(rest, 4)?;
    let size = usize::try_from(u32_at(rest, at)?).ok()?;
    let content = rest.get(at + 4..)?;
    let label = if label.is_empty() { path } else { label };
    Some((text::name(label), content.get(..size).unwrap_or(content)))
}

#[cfg(test)]
mod tests {
    use super::LARGEST;
    use crate::samples::{CONTENT, Heard, sample, torment};
    use crate::{Limits, Reason};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn texts(all: &[&[u8]]) -> Vec<u8> {
        all.iter().flat_map(|text| [&u32::try_from(text.len()).unwrap_or(0).to_le_bytes(), *text].concat()).collect()
    }

    fn object(class: &str, content: &[u8]) -> Vec<u8> {
        let class = [class.as_bytes(), &[0]].concat();
        [&[1, 5, 0, 0, 2, 0, 0, 0], &texts(&[&class, b"", b"", content])[..]].concat()
    }

    fn rtf(digits: &str) -> Vec<u8> {
        format!("{{\\rtf1{{\\object{{\\*\\objdata {digits}}}}} text}}").into_bytes()
    }

    #[test]
    fn embedded_objects_are_opened_however_they_are_written() {
        let digits = hex(&object("Word.Document.8", &sample("sample.zip")));
        let inside = "object-1 Word.Document.8!/docs/invoice.js";
        let strewn = |between: &str| -> String {
            digits.as_bytes().chunks(6).map(|part| format!("{}{between}", String::from_utf8_lossy(part))).collect()
        };
        for text in [
            digits.to_uppercase(),
            strewn(" \r\n\t"),
            strewn("{\\*\\unknown 4142}"),
            strewn("{\\*\\x{\\y 41}{}42}\\par "),
            strewn("\\'41\\ud1\\~"),
            strewn("{\\object}{\\objclass 4}"),
            format!("{{{{{}}}}}", strewn("{}")),
            // Half a byte too many, at an escape.
            digits.replacen("05", "0\\'ff05", 1),
            format!("{digits}a"),
        ] {
            let whole = rtf(&text);
            let heard = Heard::of(&whole);
            heard.holds(inside);
            assert_eq!(heard.missed, [], "{text}");
        }
        for (begin, end) in
            [("{\\rt\n{\\objdata\r\n", ""), (" \n{\\rtf{\\*\\objdata0 ", "}}"), ("{\\rt\\objdata-12 ", "")]
        {
            Heard::of(format!("{begin}{digits}{end}").as_bytes()).holds(inside);
        }
        // Another one begins within one that does not end.
        let second = format!("{{\\rtf1{{\\*\\objdata 4141{{\\*\\objdata {digits}");
        Heard::of(second.as_bytes()).holds("object-2 Word.Document.8!/docs/invoice.js");
        torment(&rtf(&strewn("{\\*\\x \\bin3 }}}\\'41}")));
    }

    #[test]
    fn packages_give_up_their_file() {
        let content = texts(&[b"C:\\a.js\0", CONTENT.as_bytes()]);
        let data = [b"\x02\0a.js\0C:\\a.js\0\0\0\x03\0", &content[..]].concat();
        Heard::of(&rtf(&hex(&object("Package", &data)))).holds("a.js");
        Heard::of(&rtf(&hex(&object("Package", CONTENT.as_bytes())))).holds("object-1 Package");
    }

    #[test]
    fn what_has_no_header_is_taken_as_it_is() {
        Heard::of(&rtf(&hex(CONTENT.as_bytes()))).holds("object-1");
        Heard::of(&rtf(&format!("\\bin{} {CONTENT}", CONTENT.len()))).holds("object-1");
        Heard::of(format!("{{\\rtf1{{\\*\\datastore {}}}}}", hex(CONTENT.as_bytes())).as_bytes()).holds("object-1");
        for text in ["{\\rtf1 just text}", "{\\rtf1{\\*\\objdata }}", "{\\rtf1{\\objdatax 4142}}", "{\\rt"] {
            let heard = Heard::of(text.as_bytes());
            assert_eq!((heard.members.len(), heard.missed.len()), (0, 0), "{text}");
        }
    }

    #[test]
    fn sizes_that_are_lies_change_nothing() {
        for number in ["99999999999999999999", "-1", "4294967295", ""] {
            Heard::of(format!("{{\\rtf1{{\\*\\objdata 4142\\bin{number} {CONTENT}").as_bytes());
        }
        let mut data = object("Package", &[b"\xd0\xcf\x11\xe0", CONTENT.as_bytes()].concat());
        let at = data.len() - CONTENT.len() - 8;
        for size in [0_u32, 1, 7, u32::MAX] {
            data[at..at + 4].copy_from_slice(&size.to_le_bytes());
            Heard::of(&rtf(&hex(&data))).holds("object-1 Package");
        }
    }

    #[test]
    fn very_many_and_very_large_ones_end() {
        Heard::of("{\\rtf1{\\*\\objdata ".repeat(200_000).as_bytes());
        let many = Heard::of("{\\rt{\\*\\objdata 41}".repeat(20_000).as_bytes());
        assert!(many.members.len() >= 10_000);
        let large = rtf(&"41".repeat(LARGEST + 1));
        let heard = Heard::within(&large, &Limits::default());
        assert_eq!(heard.missed, [("object-1".into(), Reason::TooLarge(LARGEST as u64))]);
    }
}
