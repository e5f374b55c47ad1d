//! Opens what others packed: archives, documents, mail, disk images, one in another. In
//! memory only, under one [`Budget`](Limits) for each file that lies on the disk; what comes
//! out is shown to a [`Visitor`], and what cannot be opened is named with its reason.
//!
//! Everything here is hostile. Nothing is ever written, no name that a container claims is
//! ever used as a path, and no unpacker decides for itself when enough has come out.

mod budget;
mod formats;
mod kind;
mod nest;
#[cfg(test)]
mod samples;
mod source;
mod text;

pub use budget::Limits;
pub use kind::Kind;
pub use nest::{Reason, Visitor};
pub use source::Source;

/// Between a container and what lies in it: `mail.eml!/invoice.zip!/invoice.js`.
pub const INSIDE: &str = "!/";

/// Opens a file that lies on the disk, if it is a container of a kind that is known, and all
/// that lies in it. Says what the file is.
pub fn unpack(source: &mut Source<'_>, limits: &Limits, visitor: &mut dyn Visitor) -> Option<Kind> {
    nest::Nest::new(source.len(), limits, visitor).open(source)
}

/// Opens bytes as a container of this kind, whether they are one or not. For the fuzzers,
/// which would else have to guess each format's beginning.
#[doc(hidden)]
pub fn open_as(kind: Kind, source: &mut Source<'_>, limits: &Limits, visitor: &mut dyn Visitor) {
    nest::Nest::new(source.len(), limits, visitor).open_as(kind, source);
}
