//! Members whose names would lead somewhere, or nowhere.

use crate::entries::header;
use crate::scanned::{FOUND, Place, SAMPLE};
use crate::zips::Zip;

/// No name that is shown is longer, whatever a container claims.
const LONGEST_SHOWN: usize = 4096;

#[test]
fn names_are_never_paths() {
    let place = Place::new();
    let evil = place.outside("evil");
    let absolute = evil.to_str().unwrap().to_owned();
    let long = vec![b'n'; 0xffff];
    let names: [&[u8]; 12] = [
        b"../evil",
        b"../../../../../../../../../../../../tmp/keepwatch-evil",
        absolute.as_bytes(),
        b"nul\0in it",
        b"line\nfeed \x1b[31m",
        b"..\\..\\evil",
        b"C:\\evil",
        b"\xff\xfe\x80",
        b"",
        b"/",
        b"a!/b",
        &long,
    ];
    let mut zip = Zip::default();
    for name in names {
        zip.stored(name, SAMPLE);
    }
    place.write("names.zip", &zip.done());
    let scanned = place.scan();
    scanned.ends(FOUND);
    // A name that ends with a slash is a folder's; its content may be passed over.
    let inside = scanned.found.iter().filter(|path| path.starts_with("names.zip!/")).count();
    assert!(inside + 1 >= names.len(), "{scanned:?}");
    assert!(scanned.found.iter().all(|path| path.len() < LONGEST_SHOWN && !path.contains(char::is_control)));
    assert!(!evil.exists() && !std::path::Path::new("/tmp/keepwatch-evil").exists());
}

#[test]
fn a_tar_with_a_name_of_64_kib() {
    let place = Place::new();
    let blocks = |content: &[u8]| {
        let mut content = content.to_vec();
        content.resize(content.len().next_multiple_of(512), 0);
        content
    };
    let mut long = header("././@LongLink", 0x10000);
    long[156] = b'L';
    long[148..156].copy_from_slice(b"        ");
    let sum: u32 = long.iter().map(|byte| u32::from(*byte)).sum();
    long[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let name = [b"../".repeat(21_845), vec![0]].concat();
    let up = header("../../evil", SAMPLE.len());
    let parts = [long.to_vec(), blocks(&name), header("cut", SAMPLE.len()).to_vec(), blocks(SAMPLE)];
    let tar = [parts.concat(), up.to_vec(), blocks(SAMPLE), vec![0; 1024]].concat();
    place.write("long.tar", &tar);
    let scanned = place.scan();
    let inside = scanned.found.iter().filter(|path| path.starts_with("long.tar!/")).count();
    assert!(inside == 2 && scanned.found.iter().all(|path| path.len() < LONGEST_SHOWN), "{scanned:?}");
    assert!(!place.outside("evil").exists());
}

#[test]
fn attachments_are_never_paths() {
    let place = Place::new();
    let evil = place.outside("evil");
    let mut mail =
        String::from("From: a@office.example\r\nTo: b@office.example\r\nSubject: names\r\nMIME-Version: 1.0\r\n");
    mail += "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n";
    let long = "n".repeat(0x10000);
    let names = ["filename=\"../../evil\"", "filename*=utf-8''%2e%2e%2fevil%00.js", &format!("filename=\"{long}\"")];
    let absolute = format!("filename=\"{}\"", evil.display());
    for name in names.into_iter().chain([absolute.as_str()]) {
        mail += "--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n";
        mail += &format!("Content-Disposition: attachment; {name}\r\n\r\nLS0gS0VFUFdBVENIIFNBTVBMRSAtLQ==\r\n");
    }
    place.write("names.eml", format!("{mail}--b--\r\n").as_bytes());
    let scanned = place.scan();
    let inside = scanned.found.iter().filter(|path| path.starts_with("names.eml!/")).count();
    assert_eq!(inside, names.len() + 1, "{scanned:?}");
    assert!(scanned.found.iter().all(|path| path.len() < LONGEST_SHOWN && !path.contains(char::is_control)));
    assert!(!evil.exists());
}
