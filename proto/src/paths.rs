//! File names as text, without loss. A name on Linux is bytes; a message, a database and
//! a screen want text. Valid UTF-8 stays as it is, any other byte becomes `\xHH`, and the
//! backslash of a literal `\x` becomes `\x5C`, so that the way back is exact. Whoever chose
//! a name chose what a terminal is sent: [`harmless`] is for showing one.

use std::borrow::Cow;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// The text for a name or path given as bytes.
pub fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&escape_literal(chunk.valid()));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

fn escape_literal(valid: &str) -> Cow<'_, str> {
    if valid.contains("\\x") { Cow::Owned(valid.replace("\\x", "\\x5Cx")) } else { Cow::Borrowed(valid) }
}

/// The bytes for a text made by [`to_text`]. A text that a person typed, with no escape in
/// it, stands for itself.
pub fn to_bytes(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match escaped_byte(&bytes[at..]) {
            Some(escaped) => {
                out.push(escaped);
                at += 4;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

fn escaped_byte(rest: &[u8]) -> Option<u8> {
    let digits = rest.strip_prefix(b"\\x")?.get(..2)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The text for a path.
pub fn of_path(path: &Path) -> String {
    platform::of_path(path)
}

/// The path for a text made by [`of_path`].
pub fn to_path(text: &str) -> PathBuf {
    platform::to_path(text)
}

/// Text with nothing in it that a terminal obeys or that makes it read as other than it is:
/// names of hosts and files are chosen by others.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_treacherous) {
        let tamed = |c: char| if is_treacherous(c) { c.escape_default().to_string() } else { c.into() };
        Cow::Owned(text.chars().map(tamed).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// JSON with such characters escaped, as JSON may: what it says stays exact. They stand in
/// its strings only, since line ends are all that the writer itself puts between.
pub fn harmless_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_treacherous(c) {
            // All of them are in the basic plane: one unit of UTF-16 each.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_treacherous(c: char) -> bool {
    let reorders =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(unix)]
mod platform {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    pub(super) fn of_path(path: &Path) -> String {
        super::to_text(path.as_os_str().as_bytes())
    }

    pub(super) fn to_path(text: &str) -> PathBuf {
        OsString::from_vec(super::to_bytes(text)).into()
    }
}

/// Names are UTF-16 there. What is none (an unpaired surrogate) is shown, not kept.
#[cfg(not(unix))]
mod platform {
    use std::path::{Path, PathBuf};

    pub(super) fn of_path(path: &Path) -> String {
        super::without_marker(&path.to_string_lossy()).into_owned()
    }

    pub(super) fn to_path(text: &str) -> PathBuf {
        text.into()
    }
}

/// As people write it. Windows marks a path that it has resolved itself.
#[cfg(any(not(unix), test))]
fn without_marker(text: &str) -> Cow<'_, str> {
    match (text.strip_prefix(r"\\?\UNC\"), text.strip_prefix(r"\\?\")) {
        (Some(share), _) => Cow::Owned(format!(r"\\{share}")),
        (None, Some(disk)) if disk.as_bytes().get(1) == Some(&b':') => Cow::Borrowed(disk),
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (text, shown) in [
            ("年度 报告.docx", "年度 报告.docx"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m\x7f\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp.exe"),
            ("C:\\users", "C:\\users"),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }

    #[test]
    fn json_stays_the_same_json() {
        let text = "a\u{9b}\u{202e}\x1b\x7f\n守";
        let json = harmless_json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || !is_treacherous(c)));
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
    }

    #[test]
    fn a_resolved_path_reads_as_people_write_it() {
        for (text, plain) in [
            (r"\\?\C:\users\王", r"C:\users\王"),
            (r"\\?\UNC\server\share\a", r"\\server\share\a"),
            (r"\\?\Volume{0}\a", r"\\?\Volume{0}\a"),
            (r"C:\a", r"C:\a"),
        ] {
            assert_eq!(without_marker(text), plain);
        }
    }

    #[test]
    fn reads_well_and_escapes_what_it_must() {
        assert_eq!(to_text("年度 报告.docx".as_bytes()), "年度 报告.docx");
        assert_eq!(to_text(b"caf\xe9"), "caf\\xE9");
        assert_eq!(to_text(b"C:\\users"), "C:\\users");
        assert_eq!(to_text(b"C:\\xampp"), "C:\\x5Cxampp");
        assert_eq!(to_bytes("C:\\xampp"), b"C:\\xampp");
    }

    proptest! {
        #[test]
        fn the_way_back_is_exact(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(to_bytes(&to_text(&bytes)), bytes);
        }
        #[test]
        fn so_it_is_among_backslashes(text in r"[\\x0-9A-F\xFF]{0,24}") {
            prop_assert_eq!(to_bytes(&to_text(text.as_bytes())), text.as_bytes());
        }
    }
}
