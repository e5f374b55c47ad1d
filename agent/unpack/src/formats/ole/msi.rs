//! Stream names of Windows Installer: two characters of a small alphabet in one of Unicode.

const ALPHABET: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";

/// The name as its author wrote it.
pub(super) fn name(mangled: &str) -> String {
    let mut name = String::new();
    let letter = |index: u32| ALPHABET.get((index & 63) as usize).map_or('_', |letter| char::from(*letter));
    for c in mangled.chars() {
        match u32::from(c) {
            code @ 0x3800..0x4800 => name.extend([letter(code - 0x3800), letter((code - 0x3800) >> 6)]),
            code @ 0x4800..0x4840 => name.push(letter(code - 0x4800)),
            // Marks a table.
            0x4840 => name.push('!'),
            _ => name.push(c),
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mangled_names_are_read_and_others_stay() {
        assert_eq!(name("\u{4840}\u{3f3f}\u{4577}\u{446c}\u{3b6a}\u{45e4}\u{4824}"), "!_StringData");
        assert_eq!(name("WordDocument"), "WordDocument");
    }
}
