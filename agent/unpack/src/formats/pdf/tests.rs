//! Documents written for the purpose, and one that a browser printed.
#![allow(clippy::unwrap_used)]

use crate::samples::{CONTENT, Heard, sample, torment};
use std::io::Write;

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

fn document(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n".to_vec();
    for (number, (dictionary, data)) in streams.iter().enumerate() {
        write!(out, "{} 0 obj\n<< {dictionary} >>\nstream\n", number + 1).unwrap();
        out.extend(*data);
        out.extend(b"\nendstream\nendobj\n");
    }
    out.extend(b"trailer << /Root 1 0 R >>\n%%EOF\n");
    out
}

#[test]
fn a_real_one_is_opened_and_its_fonts_are_not() {
    let whole = sample("printed.pdf");
    let heard = Heard::of(&whole);
    assert_eq!(heard.missed, []);
    assert!(!heard.members.is_empty() && heard.members.len() < 6, "{:?}", heard.members.len());
    torment(&whole);
}

#[test]
fn streams_are_found_whatever_their_length_says_and_however_they_are_packed() {
    let content = CONTENT.as_bytes();
    let hex: String = content.iter().map(|b| format!("{b:02x}")).collect();
    let twice = format!("{}>", deflated(content).iter().map(|b| format!("{b:02X} ")).collect::<String>());
    let mut lzw = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let lzw = lzw.encode(content).unwrap();
    let run = [&[u8::try_from(content.len() - 1).unwrap()][..], content, &[128]].concat();
    for (dictionary, data) in [
        ("/Type /EmbeddedFile /Filter /FlateDecode /Length 7", &deflated(content)[..]),
        ("/Type /EmbeddedFile /Filter /Fl#61teDecode /Length 12 0 R", &deflated(content)),
        ("/Type /ObjStm /Filter [/ASCIIHexDecode /FlateDecode]", twice.as_bytes()),
        ("/Type /X /Filter /AHx", hex.as_bytes()),
        ("/Type /X /Filter /LZWDecode", &lzw),
        ("/Type /X /Filter /RunLengthDecode", &run),
    ] {
        let heard = Heard::of(&document(&[(dictionary, data)]));
        heard.holds("object-1");
        assert_eq!(heard.missed, [], "{dictionary}");
    }
    Heard::of(&document(&[("/Filter /FlateDecode", &deflated(content))])).holds("pages");
}

#[test]
fn what_is_embedded_is_opened_in_turn() {
    let zip = deflated(&sample("sample.zip"));
    Heard::of(&document(&[("/Type /EmbeddedFile /Filter /FlateDecode", &zip)])).holds("object-1!/docs/invoice.js");
}

#[test]
fn pictures_are_passed_over_and_a_thousand_pages_are_one_member() {
    let picture = ("/Subtype /Image /Width 9 /Height 9 /Filter /DCTDecode", &b"\xff\xd8 picture"[..]);
    let page = deflated(b"BT (KEEPWATCH SAMPLE) Tj ET");
    let pages = vec![("/Filter /FlateDecode", &page[..]); 1000];
    let heard = Heard::of(&document(&[&[picture][..], &pages].concat()));
    assert_eq!(heard.members.len(), 1);
    heard.holds("pages");
}

#[test]
fn encrypted_damaged_and_exploding_ones_are_said_to_be() {
    let mut locked = document(&[("/Type /ObjStm /Filter /FlateDecode", b"noise")]);
    locked.extend(b"trailer << /Encrypt 9 0 R >>");
    let heard = Heard::of(&locked);
    assert_eq!(heard.missed.len(), 1);
    heard.complains_of("", "encrypted");
    Heard::of(&document(&[("/Type /X /Filter /FlateDecode", b"noise")])).complains_of("object-1", "damaged");
    let bomb = deflated(&deflated(&vec![0; 200 << 20]));
    let bomb = document(&[("/Type /X /Filter [/FlateDecode /FlateDecode]", &bomb)]);
    Heard::of(&bomb).complains_of("", "bomb");
    Heard::of(b"Notes on %PDF-1.7 and its stream endstream\n").is_nothing();
}
