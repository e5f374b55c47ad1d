//! Downloads: one file, or a folder as one archive, straight from the repository to whoever
//! asked. Only so much of it waits in memory as is on its way.

use super::audit::{Actor, Deed, Role};
use super::policies::tuning;
use super::snapshots::Flow;
use super::{App, AppError};
use crate::handout::{self, Coming, Frame, Head, Match, Order, Said, Scan, Trouble};
use crate::store::bundles::BundleRow;
use crate::store::detections::DetectionRow;
use crate::store::{self, Json};
use bytes::Bytes;
use keepwatch_backup::{ArchiveFormat, Failure, plain};
use keepwatch_proto::ids::{DetectionId, HostId};
use keepwatch_proto::paths;
use keepwatch_scan::DEFAULT_WHOLE_BYTES;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};

/// Pieces that wait for whoever asked for them.
const IN_FLIGHT: usize = 8;

/// Handed out at once: each takes memory, and a place for what is being looked at.
pub const AT_ONCE: usize = 16;
/// Nobody takes longer over one piece, unless he has gone.
const LONGEST_PIECE: Duration = Duration::from_secs(600);

/// A file or folder on its way.
pub struct Download {
    /// The name to keep it under.
    pub name: String,
    /// Bytes of its content in all.
    pub size: u64,
    /// How a folder comes; a file comes as it is.
    pub format: Option<ArchiveFormat>,
    /// Why it does not come as the zip that nobody needs help with.
    pub note: String,
    /// Its content.
    pub content: Flow<Piece>,
}

/// What comes of a download.
pub enum Piece {
    /// A part of the file or archive.
    Data {
        /// The part.
        data: Bytes,
        /// Bytes of content that are done with it.
        done: u64,
    },
    /// Something that is not in the archive.
    LeftOut(Failure),
    /// How many there are of those, also those that are not named.
    Incomplete(u64),
    /// So many files were not inspected to their end.
    Unscanned(u64),
}

/// What somebody wants to have.
pub struct Asked<'a> {
    /// Name or id of the host.
    pub host: &'a str,
    /// As in [`App::snapshot_with`].
    pub snapshot: &'a str,
    /// The file or folder; empty: all of the snapshot.
    pub path: &'a str,
    /// How a folder comes; nothing stands for the one that fits.
    pub format: Option<ArchiveFormat>,
    /// Whether also what is infected comes; for administrators.
    pub infected: bool,
}

/// How staff name a format; nothing stands for the one that fits.
pub fn format(word: &str) -> Result<Option<ArchiveFormat>, AppError> {
    match word {
        "" => Ok(None),
        "zip" => Ok(Some(ArchiveFormat::Zip)),
        "tar" => Ok(Some(ArchiveFormat::Tar)),
        _ => Err(AppError::Invalid(format!("there is no format '{}'; write zip or tar", word.escape_debug()))),
    }
}

/// The name of a format, and the end of its files' names.
pub fn word(format: ArchiveFormat) -> &'static str {
    match format {
        ArchiveFormat::Zip => "zip",
        ArchiveFormat::Tar => "tar",
    }
}

impl App {
    /// One file, or a folder as an archive, straight from here. What is known to be infected stays
    /// where it is, unless an administrator wants it.
    pub async fn download(self: &Arc<Self>, actor: &Actor, asked: Asked<'_>) -> Result<Download, AppError> {
        let Asked { host, snapshot, path, format, infected } = asked;
        let (role, action) = match infected {
            true => (Role::Administrator, "infected download"),
            false => (Role::Operator, "file download"),
        };
        self.demand(actor, role, action).await?;
        let host = self.host(actor, host).await?.row;
        let path = if path.is_empty() { "/" } else { path };
        let (owner, snapshot) = self.snapshot_with(actor, &host, snapshot, path).await?;
        let (storage, password) = self.locate(&owner)?;
        let (verdict, snapshot) = (snapshot.verdict.0.unwrap_or_default(), snapshot.id);
        let object = format!("{} {snapshot}", owner.id);
        self.record_now(actor, &Deed { action, object: &object, detail: path }).await?;
        let mut conn = self.store.read().await?;
        let newest = store::bundles::newest(&mut conn).await?;
        drop(conn);
        let known = if infected { vec![] } else { verdict.files };
        let asked = plain(&paths::to_path(path));
        if let Some(file) = known.iter().find(|file| plain(&paths::to_path(&file.path)) == asked) {
            return Err(handout::infected(&file.rules.join(", ")).into());
        }
        // The verdict is the PC's own word, by the rules and the policy of its day: whoever downloads is
        // somebody else.
        let scan = match newest.filter(|_| !infected) {
            Some(newest) => Some(self.scan_with(&host.group_name, newest).await?),
            None => None,
        };
        let scanned = scan.as_ref().map_or(0, |scan| scan.bundle);
        let order = Order {
            storage,
            password,
            snapshot,
            path: path.to_owned(),
            format,
            without: known.into_iter().map(|file| file.path).collect(),
            doubtful: !infected && scan.is_none(),
            scan,
        };
        let place = self.handing.room.clone().try_acquire_owned().map_err(|_| {
            AppError::Conflict(format!("{AT_ONCE} downloads are under way; try again when one of them is done"))
        })?;
        let own = handout::own_name(path, &order.snapshot);
        let (Head { size, format, note }, coming) = Coming::of(order).await?;
        let name = format.map_or(own.clone(), |format| format!("{own}.{}", word(format)));
        let (out, content) = mpsc::channel(IN_FLIGHT);
        let passing = Passing { app: self.clone(), host: owner.id, bundle: scanned, coming };
        tokio::spawn(async move {
            passing.run(&out).await;
            drop(place);
        });
        Ok(Download { name, size, format, note, content })
    }

    /// The newest rules, as this group's hosts have decided about them.
    async fn scan_with(&self, group: &str, newest: BundleRow) -> Result<Scan, AppError> {
        let policy = self.policies().await?.of(group).scan;
        let whole_bytes = if policy.max_file_bytes == 0 { DEFAULT_WHOLE_BYTES } else { policy.max_file_bytes };
        Ok(Scan {
            bundle: newest.version.unsigned_abs(),
            file: self.signing.file(&newest.sha256),
            sha256: newest.sha256,
            compiled: self.handing.compiled.clone(),
            scratch: self.handing.scratch.clone(),
            whole_bytes,
            unpack: policy.unpack,
            tuning: tuning(&policy),
        })
    }
}

/// Passes on what comes, as long as somebody wants it.
struct Passing {
    app: Arc<App>,
    host: HostId,
    bundle: u64,
    coming: Coming,
}

impl Passing {
    async fn run(mut self, out: &mpsc::Sender<Result<Piece, AppError>>) {
        loop {
            let next = tokio::select! {
                next = self.coming.next() => next,
                // Nobody wants it any more: its place is another's.
                () = out.closed() => return,
            };
            let piece = match next {
                Ok(None) => return,
                Ok(Some(Frame::Data { done, data })) => Ok(Piece::Data { data, done }),
                Ok(Some(Frame::Said(said))) => match said {
                    Said::LeftOut { path, reason } => {
                        Ok(Piece::LeftOut(Failure { path: paths::to_path(&path), reason }))
                    }
                    Said::Incomplete(count) => Ok(Piece::Incomplete(count)),
                    Said::Unscanned(count) => Ok(Piece::Unscanned(count)),
                    Said::Match(found) => match self.keep(*found).await {
                        Ok(()) => continue,
                        Err(error) => Err(error),
                    },
                    Said::Head(_) | Said::Failed(_) | Said::End => continue,
                },
                Err(trouble) => Err(trouble.into()),
            };
            let last = piece.is_err();
            if out.send_timeout(piece, LONGEST_PIECE).await.is_err() || last {
                return;
            }
        }
    }

    /// What is found on the way is a detection as any other.
    async fn keep(&self, found: Match) -> Result<(), AppError> {
        let Match { path, size, sha256, rule, namespace, severity, metadata } = found;
        let row = DetectionRow {
            id: DetectionId::new(&self.app.clock),
            host: self.host,
            job: String::new(),
            at: self.app.now(),
            rule,
            namespace,
            severity,
            path,
            size: i64::try_from(size).unwrap_or(i64::MAX),
            sha256,
            bundle: i64::try_from(self.bundle).unwrap_or(i64::MAX),
            metadata: Json(metadata),
            acknowledged: 0,
            acknowledged_by: String::new(),
            reason: String::new(),
            put_away: String::new(),
        };
        let mut tx = self.app.store.begin().await?;
        store::detections::insert(&mut tx, &row).await?;
        Ok(store::commit(tx).await?)
    }
}

impl From<Trouble> for AppError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Missing(text) => Self::NotFound(text),
            Trouble::Conflict(text) => Self::Conflict(text),
            Trouble::Invalid(text) => Self::Invalid(text),
            Trouble::Unreadable(text) => Self::Repository(text),
        }
    }
}

/// Where what is handed out is looked at.
pub struct Handing {
    /// Folder of compiled rules.
    compiled: PathBuf,
    /// Folder of copies that are being looked at.
    scratch: PathBuf,
    room: Arc<Semaphore>,
}

impl Handing {
    /// In these folders.
    pub fn new(compiled: PathBuf, scratch: PathBuf) -> Self {
        Self { compiled, scratch, room: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Makes ready to serve: what a controller that was killed has left goes. No other command on the
    /// data folder does that, since one may serve meanwhile.
    pub fn make_ready(&self) -> io::Result<()> {
        let _ = std::fs::remove_dir_all(&self.scratch);
        [&self.compiled, &self.scratch].into_iter().try_for_each(|folder| crate::config::private_dir(folder))
    }
}
