//! Files that somebody else reads, a backup above all, and hands over: one read of the disk
//! serves both.

use crate::budget::Budget;
use crate::identity::Identity;
use crate::judge::{Content, Task, Whole};
use crate::read::{Opened, Unread, open};
use crate::severity::Severity;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::BuildHasher;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of handed files in memory at once. A larger file is there alone.
const IN_MEMORY: u64 = 96 << 20;
/// Of a file that is given back as it lies on the disk: a chunker asks for little at a time.
const BUFFER: usize = 256 << 10;

/// The worst that rules said of a file.
pub(crate) type Worst = Option<Severity>;

/// Takes files over, to be judged while they are used. Clones are one. It may outlive the scan;
/// what it takes then is not judged.
#[derive(Clone)]
pub struct Hand(Arc<Inner>);

struct Inner {
    queue: Mutex<Option<SyncSender<Task>>>,
    budget: Arc<Budget>,
    whole_bytes: u64,
    /// From here on a match keeps a file from being given back.
    refuse_from: Option<Severity>,
    /// What was judged before all others, or is not to be judged.
    before: HashMap<PathBuf, Worst>,
    /// Files and how they stood when they were [admitted](Hand::admits), as one number each.
    admitted: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

/// A file's content, given back while it is judged.
pub struct Handed(Held);

enum Held {
    InMemory(Cursor<Whole>),
    /// Too large for that; it is read once more by whoever judges.
    OnDisk(BufReader<File>),
}

impl Read for Handed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Held::InMemory(whole) => whole.read(buffer),
            Held::OnDisk(file) => file.read(buffer),
        }
    }
}

impl Hand {
    pub(crate) fn new(
        queue: SyncSender<Task>,
        whole_bytes: u64,
        before: HashMap<PathBuf, Worst>,
        refuse_from: Option<Severity>,
    ) -> Self {
        Self(Arc::new(Inner {
            queue: Mutex::new(Some(queue)),
            budget: Budget::of(IN_MEMORY),
            whole_bytes,
            refuse_from,
            before,
            admitted: Mutex::default(),
            hasher: RandomState::new(),
        }))
    }

    /// Takes over a file that was opened at `at` and stands at its beginning, and gives its content
    /// back; `path` is its name, which another file has where a frozen state is read. `None` when
    /// it is refused for what matched; to know that, its verdict is waited for. Where the file
    /// cannot be judged that is told to the scan's observer.
    pub fn read(&self, path: &Path, at: &Path, file: File) -> io::Result<Option<Handed>> {
        let mut opened = Opened::of(file)?;
        if at != path {
            opened.known_as(path);
        }
        if let Some(worst) = self.0.before.get(path) {
            return self.on_disk(*worst, &opened);
        }
        if self.is_admitted(path, opened.known_as) {
            return self.on_disk(None, &opened);
        }
        if opened.len > self.0.whole_bytes {
            let worst = self.judge(path, open_same(at, &opened), Content::OnDisk);
            return self.on_disk(worst, &opened);
        }
        let share = self.0.budget.all_of(opened.len);
        let mut bytes = Vec::new();
        match opened.read_as_far(&mut bytes) {
            Ok(()) => {
                let whole = Whole::new(bytes, share);
                let worst = self.judge(path, Ok(opened), Content::InMemory(whole.clone()));
                self.answer(worst, Held::InMemory(Cursor::new(whole)))
            }
            Err(Unread::Io(error)) => Err(error),
            Err(why) => {
                let worst = self.judge(path, Err(why), Content::OnDisk);
                self.on_disk(worst, &opened)
            }
        }
    }

    /// Whether a file is not refused, judging it where that is not known.
    pub fn admits(&self, path: &Path) -> bool {
        if self.0.refuse_from.is_none() {
            return true;
        }
        let opened = open(path);
        let identity = opened.as_ref().ok().and_then(|opened| opened.known_as);
        let worst = match self.0.before.get(path) {
            Some(worst) => *worst,
            // Also one that cannot be opened: that is told where all else is.
            None => self.judge(path, opened, Content::OnDisk),
        };
        let admitted = self.is_fine(worst);
        if let Some(identity) = identity.filter(|_| admitted) {
            let key = self.0.hasher.hash_one((path, identity));
            self.0.admitted.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        admitted
    }

    /// No more is judged, so that the threads that do may end.
    pub(crate) fn close(&self) {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn is_admitted(&self, path: &Path, identity: Option<Identity>) -> bool {
        let admitted = self.0.admitted.lock().unwrap_or_else(PoisonError::into_inner);
        !admitted.is_empty() && identity.is_some_and(|now| admitted.contains(&self.0.hasher.hash_one((path, now))))
    }

    /// Has a file judged, and waits for the verdict where it matters.
    fn judge(&self, path: &Path, opened: Result<Opened, Unread>, content: Content) -> Worst {
        let queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        let (reply, verdict) = sync_channel(1);
        let reply = self.0.refuse_from.map(|_| reply);
        let waits = reply.is_some();
        queue.send(Task { path: path.to_owned(), opened, content, reply }).ok()?;
        // A judge that is gone has said nothing against it.
        if waits { verdict.recv().ok().flatten() } else { None }
    }

    fn is_fine(&self, worst: Worst) -> bool {
        worst.zip(self.0.refuse_from).is_none_or(|(worst, from)| worst < from)
    }

    /// A file that is given back to be read from the disk.
    fn on_disk(&self, worst: Worst, opened: &Opened) -> io::Result<Option<Handed>> {
        self.answer(worst, Held::OnDisk(BufReader::with_capacity(BUFFER, opened.again()?)))
    }

    fn answer(&self, worst: Worst, content: Held) -> io::Result<Option<Handed>> {
        Ok(self.is_fine(worst).then_some(Handed(content)))
    }
}

/// A file opened once more, for both to have a place in it of their own.
fn open_same(at: &Path, first: &Opened) -> Result<Opened, Unread> {
    let mut opened = open(at)?;
    opened.known_as = first.known_as;
    if opened.identity == first.identity { Ok(opened) } else { Err(Unread::Changed) }
}

#[cfg(test)]
mod tests;
