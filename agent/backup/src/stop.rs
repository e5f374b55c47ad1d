//! One flag that says "stop", and a wait that it cuts short. Set by whoever watches the
//! caller's wish; looked at by walk, readers, retries and restorer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The flag.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    wanted: AtomicBool,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Stop {
    /// Whether work should end.
    pub(crate) fn wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Asks all work to end and wakes those who wait.
    pub(crate) fn ask(&self) {
        self.wanted.store(true, Ordering::SeqCst);
        // The lock orders this with a waiter that has just looked at the flag.
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Forgets an earlier wish, at the start of a run.
    pub(crate) fn reset(&self) {
        self.wanted.store(false, Ordering::SeqCst);
    }

    /// Waits for `time`, or until work should end.
    pub(crate) fn wait(&self, time: Duration) {
        let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(guard, time, |()| !self.wanted());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}
