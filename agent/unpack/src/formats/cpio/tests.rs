use crate::Reason;
use crate::samples::{Heard, MARK, sample, torment};

fn newc(name: &str, mode: u32, size: usize, content: &[u8]) -> Vec<u8> {
    let mut out = b"070701".to_vec();
    let numbers = [1, mode, 0, 0, 1, 0, size as u32, 0, 0, 0, 0, name.len() as u32 + 1, 0];
    out.extend(numbers.iter().flat_map(|number| format!("{number:08X}").into_bytes()));
    out.extend(name.as_bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(content);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

fn file(name: &str, content: &[u8]) -> Vec<u8> {
    newc(name, 0o100_644, content.len(), content)
}

fn last() -> Vec<u8> {
    newc("TRAILER!!!", 0, 0, b"")
}

#[test]
fn real_cpios_of_every_format_are_opened() {
    for name in ["newc", "crc", "odc", "bin"] {
        let heard = Heard::of(&sample(&format!("{name}.cpio.b64")));
        assert_eq!((heard.names(), heard.missed.len()), (vec!["mark.txt", "second.txt"], 0), "{name}");
        assert!(heard.found(), "{name}");
    }
}

#[test]
fn the_old_binary_format_is_read_in_the_other_byte_order() {
    let mut bytes = sample("bin.cpio.b64");
    let mut at = 0;
    // The headers only: names and content are bytes.
    while let Some(header) = bytes.get_mut(at..at + 26) {
        let word = |at: usize| usize::from(u16::from_le_bytes([header[at], header[at + 1]]));
        let next = at + 26 + word(20).next_multiple_of(2) + (word(22) << 16 | word(24)).next_multiple_of(2);
        if header[..2] != [0xc7, 0x71] {
            break;
        }
        header.chunks_exact_mut(2).for_each(|word| word.swap(0, 1));
        at = next;
    }
    let heard = Heard::of(&bytes);
    assert_eq!((heard.names(), heard.missed.len()), (vec!["mark.txt", "second.txt"], 0));
    assert!(heard.found());
}

#[test]
fn other_files_are_no_cpio() {
    for other in [&b"070701,070702,070707\n"[..], b"070707 is a number", &[0xc7, 0x71, 0, 0], &[0xc7; 100]] {
        assert!(!super::is(other));
    }
}

#[test]
fn one_behind_another_and_what_is_behind_are_opened() {
    let gzip = sample("mark.gz.b64");
    let bytes = [file("a", b"first"), last(), vec![0; 512], file("b", b"second"), last(), vec![0; 4], gzip].concat();
    let heard = Heard::of(&bytes);
    assert_eq!(heard.names(), ["a", "b", "(behind the end)", "(behind the end)!/mark.txt"]);
    assert_eq!(heard.missed, []);
}

#[test]
fn what_is_damaged_is_said() {
    let damaged = |name: &str, why: &str| (name.to_owned(), Reason::Damaged(why.into()));
    assert_eq!(Heard::of(&file("a", MARK)).missed, [damaged("", "it breaks off: no end mark")]);
    let heard = Heard::of(&newc("a", 0o100_644, usize::MAX, MARK));
    assert_eq!(heard.missed, [damaged("a", "it breaks off"), damaged("", "it breaks off within a member")]);
    assert!(heard.found());
    let heard = Heard::of(&[file("a", MARK), vec![b'x'; 200]].concat());
    assert_eq!(heard.missed, [damaged("", "no header where one must be")]);
}

#[test]
fn many_members_end_by_the_budget_and_names_are_shown() {
    let many = file("../../a", b"x").repeat(20_000);
    let heard = Heard::of(&many);
    assert_eq!(heard.missed, [(String::new(), Reason::TooMany(10_000))]);
    assert_eq!(heard.names()[0], "../../a");
    let long = "n".repeat(65_535);
    let heard = Heard::of(&[file(&long, MARK), newc("d", 0o040_755, 0, b""), last()].concat());
    assert!(heard.found() && heard.missed.is_empty() && heard.names()[0].len() < 1100);
}

#[test]
fn nothing_done_to_a_cpio_crashes_it() {
    for name in ["newc", "crc", "odc", "bin"] {
        torment(&sample(&format!("{name}.cpio.b64")));
    }
}
