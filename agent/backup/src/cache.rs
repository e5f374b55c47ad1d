//! Copies of the repository's objects on this PC, kept by rustic_core, which believes them. A
//! PC that loses its power may leave one cut or full of zeros, and every later run would fail
//! on it: each is held against its name before it is used.

use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::Path;
use walkdir::WalkDir;

/// Removes the copies that are not what their names say. What cannot be removed is told.
pub(crate) fn sweep(folder: &Path) {
    for entry in WalkDir::new(folder).into_iter().flatten().filter(|entry| entry.file_type().is_file()) {
        let name = entry.file_name().to_string_lossy();
        let is_object = name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit());
        if !is_object || hash(entry.path()).is_ok_and(|hash| hash == *name) {
            continue;
        }
        tracing::warn!(copy = %entry.path().display(), "removed a damaged copy; it is fetched again");
        if let Err(error) = fs::remove_file(entry.path()) {
            tracing::error!(copy = %entry.path().display(), %error, "a damaged copy cannot be removed; remove it by hand");
        }
    }
}

fn hash(path: &Path) -> io::Result<String> {
    // A pack or an index: some MiB.
    Ok(hex::encode(Sha256::digest(fs::read(path)?)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_what_its_name_says_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("index/ab");
        fs::create_dir_all(&below).unwrap();
        let [good, cut, zeros] = ["good", "cut", "zeros"].map(|content| hex::encode(Sha256::digest(content)));
        for (name, content) in [(good.as_str(), "good"), (&cut, "cu"), (&zeros, "\0\0\0\0\0"), ("CACHEDIR.TAG", "x")] {
            fs::write(below.join(name), content).unwrap();
        }
        sweep(folder.path());
        let there = [good.as_str(), &cut, &zeros, "CACHEDIR.TAG"].map(|name| below.join(name).exists());
        assert_eq!(there, [true, false, false, true]);
        sweep(&folder.path().join("none"));
    }
}
