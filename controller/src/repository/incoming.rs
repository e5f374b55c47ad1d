//! An object on its way in: received into a file of its own, checked, onto the disk, and only
//! then under its name.

use super::RepositoryError;
use super::object::Hash;
use axum::body::{Body, Bytes};
use futures_util::StreamExt;
use keepwatch_backup::PastCache;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::{Builder, NamedTempFile, TempPath};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// A sender that says nothing for so long has gone.
const SILENCE: Duration = Duration::from_secs(120);
/// Bytes that are hashed and written in one go.
const AT_ONCE: usize = 1 << 20;
/// What is slower, over all, keeps a place that others wait for: bytes a second, after a while.
const SLOWEST: u64 = 2 << 10;
const A_WHILE: Duration = Duration::from_secs(300);
/// Where uploads wait until they are whole: beside the repositories, so that a rename
/// takes them there. No host's id looks like this. Each controller has a folder of its own in
/// it, and holds the lock beside that.
const INCOMING: &str = ".incoming";
/// What no repository may take of the disk: the database, too, must be able to write.
const KEPT_FREE: u64 = 1 << 30;

/// Where this controller's uploads wait. Others may share the repositories.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) folder: PathBuf,
    /// Locked while this controller lives.
    _lock: File,
}

impl Incoming {
    /// Makes a folder, and removes those whose controllers have ended.
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        let all = root.join(INCOMING);
        fs::create_dir_all(&all)?;
        let (lock, its_path) = Builder::new().suffix(".lock").tempfile_in(&all)?.keep()?;
        lock.try_lock().map_err(io::Error::from)?;
        let folder = its_path.with_extension("");
        for entry in fs::read_dir(&all)?.flatten() {
            let path = entry.path();
            let lock = if entry.file_type()?.is_dir() { path.with_extension("lock") } else { path.clone() };
            let lives = File::open(&lock).is_ok_and(|file| file.try_lock().is_err());
            if lives || lock == its_path {
                continue;
            }
            // Another controller may be clearing up, too.
            let _ = if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
        fs::create_dir(&folder)?;
        Ok(Self { folder, _lock: lock })
    }

    /// A file to receive into, while there is room on the disk.
    pub(super) fn file(&self) -> Result<(File, TempPath), RepositoryError> {
        let free = free_space(&self.folder)?;
        if free.available < KEPT_FREE.min(free.all / 50) {
            return Err(RepositoryError::Full);
        }
        Ok(NamedTempFile::new_in(&self.folder)?.into_parts())
    }
}

/// Writes the body to the file and onto the disk; answers with its hash and length.
pub(super) async fn receive(file: File, body: Body, limit: u64) -> Result<(Hash, u64), RepositoryError> {
    let (mut body, mut length, begun) = (body.into_data_stream(), 0, Instant::now());
    let receiver = Receiver { writer: PastCache::new(file), hasher: Sha256::new() };
    let (mut receiver, mut pieces, mut waiting) = (receiver, Vec::new(), 0);
    while let Some(piece) = timeout(SILENCE, body.next()).await.map_err(|_| RepositoryError::BrokenOff)? {
        let piece = piece.map_err(|_| RepositoryError::BrokenOff)?;
        length += piece.len() as u64;
        if length > limit {
            return Err(RepositoryError::TooLarge(limit));
        }
        if begun.elapsed() > A_WHILE + Duration::from_secs(length / SLOWEST) {
            return Err(RepositoryError::BrokenOff);
        }
        waiting += piece.len();
        pieces.push(piece);
        if waiting >= AT_ONCE {
            receiver = receiver.take(std::mem::take(&mut pieces)).await?;
            waiting = 0;
        }
    }
    let Receiver { writer, hasher } = receiver.take(pieces).await?;
    blocking(move || Ok(writer.finish()?.sync_all()?)).await?;
    Ok((hasher.finalize().into(), length))
}

/// Pieces come by 16 KiB and less: for each alone the way to a thread that may block is too long.
struct Receiver {
    writer: PastCache,
    hasher: Sha256,
}

impl Receiver {
    async fn take(mut self, pieces: Vec<Bytes>) -> Result<Self, RepositoryError> {
        blocking(move || {
            for piece in pieces {
                self.hasher.update(&piece);
                self.writer.write(&piece)?;
            }
            Ok(self)
        })
        .await
    }
}

/// Does what blocks where that is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RepositoryError> + Send + 'static,
) -> Result<T, RepositoryError> {
    spawn_blocking(work).await.map_err(|e| RepositoryError::Disk(io::Error::other(e)))?
}

/// Gives a received object its name, and says whether it is new. One that is there already has
/// this content too, by its name; where the disk has spoilt it, it is replaced by the good one,
/// which was received when the first one was.
pub(super) fn place(temporary: TempPath, path: &Path, hash: Hash) -> Result<bool, RepositoryError> {
    let temporary = match temporary.persist_noclobber(path) {
        Ok(()) => return sync(path.parent().unwrap_or(path)).map(|()| true).map_err(Into::into),
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists => e.path,
        Err(e) => return Err(e.error.into()),
    };
    // One that cannot be read is as good as damaged.
    if stored_hash(path).is_ok_and(|stored| stored == hash) {
        // Whoever stored it may have ended before its name was durable.
        sync(path.parent().unwrap_or(path))?;
        return Ok(false);
    }
    tracing::warn!(path = %path.display(), "replaced a damaged object by a good copy");
    let received = fs::metadata(path)?.modified()?;
    File::options().write(true).open(&temporary)?.set_modified(received)?;
    temporary.persist(path).map_err(|e| e.error)?;
    sync(path.parent().unwrap_or(path))?;
    Ok(false)
}

/// A config comes once: whoever replaces it takes the repository from its owner.
pub(super) fn place_config(temporary: TempPath, path: &Path, hash: Hash) -> Result<bool, RepositoryError> {
    match temporary.persist_noclobber(path) {
        Ok(()) => {
            sync(path.parent().unwrap_or(path))?;
            Ok(true)
        }
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists && stored_hash(path)? == hash => {
            sync(path.parent().unwrap_or(path))?;
            Ok(false)
        }
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

/// Makes names in a folder durable.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) use platform::free_space;

mod platform {
    use crate::repository::Space;
    use std::io;
    use std::path::Path;

    #[cfg(unix)]
    pub fn free_space(path: &Path) -> io::Result<Space> {
        let stat = nix::sys::statvfs::statvfs(path)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.fragment_size());
        Ok(Space { all: bytes(stat.blocks()), available: bytes(stat.blocks_available()) })
    }

    /// Elsewhere a full disk shows when it is full.
    #[cfg(not(unix))]
    pub fn free_space(_path: &Path) -> io::Result<Space> {
        Ok(Space { all: u64::MAX, available: u64::MAX })
    }
}
