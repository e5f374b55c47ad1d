//! bzip2. Several streams one behind another are one content: pbzip2 and lbzip2 write them.

use super::codecs::Bzip2;
use super::decode::{Codec, Format, Streams};
use super::part::{behind, bytes_at};
use crate::Source;
use crate::nest::{Nest, Opening};
use std::io::{self, Seek, SeekFrom};

/// What follows the four bytes of the header: the first block, or the end of an empty stream.
/// Digits of pi and of its root.
const BLOCKS: [[u8; 6]; 2] = [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]];

pub(crate) fn is(head: &[u8]) -> bool {
    head.strip_prefix(b"BZh").and_then(<[u8]>::split_first).is_some_and(|(level, block)| {
        matches!(level, b'1'..=b'9') && BLOCKS.iter().any(|begin| block.starts_with(begin))
    })
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let mut streams = Streams::new(source, Streamed);
    nest.member("content", &mut streams)?;
    match streams.end() {
        Some(end) => behind(source, end, nest),
        None => Ok(()),
    }
}

struct Streamed;

impl Format for Streamed {
    fn begin(&mut self, source: &mut Source<'_>) -> io::Result<Option<Box<dyn Codec>>> {
        let at = source.stream_position()?;
        let head = bytes_at(source, at, 10)?;
        source.seek(SeekFrom::Start(at))?;
        Ok(is(&head).then(|| Box::new(Bzip2::new()) as Box<dyn Codec>))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::Reason;
    use crate::samples::{Heard, MARK, sample, torment};
    use std::io::Write;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = bzip2::write::BzEncoder::new(vec![], bzip2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_real_one_is_opened_and_several_are_one_content() {
        let heard = Heard::of(&sample("mark.bz2.b64"));
        assert!(heard.found() && heard.missed.is_empty());
        let heard = Heard::of(&[packed(&MARK[..5]), packed(b""), packed(&MARK[5..])].concat());
        assert_eq!((heard.content("content"), heard.missed.len()), (Some(MARK), 0));
    }

    #[test]
    fn text_is_none_and_damage_is_said() {
        assert!(!super::is(b"BZh9 is how it begins"));
        let whole = packed(MARK);
        let heard = Heard::of(&whole[..whole.len() - 3]);
        assert_eq!(heard.missed, [("content".into(), Reason::Damaged("it breaks off".into()))]);
        assert!(heard.found());
        assert_eq!(Heard::of(&whole[..10]).missed.len(), 1);
        assert_eq!(Heard::of(&packed(&vec![0; 64 << 20])).missed, [(String::new(), Reason::Ratio(250))]);
    }

    #[test]
    fn what_hides_behind_it_is_opened() {
        let heard = Heard::of(&[packed(b"harmless"), sample("stored.zip.b64")].concat());
        assert!(heard.found() && heard.missed.is_empty());
    }

    #[test]
    fn nothing_done_to_one_crashes_it() {
        torment(&sample("mark.bz2.b64"));
    }
}
