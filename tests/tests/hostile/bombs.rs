//! Small files of which far too much comes out.

use crate::scanned::{FOUND, Place, SAMPLE};
use crate::zips::{Claim, Packed, Zip, crc, deflate, local_header, zeros};

/// Each of these says "too much".
const TOO_MUCH: [&str; 3] = ["a decompression bomb", "come out of one file", "larger than"];

#[test]
fn a_flat_bomb() {
    let place = Place::new();
    for (name, mebibytes) in [("small.zip", 40), ("member.zip", 150), ("large.zip", 4095)] {
        let mut zip = Zip::default();
        place.write(name, &zip.stored(b"before", SAMPLE).deflated(b"zeros", &zeros(mebibytes)).done());
    }
    place.write("beside", SAMPLE);
    let scanned = place.scan();
    for name in ["small.zip", "member.zip", "large.zip"] {
        scanned.found(&format!("{name}!/before")).missed(name, &TOO_MUCH);
    }
    scanned.found("beside").ends(FOUND);
}

#[test]
fn a_gzip_bomb() {
    let place = Place::new();
    let Packed { bytes, crc } = zeros(2048);
    let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec();
    gzip.extend_from_slice(&bytes);
    gzip.extend_from_slice(&crc.sum().to_le_bytes());
    gzip.extend_from_slice(&crc.amount().to_le_bytes());
    place.write("bomb.gz", &gzip);
    place.write("beside", SAMPLE);
    place.scan().found("beside").missed("bomb.gz", &TOO_MUCH).ends(FOUND);
}

/// As 42.zip: sixteen zips in each of sixteen zips, five times over.
#[test]
fn a_nested_bomb() {
    let place = Place::new();
    let mut inner = zeros(64);
    let mut name = "zeros";
    for _ in 0..5 {
        let mut zip = Zip::default();
        zip.stored(b"0 first", SAMPLE);
        for at in 1..=16 {
            zip.deflated(format!("{at} {name}").as_bytes(), &inner);
        }
        (inner, name) = (deflate(&zip.done()), "lib.zip");
    }
    let mut zip = Zip::default();
    place.write("nested.zip", &zip.deflated(b"all.zip", &inner).done());
    place.scan().found("nested.zip!/all.zip!/0 first").missed("nested.zip", &TOO_MUCH).ends(FOUND);
}

/// As Fifield's: every member's data begins with the next one's header, quoted, and goes on
/// with its data, so that all end in the same kernel.
#[test]
fn an_overlapping_bomb() {
    const MEMBERS: usize = 2_000;
    let kernel = zeros(1);
    let (mut data, mut held) = (kernel.bytes, kernel.crc);
    let mut members = vec![];
    // From the last to the first; the bytes grow in front, so they are kept from behind.
    let mut reversed: Vec<u8> = data.iter().rev().copied().collect();
    for at in (0..MEMBERS).rev() {
        let name = format!("{at:04}");
        let packed = data.len() as u32;
        let claim = Claim { method: 8, crc: held.sum(), packed, size: held.amount() };
        let header = local_header(name.as_bytes(), claim);
        let count = header.len() as u16;
        let quote = [&[0][..], &count.to_le_bytes(), &(!count).to_le_bytes()].concat();
        reversed.extend(header.iter().rev());
        members.push((name, claim, reversed.len()));
        let mut whole = crc(&header);
        whole.combine(&held);
        held = whole;
        reversed.extend(quote.iter().rev());
        data.resize(reversed.len(), 0); // only its length counts here
    }
    reversed.truncate(members[MEMBERS - 1].2); // no header is quoted before the first
    let mut zip = Zip::default();
    let sample_first = zip.stored(b"first", SAMPLE).bytes.len();
    zip.bytes.extend(reversed.iter().rev());
    for (name, claim, from_end) in members.iter().rev() {
        zip.names(name.as_bytes(), *claim, (sample_first + reversed.len() - from_end) as u32);
    }
    let place = Place::new();
    place.write("overlapping.zip", &zip.done());
    let scanned = place.scan();
    scanned.found("overlapping.zip!/first").missed("overlapping.zip", &["overlap"]);
    // By bytes or by members, whichever the budget meets first.
    scanned.missed("overlapping.zip", &[&TOO_MUCH[..], &["members in one file"]].concat()).ends(FOUND);
}
