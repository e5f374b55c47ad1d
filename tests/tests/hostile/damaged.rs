//! Archives of every kind, cut short and with bits flipped. What each unpacker does with
//! every cut and many flips is tested beside it; here the whole agent meets them.

use crate::scanned::{FOUND, Place};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::fs;
use std::path::Path;

#[test]
fn archives_of_every_kind_cut_and_flipped() {
    // Each object there is: what was opened shows.
    let place = Place::with_rules("rule object { condition: true }");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../agent/unpack/samples");
    let mut kinds = vec![];
    for entry in fs::read_dir(samples).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".b64")) else { continue };
        let text: String = fs::read_to_string(&path).unwrap().split_whitespace().collect();
        let sample = BASE64_STANDARD.decode(text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        place.write(&format!("{name} whole"), &sample);
        for part in 1..8 {
            place.write(&format!("{name} cut {part}"), &sample[..sample.len() * part / 8]);
        }
        for flip in 0..32 {
            let mut flipped = sample.clone();
            let at = sample.len() * flip / 32;
            flipped[at] ^= 1 << (flip % 8);
            place.write(&format!("{name} flipped {flip:02}"), &flipped);
        }
        kinds.push(name.to_owned());
    }
    assert!(kinds.len() > 20, "samples of every kind");
    let scanned = place.scan();
    let told = |kind: &String| {
        let whole = format!("{kind} whole");
        let found = scanned.found.iter().any(|path| path.starts_with(&format!("{whole}!/")));
        found || scanned.missed.iter().any(|(path, _)| path.starts_with(&whole))
    };
    let silent: Vec<_> = kinds.iter().filter(|kind| !told(kind)).collect();
    assert!(silent.is_empty(), "these were not opened, and nothing is said of them: {silent:?}");
    scanned.ends(FOUND);
}
