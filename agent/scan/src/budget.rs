//! How much of all files may be in memory at once, whatever the number of threads: each
//! takes its share before it reads, and waits until there is one.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of files in memory at once; the largest that is read whole by default, and a little. A file that
/// is larger by the caller's own limit is read all the same, while no other large one is.
const IN_MEMORY: u64 = 272 << 20;
/// What each thread may hold besides, so that small files, most of all, wait for nothing.
pub(crate) const FREE_OF_CHARGE: usize = 4 << 20;

/// What is left for all threads.
pub(crate) struct Budget {
    all: u64,
    left: Mutex<u64>,
    freed: Condvar,
    /// Held while waiting: a large file is not overtaken for ever by less large ones.
    turn: Mutex<()>,
}

impl Budget {
    /// For one scan.
    pub(crate) fn new() -> Arc<Self> {
        Self::of(IN_MEMORY)
    }

    /// Of so many bytes.
    pub(crate) fn of(all: u64) -> Arc<Self> {
        Arc::new(Self { all, left: Mutex::new(all), freed: Condvar::new(), turn: Mutex::new(()) })
    }

    /// A share for a file of so many bytes. A thread holds one at a time.
    pub(crate) fn share(self: &Arc<Self>, bytes: u64) -> Share {
        self.all_of(if bytes <= FREE_OF_CHARGE as u64 { 0 } else { bytes })
    }

    /// A share for so many bytes, however few.
    pub(crate) fn all_of(self: &Arc<Self>, bytes: u64) -> Share {
        let bytes = bytes.min(self.all);
        if bytes > 0 {
            let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let enough = self.freed.wait_while(self.left(), |left| *left < bytes);
            *enough.unwrap_or_else(PoisonError::into_inner) -= bytes;
        }
        Share { budget: Arc::clone(self), bytes }
    }

    fn left(&self) -> MutexGuard<'_, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one file takes; given back when dropped.
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes > 0 {
            *self.budget.left() += self.bytes;
            self.budget.freed.notify_all();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

    #[test]
    fn many_threads_never_hold_more_and_none_waits_for_ever() {
        let mib = 1 << 20;
        let (budget, held, most) = (Budget::of(20 * mib), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, held, most) = (&budget, &held, &most);
                scope.spawn(move || {
                    // 5 to 12 MiB each; every third of them alone is more than there is.
                    let bytes = if thread % 3 == 0 { 100 * mib } else { (5 + thread) * mib };
                    for _ in 0..200 {
                        let share = budget.share(bytes);
                        most.fetch_max(held.fetch_add(share.bytes, SeqCst) + share.bytes, SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(share.bytes, SeqCst);
                    }
                });
            }
        });
        assert!(most.into_inner() <= 20 * mib);
        assert_eq!(*budget.left(), 20 * mib);
    }

    #[test]
    fn small_files_wait_for_nothing() {
        let budget = Budget::of(20 << 20);
        let _all = budget.share(u64::MAX);
        assert_eq!(*budget.left(), 0);
        assert_eq!(budget.share(FREE_OF_CHARGE as u64).bytes, 0);
    }
}
