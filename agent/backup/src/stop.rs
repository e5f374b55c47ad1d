//! One flag that says "stop", and a wait that it cuts short. Set by whoever watches the
//! caller's wish; looked at by walk, readers, retries and restorer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// The flag.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    wanted: AtomicBool,
    held: AtomicBool,
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

    /// Has reading wait, or go on.
    pub(crate) fn hold(&self, held: bool) {
        self.held.store(held, Ordering::SeqCst);
        drop(self.lock.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits while reading is to wait; says whether work goes on.
    pub(crate) fn go_on(&self) -> bool {
        if self.held.load(Ordering::SeqCst) && !self.wanted() {
            let guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            let held = |(): &mut ()| self.held.load(Ordering::SeqCst) && !self.wanted();
            drop(self.changed.wait_while(guard, held).unwrap_or_else(PoisonError::into_inner));
        }
        !self.wanted()
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn what_is_held_goes_on_when_it_may_and_ends_when_it_should() {
        for (release, goes_on) in [((|stop| stop.hold(false)) as fn(&Stop), true), (Stop::ask, false)] {
            let stop = &Stop::default();
            stop.hold(true);
            std::thread::scope(|scope| {
                let (asks, asked) = channel();
                let waiting = scope.spawn(move || {
                    asks.send(()).unwrap();
                    stop.go_on()
                });
                asked.recv().unwrap();
                release(stop);
                assert_eq!(waiting.join().unwrap(), goes_on);
            });
        }
        assert!(Stop::default().go_on());
    }
}
