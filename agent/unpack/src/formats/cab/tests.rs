#![allow(clippy::unwrap_used)]

use crate::samples::{CONTENT, Heard, sample, torment};
use crate::{Limits, Reason};
use flate2::{Compress, Compression, FlushCompress};

/// A block: what stands in it, and what that unpacks to.
type Block = (Vec<u8>, usize);

/// A cabinet of one folder, with files by name, folder, place and size.
fn cabinet(method: u16, blocks: &[Block], files: &[(&str, u16, u32, u32)]) -> Vec<u8> {
    let mut list = Vec::new();
    for (name, folder, at, size) in files {
        list.extend(size.to_le_bytes());
        list.extend(at.to_le_bytes());
        list.extend(folder.to_le_bytes());
        list.extend([0; 6]);
        list.extend(name.as_bytes());
        list.push(0);
    }
    let mut whole = b"MSCF\0\0\0\0\0\0\0\0\0\0\0\0\x2c\0\0\0\0\0\0\0\x03\x01\x01\0".to_vec();
    whole.extend(u16::try_from(files.len()).unwrap().to_le_bytes());
    whole.extend([0; 6]);
    whole.extend(u32::try_from(44 + list.len()).unwrap().to_le_bytes());
    whole.extend(u16::try_from(blocks.len()).unwrap().to_le_bytes());
    whole.extend(method.to_le_bytes());
    whole.extend(list);
    for (packed, size) in blocks {
        whole.extend([0; 4]);
        whole.extend(u16::try_from(packed.len()).unwrap().to_le_bytes());
        whole.extend(u16::try_from(*size).unwrap().to_le_bytes());
        whole.extend(packed);
    }
    whole
}

/// Blocks of MSZIP, each of which points into the one before.
fn mszip(content: &[u8]) -> Vec<Block> {
    let mut before: &[u8] = &[];
    let block = |chunk| {
        let mut deflate = Compress::new(Compression::best(), false);
        if !before.is_empty() {
            deflate.set_dictionary(before).unwrap();
        }
        let mut packed = Vec::with_capacity(70_000);
        deflate.compress_vec(chunk, &mut packed, FlushCompress::Finish).unwrap();
        before = chunk;
        ([b"CK", &packed[..]].concat(), chunk.len())
    };
    content.chunks(1 << 15).map(block).collect()
}

/// Noise that repeats, so that blocks point far back.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let period: Vec<u8> = (0..20_000).map(|_| next()).collect();
    period.into_iter().cycle().take(len).collect()
}

#[test]
fn real_ones_are_opened_and_damaged_ones_named() {
    for name in ["mszip.cab", "stored.cab"] {
        let whole = sample(name);
        let heard = Heard::of(&whole);
        heard.holds("invoice.js");
        assert_eq!(heard.missed, []);
        torment(&whole);
        let cut = Heard::of(&whole[..whole.len() - 10]);
        cut.complains_of("invoice.js", "break off");
        let mut bent = whole.clone();
        *bent.last_mut().unwrap() ^= 1;
        assert!(!Heard::of(&bent).missed.is_empty());
    }
    Heard::of(b"MSCF is no cabinet by its name").is_nothing();
    Heard::of(b"MSCF\0\0\0\0 and nothing beh\x03\x01").complains_of("", "damaged");
}

#[test]
fn files_lie_across_blocks_and_in_any_order() {
    let content = noise(100_000);
    let files = [("c", 0, 90_000, 10_000), ("a", 0, 0, 40_000), ("b", 0, 40_000, 50_000), ("b", 0, 50_000, 10)];
    for (method, blocks) in [
        (1, mszip(&content)),
        (0, content.chunks(1 << 15).map(|chunk| (chunk.to_vec(), chunk.len())).collect::<Vec<_>>()),
    ] {
        let heard = Heard::of(&cabinet(method, &blocks, &files));
        assert_eq!(heard.names(), ["a", "b", "b", "c"], "{:?}", heard.missed);
        assert!(heard.members[0].1 == content[..40_000] && heard.members[1].1 == content[40_000..90_000]);
        assert!(heard.members[2].1 == content[50_000..50_010] && heard.members[3].1 == content[90_000..]);
        assert_eq!(heard.missed, []);
    }
}

#[test]
fn a_damaged_block_does_not_hide_those_behind_it() {
    let content = [&noise(70_000)[..], CONTENT.as_bytes()].concat();
    let mut blocks = mszip(&content);
    blocks[1].0[0] = b'X';
    let len = u32::try_from(content.len()).unwrap();
    let heard = Heard::of(&cabinet(1, &blocks, &[("a", 0, 0, 100), ("all", 0, 0, len), ("z", 0, 70_000, 16)]));
    assert_eq!(heard.names(), ["a", "all", "z"]);
    heard.holds("all");
    heard.holds("z");
    assert_eq!(heard.missed.len(), 1);
    heard.complains_of("all", "a block cannot be unpacked");
}

#[test]
fn an_empty_block_hides_nothing() {
    let blocks = [(vec![], 0), (CONTENT.as_bytes().to_vec(), CONTENT.len())];
    let heard = Heard::of(&cabinet(0, &blocks, &[("a", 0, 0, 16)]));
    heard.holds("a");
    assert_eq!(heard.missed, []);
}

/// Bits as LZX has them: in words, the highest first.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, bits: u32) {
        self.0.extend((0..bits).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// A tree of two codes, of one bit each.
    fn two(&mut self, one: u32) {
        (0..20).for_each(|code| self.put(u32::from(code == 0 || code == one), 4));
    }

    fn bytes(&self) -> Vec<u8> {
        let word =
            |bits: &[bool]| bits.iter().enumerate().fold(0, |word, (at, bit)| word | u16::from(*bit) << (15 - at));
        self.0.chunks(16).flat_map(|bits| word(bits).to_le_bytes()).collect()
    }
}

/// Some literals, and eight bytes from sixteen back, twice: a verbatim block of LZX.
fn lzx(literals: &[u8; 16]) -> Block {
    let mut bits = Bits::default();
    bits.put(0, 1);
    bits.put(1, 3);
    bits.put(32, 24);
    // 256 literals of 9 bits, and 128 matches of 8.
    bits.two(8);
    (0..256).for_each(|_| bits.put(1, 1));
    bits.two(9);
    (0..240).for_each(|element| bits.put(u32::from(element < 128), 1));
    bits.two(1);
    (0..249).for_each(|_| bits.put(0, 1));
    literals.iter().for_each(|literal| bits.put(256 + u32::from(*literal), 9));
    for _ in 0..2 {
        // Of slot 8, whose offsets begin at 14, the third, and of the longest without a footer.
        bits.put(8 * 8 + 6, 8);
        bits.put(2, 3);
    }
    (bits.bytes(), 32)
}

#[test]
fn lzx_is_unpacked() {
    let block = lzx(CONTENT.as_bytes().try_into().unwrap());
    let files = [("a", 0, 0, 32), ("b", 0, 16, 16)];
    for window in [15, 16, 21] {
        // More slots there are in larger windows, and so a longer tree: those do not fit this block.
        let heard = Heard::of(&cabinet(3 | window << 8, std::slice::from_ref(&block), &files));
        if window == 15 {
            assert_eq!(heard.content("a"), Some(CONTENT.repeat(2).as_bytes()), "{:?}", heard.missed);
            heard.holds("b");
        } else {
            assert!(!heard.missed.is_empty());
        }
        torment(&cabinet(3 | window << 8, std::slice::from_ref(&block), &files));
    }
}

#[test]
fn what_is_not_opened_is_said() {
    let block = [(vec![7; 16], 16)];
    Heard::of(&cabinet(0x1572, &block, &[("a", 0, 0, 16)])).complains_of("a", "Quantum");
    Heard::of(&cabinet(9, &block, &[("a", 0, 0, 16)])).complains_of("a", "not supported");
    Heard::of(&cabinet(0, &block, &[("a", 7, 0, 16)])).complains_of("a", "in no folder");
    Heard::of(&cabinet(0, &block, &[("a", 0, 0, 17)])).complains_of("a", "too short");
    Heard::of(&cabinet(0, &block, &[("a", 0, 4_000_000, 4)])).complains_of("a", "too short");
    // Parts of a set: what lies here is seen.
    let whole = cabinet(0, &block, &[("a", 0xfffd, 0, 16), ("b", 0xfffe, 4, 100), ("c", 0xffff, 0, 1)]);
    let heard = Heard::of(&whole);
    assert_eq!(heard.members, [("b".to_owned(), vec![7; 12])]);
    let part = Reason::Unsupported("a part of a multi-part cabinet");
    assert_eq!(heard.missed, ["a", "c", "b"].map(|name| (name.to_owned(), part.clone())));
    // The list of files goes on beyond the end.
    let mut cut = cabinet(0, &block, &[("a", 0, 0, 16), ("b", 0, 0, 16)]);
    cut.truncate(44 + 18 + 5);
    Heard::of(&cut).complains_of("a", "break off");
    Heard::of(&cut).complains_of("", "damaged");
    let named = cabinet(0, &block, &[(&"x".repeat(65_000), 0, 0, 16)]);
    Heard::of(&named).complains_of("", "too long");
    let names = cabinet(0, &block, &[("..\\..\\a", 0, 0, 16), ("C:\\b", 0, 0, 16)]);
    assert_eq!(Heard::of(&names).names(), ["../../a", "C:/b"]);
}

#[test]
fn files_that_share_bytes_are_bounded_by_what_comes_out() {
    let content = vec![0; 40 << 20];
    let blocks = mszip(&content);
    // Each second one lies before the one in front of it: the folder is read again and again.
    let files: Vec<_> = (0..9_000).map(|n| ("a", 0, 0, (40 << 20) - n)).collect();
    let heard = Heard::within(&cabinet(1, &blocks, &files), &Limits::default());
    assert!(heard.members.len() < 10, "{}", heard.members.len());
    assert!(matches!(heard.missed[..], [(_, Reason::Exhausted(_) | Reason::Ratio(_))]), "{:?}", heard.missed);
}
