//! Whether an opened file lies where the walk says. A folder on the way may be swapped for a
//! link between being listed and being entered; the open itself protects the last step only.

use crate::platform;
use std::path::{Path, PathBuf};

/// What is below a root.
pub(crate) struct Below {
    /// The root as the walk's paths have it, and as the system calls what is opened there.
    root: PathBuf,
    real: Option<PathBuf>,
}

impl Below {
    /// Below this folder or file.
    pub(crate) fn new(root: &Path) -> Self {
        let real = platform::open(root).ok().and_then(|root| platform::path_of(&root));
        Self { root: root.to_owned(), real }
    }

    /// Whether a file that the walk met at `path` is really in the folder that it names.
    pub(crate) fn has(&self, path: &Path, file: &std::fs::File) -> bool {
        let Some(real) = &self.real else { return true };
        let Some(actual) = platform::path_of(file) else { return true };
        let Ok(below) = path.strip_prefix(&self.root) else { return true };
        // The root itself, or its folder: a file may have got another name in it meanwhile.
        let expected = if below.as_os_str().is_empty() { real.clone() } else { real.join(below) };
        same(expected.parent(), actual.parent())
    }
}

/// Sticks have file systems that do not tell upper case from lower.
fn same(expected: Option<&Path>, actual: Option<&Path>) -> bool {
    let lower = |path: Option<&Path>| path.map(|path| path.to_string_lossy().to_lowercase());
    expected == actual || lower(expected) == lower(actual)
}

#[cfg(all(test, unix))]
mod tests;
