//! Files that become something else while they are scanned.

use crate::scanned::{Place, SAMPLE};
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// Scans so often while `change` goes on.
const ROUNDS: usize = 5;

/// Goes on until it is dropped, however the test ends.
struct Meanwhile<'a>(&'a AtomicBool);

impl Drop for Meanwhile<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

fn while_changing(change: impl Fn() + Sync, scan: impl Fn()) {
    let on = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while on.load(Ordering::Acquire) {
                change();
            }
        });
        let _meanwhile = Meanwhile(&on);
        for _ in 0..ROUNDS {
            scan();
        }
    });
}

#[test]
fn a_pipe_and_a_link_are_swapped_in() {
    let place = Place::new();
    let outside = place.outside("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), SAMPLE).unwrap();
    let pipe = place.outside("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for at in 0..500 {
        place.write(&format!("file {at:03}"), b"nothing here");
    }
    fs::create_dir(place.root().join("folder")).unwrap();
    let (victim, folder, staged) =
        (place.root().join("file 250"), place.root().join("folder"), place.outside("staged"));
    let change = || {
        fs::hard_link(&pipe, &staged).and_then(|()| fs::rename(&staged, &victim)).unwrap();
        symlink(outside.join("secret"), &staged).and_then(|()| fs::rename(&staged, &victim)).unwrap();
        fs::write(&staged, b"nothing here").and_then(|()| fs::rename(&staged, &victim)).unwrap();
        fs::remove_dir(&folder).and_then(|()| symlink(&outside, &folder)).unwrap();
        fs::remove_file(&folder).and_then(|()| fs::create_dir(&folder)).unwrap();
    };
    while_changing(change, || {
        let scanned = place.scan();
        assert!(scanned.found.is_empty(), "what lies outside was read: {scanned:?}");
        assert!([0, 2].contains(&scanned.code), "{scanned:?}");
    });
}

#[test]
fn a_file_is_cut_while_it_is_read() {
    let place = Place::new();
    let file = File::create(place.root().join("shrinks")).unwrap();
    let archive = place.root().join("changes.zip");
    let zip = crate::zips::Zip::default().deflated(b"zeros", &crate::zips::zeros(20)).done();
    place.write("beside", SAMPLE);
    let change = || {
        for len in [200 << 20, 0, 64 << 20, 1] {
            file.set_len(len).unwrap();
            fs::write(&archive, &zip[..zip.len() / (1 + (len as usize & 1))]).unwrap();
        }
    };
    while_changing(change, || {
        let scanned = place.scan();
        scanned.found("beside");
        assert_eq!(scanned.code, 1, "{scanned:?}");
        assert!(scanned.missed.iter().all(|(_, why)| !why.is_empty()), "{scanned:?}");
    });
}
