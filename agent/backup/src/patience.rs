//! How long something is tried again that may pass: an office's line is cut for hours, and a
//! storage restarts. What will not pass is said at once.

use crate::stop::Stop;
use crate::storage::StorageError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The shortest wait between two tries.
pub(crate) const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest, but for a storage that asks for more.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Tries after which an answer that blames us is believed.
const DOUBTFUL_TRIES: u32 = 4;
/// What one try takes of the patience, at most: what is longer was a PC that slept.
const LONGEST_TRY: Duration = Duration::from_secs(600);

/// How one try ended, if not well.
pub(crate) enum Trouble {
    /// Another try would end the same way.
    Final(StorageError),
    /// It may be over by the next try.
    Passing {
        /// What happened.
        why: String,
        /// When the storage wants to be asked again, if it says so.
        pause: Option<Duration>,
    },
    /// What we sent arrived damaged, or was wrong from the start: a few tries tell.
    Doubtful {
        /// What was said.
        why: String,
    },
}

/// The patience of one storage's client.
pub(crate) struct Patience {
    limit: Duration,
    stop: Arc<Stop>,
    wait: fn(&Stop, Duration),
}

impl Patience {
    /// Gives up after `limit`, and at once when work should end.
    pub(crate) fn new(limit: Duration, stop: Arc<Stop>) -> Self {
        Self { limit, stop, wait: Stop::wait }
    }

    /// Tries until there is an outcome that will not change. `attempt` learns which try it is,
    /// from 1 on.
    pub(crate) fn until<T>(
        &self,
        what: &str,
        mut attempt: impl FnMut(u32) -> Result<T, Trouble>,
    ) -> Result<T, StorageError> {
        let (mut spent, mut tries) = (Duration::ZERO, 0u32);
        loop {
            tries += 1;
            let begun = Instant::now();
            let (why, pause) = match attempt(tries) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Passing { why, pause }) => (why, pause.unwrap_or_else(|| backoff(tries))),
                Err(Trouble::Doubtful { why }) if tries >= DOUBTFUL_TRIES => {
                    return Err(StorageError::Wrong { what: what.to_owned(), why });
                }
                Err(Trouble::Doubtful { why }) => (why, FIRST_PAUSE),
            };
            if self.stop.wanted() {
                return Err(StorageError::Cancelled);
            }
            spent += begun.elapsed().min(LONGEST_TRY) + pause;
            if spent > self.limit {
                return Err(StorageError::Unreachable { what: what.to_owned(), tries, why });
            }
            tracing::info!(what, tries, why, "the storage did not answer well; trying again");
            (self.wait)(&self.stop, pause);
        }
    }
}

/// Doubles up to a cap, and spreads hosts that failed together.
fn backoff(tries: u32) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << tries.min(10)).min(LONGEST_PAUSE);
    full.mul_f64(rand::random_range(0.5..1.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::cell::Cell;

    thread_local! {
        /// The time that was waited, without its passing.
        static WAITED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    /// A line that is cut for so long; what becomes of it, and how often it was tried.
    fn cut_for(hours: f64) -> (Result<(), StorageError>, u32) {
        WAITED.set(Duration::ZERO);
        let wait = |_: &Stop, time| WAITED.set(WAITED.get() + time);
        let patience = Patience { wait, ..Patience::new(Duration::from_secs(4 * 3600), Arc::default()) };
        let (cut, mut last) = (Duration::from_secs_f64(hours * 3600.0), 0);
        let outcome = patience.until("a pack", |tries| {
            last = tries;
            match WAITED.get() < cut {
                true => Err(Trouble::Passing { why: "the line is cut".into(), pause: None }),
                false => Ok(()),
            }
        });
        (outcome, last)
    }

    #[test]
    fn a_line_may_be_cut_for_hours_and_not_for_ever() {
        cut_for(0.0).0.unwrap();
        let (outcome, tries) = cut_for(3.9);
        outcome.unwrap();
        // A minute at most between two tries, and no fewer than half.
        assert!((240..500).contains(&tries), "{tries}");
        let (outcome, tries) = cut_for(4.1);
        assert!(matches!(outcome, Err(StorageError::Unreachable { tries: told, .. }) if told == tries), "{outcome:?}");
    }

    #[test]
    fn what_blames_us_is_believed_after_a_few_tries_and_a_wish_to_stop_at_once() {
        let stop = Arc::<Stop>::default();
        let patience = Patience { wait: |_, _| {}, ..Patience::new(Duration::from_secs(60), Arc::clone(&stop)) };
        let mut tries = 0;
        let outcome: Result<(), _> = patience.until("a pack", |n| {
            tries = n;
            Err(Trouble::Doubtful { why: "a wrong hash".into() })
        });
        assert!(matches!(outcome, Err(StorageError::Wrong { .. })));
        assert_eq!(tries, DOUBTFUL_TRIES);
        stop.ask();
        let outcome: Result<(), _> =
            patience.until("a pack", |_| Err(Trouble::Passing { why: "cut".into(), pause: None }));
        assert!(matches!(outcome, Err(StorageError::Cancelled)));
    }
}
