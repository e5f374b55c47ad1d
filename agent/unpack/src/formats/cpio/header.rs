//! One header of a cpio archive, of whichever format.

/// Bytes of the longest header.
pub(super) const LONGEST: usize = 110;
/// Bits of a mode that say what a member is.
const KIND: u64 = 0o170_000;
const LINK: u64 = 0o120_000;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the header itself.
    pub(super) len: u64,
    /// Bytes of the name, with the zero at its end.
    pub(super) name: u64,
    pub(super) size: u64,
    mode: u64,
    /// Name and content are padded to a multiple of so many bytes.
    align: u64,
}

impl Header {
    /// `None` if the bytes are no header.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => {
                let number = |at: usize| hexadecimal(bytes.get(at..at + 8)?);
                // All thirteen are digits, not only those that are of use.
                (6..110).step_by(8).try_for_each(|at| number(at).map(|_| ()))?;
                Some(Self { len: 110, name: number(94)?, size: number(54)?, mode: number(14)?, align: 4 })
            }
            [b'0', b'7', b'0', b'7', b'0', b'7', ..] => {
                let number = |at: usize, len: usize| octal(bytes.get(at..at + len)?);
                Some(Self { len: 76, name: number(59, 6)?, size: number(65, 11)?, mode: number(18, 6)?, align: 1 })
            }
            [0xc7, 0x71, ..] => Self::binary(bytes, u16::from_le_bytes),
            [0x71, 0xc7, ..] => Self::binary(bytes, u16::from_be_bytes),
            _ => None,
        }
    }

    /// Thirteen words of 16 bits; of long numbers the high word comes first.
    fn binary(bytes: &[u8], word: fn([u8; 2]) -> u16) -> Option<Self> {
        let number = |at: usize| Some(u64::from(word(bytes.get(at * 2..at * 2 + 2)?.try_into().ok()?)));
        Some(Self { len: 26, name: number(10)?, size: number(11)? << 16 | number(12)?, mode: number(3)?, align: 2 })
    }

    /// Whether it is one in earnest: six digits, or two bytes, begin other files too.
    pub(super) fn plausible(&self, bytes: &[u8]) -> bool {
        let kinds = [0o010_000, 0o020_000, 0o040_000, 0o060_000, 0o100_000, LINK, 0o140_000];
        let known = kinds.contains(&(self.mode & KIND)) || self.mode == 0;
        let name = usize::try_from(self.len)
            .ok()
            .zip(usize::try_from(self.name).ok())
            .and_then(|(at, len)| bytes.get(at..)?.get(..len))
            .and_then(<[u8]>::split_last);
        // A name that reaches beyond the bytes can only be told by the rest.
        let named = match name {
            Some((last, name)) => *last == 0 && !name.is_empty() && !name.contains(&0),
            None => self.align == 4 && self.name > 0,
        };
        known && named
    }

    pub(super) fn is_link(&self) -> bool {
        self.mode & KIND == LINK
    }

    /// Where the content is of a member whose header is there.
    pub(super) fn data(&self, at: u64) -> Option<u64> {
        let head = self.len.checked_add(self.name)?.checked_next_multiple_of(self.align)?;
        at.checked_add(head)
    }

    /// Where the next header is.
    pub(super) fn next(&self, at: u64) -> Option<u64> {
        self.data(at)?.checked_add(self.size.checked_next_multiple_of(self.align)?)
    }
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let all = digits.iter().all(u8::is_ascii_hexdigit);
    u64::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| all)?, 16).ok()
}

fn octal(digits: &[u8]) -> Option<u64> {
    let all = digits.iter().all(u8::is_ascii_digit);
    u64::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| all)?, 8).ok()
}
