//! Searches: names over all snapshots of a host, and the versions of one file, from a catalog that
//! is kept beside the repositories and made anew from them when it is lost.

use super::audit::Actor;
use super::snapshots::{self, Flow};
use super::{App, AppError};
use crate::catalog::{self, Catalog};
use crate::maintain::{self, Order, Outcome, Work};
use crate::store::hosts::HostRow;
use crate::store::snapshots::SnapshotRow;
use crate::store::{self};
use keepwatch_backup::{EntryKind, Pattern};
use keepwatch_proto::ids::HostId;
use keepwatch_proto::paths;
use keepwatch_proto::verdict::Verdict;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Names in one answer; more is no list that a person reads.
const MOST_FOUND: usize = 100_000;
/// Catalogs that are brought up to date in one round.
const AT_ONCE: usize = 20;

/// Where the catalogs are, and who is at one.
pub struct Catalogs {
    folder: PathBuf,
    at_work: Mutex<HashMap<HostId, Arc<tokio::sync::Mutex<()>>>>,
    /// The newest snapshot with which each was brought up to date.
    newest: Mutex<HashMap<HostId, String>>,
}

impl Catalogs {
    /// In this folder.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, at_work: Mutex::default(), newest: Mutex::default() }
    }

    fn file(&self, host: HostId) -> PathBuf {
        self.folder.join(host.to_string())
    }

    /// The host's snapshots are gone, and their names must be.
    pub(super) async fn remove(&self, host: HostId) {
        let turn = self.turn(host);
        let _turn = turn.lock().await;
        match std::fs::remove_file(self.file(host)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(%host, %error, "a catalog cannot be removed; delete the file by hand");
            }
            _ => {}
        }
    }

    fn turn(&self, host: HostId) -> Arc<tokio::sync::Mutex<()>> {
        let mut at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(at_work.entry(host).or_default())
    }
}

/// A name that was found.
#[derive(Debug, Clone)]
pub struct FoundName {
    /// As text without loss.
    pub path: String,
    /// The snapshot's id.
    pub snapshot: String,
    /// What it is there.
    pub version: catalog::Version,
}

/// What a file was, and since when.
#[derive(Debug, Clone)]
pub struct FileVersion {
    /// What it was.
    pub version: catalog::Version,
    /// When the first snapshot with it came; Unix seconds.
    pub first: i64,
    /// When the last one came.
    pub last: i64,
    /// The last one's id.
    pub snapshot: String,
    /// How many have it.
    pub snapshots: u64,
    /// What is known of its content.
    pub verdict: FileVerdict,
}

/// What the scans say of one version of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileVerdict {
    /// It was inspected, and nothing was found.
    Clean,
    /// These rules matched.
    Infected(Vec<String>),
    /// Nobody has looked, or not to its end.
    Unjudged,
}

impl FileVerdict {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Infected(_) => "infected",
            Self::Unjudged => "unjudged",
        }
    }
}

impl App {
    /// Where a name occurs, in all snapshots of a host, newest first.
    pub async fn find(&self, actor: &Actor, host: &str, pattern: &str) -> Result<Flow<FoundName>, AppError> {
        let pattern = Pattern::new(pattern).map_err(|error| AppError::Invalid(error.to_string()))?;
        let host = self.host(actor, host).await?.row;
        let (line, all) = self.inherited(&host).await?;
        let mut places = Vec::new();
        for owner in &line {
            let rows: Vec<&SnapshotRow> = all.iter().filter(|snapshot| snapshot.host == owner.id).collect();
            let ids: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
            places.push((self.catalog(owner, &rows).await?, ids));
        }
        Ok(snapshots::flow(move |out| {
            let mut left = MOST_FOUND + 1;
            let mut unread = String::new();
            for (catalog, ids) in &places {
                for found in catalog.find(&pattern, ids) {
                    let (path, snapshot) = (found.path.to_owned(), found.snapshot.to_owned());
                    let found = FoundName { path, snapshot, version: found.version.clone() };
                    if snapshots::pass(out, found, &mut left).is_break() {
                        return snapshots::all_told(left);
                    }
                }
                for (id, why) in catalog.unread().filter(|(id, _)| ids.iter().any(|wanted| wanted == id)) {
                    unread = format!("not all of the snapshot {} could be searched: {why}", id.get(..12).unwrap_or(id));
                }
            }
            if unread.is_empty() { Ok(()) } else { Err(AppError::Repository(unread)) }
        }))
    }

    /// What a file or folder was over time, oldest first.
    pub async fn versions(&self, actor: &Actor, host: &str, path: &str) -> Result<Vec<FileVersion>, AppError> {
        let host = self.host(actor, host).await?.row;
        let (line, all) = self.inherited(&host).await?;
        // As snapshots have it: a drive is the folder of its letter, and nothing ends in a slash.
        let path = paths::of_path(&keepwatch_backup::plain(&paths::to_path(path)));
        let mut versions = Vec::new();
        for owner in line.iter().rev() {
            let rows: Vec<&SnapshotRow> = all.iter().filter(|snapshot| snapshot.host == owner.id).collect();
            let catalog = self.catalog(owner, &rows).await?;
            for (version, ids) in catalog.versions(&path) {
                let mut having: Vec<&SnapshotRow> =
                    rows.iter().filter(|row| ids.contains(&row.id.as_str())).copied().collect();
                // The list has the newest first, also of those that came in one second.
                having.reverse();
                if let (Some(first), Some(last)) = (having.first(), having.last()) {
                    versions.push(file_version(version, &path, first, last, &having, &rows));
                }
            }
        }
        if versions.is_empty() {
            let shown = path.escape_debug();
            return Err(AppError::NotFound(format!(
                "'{shown}' is in no snapshot of this host; 'keepwatch find' looks for a name anywhere"
            )));
        }
        Ok(versions)
    }

    /// The catalog of a host's own snapshots, brought up to date.
    async fn catalog(&self, owner: &HostRow, rows: &[&SnapshotRow]) -> Result<Catalog, AppError> {
        if rows.is_empty() {
            return Ok(Catalog::default());
        }
        // Oldest first: a run of snapshots grows at its end.
        let ids: Vec<String> = rows.iter().rev().map(|row| row.id.clone()).collect();
        let (file, password) = (self.catalogs.file(owner.id), self.escrow.unseal(&owner.escrow)?);
        let turn = self.catalogs.turn(owner.id);
        let _turn = turn.lock().await;
        let loaded = load(file.clone(), password.clone()).await?.filter(|catalog| catalog.covers(&ids));
        let catalog = match loaded {
            Some(catalog) => catalog,
            None => {
                let work = Work::Catalog { file: file.clone(), snapshots: ids.clone() };
                let order = Order { storage: self.repositories.storage(owner.id), password: password.clone(), work };
                match maintain::run(&order).await {
                    Outcome::Catalogued => {}
                    Outcome::Failed(why) => return Err(AppError::Repository(why)),
                    other => return Err(AppError::Repository(format!("it answered {other:?}"))),
                }
                let gone = || AppError::Repository(format!("its catalog {} is not there", file.display()));
                load(file.clone(), password).await?.ok_or_else(gone)?
            }
        };
        Ok(catalog)
    }

    /// Brings catalogs up to date, so that a search need not wait for that. One that fails is looked
    /// at again once there is a new snapshot, or somebody searches.
    pub async fn catalog_due(&self) -> Result<(), AppError> {
        let mut conn = self.store.read().await?;
        let mut due = Vec::new();
        for host in store::hosts::list(&mut conn).await? {
            let rows = store::snapshots::list(&mut conn, host.id).await?;
            let Some(newest) = rows.first().map(|row| row.id.clone()) else { continue };
            let mut known = self.catalogs.newest.lock().unwrap_or_else(PoisonError::into_inner);
            if known.get(&host.id) != Some(&newest) {
                known.insert(host.id, newest);
                due.push((host, rows));
            }
            if due.len() >= AT_ONCE {
                break;
            }
        }
        // Reading repositories may take long, and the embedded database has one connection.
        drop(conn);
        for (host, rows) in &due {
            if let Err(error) = self.catalog(host, &rows.iter().collect::<Vec<_>>()).await {
                tracing::warn!(host = %host.id, %error, "a catalog was not brought up to date");
            }
        }
        Ok(())
    }
}

async fn load(file: PathBuf, password: String) -> Result<Option<Catalog>, AppError> {
    let loaded = tokio::task::spawn_blocking(move || catalog::load(&file, &password)).await;
    loaded.map_err(|error| AppError::Repository(format!("its catalog cannot be read: {error}")))
}

fn file_version(
    version: &catalog::Version,
    path: &str,
    first: &SnapshotRow,
    last: &SnapshotRow,
    having: &[&SnapshotRow],
    all: &[&SnapshotRow],
) -> FileVersion {
    FileVersion {
        version: version.clone(),
        first: first.received,
        last: last.received,
        snapshot: last.id.clone(),
        snapshots: having.len() as u64,
        verdict: verdict(version, path, having, all),
    }
}

/// Infected where any scan says so of this content, in whichever snapshot. Clean where the latest
/// that looked at it looked at all, and says nothing of it.
fn verdict(version: &catalog::Version, path: &str, having: &[&SnapshotRow], all: &[&SnapshotRow]) -> FileVerdict {
    let said = all.iter().filter_map(|row| Some((row, row.verdict.0.as_ref()?)));
    let mut rules: Vec<String> = said
        .flat_map(|(row, verdict)| verdict.files.iter().map(move |file| (row, file)))
        // Where it could not be told which content it was, whatever has the name there is meant.
        .filter(|(row, file)| match file.content.is_empty() {
            true => file.path == path && having.iter().any(|one| one.id == row.id),
            false => version.has_content(&file.content),
        })
        .flat_map(|(_, file)| file.rules.iter().cloned())
        .collect();
    if !rules.is_empty() {
        rules.sort();
        rules.dedup();
        return FileVerdict::Infected(rules);
    }
    let latest = having.iter().rev().find_map(|row| row.verdict.0.as_ref());
    match version.kind {
        EntryKind::File if latest.is_some_and(Verdict::is_whole) => FileVerdict::Clean,
        _ => FileVerdict::Unjudged,
    }
}
