//! How fast a scan may go: its share of the processors, and whether it may go on at all.
//! The scan's threads ask before every file and every member; whoever holds them back is
//! heard at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Shared by a scan's threads and those who may hold them back.
#[derive(Debug)]
pub struct Pace {
    share: u32,
    /// Whether to look at the state at all: this is asked millions of times.
    held: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    paused: bool,
    cancelled: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(100)
    }
}

impl Pace {
    /// Each thread may work so many percent of the time, 1 to 100.
    pub fn new(cpu_percent: u8) -> Self {
        let share = u32::from(cpu_percent.clamp(1, 100));
        Self { share, held: AtomicBool::new(false), state: Mutex::default(), changed: Condvar::new() }
    }

    /// Holds the scan until it is resumed or cancelled.
    pub fn pause(&self) {
        self.change(|state| state.paused = true);
    }

    /// Lets a paused scan go on.
    pub fn resume(&self) {
        self.change(|state| state.paused = false);
    }

    /// Ends the scan, also a paused one.
    pub fn cancel(&self) {
        self.change(|state| state.cancelled = true);
    }

    /// Whether it was cancelled. Once it was, it stays so.
    pub fn is_cancelled(&self) -> bool {
        self.held.load(Ordering::Acquire) && self.state().cancelled
    }

    /// Waits while the scan is paused; `false` when it is to end.
    pub(crate) fn carry_on(&self) -> bool {
        if !self.held.load(Ordering::Acquire) {
            return true;
        }
        let state = self.changed.wait_while(self.state(), |s| s.paused && !s.cancelled);
        !state.unwrap_or_else(PoisonError::into_inner).cancelled
    }

    /// Rests for as long as the share asks after work that took so long.
    pub(crate) fn rest(&self, worked: Duration) {
        let rest = worked * (100 - self.share) / self.share;
        if rest.is_zero() {
            return;
        }
        let until = Instant::now() + rest;
        let mut state = self.state();
        while !state.cancelled {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        self.held.store(state.paused || state.cancelled, Ordering::Release);
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn a_paused_one_waits_and_goes_on_or_ends() {
        for (release, goes_on) in [(Pace::resume as fn(&Pace), true), (Pace::cancel, false)] {
            let pace = &Pace::default();
            pace.pause();
            std::thread::scope(|scope| {
                let (asks, asked) = channel();
                let waiting = scope.spawn(move || {
                    asks.send(()).unwrap();
                    pace.carry_on()
                });
                asked.recv().unwrap();
                release(pace);
                assert_eq!(waiting.join().unwrap(), goes_on);
            });
            assert_eq!(pace.carry_on(), goes_on);
            assert_eq!(pace.is_cancelled(), !goes_on);
        }
    }

    #[test]
    fn nobody_rests_at_a_full_share_or_after_the_end() {
        let hour = Duration::from_secs(3600);
        Pace::new(100).rest(hour);
        let cancelled = Pace::new(1);
        cancelled.cancel();
        cancelled.rest(hour);
    }
}
