//! Downloads: one file, or a folder as one archive, straight from the repository to whoever
//! asked. Only so much of it waits in memory as is on its way.

use super::audit::{Actor, Deed, Role};
use super::snapshots::{Flow, flow_of, unreadable};
use super::{App, AppError};
use bytes::Bytes;
use keepwatch_backup::{ArchiveFormat, ArchiveOptions, Entry, EntryKind, Failure, Repository, plain};
use keepwatch_proto::paths;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// Bytes of one piece of a download.
const PIECE: usize = 256 << 10;
/// Pieces that wait for whoever asked for them.
const IN_FLIGHT: usize = 8;

/// What is said where more may be infected than is known.
const NOT_ALL_SCANNED: &str = "not all of this snapshot was scanned: scan what comes before you open it";

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
    /// How many there are of those, also those that are not named; the last piece.
    Incomplete(u64),
}

/// What is downloaded, found in its snapshot.
struct Wanted {
    repository: Repository,
    snapshot: String,
    path: PathBuf,
    size: u64,
    format: Option<ArchiveFormat>,
    note: String,
    /// What is known to be infected.
    without: HashSet<PathBuf>,
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
    pub async fn download(&self, actor: &Actor, asked: Asked<'_>) -> Result<Download, AppError> {
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
        let mut conn = self.store.read().await?;
        self.record(&mut conn, actor, &Deed { action, object: &object, detail: path }).await?;
        drop(conn);
        let path = paths::to_path(path);
        let doubt = if infected || verdict.is_whole() && verdict.bundle > 0 { "" } else { NOT_ALL_SCANNED };
        let known = if infected { vec![] } else { verdict.files };
        let without: HashMap<PathBuf, String> =
            known.into_iter().map(|file| (plain(&paths::to_path(&file.path)), file.rules.join(", "))).collect();
        if let Some(rules) = without.get(&plain(&path)) {
            return Err(AppError::Conflict(format!(
                "this file is infected ({rules}), so it is not handed out; 'keepwatch versions' shows when it was \
                 clean, and an administrator can fetch it with --infected"
            )));
        }
        let found = tokio::task::spawn_blocking(move || {
            let repository = Repository::open(&storage, &password).map_err(unreadable)?;
            let without = without.into_keys().collect();
            wanted(repository, snapshot, path, format, without)
        });
        let wanted = found.await.map_err(|e| AppError::Repository(e.to_string()))??;
        let own = wanted.path.file_name().map(|n| paths::of_path(n.as_ref()));
        // A whole snapshot has no name of its own.
        let own = own.unwrap_or_else(|| format!("snapshot-{}", &wanted.snapshot[..8]));
        let said = [wanted.note.as_str(), doubt];
        let note = said.iter().copied().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; ");
        let (size, format) = (wanted.size, wanted.format);
        let (name, content) = match format {
            None => (own, flow_of(IN_FLIGHT, move |out| file(&wanted, out))),
            Some(format) => {
                // No archive's name of its own folder steers whoever unpacks it.
                let top = own.replace('\\', "_");
                (format!("{own}.{}", word(format)), flow_of(IN_FLIGHT, move |out| archive(&wanted, format, &top, out)))
            }
        };
        Ok(Download { name, size, format, note, content })
    }
}

/// Looks for what is asked for, and how it can come.
fn wanted(
    repository: Repository,
    snapshot: String,
    path: PathBuf,
    asked: Option<ArchiveFormat>,
    without: HashSet<PathBuf>,
) -> Result<Wanted, AppError> {
    let extent = repository.extent(&snapshot, &path).map_err(unreadable)?;
    let shown = paths::of_path(&path);
    if !extent.folder && asked.is_none() {
        let mut found: Option<Entry> = None;
        let mut take = |entry| {
            found = Some(entry);
            ControlFlow::Break(())
        };
        repository.entries(&snapshot, &path, false, &mut take).map_err(unreadable)?;
        if found.is_none_or(|entry| entry.kind != EntryKind::File) {
            return Err(AppError::NotFound(format!(
                "'{shown}' is no file or folder of this snapshot; 'keepwatch ls' shows what is"
            )));
        }
        return Ok(Wanted {
            repository,
            snapshot,
            path,
            size: extent.bytes,
            format: None,
            note: String::new(),
            without,
        });
    }
    let why = extent.not_for_zip.map(|at| format!("{}: {}", paths::of_path(&at.path), at.reason));
    let (format, note) = match (asked, why) {
        (Some(ArchiveFormat::Zip), Some(why)) => {
            return Err(AppError::Conflict(format!(
                "a zip cannot hold all of '{shown}' ({why}); ask for --format tar"
            )));
        }
        (None, Some(why)) => {
            (ArchiveFormat::Tar, format!("it comes as a tar, since a zip cannot hold all of it ({why})"))
        }
        (asked, _) => (asked.unwrap_or(ArchiveFormat::Zip), String::new()),
    };
    Ok(Wanted { repository, snapshot, path, size: extent.bytes, format: Some(format), note, without })
}

type Out = mpsc::Sender<Result<Piece, AppError>>;

fn file(wanted: &Wanted, out: &Out) -> Result<(), AppError> {
    let done = Cell::new(0);
    let mut pieces = Pieces { out, buffer: Vec::with_capacity(PIECE), done: &done };
    let Wanted { repository, snapshot, path, .. } = wanted;
    repository.read_file(snapshot, path, &mut pieces).map_err(unreadable)?;
    pieces.flush().map_err(|e| AppError::Repository(e.to_string()))
}

fn archive(wanted: &Wanted, format: ArchiveFormat, top: &str, out: &Out) -> Result<(), AppError> {
    let done = Cell::new(0);
    let mut pieces = Pieces { out, buffer: Vec::with_capacity(PIECE), done: &done };
    // A large file that is read for nobody would be read to its end.
    let mut tell = |bytes| {
        done.set(bytes);
        if out.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let Wanted { repository, snapshot, path, without, .. } = wanted;
    let options = ArchiveOptions { format, top, without };
    let written = repository.write_archive(snapshot, path, &options, &mut pieces, &mut tell);
    let written = written.map_err(unreadable)?;
    pieces.flush().map_err(|e| AppError::Repository(e.to_string()))?;
    let named = written.failures.into_iter().map(Piece::LeftOut);
    let count = (written.failed > 0).then_some(Piece::Incomplete(written.failed));
    for piece in named.chain(count) {
        // Nobody may be listening any more.
        let _ = out.blocking_send(Ok(piece));
    }
    Ok(())
}

struct Pieces<'a> {
    out: &'a Out,
    buffer: Vec<u8>,
    done: &'a Cell<u64>,
}

impl Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        for piece in std::mem::take(&mut self.buffer).chunks(PIECE) {
            let data = Bytes::copy_from_slice(piece);
            let sent = self.out.blocking_send(Ok(Piece::Data { data, done: self.done.get() }));
            sent.map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the download was given up"))?;
        }
        Ok(())
    }
}
