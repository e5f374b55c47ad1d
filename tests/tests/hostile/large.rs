//! Files that do not fit into memory.

use crate::scanned::{FOUND, Place, SAMPLE};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Ten gigabytes, of which the disk holds a few kilobytes; what lies in their middle is found.
#[test]
fn a_sparse_file() {
    let place = Place::new();
    let file = File::create(place.root().join("sparse")).unwrap();
    file.set_len(10 << 30).unwrap();
    file.write_all_at(SAMPLE, 5 << 30).unwrap();
    let scanned = place.scan();
    scanned.found("sparse").ends(FOUND);
    assert_eq!(scanned.summary["windowed"], 1, "it says that it was judged in windows: {scanned:?}");
}

/// As large as what is still read whole, one for each thread.
#[test]
fn two_of_the_largest_at_once() {
    let place = Place::new();
    for name in ["one", "two"] {
        let file = File::create(place.root().join(name)).unwrap();
        file.set_len(256 << 20).unwrap();
        file.write_all_at(SAMPLE, (256 << 20) - 64).unwrap();
    }
    place.scan().found("one").found("two").ends(FOUND);
}
