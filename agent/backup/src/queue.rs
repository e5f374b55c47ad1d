//! Packs on their way to the storage, a few at a time: rustic_core hands them over one by one
//! and would wait for each, for the disk's or the line's sake, with the processors idle. What
//! names packs (an index, a snapshot) goes only when all of them have arrived.

use crate::storage::{Objects, StorageError};
use rustic_core::{BytesList, FileType, Id};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Packs in flight; each takes its 16 MiB of memory.
const IN_FLIGHT: usize = 3;

/// Packs on their way.
#[derive(Default)]
pub(crate) struct Queue {
    state: Arc<(Mutex<State>, Condvar)>,
}

#[derive(Default)]
struct State {
    in_flight: usize,
    /// Why the first one failed that did; no other goes after it.
    failed: Option<StorageError>,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Queue {
    /// Sends a pack on its way, once there is room. An error may be an earlier one's. `failed`
    /// is called should it not arrive.
    pub(crate) fn send(
        &self,
        objects: &Arc<dyn Objects>,
        id: Id,
        content: BytesList,
        failed: impl FnOnce() + Send + 'static,
    ) -> Result<(), StorageError> {
        let (state, changed) = &*self.state;
        let waiting = changed.wait_while(lock(state), |s| s.in_flight >= IN_FLIGHT && s.failed.is_none());
        let mut here = waiting.unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = &here.failed {
            return Err(error.clone());
        }
        here.in_flight += 1;
        drop(here);
        let (objects, shared) = (Arc::clone(objects), Arc::clone(&self.state));
        let work = move || {
            let write = AssertUnwindSafe(|| objects.write(FileType::Pack, &id, &content));
            let crashed =
                |_| Err(StorageError::Disk { what: "store a pack".into(), why: "the storage crashed".into() });
            let written = catch_unwind(write).unwrap_or_else(crashed);
            drop(content);
            let (state, changed) = &*shared;
            let mut here = lock(state);
            here.in_flight -= 1;
            if let Err(error) = written {
                here.failed.get_or_insert(error);
                failed();
            }
            changed.notify_all();
        };
        thread::Builder::new().name("pack".into()).spawn(work).map(drop).map_err(|e| {
            let error = StorageError::Disk { what: "start a thread".into(), why: e.to_string() };
            let mut here = lock(state);
            here.in_flight -= 1;
            here.failed.get_or_insert(error.clone());
            changed.notify_all();
            error
        })
    }

    /// Waits until none is on its way any more; fails where one did not arrive.
    pub(crate) fn arrived(&self) -> Result<(), StorageError> {
        let (state, changed) = &*self.state;
        let waiting = changed.wait_while(lock(state), |s| s.in_flight > 0);
        match &waiting.unwrap_or_else(PoisonError::into_inner).failed {
            Some(error) => Err(error.clone()),
            None => Ok(()),
        }
    }

    /// A new run: what failed in the one before is no longer of interest.
    pub(crate) fn begin(&self) {
        // Its failure has been told; what is still in flight is waited for.
        let _ = self.arrived();
        lock(&self.state.0).failed = None;
    }
}
