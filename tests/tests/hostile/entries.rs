//! Archives of a million members. How many may be opened depends on the file's size: either
//! the last one is found, or the file is named for having too many.

use crate::scanned::{FOUND, Place, SAMPLE, Scanned};
use crate::zips::Zip;
use std::fs::File;
use std::io::{BufWriter, Write};

const MANY: usize = 1_000_000;

#[test]
fn a_zip_of_a_million_members() {
    let place = Place::new();
    let mut zip = Zip::default();
    zip.stored(b"first", SAMPLE);
    for at in 0..MANY {
        zip.stored(format!("{at:07}").as_bytes(), b"x");
    }
    zip.stored(b"last", SAMPLE);
    place.write("million.zip", &zip.done());
    opened_or_named(&place.scan(), "million.zip");
}

#[test]
fn a_tar_of_a_million_members() {
    let place = Place::new();
    let mut tar = BufWriter::new(File::create(place.root().join("million.tar")).unwrap());
    sample(&mut tar, "first");
    let mut member = [0; 1024];
    member[..512].copy_from_slice(&header("member", 1));
    member[512] = b'x';
    for _ in 0..MANY {
        tar.write_all(&member).unwrap();
    }
    sample(&mut tar, "last");
    tar.write_all(&[0; 1024]).unwrap();
    tar.into_inner().unwrap();
    opened_or_named(&place.scan(), "million.tar");
}

/// Members without content are nothing to inspect; they must not take forever either.
#[test]
fn a_tar_of_a_million_empty_members() {
    let place = Place::new();
    let mut tar = BufWriter::new(File::create(place.root().join("empty.tar")).unwrap());
    sample(&mut tar, "first");
    for _ in 0..MANY {
        tar.write_all(&header("empty", 0)).unwrap();
    }
    sample(&mut tar, "last");
    tar.write_all(&[0; 1024]).unwrap();
    tar.into_inner().unwrap();
    opened_or_named(&place.scan(), "empty.tar");
}

fn sample(tar: &mut BufWriter<File>, name: &str) {
    let mut content = [0; 512];
    content[..SAMPLE.len()].copy_from_slice(SAMPLE);
    tar.write_all(&header(name, SAMPLE.len())).and_then(|()| tar.write_all(&content)).unwrap();
}

#[track_caller]
fn opened_or_named(scanned: &Scanned, file: &str) {
    scanned.found(&format!("{file}!/first")).ends(FOUND);
    if !scanned.found.contains(&format!("{file}!/last")) {
        scanned.missed(file, &["members in one file"]);
    }
}

pub(crate) fn header(name: &str, size: usize) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}
