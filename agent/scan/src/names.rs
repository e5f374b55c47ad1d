//! The strings that public rule sets expect to be set for each file.

use crate::rules::GLOBALS;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What rules may ask of a file besides its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    filename: String,
    /// The folder.
    filepath: String,
    /// Lower case, with its dot.
    extension: String,
    /// The owner's name; empty where the system or the file has none.
    owner: String,
}

/// Whether rules ask for any name.
pub(crate) fn asks(in_use: [bool; GLOBALS.len()]) -> bool {
    GLOBALS.iter().zip(in_use).any(|(name, asked)| asked && *name != "filetype")
}

impl Names {
    pub(crate) fn of(path: &Path, owner: &str) -> Self {
        let extension = path.extension().map(|e| format!(".{}", e.to_string_lossy().to_lowercase()));
        Self {
            filename: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            filepath: path.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned(),
            extension: extension.unwrap_or_default(),
            owner: owner.into(),
        }
    }

    /// The owner's name.
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// As globals, with the kind that the content tells.
    pub(crate) fn globals<'a>(&'a self, bytes: &[u8]) -> [(&'static str, &'a str); GLOBALS.len()] {
        let Self { filename, filepath, extension, owner } = self;
        [
            ("filename", filename),
            ("filepath", filepath),
            ("extension", extension),
            ("filetype", file_type(bytes)),
            ("owner", owner),
        ]
    }

    /// What of it rules ask that speak of these names: it belongs to a verdict as the
    /// content does. `filetype` follows from the content.
    pub(crate) fn asked(&self, in_use: [bool; GLOBALS.len()]) -> [u8; 32] {
        if !asks(in_use) {
            return [0; 32];
        }
        let mut hash = Sha256::new();
        for ((name, value), asked) in self.globals(b"").into_iter().zip(in_use) {
            if asked && name != "filetype" {
                hash.update((value.len() as u64).to_le_bytes());
                hash.update(value);
            }
        }
        hash.finalize().into()
    }
}

/// The names that public sets compare `filetype` with.
fn file_type(bytes: &[u8]) -> &'static str {
    const MAGICS: [(&[u8], &str); 14] = [
        (b"MZ", "EXE"),
        (b"\x7fELF", "ELF"),
        (b"PK\x03\x04", "ZIP"),
        (b"Rar!\x1a\x07", "RAR"),
        (b"7z\xbc\xaf\x27\x1c", "7Z"),
        (b"MSCF", "CAB"),
        (b"\x1f\x8b", "GZIP"),
        (b"%PDF", "PDF"),
        (b"{\\rtf", "RTF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "OLE"),
        (b"L\0\0\0\x01\x14\x02\0", "LNK"),
        (b"GIF8", "GIF"),
        (b"\x89PNG", "PNG"),
        (b"\xff\xd8\xff", "JPG"),
    ];
    MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map_or("", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rules_ask_tells_two_names_apart() {
        let (here, there) = (Names::of(Path::new("/a/x.exe"), "li"), Names::of(Path::new("/b/x.exe"), "li"));
        let asking = |name: &str| GLOBALS.map(|global| global == name);
        assert_ne!(here.asked(asking("filepath")), there.asked(asking("filepath")));
        for name in ["filename", "extension", "filetype", "owner"] {
            assert_eq!(here.asked(asking(name)), there.asked(asking(name)), "{name}");
        }
        assert_eq!(here.globals(b"MZ").map(|(name, _)| name), GLOBALS);
    }
}
