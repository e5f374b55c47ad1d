use crate::Reason;
use crate::samples::{Heard, MARK, sample, torment};
use std::io::Read;

/// A sample, which is kept compressed.
fn tar(name: &str) -> Vec<u8> {
    let mut tar = vec![];
    flate2::read::GzDecoder::new(sample(name).as_slice()).read_to_end(&mut tar).unwrap();
    tar
}

/// A header as GNU tar writes it.
fn header(name: &str, kind: u8, size: &str) -> Vec<u8> {
    let mut block = vec![0; 512];
    block[..name.len().min(100)].copy_from_slice(&name.as_bytes()[..name.len().min(100)]);
    block[100..107].copy_from_slice(b"0000644");
    block[124..124 + size.len()].copy_from_slice(size.as_bytes());
    block[156] = kind;
    block[257..265].copy_from_slice(b"ustar\x0000");
    seal(&mut block);
    block
}

fn seal(block: &mut [u8]) {
    block[148..156].fill(b' ');
    let sum: u32 = block[..512].iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    let mut out = header(name, b'0', &format!("{:011o}", content.len()));
    out.extend(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

#[test]
fn real_tars_of_every_format_are_opened() {
    let long = format!("long-{}/{}.txt", "x".repeat(120), "y".repeat(90));
    for (name, expected) in [
        ("gnu", long.as_str()),
        ("pax", &long),
        ("ustar", "mark.txt"),
        ("v7", "mark.txt"),
        ("sparse-gnu", "sparse.bin"),
        ("sparse-pax", "sparse.bin"),
    ] {
        let heard = Heard::of(&tar(&format!("{name}.tar.gz.b64")));
        assert_eq!(heard.names().first(), Some(&expected), "{name}");
        assert!(heard.found() && heard.missed.is_empty(), "{name}: {:?}", heard.missed);
    }
    let heard = Heard::of(&sample("ustar.tar.gz.b64"));
    assert_eq!(heard.names(), ["content", "content!/mark.txt", "content!/second.txt"]);
}

#[test]
fn other_files_are_no_tar() {
    for other in [vec![0; 1024], b"0000644 text\n".repeat(60), vec![0xff; 600], b"ustar".repeat(200)] {
        assert!(!super::is(&other));
    }
}

#[test]
fn past_damage_and_past_the_end_more_is_found() {
    let mut broken = file("a", b"first");
    broken[3] ^= 1;
    let heard = Heard::of(&[broken, file("b", MARK)].concat());
    assert_eq!(heard.names(), ["b"]);
    assert_eq!(heard.missed, [(String::new(), Reason::Damaged("a block is no header".into()))]);
    let heard =
        Heard::of(&[file("a", b"first"), vec![0; 1024], file("b", MARK), vec![0; 1024], vec![7; 2000]].concat());
    assert_eq!((heard.names(), heard.missed.len()), (vec!["a", "b"], 0));
    let heard = Heard::of(&[file("a", MARK), header("b", b'0', "00000000100")].concat());
    assert_eq!(heard.missed, [("b".into(), Reason::Damaged("it breaks off".into()))]);
}

#[test]
fn what_claims_to_be_a_link_hides_nothing() {
    let mut link = header("link", b'1', "00000001000");
    link.extend([MARK, &[b'x'; 512 - MARK.len()]].concat());
    assert!(Heard::of(&[file("a", b"first"), link].concat()).found());
    // With the size of what it points to, as some write it, and nothing behind.
    let heard = Heard::of(&[header("link", b'2', "00000001000"), file("a", MARK)].concat());
    assert_eq!((heard.names(), heard.missed.len()), (vec!["a"], 0));
}

#[test]
fn sizes_of_any_kind_are_met() {
    for size in ["77777777777", "\u{1}", "9", "-1"] {
        let heard = Heard::of(&[file("a", MARK), header("b", b'0', size)].concat());
        assert!(heard.found());
    }
    let mut huge = header("b", b'0', "");
    huge[124..136].fill(0xff);
    seal(&mut huge);
    assert!(Heard::of(&[huge.clone(), file("a", MARK)].concat()).found());
    huge[124] = 0x80;
    huge[125..129].fill(0);
    seal(&mut huge);
    assert_eq!(Heard::of(&huge).missed, [("b".into(), Reason::Damaged("it breaks off".into()))]);
    let pax = b"30 size=99999999999999999999\n99 path=x\n";
    let mut hostile = header("x", b'x', &format!("{:011o}", pax.len()));
    hostile.extend(pax);
    hostile.resize(1024, 0);
    assert!(Heard::of(&[hostile, file("a", MARK)].concat()).found());
}

#[test]
fn names_of_any_kind_are_shown() {
    let name = "n".repeat(65_536);
    let mut long = header("././@LongLink", b'L', &format!("{:011o}", name.len()));
    long.extend(name.as_bytes());
    let heard = Heard::of(&[long, file("a", MARK), file("../../up", MARK), file("/etc/passwd", MARK)].concat());
    assert_eq!(heard.names()[1..], ["../../up", "/etc/passwd"]);
    assert!(heard.names()[0].starts_with("nnn") && heard.missed.is_empty());
}

#[test]
fn a_million_entries_end_by_the_budget() {
    let many = file("a", b"x").repeat(20_000);
    assert_eq!(Heard::of(&many).missed, [(String::new(), Reason::TooMany(10_240))]);
    let empty = header("d", b'5', "0").repeat(200_000);
    let heard = Heard::of(&empty);
    assert_eq!((heard.names().len(), heard.missed.len()), (0, 0));
}

#[test]
fn nothing_done_to_a_tar_crashes_it() {
    for name in ["gnu", "pax", "ustar", "v7", "sparse-gnu", "sparse-pax"] {
        torment(&tar(&format!("{name}.tar.gz.b64")));
    }
}
