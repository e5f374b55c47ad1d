//! Hosts' repositories as folders in restic's own layout, one below the other. An object is
//! acknowledged only when its hash is checked and it is on the disk under its name; its
//! file's time is the time of its receipt, which a PC cannot choose.

use super::RepositoryError;
use axum::body::Body;
use futures_util::StreamExt;
use keepwatch_proto::ids::HostId;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt;
use tokio::task::spawn_blocking;

/// Largest object: packs have 16 MiB from us, up to 128 MiB from restic.
const MAX_OBJECT: u64 = 256 << 20;
/// A config has about 200 bytes.
const MAX_CONFIG: u64 = 64 << 10;
/// A sender that says nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(120);
/// Where uploads wait until they are whole: beside the repositories, so that a rename
/// takes them there. No host's id looks like this.
const INCOMING: &str = ".incoming";

/// A kind of objects, named as its folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Index,
    Keys,
    Locks,
    Snapshots,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Data, Self::Index, Self::Keys, Self::Locks, Self::Snapshots];

    fn folder(self) -> &'static str {
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
pub(super) type Hash = [u8; 32];

/// An object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Object {
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
            Self::Named(..) => MAX_OBJECT,
        }
    }
}

/// Only the one spelling: the text becomes a file's name.
fn hash_of(name: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    hex::decode_to_slice(name, &mut hash).ok()?;
    (hex::encode(hash) == name).then_some(hash)
}

/// One line of a listing.
#[derive(Debug, Serialize)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) size: u64,
}

/// All hosts' repositories.
#[derive(Debug)]
pub struct FolderStore {
    root: PathBuf,
    /// Bytes of each host's objects, once somebody has asked for them.
    used: Mutex<HashMap<HostId, u64>>,
}

impl FolderStore {
    /// The repositories below `root`, which is made if need be. Removes what uploads left
    /// behind when the controller last ended.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        let incoming = root.join(INCOMING);
        match fs::remove_dir_all(&incoming) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => fs::create_dir_all(&incoming)?,
        }
        Ok(Self { root, used: Mutex::default() })
    }

    /// A host's repository, for the engine and for restic.
    pub fn folder(&self, host: HostId) -> PathBuf {
        self.root.join(host.to_string())
    }

    /// Bytes of all objects of a host. Walks its folder the first time: call it where
    /// blocking is allowed.
    pub fn bytes_used(&self, host: HostId) -> u64 {
        let known = self.used().get(&host).copied();
        known.unwrap_or_else(|| {
            let bytes = self.measure(host);
            self.used().insert(host, bytes);
            bytes
        })
    }

    fn used(&self) -> MutexGuard<'_, HashMap<HostId, u64>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self, host: HostId) -> u64 {
        let mut folders = vec![self.folder(host)];
        let mut bytes = 0;
        while let Some(folder) = folders.pop() {
            // What retention removes meanwhile is not used any more.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(data) if data.is_dir() => folders.push(entry.path()),
                    Ok(data) => bytes += data.len(),
                    Err(_) => {}
                }
            }
        }
        bytes
    }

    fn path(&self, host: HostId, object: Object) -> PathBuf {
        let folder = self.folder(host);
        match object {
            Object::Config => folder.join("config"),
            Object::Named(Kind::Data, hash) => {
                folder.join("data").join(hex::encode(&hash[..1])).join(hex::encode(hash))
            }
            Object::Named(kind, hash) => folder.join(kind.folder()).join(hex::encode(hash)),
        }
    }

    /// Makes a host's empty repository; one that is there stays as it is.
    pub(super) async fn create(&self, host: HostId) -> Result<(), RepositoryError> {
        let (root, folder) = (self.root.clone(), self.folder(host));
        blocking(move || {
            for kind in Kind::ALL {
                fs::create_dir_all(folder.join(kind.folder()))?;
            }
            for shard in 0..=255u8 {
                fs::create_dir_all(folder.join("data").join(hex::encode([shard])))?;
            }
            for changed in [&folder.join("data"), &folder, &root] {
                sync(changed)?;
            }
            Ok(())
        })
        .await
    }

    /// Whether an object is there.
    pub(super) async fn has(&self, host: HostId, object: Object) -> Result<bool, RepositoryError> {
        Ok(tokio::fs::try_exists(self.path(host, object)).await?)
    }

    /// Opens an object for reading and says its size.
    pub(super) async fn open_object(
        &self,
        host: HostId,
        object: Object,
    ) -> Result<(tokio::fs::File, u64), RepositoryError> {
        let file = tokio::fs::File::open(self.path(host, object)).await?;
        let size = file.metadata().await?.len();
        Ok((file, size))
    }

    /// All objects of a kind.
    pub(super) async fn list(&self, host: HostId, kind: Kind) -> Result<Vec<Item>, RepositoryError> {
        let folder = self.folder(host).join(kind.folder());
        blocking(move || {
            let mut items = Vec::new();
            collect(&folder, &mut items)?;
            if kind == Kind::Data {
                for shard in 0..=255u8 {
                    match collect(&folder.join(hex::encode([shard])), &mut items) {
                        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e.into()),
                        _ => {}
                    }
                }
            }
            Ok(items)
        })
        .await
    }

    /// Stores an object for good, or not at all. The same object again is success.
    pub(super) async fn write(&self, host: HostId, object: Object, body: Body) -> Result<(), RepositoryError> {
        if !tokio::fs::try_exists(self.folder(host)).await? {
            return Err(RepositoryError::NotFound);
        }
        let incoming = self.root.join(INCOMING);
        let (file, temporary) = blocking(move || Ok(NamedTempFile::new_in(incoming)?.into_parts())).await?;
        let (hash, length) = receive(file, body, object.limit()).await?;
        let (path, keys) = (self.path(host, object), self.folder(host).join(Kind::Keys.folder()));
        let new = !self.has(host, object).await?;
        blocking(move || match object {
            // Without a key it would be a repository that nobody can open, for good.
            Object::Config if fs::read_dir(keys)?.next().is_none() => {
                Err(RepositoryError::Unclear("a repository's key comes before its config"))
            }
            Object::Config => place_config(temporary, &path, hash),
            Object::Named(_, name) if name == hash => place(temporary, &path, hash),
            Object::Named(..) => Err(RepositoryError::Corrupt),
        })
        .await?;
        if let Some(used) = self.used().get_mut(&host).filter(|_| new) {
            *used += length;
        }
        Ok(())
    }

    /// Removes an object. What may be removed is decided above.
    pub(super) async fn remove(&self, host: HostId, object: Object) -> Result<(), RepositoryError> {
        tokio::fs::remove_file(self.path(host, object)).await?;
        self.used().remove(&host);
        Ok(())
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RepositoryError> + Send + 'static,
) -> Result<T, RepositoryError> {
    spawn_blocking(work).await.map_err(|e| RepositoryError::Disk(io::Error::other(e)))?
}

/// Writes the body to the file and onto the disk; answers with its hash and length.
async fn receive(file: File, body: Body, limit: u64) -> Result<(Hash, u64), RepositoryError> {
    let (mut file, mut body) = (tokio::fs::File::from_std(file), body.into_data_stream());
    let (mut hasher, mut length) = (Sha256::new(), 0);
    while let Some(chunk) = tokio::time::timeout(SILENCE, body.next()).await.map_err(|_| RepositoryError::BrokenOff)? {
        let chunk = chunk.map_err(|_| RepositoryError::BrokenOff)?;
        length += chunk.len() as u64;
        if length > limit {
            return Err(RepositoryError::TooLarge(limit));
        }
        hasher.update(&chunk);
        file.write_all(&chunk).await?;
    }
    // Errors of the writes before show here at the latest.
    file.flush().await?;
    file.sync_all().await?;
    Ok((hasher.finalize().into(), length))
}

/// Gives a received object its name. One that is there already has this content too, by its
/// name; where the disk has spoilt it, it is replaced by the good one.
fn place(temporary: TempPath, path: &Path, hash: Hash) -> Result<(), RepositoryError> {
    match stored_hash(path) {
        Ok(stored) if stored == hash => return Ok(()),
        Ok(_) => tracing::warn!(path = %path.display(), "replaced a damaged object by a good copy"),
        Err(e) if e.kind() == ErrorKind::NotFound => {}
        Err(e) => return Err(e.into()),
    }
    temporary.persist(path).map_err(|e| e.error)?;
    Ok(sync(path.parent().unwrap_or(path))?)
}

/// A config comes once: whoever replaces it takes the repository from its owner.
fn place_config(temporary: TempPath, path: &Path, hash: Hash) -> Result<(), RepositoryError> {
    match temporary.persist_noclobber(path) {
        Ok(()) => Ok(sync(path.parent().unwrap_or(path))?),
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists && stored_hash(path)? == hash => Ok(()),
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists => Err(RepositoryError::Exists),
        Err(e) => Err(e.error.into()),
    }
}

fn stored_hash(path: &Path) -> io::Result<Hash> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 128 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().into()),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// Adds the objects that lie in a folder.
fn collect(folder: &Path, items: &mut Vec<Item>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if hash_of(&name).is_none() {
            continue;
        }
        match entry.metadata() {
            Ok(data) if data.is_file() => items.push(Item { name, size: data.len() }),
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

/// Makes names in a folder durable.
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
