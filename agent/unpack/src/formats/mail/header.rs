//! Header fields of a mail or a part: only those that say how its body is read. Read as mail
//! programs do, which is more forgiving than RFC 5322, 2045 and 2231.

use super::words;
use crate::formats::coder::line;

/// Bytes of one field that are kept; a name in Chinese takes a hundred.
const LONGEST_FIELD: usize = 16 << 10;
/// Fields of each kind, and parameters of a field. Malware repeats them, since of two
/// boundaries each program believes another one.
const MOST: usize = 8;
const MOST_PARAMETERS: usize = 100;

/// The fields that matter, unfolded.
#[derive(Debug, Default)]
pub(super) struct Headers {
    types: Vec<Vec<u8>>,
    encodings: Vec<Vec<u8>>,
    dispositions: Vec<Vec<u8>>,
    pub(super) subject: Vec<Vec<u8>>,
}

/// What a field holds: `multipart/mixed`, and what stands behind the semicolons.
#[derive(Debug, Default)]
pub(super) struct Value {
    pub(super) main: String,
    parameters: Vec<(String, Vec<u8>)>,
}

impl Headers {
    /// Those that begin at `at`, and where the body begins.
    pub(super) fn read(bytes: &[u8], mut at: usize) -> (Self, usize) {
        let mut headers = Self::default();
        let mut field: Option<&mut Vec<u8>> = None;
        while let Some((text, next)) = line(bytes, at) {
            if text.is_empty() {
                return (headers, next);
            }
            if text.starts_with(b" ") || text.starts_with(b"\t") {
                if let Some(field) = field.as_mut() {
                    extend(field, text);
                }
            } else if let Some((name, value)) = field_of(text) {
                field = headers.field(name);
                if let Some(field) = field.as_mut() {
                    extend(field, value);
                }
            } else if !line(bytes, next).is_some_and(|(text, _)| begins_with(text, b"content-")) {
                // The empty line is missing. A stray line within the fields is passed over.
                return (headers, at);
            }
            at = next;
        }
        (headers, at)
    }

    fn field(&mut self, name: &[u8]) -> Option<&mut Vec<u8>> {
        let fields = if name.eq_ignore_ascii_case(b"content-type") {
            &mut self.types
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            &mut self.encodings
        } else if name.eq_ignore_ascii_case(b"content-disposition") {
            &mut self.dispositions
        } else if name.eq_ignore_ascii_case(b"subject") {
            &mut self.subject
        } else {
            return None;
        };
        if fields.len() == MOST {
            return None;
        }
        fields.push(Vec::new());
        fields.last_mut()
    }

    /// All that are given; usually one.
    pub(super) fn types(&self) -> Vec<Value> {
        self.types.iter().map(|field| Value::read(field)).collect()
    }

    pub(super) fn encodings(&self) -> impl Iterator<Item = &[u8]> {
        self.encodings.iter().map(Vec::as_slice)
    }

    /// The file name, from wherever it is given.
    pub(super) fn name(&self, types: &[Value]) -> Option<String> {
        let dispositions = self.dispositions.iter().map(|field| Value::read(field));
        let names = dispositions.filter_map(|value| value.text("filename"));
        names.chain(types.iter().filter_map(|value| value.text("name"))).find(|name| !name.trim().is_empty())
    }
}

/// Name and value of a line that is a header field. Blanks before the colon are forgiven.
pub(super) fn field_of(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    let valid = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    valid.then(|| (name, line.get(colon + 1..).unwrap_or_default()))
}

pub(super) fn begins_with(line: &[u8], lower: &[u8]) -> bool {
    line.get(..lower.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(lower))
}

fn extend(field: &mut Vec<u8>, more: &[u8]) {
    let room = LONGEST_FIELD.saturating_sub(field.len());
    field.extend_from_slice(more.get(..room).unwrap_or(more));
}

impl Value {
    fn read(field: &[u8]) -> Self {
        let end = field.trim_ascii_start().iter().position(|b| *b == b';' || b.is_ascii_whitespace());
        let field = field.trim_ascii_start();
        let (main, mut rest) = field.split_at(end.unwrap_or(field.len()));
        let mut value = Self { main: String::from_utf8_lossy(main).to_ascii_lowercase(), parameters: vec![] };
        while value.parameters.len() < MOST_PARAMETERS {
            let blank = rest.iter().take_while(|b| **b == b';' || b.is_ascii_whitespace()).count();
            rest = rest.get(blank..).unwrap_or_default();
            let name = rest.iter().take_while(|b| **b != b'=' && **b != b';' && !b.is_ascii_whitespace()).count();
            let (name, after) = rest.split_at(name);
            if name.is_empty() && after.is_empty() {
                break;
            }
            let after = after.trim_ascii_start();
            let Some(after) = after.strip_prefix(b"=") else {
                // Words without a value: comments and the like.
                rest = after;
                continue;
            };
            let (text, after) = parameter(after.trim_ascii_start());
            value.parameters.push((String::from_utf8_lossy(name).to_ascii_lowercase(), text));
            rest = after;
        }
        value
    }

    /// All values of this name: where there are several, each is somebody's.
    pub(super) fn all(&self, name: &str) -> Vec<Vec<u8>> {
        let mut all: Vec<_> =
            self.parameters.iter().filter(|(given, _)| given == name).map(|(_, value)| value.clone()).collect();
        all.extend(self.continued(name).map(|(_, bytes)| bytes));
        all
    }

    /// The value of this name as text, encoded in any of the ways there are.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        if let Some((charset, bytes)) = self.continued(name) {
            return Some(words::text(&charset, &bytes));
        }
        self.parameters.iter().find(|(given, _)| given == name).map(|(_, value)| words::decode(value))
    }

    /// `name*`, or `name*0` and so on (RFC 2231): the charset, and the bytes.
    fn continued(&self, name: &str) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut pieces: Vec<(u32, bool, &[u8])> = Vec::new();
        for (given, value) in &self.parameters {
            let Some(rest) = given.strip_prefix(name).and_then(|rest| rest.strip_prefix('*')) else { continue };
            let number = rest.strip_suffix('*').unwrap_or(rest);
            let encoded = rest.is_empty() || number.len() < rest.len();
            if let Ok(number) = if rest.is_empty() { Ok(0) } else { number.parse() } {
                pieces.push((number, encoded, value));
            }
        }
        pieces.sort_by_key(|(number, ..)| *number);
        let (mut charset, mut bytes) = (Vec::new(), Vec::new());
        for (at, (_, encoded, value)) in pieces.iter().enumerate() {
            if !encoded {
                bytes.extend_from_slice(value);
                continue;
            }
            let mut parts = value.splitn(3, |b| *b == b'\'');
            match (parts.next(), parts.next(), parts.next()) {
                (Some(given), Some(_), Some(text)) if at == 0 => {
                    charset = given.to_vec();
                    bytes.extend(words::unescape(text, b'%'));
                }
                _ => bytes.extend(words::unescape(value, b'%')),
            }
        }
        (!pieces.is_empty()).then_some((charset, bytes))
    }
}

/// A parameter's value, and what is behind it. Without quotes it may hold blanks: names do.
fn parameter(text: &[u8]) -> (Vec<u8>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = memchr::memchr(b';', text).unwrap_or(text.len());
        let (value, rest) = text.split_at(end);
        return (value.trim_ascii().to_vec(), rest);
    };
    let (mut value, mut at) = (Vec::new(), 0);
    while let Some(&b) = quoted.get(at) {
        at += 1;
        match (b, quoted.get(at)) {
            (b'"', _) => break,
            // The paths of Windows have backslashes that quote nothing.
            (b'\\', Some(&next @ (b'"' | b'\\'))) => {
                value.push(next);
                at += 1;
            }
            _ => value.push(b),
        }
    }
    (value, quoted.get(at..).unwrap_or_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(fields: &str) -> Option<String> {
        let (headers, _) = Headers::read(fields.as_bytes(), 0);
        headers.name(&headers.types())
    }

    #[test]
    fn names_are_read_in_every_way_they_are_written() {
        for fields in [
            "Content-Type: x/y; name=\"发票.js\"",
            "content-disposition : attachment; FILENAME=发票.js",
            "Content-Disposition: attachment;\n filename=\"=?GBK?B?t6LGsQ==?=.js\"",
            "Content-Disposition: attachment;\n filename==?utf-8?Q?=E5=8F=91=E7=A5=A8.js?=",
            "Content-Disposition: attachment; filename*=gb18030'zh'%B7%A2%C6%B1.js",
            "Content-Disposition: attachment; filename*1*=%A8.js; filename*0*=utf-8''%E5%8F%91%E7%A5",
            "Content-Disposition: attachment; filename*0=发; filename*1=\"票.js\"",
            "Content-Disposition: attachment filename=\"发票.js\"",
            "Content-Disposition: attachment\nstray line\nContent-Type: x/y; (comment) name=发票.js",
        ] {
            assert_eq!(name(fields).as_deref(), Some("发票.js"), "{fields}");
        }
        let raw = b"Content-Type: x/y; name=\"\xb7\xa2\xc6\xb1.js\"";
        let (headers, _) = Headers::read(raw, 0);
        assert_eq!(headers.name(&headers.types()).unwrap(), "发票.js");
        assert_eq!(name("Content-Type: x/y; name=\"a\\b \\\"c\\\".js\"; x=y").unwrap(), "a\\b \"c\".js");
        assert_eq!(name("Content-Type: x/y; name=; filename"), None);
    }

    #[test]
    fn the_body_begins_behind_the_empty_line_or_where_no_field_is() {
        for (text, body) in [("A: b\n\nbody", 6), ("A: b\r\rbody", 6), ("A: b\nbody", 5), ("A: b\n--x\n", 5), ("", 0)] {
            assert_eq!(Headers::read(text.as_bytes(), 0).1, body, "{text}");
        }
    }

    #[test]
    fn a_field_without_end_is_bounded() {
        let long = format!("Content-Type: x/y; name={}\n\n", "a".repeat(1 << 20));
        let many = format!("Content-Type: x/y{}\n\n", ";a=b".repeat(1 << 18));
        for text in [long, many, "Content-Type: a\n".repeat(1000)] {
            let (headers, _) = Headers::read(text.as_bytes(), 0);
            let types = headers.types();
            assert!(types.len() <= MOST && types[0].parameters.len() <= MOST_PARAMETERS);
        }
    }
}
