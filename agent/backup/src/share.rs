//! A share of the processor: the threads that read, chunk and hash rest between two reads for as
//! long as the share asks, and all that follows them has the less to do.

use crate::platform;
use crate::stop::Stop;
use std::cell::Cell;
use std::time::Duration;

/// Shorter rests are put off: a wait of its own costs more.
const SHORTEST: Duration = Duration::from_millis(5);
/// After whatever work, no rest is longer.
const LONGEST: Duration = Duration::from_secs(2);

thread_local! {
    /// The processor's time that this thread has rested for.
    static RESTED_FOR: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Percent of the time that a thread may work, 1 to 100.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Share(u32);

impl Default for Share {
    fn default() -> Self {
        Self(100)
    }
}

impl Share {
    /// So many percent; 0 is all.
    pub(crate) fn percent(percent: u8) -> Self {
        if percent == 0 { Self::default() } else { Self(u32::from(percent.min(100))) }
    }

    /// How long to rest after so much work.
    fn rest_after(self, worked: Duration) -> Duration {
        (worked * (100 - self.0) / self.0).min(LONGEST)
    }

    /// Rests, if this thread has worked for long enough; a wish to stop ends it.
    pub(crate) fn rest(self, stop: &Stop) {
        if self.0 == 100 {
            return;
        }
        let spent = platform::thread_time();
        let rest = self.rest_after(spent.saturating_sub(RESTED_FOR.get()));
        if rest >= SHORTEST {
            stop.wait(rest);
            // Where waiting counts, too, this one does not.
            RESTED_FOR.set(platform::thread_time());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_time_is_rested() {
        let ms = Duration::from_millis;
        for (percent, worked, rest) in [
            (0, ms(100), ms(0)),
            (100, ms(100), ms(0)),
            (50, ms(100), ms(100)),
            (25, ms(100), ms(300)),
            (80, ms(100), ms(25)),
            (1, ms(100), LONGEST),
            (200, ms(100), ms(0)),
        ] {
            assert_eq!(Share::percent(percent).rest_after(worked), rest, "{percent}");
        }
    }

    #[test]
    fn a_thread_that_has_worked_rests_once_for_it_and_not_when_work_should_end() {
        let stop = Stop::default();
        stop.ask();
        while platform::thread_time() < SHORTEST * 4 {
            std::hint::spin_loop();
        }
        Share::percent(10).rest(&stop);
        assert!(RESTED_FOR.get() >= SHORTEST * 4);
        RESTED_FOR.set(Duration::MAX);
        // Nothing was done since: this would wait if it rested.
        Share::percent(10).rest(&Stop::default());
    }
}
