//! File names as text, without loss. A name on Linux is bytes; a message, a database and
//! a screen want text. Valid UTF-8 stays as it is, any other byte becomes `\xHH`, and the
//! backslash of a literal `\x` becomes `\x5C`, so that the way back is exact.

use std::borrow::Cow;
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
        path.to_string_lossy().into_owned()
    }

    pub(super) fn to_path(text: &str) -> PathBuf {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
