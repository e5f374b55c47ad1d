//! This program's own sources, for tests that hold what it says against the catalogues and the docs.

#![allow(clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// All files below a folder of `src`, and what each says outside its tests.
pub(crate) fn code(folder: &str) -> Vec<(PathBuf, String)> {
    let mut left = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            found.push((path, text.split("#[cfg(test)]").next().unwrap_or_default().to_owned()));
        }
    }
    found
}
