//! A repository behind an SSH server, as restic lays it out there. The system's own `ssh` makes
//! the connection, with its keys, its known hosts and its settings.

use crate::patience::{Patience, Trouble};
use crate::service::largest;
use crate::stop::Stop;
use crate::storage::{Objects, Sftp as Place, StorageError, name};
use bytes::{Bytes, BytesMut};
use openssh_sftp_client::error::SftpErrorKind;
use openssh_sftp_client::file::TokioCompatFile;
use openssh_sftp_client::{Error, Sftp, SftpOptions};
use rustic_core::{ALL_FILE_TYPES, BytesList, FileType, Id};
use std::io::{ErrorKind, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// How often is looked whether work should end.
const LOOK: Duration = Duration::from_millis(200);
/// A server that has not greeted by then will not.
const GREETING: Duration = Duration::from_secs(60);
/// When a step takes so long, nothing moves any more: `ssh` itself finds a dead line before.
const SILENCE: Duration = Duration::from_secs(600);

/// The client of one repository.
pub(crate) struct Client {
    runtime: Runtime,
    place: Place,
    patience: Patience,
    stop: Arc<Stop>,
    session: Mutex<Option<Arc<Session>>>,
    /// Names for what is not whole yet.
    temporary: AtomicU64,
}

/// One `ssh` and what is spoken with it.
struct Session {
    sftp: Sftp,
    // It ends when this is dropped.
    _ssh: Child,
}

/// Why a step came to nothing.
enum Failed {
    /// The connection is of no use any more.
    Connection(String),
    /// There can be none.
    Setup(String),
    /// The server said no.
    Said(SftpErrorKind, String),
    Stopped,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        match &error {
            Error::SftpError(kind, message) => Self::Said(*kind, message.to_string()),
            _ => Self::Connection(error.to_string()),
        }
    }
}

impl Client {
    pub(crate) fn new(place: &Place, stop: Arc<Stop>) -> Result<Self, StorageError> {
        let runtime = Builder::new_multi_thread().worker_threads(1).thread_name("sftp").enable_all().build();
        Ok(Self {
            runtime: runtime.map_err(|e| StorageError::Setup(e.to_string()))?,
            place: place.clone(),
            patience: Patience::new(place.patience, Arc::clone(&stop)),
            stop,
            session: Mutex::default(),
            temporary: AtomicU64::new(rand::random()),
        })
    }

    fn path(&self, kind: FileType, id: &Id) -> PathBuf {
        let hex = id.to_hex();
        // Another system's separator is not theirs.
        let below = match kind {
            FileType::Config => "config".to_owned(),
            FileType::Pack => format!("data/{}/{}", &hex[..2], &*hex),
            _ => format!("{}/{}", kind.dirname(), &*hex),
        };
        self.below(&below)
    }

    fn below(&self, name: &str) -> PathBuf {
        format!("{}/{name}", self.place.path.trim_end_matches('/')).into()
    }

    /// The session, made if there is none.
    async fn session(&self) -> Result<Arc<Session>, Failed> {
        let kept = self.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(session) = kept {
            return Ok(session);
        }
        let Some((program, arguments)) = self.place.command.split_first() else {
            return Err(Failed::Setup("no command makes the connection".to_owned()));
        };
        let connection = |e: std::io::Error| match e.kind() {
            ErrorKind::NotFound => Failed::Setup(format!("'{program}' is not installed")),
            _ => Failed::Connection(format!("{program}: {e}")),
        };
        let mut ssh = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(connection)?;
        let (Some(stdin), Some(stdout)) = (ssh.stdin.take(), ssh.stdout.take()) else {
            return Err(Failed::Connection("ssh has no pipes".to_owned()));
        };
        let greeting = timeout(GREETING, Sftp::new(stdin, stdout, SftpOptions::new())).await;
        let sftp = match greeting {
            Ok(Ok(sftp)) => sftp,
            Ok(Err(e)) => return Err(Failed::Connection(last_words(ssh).await.unwrap_or_else(|| e.to_string()))),
            Err(_) => return Err(Failed::Connection("it does not greet".to_owned())),
        };
        let session = Arc::new(Session { sftp, _ssh: ssh });
        let mut kept = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(kept.get_or_insert(session)))
    }

    /// Does one thing on a session, anew on another one where the first breaks.
    fn ask<T>(&self, what: &str, work: impl AsyncFn(&Sftp) -> Result<T, Failed>) -> Result<T, StorageError> {
        self.patience.until(what, |_| {
            let outcome = self.runtime.block_on(async {
                tokio::select! {
                    outcome = async { work(&self.session().await?.sftp).await } => outcome,
                    failed = self.watch() => Err(failed),
                }
            });
            outcome.map_err(|failed| match failed {
                Failed::Stopped => Trouble::Final(StorageError::Cancelled),
                Failed::Setup(why) => Trouble::Final(StorageError::Setup(why)),
                Failed::Connection(why) => {
                    self.session.lock().unwrap_or_else(PoisonError::into_inner).take();
                    refused(what, &why).map_or(Trouble::Passing { why, pause: None }, Trouble::Final)
                }
                Failed::Said(kind, why) => self.said(what, kind, why),
            })
        })
    }

    async fn watch(&self) -> Failed {
        loop {
            sleep(LOOK).await;
            if self.stop.wanted() {
                return Failed::Stopped;
            }
        }
    }

    fn said(&self, what: &str, kind: SftpErrorKind, why: String) -> Trouble {
        let of = what.to_owned();
        match kind {
            SftpErrorKind::NoSuchFile => Trouble::Final(StorageError::Missing(of)),
            SftpErrorKind::PermDenied => Trouble::Final(StorageError::Denied {
                what: of,
                answer: why,
                hint: "Check the rights of the SSH user on the repository's folder",
            }),
            // A full disk has no word of its own.
            _ if self.is_full() => Trouble::Final(StorageError::Full { what: of, why }),
            _ => Trouble::Doubtful { why },
        }
    }

    fn is_full(&self) -> bool {
        let look = async {
            let session = self.session().await.ok()?;
            if !session.sftp.support_statvfs() {
                return None;
            }
            let disk = timeout(GREETING, session.sftp.fs().statvfs(Path::new(&self.place.path))).await.ok()?.ok()?;
            Some(disk.bavail.saturating_mul(disk.frsize) < 64 << 20)
        };
        self.runtime.block_on(look).unwrap_or(false)
    }

    /// The objects in a folder; a subfolder of `data` counts as its own.
    async fn collect(&self, sftp: &Sftp, kind: FileType) -> Result<Vec<(Id, u32)>, Failed> {
        let (mut folders, mut found) = (vec![(self.below(kind.dirname()), kind == FileType::Pack)], Vec::new());
        while let Some((folder, shards)) = folders.pop() {
            let mut entries = Box::pin(sftp.fs().open_dir(&folder).await?.read_dir());
            while let Some(entry) = futures_util::StreamExt::next(&mut entries).await {
                let entry = entry?;
                let Some(file_name) = entry.filename().to_str() else { continue };
                if shards && file_name.len() == 2 && !file_name.starts_with('.') {
                    folders.push((self.below(&format!("{}/{file_name}", kind.dirname())), false));
                } else if let Ok(id) = file_name.parse() {
                    found.push((id, size(entry.metadata().len())));
                }
            }
        }
        Ok(found)
    }

    async fn receive(
        &self,
        sftp: &Sftp,
        path: &Path,
        range: Option<(u32, u32)>,
        largest: u64,
    ) -> Result<Bytes, Failed> {
        let mut file = sftp.open(path).await?;
        let all = file.metadata().await?.len().unwrap_or(0);
        let (offset, length) = range.map_or((0, all), |(offset, length)| (offset.into(), length.into()));
        if offset + length > all || length > largest {
            return Err(Failed::Said(SftpErrorKind::Failure, format!("it has {all} bytes")));
        }
        let mut content = BytesMut::new();
        while (content.len() as u64) < length {
            let left = length - content.len() as u64;
            file.seek(SeekFrom::Start(offset + content.len() as u64))
                .await
                .map_err(|e| Failed::Connection(e.to_string()))?;
            let wanted = u32::try_from(left).unwrap_or(u32::MAX);
            let read = timeout(SILENCE, file.read(wanted, BytesMut::new())).await;
            let Some(piece) = read.map_err(|_| Failed::Connection("it fell silent".to_owned()))?? else {
                return Err(Failed::Said(SftpErrorKind::Failure, "it became shorter".to_owned()));
            };
            content.extend_from_slice(&piece);
        }
        Ok(content.freeze())
    }

    /// Writes beside, onto the disk where the server can, and only then under its name.
    async fn store(&self, sftp: &Sftp, path: &Path, content: &[Bytes], once: bool) -> Result<(), Failed> {
        let number = self.temporary.fetch_add(1, Ordering::Relaxed);
        let temporary = PathBuf::from(format!("{}.{number:016x}.tmp", path.display()));
        let sent = self.send(sftp, &temporary, content).await;
        let named = match sent {
            Ok(()) if once => self.name_once(sftp, &temporary, path, content).await,
            Ok(()) => sftp.fs().rename(&temporary, path).await.map_err(Failed::from),
            Err(failed) => Err(failed),
        };
        if once || named.is_err() {
            // What is left of it is no object by its name, and harms nobody.
            let _ = sftp.fs().remove_file(&temporary).await;
        }
        named
    }

    /// Names what is there for good, unless something else has the name.
    async fn name_once(&self, sftp: &Sftp, from: &Path, path: &Path, content: &[Bytes]) -> Result<(), Failed> {
        // The answer to an earlier try may have been lost.
        match self.receive(sftp, path, None, largest(FileType::Config)).await {
            Ok(there) if there == content.concat() => return Ok(()),
            Ok(_) => return Err(Failed::Said(SftpErrorKind::Failure, "another repository is there".to_owned())),
            Err(Failed::Said(SftpErrorKind::NoSuchFile, _)) => {}
            Err(failed) => return Err(failed),
        }
        match sftp.support_hardlink() {
            true => Ok(sftp.fs().hard_link(from, path).await?),
            false => Ok(sftp.fs().rename(from, path).await?),
        }
    }

    async fn send(&self, sftp: &Sftp, path: &Path, content: &[Bytes]) -> Result<(), Failed> {
        let broken = |e: std::io::Error| match e.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::SftpError(kind, message)) => Failed::Said(*kind, message.to_string()),
            _ if e.kind() == ErrorKind::NotFound => Failed::Said(SftpErrorKind::NoSuchFile, e.to_string()),
            _ => Failed::Connection(e.to_string()),
        };
        let file = sftp.options().write(true).create_new(true).open(path).await?;
        let mut file = Box::pin(TokioCompatFile::new(file));
        for piece in content.iter().flat_map(|part| part.chunks(128 << 10)) {
            let pause = self.place.throttle.pass(piece.len() as u64);
            if !pause.is_zero() {
                sleep(pause).await;
            }
            let written = timeout(SILENCE, file.write_all(piece)).await;
            written.map_err(|_| Failed::Connection("it fell silent".to_owned()))?.map_err(broken)?;
        }
        let flushed = timeout(SILENCE, file.flush()).await;
        flushed.map_err(|_| Failed::Connection("it fell silent".to_owned()))?.map_err(broken)?;
        if sftp.support_fsync() {
            file.as_mut().as_mut_file().sync_all().await?;
        }
        Ok(())
    }
}

fn size(length: Option<u64>) -> u32 {
    u32::try_from(length.unwrap_or(0)).unwrap_or(u32::MAX)
}

/// What `ssh` says before it ends.
async fn last_words(mut ssh: Child) -> Option<String> {
    use tokio::io::AsyncReadExt;
    let (mut words, mut stderr) = (Vec::new(), ssh.stderr.take()?.take(4096));
    // What has come by then is all there is.
    let _ = timeout(Duration::from_secs(5), stderr.read_to_end(&mut words)).await;
    let words = String::from_utf8_lossy(&words);
    let last = words.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(last.chars().filter(|c| !c.is_control()).collect())
}

/// What no further try mends: `ssh` has no key, no such user, or does not know the server.
fn refused(what: &str, why: &str) -> Option<StorageError> {
    let denied = why.contains("Permission denied") || why.contains("Host key verification failed");
    denied.then(|| StorageError::Denied {
        what: what.to_owned(),
        answer: why.to_owned(),
        hint: "Log in once by 'ssh' as this user, without a password: its key and the server's must be known",
    })
}

impl Objects for Client {
    fn location(&self) -> String {
        self.place.location()
    }

    fn create(&self) -> Result<(), StorageError> {
        let shards = (0..=255u8).map(|n| format!("data/{n:02x}"));
        let kinds = ALL_FILE_TYPES.iter().map(|kind| kind.dirname().to_owned()).chain(["locks".to_owned()]);
        let folders: Vec<PathBuf> = kinds.chain(shards).map(|folder| self.below(&folder)).collect();
        self.ask("making the repository", async |sftp| {
            let above: Vec<PathBuf> = Path::new(&self.place.path).ancestors().map(Path::to_owned).collect();
            let above = above.into_iter().filter(|path| path.file_name().is_some()).collect::<Vec<_>>();
            for folder in above.iter().rev().chain(&folders) {
                if sftp.fs().create_dir(folder).await.is_err() {
                    // It is there already, or this says why not.
                    sftp.fs().metadata(folder).await?;
                }
            }
            Ok(())
        })
    }

    fn config(&self) -> Result<Option<u32>, StorageError> {
        let path = self.path(FileType::Config, &Id::default());
        let look = async |sftp: &Sftp| Ok(size(sftp.fs().metadata(&path).await?.len()));
        match self.ask("looking for the repository", look) {
            Ok(size) => Ok(Some(size)),
            Err(StorageError::Missing(_)) => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn list(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StorageError> {
        self.ask(&format!("listing {}", kind.dirname()), async |sftp| self.collect(sftp, kind).await)
    }

    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        let path = self.path(kind, id);
        self.ask(&name(kind, id), async |sftp| self.receive(sftp, &path, range, largest(kind)).await)
    }

    fn write(&self, kind: FileType, id: &Id, content: &BytesList) -> Result<(), StorageError> {
        let (path, parts) = (self.path(kind, id), content.slice().to_vec());
        // A config comes once: who made the repository has its key.
        let once = kind == FileType::Config;
        self.ask(&name(kind, id), async |sftp| self.store(sftp, &path, &parts, once).await)
    }

    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        let path = self.path(kind, id);
        match self.ask(&name(kind, id), async |sftp| Ok(sftp.fs().remove_file(&path).await?)) {
            Err(StorageError::Missing(_)) => Ok(()),
            outcome => outcome,
        }
    }
}
