//! Zstandard (RFC 8878). Several frames one behind another are one content, and those that
//! are to be skipped are skipped: pzstd and the seekable format put their tables there.

use super::codecs::Zstd;
use super::decode::{Codec, Format, Streams, breaks_off};
use super::part::{behind, bytes_at};
use crate::Source;
use crate::nest::{Nest, Opening};
use std::io::{self, Seek, SeekFrom};

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Frames to be skipped in a row.
const SKIPPED: usize = 10_000;

/// A frame that is to be skipped: bytes of it with its header.
fn skipped(head: &[u8]) -> Option<u64> {
    match head {
        [0x50..=0x5f, 0x2a, 0x4d, 0x18, a, b, c, d, ..] => Some(u64::from(u32::from_le_bytes([*a, *b, *c, *d])) + 8),
        _ => None,
    }
}

pub(crate) fn is(head: &[u8]) -> bool {
    let mut head = head;
    // LZ4 has the same frames to skip: what follows them tells, if it can be seen.
    for _ in 0..SKIPPED {
        if head.starts_with(&MAGIC) {
            return true;
        }
        let Some(len) = skipped(head) else { return false };
        match usize::try_from(len).ok().and_then(|len| head.get(len..)) {
            Some(rest) if !rest.is_empty() => head = rest,
            _ => return true,
        }
    }
    false
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut streams = Streams::new(source, Frames);
    nest.member("content", &mut streams)?;
    match streams.end() {
        Some(end) => behind(source, end, nest),
        None => Ok(()),
    }
}

struct Frames;

impl Format for Frames {
    fn begin(&mut self, source: &mut Source<'_>) -> io::Result<Option<Box<dyn Codec>>> {
        for _ in 0..SKIPPED {
            let at = source.stream_position()?;
            let head = bytes_at(source, at, 8)?;
            source.seek(SeekFrom::Start(at))?;
            if head.starts_with(&MAGIC) {
                return Ok(Some(Box::new(Zstd::new()?)));
            }
            let Some(len) = skipped(&head) else { return Ok(None) };
            let end = at.checked_add(len).filter(|end| *end <= source.len()).ok_or_else(breaks_off)?;
            source.seek(SeekFrom::Start(end))?;
        }
        Ok(None)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::Reason;
    use crate::samples::{Heard, MARK, sample, torment};

    fn packed(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 3).unwrap()
    }

    fn to_skip(content: &[u8]) -> Vec<u8> {
        [b"\x50\x2a\x4d\x18", &(content.len() as u32).to_le_bytes()[..], content].concat()
    }

    #[test]
    fn a_real_one_is_opened_and_several_are_one_content() {
        let heard = Heard::of(&sample("mark.zst.b64"));
        assert!(heard.found() && heard.missed.is_empty());
        let frames = [to_skip(b"before"), packed(&MARK[..5]), to_skip(b""), packed(b""), packed(&MARK[5..])].concat();
        let heard = Heard::of(&frames);
        assert_eq!((heard.content("content"), heard.missed.len()), (Some(MARK), 0));
        assert!(!super::is(&[to_skip(b"lz4"), b"\x04\x22\x4d\x18".to_vec()].concat()));
    }

    #[test]
    fn what_is_damaged_is_handed_on_and_said() {
        let mut wrong = sample("mark.zst.b64");
        let last = wrong.len() - 1;
        wrong[last] ^= 1;
        let heard = Heard::of(&wrong);
        assert!(heard.found(), "only the checksum is wrong");
        assert_eq!(heard.missed.len(), 1);
        let heard = Heard::of(&wrong[..last]);
        assert!(heard.found());
        assert_eq!(heard.missed, [("content".into(), Reason::Damaged("it breaks off".into()))]);
        assert_eq!(Heard::of(&super::MAGIC).missed.len(), 1);
    }

    #[test]
    fn a_large_window_is_refused_and_a_bomb_ends() {
        // A window of 2 GiB.
        let large = [&super::MAGIC[..], &[0, 0xa8, 1, 0, 0]].concat();
        let reason = Reason::Unsupported("a dictionary larger than 64 MiB");
        assert_eq!(Heard::of(&large).missed, [("content".into(), reason)]);
        assert_eq!(Heard::of(&packed(&vec![0; 64 << 20])).missed, [(String::new(), Reason::Ratio(250))]);
    }

    #[test]
    fn nothing_done_to_one_crashes_it() {
        torment(&sample("mark.zst.b64"));
    }
}
