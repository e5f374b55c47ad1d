//! What differs between systems: where a user's settings live, who may read them, and how a
//! file's name is made of bytes.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;
