//! What stands between rustic_core and the storage. It remembers the first failure in our
//! own terms, and keeps a broken or cancelled backup from becoming a snapshot: rustic_core
//! would go on reading the whole tree, and files it could not store would simply be missing.

use crate::own_indexes::OwnIndexes;
use crate::queue::Queue;
use crate::restore::Gathered;
use crate::stop::Stop;
use crate::storage::{Objects, StorageError, name};
use bytes::Bytes;
use rustic_core::{BytesList, ErrorKind, FileType, Id, ReadBackend, RusticError, RusticResult, WriteBackend};
use serde::Deserialize;
use std::collections::HashSet;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};

/// The storage as rustic_core sees it.
pub(crate) struct Guard {
    objects: Arc<dyn Objects>,
    packs: Queue,
    stop: Arc<Stop>,
    failure: Arc<Mutex<Option<StorageError>>>,
    /// Indexes and keys that cannot be read: rustic_core would read no other for them.
    hidden: Mutex<HashSet<Id>>,
    /// Whose word a snapshot waits for.
    answer: Mutex<Option<Receiver<()>>>,
    /// What was read of packs before it is asked for.
    pub(crate) gathered: Arc<Gathered>,
}

impl Guard {
    pub(crate) fn new(objects: Box<dyn Objects>, stop: Arc<Stop>) -> Self {
        Self {
            objects: objects.into(),
            packs: Queue::default(),
            stop,
            failure: Arc::default(),
            hidden: Mutex::default(),
            answer: Mutex::default(),
            gathered: Arc::default(),
        }
    }

    /// Forgets the failures of the run before.
    pub(crate) fn begin(&self) {
        self.packs.begin();
        self.take_failure();
    }

    /// The same storage with indexes of one's own over it, and, if so asked, this one pack alone. What
    /// fails is told here.
    pub(crate) fn below_own_indexes(&self, only: Option<Id>) -> Self {
        let objects = OwnIndexes::new(Arc::clone(&self.objects), only);
        let (failure, hidden) = (Arc::clone(&self.failure), Mutex::new(self.hidden().into_iter().collect()));
        let (stop, gathered) = (Arc::clone(&self.stop), Arc::clone(&self.gathered));
        let (packs, answer) = (Queue::default(), Mutex::default());
        Self { objects: Arc::new(objects), packs, stop, failure, hidden, answer, gathered }
    }

    /// The next snapshot waits until it is said that it may be; where nobody is left to say it, it may not.
    pub(crate) fn no_snapshot_before(&self, answer: Receiver<()>) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    fn may_be_snapshot(&self) -> bool {
        let answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.is_none_or(|answer| answer.recv().is_ok()) && !self.stop.wanted()
    }

    /// From now on these indexes or keys are not there.
    pub(crate) fn hide(&self, objects: impl IntoIterator<Item = Id>) {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).extend(objects);
    }

    /// What is hidden.
    pub(crate) fn hidden(&self) -> Vec<Id> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).iter().copied().collect()
    }

    /// The first failure since this was last asked.
    pub(crate) fn take_failure(&self) -> Option<StorageError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether the storage has failed in a way in which all else would fail, too.
    pub(crate) fn is_out_of_reach(&self) -> bool {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().is_some_and(StorageError::is_of_all)
    }

    fn told<T>(&self, outcome: Result<T, StorageError>) -> RusticResult<T> {
        outcome.map_err(|error| {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error.clone());
            RusticError::with_source(ErrorKind::Backend, error.to_string(), error)
        })
    }
}

impl ReadBackend for Guard {
    fn location(&self) -> String {
        self.objects.location()
    }

    fn list_with_size(&self, kind: FileType) -> RusticResult<Vec<(Id, u32)>> {
        if kind == FileType::Config {
            return Ok(self.told(self.objects.config())?.map(|size| (Id::default(), size)).into_iter().collect());
        }
        let mut listed = self.told(self.objects.list(kind))?;
        if matches!(kind, FileType::Index | FileType::Key) {
            let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
            listed.retain(|(id, _)| !hidden.contains(id));
        }
        Ok(listed)
    }

    fn read_full(&self, kind: FileType, id: &Id) -> RusticResult<Bytes> {
        let read = self.objects.read(kind, id, None);
        self.told(read.and_then(|content| if kind == FileType::Key { affordable(id, content) } else { Ok(content) }))
    }

    fn read_partial(&self, kind: FileType, id: &Id, _: bool, offset: u32, length: u32) -> RusticResult<Bytes> {
        if let Some(content) = self.gathered.find(id, offset, length).filter(|_| kind == FileType::Pack) {
            return Ok(content);
        }
        self.told(self.objects.read(kind, id, Some((offset, length))))
    }

    fn warmup_path(&self, kind: FileType, id: &Id) -> String {
        name(kind, id)
    }
}

impl WriteBackend for Guard {
    fn create(&self) -> RusticResult<()> {
        self.told(self.objects.create())
    }

    fn write_bytes(&self, kind: FileType, id: &Id, _: bool, content: BytesList) -> RusticResult<()> {
        if kind == FileType::Snapshot && !self.may_be_snapshot() {
            return self.told(Err(StorageError::Cancelled));
        }
        let stop = Arc::clone(&self.stop);
        let outcome = match kind {
            FileType::Pack => self.packs.send(&self.objects, *id, content, move || stop.ask()),
            // It may name packs that are still on their way.
            _ => self.packs.arrived().and_then(|()| self.objects.write(kind, id, &content)),
        };
        if outcome.is_err() {
            // Each file from here on would be lost: end the walk, and with it the run.
            self.stop.ask();
        }
        self.told(outcome)
    }

    fn remove(&self, kind: FileType, id: &Id, _: bool) -> RusticResult<()> {
        match (kind, self.objects.remove(kind, id)) {
            // Where hosts may only add, an index that names too much stays; one that names the
            // same and no more has been written by then.
            (FileType::Index, Err(StorageError::Denied { .. })) => Ok(()),
            (_, outcome) => self.told(outcome),
        }
    }
}

/// Most memory that opening with a key may take, in bytes. restic's keys take 60 MiB at most,
/// rustic's 128 MiB.
const KEY_MEMORY: u64 = 256 << 20;

/// Whether a key may be tried.
pub(crate) fn is_affordable(id: &Id, content: Bytes) -> bool {
    affordable(id, content).is_ok()
}

/// A key, if it may be tried: it says itself how much memory and time that takes, and it may
/// come from a PC that was taken over.
fn affordable(id: &Id, content: Bytes) -> Result<Bytes, StorageError> {
    /// scrypt's parameters, as restic's key files name them.
    #[derive(Deserialize)]
    struct Scrypt {
        #[serde(rename = "N")]
        n: u64,
        r: u64,
        p: u64,
    }
    let affordable = serde_json::from_slice(&content).is_ok_and(|Scrypt { n, r, p }| {
        let memory = n.checked_mul(r).and_then(|nr| nr.checked_mul(128)).filter(|bytes| *bytes <= KEY_MEMORY);
        memory.is_some() && (1..=16).contains(&p)
    });
    match affordable {
        true => Ok(content),
        false => Err(StorageError::Wrong {
            what: name(FileType::Key, id),
            why: "this key is none that restic or Keepwatch makes".to_owned(),
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::folder::Folder;

    #[test]
    fn a_key_that_asks_for_too_much_is_not_tried() {
        let tried = |text: &str| affordable(&Id::default(), text.to_owned().into()).is_ok();
        assert!(tried(r#"{"kdf":"scrypt","N":131072,"r":8,"p":1,"salt":"","data":""}"#));
        for (n, r, p) in
            [(1u64 << 40, 8u64, 1u64), (131_072, 1 << 50, 1), (u64::MAX, u64::MAX, 1), (32768, 8, 1 << 20), (2, 8, 0)]
        {
            assert!(!tried(&format!(r#"{{"N":{n},"r":{r},"p":{p}}}"#)), "{n} {r} {p}");
        }
        assert!(!tried("garbage") && !tried("{}"));
    }

    #[test]
    fn a_stopped_run_keeps_packs_and_refuses_snapshots() {
        let root = tempfile::tempdir().unwrap();
        let stop = Arc::new(Stop::default());
        let guard = Guard::new(Box::new(Folder::new(root.path())), Arc::clone(&stop));
        guard.create().unwrap();
        let write = |kind| guard.write_bytes(kind, &Id::default(), false, b"x".to_vec().into());
        stop.ask();
        write(FileType::Pack).unwrap();
        write(FileType::Index).unwrap();
        write(FileType::Snapshot).unwrap_err();
        assert!(matches!(guard.take_failure(), Some(StorageError::Cancelled)));
        assert!(guard.list_with_size(FileType::Snapshot).unwrap().is_empty());
    }

    #[test]
    fn no_index_names_a_pack_that_did_not_arrive() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("data"), "no folder").unwrap();
        let stop = Arc::new(Stop::default());
        let guard = Guard::new(Box::new(Folder::new(root.path())), Arc::clone(&stop));
        let write = |kind| guard.write_bytes(kind, &Id::default(), false, b"x".to_vec().into());
        // On its way it is as good as written, for rustic_core.
        let _ = write(FileType::Pack);
        write(FileType::Index).unwrap_err();
        assert!(stop.wanted());
        assert!(!root.path().join("index").exists());
        write(FileType::Pack).unwrap_err();
        guard.begin();
        assert!(guard.take_failure().is_none());
        write(FileType::Index).unwrap();
    }

    #[test]
    fn a_failed_write_stops_the_run_and_is_remembered() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("index"), "no folder").unwrap();
        let stop = Arc::new(Stop::default());
        let guard = Guard::new(Box::new(Folder::new(root.path())), Arc::clone(&stop));
        guard.write_bytes(FileType::Index, &Id::default(), false, b"x".to_vec().into()).unwrap_err();
        assert!(stop.wanted());
        assert!(matches!(guard.take_failure(), Some(StorageError::Disk { .. })));
    }
}
