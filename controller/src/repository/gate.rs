//! How much a host may store, and at once. A PC that was taken over can fill its quota; where it
//! has none, the disk, but for what is kept free.

use super::RepositoryError;
use super::object::{Kind, Object};
use super::store::{RepositoryStore, Usage};
use keepwatch_proto::ids::HostId;
use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Uploads of one host at once; our agents send three objects side by side, restic five.
const UPLOADS_OF_HOST: usize = 16;
/// Answers that one host is being sent at once: each holds a file open, or a list in memory.
const READERS_OF_HOST: usize = 64;
/// Uploads of all hosts at once.
const UPLOADS: usize = 512;
/// Objects of one host: 16 TiB in packs of 16 MiB.
const OBJECTS: u64 = 1_000_000;
/// Beyond its quota a host may store so many bytes of what is no data, for a backup that just
/// fits to come to its end.
const BEYOND: u64 = 256 << 20;
/// For so long the answer to how much a host may store holds.
const ANSWER_HOLDS: Duration = Duration::from_secs(30);

/// How much a host may store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// In bytes; `None`: as much as there is room for.
    pub own: Option<u64>,
    /// In bytes, of these hosts together.
    pub together: Option<(u64, Vec<HostId>)>,
}

/// Says how much a host may store, where that is to be known.
pub type RoomOf = Arc<dyn Fn(HostId) -> Pin<Box<dyn Future<Output = Option<Room>> + Send>> + Send + Sync>;

/// Stands before the storage.
pub(super) struct Gate {
    store: Arc<dyn RepositoryStore>,
    room_of: RoomOf,
    uploads: Arc<Semaphore>,
    hosts: Mutex<HashMap<HostId, Host>>,
}

struct Host {
    uploads: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    /// Of uploads under way.
    reserved: u64,
    room: Option<(Instant, Room)>,
}

impl Default for Host {
    fn default() -> Self {
        let place = |places| Arc::new(Semaphore::new(places));
        Self { uploads: place(UPLOADS_OF_HOST), readers: place(READERS_OF_HOST), reserved: 0, room: None }
    }
}

/// Leave for one upload, while it lasts.
pub(super) struct Pass {
    gate: Arc<Gate>,
    host: HostId,
    bytes: u64,
    _permits: [OwnedSemaphorePermit; 2],
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(host) = self.gate.hosts().get_mut(&self.host) {
            host.reserved = host.reserved.saturating_sub(self.bytes);
        }
    }
}

impl Gate {
    pub(super) fn new(store: Arc<dyn RepositoryStore>, room_of: RoomOf) -> Arc<Self> {
        Arc::new(Self { store, room_of, uploads: Arc::new(Semaphore::new(UPLOADS)), hosts: Mutex::default() })
    }

    /// Lets an upload in, or says why not. `length` is what was announced.
    pub(super) async fn admit(
        self: &Arc<Self>,
        host: HostId,
        object: Object,
        length: Option<u64>,
    ) -> Result<Pass, RepositoryError> {
        let own = Arc::clone(&self.hosts().entry(host).or_default().uploads);
        let busy = |_| RepositoryError::Busy;
        let permits = [own.try_acquire_owned().map_err(busy)?, self.uploads.clone().try_acquire_owned().map_err(busy)?];
        let bytes = Usage::cost(length.unwrap_or(object.limit()));
        // Reserved before anything is measured: an upload that ends meanwhile is then in one of
        // the two, or in both.
        self.hosts().entry(host).or_default().reserved += bytes;
        let pass = Pass { gate: Arc::clone(self), host, bytes, _permits: permits };
        let room = self.room(host).await.ok_or(RepositoryError::Busy)?;
        let usages = self.usages(host, &room).await?;
        match self.refusal(host, object, &room, &usages) {
            // What is there takes no room: an answer may have been lost.
            Some(_) if self.store.has(host, object).await? => Ok(pass),
            Some(refused) => Err(refused),
            None => Ok(pass),
        }
    }

    /// Why an upload does not fit, if it does not; what it takes is reserved by now.
    fn refusal(
        &self,
        host: HostId,
        object: Object,
        room: &Room,
        usages: &HashMap<HostId, Usage>,
    ) -> Option<RepositoryError> {
        let beyond = if matches!(object, Object::Named(Kind::Data, _)) { 0 } else { BEYOND };
        let hosts = self.hosts();
        let reserved = |of: &HostId| hosts.get(of).map_or(0, |host| host.reserved);
        let usage = |of: &HostId| usages.get(of).copied().unwrap_or_default();
        let wanted = |of: &[HostId]| of.iter().map(|of| usage(of).bytes + reserved(of)).sum::<u64>();
        let fits = |of: &[HostId], most: u64| wanted(of) <= most.saturating_add(beyond);
        match room {
            _ if usage(&host).objects >= OBJECTS => Some(RepositoryError::TooMany(OBJECTS)),
            Room { own: Some(most), .. } if !fits(&[host], *most) => Some(RepositoryError::Quota(*most)),
            Room { together: Some((most, all)), .. } if !fits(all, *most) => Some(RepositoryError::GroupQuota(*most)),
            _ => None,
        }
    }

    /// A place for a request that reads: held until its answer is sent.
    pub(super) fn reading(&self, host: HostId) -> Result<OwnedSemaphorePermit, RepositoryError> {
        let readers = Arc::clone(&self.hosts().entry(host).or_default().readers);
        readers.try_acquire_owned().map_err(|_| RepositoryError::Busy)
    }

    async fn room(&self, host: HostId) -> Option<Room> {
        let known = self.hosts().get(&host).and_then(|host| host.room.clone());
        if let Some((_, room)) = known.filter(|(since, _)| since.elapsed() < ANSWER_HOLDS) {
            return Some(room);
        }
        let room = (self.room_of)(host).await?;
        self.hosts().entry(host).or_default().room = Some((Instant::now(), room.clone()));
        Some(room)
    }

    /// What all of those have stored whom it concerns.
    async fn usages(&self, host: HostId, room: &Room) -> Result<HashMap<HostId, Usage>, RepositoryError> {
        let mut all: Vec<HostId> = room.together.iter().flat_map(|(_, all)| all.iter().copied()).collect();
        all.push(host);
        let store = Arc::clone(&self.store);
        let measured = tokio::task::spawn_blocking(move || all.into_iter().map(|of| (of, store.usage(of))).collect());
        measured.await.map_err(|e| RepositoryError::Disk(std::io::Error::other(e)))
    }

    fn hosts(&self) -> MutexGuard<'_, HashMap<HostId, Host>> {
        self.hosts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
