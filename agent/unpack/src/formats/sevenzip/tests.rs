#![allow(clippy::unwrap_used)]

use super::crc;
use crate::samples::{CONTENT, Heard, sample, torment};
use crate::{Limits, Reason, Source};
use std::io::Write;

/// An archive of these packed bytes with this header.
fn archive(packed: &[u8], header: &[u8]) -> Vec<u8> {
    let mut start = u64::try_from(packed.len()).unwrap().to_le_bytes().to_vec();
    start.extend(u64::try_from(header.len()).unwrap().to_le_bytes());
    start.extend(crc(header).to_le_bytes());
    [b"7z\xbc\xaf\x27\x1c\0\x04", &crc(&start).to_le_bytes()[..], &start, packed, header].concat()
}

fn number(value: u64) -> Vec<u8> {
    [&[0xff][..], &value.to_le_bytes()].concat()
}

/// A header of one folder with these coders, from this many packed bytes, divided into files.
fn header(coders: &[u8], unpacked: &[u64], packed: u64, files: &[(&str, u64, u32)]) -> Vec<u8> {
    let mut header = [&[1, 4, 6, 0, 1, 9][..], &number(packed), &[0, 7, 11, 1, 0], coders, &[12]].concat();
    unpacked.iter().for_each(|size| header.extend(number(*size)));
    header.extend([&[0, 8, 13][..], &number(files.len() as u64), &[9]].concat());
    files.split_last().unwrap().1.iter().for_each(|(_, size, _)| header.extend(number(*size)));
    header.extend([10, 1]);
    files.iter().for_each(|(_, _, crc)| header.extend(crc.to_le_bytes()));
    header.extend([0, 0, 5]);
    header.extend(number(files.len() as u64));
    let names: Vec<u8> =
        files.iter().flat_map(|(name, ..)| name.encode_utf16().chain([0])).flat_map(u16::to_le_bytes).collect();
    header.extend([&[17][..], &number(names.len() as u64 + 1), &[0], &names, &[0, 0]].concat());
    header
}

/// The coder that copies.
const COPY: &[u8] = &[1, 1, 0];

/// An archive of files that are stored one behind another.
fn stored(files: &[(&str, &[u8])]) -> Vec<u8> {
    let packed: Vec<u8> = files.iter().flat_map(|(_, content)| content.iter().copied()).collect();
    let told: Vec<_> = files.iter().map(|(name, content)| (*name, content.len() as u64, crc(content))).collect();
    let len = packed.len() as u64;
    archive(&packed, &header(COPY, &[len], len, &told))
}

#[test]
fn real_ones_of_every_method_are_opened() {
    for name in ["sample.7z", "bzip2.7z", "ppmd.7z", "lzma.7z", "deflate.7z", "bcj.7z"] {
        let whole = sample(name);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&whole).unwrap();
        let mut from_file = Heard::default();
        crate::unpack(&mut Source::file(file, whole.len() as u64), &Limits::default(), &mut from_file);
        for heard in [Heard::of(&whole), from_file] {
            heard.holds("docs/invoice.js");
            assert_eq!(heard.missed, [], "{name}");
        }
        torment(&whole);
    }
}

#[test]
fn what_needs_a_password_is_said_to() {
    for (name, inside) in [("encrypted.7z", "docs/invoice.js"), ("header-encrypted.7z", "")] {
        let heard = Heard::of(&sample(name));
        assert!(heard.members.is_empty());
        heard.complains_of(inside, "encrypted");
    }
}

#[test]
fn a_wrong_checksum_hides_nothing() {
    let mut whole = stored(&[("a", b"good"), ("b", CONTENT.as_bytes()), ("c", b"good too")]);
    whole[32 + 4] ^= 0x20;
    let heard = Heard::of(&whole);
    assert_eq!(heard.names(), ["a", "b", "c"]);
    assert_eq!(heard.content("b"), Some(&b"kEEPWATCH SAMPLE"[..]));
    assert_eq!(heard.missed, [("b".to_owned(), Reason::Damaged("its checksum is wrong".into()))]);
    // Of the start, and of the header.
    for at in [8, 28] {
        let mut whole = stored(&[("a", CONTENT.as_bytes())]);
        whole[at] ^= 1;
        let heard = Heard::of(&whole);
        heard.holds("a");
        heard.complains_of("", "checksum is wrong");
    }
}

#[test]
fn one_that_is_too_large_is_passed_for_the_next() {
    let limits = Limits { member: 1000, ..Limits::default() };
    let heard = Heard::within(&stored(&[("a", &[7; 100_000]), ("b", CONTENT.as_bytes())]), &limits);
    heard.holds("b");
    assert_eq!(heard.missed, [("a".to_owned(), Reason::TooLarge(1000))]);
}

#[test]
fn the_end_of_the_budget_ends_it_at_once() {
    let limits = Limits { entries: 2, ..Limits::default() };
    let files = ["a", "b", "c", "d"].map(|name| (name, CONTENT.as_bytes()));
    let heard = Heard::within(&stored(&files), &limits);
    assert_eq!(heard.names(), ["a", "b"]);
    assert_eq!(heard.missed, [(String::new(), Reason::TooMany(2))]);
}

#[test]
fn what_is_cut_off_is_given_as_far_as_it_goes() {
    // The header claims more packed bytes than there are, and more files than bytes.
    let content = CONTENT.as_bytes();
    let whole = archive(
        content,
        &header(COPY, &[1 << 40], 1 << 40, &[("a", 8, crc(&content[..8])), ("b", 1 << 39, 0), ("c", 0, 0)]),
    );
    let heard = Heard::of(&whole);
    assert_eq!(heard.content("a"), Some(&content[..8]));
    assert!(heard.content("b").unwrap().starts_with(&content[8..]));
    heard.complains_of("b", "breaks off");
    heard.complains_of("c", "breaks off");
    let whole = stored(&[("a", content)]);
    Heard::of(&whole[..whole.len() - 1]).complains_of("", "breaks off");
    Heard::of(&whole[..32]).complains_of("", "breaks off");
    Heard::of(&whole[..20]).complains_of("", "damaged");
    torment(&whole);
}

#[test]
fn an_archive_of_nothing_is_no_damage() {
    let mut whole = b"7z\xbc\xaf\x27\x1c\0\x04".to_vec();
    whole.extend(crc(&[0; 20]).to_le_bytes());
    whole.extend([0; 20]);
    Heard::of(&whole).is_nothing();
    whole[8..12].fill(0);
    Heard::of(&whole).complains_of("", "no header");
}

#[test]
fn huge_claims_are_refused_before_anything_is_allocated() {
    let claim = number(1 << 40);
    let files = [&[1, 5][..], &claim, &[17, 3, 0, 65, 0, 0, 0]].concat();
    let folders = [&[1, 4, 7, 11][..], &claim, &[0, 1, 1, 0]].concat();
    let packs = [&[1, 4, 6, 0][..], &claim, &[9, 1, 1]].concat();
    let coders = [&[1, 4, 7, 11, 1, 0][..], &claim, &[1, 0]].concat();
    let properties = [&[1, 4, 7, 11, 1, 0, 1, 0x21, 0x21][..], &claim, &[1]].concat();
    let parts = [&[1, 4, 7, 11, 1, 0][..], COPY, &[12, 1, 0, 8, 13], &claim, &[0, 0]].concat();
    for header in [files, folders, packs, coders, properties, parts] {
        let heard = Heard::of(&archive(b"", &header));
        assert!(heard.members.is_empty());
        let damaged = heard.missed.iter().all(|(_, reason)| matches!(reason, Reason::Damaged(_)));
        assert!(damaged && matches!(heard.missed.len(), 1 | 2), "{:?}", heard.missed);
    }
    let mut long = archive(b"", b"x");
    long[20..28].copy_from_slice(&(1_u64 << 50).to_le_bytes());
    Heard::of(&long).complains_of("", "larger than");
}

#[test]
fn dictionaries_are_bounded_and_all_coders_together() {
    let file = [("a", 9, 0)];
    let huge = Heard::of(&archive(b"x", &header(&[1, 0x21, 0x21, 1, 30], &[9], 1, &file)));
    huge.complains_of("a", "64 MiB");
    let lzma = [1, 0x23, 3, 1, 1, 5, 93, 0, 0, 0, 0x10];
    Heard::of(&archive(b"x", &header(&lzma, &[9], 1, &file))).complains_of("a", "64 MiB");
    let ppmd = [1, 0x23, 3, 4, 1, 5, 6, 0, 0, 0, 0x10];
    Heard::of(&archive(b"x", &header(&ppmd, &[9], 1, &file))).complains_of("a", "64 MiB");
    // Each is small enough, and all together they are not.
    let one = [0x21, 0x21, 1, 26];
    let many = [&[4][..], &one.repeat(4), &[0, 1, 1, 2, 2, 3]].concat();
    Heard::of(&archive(b"x", &header(&many, &[9; 4], 1, &file))).complains_of("a", "64 MiB");
    Heard::of(&archive(b"x", &header(&[1, 0x21, 0x21, 0], &[9], 1, &file))).complains_of("a", "no properties");
    Heard::of(&archive(b"x", &header(&[1, 1, 0x7f], &[9], 1, &file))).complains_of("a", "not supported");
}

#[test]
fn coders_in_a_circle_end() {
    let file = [("a", 9, 0)];
    // Two that feed each other; the second has an input besides.
    let circle = [2, 1, 0, 0x11, 0, 2, 1, 0, 1, 1, 0];
    let heard = Heard::of(&archive(b"x", &header(&circle, &[9; 2], 1, &file)));
    heard.complains_of("a", "damaged");
    for binds in [[0, 0], [0, 1], [1, 0], [1, 1], [7, 7]] {
        let two = [&[2, 1, 0, 1, 0][..], &binds].concat();
        assert!(!Heard::of(&archive(b"x", &header(&two, &[9; 2], 1, &file))).crashed());
    }
}

#[test]
fn a_header_in_a_header_ends() {
    // It is packed in itself, by copying.
    let mut packed =
        [&[23, 6, 0, 1, 9][..], &number(64), &[0, 7, 11, 1, 0], COPY, &[12], &number(64), &[0, 0]].concat();
    packed.resize(64, 0);
    let mut whole = archive(&packed, &packed);
    torment(&whole);
    Heard::of(&whole).complains_of("", "packed too often");
    whole.truncate(40);
    assert!(!Heard::of(&whole).crashed());
}

#[test]
fn names_are_taken_as_they_are() {
    let long = "x".repeat(65_000);
    let heard = Heard::of(&stored(&[("../../a", b"1"), ("/etc/b", b"2"), ("c\u{1}", b"3"), (&long, b"4"), ("", b"5")]));
    assert_eq!(heard.names()[..3], ["../../a", "/etc/b", "c\\u{1}"]);
    assert_eq!((heard.members.len(), heard.missed.len()), (5, 0));
    assert_eq!(heard.names()[4], "(no name)");
    // Half a character is no reason to refuse the rest.
    let mut whole = stored(&[("zz", CONTENT.as_bytes())]);
    let at = memchr::memmem::rfind(&whole, b"z\0z\0").unwrap();
    whole[at..at + 2].copy_from_slice(&[0, 0xd8]);
    Heard::of(&whole).holds("\u{fffd}z");
}
