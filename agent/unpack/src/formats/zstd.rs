//! Zstandard (RFC 8878): frames behind one another, some of which may be skipped.

use crate::nest::{Nest, Opening};
use crate::source::Source;

/// Window that a frame may ask for, as a power of two: 64 MiB.
const WINDOW: u32 = 26;

pub(crate) fn is(head: &[u8]) -> bool {
    // The bit that no frame may set tells it from chance.
    head.starts_with(b"\x28\xb5\x2f\xfd") && head.get(4).is_some_and(|descriptor| descriptor & 8 == 0)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut decoder = zstd::Decoder::new(source)?;
    decoder.window_log_max(WINDOW)?;
    nest.member("content", &mut decoder)
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample};

    #[test]
    fn real_ones_are_opened_and_damaged_ones_named() {
        let whole = sample("sample.zst");
        let heard = Heard::of(&whole);
        heard.holds("content");
        heard.survives_damage(&whole);
        Heard::of(&whole[..whole.len() - 4]).complains_of("content", "damaged");
        let twice = [whole.clone(), whole].concat();
        assert_eq!(Heard::of(&twice).members[0].1.len(), 2 * heard.members[0].1.len());
    }

    #[test]
    fn a_window_beyond_all_measure_is_refused() {
        // A frame header that asks for a window of 1 GiB.
        Heard::of(b"\x28\xb5\x2f\xfd\x00\xa0\x01\0\0").complains_of("content", "damaged");
    }
}
