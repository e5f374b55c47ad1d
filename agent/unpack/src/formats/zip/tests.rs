use crate::samples::{Heard, MARK, sample, torment};
use crate::{Limits, Reason};
use std::io::Write;

/// A member as it is written; what differs from the truth is set by hand.
#[derive(Clone)]
struct Member {
    name: Vec<u8>,
    data: Vec<u8>,
    method: u16,
    flags: u16,
    crc: u32,
    size: u32,
    /// What the local header says of the packed size.
    local: Option<u32>,
}

fn stored(name: &str, data: &[u8]) -> Member {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    let (name, data, size) = (name.into(), data.to_vec(), data.len() as u32);
    Member { name, data, method: 0, flags: 0, crc: crc.sum(), size, local: None }
}

fn deflated(name: &str, data: &[u8]) -> Member {
    let mut encoder = flate2::write::DeflateEncoder::new(vec![], flate2::Compression::best());
    encoder.write_all(data).unwrap();
    Member { data: encoder.finish().unwrap(), method: 8, ..stored(name, data) }
}

fn local(member: &Member) -> Vec<u8> {
    let mut out = b"PK\x03\x04\x14\0".to_vec();
    out.extend(member.flags.to_le_bytes());
    out.extend(member.method.to_le_bytes());
    out.extend([0, 0, 0x21, 0]);
    let packed = member.local.unwrap_or(member.data.len() as u32);
    let (crc, size) = if member.flags & 8 == 0 { (member.crc, member.size) } else { (0, 0) };
    out.extend([crc, packed, size].iter().flat_map(|number| number.to_le_bytes()));
    out.extend((member.name.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out.extend(&member.name);
    out
}

fn central(member: &Member, at: u32) -> Vec<u8> {
    let mut out = b"PK\x01\x02\x14\0\x14\0".to_vec();
    out.extend(member.flags.to_le_bytes());
    out.extend(member.method.to_le_bytes());
    out.extend([0, 0, 0x21, 0]);
    let numbers = [member.crc, member.data.len() as u32, member.size];
    out.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
    out.extend((member.name.len() as u16).to_le_bytes());
    out.extend([0; 12]);
    out.extend(at.to_le_bytes());
    out.extend(&member.name);
    out
}

fn end(entries: u16, size: usize, offset: usize) -> Vec<u8> {
    let mut out = b"PK\x05\x06\0\0\0\0".to_vec();
    out.extend([entries.to_le_bytes(), entries.to_le_bytes()].concat());
    out.extend([size as u32, offset as u32].iter().flat_map(|number| number.to_le_bytes()));
    out.extend([0, 0]);
    out
}

/// Local headers and data, and the central directory with its end record.
fn parts(members: &[Member]) -> (Vec<u8>, Vec<u8>) {
    let (mut front, mut directory) = (vec![], vec![]);
    for member in members {
        directory.extend(central(member, front.len() as u32));
        front.extend(local(member));
        front.extend(&member.data);
    }
    let end = end(members.len() as u16, directory.len(), front.len());
    directory.extend(end);
    (front, directory)
}

fn archive(members: &[Member]) -> Vec<u8> {
    let (front, directory) = parts(members);
    [front, directory].concat()
}

fn damaged(name: &str, why: &str) -> (String, Reason) {
    (name.into(), Reason::Damaged(why.into()))
}

#[test]
fn real_zips_of_every_method_are_opened() {
    for name in ["deflate", "stored", "streamed", "zip64", "deflate64", "bzip2", "lzma", "ppmd", "xz"] {
        let heard = Heard::of(&sample(&format!("{name}.zip.b64")));
        assert!(heard.found(), "{name}: {:?} {:?}", heard.names(), heard.missed);
        assert_eq!(heard.missed, [], "{name}");
    }
    let heard = Heard::of(&sample("deflate.zip.b64"));
    assert_eq!(heard.names(), ["mark.txt", "second.txt"]);
    let packed = zstd::encode_all(MARK, 3).unwrap();
    let heard = Heard::of(&archive(&[Member { data: packed, method: 93, ..stored("z", MARK) }]));
    assert_eq!((heard.content("z"), heard.missed.len()), (Some(MARK), 0));
}

#[test]
fn an_encrypted_member_is_named_and_one_that_only_says_so_is_read() {
    let encrypted = |name: &str| (name.to_owned(), Reason::Encrypted);
    let heard = Heard::of(&sample("encrypted.zip.b64"));
    assert_eq!((heard.names().len(), heard.missed), (0, vec![encrypted("mark.txt"), encrypted("second.txt")]));
    assert_eq!(Heard::of(&sample("aes.zip.b64")).missed, [encrypted("mark.txt")]);
    let says_so = Member { flags: 1, ..deflated("a", MARK) };
    let heard = Heard::of(&archive(&[says_so]));
    assert_eq!((heard.content("a"), heard.missed.len()), (Some(MARK), 0));
}

#[test]
fn an_unknown_method_is_named() {
    let heard = Heard::of(&archive(&[Member { method: 97, ..stored("a", b"x") }, stored("b", MARK)]));
    assert_eq!(heard.names(), ["b"]);
    assert_eq!(heard.missed, [("a".into(), Reason::Unsupported("this compression method of zip"))]);
}

#[test]
fn without_its_directory_a_zip_is_read_by_its_local_headers() {
    for name in ["deflate", "stored", "streamed", "zip64", "deflate64", "bzip2", "lzma", "ppmd", "xz"] {
        let mut zip = sample(&format!("{name}.zip.b64"));
        zip.truncate(memchr::memmem::find(&zip, b"PK\x01\x02").unwrap());
        let heard = Heard::of(&zip);
        assert!(heard.found(), "{name}: {:?} {:?}", heard.names(), heard.missed);
        assert_eq!(heard.missed, [damaged("", "no central directory")], "{name}");
    }
}

#[test]
fn a_directory_that_lies_hides_nothing() {
    let members = [deflated("seen", b"harmless"), deflated("hidden", MARK)];
    let (front, _) = parts(&members);
    let (_, short) = parts(&members[..1]);
    // It lists only the first, and ends by its offset elsewhere.
    let heard = Heard::of(&[front.clone(), short].concat());
    assert!(heard.found(), "{:?}", heard.names());
    // An empty one stands where the true one was.
    let heard = Heard::of(&[front.clone(), end(0, 0, front.len())].concat());
    assert_eq!(heard.names(), ["seen", "hidden"]);
    // The last end record is empty, and in the comment of the true one.
    let heard = Heard::of(&[archive(&members), end(0, 0, 0)].concat());
    assert_eq!((heard.names(), heard.missed.len()), (vec!["seen", "hidden"], 0));
}

#[test]
fn a_directory_that_breaks_off_is_said_and_the_rest_found() {
    let members = [deflated("a", b"first of them"), deflated("b", MARK)];
    let (front, mut directory) = parts(&members);
    let second = directory.len() - 22 - 47;
    directory[second] = b'x';
    let heard = Heard::of(&[front, directory].concat());
    assert_eq!(heard.names(), ["a", "b"]);
    assert_eq!(heard.missed, [damaged("", "the central directory breaks off")]);
}

#[test]
fn where_the_headers_disagree_both_readings_are_handed_on() {
    let whole = deflated("a", MARK);
    let mut zip = archive(std::slice::from_ref(&whole));
    // The directory calls it empty.
    let at = memchr::memmem::find(&zip, b"PK\x01\x02").unwrap();
    zip[at + 20..at + 28].fill(0);
    let heard = Heard::of(&zip);
    assert_eq!(heard.content("a"), Some(MARK));
    assert_eq!(heard.missed, [damaged("a", "its local header disagrees with the directory")]);
}

#[test]
fn a_size_that_lies_does_not_hide_what_follows() {
    let (front, _) = parts(&[Member { local: Some(0x7fff_ffff), ..stored("a", b"lie") }, stored("b", MARK)]);
    let heard = Heard::of(&front);
    assert_eq!(heard.content("b"), Some(MARK));
    assert_eq!(heard.missed, [damaged("a", "it breaks off"), damaged("", "no central directory")]);
    let (front, _) = parts(&[Member { local: Some(0x7fff_ffff), ..deflated("a", b"lie") }, deflated("b", MARK)]);
    assert_eq!(Heard::of(&front).content("b"), Some(MARK));
}

#[test]
fn a_wrong_checksum_is_said_and_the_content_handed_on() {
    let heard = Heard::of(&archive(&[Member { crc: 7, ..deflated("a", MARK) }]));
    assert_eq!(heard.content("a"), Some(MARK));
    assert_eq!(heard.missed, [damaged("a", "the checksum does not match")]);
}

#[test]
fn bytes_before_a_zip_are_passed() {
    let zip = archive(&[deflated("a", MARK)]);
    let heard = Heard::of(&[b"GIF89a and so on, no program at all".as_slice(), &zip].concat());
    assert_eq!((heard.names(), heard.missed.len()), (vec!["a"], 0));
    // One zip behind another.
    let other = archive(&[deflated("b", b"the last one")]);
    let heard = Heard::of(&[zip, other].concat());
    assert_eq!(heard.names(), ["b", "a"]);
    assert_eq!(heard.missed, []);
}

#[test]
fn bombs_end_by_the_budget() {
    let flat = deflated("a", &vec![0; 64 << 20]);
    let members: Vec<_> = (0..20).map(|_| flat.clone()).collect();
    assert_eq!(Heard::of(&archive(&members)).missed, [(String::new(), Reason::Ratio(250))]);
    // All members of the overlapping one are the same bytes.
    let mut zip = local(&flat);
    zip.extend(&flat.data);
    let offset = zip.len();
    for name in 0..20u8 {
        zip.extend(central(&Member { name: vec![b'a' + name], ..flat.clone() }, 0));
        // Not even the same size, so that none is passed over.
        let at = zip.len() - 47 + 20;
        zip[at] = zip[at].wrapping_sub(name);
    }
    let size = zip.len() - offset;
    zip.extend(end(20, size, offset));
    let heard = Heard::of(&zip);
    assert_eq!(heard.missed.first(), Some(&damaged("", "members overlap one another")));
    assert_eq!(heard.missed.last(), Some(&(String::new(), Reason::Ratio(250))));
    let mut nested = archive(&[stored("a", MARK)]);
    for _ in 0..40 {
        nested = archive(&[deflated("n", &nested)]);
    }
    let heard = Heard::of(&nested);
    assert!(matches!(heard.missed.as_slice(), [(_, Reason::TooDeep(17))]), "{:?}", heard.missed);
}

#[test]
fn a_million_entries_are_not_kept() {
    let one = stored("", b"x");
    let empty = stored("", b"");
    let mut members = vec![empty.clone(); 1_000_000];
    members.push(one.clone());
    let (front, mut directory) = parts(&members);
    // Its numbers are those of zip64, which is missing.
    directory.truncate(directory.len() - 22);
    directory.extend(end(u16::MAX, 0, front.len()));
    let heard = Heard::of(&[front, directory].concat());
    assert_eq!((heard.names(), heard.missed.len()), (vec!["(no name)"], 0));
    // All of them at one place, which says otherwise.
    let mut zip = local(&one);
    zip.extend(&one.data);
    let offset = zip.len();
    zip.extend(central(&empty, 0).repeat(1_000_000));
    let size = zip.len() - offset;
    zip.extend(end(1, size, offset));
    let heard = Heard::of(&zip);
    assert_eq!(heard.names(), ["(no name)"]);
    assert_eq!(heard.missed.len(), 2);
    let mut many = vec![];
    for _ in 0..20_000 {
        many.extend(local(&one));
        many.extend(&one.data);
    }
    assert_eq!(Heard::of(&many).missed, [(String::new(), Reason::TooMany(10_000))]);
}

#[test]
fn names_of_any_kind_are_shown() {
    let long = "n".repeat(65_535);
    let names = ["../../up", "/etc/passwd", "C:\\x", "a\0b", &long];
    let members: Vec<_> = names.iter().map(|name| stored(name, MARK)).collect();
    let heard = Heard::of(&archive(&members));
    assert_eq!(heard.missed, []);
    let shown = heard.names();
    assert_eq!(shown[..4], ["../../up", "/etc/passwd", "C:\\x", "a\\u{0}b"]);
    assert!(shown[4].len() < 1100);
    let chinese = Member { name: b"\xb2\xe2\xca\xd4.txt".to_vec(), ..stored("", MARK) };
    assert_eq!(Heard::of(&archive(&[chinese])).names(), ["测试.txt"]);
}

#[test]
fn large_dictionaries_are_refused() {
    let lzma = [&[9, 4, 5, 0, 0x5d], &0x4000_0001u32.to_le_bytes()[..], &[0; 20]].concat();
    let ppmd = [&[0xf7, 0x0f], &[0; 20][..]].concat();
    let members = [
        Member { data: lzma, method: 14, ..stored("l", MARK) },
        Member { data: ppmd, method: 98, ..stored("p", MARK) },
    ];
    let heard = Heard::of(&archive(&members));
    let reason = Reason::Unsupported("a dictionary larger than 64 MiB");
    assert_eq!(heard.missed, [("l".into(), reason.clone()), ("p".into(), reason)]);
}

#[test]
fn an_empty_zip_is_no_damage_and_a_bare_magic_is() {
    let heard = Heard::of(&end(0, 0, 0));
    assert_eq!((heard.names().len(), heard.missed.len()), (0, 0));
    assert_eq!(Heard::of(b"PK\x03\x04").missed, [damaged("", "no central directory")]);
}

#[test]
fn limits_are_those_of_the_whole_file() {
    let limits = Limits { entries: 1, ..Limits::default() };
    let heard = Heard::within(&sample("deflate.zip.b64"), &limits);
    assert_eq!(heard.names(), ["mark.txt"]);
    assert_eq!(heard.missed, [(String::new(), Reason::TooMany(1))]);
}

#[test]
fn nothing_done_to_a_zip_crashes_it() {
    for name in
        ["deflate", "stored", "streamed", "zip64", "encrypted", "aes", "deflate64", "bzip2", "lzma", "ppmd", "xz"]
    {
        torment(&sample(&format!("{name}.zip.b64")));
    }
    // The methods of before 1993, of whatever bytes.
    for method in 1..=6 {
        let old = Member { method, ..stored("a", &sample("deflate.zip.b64")) };
        torment(&archive(&[old]));
    }
}
