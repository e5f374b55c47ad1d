//! Documents made for the purpose: no office program is at hand where tests run.
#![allow(clippy::unwrap_used)]

use crate::samples::{CONTENT, Heard, torment};
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
}

#[test]
fn an_embedded_file_is_named_and_opened() {
    let mut package = b"\0\0\0\0\x02\0invoice.js\0C:\\x\\invoice.js\0\0\0\x03\0".to_vec();
    package.extend(4_u32.to_le_bytes());
    package.extend(b"C:\\\0");
    package.extend(u32::try_from(CONTENT.len()).unwrap().to_le_bytes());
    package.extend(CONTENT.as_bytes());
    Heard::of(&document(&[("ObjectPool/_1/\u{1}Ole10Native", &package)])).holds("invoice.js");
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
    Heard::of(&document(&[("PowerPoint Document", &records)])).holds("object-2!/VBA/Module1.vba");
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
    assert_eq!(Heard::of(&document(&[("Workbook", &filepass[..6])])).missed, []);
}

#[test]
fn a_file_by_its_magic_alone_is_damage() {
    Heard::of(&[&b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"[..], &[0; 600]].concat()).complains_of("", "damaged");
}
