//! What the protocol stores: objects of five kinds, named by their SHA-256, and one config.

use super::RepositoryError;

/// Largest object: packs have 16 MiB from us, up to 128 MiB from restic.
const MAX_OBJECT: u64 = 256 << 20;
/// An index of 50,000 blobs, which is where restic and rustic begin a new one, has 5 MiB.
const MAX_INDEX: u64 = 64 << 20;
/// A snapshot has the paths and patterns that it was made with.
const MAX_SNAPSHOT: u64 = 4 << 20;
/// A key or a lock has less than a KiB.
const MAX_SMALL: u64 = 64 << 10;
/// A config has about 200 bytes.
const MAX_CONFIG: u64 = 64 << 10;
/// A kind of objects, named as its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Data,
    Index,
    Keys,
    Locks,
    Snapshots,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [Self::Data, Self::Index, Self::Keys, Self::Locks, Self::Snapshots];

    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Index => "index",
            Self::Keys => "keys",
            Self::Locks => "locks",
            Self::Snapshots => "snapshots",
        }
    }

    pub(super) fn named(name: &str) -> Result<Self, RepositoryError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.folder() == name)
            .ok_or(RepositoryError::Unclear("no such kind of object"))
    }
}

/// An object's SHA-256.
pub type Hash = [u8; 32];

/// An object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    Config,
    Named(Kind, Hash),
}

impl Object {
    pub(super) fn named(kind: &str, id: &str) -> Result<Self, RepositoryError> {
        let hash =
            hash_of(id).ok_or(RepositoryError::Unclear("an object's name is 64 lower-case hexadecimal digits"))?;
        Ok(Self::Named(Kind::named(kind)?, hash))
    }

    pub(super) fn limit(self) -> u64 {
        match self {
            Self::Config => MAX_CONFIG,
            Self::Named(Kind::Data, _) => MAX_OBJECT,
            Self::Named(Kind::Index, _) => MAX_INDEX,
            Self::Named(Kind::Snapshots, _) => MAX_SNAPSHOT,
            Self::Named(Kind::Keys | Kind::Locks, _) => MAX_SMALL,
        }
    }
}

/// Only the one spelling: the text becomes a file's name.
pub(super) fn hash_of(name: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(name, &mut hash).ok()?;
    (hex::encode(hash) == name).then_some(hash)
}
