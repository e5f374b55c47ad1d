//! Bzip2: one stream, or several behind one another.

use crate::nest::{Nest, Opening};
use crate::source::Source;
use bzip2::read::MultiBzDecoder;

/// Its magic, a block size, and the beginning of a block or of an end without one.
pub(crate) fn is(head: &[u8]) -> bool {
    let (magic, rest) = head.split_at_checked(3).unwrap_or_default();
    let block = |rest: &[u8]| rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90");
    magic == b"BZh" && rest.first().is_some_and(u8::is_ascii_digit) && rest.get(1..).is_some_and(block)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    nest.member("content", &mut MultiBzDecoder::new(source))
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample};

    #[test]
    fn real_ones_are_opened_and_damaged_ones_named() {
        let whole = sample("sample.bz2");
        let heard = Heard::of(&whole);
        heard.holds("content");
        heard.survives_damage(&whole);
        Heard::of(&whole[..whole.len() - 4]).complains_of("content", "damaged");
        Heard::of(b"BZh9 is no beginning of a block").is_nothing();
    }
}
