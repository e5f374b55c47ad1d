//! A storage that never answers, as one does whose network has gone: whoever needs none of it must not
//! wait for it.
#![allow(clippy::unwrap_used)]

use super::object::{Kind, Object};
use super::store::{Content, Item, Usage};
use super::{RepositoryError, RepositoryStore, Space};
use async_trait::async_trait;
use axum::body::Body;
use keepwatch_backup::Storage;
use keepwatch_proto::ids::HostId;
use std::future::pending;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

/// What waits for it is let go when the test is over.
#[derive(Debug)]
pub(crate) struct Hanging {
    over: Mutex<Receiver<()>>,
    /// How often it was asked for what a host has stored, and for its room.
    pub(crate) asked: [AtomicUsize; 2],
}

impl Hanging {
    /// One, and what ends the test when it is dropped.
    pub(crate) fn new() -> (Self, Sender<()>) {
        let (ends, over) = channel();
        (Self { over: Mutex::new(over), asked: Default::default() }, ends)
    }

    fn hang(&self, which: usize) {
        self.asked[which].fetch_add(1, Ordering::SeqCst);
        // Nothing is sent.
        let _ = self.over.lock().unwrap().recv();
    }
}

#[async_trait]
impl RepositoryStore for Hanging {
    fn storage(&self, host: HostId) -> Storage {
        Storage::Folder(host.to_string().into())
    }

    fn usage(&self, _: HostId) -> Usage {
        self.hang(0);
        Usage::default()
    }

    fn usage_at_hand(&self, _: HostId) -> Option<Usage> {
        None
    }

    fn space(&self) -> Option<Space> {
        self.hang(1);
        None
    }

    fn changed(&self, _: HostId) {}

    async fn create(&self, _: HostId) -> Result<(), RepositoryError> {
        pending().await
    }

    async fn has(&self, _: HostId, _: Object) -> Result<bool, RepositoryError> {
        pending().await
    }

    async fn snapshots(&self, _: HostId) -> Result<Vec<(String, i64)>, RepositoryError> {
        pending().await
    }

    async fn owners(&self) -> Result<Vec<HostId>, RepositoryError> {
        pending().await
    }

    async fn open_object(&self, _: HostId, _: Object) -> Result<(Box<dyn Content>, u64), RepositoryError> {
        pending().await
    }

    async fn list(&self, _: HostId, _: Kind) -> Result<Vec<Item>, RepositoryError> {
        pending().await
    }

    async fn write(&self, _: HostId, _: Object, _: Body) -> Result<u64, RepositoryError> {
        pending().await
    }

    async fn remove(&self, _: HostId, _: Object) -> Result<(), RepositoryError> {
        pending().await
    }

    async fn keep_kit(&self, _: HostId, _: Option<Vec<u8>>) -> Result<(), RepositoryError> {
        pending().await
    }

    async fn has_kit(&self, _: HostId) -> Result<bool, RepositoryError> {
        pending().await
    }

    async fn remove_all(&self, _: HostId) -> Result<(), RepositoryError> {
        pending().await
    }
}
