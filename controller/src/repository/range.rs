//! The `Range` header, as far as restic and rustic use it: one range with a start.

use std::ops::Range;

/// The bytes that `text` asks of an object of `size` bytes; None when it has none such.
pub(super) fn parse(text: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let start = number(first)?;
    let end = if last.is_empty() { size } else { number(last)?.checked_add(1)?.min(size) };
    (start < end).then_some(start..end)
}

/// Digits only: `parse` would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_with_a_start() {
        for (text, expected) in [
            ("bytes=0-0", Some(0..1)),
            ("bytes=2-4", Some(2..5)),
            ("bytes=2-", Some(2..10)),
            ("bytes=2-99", Some(2..10)),
            ("bytes=9-9", Some(9..10)),
            ("bytes=10-", None),
            ("bytes=5-4", None),
            ("bytes=-3", None),
            ("bytes=+1-2", None),
            ("bytes=0-1,3-4", None),
            ("bytes=0-18446744073709551615", None),
            ("bytes=", None),
            ("items=0-1", None),
        ] {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
        assert_eq!(parse("bytes=0-", 0), None);
    }
}
