//! Whose turn it is to have a report made. Each looks at much and fills much memory: two are made at
//! once, a few wait, and who comes after those is told so.

use crate::app::AppError;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reports that are made at once.
const AT_ONCE: usize = 2;
/// Callers that wait for their turn.
pub(super) const WAITING: usize = 8;

/// Where one waits for one's turn.
pub struct Turns {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// Somebody's turn: until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _permit: OwnedSemaphorePermit,
}

impl Default for Turns {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(AT_ONCE)), waiting: AtomicUsize::new(0) }
    }
}

impl Turns {
    /// Waits for a turn. Whoever goes away leaves the queue.
    pub async fn next(&self) -> Result<Turn, AppError> {
        if let Ok(permit) = self.free.clone().try_acquire_owned() {
            return Ok(Turn { _permit: permit });
        }
        let full = || {
            AppError::Conflict(format!(
                "{AT_ONCE} reports are being made and {WAITING} more wait for their turn; try again in a minute"
            ))
        };
        let _place = Place::in_queue(&self.waiting).ok_or_else(full)?;
        let permit = self.free.clone().acquire_owned().await.map_err(|_| full())?;
        Ok(Turn { _permit: permit })
    }
}

/// A place in the queue.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn in_queue(waiting: &'a AtomicUsize) -> Option<Self> {
        let more = |n: usize| (n < WAITING).then_some(n + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(waiting))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn two_have_their_turn_eight_wait_and_more_are_told_to_come_again() {
        let turns = Turns::default();
        let mut held = vec![turns.next().await.unwrap(), turns.next().await.unwrap()];
        let mut queue: Vec<_> = (0..WAITING).map(|_| Box::pin(turns.next())).collect();
        assert!(queue.iter_mut().all(|waits| waits.now_or_never().is_none()));
        let refused = turns.next().now_or_never().expect("it is told at once").unwrap_err();
        assert!(matches!(&refused, AppError::Conflict(why) if why.contains("try again")), "{refused}");

        // Who goes away leaves a place.
        drop(queue.remove(0));
        let mut late = Box::pin(turns.next());
        assert!((&mut late).now_or_never().is_none());
        assert!(turns.next().now_or_never().expect("it is told at once").is_err());
        held.pop();
        let first = queue.remove(0).now_or_never().expect("the first in the queue is next").unwrap();
        assert!((&mut late).now_or_never().is_none());
        // Also who leaves just when it is his turn.
        drop(first);
        drop(queue.remove(0));
        assert!(queue.remove(0).now_or_never().expect("a turn was lost").is_ok());
    }
}
