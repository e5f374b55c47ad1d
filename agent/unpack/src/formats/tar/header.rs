//! One header of a tar archive: 512 bytes of fixed fields, numbers in octal.

/// Bytes of a header, and what all is padded to.
pub(super) const BLOCK: usize = 512;

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) kind: u8,
    pub(super) size: u64,
    /// GNU sparse: more maps of holes follow the header.
    pub(super) more_maps: bool,
}

impl Header {
    /// `None` if the block is no header.
    pub(super) fn parse(block: &[u8; BLOCK]) -> Option<Self> {
        if !sound(block) {
            return None;
        }
        let field = |from: usize, len: usize| block.get(from..from + len).unwrap_or_default();
        let kind = block[156];
        let gnu = field(257, 8) == b"ustar  \0";
        let mut name = text(field(0, 100)).to_vec();
        let prefix = text(field(345, 155));
        if field(257, 6) == b"ustar\0" && !prefix.is_empty() {
            name = [prefix, b"/", &name].concat();
        }
        Some(Self { name, kind, size: number(field(124, 12))?, more_maps: gnu && kind == b'S' && block[482] != 0 })
    }
}

/// Says that it is a tar.
pub(super) fn says_so(block: &[u8; BLOCK]) -> bool {
    matches!(&block[257..263], b"ustar\0" | b"ustar ")
}

/// The checksum holds: the sum of all bytes, its own field taken as spaces. Some old tar took
/// bytes for signed.
fn sound(block: &[u8; BLOCK]) -> bool {
    let Some(sum) = number(&block[148..156]) else { return false };
    let (mut unsigned, mut signed) = (0u64, 0i64);
    for (at, byte) in block.iter().enumerate() {
        let byte = if (148..156).contains(&at) { b' ' } else { *byte };
        unsigned += u64::from(byte);
        signed += i64::from(byte.cast_signed());
    }
    sum > 0 && (sum == unsigned || i64::try_from(sum) == Ok(signed))
}

/// A header that does not say what it is, of before 1988: it must look like one in every field.
pub(super) fn plausible(block: &[u8; BLOCK]) -> bool {
    let octal = |field: &[u8]| {
        field.iter().any(|byte| byte.is_ascii_digit())
            && field.iter().all(|byte| matches!(byte, b'0'..=b'7' | b' ' | 0))
    };
    let name = text(&block[..100]);
    !name.is_empty()
        && name.iter().all(|byte| *byte >= b' ')
        && octal(&block[100..108])
        && octal(&block[124..136])
        && octal(&block[148..156])
        && matches!(block[156], 0 | b'0'..=b'7')
}

/// Up to the first zero.
fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number: octal digits among spaces, or, if its first bit is set, in base 256.
fn number(field: &[u8]) -> Option<u64> {
    let (first, rest) = field.split_first()?;
    if *first & 0x80 != 0 {
        // The second bit is the sign.
        let start = u64::from(first & 0x7f);
        return rest.iter().try_fold(start, |sum, byte| sum.checked_mul(256)?.checked_add((*byte).into()));
    }
    let digits = field.iter().skip_while(|byte| **byte == b' ').take_while(|byte| !matches!(**byte, b' ' | 0));
    digits.copied().try_fold(0u64, |sum, digit| match digit {
        b'0'..=b'7' => sum.checked_mul(8)?.checked_add((digit - b'0').into()),
        _ => None,
    })
}
