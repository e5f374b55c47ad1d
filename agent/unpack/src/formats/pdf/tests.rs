//! Documents written for the purpose, and one that a browser printed.
#![allow(clippy::unwrap_used)]

use crate::Reason;
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

fn names(heard: &Heard) -> Vec<&str> {
    heard.members.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn a_real_one_is_opened_and_its_fonts_are_not() {
    let whole = sample("printed.pdf");
    let heard = Heard::of(&whole);
    assert_eq!(heard.missed, []);
    assert_eq!(names(&heard), ["pages"], "one text, whatever it is made of");
    torment(&whole);
}

#[test]
fn streams_are_found_whatever_their_length_says_and_however_they_are_packed() {
    let content = CONTENT.as_bytes();
    let hex: String = content.iter().map(|b| format!("{b:02x}")).collect();
    let twice = format!("{}>", deflated(content).iter().map(|b| format!("{b:02X} ")).collect::<String>());
    let mut early = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let early = early.encode(content).unwrap();
    let late = weezl::encode::Encoder::new(weezl::BitOrder::Msb, 8).encode(content).unwrap();
    let run = [&[u8::try_from(content.len() - 1).unwrap()][..], content, &[128]].concat();
    let plain = deflated(content);
    let length = format!("/Filter /FlateDecode /Length {}", plain.len());
    for (dictionary, data) in [
        ("/Filter /FlateDecode", &plain[..]),
        (&length, &plain),
        ("/Filter /Fl#61teDecode /Length 7", &plain),
        ("/Filter /Fl /Length 99999999999", &plain),
        ("/Filter[/FlateDecode] /Length -1", &plain),
        ("/Filter /FlateDecode", &plain[2..]),
        ("/Filter [/ASCIIHexDecode /FlateDecode]", twice.as_bytes()),
        ("/Filter /AHx", hex.as_bytes()),
        ("/Filter /LZWDecode", &early),
        ("/Filter /LZW /DecodeParms << /EarlyChange 0 >>", &late),
        ("/Filter /RunLengthDecode", &run),
        ("/Filter [ /Crypt/Fl]", &plain),
        ("/D << /Filter /X >> % >> stream\n /Filter /Fl /S (>> stream)", &plain),
    ] {
        let heard = Heard::of(&document(&[(dictionary, data)]));
        assert!(heard.members.len() == 1, "{dictionary}: {heard:?}");
        heard.holds("pages");
        assert_eq!((heard.members.len(), heard.missed.len()), (1, 0), "{dictionary}: {:?}", heard.missed);
        // The lie within the last dictionary is handed on as well, where it says that it is a file.
        let heard = Heard::of(&document(&[(&format!("/Type /EmbeddedFile {dictionary}"), data)]));
        assert!(heard.members.iter().any(|(name, bytes)| name == "object-1" && bytes == content), "{dictionary}");
        Heard::of(&document(&[(&format!("/Type /ObjStm {dictionary}"), data)]));
    }
}

#[test]
fn a_length_or_filter_elsewhere_is_found_and_an_end_within_the_data_is_none() {
    // Stored, so that the false end is in the packed data.
    let mut stored = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::none());
    stored.write_all(format!("endstream endobj {CONTENT}").as_bytes()).unwrap();
    let stored = stored.finish().unwrap();
    let mut whole = document(&[("/Filter 8 0 R /Length 9 0 R", &stored)]);
    whole.extend(format!("8 0 obj [/FlateDecode] endobj\n9 0 obj\n{} endobj", stored.len()).bytes());
    let heard = Heard::of(&whole);
    heard.holds("pages");
    assert_eq!(heard.missed, []);
    // One that lies around another.
    let inner = document(&[("/Filter /Fl", &deflated(CONTENT.as_bytes()))]);
    Heard::of(&document(&[("/Length 1", &inner)])).holds("pages");
}

#[test]
fn embedded_files_are_opened_under_their_names() {
    let zip = deflated(&sample("sample.zip"));
    let file = ("/Type /EmbeddedFile /Filter /FlateDecode", &zip[..]);
    Heard::of(&document(&[file])).holds("object-1!/docs/invoice.js");
    let names = "<< /Type /Filespec /F (x) /UF <FEFF53D17968002E006A0073> /EF << /F 1 0 R >> >>";
    let named = [document(&[file]), format!("7 0 obj {names} endobj").into_bytes()].concat();
    Heard::of(&named).holds("发票.js!/docs/invoice.js");
    // The same in an object stream, which says it of a picture without a filter.
    let objects = deflated(names.as_bytes());
    let plain = sample("sample.zip");
    let streams = [("/Subtype /Image /Width 1 /Height 1", &plain[..]), ("/Type /ObjStm /Filter /Fl", &objects)];
    Heard::of(&document(&streams)).holds("发票.js!/docs/invoice.js");
    // One that is named nowhere.
    Heard::of(&document(&[("", &plain)])).holds("object-1!/docs/invoice.js");
    Heard::of(&document(&[("/Filter /Fl", &zip)])).holds("object-1!/docs/invoice.js");
    Heard::of(&document(&[("/Filter /Fl", &deflated(b"MZ KEEPWATCH SAMPLE"))])).holds("object-1");
}

#[test]
fn scripts_are_handed_on_where_they_were_hidden() {
    let hidden = "<< /S /JavaScript /J#53 (\\113EEPWATCH \\\n\\123AMPLE) >>";
    Heard::of(&[document(&[]), hidden.as_bytes().to_vec()].concat()).holds("script-1");
    Heard::of(&document(&[("/Type /ObjStm /Filter /Fl", &deflated(hidden.as_bytes()))])).holds("script-1");
    let wide: String = CONTENT.bytes().map(|b| format!("00{b:02x}")).collect();
    let hidden = format!("<< /JS <feff{wide}> >>");
    Heard::of(&[document(&[]), hidden.into_bytes()].concat()).holds("script-1");
    let heard = Heard::of(&[document(&[]), b"<< /JS (KEEPWATCH SAMPLE) >>".to_vec()].concat());
    assert_eq!(heard.members, [], "it has been seen");
    // A script that says that it is a font.
    let script = deflated(CONTENT.as_bytes());
    let streams = [("/Length1 5 /Subtype /Image /Width 1 /Height 2 /Filter /Fl", &script[..]), ("/JS 1 0 R", b"")];
    Heard::of(&document(&streams)).holds("object-1");
}

#[test]
fn pictures_and_fonts_are_passed_over_and_a_thousand_pages_are_one_member() {
    let pixels = deflated(&[7; 100_000]);
    let font = deflated(&[&b"\0\x01\0\0"[..], &[9; 100_000]].concat());
    let page = deflated(b"BT (KEEPWATCH SAMPLE) Tj ET");
    let mut streams = vec![
        ("/Subtype /Image /Width 9 /Height 9 /Filter /DCTDecode", &b"\xff\xd8 picture"[..]),
        ("/Subtype /Image /Width 9 /Height 9 /Filter /FlateDecode", &pixels),
        ("/Filter [/FlateDecode /JPXDecode]", &pixels),
        ("/Length1 100004 /Filter /FlateDecode", &font),
    ];
    streams.extend(vec![("/Filter /FlateDecode", &page[..]); 1000]);
    let heard = Heard::of(&document(&streams));
    assert_eq!(names(&heard), ["pages"]);
    assert_eq!(heard.missed, []);
    heard.holds("pages");
    // What only says that it is one is none; what is long is a member.
    Heard::of(&document(&[("/Length1 9 /Filter /Fl", &page)])).holds("pages");
    let long = deflated(&[&vec![b' '; 1 << 20][..], CONTENT.as_bytes()].concat());
    Heard::of(&document(&[("/Filter /Fl", &page), ("/Filter /Fl", &long)])).holds("object-2");
}

#[test]
fn encrypted_ones_are_said_to_be_once_and_lies_hide_nothing() {
    let trailer = b"trailer << /Encrypt 9 0 R >>";
    for locked in [
        [
            &document(&[("/Type /ObjStm /Filter /FlateDecode", b"noise"), ("/Filter /Fl", b"\x78\x9cnoise")]),
            &trailer[..],
        ]
        .concat(),
        document(&[("/Type /XRef /Encrypt 9 0 R /Filter /Fl", b"x"), ("/Type /EmbeddedFile", b"noise")]),
    ] {
        let heard = Heard::of(&locked);
        assert_eq!((heard.members.len(), heard.missed.len()), (0, 1));
        heard.complains_of("", "encrypted");
    }
    let lie = [&document(&[("/Type /ObjStm /Filter /Fl", &deflated(CONTENT.as_bytes()))]), &trailer[..]].concat();
    Heard::of(&lie).holds("object-1");
    let text = [&document(&[("", b"x")]), &b"(/Encrypt 1 0 R) trailer << /Info << /Encrypt 1 >> >>"[..]].concat();
    assert_eq!(Heard::of(&text).missed, []);
}

#[test]
fn damage_is_named_once_and_what_came_out_is_shown() {
    let text: Vec<u8> = (0..5000_u32).flat_map(|n| (n * n).to_le_bytes()).chain(CONTENT.bytes()).collect();
    let whole = deflated(&[CONTENT.as_bytes(), &text].concat());
    let mut bent = whole.clone();
    bent.truncate(whole.len() / 2);
    bent.extend([0xff; 100]);
    let heard = Heard::of(&document(&[
        ("/Filter /Fl", &bent),
        ("/Filter /Fl", &bent),
        ("/Type /ObjStm /Filter /Fl", b"noise"),
    ]));
    heard.holds("pages");
    assert_eq!(heard.missed.len(), 1);
    heard.complains_of("", "3 streams, the first of object-3");
    // Cut off within a stream, and only within its check sum or between objects.
    let document = document(&[("/Filter /Fl", &whole)]);
    let begin = document.len() - whole.len() - 60;
    let heard = Heard::of(&document[..begin + whole.len() / 2]);
    heard.holds("pages");
    heard.complains_of("", "ends within a stream");
    assert_eq!(Heard::of(&document[..document.len() - 20]).missed, []);
    Heard::of(b"%PDF-1.4\nnothing at all").complains_of("", "no objects");
}

#[test]
fn what_explodes_ends() {
    let bomb = deflated(&deflated(&vec![0; 200 << 20]));
    Heard::of(&document(&[("/Filter [/Fl /Fl]", &bomb)])).complains_of("", "bomb");
    // Much between the filters, and nothing behind them.
    let between = deflated(&deflated(&vec![b' '; 300 << 20]));
    let filters = "/Filter [/Fl /Fl /AHx]";
    let heard = Heard::of(&document(&[(filters, &between), (filters, &between)]));
    assert_eq!(heard.missed, [(String::new(), Reason::Exhausted(256 << 20))]);
    let many = "/Fl ".repeat(1000);
    Heard::of(&document(&[(&format!("/Filter [{many}]"), b"x")])).complains_of("object-1", "filters");
}

#[test]
fn keywords_without_an_end_end() {
    for text in
        [">>stream\n", "1 0 obj<</Filter/Fl>>stream\n", "obj >>stream\n", "<<", "/EF<<", "/JS(", "trailer<</Encrypt "]
    {
        Heard::of(format!("%PDF-1.7\n{}", text.repeat(30_000)).as_bytes());
        Heard::of(format!("%PDF-1.7\n{} endstream", text.repeat(30_000)).as_bytes());
    }
}

#[test]
fn web_pages_in_documents_are_opened() {
    let page = "\nMIME-Version: 1.0\nContent-Type: x/y; name=a\nContent-Transfer-Encoding: quoted-printable\n\nKEEPWATCH=20SAMPLE";
    Heard::of(&[document(&[]), page.as_bytes().to_vec()].concat()).holds("page.mht!/a");
}

#[test]
fn text_about_documents_is_none() {
    for text in ["Notes on %PDF-1.7 and its stream endstream\n", "file.write(b'%PDF-1.4')\n", "%PDF-x", ""] {
        assert!(!super::is(text.as_bytes()), "{text}");
    }
    assert!(super::is(b"junk\n%PDF-1.4\n1 0 obj <<"));
}
