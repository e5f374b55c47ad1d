//! Containers in containers, far too many.

use crate::scanned::{FOUND, Place, SAMPLE};
use crate::zips::Zip;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

const TOO_DEEP: [&str; 1] = ["levels deep"];

#[test]
fn two_hundred_zips() {
    let place = Place::new();
    let mut inner = SAMPLE.to_vec();
    for level in 0..200 {
        let mut zip = Zip::default();
        // One beside each: those that are not too deep are found.
        inner = zip.stored(b"beside", SAMPLE).stored(format!("{level}.zip").as_bytes(), &inner).done();
    }
    place.write("deep.zip", &inner);
    let scanned = place.scan();
    scanned.found("deep.zip!/beside").found("deep.zip!/199.zip!/198.zip!/beside");
    scanned.missed("deep.zip", &TOO_DEEP).ends(FOUND);
}

#[test]
fn two_hundred_gzips() {
    let place = Place::new();
    let mut inner = SAMPLE.to_vec();
    for _ in 0..200 {
        let mut gzip = GzEncoder::new(vec![], Compression::none());
        gzip.write_all(&inner).unwrap();
        inner = gzip.finish().unwrap();
    }
    place.write("deep.gz", &inner);
    place.write("beside", SAMPLE);
    place.scan().found("beside").missed("deep.gz", &TOO_DEEP).ends(FOUND);
}

/// Parts in parts: a parser that recurses overflows its stack.
#[test]
fn twenty_thousand_mail_parts() {
    let place = Place::new();
    let mut mail =
        String::from("From: a@office.example\r\nTo: b@office.example\r\nSubject: deep\r\nMIME-Version: 1.0\r\n");
    for level in 0..20_000 {
        mail += &format!(
            "Content-Type: multipart/mixed; boundary=\"b{level}\"\r\n\r\n--b{level}\r\n\
             Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n\
             LS0gS0VFUFdBVENIIFNBTVBMRSAtLQ==\r\n--b{level}\r\n"
        );
    }
    mail += "Content-Type: text/plain\r\n\r\ninnermost\r\n";
    place.write("deep.eml", mail.as_bytes());
    place.write("beside", SAMPLE);
    let scanned = place.scan();
    scanned.found("beside").ends(FOUND);
    assert!(scanned.found.iter().any(|path| path.starts_with("deep.eml!/")), "{scanned:?}");
}

/// Mails in mails.
#[test]
fn two_hundred_mails() {
    let place = Place::new();
    let head = "From: a@office.example\r\nTo: b@office.example\r\nSubject: deep\r\nMIME-Version: 1.0\r\nContent-Type: ";
    let mut mail = String::new();
    for _ in 0..200 {
        mail += &format!("{head}message/rfc822\r\n\r\n");
    }
    mail += &format!("{head}text/plain\r\n\r\ninnermost\r\n");
    place.write("deep.eml", mail.as_bytes());
    place.write("beside", SAMPLE);
    place.scan().found("beside").ends(FOUND);
}
