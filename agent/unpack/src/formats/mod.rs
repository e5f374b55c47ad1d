//! A file for each kind of container: `is` tells it by its first bytes, `open` hands what
//! lies in it to the [`Nest`](crate::nest::Nest), member by member.

pub(crate) mod bzip2;
pub(crate) mod cab;
mod codecs;
mod coder;
pub(crate) mod cpio;
mod decode;
pub(crate) mod gzip;
pub(crate) mod iso;
pub(crate) mod mail;
pub(crate) mod mbox;
pub(crate) mod ole;
mod part;
pub(crate) mod pdf;
pub(crate) mod rtf;
pub(crate) mod self_extracting;
pub(crate) mod sevenzip;
pub(crate) mod tar;
pub(crate) mod uuencode;
pub(crate) mod xz;
pub(crate) mod zip;
pub(crate) mod zstd;
