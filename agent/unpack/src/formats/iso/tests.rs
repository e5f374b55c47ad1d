#![allow(clippy::unwrap_used)]

use crate::samples::{CONTENT, Heard, sample, torment};
use crate::{Limits, Reason, Source};
use std::io::Write;

/// Images are mostly zeros: the samples are kept packed.
fn unpacked(name: &str) -> Vec<u8> {
    Heard::of(&sample(name)).members.swap_remove(0).1
}

fn from_file(whole: &[u8]) -> Heard {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(whole).unwrap();
    let mut heard = Heard::default();
    crate::unpack(&mut Source::file(file, whole.len() as u64), &Limits::default(), &mut heard);
    heard
}

/// A record of a folder.
fn record(name: &str, flags: u8, sector: u32, len: u32) -> Vec<u8> {
    let mut record = vec![0; 33];
    record[2..6].copy_from_slice(&sector.to_le_bytes());
    record[10..14].copy_from_slice(&len.to_le_bytes());
    record[25] = flags;
    record[32] = u8::try_from(name.len()).unwrap();
    record.extend(name.as_bytes());
    record.resize(record.len().next_multiple_of(2), 0);
    record[0] = u8::try_from(record.len()).unwrap();
    record
}

/// An image whose root is in sector 18, with what else stands in the sectors from there.
fn image(sectors: &[&[u8]]) -> Vec<u8> {
    image_of(2048, sectors)
}

fn image_of(root: u32, sectors: &[&[u8]]) -> Vec<u8> {
    let mut descriptor = b"\x01CD001\x01".to_vec();
    descriptor.resize(156, 0);
    descriptor.extend(record("\0", 2, 18, root));
    let mut whole = vec![0; 16 * 2048];
    for sector in [&[&descriptor[..], b"\xffCD001\x01"], sectors].concat() {
        whole.extend(sector);
        whole.resize(whole.len().next_multiple_of(2048), 0);
    }
    whole
}

#[test]
fn real_ones_are_opened_with_their_long_names() {
    for name in ["joliet.iso.gz", "udf.iso.gz", "plain.iso.gz"] {
        let whole = unpacked(name);
        for heard in [Heard::of(&whole), from_file(&whole)] {
            assert_eq!(heard.missed, []);
            let files = heard.names();
            match name {
                "joliet.iso.gz" => heard.holds("docs/发票 invoice.js"),
                "udf.iso.gz" => heard.holds("docs/发票 invoice.js"),
                _ => heard.holds("DOCS/INVOICE.JS"),
            }
            let marked = heard.members.iter().filter(|(_, bytes)| bytes.starts_with(b"WScript") || bytes.len() < 3);
            assert!(marked.count() <= 1, "each once, by whatever names: {files:?}");
        }
    }
}

/// The image as one would be that has no other tree than UDF's.
fn udf_alone() -> Vec<u8> {
    let mut whole = unpacked("udf.iso.gz");
    assert_eq!(&whole[18 * 2048..][1..6], b"BEA01");
    whole.copy_within(18 * 2048..21 * 2048, 16 * 2048);
    whole[19 * 2048..21 * 2048].fill(0);
    whole
}

#[test]
fn udf_is_opened_without_iso_9660() {
    let whole = udf_alone();
    for heard in [Heard::of(&whole), from_file(&whole)] {
        heard.holds("docs/发票 invoice.js");
        assert_eq!((heard.members.len(), heard.missed.len()), (2, 0));
    }
    // The anchor is gone, and the partition is of another kind.
    let mut bent = whole.clone();
    bent[256 * 2048] = 0;
    let last = bent.len() - 2048;
    bent[last..].fill(0);
    let heard = Heard::of(&bent);
    assert!(heard.members.is_empty());
    heard.complains_of("", "no anchor");
}

/// Every byte of what describes the image, bent.
fn bend(whole: &[u8], step: usize) {
    let described = (0x8000..0xa800).chain(256 * 2048..whole.len()).filter(|at| *at < whole.len() && whole[*at] != 0);
    for at in described.step_by(step) {
        let mut bent = whole.to_vec();
        bent[at] ^= 0x55;
        let heard = Heard::of(&bent);
        assert!(!heard.crashed(), "{at}: {:?}", heard.missed);
    }
}

#[test]
fn damaged_ones_end() {
    for whole in [unpacked("plain.iso.gz"), unpacked("joliet.iso.gz"), udf_alone()] {
        bend(&whole, 2);
        for len in (0x8800..whole.len()).step_by(2048) {
            assert!(!Heard::of(&whole[..len]).crashed());
        }
    }
    let small = image(&[&[record("A.JS;1", 0, 19, 16), record("B", 2, 18, 2048)].concat(), CONTENT.as_bytes()]);
    Heard::of(&small).holds("A.JS");
    torment(&small);
    Heard::of(&small[..18 * 2048]).complains_of("", "breaks off");
    Heard::of(&small[..19 * 2048]).complains_of("A.JS", "beyond the image's end");
    Heard::of(&small[..19 * 2048 + 4]).complains_of("A.JS", "breaks off");
    Heard::of(&[&vec![0; 0x8000][..], b"\x01CD001\x01", &[0; 2041]].concat()).complains_of("", "no root folder");
}

#[test]
fn a_file_in_parts_is_one_and_one_that_is_named_twice_is_seen_once() {
    let records = [
        record("\0", 2, 18, 2048),
        record("\x01", 2, 18, 2048),
        record("A;1", 0x80, 21, 2048),
        record("A;1", 0, 19, 16),
        record("B;1", 0, 19, 16),
        record("C;1", 0, 19, 16),
        record("D;1", 0, 20, 0),
    ];
    let part = [7; 2048];
    let whole = image(&[&records.concat(), CONTENT.as_bytes(), b"\0", &part]);
    let heard = Heard::of(&whole);
    assert_eq!(heard.names(), ["A", "B"]);
    assert_eq!(heard.content("A"), Some(&[&part[..], CONTENT.as_bytes()].concat()[..]));
    assert_eq!(heard.missed, []);
    let mut interleaved = record("A", 0, 19, 16);
    interleaved[26] = 1;
    Heard::of(&image(&[&interleaved, CONTENT.as_bytes()])).complains_of("A", "interleaved");
}

#[test]
fn folders_that_hold_themselves_or_overlap_are_bounded() {
    // A chain of folders, each of which holds the first one, and each claims all that follows.
    let folders: Vec<Vec<u8>> =
        (0..500).map(|n| [record("R", 2, 18, 0xffff_f000), record("N", 2, 19 + n, 0xffff_f000 - n)].concat()).collect();
    let whole = image(&folders.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let heard = Heard::of(&whole);
    assert_eq!(heard.members, []);
    assert!(heard.missed.len() < 5, "{:?}", heard.missed);
    heard.complains_of("", "its folders are too large");
}

#[test]
fn a_million_names_are_bounded_and_so_is_their_length() {
    let many: Vec<u8> = (0..60).flat_map(|n| record(&"../x/".repeat(20), 0, 19, n + 1)).collect();
    let folder = many.chunks(134).collect::<Vec<_>>().chunks(15).map(<[&[u8]]>::concat).collect::<Vec<_>>();
    let heard = Heard::within(
        &image_of(8192, &folder.iter().map(Vec::as_slice).collect::<Vec<_>>()),
        &Limits { entries: 10, ..Limits::default() },
    );
    // Of a file of this size that many may come.
    assert_eq!(heard.missed, [(String::new(), Reason::TooMany(22))]);
    assert_eq!(heard.members.len(), 22);
}
