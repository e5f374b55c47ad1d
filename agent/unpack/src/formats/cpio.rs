//! Cpio, as in packages and boot images: the portable ASCII formats and the old binary one
//! of either byte order (cpio(5)).

use crate::nest::{Halt, Nest, Opening, Reason};
use crate::source::Source;
use crate::text;
use std::io::{Read, Seek, SeekFrom};

/// A longer name is none.
const LONGEST_NAME: u64 = 64 << 10;
const TRAILER: &[u8] = b"TRAILER!!!";
const FILE: u64 = 0o100_000;
const KIND: u64 = 0o170_000;

#[derive(Clone, Copy)]
enum Dialect {
    /// Hexadecimal fields, all padded to four bytes.
    New,
    /// Octal fields, nothing padded.
    Old,
    /// Words of two bytes, padded to two.
    Binary { big: bool },
}

impl Dialect {
    fn of(magic: &[u8]) -> Option<Self> {
        match magic {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => Some(Self::New),
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => Some(Self::Old),
            [0xc7, 0x71, ..] => Some(Self::Binary { big: false }),
            [0x71, 0xc7, ..] => Some(Self::Binary { big: true }),
            _ => None,
        }
    }

    fn header_len(self) -> usize {
        match self {
            Self::New => 110,
            Self::Old => 76,
            Self::Binary { .. } => 26,
        }
    }

    /// Mode, length of the name with its zero, and length of the content.
    fn fields(self, header: &[u8]) -> Option<(u64, u64, u64)> {
        let number = |from: usize, len: usize, radix: u32| {
            let digits = std::str::from_utf8(header.get(from..from + len)?).ok()?;
            u64::from_str_radix(digits, radix).ok()
        };
        match self {
            Self::New => Some((number(14, 8, 16)?, number(94, 8, 16)?, number(54, 8, 16)?)),
            Self::Old => Some((number(18, 6, 8)?, number(59, 6, 8)?, number(65, 11, 8)?)),
            Self::Binary { big } => {
                let word = |at: usize| {
                    let bytes = [*header.get(at)?, *header.get(at + 1)?];
                    Some(u64::from(if big { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }))
                };
                Some((word(6)?, word(20)?, word(22)? << 16 | word(24)?))
            }
        }
    }

    fn padded(self, len: u64) -> u64 {
        match self {
            Self::New => len.next_multiple_of(4),
            Self::Old => len,
            Self::Binary { .. } => len.next_multiple_of(2),
        }
    }
}

/// A first header that makes sense; the binary magic alone is two bytes.
pub(crate) fn is(head: &[u8]) -> bool {
    let Some(dialect) = Dialect::of(head) else { return false };
    let Some(header) = head.get(..dialect.header_len()) else { return false };
    let Some((mode, name, _)) = dialect.fields(header) else { return false };
    let Ok(len) = usize::try_from(name) else { return false };
    let ends = head.get(header.len()..).and_then(|rest| rest.get(..len)).and_then(<[u8]>::split_last);
    // The name ends with its zero, and there is none before.
    let named = ends.is_some_and(|(last, name)| *last == 0 && !name.is_empty() && !name.contains(&0));
    named && [0, 0o4, 0o10, 0o12, 0o14, 0o1, 0o2, 0o6].contains(&((mode & KIND) >> 12))
}

pub(crate) fn open(source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
    let damaged = |what: &str| Halt::Bad(Reason::Damaged(what.into()));
    let mut at = 0;
    loop {
        nest.tick()?;
        source.seek(SeekFrom::Start(at))?;
        let mut header = Vec::new();
        source.by_ref().take(110).read_to_end(&mut header)?;
        let dialect = Dialect::of(&header).ok_or_else(|| damaged("it ends without its last header"))?;
        let (mode, name_len, size) = header
            .get(..dialect.header_len())
            .and_then(|header| dialect.fields(header))
            .filter(|(_, name, _)| (1..=LONGEST_NAME).contains(name))
            .ok_or_else(|| damaged("a header makes no sense"))?;
        let name_at = at + dialect.header_len() as u64;
        source.seek(SeekFrom::Start(name_at))?;
        let mut name = Vec::new();
        source.by_ref().take(name_len - 1).read_to_end(&mut name)?;
        if name == TRAILER {
            return Ok(());
        }
        let content_at = dialect.padded(name_at + name_len - at) + at;
        if mode & KIND == FILE && size > 0 {
            source.seek(SeekFrom::Start(content_at))?;
            nest.member(&text::name(&name), &mut source.by_ref().take(size))?;
        }
        at = content_at + dialect.padded(size);
        if at > source.len() {
            return Err(damaged("it ends early"));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::samples::{Heard, sample};

    #[test]
    fn real_ones_of_every_dialect_are_opened() {
        for name in ["newc.cpio", "crc.cpio", "odc.cpio", "bin.cpio"] {
            let whole = sample(name);
            let heard = Heard::of(&whole);
            heard.holds("docs/invoice.js");
            assert_eq!((heard.members.len(), heard.missed.len()), (1, 0), "{name}");
            heard.survives_damage(&whole);
            Heard::of(&whole[..150]).complains_of("", "damaged");
        }
        let swapped: Vec<u8> = sample("bin.cpio");
        let mut big = swapped.clone();
        big[..26].chunks_exact_mut(2).for_each(<[u8]>::reverse);
        assert!(super::is(&big));
    }

    #[test]
    fn claims_beyond_the_end_are_damage() {
        let mut hostile = sample("newc.cpio");
        hostile[54..62].copy_from_slice(b"FFFFFFFF");
        Heard::of(&hostile).complains_of("", "damaged");
        Heard::of(b"\xc7\x71 is no archive by these two bytes alone").is_nothing();
        Heard::of(b"070701 the number of a part").is_nothing();
    }
}
