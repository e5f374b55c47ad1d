//! The vault: files that were found infected, or that staff named, put away so that nobody can open
//! or run them. Each is one file here, encrypted with a key that lies beside it: nobody is kept from
//! it who may read this folder, but no program runs it and no other scanner trips over it.
//!
//! An original is only removed once the vault has it whole and on the disk. Killed at any moment,
//! either it is where it was or it is here. What is here is never dropped to make room.

mod container;
mod guard;
mod names;
#[cfg(test)]
mod tests;

pub(crate) use container::Header;

use crate::platform::{self, Folder};
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::job::FailureKind;
use keepwatch_proto::paths;
use keepwatch_proto::quarantine::{Contents, Item};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Ends the names of what the vault holds.
const HELD: &str = "kwq";
/// Ends the names of what is not whole yet.
const UNFINISHED: &str = "new";
/// Items of one page of contents, and the bytes of their names: both fit a message.
const PAGE: usize = 200;
const PAGE_BYTES: usize = 128 << 10;

/// Why a file was not put away, brought back or destroyed. Where it was to be put away it is still
/// where it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VaultError {
    /// The PC's own file has it so.
    #[error("this PC has no quarantine: 'allowed' in the section [quarantine] of its agent.toml is false")]
    Off,
    /// Nothing is there.
    #[error("it is not there any more")]
    NotThere,
    /// It cannot be opened, or is not what can be put away.
    #[error("it cannot be put away: {0}")]
    Open(io::Error),
    /// Its path is not the one that it is really at.
    #[error("a part of its path is a link; name it by where it really is: {0}")]
    Linked(String),
    /// Not this one.
    #[error("{0}")]
    Guarded(&'static str),
    /// It is not what was found.
    #[error("it has changed since it was found, and was left alone; scan it again")]
    Changed,
    /// The vault is bounded.
    #[error(
        "the quarantine would hold more than the {0} MiB that this PC allows; delete files from it with 'keepwatch quarantine delete', or raise 'max_mib' in the PC's agent.toml"
    )]
    Full(u64),
    /// No room for the copy.
    #[error("no room is left on the disk: {0}; make room, then try again")]
    NoRoom(io::Error),
    /// The copy is there, and the original stays.
    #[error("it cannot be removed from where it is, and stays there: {0}")]
    Stays(io::Error),
    /// No such item.
    #[error("the quarantine of this PC does not hold it; 'keepwatch quarantine list' shows what it holds")]
    NoItem,
    /// What is kept of it is spoilt.
    #[error("what is kept of it is damaged, and nothing was brought back: {0}")]
    Damaged(String),
    /// Something is where it is to go.
    #[error("{0} is there already, and nothing is replaced; name another place with --to")]
    InTheWay(String),
    /// It could not be written where it is to go.
    #[error("it cannot be written to {0}: {1}; name another place with --to")]
    Target(String, io::Error),
    /// The vault itself.
    #[error("the folder of the quarantine cannot be used: {0}; check the disk that holds the agent's state")]
    Vault(io::Error),
}

impl VaultError {
    /// Whether trying again makes sense.
    pub(crate) fn kind(&self) -> FailureKind {
        match self {
            Self::NoRoom(_) => FailureKind::NoRoom,
            Self::Damaged(_) => FailureKind::Damaged,
            Self::Stays(_) | Self::Vault(_) => FailureKind::Other,
            _ => FailureKind::Refused,
        }
    }

    /// What went wrong while the vault was written to.
    fn writing(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoRoom(error),
            _ => Self::Vault(error),
        }
    }
}

/// A file to put away.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// The item that it becomes. Its size and content are filled in.
    pub(crate) item: Item,
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Only where this is its content; empty: whatever it is.
    pub(crate) sha256: String,
    /// Staff named this one file.
    pub(crate) by_name: bool,
    /// Also where the system may need it.
    pub(crate) system: bool,
    /// What was found lies in it, and is not the file itself.
    pub(crate) inside: bool,
}

/// A file that was put away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PutAway {
    pub(crate) item: Item,
    /// Other names that the same file has, and under which it is still there; as far as they are found.
    pub(crate) names: Vec<PathBuf>,
    /// How many more it has.
    pub(crate) unknown: u64,
}

/// The moments between which a kill may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Copied,
    Kept,
    Removed,
    Written,
    Published,
}

/// A PC's vault.
#[derive(Debug, Clone)]
pub(crate) struct Vault {
    root: PathBuf,
    /// Bytes that it may hold.
    most: u64,
    /// What is never put away: the agent's own.
    own: Vec<PathBuf>,
    #[cfg(test)]
    dies_at: Option<Step>,
}

impl Vault {
    /// The vault in this folder, which is made when something is put into it.
    pub(crate) fn new(root: PathBuf, most: u64, own: Vec<PathBuf>) -> Self {
        Self {
            root,
            most,
            own,
            #[cfg(test)]
            dies_at: None,
        }
    }

    /// The same, of which only is said what it holds.
    pub(crate) fn to_look_at(root: PathBuf) -> Self {
        Self::new(root, 0, vec![])
    }

    /// Where a test has it die.
    fn reach(&self, step: Step) {
        #[cfg(test)]
        assert!(self.dies_at != Some(step), "killed at {step:?}");
        #[cfg(not(test))]
        let _ = step;
    }

    /// Puts a file away. One that the vault holds already, by the same path and content, is only
    /// removed where it is.
    pub(crate) fn put_away(&self, wanted: &Wanted) -> Result<PutAway, VaultError> {
        let _held = self.hold()?;
        let place = match guard::place(&wanted.path, wanted, &self.own) {
            // It was put away, and then the agent was stopped before it could say so.
            Err(VaultError::NotThere) if self.has(wanted.item.id) => return self.was_put_away(wanted.item.id),
            place => place?,
        };
        let (file, name) = (&place.file, place.name.as_os_str());
        let before = file.metadata().map_err(VaultError::Open)?;
        let (sha256, size) = container::digest(file).map_err(VaultError::Open)?;
        if !wanted.sha256.is_empty() && wanted.sha256 != sha256 {
            return Err(VaultError::Changed);
        }
        // As it was found or named, links and all: by that path the detections know it.
        let item = Item { sha256, size, path: paths::of_path(&wanted.path), ..wanted.item.clone() };
        let held = self.same(&item);
        let item = match &held {
            Some(same) => same.item.clone(),
            None => {
                self.take_in(file, &Header::of(item.clone(), &before))?;
                item
            }
        };
        self.reach(Step::Kept);
        let removed = (|| {
            let as_it_was = file.metadata().map(|now| container::unchanged(&before, &now)).map_err(VaultError::Open)?;
            if !as_it_was || !place.folder.holds(name, file).map_err(VaultError::Open)? {
                return Err(VaultError::Changed);
            }
            place.folder.remove(name).map_err(VaultError::Stays)
        })();
        if let Err(error) = removed {
            if held.is_none() {
                self.discard(item.id);
            }
            return Err(error);
        }
        self.reach(Step::Removed);
        place.folder.sync().map_err(VaultError::Vault)?;
        let (names, unknown) = names::others(&place.path, &before);
        Ok(PutAway { item, names, unknown })
    }

    /// Copies a file into the vault, down to the disk.
    fn take_in(&self, file: &File, header: &Header) -> Result<(), VaultError> {
        let id = header.item.id;
        if self.has(id) {
            return Err(VaultError::Guarded("the quarantine holds another file by that id; ask again"));
        }
        if self.bytes().saturating_add(header.item.size) > self.most {
            return Err(VaultError::Full(self.most >> 20));
        }
        let key = container::key(&self.root).map_err(VaultError::writing)?;
        let (unfinished, whole) = (self.unfinished(id), self.file(id));
        let kept = (|| {
            let sealed = container::seal(&unfinished, &key, header, file)?;
            self.reach(Step::Copied);
            if !sealed {
                return Ok(false);
            }
            std::fs::rename(&unfinished, &whole)?;
            platform::sync_dir(&self.items())?;
            Ok(true)
        })();
        let outcome = match kept {
            Ok(true) => return Ok(()),
            Ok(false) => VaultError::Changed,
            Err(error) => VaultError::writing(error),
        };
        let _ = std::fs::remove_file(unfinished);
        self.discard(id);
        Err(outcome)
    }

    /// Brings one back to this path, whose folder is there and free of links, and where nothing is.
    pub(crate) fn restore(&self, id: ItemId, target: &Path) -> Result<Item, VaultError> {
        let _held = self.hold()?;
        let header = self.header(id)?;
        let shown = paths::of_path(target);
        let at = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => VaultError::InTheWay(shown.clone()),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => VaultError::NoRoom(error),
            _ => VaultError::Target(shown.clone(), error),
        };
        let (Some(above), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(at(io::Error::new(io::ErrorKind::InvalidInput, "it names no file")));
        };
        let folder = Folder::open(above).map_err(at)?;
        match folder.open_file(name) {
            // It was brought back, and then the agent was stopped before it could say so.
            Ok(there) if container::digest(&there).map_err(at)?.0 == header.item.sha256 => {
                self.remove(id)?;
                return Ok(header.item);
            }
            Ok(_) => return Err(VaultError::InTheWay(shown)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Err(VaultError::InTheWay(shown)),
            Err(error) => return Err(at(error)),
        }
        let temporary = OsString::from(format!(".keepwatch-{id}"));
        let written = self.write_back(id, &header, &folder, &temporary).and_then(|file| {
            self.reach(Step::Written);
            folder.publish(&temporary, name).map_err(at)?;
            folder.sync().map_err(at)?;
            match folder.holds(name, &file).map_err(at)? {
                true => Ok(()),
                false => Err(at(io::Error::other("something else took its place meanwhile"))),
            }
        });
        if let Err(error) = written {
            let _ = folder.remove(&temporary);
            return Err(match error {
                VaultError::Vault(error) => at(error),
                error => error,
            });
        }
        self.reach(Step::Published);
        self.remove(id)?;
        Ok(header.item)
    }

    fn write_back(&self, id: ItemId, header: &Header, folder: &Folder, name: &OsString) -> Result<File, VaultError> {
        let key = container::key(&self.root).map_err(|error| VaultError::Damaged(error.to_string()))?;
        // One that an interrupted attempt has left.
        let _ = folder.remove(name);
        let file = folder.create(name).map_err(VaultError::Vault)?;
        container::unseal(&self.file(id), &key, header, &file)?;
        header.apply(&file).map_err(VaultError::Vault)?;
        file.sync_all().map_err(VaultError::Vault)?;
        Ok(file)
    }

    /// Destroys one.
    pub(crate) fn delete(&self, id: ItemId) -> Result<Item, VaultError> {
        let _held = self.hold()?;
        if !self.has(id) {
            return Err(VaultError::NoItem);
        }
        let item = self.header(id).map(|header| header.item);
        self.remove(id)?;
        item
    }

    /// What the vault says of one.
    pub(crate) fn header(&self, id: ItemId) -> Result<Header, VaultError> {
        match container::header(&self.file(id)) {
            Ok(header) if header.item.id == id => Ok(header),
            Ok(_) => Err(VaultError::Damaged("it is another one's".into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(VaultError::NoItem),
            Err(error) => Err(VaultError::Damaged(error.to_string())),
        }
    }

    /// How many it holds.
    pub(crate) fn count(&self) -> usize {
        self.ids().len()
    }

    /// All that it holds, oldest first; what cannot be read is logged.
    pub(crate) fn list(&self) -> Vec<Header> {
        self.ids().into_iter().filter_map(|id| self.readable(id)).collect()
    }

    /// One page of what it holds, of ids after this one.
    pub(crate) fn contents(&self, after: Option<ItemId>) -> Contents {
        let (mut items, mut bytes) = (Vec::new(), 0);
        for id in self.ids().into_iter().filter(|id| after.is_none_or(|after| *id > after)) {
            let Some(Header { item, .. }) = self.readable(id) else { continue };
            bytes += item.path.len() + item.rules.iter().map(String::len).sum::<usize>();
            if !items.is_empty() && (items.len() == PAGE || bytes > PAGE_BYTES) {
                return Contents { after, items, last: false };
            }
            items.push(item);
        }
        Contents { after, items, last: true }
    }

    fn readable(&self, id: ItemId) -> Option<Header> {
        self.header(id)
            .inspect_err(|error| tracing::error!(%id, "an item of the quarantine cannot be read: {error}"))
            .ok()
    }

    /// One after the other: a scan and staff may want something at the same time.
    fn hold(&self) -> Result<File, VaultError> {
        let take = || {
            for folder in [&self.root, &self.items()] {
                // On Windows that takes a process of its own each time.
                if !folder.is_dir() {
                    platform::private_dir(folder)?;
                }
            }
            let lock = File::create(self.root.join("lock"))?;
            lock.lock()?;
            for entry in std::fs::read_dir(self.items())?.flatten() {
                // Nobody else is at it: it is what an interrupted attempt has left.
                if entry.path().extension().is_some_and(|end| end == UNFINISHED) {
                    std::fs::remove_file(entry.path())?;
                }
            }
            Ok(lock)
        };
        take().map_err(VaultError::writing)
    }

    fn was_put_away(&self, id: ItemId) -> Result<PutAway, VaultError> {
        Ok(PutAway { item: self.header(id)?.item, names: vec![], unknown: 0 })
    }

    /// A whole one of the same path and content.
    fn same(&self, item: &Item) -> Option<Header> {
        let same = |header: &Header| (&header.item.path, &header.item.sha256) == (&item.path, &item.sha256);
        let key = container::key(&self.root).ok()?;
        let whole = |header: &Header| container::verify(&self.file(header.item.id), &key, header).is_ok();
        self.list().into_iter().find(|header| same(header) && whole(header))
    }

    fn remove(&self, id: ItemId) -> Result<(), VaultError> {
        let gone = std::fs::remove_file(self.file(id)).and_then(|()| platform::sync_dir(&self.items()));
        gone.map_err(VaultError::Vault)
    }

    /// Removes what must not stay, since its original does.
    fn discard(&self, id: ItemId) {
        match self.remove(id) {
            Err(VaultError::Vault(error)) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%id, "a copy stays in the quarantine though its original was not put away: {error}");
            }
            _ => {}
        }
    }

    fn has(&self, id: ItemId) -> bool {
        self.file(id).is_file()
    }

    fn bytes(&self) -> u64 {
        let files = std::fs::read_dir(self.items()).into_iter().flatten().flatten();
        files.filter_map(|entry| entry.metadata().ok()).map(|data| data.len()).sum()
    }

    fn ids(&self) -> Vec<ItemId> {
        let files = std::fs::read_dir(self.items()).into_iter().flatten().flatten().map(|entry| entry.path());
        let held = files.filter(|path| path.extension().is_some_and(|end| end == HELD));
        let mut ids: Vec<ItemId> = held.filter_map(|path| path.file_stem()?.to_str()?.parse().ok()).collect();
        ids.sort();
        ids
    }

    fn items(&self) -> PathBuf {
        self.root.join("items")
    }

    fn file(&self, id: ItemId) -> PathBuf {
        self.items().join(format!("{id}.{HELD}"))
    }

    fn unfinished(&self, id: ItemId) -> PathBuf {
        self.items().join(format!("{id}.{UNFINISHED}"))
    }
}
