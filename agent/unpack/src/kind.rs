//! What a file is, by its content: a name proves nothing.

use crate::formats::*;
use crate::nest::{Nest, Opening};
use crate::{Reason, Source};
use std::io;

/// The kinds of container that are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kind {
    Zip,
    SevenZip,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    Cab,
    Ole,
    Pdf,
    Rtf,
    Tar,
    Cpio,
    Iso,
    Mbox,
    Mail,
    Uuencode,
    /// A program with an archive behind it.
    SelfExtracting,
    /// One that is known and not opened, by its name.
    Other(&'static str),
}

/// Begins with these bytes, and is not opened here: said, not passed over.
const OTHERS: [(&[u8], &str); 5] = [
    (b"Rar!\x1a\x07", "RAR"),
    (b"ITSF\x03\0\0\0", "compiled HTML help"),
    (b"hsqs", "SquashFS"),
    (b"MSWIM\0\0\0", "a Windows image"),
    (b"**ACE**", "ACE"),
];

/// Tells a kind by the first bytes.
type Test = fn(&[u8]) -> bool;

impl Kind {
    /// What a container is. The source is left at its beginning.
    pub(crate) fn of(source: &mut Source<'_>) -> io::Result<Option<Self>> {
        const BY_HEAD: [(Test, Kind); 16] = [
            (zip::is, Kind::Zip),
            (sevenzip::is, Kind::SevenZip),
            (gzip::is, Kind::Gzip),
            (bzip2::is, Kind::Bzip2),
            (xz::is, Kind::Xz),
            (zstd::is, Kind::Zstd),
            (cab::is, Kind::Cab),
            (ole::is, Kind::Ole),
            (pdf::is, Kind::Pdf),
            (rtf::is, Kind::Rtf),
            (tar::is, Kind::Tar),
            (cpio::is, Kind::Cpio),
            (iso::is, Kind::Iso),
            (mbox::is, Kind::Mbox),
            (mail::is, Kind::Mail),
            (uuencode::is, Kind::Uuencode),
        ];
        let head = source.head()?;
        if let Some((_, kind)) = BY_HEAD.iter().find(|(is, _)| is(&head)) {
            return Ok(Some(*kind));
        }
        if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
            return Ok(Some(Kind::Other(name)));
        }
        Ok(self_extracting::is(source, &head)?.then_some(Kind::SelfExtracting))
    }

    pub(crate) fn open(self, source: &mut Source<'_>, nest: &mut Nest<'_>) -> Opening {
        match self {
            Self::Zip => zip::open(source, nest),
            Self::SevenZip => sevenzip::open(source, nest),
            Self::Gzip => gzip::open(source, nest),
            Self::Bzip2 => bzip2::open(source, nest),
            Self::Xz => xz::open(source, nest),
            Self::Zstd => zstd::open(source, nest),
            Self::Cab => cab::open(source, nest),
            Self::Ole => ole::open(source, nest),
            Self::Pdf => pdf::open(source, nest),
            Self::Rtf => rtf::open(source, nest),
            Self::Tar => tar::open(source, nest),
            Self::Cpio => cpio::open(source, nest),
            Self::Iso => iso::open(source, nest),
            Self::Mbox => mbox::open(source, nest),
            Self::Mail => mail::open(source, nest),
            Self::Uuencode => uuencode::open(source, nest),
            Self::SelfExtracting => self_extracting::open(source, nest),
            Self::Other(name) => nest.missed("", Reason::Unsupported(name)),
        }
    }
}
