//! xz, of which several streams one behind another are one content, and the .lzma format
//! that came before it ("LZMA alone", LZMA SDK), which has no magic.

use super::codecs::Xz;
use super::decode::{Codec, DICTIONARY, Format, Streams, large_dictionary};
use super::part::{behind, bytes_at};
use crate::Source;
use crate::nest::{Nest, Opening};
use std::io::{self, BufRead, Seek, SeekFrom};

const MAGIC: [u8; 6] = [0xfd, b'7', b'z', b'X', b'Z', 0];
/// Properties that all packers use: lc 3, lp 0, pb 2.
const USUAL: u8 = 0x5d;
/// No .lzma says to be larger (xz refuses it too): three zeros that tell it from other files.
const LARGEST: u64 = 1 << 38;

pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(&MAGIC) || is_alone(head)
}

/// As careful as xz itself: usual properties, a dictionary that a packer would choose, a
/// plausible size, and the zero that all LZMA data begins with.
fn is_alone(head: &[u8]) -> bool {
    let Some(([USUAL, a, b, c, d, size @ .., 0], _)) = head.split_first_chunk::<14>() else {
        return false;
    };
    let dictionary = u32::from_le_bytes([*a, *b, *c, *d]);
    // 2ⁿ or 2ⁿ + 2ⁿ⁻¹.
    let chosen = dictionary.is_power_of_two() || dictionary % 3 == 0 && (dictionary / 3).is_power_of_two();
    let size = u64::from_le_bytes(*size);
    chosen && dictionary >= 4096 && (size == u64::MAX || size < LARGEST)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let head = source.head()?;
    if !head.starts_with(&MAGIC) {
        return open_alone(source, &head, nest);
    }
    let mut streams = Streams::new(source, Joined);
    nest.member("content", &mut streams)?;
    match streams.end() {
        Some(end) => behind(source, end, nest),
        None => Ok(()),
    }
}

fn open_alone(source: &mut Source<'_>, head: &[u8], nest: &mut Nest<'_>) -> Opening {
    let dictionary = head.get(1..5).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    if dictionary.is_none_or(|bytes| bytes > DICTIONARY) {
        return Err(large_dictionary().into());
    }
    let mut reader = lzma_rust2::LzmaReader::new_mem_limit(source, u32::MAX, None)?;
    reader.set_defer_errors(true);
    nest.member("content", &mut reader)
}

struct Joined;

impl Format for Joined {
    fn begin(&mut self, source: &mut Source<'_>) -> io::Result<Option<Box<dyn Codec>>> {
        // Zeros may stand between two streams.
        while let zeros @ 1.. = source.fill_buf()?.iter().take_while(|byte| **byte == 0).count() {
            source.consume(zeros);
        }
        let at = source.stream_position()?;
        let head = bytes_at(source, at, MAGIC.len())?;
        source.seek(SeekFrom::Start(at))?;
        Ok((head == MAGIC).then(|| Box::new(Xz::new()) as Box<dyn Codec>))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::Reason;
    use crate::samples::{Heard, sample, torment};

    #[test]
    fn real_ones_are_opened() {
        for name in ["mark.xz.b64", "mark.lzma.b64", "bcj.xz.b64"] {
            let heard = Heard::of(&sample(name));
            assert!(heard.found() && heard.missed.is_empty(), "{name}: {:?}", heard.missed);
        }
    }

    #[test]
    fn several_are_one_content_and_what_hides_behind_is_opened() {
        let one = sample("mark.xz.b64");
        let heard = Heard::of(&[&one[..], &[0; 8], &one].concat());
        assert_eq!((heard.names(), heard.missed.len()), (vec!["content"], 0));
        assert_eq!(heard.members[0].1.len() % 2, 0);
        let heard = Heard::of(&[one, sample("stored.zip.b64")].concat());
        assert_eq!(heard.names(), ["content", "(behind the end)", "(behind the end)!/mark.txt"]);
        assert_eq!(heard.missed, []);
    }

    #[test]
    fn other_files_are_none() {
        for other in [&b"]\0\0 text in brackets"[..], &[0x5d; 40], &[0x5d, 0, 0, 0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0]] {
            assert!(!super::is(other));
        }
    }

    #[test]
    fn what_is_damaged_is_handed_on_and_said() {
        let one = sample("mark.xz.b64");
        let heard = Heard::of(&one[..one.len() - 30]);
        assert!(heard.found());
        assert_eq!(heard.missed.len(), 1);
        assert_eq!(Heard::of(&super::MAGIC).missed.len(), 1);
        let mut lzma = sample("mark.lzma.b64");
        lzma.truncate(lzma.len() - 5);
        assert!(Heard::of(&lzma).found());
        lzma[1..5].copy_from_slice(&0x8000_0000u32.to_le_bytes());
        let reason = Reason::Unsupported("a dictionary larger than 64 MiB");
        assert_eq!(Heard::of(&lzma).missed, [(String::new(), reason)]);
    }

    #[test]
    fn nothing_done_to_one_crashes_it() {
        for name in ["mark.xz.b64", "mark.lzma.b64", "bcj.xz.b64"] {
            torment(&sample(name));
        }
    }
}
