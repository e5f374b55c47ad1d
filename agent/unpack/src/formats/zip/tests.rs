//! Real and hostile archives.
#![allow(clippy::unwrap_used)]

use crate::Limits;
use crate::samples::{CONTENT, Heard, sample};
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn zipped(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn real_ones_of_every_method_are_opened() {
    for name in ["copy.zip", "bzip2.zip", "deflate64.zip", "lzma.zip"] {
        let heard = Heard::of(&sample(name));
        heard.holds("docs/invoice.js");
        assert_eq!(heard.missed, [], "{name}");
        heard.survives_damage(&sample(name));
    }
    let heard = Heard::of(&sample("sample.zip"));
    heard.holds("docs/invoice.js");
    heard.survives_damage(&sample("sample.zip"));
    Heard::of(&sample("encrypted.zip")).complains_of("docs/invoice.js", "encrypted");
}

#[test]
fn one_in_another_names_the_way_and_ends_at_its_depth() {
    let mut nested = zipped(&[("invoice.js", CONTENT.as_bytes())]);
    for level in 0..5 {
        nested = zipped(&[(&format!("{level}.zip"), &nested)]);
    }
    Heard::of(&nested).holds("4.zip!/3.zip!/2.zip!/1.zip!/0.zip!/invoice.js");
    for _ in 0..60 {
        nested = zipped(&[("z", &nested)]);
    }
    let heard = Heard::of(&nested);
    assert_eq!(heard.members.len(), Limits::default().depth);
    assert!(heard.missed[0].1.to_string().contains("more than 17 levels deep"), "{:?}", heard.missed);
}

#[test]
fn without_its_directory_members_are_found_by_their_own_headers() {
    let whole = zipped(&[("a.js", CONTENT.as_bytes()), ("b.txt", b"more")]);
    let directory = memchr::memmem::find(&whole, b"PK\x01\x02").unwrap();
    let heard = Heard::of(&whole[..directory]);
    heard.holds("a.js");
    assert_eq!(heard.members.len(), 2);
    heard.complains_of("", "no directory");
    // The directory is there, and the end that tells of it lies about where.
    let mut lies = whole.clone();
    let end = memchr::memmem::rfind(&whole, b"PK\x05\x06").unwrap();
    put(&mut lies, end + 16, 0x7fff_ffff);
    Heard::of(&lies).holds("a.js");
}

#[test]
fn a_flat_bomb_ends_at_its_ratio_and_a_nested_one_too() {
    let zeros = vec![0; 40 << 20];
    let flat = zipped(&[("zeros", &zeros)]);
    let heard = Heard::of(&flat);
    assert!(heard.missed[0].1.to_string().contains("bomb"), "{:?}", heard.missed);
    let layer: Vec<(String, &[u8])> = (0..16).map(|n| (format!("{n}.zip"), flat.as_slice())).collect();
    let nested = zipped(&layer.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect::<Vec<_>>());
    let heard = Heard::of(&nested);
    assert_eq!(heard.missed.len(), 1, "said once, of the file itself: {:?}", heard.missed);
    assert_eq!(heard.missed[0].0, "");
}

#[test]
fn members_that_overlap_are_said_to() {
    // Thirty entries in the directory, all of which name the one member there is.
    let noise: Vec<u8> = (0_u32..3000).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let one = zipped(&[("kernel", &noise)]);
    let directory = memchr::memmem::find(&one, b"PK\x01\x02").unwrap();
    let end = memchr::memmem::rfind(&one, b"PK\x05\x06").unwrap();
    let mut bomb = one[..directory].to_vec();
    (0..30).for_each(|_| bomb.extend(&one[directory..end]));
    let (size, at) = (bomb.len() - directory, bomb.len());
    bomb.extend(&one[end..]);
    bomb[at + 8..at + 12].copy_from_slice(&[30, 0, 30, 0]);
    put(&mut bomb, at + 12, u32::try_from(size).unwrap());
    let heard = Heard::of(&bomb);
    assert_eq!(heard.members.len(), 30);
    heard.complains_of("", "overlap");
}

#[test]
fn a_claimed_million_of_members_costs_nothing() {
    let whole = zipped(&[("a.js", CONTENT.as_bytes())]);
    let end = memchr::memmem::rfind(&whole, b"PK\x05\x06").unwrap();
    let mut claims = whole.clone();
    claims[end + 8..end + 12].copy_from_slice(&[0xfe; 4]);
    let heard = Heard::of(&claims);
    heard.holds("a.js");
    heard.complains_of("", "its directory ends early");
    // And a real one ends at the limit of entries.
    let few = Limits { entries: 3, ..Limits::default() };
    let members: Vec<(String, &[u8])> = (0..10).map(|n| (format!("{n}"), &b"x"[..])).collect();
    let many = zipped(&members.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect::<Vec<_>>());
    let heard = Heard::within(&many, &few);
    assert_eq!(heard.members.len(), 3);
    heard.complains_of("", "more than 3 members");
}

#[test]
fn hostile_names_are_only_names() {
    let long = "n".repeat(60_000);
    let names = ["../../../etc/cron.d/x", "/etc/passwd", "a\0b", "\x1b[2Jclean", &long];
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, CONTENT.as_bytes())).collect();
    let heard = Heard::of(&zipped(&members));
    let seen: Vec<_> = heard.members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(seen[..4], ["../../../etc/cron.d/x", "/etc/passwd", "a\\u{0}b", "\\u{1b}[2Jclean"]);
    assert!(seen[4].len() < 1100, "{}", seen[4].len());
}

#[test]
fn a_member_too_large_for_memory_is_shown_as_far_as_it_goes() {
    let content = [CONTENT.as_bytes(), &b"random enough 0123456789".repeat(1000)].concat();
    let small = Limits { member: 1000, ..Limits::default() };
    let heard = Heard::within(&zipped(&[("large", &content), ("after", CONTENT.as_bytes())]), &small);
    heard.complains_of("large", "larger than 1000 bytes");
    heard.holds("after");
}
