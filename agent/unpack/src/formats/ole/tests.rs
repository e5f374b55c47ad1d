//! Documents made for the purpose: no office program is at hand where tests run.
#![allow(clippy::unwrap_used)]

use crate::samples::{CONTENT, Heard, sample, torment};
use crate::{Reason, Source};
use cfb::CompoundFile;
use std::io::{Cursor, Write};

fn document(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for (path, content) in streams {
        if let Some((folder, _)) = path.rsplit_once('/') {
            file.create_storage_all(format!("/{folder}")).unwrap();
        }
        file.create_stream(format!("/{path}")).unwrap().write_all(content).unwrap();
    }
    file.flush().unwrap();
    file.into_inner().into_inner()
}

/// A container of literals only, as the specification allows.
fn packed(source: &[u8]) -> Vec<u8> {
    let mut out = vec![1];
    for chunk in source.chunks(3600) {
        let tokens: Vec<u8> = chunk.chunks(8).flat_map(|eight| [&[0][..], eight].concat()).collect();
        out.extend(u16::try_from(0xb000 | (tokens.len() - 1)).unwrap().to_le_bytes());
        out.extend(tokens);
    }
    out
}

fn dir_naming(module: &str, offset: u32) -> Vec<u8> {
    let mut dir = Vec::new();
    for (kind, content) in [(0x1a_u16, module.as_bytes()), (0x31, &offset.to_le_bytes())] {
        dir.extend(kind.to_le_bytes());
        dir.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        dir.extend(content);
    }
    packed(&dir)
}

fn source() -> Vec<u8> {
    format!("Attribute VB_Name = \"Module1\"\r\nSub AutoOpen()\r\n' {CONTENT}\r\nEnd Sub\r\n").into_bytes()
}

#[test]
fn macros_are_read_whether_the_project_tells_where_or_not() {
    let module = [&[0xcc; 700][..], &packed(&source())].concat();
    for dir in [dir_naming("Module1", 700), dir_naming("Module1", 3), b"no project".to_vec()] {
        let whole = document(&[("Macros/VBA/dir", &dir), ("Macros/VBA/Module1", &module), ("WordDocument", b"text")]);
        let heard = Heard::of(&whole);
        heard.holds("Macros/VBA/Module1.vba");
        assert_eq!(heard.missed, []);
        assert!(heard.members.iter().any(|(name, _)| name == "Macros/VBA/Module1"));
    }
    let whole = document(&[("Macros/VBA/dir", &dir_naming("Module1", 700)), ("Macros/VBA/Module1", &module)]);
    torment(&whole);
    // Source in two places: the second would be run by a program that reads `dir` otherwise.
    let two = [&module[..], &packed(&source())].concat();
    let heard = Heard::of(&document(&[("VBA/dir", &dir_naming("Module1", 700)), ("VBA/Module1", &two)]));
    heard.holds("VBA/Module1.vba");
    heard.holds("VBA/Module1.2.vba");
}

#[test]
fn an_embedded_file_is_named_and_opened() {
    let mut package = b"\0\0\0\0\x02\0invoice.js\0C:\\x\\invoice.js\0\0\0\x03\0".to_vec();
    package.extend(4_u32.to_le_bytes());
    package.extend(b"C:\\\0");
    package.extend(u32::try_from(CONTENT.len()).unwrap().to_le_bytes());
    package.extend(CONTENT.as_bytes());
    let total = u32::try_from(package.len()).unwrap() - 4;
    package[..4].copy_from_slice(&total.to_le_bytes());
    Heard::of(&document(&[("ObjectPool/_1/\u{1}Ole10Native", &package)])).holds("invoice.js");
    // The length of the temporary path is a lie, or there is so much of it that it is not all read at once.
    package[33] = 0x7f;
    Heard::of(&document(&[("\u{1}Ole10Native", &package)])).holds("invoice.js");
    package[33] = 0;
    let long = [&b"x".repeat(200_000)[..], CONTENT.as_bytes()].concat();
    let at = package.len() - CONTENT.len() - 4;
    package.truncate(at);
    package[..4].copy_from_slice(&300_000_u32.to_le_bytes());
    package.extend(u32::try_from(long.len()).unwrap().to_le_bytes());
    package.extend(&long);
    let heard = Heard::of(&document(&[("\u{1}Ole10Native", &package)]));
    assert_eq!(heard.content("invoice.js"), Some(&long[..]));
    let own = document(&[("\u{1}Ole10Native", &8_u32.to_le_bytes()), ("x\u{1}Ole10Native", b"")]);
    assert_eq!(Heard::of(&own).names(), ["\\u{1}Ole10Native"]);
}

#[test]
fn the_objects_of_a_presentation_are_inflated() {
    let inner = document(&[("VBA/Module1", &packed(&source()))]);
    let mut deflated = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    deflated.write_all(&inner).unwrap();
    let deflated = deflated.finish().unwrap();
    let mut records = vec![0x0f, 0, 0xe8, 3, 0, 0, 0, 0, 0x10, 0, 0x11, 0x10];
    records.extend(u32::try_from(deflated.len() + 4).unwrap().to_le_bytes());
    records.extend(u32::try_from(inner.len()).unwrap().to_le_bytes());
    records.extend(&deflated);
    Heard::of(&document(&[("PowerPoint Document", &records)])).holds("object-1!/VBA/Module1.vba");
    records[8] = 0;
    records.truncate(12);
    records.extend(u32::try_from(inner.len()).unwrap().to_le_bytes());
    records.extend(&inner);
    Heard::of(&document(&[("PowerPoint Document", &records)])).holds("object-1!/VBA/Module1.vba");
    records.extend([0, 0, 0x11, 0x10, 0xff, 0xff, 0xff, 0xff]);
    assert_eq!(Heard::of(&document(&[("PowerPoint Document", &records)])).missed, []);
}

#[test]
fn what_needs_a_password_is_said_to() {
    let filepass = [&[9, 8, 2, 0, 0, 6][..], &[0x2f, 0, 2, 0, 1, 0]].concat();
    let mut fib = vec![0; 64];
    fib[..2].copy_from_slice(&[0xec, 0xa5]);
    fib[11] = 1;
    for (name, content) in [("EncryptedPackage", &b"noise"[..]), ("Workbook", &filepass), ("WordDocument", &fib)] {
        Heard::of(&document(&[(name, content)])).complains_of("", "encrypted");
    }
    let mut user = vec![0; 20];
    user[12..16].copy_from_slice(&0xf3d1_c4df_u32.to_le_bytes());
    Heard::of(&document(&[("Current User", &user)])).complains_of("", "encrypted");
    // Only what is embedded is.
    let heard = Heard::of(&document(&[("MBD1/Workbook", &filepass)]));
    assert_eq!(heard.missed, [("MBD1".to_owned(), Reason::Encrypted)]);
    assert_eq!(heard.names(), ["MBD1/Workbook"], "its streams are seen all the same");
    assert_eq!(Heard::of(&document(&[("Workbook", &filepass[..6]), ("WordDocument", &[0xec; 8])])).missed, []);
}

#[test]
fn a_file_by_its_magic_alone_is_damage() {
    Heard::of(&[&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 600]].concat()).complains_of("", "damaged");
}

#[test]
fn an_installer_is_opened_under_its_names() {
    let heard = Heard::of(&sample("installer.msi.gz"));
    let (_, whole) = &heard.members[0];
    let heard = Heard::of(whole);
    heard.holds("media1.cab!/invoice.js");
    assert!(heard.names().contains(&"!_StringData"));
    assert_eq!(heard.missed, []);
    torment(whole);
}

/// Where the directory's entry of this name is.
fn entry_of(whole: &[u8], name: &str) -> usize {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    memchr::memmem::rfind(whole, &name).unwrap()
}

fn put(whole: &mut [u8], at: usize, value: u32) {
    whole[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

#[test]
fn streams_of_every_size_come_out_whole_from_memory_and_from_a_file() {
    let long: Vec<u8> = (0..3_000_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
    let streams = [("a", &long[..1]), ("b", &long[..4095]), ("c/d", &long[..4096]), ("c/e", &long[..]), ("f", b"")];
    for version in [cfb::Version::V3, cfb::Version::V4] {
        let mut file = CompoundFile::create_with_version(version, Cursor::new(Vec::new())).unwrap();
        file.create_storage("/c").unwrap();
        // By turns, so that none lies in one piece.
        for (name, content) in streams {
            file.create_stream(format!("/{name}")).unwrap().write_all(&content[..content.len() / 2]).unwrap();
        }
        for (name, content) in streams {
            let mut stream = file.open_stream(format!("/{name}")).unwrap();
            std::io::Seek::seek(&mut stream, std::io::SeekFrom::End(0)).unwrap();
            stream.write_all(&content[content.len() / 2..]).unwrap();
        }
        file.flush().unwrap();
        let whole = file.into_inner().into_inner();
        let mut on_disk = tempfile::tempfile().unwrap();
        on_disk.write_all(&whole).unwrap();
        let mut from_file = Heard::default();
        let mut source = Source::file(on_disk, whole.len() as u64);
        crate::unpack(&mut source, &crate::Limits::default(), &mut from_file);
        for heard in [Heard::of(&whole), from_file] {
            for (name, content) in streams.iter().filter(|(_, content)| !content.is_empty()) {
                assert!(heard.content(name) == Some(content), "{name}");
            }
            assert_eq!((heard.members.len(), heard.missed.len()), (4, 0));
        }
    }
}

#[test]
fn a_stream_that_hangs_nowhere_is_found_and_so_are_its_macros() {
    let module = [&[0xcc; 5000][..], &packed(&source())].concat();
    let mut whole = document(&[("Macros/VBA/Module1", &module), ("WordDocument", b"text")]);
    // The tree of folders is cut off at its root.
    let root = entry_of(&whole, "Root Entry");
    put(&mut whole, root + 76, u32::MAX);
    let heard = Heard::of(&whole);
    heard.holds("Module1.vba");
    assert_eq!(heard.names(), ["Module1", "WordDocument", "Module1.vba"]);
}

#[test]
fn a_folder_that_holds_itself_and_entries_that_share_their_bytes_end() {
    let mut whole = document(&[("a/b/c", &[7; 5000]), ("d", &[8; 5000]), ("e", CONTENT.as_bytes())]);
    let (a, b, d) = (entry_of(&whole, "a\0"), entry_of(&whole, "b\0"), entry_of(&whole, "d\0"));
    for (at, to) in [(b + 76, 1), (b + 68, 1), (a + 72, 1), (d + 68, 0), (d + 72, 2)] {
        put(&mut whole, at, to);
    }
    let heard = Heard::of(&whole);
    heard.holds("e");
    assert_eq!(heard.members.iter().filter(|(_, bytes)| bytes.len() == 5000).count(), 2);
}

#[test]
fn chains_that_break_off_or_go_in_circles_give_what_they_have() {
    let whole = document(&[("a", &[7; 20_000]), ("e", &[&[8; 5000], CONTENT.as_bytes()].concat())]);
    let start = u32::from_le_bytes(whole[entry_of(&whole, "a\0") + 116..][..4].try_into().unwrap());
    // Of a new file the table of sectors is the first one.
    let fat = 4096 + 4 * usize::try_from(start).unwrap();
    for (next, given) in [(0xffff_fffe, 4096), (0xffff_ff00, 4096), (start, 20_000)] {
        let mut bent = whole.clone();
        put(&mut bent, fat, next);
        let heard = Heard::of(&bent);
        heard.holds("e");
        assert_eq!(heard.content("a").map(<[u8]>::len), Some(given));
        assert_eq!(heard.missed.len(), usize::from(given < 20_000), "{:?}", heard.missed);
    }
    // A size out of all proportion.
    let mut bent = whole.clone();
    let size = entry_of(&bent, "a\0") + 120;
    put(&mut bent, size, u32::MAX);
    put(&mut bent, fat, start);
    Heard::of(&bent).complains_of("a", "breaks off");
}

#[test]
fn a_document_without_its_end_gives_its_macros() {
    // The directory stands behind the streams here.
    let module = packed(&source());
    let mut whole = document(&[("VBA/Module1", &[&[0xcc; 5000][..], &module].concat())]);
    put(&mut whole, 48, 77);
    let heard = Heard::of(&whole);
    heard.holds("recovered.vba");
    heard.complains_of("", "no directory");
}

#[test]
fn a_million_entries_are_bounded() {
    let name = |number: u32| format!("/{number}");
    let mut file = CompoundFile::create(Cursor::new(Vec::new())).unwrap();
    for number in 0..200 {
        file.create_stream(name(number)).unwrap().write_all(&[1; 64]).unwrap();
    }
    file.flush().unwrap();
    let limits = crate::Limits { entries: 150, ..crate::Limits::default() };
    let heard = Heard::within(&file.into_inner().into_inner(), &limits);
    assert_eq!((heard.members.len(), heard.missed.len()), (150, 1));
}
