//! Snapshots: which there are and what is in them. The repository is
//! opened here with the escrowed key; nothing of it is kept in the clear.

use super::audit::Actor;
use super::catalogs::FileVerdict;
use super::{App, AppError};
use crate::store::hosts::HostRow;
use crate::store::{self, snapshots::SnapshotRow};
use keepwatch_backup::{Entry, Repository, Storage};
use keepwatch_proto::paths;
use std::ops::ControlFlow;
use std::path::PathBuf;
use tokio::sync::mpsc;

/// Entries that wait for whoever asked for them.
const IN_FLIGHT: usize = 256;
/// Entries in one answer; more is no list that a person reads.
const MOST_ENTRIES: usize = 100_000;

/// What comes, piece by piece, or why no more does.
pub type Flow<T> = mpsc::Receiver<Result<T, AppError>>;

/// An entry and the snapshot that it is in.
pub struct Found {
    /// The entry.
    pub entry: Entry,
    /// The snapshot's id.
    pub snapshot: String,
}

impl App {
    /// A host's, newest first, and after them those of the hosts that it replaced.
    pub async fn snapshots(&self, actor: &Actor, host: &str) -> Result<Vec<SnapshotRow>, AppError> {
        let host = self.host(actor, host).await?.row;
        Ok(self.inherited(&host).await?.1)
    }

    /// A host and those that it replaced, and what they have, newest first of each.
    pub(super) async fn inherited(&self, host: &HostRow) -> Result<(Vec<HostRow>, Vec<SnapshotRow>), AppError> {
        let mut conn = self.store.read().await?;
        let (line, mut all) = (self.lineage(&mut conn, host).await?, Vec::new());
        for owner in &line {
            all.extend(store::snapshots::list(&mut conn, owner.id).await?);
        }
        Ok((line, all))
    }

    /// As [`App::snapshot`]; `latest-clean` means the newest in which nothing was found, or, where
    /// one path is meant, the newest in which that is clean.
    pub(super) async fn snapshot_with(
        &self,
        actor: &Actor,
        host: &HostRow,
        wanted: &str,
        path: &str,
    ) -> Result<(HostRow, SnapshotRow), AppError> {
        if wanted != "latest-clean" {
            return self.snapshot(host, wanted).await;
        }
        let all = self.inherited(host).await?.1;
        let clean = all.iter().find(|row| row.verdict.0.as_ref().is_some_and(|verdict| verdict.word() == "clean"));
        let whole = clean.map(|row| row.id.clone());
        let versions = match path.trim_end_matches(['/', '\\']) {
            "" => vec![],
            path => self.versions(actor, &host.id.to_string(), path).await?,
        };
        // A folder is as clean as all that is in it.
        let file = versions.iter().any(|version| version.version.kind == keepwatch_backup::EntryKind::File);
        let clean = versions.into_iter().filter(|version| version.verdict == FileVerdict::Clean);
        let of_file = clean.max_by_key(|version| version.last).map(|version| version.snapshot);
        let id = if file { of_file } else { whole };
        let none = "no snapshot of it is known to be clean; 'keepwatch snapshots' and 'keepwatch versions' say what is";
        self.snapshot(host, &id.ok_or_else(|| AppError::NotFound(none.into()))?).await
    }

    /// The one meant by `latest`, an id, or a prefix that only one id has; and whose it is.
    pub(super) async fn snapshot(&self, host: &HostRow, wanted: &str) -> Result<(HostRow, SnapshotRow), AppError> {
        let (line, all) = self.inherited(host).await?;
        let mut found = all.into_iter().filter(|s| wanted == "latest" || s.id.starts_with(wanted));
        let shown = wanted.escape_debug();
        let first = found.next().filter(|_| !wanted.is_empty());
        let first = first.ok_or_else(|| {
            AppError::NotFound(format!("this host has no snapshot '{shown}'; 'keepwatch snapshots HOST' shows them"))
        })?;
        if wanted != "latest" && found.next().is_some() {
            return Err(AppError::Conflict(format!("several snapshots begin with '{shown}'; write more of the id")));
        }
        let owner = line.into_iter().find(|owner| owner.id == first.host).unwrap_or_else(|| host.clone());
        Ok((owner, first))
    }

    pub(super) fn locate(&self, host: &HostRow) -> Result<(Storage, String), AppError> {
        let password = self.escrow.unseal(&host.escrow)?;
        Ok((self.repositories.storage(host.id), password))
    }

    /// What is in a folder of a snapshot.
    pub async fn entries(
        &self,
        actor: &Actor,
        host: &str,
        snapshot: &str,
        path: &str,
        recursive: bool,
    ) -> Result<Flow<Found>, AppError> {
        let host = self.host(actor, host).await?.row;
        let (owner, snapshot) = self.snapshot(&host, snapshot).await?;
        let (storage, password) = self.locate(&owner)?;
        let snapshot = snapshot.id;
        let path = if path.is_empty() { PathBuf::from("/") } else { paths::to_path(path) };
        Ok(flow(move |out| {
            let mut left = MOST_ENTRIES + 1;
            let repository = Repository::open(&storage, &password).map_err(unreadable)?;
            let mut tell = |entry: Entry| pass(out, Found { entry, snapshot: snapshot.clone() }, &mut left);
            repository.entries(&snapshot, &path, recursive, &mut tell).map_err(unreadable)?;
            all_told(left)
        }))
    }
}

/// Runs blocking work that tells what it finds, piece by piece.
pub(super) fn flow<T, W>(work: W) -> Flow<T>
where
    T: Send + 'static,
    W: FnOnce(&mpsc::Sender<Result<T, AppError>>) -> Result<(), AppError> + Send + 'static,
{
    flow_of(IN_FLIGHT, work)
}

/// The same, for pieces of which only so many may wait.
pub(super) fn flow_of<T, W>(in_flight: usize, work: W) -> Flow<T>
where
    T: Send + 'static,
    W: FnOnce(&mpsc::Sender<Result<T, AppError>>) -> Result<(), AppError> + Send + 'static,
{
    let (out, flow) = mpsc::channel(in_flight);
    tokio::task::spawn_blocking(move || {
        // The engine reads what a PC wrote; if that trips it, the reader hears of it.
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(&out)));
        let error = match done {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error,
            Err(_) => AppError::Repository("it is damaged in a way that the engine does not expect".into()),
        };
        // Nobody may be listening any more.
        let _ = out.blocking_send(Err(error));
    });
    flow
}

/// A list that was cut must not look whole.
pub(super) fn all_told(left: usize) -> Result<(), AppError> {
    match left {
        0 => Err(AppError::Conflict(format!(
            "there are more than {MOST_ENTRIES} entries, and the rest is left out; name a folder or a narrower pattern"
        ))),
        _ => Ok(()),
    }
}

pub(super) fn pass<T>(out: &mpsc::Sender<Result<T, AppError>>, piece: T, left: &mut usize) -> ControlFlow<()> {
    if *left == 1 {
        *left = 0;
        return ControlFlow::Break(());
    }
    *left -= 1;
    if out.blocking_send(Ok(piece)).is_err() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

pub(super) fn unreadable(error: keepwatch_backup::Error) -> AppError {
    match error {
        keepwatch_backup::Error::NoSuchPath(_) | keepwatch_backup::Error::NotAFile(_) => {
            AppError::NotFound(error.to_string())
        }
        keepwatch_backup::Error::TooMany(_) => AppError::Conflict(error.to_string()),
        keepwatch_backup::Error::BadGlob { .. } => AppError::Invalid(error.to_string()),
        error => AppError::Repository(error.to_string()),
    }
}
