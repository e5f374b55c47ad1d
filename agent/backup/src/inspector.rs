//! Who wants to see each file that a backup saves, so that one read serves both, or that a restore
//! brings back, before it has its name.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A file's content, from its beginning.
pub type Content = Box<dyn Read + Send>;

/// Sees each file of a backup once, from several threads at a time.
pub trait Inspector: Send + Sync {
    /// Whether a file may be in the snapshot, or come back from it. Asked of each before it is known whether it will
    /// be read, but not where all will be.
    fn admits(&self, _path: &Path) -> bool {
        true
    }

    /// Takes over a file that is about to be saved, and gives back what to save: its content,
    /// or `None` to leave it out. It was opened at `at`, which is another place where a frozen
    /// state is read, or where it bears no name of its own yet.
    fn read(&self, path: &Path, at: &Path, file: File) -> io::Result<Option<Content>>;

    /// The snapshot before has this file as it is; it is not read.
    fn unchanged(&self, _path: &Path) {}
}
