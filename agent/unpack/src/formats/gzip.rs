//! gzip (RFC 1952). Several members one behind another are one content, as `gzip -d` has it:
//! bgzip, pigz and layers of container images are made so.

use super::codecs::Inflate;
use super::decode::{Codec, Format, Streams, Sum, breaks_off, invalid};
use super::part::behind;
use crate::Source;
use crate::nest::{Nest, Opening};
use crate::text::name as text;
use std::io::{self, BufRead, Read, Seek};

const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];
/// In the header's flags: it has a checksum of its own.
const HCRC: u8 = 2;
/// It has an extra field.
const EXTRA: u8 = 4;
/// It has a name.
const NAME: u8 = 8;
/// It has a comment.
const COMMENT: u8 = 16;
/// Nothing says what these mean.
const RESERVED: u8 = 0xe0;
/// Bytes of a name that are kept.
const LONGEST_NAME: usize = 4 << 10;

pub(crate) fn is(head: &[u8]) -> bool {
    head.starts_with(&MAGIC) && head.get(3).is_none_or(|flags| flags & RESERVED == 0)
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let name = header(source).ok().flatten().flatten();
    source.rewind()?;
    let mut streams = Streams::new(source, Gzip);
    nest.member(name.as_deref().unwrap_or("content"), &mut streams)?;
    match streams.end() {
        Some(end) => behind(source, end, nest),
        None => Ok(()),
    }
}

struct Gzip;

impl Format for Gzip {
    fn begin(&mut self, source: &mut Source<'_>) -> io::Result<Option<Box<dyn Codec>>> {
        Ok(header(source)?.map(|_| Box::new(Inflate::new()) as Box<dyn Codec>))
    }

    fn end(&mut self, source: &mut Source<'_>, out: &Sum) -> io::Result<()> {
        let (crc, len) = (u32::from_le_bytes(array(source)?), u32::from_le_bytes(array(source)?));
        if (crc, len) == (out.crc(), out.len()) { Ok(()) } else { Err(invalid("the checksum does not match")) }
    }
}

/// Passes a member's header: its name, if it has one. `None` if it is none.
fn header(source: &mut Source<'_>) -> io::Result<Option<Option<String>>> {
    let at = source.stream_position()?;
    let mut start = Vec::new();
    source.take(10).read_to_end(&mut start)?;
    if !is(&start) {
        return Ok(None);
    }
    let (10, Some(&flags)) = (start.len(), start.get(3)) else {
        // Three bytes behind a whole member are rather something else.
        return if at == 0 { Err(breaks_off()) } else { Ok(None) };
    };
    if flags & EXTRA != 0 {
        let len = u16::from_le_bytes(array(source)?);
        io::copy(&mut source.take(len.into()), &mut io::sink())?;
    }
    let name = if flags & NAME != 0 { Some(line(source)?) } else { None };
    if flags & COMMENT != 0 {
        line(source)?;
    }
    if flags & HCRC != 0 {
        array::<2>(source)?;
    }
    Ok(Some(name.filter(|name| !name.is_empty()).map(|name| text(&name))))
}

/// Bytes up to a zero.
fn line(source: &mut Source<'_>) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Err(breaks_off());
        }
        let end = memchr::memchr(0, bytes);
        let (taken, text) = match end {
            Some(end) => (end + 1, bytes.get(..end)),
            None => (bytes.len(), Some(bytes)),
        };
        let room = LONGEST_NAME.saturating_sub(line.len());
        line.extend(text.unwrap_or_default().iter().take(room));
        source.consume(taken);
        if end.is_some() {
            return Ok(line);
        }
    }
}

fn array<const N: usize>(source: &mut Source<'_>) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    source.read_exact(&mut array).map_err(|_| breaks_off())?;
    Ok(array)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::Reason;
    use crate::samples::{Heard, MARK, sample, torment};
    use std::io::Write;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_real_one_is_opened_by_its_name() {
        let heard = Heard::of(&sample("mark.gz.b64"));
        assert_eq!((heard.names(), heard.missed.len()), (vec!["mark.txt"], 0));
        assert!(heard.found());
    }

    #[test]
    fn members_one_behind_another_are_one_content() {
        let both = [gzip(&MARK[..5]), gzip(b""), gzip(&MARK[5..])].concat();
        let heard = Heard::of(&both);
        assert_eq!((heard.content("content"), heard.missed.len()), (Some(MARK), 0));
    }

    #[test]
    fn what_hides_behind_it_is_opened_and_padding_is_no_damage() {
        let zip = sample("stored.zip.b64");
        let heard = Heard::of(&[gzip(b"harmless"), vec![0; 700], zip].concat());
        assert!(heard.found());
        assert_eq!((heard.names()[0], heard.missed.len()), ("content", 0));
        let heard = Heard::of(&[gzip(MARK), vec![0; 700]].concat());
        assert_eq!((heard.names(), heard.missed.len()), (vec!["content"], 0));
    }

    #[test]
    fn what_is_damaged_is_handed_on_and_said() {
        let whole = gzip(MARK);
        let said = |heard: &Heard, why: &str| {
            assert_eq!(heard.missed, [("content".to_owned(), Reason::Damaged(why.into()))]);
        };
        let heard = Heard::of(&whole[..whole.len() - 3]);
        assert_eq!(heard.content("content"), Some(MARK));
        said(&heard, "it breaks off");
        let mut wrong = whole.clone();
        wrong[whole.len() - 6] ^= 1;
        let heard = Heard::of(&wrong);
        assert_eq!(heard.content("content"), Some(MARK));
        said(&heard, "the checksum does not match");
        said(&Heard::of(&[0x1f, 0x8b, 8]), "it breaks off");
    }

    #[test]
    fn bombs_and_endless_rows_of_empty_members_end() {
        let bomb = gzip(&vec![0; 64 << 20]);
        assert_eq!(Heard::of(&bomb).missed, [(String::new(), Reason::Ratio(250))]);
        let heard = Heard::of(&gzip(b"").repeat(20_000));
        assert_eq!(heard.missed, [("content".into(), Reason::Damaged("streams without content".into()))]);
        let mut named = gzip(MARK);
        named[3] = 8;
        named.splice(10..10, [b"n".repeat(70_000), vec![0]].concat());
        let heard = Heard::of(&named);
        assert!(heard.found() && heard.missed.is_empty() && heard.names()[0].starts_with("nnn"));
    }

    #[test]
    fn nothing_done_to_one_crashes_it() {
        torment(&sample("mark.gz.b64"));
    }
}
