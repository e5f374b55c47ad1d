//! Links on the way to a file.
#![allow(clippy::unwrap_used)]

use super::*;
use std::fs::{self, File};
use std::os::unix::fs::symlink;

#[test]
fn a_file_behind_a_link_is_not_below_the_root_and_one_behind_the_root_is() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("root/folder")).unwrap();
    fs::create_dir(at("outside")).unwrap();
    for file in ["root/file", "root/folder/file", "outside/file"] {
        fs::write(at(file), "x").unwrap();
    }
    symlink(at("outside"), at("root/swapped")).unwrap();
    // The way to the root may have links: who named it meant them.
    symlink(folder.path(), at("way")).unwrap();
    for root in ["root", "way/root"] {
        let below = Below::new(&at(root));
        let has = |name: &str| {
            let path = at(root).join(name);
            below.has(&path, &File::open(&path).unwrap())
        };
        assert_eq!(["file", "folder/file", "swapped/file"].map(has), [true, true, false], "{root}");
    }
    let single = at("root/file");
    assert!(Below::new(&single).has(&single, &File::open(&single).unwrap()));
    // Renamed or removed while it is open, it is still in its folder.
    let (path, file) = (at("root/file"), File::open(at("root/file")).unwrap());
    fs::remove_file(&path).unwrap();
    assert!(Below::new(&at("root")).has(&path, &file));
}
