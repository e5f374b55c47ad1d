//! What keeps the hosts' repositories: a folder now, and whatever else can keep objects of a
//! name that are there whole or not at all.

use super::RepositoryError;
use super::object::{Kind, Object, hash_of};
use async_trait::async_trait;
use axum::body::Body;
use keepwatch_backup::Storage;
use keepwatch_proto::ids::HostId;
use serde::Serialize;
use std::fmt::Debug;
use tokio::io::{AsyncRead, AsyncSeek};

/// What a file takes at least, and in steps of which.
const BLOCK: u64 = 4096;

/// All hosts' repositories. What a host may do there is decided before it is asked.
#[async_trait]
pub trait RepositoryStore: Debug + Send + Sync {
    /// Where the engine, and stock restic, find a host's repository.
    fn storage(&self, host: HostId) -> Storage;

    /// What a host has stored. May look at all of it the first time: call it where blocking is
    /// allowed.
    fn usage(&self, host: HostId) -> Usage;

    /// What a host has stored, where that has been looked at. Never blocks.
    fn usage_at_hand(&self, host: HostId) -> Option<Usage>;

    /// The room that all of them share; `None` where that is not known. May block.
    fn space(&self) -> Option<Space>;

    /// Somebody else has changed what a host has stored.
    fn changed(&self, host: HostId);

    /// Makes a host's empty repository; one that is there stays as it is.
    async fn create(&self, host: HostId) -> Result<(), RepositoryError>;

    /// Whether an object is there.
    async fn has(&self, host: HostId, object: Object) -> Result<bool, RepositoryError>;

    /// Whether a snapshot is there, by its id.
    async fn has_snapshot(&self, host: HostId, id: &str) -> Result<bool, RepositoryError> {
        match hash_of(id) {
            Some(hash) => self.has(host, Object::Named(Kind::Snapshots, hash)).await,
            None => Ok(false),
        }
    }

    /// The ids of a host's snapshots as they are stored, and when each was received, in Unix
    /// seconds; none where it has no repository.
    async fn snapshots(&self, host: HostId) -> Result<Vec<(String, i64)>, RepositoryError>;

    /// The hosts that have a repository.
    async fn owners(&self) -> Result<Vec<HostId>, RepositoryError>;

    /// Opens an object for reading and says its size.
    async fn open_object(&self, host: HostId, object: Object) -> Result<(Box<dyn Content>, u64), RepositoryError>;

    /// All objects of a kind.
    async fn list(&self, host: HostId, kind: Kind) -> Result<Vec<Item>, RepositoryError>;

    /// Stores an object for good, its hash checked, or not at all, and says its length. The same
    /// object again is success; when it was received first stays known.
    async fn write(&self, host: HostId, object: Object, body: Body) -> Result<u64, RepositoryError>;

    /// Removes an object.
    async fn remove(&self, host: HostId, object: Object) -> Result<(), RepositoryError>;

    /// Keeps a host's sealed recovery kit beside the repositories, or none.
    async fn keep_kit(&self, host: HostId, content: Option<Vec<u8>>) -> Result<(), RepositoryError>;

    /// Whether there is one.
    async fn has_kit(&self, host: HostId) -> Result<bool, RepositoryError>;

    /// Removes a host's repository, with all that is in it. One that was half removed is removed.
    async fn remove_all(&self, host: HostId) -> Result<(), RepositoryError>;
}

/// An object that is open, from its beginning.
pub trait Content: AsyncRead + AsyncSeek + Send + Unpin {}

impl<T: AsyncRead + AsyncSeek + Send + Unpin> Content for T {}

/// One line of a listing.
#[derive(Debug, Serialize)]
pub struct Item {
    /// The object's.
    pub name: String,
    /// In bytes.
    pub size: u64,
}

/// The room of a disk, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// All of it.
    pub all: u64,
    /// What is free.
    pub available: u64,
}

/// What a host has stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// As the disk counts them: small objects take more than they have.
    pub bytes: u64,
    /// How many.
    pub objects: u64,
}

impl Usage {
    /// What an object of this length takes.
    pub(super) fn cost(length: u64) -> u64 {
        length.next_multiple_of(BLOCK)
    }

    pub(super) fn add(&mut self, length: u64) {
        self.bytes += Self::cost(length);
        self.objects += 1;
    }

    pub(super) fn take(&mut self, length: u64) {
        self.bytes = self.bytes.saturating_sub(Self::cost(length));
        self.objects = self.objects.saturating_sub(1);
    }
}
