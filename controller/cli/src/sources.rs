//! This program's own sources, for tests that hold what it says against the catalogues and the docs.

use std::path::{Path, PathBuf};

/// All files below a folder of `src`, and what each says outside its tests.
pub(crate) fn code(folder: &str) -> Vec<(PathBuf, String)> {
    keepwatch_phrases::sources::code(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder))
}
