//! Hosts' repositories as folders in restic's own layout, one below the other. An object is
//! acknowledged only when its hash is checked and it is on the disk under its name; its
//! file's time is the time of its receipt, which a PC cannot choose.

use super::RepositoryError;
use super::incoming::{Incoming, blocking, free_space, place, place_config, receive, sync};
use super::object::{Kind, Object, hash_of};
use super::store::{Content, Item, RepositoryStore, Space, Usage};
use async_trait::async_trait;
use axum::body::Body;
use chrono::{DateTime, Utc};
use keepwatch_backup::Storage;
use keepwatch_proto::ids::HostId;
use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Folder of the sealed recovery kits. No host's id looks like this.
const KITS: &str = "recovery-kits";

/// All hosts' repositories.
#[derive(Debug)]
pub struct FolderStore {
    root: PathBuf,
    incoming: Arc<Incoming>,
    /// Of each host, once somebody has asked for it.
    used: Arc<Mutex<HashMap<HostId, Usage>>>,
    /// One folder is walked at a time: whoever waits finds it measured.
    measuring: Mutex<()>,
}

impl FolderStore {
    /// The repositories below `root`, which is made if need be. Removes what uploads left
    /// behind when the controller last ended.
    pub fn open(root: PathBuf) -> io::Result<Self> {
        let incoming = Arc::new(Incoming::open(&root)?);
        Ok(Self { root, incoming, used: Arc::default(), measuring: Mutex::default() })
    }

    pub(super) fn folder(&self, host: HostId) -> PathBuf {
        self.root.join(host.to_string())
    }

    fn kit(&self, host: HostId) -> PathBuf {
        self.root.join(KITS).join(format!("{host}.age"))
    }

    fn used(&self) -> MutexGuard<'_, HashMap<HostId, Usage>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn measure(&self, host: HostId) -> Usage {
        let mut folders = vec![self.folder(host)];
        let mut usage = Usage::default();
        while let Some(folder) = folders.pop() {
            // What retention removes meanwhile is not used any more.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(data) if data.is_dir() => folders.push(entry.path()),
                    Ok(data) => usage.add(data.len()),
                    Err(_) => {}
                }
            }
        }
        usage
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
}

#[async_trait]
impl RepositoryStore for FolderStore {
    fn storage(&self, host: HostId) -> Storage {
        Storage::Folder(self.folder(host))
    }

    fn usage_at_hand(&self, host: HostId) -> Option<Usage> {
        self.used().get(&host).copied()
    }

    fn space(&self) -> Option<Space> {
        free_space(&self.root).ok().filter(|space| space.all < u64::MAX)
    }

    fn usage(&self, host: HostId) -> Usage {
        self.usage_at_hand(host).unwrap_or_else(|| {
            let _turn = self.measuring.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(usage) = self.used().get(&host) {
                return *usage;
            }
            let usage = self.measure(host);
            *self.used().entry(host).or_insert(usage)
        })
    }

    fn changed(&self, host: HostId) {
        self.used().remove(&host);
    }

    async fn create(&self, host: HostId) -> Result<(), RepositoryError> {
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

    async fn has(&self, host: HostId, object: Object) -> Result<bool, RepositoryError> {
        Ok(tokio::fs::try_exists(self.path(host, object)).await?)
    }

    async fn snapshots(&self, host: HostId) -> Result<Vec<(String, i64)>, RepositoryError> {
        let folder = self.folder(host).join(Kind::Snapshots.folder());
        blocking(move || {
            let mut found = Vec::new();
            let entries = match fs::read_dir(&folder) {
                Err(e) if e.kind() == ErrorKind::NotFound => return Ok(found),
                entries => entries?,
            };
            for entry in entries {
                let entry = entry?;
                let Some(name) = entry.file_name().into_string().ok().filter(|name| hash_of(name).is_some()) else {
                    continue;
                };
                match entry.metadata().and_then(|data| data.modified()) {
                    // What retention removes meanwhile is none any more.
                    Err(e) if e.kind() == ErrorKind::NotFound => {}
                    modified => found.push((name, DateTime::<Utc>::from(modified?).timestamp())),
                }
            }
            Ok(found)
        })
        .await
    }

    async fn owners(&self) -> Result<Vec<HostId>, RepositoryError> {
        let root = self.root.clone();
        blocking(move || {
            let entries = fs::read_dir(root)?.collect::<Result<Vec<_>, _>>()?;
            Ok(entries.into_iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
        })
        .await
    }

    async fn open_object(&self, host: HostId, object: Object) -> Result<(Box<dyn Content>, u64), RepositoryError> {
        let file = tokio::fs::File::open(self.path(host, object)).await?;
        let size = file.metadata().await?.len();
        Ok((Box::new(file), size))
    }

    async fn list(&self, host: HostId, kind: Kind) -> Result<Vec<Item>, RepositoryError> {
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

    async fn write(&self, host: HostId, object: Object, body: Body) -> Result<u64, RepositoryError> {
        if !tokio::fs::try_exists(self.folder(host)).await? {
            return Err(RepositoryError::NotFound);
        }
        let incoming = Arc::clone(&self.incoming);
        let (file, temporary) = blocking(move || incoming.file()).await?;
        let (hash, length) = receive(file, body, object.limit()).await?;
        let (path, keys) = (self.path(host, object), self.folder(host).join(Kind::Keys.folder()));
        let used = Arc::clone(&self.used);
        // Whoever asked may be gone before this is through; what is placed is counted all the same.
        blocking(move || {
            let new = match object {
                // Without a key it would be a repository that nobody can open, for good.
                Object::Config if fs::read_dir(keys)?.next().is_none() => {
                    return Err(RepositoryError::Unclear("a repository's key comes before its config"));
                }
                Object::Config => place_config(temporary, &path, hash)?,
                Object::Named(_, name) if name == hash => place(temporary, &path, hash)?,
                Object::Named(..) => return Err(RepositoryError::Corrupt),
            };
            let mut used = used.lock().unwrap_or_else(PoisonError::into_inner);
            used.get_mut(&host).into_iter().filter(|_| new).for_each(|used| used.add(length));
            Ok(())
        })
        .await?;
        Ok(length)
    }

    async fn remove(&self, host: HostId, object: Object) -> Result<(), RepositoryError> {
        let path = self.path(host, object);
        let length = tokio::fs::metadata(&path).await?.len();
        tokio::fs::remove_file(&path).await?;
        self.used().get_mut(&host).into_iter().for_each(|used| used.take(length));
        Ok(())
    }

    async fn keep_kit(&self, host: HostId, content: Option<Vec<u8>>) -> Result<(), RepositoryError> {
        let path = self.kit(host);
        blocking(move || {
            let Some(content) = content else { return Ok(gone(fs::remove_file(path))?) };
            let folder = path.parent().unwrap_or(&path);
            fs::create_dir_all(folder)?;
            let mut file = tempfile::Builder::new().prefix(".keeping-").tempfile_in(folder)?;
            file.write_all(&content)?;
            file.as_file().sync_all()?;
            file.persist(&path).map_err(|failed| failed.error)?;
            Ok(sync(folder)?)
        })
        .await
    }

    async fn has_kit(&self, host: HostId) -> Result<bool, RepositoryError> {
        Ok(tokio::fs::try_exists(self.kit(host)).await?)
    }

    async fn remove_all(&self, host: HostId) -> Result<(), RepositoryError> {
        let (root, folder) = (self.root.clone(), self.folder(host));
        blocking(move || {
            // Renamed first: at no time is there half a repository under its name.
            let going = root.join(format!(".removing-{host}"));
            gone(fs::remove_dir_all(&going))?;
            gone(fs::rename(&folder, &going))?;
            sync(&root)?;
            gone(fs::remove_dir_all(&going))?;
            Ok(sync(&root)?)
        })
        .await?;
        self.changed(host);
        Ok(())
    }
}

/// What is not there is gone.
fn gone(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
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
