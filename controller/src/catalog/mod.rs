//! The catalog of one host's snapshots: which names are in which of them, so that a search need
//! not read the repository. A snapshot is read once, when it is new; a file that does not change
//! is one version in a run of snapshots. It can be made anew from the repository at any time.

mod file;

pub use file::{load, save};

use keepwatch_backup::{Entry, EntryKind, Pattern};
use keepwatch_proto::paths;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// Names that one catalog holds; a crafted snapshot can have more than memory.
const MOST_ITEMS: usize = 5_000_000;
/// About what one may take, in bytes: names, versions, and which snapshots have each.
const MOST_BYTES: usize = 512 << 20;
/// What a version takes besides.
const OF_VERSION: usize = 128;

/// The names in a host's snapshots.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// Oldest first.
    snapshots: Vec<Read>,
    /// By path.
    items: Vec<Item>,
}

/// A snapshot that was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Read {
    id: String,
    /// Why not all of it could be read; empty: it could.
    why_not: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Item {
    path: String,
    versions: Vec<Version>,
}

/// One state of a file or folder, and which snapshots have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// What it is.
    pub kind: EntryKind,
    /// A file's bytes.
    pub size: u64,
    /// Unix seconds.
    pub modified: i64,
    /// Unix permissions.
    pub mode: u32,
    /// Which content: as in [`Entry::content`], the first half.
    content: [u8; 16],
    /// Where a link leads.
    pub target: String,
    /// First place, and how many from there on.
    runs: Vec<(u32, u32)>,
}

/// A version that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a> {
    /// Its path, as text without loss.
    pub path: &'a str,
    /// The version.
    pub version: &'a Version,
    /// The snapshot's id.
    pub snapshot: &'a str,
}

impl Version {
    fn of(entry: &Entry) -> Self {
        let mut content = [0; 16];
        let text = entry.content.as_deref().unwrap_or_default();
        // Anything else is no content id, and all of those are alike.
        let _ = text.get(..32).map(|half| hex::decode_to_slice(half, &mut content));
        Self {
            kind: entry.kind,
            size: entry.size,
            modified: entry.modified.map_or(0, |at| at.timestamp()),
            mode: entry.mode,
            content,
            target: entry.target.as_deref().map(paths::of_path).unwrap_or_default(),
            runs: vec![],
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        let of = |v: &Self| (v.kind, v.size, v.modified, v.mode, v.content);
        of(self) == of(other) && self.target == other.target
    }

    /// Whether it has the content of this id.
    pub fn has_content(&self, id: &str) -> bool {
        id.get(..32) == Some(hex::encode(self.content).as_str())
    }

    fn is_in(&self, place: u32) -> bool {
        self.runs.iter().any(|(first, count)| (*first..first.saturating_add(*count)).contains(&place))
    }

    fn seen_in(&mut self, place: u32) {
        match self.runs.last_mut() {
            Some((first, count)) if *first + *count == place => *count += 1,
            _ => self.runs.push((place, 1)),
        }
    }
}

impl Catalog {
    /// Whether all of these snapshots have been read.
    pub fn covers(&self, ids: &[String]) -> bool {
        let read: HashSet<&str> = self.snapshots.iter().map(|read| read.id.as_str()).collect();
        ids.iter().all(|id| read.contains(id.as_str()))
    }

    /// Forgets all snapshots but these. What could not be read is tried again.
    pub fn keep(&mut self, ids: &[String]) {
        let wanted: HashSet<&str> = ids.iter().map(String::as_str).collect();
        let stays = |read: &Read| read.why_not.is_empty() && wanted.contains(read.id.as_str());
        let mut place = 0;
        let places: Vec<Option<u32>> = self
            .snapshots
            .iter()
            .map(|read| {
                stays(read).then(|| {
                    place += 1;
                    place - 1
                })
            })
            .collect();
        self.snapshots.retain(stays);
        for item in &mut self.items {
            for version in &mut item.versions {
                let before = std::mem::take(&mut version.runs);
                let all = before.iter().flat_map(|(first, count)| *first..first.saturating_add(*count));
                all.filter_map(|at| places.get(at as usize).copied().flatten()).for_each(|at| version.seen_in(at));
            }
            item.versions.retain(|version| !version.runs.is_empty());
        }
        self.items.retain(|item| !item.versions.is_empty());
    }

    /// The versions of the names that match, in these snapshots, in their order.
    pub fn find<'a>(&'a self, pattern: &Pattern, snapshots: &'a [String]) -> impl Iterator<Item = Found<'a>> {
        let items: Vec<&Item> = self.items.iter().filter(|item| pattern.matches(&paths::to_path(&item.path))).collect();
        let places: HashMap<&str, u32> = self.snapshots.iter().map(|read| read.id.as_str()).zip(0..).collect();
        snapshots.iter().filter_map(move |id| places.get(id.as_str()).map(|place| (id, *place))).flat_map(
            move |(id, place)| {
                let found = items.iter().flat_map(move |item| {
                    let here = item.versions.iter().filter(move |version| version.is_in(place));
                    here.map(move |version| Found { path: &item.path, version, snapshot: id })
                });
                found.collect::<Vec<_>>()
            },
        )
    }

    /// The versions that a path has had, and the snapshots that have each, oldest first.
    pub fn versions(&self, path: &str) -> Vec<(&Version, Vec<&str>)> {
        let Ok(at) = self.items.binary_search_by(|item| item.path.as_str().cmp(path)) else { return vec![] };
        let mut versions: Vec<_> = self.items[at].versions.iter().collect();
        versions.sort_by_key(|version| version.runs.first().copied());
        let ids = |version: &Version| {
            let places = version.runs.iter().flat_map(|(first, count)| *first..first.saturating_add(*count));
            places.filter_map(|at| self.snapshots.get(at as usize)).map(|read| read.id.as_str()).collect()
        };
        versions.into_iter().map(|version| (version, ids(version))).collect()
    }

    /// Snapshots of which not all could be read, and why.
    pub fn unread(&self) -> impl Iterator<Item = (&str, &str)> {
        self.snapshots
            .iter()
            .filter(|read| !read.why_not.is_empty())
            .map(|read| (read.id.as_str(), read.why_not.as_str()))
    }
}

/// Adds snapshots to a catalog.
pub struct Adding {
    catalog: Catalog,
    /// Where each path is.
    places: HashMap<String, usize>,
    bytes: usize,
}

impl Adding {
    /// To this one.
    pub fn to(mut catalog: Catalog) -> Self {
        let places: HashMap<String, usize> =
            catalog.items.iter_mut().map(|item| std::mem::take(&mut item.path)).zip(0..).collect();
        let names: usize = places.keys().map(String::len).sum();
        let versions = catalog.items.iter().flat_map(|item| &item.versions);
        let bytes =
            names + versions.map(|version| OF_VERSION + version.target.len() + 8 * version.runs.len()).sum::<usize>();
        Self { catalog, places, bytes }
    }

    /// Begins the next snapshot.
    pub fn begin(&mut self, id: &str) {
        self.catalog.snapshots.push(Read { id: id.to_owned(), why_not: String::new() });
    }

    /// An entry of it. Says whether there is room for more.
    pub fn add(&mut self, entry: &Entry) -> bool {
        let place = u32::try_from(self.catalog.snapshots.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let path = paths::of_path(&entry.path);
        if self.bytes > MOST_BYTES {
            return false;
        }
        let at = match self.places.get(&path) {
            Some(at) => *at,
            None => {
                self.bytes += path.len();
                if self.catalog.items.len() >= MOST_ITEMS {
                    return false;
                }
                self.catalog.items.push(Item { path: String::new(), versions: vec![] });
                self.places.insert(path, self.catalog.items.len() - 1);
                self.catalog.items.len() - 1
            }
        };
        let new = Version::of(entry);
        let versions = &mut self.catalog.items[at].versions;
        if versions.iter().any(|version| version.is_in(place)) {
            // A crafted folder has a name twice: nobody could have both.
            return true;
        }
        match versions.iter_mut().find(|version| version.is_same(&new)) {
            Some(version) => {
                self.bytes += 8;
                version.seen_in(place);
            }
            None => {
                self.bytes += OF_VERSION + new.target.len();
                versions.push(Version { runs: vec![(place, 1)], ..new });
            }
        }
        true
    }

    /// Ends it; with a reason where not all of it was read.
    pub fn end(&mut self, why_not: String) {
        if let Some(read) = self.catalog.snapshots.last_mut() {
            read.why_not = why_not;
        }
    }

    /// The catalog.
    pub fn finish(self) -> Catalog {
        let Self { mut catalog, places, .. } = self;
        for (path, at) in places {
            catalog.items[at].path = path;
        }
        catalog.items.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        catalog
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
