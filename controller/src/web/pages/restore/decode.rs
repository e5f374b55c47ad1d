//! What the beginning of a file is to a reader: a picture, a text in one of the two encodings that
//! are met here, or neither.

use encoding_rs::{GB18030, UTF_16BE, UTF_16LE};
use std::borrow::Cow;

/// What can be shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Shown {
    /// A picture of this type. Only types that carry no script are here.
    Picture(&'static str),
    /// A text, and the name of its encoding.
    Text(String, &'static str),
    /// Nothing for a page.
    Nothing,
}

/// Looks at the beginning of a file; `cut`: there is more of it.
pub fn look(bytes: &[u8], cut: bool) -> Shown {
    if let Some(kind) = picture(bytes) {
        return Shown::Picture(kind);
    }
    match text(bytes, cut) {
        Some((text, encoding)) => Shown::Text(text, encoding),
        None => Shown::Nothing,
    }
}

/// By the first bytes, whatever its name says.
pub fn picture(bytes: &[u8]) -> Option<&'static str> {
    let begins = |with: &[u8]| bytes.starts_with(with);
    if begins(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if begins(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if begins(b"GIF87a") || begins(b"GIF89a") {
        Some("image/gif")
    } else if begins(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

fn text(bytes: &[u8], cut: bool) -> Option<(String, &'static str)> {
    for (mark, encoding, name) in [(b"\xff\xfe", UTF_16LE, "UTF-16"), (b"\xfe\xff", UTF_16BE, "UTF-16")] {
        if bytes.starts_with(mark) {
            let (text, _) = encoding.decode_without_bom_handling(&bytes[2..]);
            return Some((text.into_owned(), name));
        }
    }
    if bytes.contains(&0) {
        return None;
    }
    if let Some(text) = utf8(bytes, cut) {
        return Some((text.trim_start_matches('\u{feff}').to_owned(), "UTF-8"));
    }
    // A character of it may be cut at the end: of four bytes at most.
    (0..if cut { 4 } else { 1 })
        .filter_map(|less| bytes.get(..bytes.len().checked_sub(less)?))
        .find_map(|whole| GB18030.decode_without_bom_handling_and_without_replacement(whole))
        .filter(|text| is_read(text))
        .map(|text| (Cow::into_owned(text), "GB18030"))
}

fn utf8(bytes: &[u8], cut: bool) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) if cut && error.error_len().is_none() => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
        Err(_) => None,
    }
}

/// Almost any bytes are GB18030; a text has few that control something.
fn is_read(text: &str) -> bool {
    let odd = text.chars().filter(|c| c.is_control() && !"\t\r\n\u{c}".contains(*c)).count();
    odd * 100 <= text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_read_in_both_encodings() {
        let chinese = "年度报告：收入与支出\r\n";
        let (gb, ..) = GB18030.encode(chinese);
        for (bytes, text, encoding) in [
            (&b"plain"[..], "plain", "UTF-8"),
            (b"", "", "UTF-8"),
            (chinese.as_bytes(), chinese, "UTF-8"),
            (b"\xef\xbb\xbfmarked", "marked", "UTF-8"),
            (&gb, chinese, "GB18030"),
            (b"\xff\xfea\0b\0", "ab", "UTF-16"),
        ] {
            assert_eq!(look(bytes, false), Shown::Text(text.into(), encoding));
        }
        // Cut within a character.
        let bytes = chinese.as_bytes();
        assert_eq!(look(&bytes[..4], true), Shown::Text("年".into(), "UTF-8"));
        assert_eq!(look(&gb[..3], true), Shown::Text("年".into(), "GB18030"));
    }

    #[test]
    fn pictures_are_known_by_their_bytes_and_a_page_is_none() {
        for (bytes, shown) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], Shown::Picture("image/png")),
            (b"\xff\xd8\xff\xe0", Shown::Picture("image/jpeg")),
            (b"GIF89a..", Shown::Picture("image/gif")),
            (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Shown::Picture("image/webp")),
            (b"RIFF\x00\x00\x00\x00WAVE", Shown::Nothing),
            (b"\x7fELF\x02\x01\x01\x00", Shown::Nothing),
            (b"\x01\x02\x03\x04\xff", Shown::Nothing),
        ] {
            assert_eq!(look(bytes, false), shown, "{bytes:?}");
        }
        // What could run is text and nothing else.
        for page in ["<html><script>", "<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>"] {
            assert_eq!(look(page.as_bytes(), false), Shown::Text(page.into(), "UTF-8"));
        }
    }
}
