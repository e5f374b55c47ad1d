//! The vault: files that were found infected, or that staff named, put away so that nobody can open
//! or run them. Each is one file here, encrypted with a key that lies beside it: nobody is kept from
//! it who may read this folder, but no program runs it and no other scanner trips over it.
//!
//! An original is only removed once the vault has it whole and on the disk. Killed at any moment,
//! either it is where it was or it is here. What is here is never dropped to make room.

mod back;
mod container;
mod error;
mod guard;
mod journal;
mod names;
mod receipt;
#[cfg(test)]
mod tests;
mod trace;

pub(crate) use container::Header;
pub(crate) use error::VaultError;
pub(crate) use receipt::Receipt;

use crate::platform;
use guard::Place;
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::paths;
use keepwatch_proto::quarantine::{Contents, Item};
use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// Ends the names of what the vault holds.
const HELD: &str = "kwq";
/// Ends the names of what is not whole yet.
const UNFINISHED: &str = "new";
/// Items of one page of contents, and the bytes of their names: both fit a message.
const PAGE: usize = 200;
const PAGE_BYTES: usize = 128 << 10;

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

/// The moments between which a kill may come, or somebody else's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Copied,
    Kept,
    Compared,
    Aside,
    Removed,
    Written,
    Linked,
    Published,
    Settled,
}

/// What the vault holds.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// Oldest first.
    pub(crate) items: Vec<Header>,
    /// Those that cannot be read, and why.
    pub(crate) unreadable: Vec<(ItemId, VaultError)>,
}

/// A PC's vault.
#[derive(Clone)]
pub(crate) struct Vault {
    root: PathBuf,
    /// Bytes that it may hold.
    most: u64,
    /// What is never put away: the agent's own.
    own: Vec<PathBuf>,
    /// What a test does in between.
    #[cfg(test)]
    meanwhile: Option<std::sync::Arc<dyn Fn(Step) + Send + Sync>>,
}

impl Vault {
    /// The vault in this folder, which is made when something is put into it.
    pub(crate) fn new(root: PathBuf, most: u64, own: Vec<PathBuf>) -> Self {
        Self {
            root,
            most,
            own,
            #[cfg(test)]
            meanwhile: None,
        }
    }

    /// The same, of which only is said what it holds and held.
    pub(crate) fn to_look_at(root: PathBuf) -> Self {
        Self::new(root, 0, vec![])
    }

    /// Where a test has it die, or something happen.
    fn reach(&self, step: Step) {
        #[cfg(test)]
        if let Some(meanwhile) = &self.meanwhile {
            meanwhile(step);
        }
        #[cfg(not(test))]
        let _ = step;
    }

    /// Puts a file away. One that the vault holds already, by the same path and content, is only
    /// removed where it is.
    pub(crate) fn put_away(&self, wanted: &Wanted) -> Result<PutAway, VaultError> {
        let _held = self.hold()?;
        let place = match guard::place(&wanted.path, wanted, &self.own) {
            // It was put away, and then the agent was stopped before it could say so.
            Err(VaultError::NotThere) if self.has(wanted.item.id)? => return self.was_put_away(wanted.item.id),
            place => place?,
        };
        let file = &place.file;
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
        if let Err(error) = self.take_out(&place, &before, item.id) {
            if held.is_none() {
                self.discard(item.id);
            }
            return Err(error);
        }
        let (names, unknown) = names::others(&place.path, &before);
        Ok(PutAway { item, names, unknown })
    }

    /// Removes a file where it is, of which the vault has what it was `before`. A program that saves by
    /// a rename may put another one in its place at any moment: it is moved aside first, and goes only
    /// if it is the same then.
    fn take_out(&self, place: &Place, before: &Metadata, id: ItemId) -> Result<(), VaultError> {
        let (folder, name, aside) = (&place.folder, place.name.as_os_str(), trace::aside(id));
        let above = place.path.parent().unwrap_or(&place.path);
        self.leaves_trace(id, above, Some(name)).map_err(VaultError::writing)?;
        let is_as_it_was = || place.file.metadata().map(|now| container::unchanged(before, &now));
        let moved = (|| {
            let now = place.file.metadata().map_err(VaultError::Open)?;
            let same = container::unchanged(before, &now) && platform::changed_at(before) == platform::changed_at(&now);
            if !same || !folder.holds(name, &place.file).map_err(VaultError::Open)? {
                return Err(VaultError::Changed);
            }
            self.reach(Step::Compared);
            folder.set_aside(name, &aside).map_err(VaultError::Stays)
        })();
        if let Err(error) = moved {
            self.drop_trace(id);
            return Err(error);
        }
        self.reach(Step::Aside);
        let gone = match folder.holds(&aside, &place.file).and_then(|ours| Ok(ours && is_as_it_was()?)) {
            Ok(true) => folder.remove(&aside).map_err(VaultError::Stays),
            Ok(false) => Err(VaultError::Changed),
            Err(error) => Err(VaultError::Open(error)),
        };
        let Err(error) = gone else {
            self.reach(Step::Removed);
            // It is gone; where that does not last, the next one who opens the vault sees to it.
            match folder.sync() {
                Ok(()) => self.drop_trace(id),
                Err(error) => tracing::warn!(%id, "that a file was put away may not last: {error}"),
            }
            return Ok(());
        };
        match trace::give_back(folder, &aside, name) {
            Ok(()) => self.drop_trace(id),
            // Whoever opens the vault next tries it again.
            Err(why) => return Err(VaultError::Aside(paths::of_path(&above.join(aside)), why)),
        }
        Err(error)
    }

    /// Copies a file into the vault, down to the disk.
    fn take_in(&self, file: &File, header: &Header) -> Result<(), VaultError> {
        let id = header.item.id;
        if self.has(id)? || self.receipt(id)?.is_some() {
            return Err(VaultError::Guarded("the quarantine holds, or held, another file by that id; ask again"));
        }
        if self.bytes().map_err(VaultError::Vault)?.saturating_add(header.item.size) > self.most {
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

    /// What the vault says of one.
    pub(crate) fn header(&self, id: ItemId) -> Result<Header, VaultError> {
        match container::header(&self.file(id)) {
            Ok(header) if header.item.id == id => Ok(header),
            Ok(_) => Err(VaultError::Damaged("it is another one's".into())),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::NotFound => VaultError::NoItem,
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => VaultError::Damaged(error.to_string()),
                // It says nothing of the item: there may be no more handles to be had, or the disk fails.
                _ => VaultError::Vault(error),
            }),
        }
    }

    /// How many it holds.
    pub(crate) fn count(&self) -> io::Result<usize> {
        Ok(self.ids()?.len())
    }

    /// All that it holds.
    pub(crate) fn list(&self) -> Result<Held, VaultError> {
        let mut held = Held::default();
        for id in self.ids().map_err(VaultError::Vault)? {
            match self.header(id) {
                Ok(header) => held.items.push(header),
                Err(VaultError::NoItem) => {}
                Err(error) => held.unreadable.push((id, error)),
            }
        }
        Ok(held)
    }

    /// One page of what it holds, of ids after this one. What is damaged is passed over and logged; what
    /// cannot be read at the moment is no reason to say that it is not there: then there is no page.
    pub(crate) fn contents(&self, after: Option<ItemId>) -> Result<Contents, VaultError> {
        let held = self.ids().map_err(VaultError::Vault)?;
        // In this order: what goes in between is in the second. It counts as held until it is told.
        let going = self.noted(receipt::UNTOLD).map_err(VaultError::Vault)?;
        let ids: BTreeSet<ItemId> = held.into_iter().chain(going).collect();
        let (mut items, mut bytes) = (Vec::new(), 0);
        for id in ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)) {
            let Some(item) = self.item(id)? else { continue };
            bytes += item.path.len() + item.rules.iter().map(String::len).sum::<usize>();
            if !items.is_empty() && (items.len() == PAGE || bytes > PAGE_BYTES) {
                return Ok(Contents { after, items, last: false });
            }
            items.push(item);
        }
        Ok(Contents { after, items, last: true })
    }

    /// One that is held, or of which it is not told yet what became of it.
    fn item(&self, id: ItemId) -> Result<Option<Item>, VaultError> {
        match self.header(id) {
            Ok(header) => Ok(Some(header.item)),
            Err(VaultError::NoItem) => {
                let going: Option<Receipt> = self.read_note(id, receipt::UNTOLD).map_err(VaultError::Vault)?;
                Ok(going.and_then(|receipt| receipt.item))
            }
            Err(error @ VaultError::Damaged(_)) => {
                tracing::error!(%id, "an item of the quarantine cannot be read: {error}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// One after the other: a scan and staff may want something at the same time.
    fn hold(&self) -> Result<File, VaultError> {
        let take = || {
            for folder in [&self.root, &self.items(), &self.journal()] {
                // On Windows that takes a process of its own each time.
                if !folder.is_dir() {
                    platform::private_dir(folder)?;
                }
            }
            let lock = File::create(self.root.join("lock"))?;
            lock.lock()?;
            // Nobody else is at it: it is what an interrupted attempt has left.
            for folder in [self.items(), self.journal()] {
                for entry in std::fs::read_dir(folder)?.flatten() {
                    if entry.path().extension().is_some_and(|end| end == UNFINISHED) {
                        std::fs::remove_file(entry.path())?;
                    }
                }
            }
            self.clear_up()?;
            self.finish()?;
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
        self.list().ok()?.items.into_iter().find(|header| same(header) && whole(header))
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

    fn has(&self, id: ItemId) -> Result<bool, VaultError> {
        self.file(id).try_exists().map_err(VaultError::Vault)
    }

    fn bytes(&self) -> io::Result<u64> {
        std::fs::read_dir(self.items())?
            .try_fold(0, |bytes: u64, entry| Ok(bytes.saturating_add(entry?.metadata()?.len())))
    }

    fn ids(&self) -> io::Result<Vec<ItemId>> {
        ids_in(&self.items(), HELD)
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

/// The ids by which files with this end are named, in their order. A folder that is not there has none.
fn ids_in(folder: &Path, end: &str) -> io::Result<Vec<ItemId>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries?,
    };
    let mut ids = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|this| this == end) {
            ids.extend(path.file_stem().and_then(|name| name.to_str()?.parse::<ItemId>().ok()));
        }
    }
    ids.sort();
    Ok(ids)
}
