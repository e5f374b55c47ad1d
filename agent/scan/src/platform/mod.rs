//! What differs between systems: how a file is opened without following or blocking, what
//! its metadata says about content that should not be read, and which file systems are not
//! storage at all.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;

/// What a folder lies on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    /// A disk of this PC, or its memory.
    Local,
    /// Another machine's: it is scanned there.
    Network,
    /// Made up by the kernel.
    Pseudo,
}
