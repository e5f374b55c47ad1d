//! Names and text as containers hold them, of which many do not say in which encoding.

/// As UTF-8 where it is that, else as the encoding of Chinese Windows where it is that.
pub(crate) fn name(bytes: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.to_owned();
    }
    match encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => text.into_owned(),
        None => String::from_utf8_lossy(bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_names_of_old_archives_are_read() {
        assert_eq!(name("发票.js".as_bytes()), "发票.js");
        assert_eq!(name(b"\xb7\xa2\xc6\xb1.js"), "发票.js");
        assert_eq!(name(b"a\xff"), "a\u{fffd}");
    }
}
