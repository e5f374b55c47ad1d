//! XZ: one stream, or several behind one another, and the older LZMA alone.

use crate::nest::{Nest, Opening, Reason};
use crate::source::Source;
use lzma_rust2::{LzmaReader, XzReader};
use std::io::BufReader;

/// Memory that a decoder may ask for, in KiB: the largest preset needs 65 MiB.
const MEMORY: u32 = 80 << 10;

const MAGIC: &[u8] = b"\xfd7zXZ\0";

/// The magic of XZ, or a header of LZMA as packers write it: the usual properties, a
/// dictionary that is a power of two, a size that is unknown or within reason.
pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(MAGIC) || is_alone(head)
}

fn is_alone(head: &[u8]) -> bool {
    let Some((&[0x5d, d0, d1, d2, d3], rest)) = head.split_first_chunk::<5>() else { return false };
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let Some((size, rest)) = rest.split_first_chunk::<8>() else { return false };
    let size = u64::from_le_bytes(*size);
    // The first byte of the range coder is always 0.
    dictionary.is_power_of_two()
        && (1 << 12..=1 << 30).contains(&dictionary)
        && (size == u64::MAX || size < 1 << 38)
        && rest.first() == Some(&0)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    if source.head()?.starts_with(MAGIC) {
        return nest.member("content", &mut XzReader::new_mem_limit(BufReader::new(source), true, MEMORY));
    }
    match LzmaReader::new_mem_limit(BufReader::new(source), MEMORY, None) {
        Ok(mut decoder) => nest.member("content", &mut decoder),
        Err(error) => nest.missed("", Reason::damaged(error)),
    }
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample};

    #[test]
    fn real_ones_are_opened_and_damaged_ones_named() {
        for name in ["sample.xz", "sample.lzma"] {
            let whole = sample(name);
            let heard = Heard::of(&whole);
            heard.holds("content");
            heard.survives_damage(&whole);
            Heard::of(&whole[..whole.len() - 20]).complains_of("content", "damaged");
        }
    }

    #[test]
    fn a_dictionary_beyond_all_measure_is_not_allocated() {
        let mut greedy = sample("sample.lzma");
        greedy[1..5].copy_from_slice(&(1_u32 << 30).to_le_bytes());
        Heard::of(&greedy).complains_of("", "damaged");
        Heard::of(b"]\0\0 some text in a bracket").is_nothing();
    }
}
