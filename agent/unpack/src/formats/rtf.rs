//! RTF: what is embedded stands in it as hexadecimal digits, in `\objdata` and `\datastore`
//! groups ([MS-OLEDS] 2.2 for what these hold). Malware strews blanks, control words and
//! groups among the digits, since Word reads over them; so does this.

use crate::Reason;
use crate::nest::{Nest, Opening};
use crate::source::Source;

/// Objects of one document.
const MOST_OBJECTS: usize = 10_000;

/// Word takes less than the whole signature.
pub(crate) fn is(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(b"{\\rt")
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let Some(bytes) = source.whole() else {
        return nest.missed("", Reason::Unsupported("RTF of this size"));
    };
    let (mut from, mut number) = (0, 0);
    while let Some((at, word)) = next_object(bytes, from).filter(|_| number < MOST_OBJECTS) {
        nest.tick()?;
        number += 1;
        let (data, used) = digits(&bytes[at + word..]);
        from = at + word + used.max(1);
        let (class, content) = native(&data).unwrap_or((String::new(), &data));
        let name = if class.is_empty() { format!("object-{number}") } else { format!("object-{number} {class}") };
        if !content.is_empty() {
            nest.bytes(&name, content)?;
        }
    }
    Ok(())
}

/// Where the next group with data is, and how long its control word.
fn next_object(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    const WORDS: [&[u8]; 2] = [b"\\objdata", b"\\datastore"];
    let rest = bytes.get(from..)?;
    WORDS.iter().filter_map(|word| Some((from + memchr::memmem::find(rest, word)?, word.len()))).min()
}

/// The bytes that digits spell until their group ends, and how much of the text they took.
fn digits(text: &[u8]) -> (Vec<u8>, usize) {
    let (mut bytes, mut half, mut depth, mut at) = (Vec::new(), None, 0_usize, 0);
    while let Some(&b) = text.get(at) {
        at += 1;
        match b {
            b'{' => depth += 1,
            b'}' if depth == 0 => return (bytes, at),
            b'}' => depth -= 1,
            b'\\' => at += control(&text[at..], &mut bytes),
            // In a group of its own there is nothing of the object.
            _ if depth > 0 => {}
            b => {
                let Some(digit) = char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok()) else { continue };
                match half.take() {
                    Some(high) => bytes.push(high << 4 | digit),
                    None => half = Some(digit),
                }
            }
        }
    }
    (bytes, at)
}

/// Passes a control word or symbol; `\bin` is followed by bytes as they are.
fn control(text: &[u8], bytes: &mut Vec<u8>) -> usize {
    let letters = text.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    if letters == 0 {
        // A symbol, or a character by its number.
        return if text.first() == Some(&b'\'') { 3.min(text.len()) } else { 1.min(text.len()) };
    }
    let rest = &text[letters..];
    let number = rest.iter().take_while(|b| b.is_ascii_digit() || **b == b'-').count();
    let blank = usize::from(rest.get(number) == Some(&b' '));
    let used = letters + number + blank;
    if &text[..letters] == b"bin" {
        let len = std::str::from_utf8(&rest[..number]).ok().and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        let content = text.get(used..).map(|rest| rest.get(..len).unwrap_or(rest)).unwrap_or_default();
        bytes.extend_from_slice(content);
        return used + content.len();
    }
    used
}

/// The class and native data of an embedded object: version, format, class, two names, size.
fn native(data: &[u8]) -> Option<(String, &[u8])> {
    let u32_at = |at: usize| data.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    if u32_at(4)? != 2 {
        return None;
    }
    let mut at = 8;
    let mut class = None;
    for _ in 0..3 {
        let len = usize::try_from(u32_at(at)?).ok()?;
        let text = data.get(at + 4..(at + 4).checked_add(len)?)?;
        class.get_or_insert_with(|| String::from_utf8_lossy(text.strip_suffix(&[0]).unwrap_or(text)).into_owned());
        at += 4 + len;
    }
    let size = usize::try_from(u32_at(at)?).ok()?;
    let content = data.get(at + 4..)?;
    Some((class?, content.get(..size).unwrap_or(content)))
}

#[cfg(test)]
mod tests {
    use crate::samples::{CONTENT, Heard, sample, torment};

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    fn object(class: &str, content: &[u8]) -> Vec<u8> {
        let mut data = [1_u32.to_le_bytes(), 2_u32.to_le_bytes()].concat();
        let class = [class.as_bytes(), &[0]].concat();
        for text in [&class[..], b"", b""] {
            data.extend(u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
            data.extend(text);
        }
        data.extend(u32::try_from(content.len()).unwrap_or(0).to_le_bytes());
        data.extend(content);
        data
    }

    #[test]
    fn embedded_objects_are_opened_however_they_are_written() {
        let digits = hex(&object("Package", &sample("sample.zip")));
        let inside = "object-1 Package!/docs/invoice.js";
        for (begin, end) in [("{\\rtf1{\\object\\objemb{\\*\\objdata ", "}}}"), ("{\\rt\n{\\*\\objdata\r\n", "")] {
            Heard::of(format!("{begin}{digits}{end}").as_bytes()).holds(inside);
        }
        let strewn: String = digits
            .as_bytes()
            .chunks(7)
            .map(|part| {
                format!("{} \r\n{{\\*\\unknown 4142}}\\par \\'41\t", String::from_utf8_lossy(part).to_uppercase())
            })
            .collect();
        let whole = format!("{{\\rtf1{{\\object{{\\*\\objdata {strewn}}}}}}}").into_bytes();
        let heard = Heard::of(&whole);
        heard.holds(inside);
        assert_eq!(heard.missed, []);
        torment(&whole);
    }

    #[test]
    fn binary_data_and_objects_without_a_header_are_taken_as_they_are() {
        let raw = format!("{{\\rtf1{{\\*\\objdata {}}}}}", hex(CONTENT.as_bytes()));
        Heard::of(raw.as_bytes()).holds("object-1");
        let bin = format!("{{\\rtf1{{\\*\\objdata \\bin{} {CONTENT}}}}}", CONTENT.len());
        Heard::of(bin.as_bytes()).holds("object-1");
        Heard::of(b"{\\rtf1 just text}").is_nothing();
        torment(b"{\\rtf1{\\*\\objdata \\bin99999999999999999999 x}");
    }
}
