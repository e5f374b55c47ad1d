//! How fast bytes may go over the line: a limit that may change while they do.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A limit for all that is sent and received; clones are one.
#[derive(Debug, Clone, Default)]
pub struct Throttle(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Bytes a second; 0: no limit.
    rate: AtomicU64,
    /// When what was let through by now has been paid for.
    paid: Mutex<Option<Instant>>,
}

/// However slow, a piece waits no longer: the limit may have been lifted meanwhile.
const LONGEST: Duration = Duration::from_secs(30);

impl Throttle {
    /// From now on so many bytes a second; 0: as fast as the line is.
    pub fn limit(&self, bytes_per_second: u64) {
        self.0.rate.store(bytes_per_second, Ordering::Relaxed);
    }

    /// Whether there is a limit now.
    pub(crate) fn is_limited(&self) -> bool {
        self.0.rate.load(Ordering::Relaxed) > 0
    }

    /// Notes that bytes go through now, and says how long to wait before the next ones.
    pub(crate) fn pass(&self, bytes: u64) -> Duration {
        self.pass_at(bytes, Instant::now())
    }

    fn pass_at(&self, bytes: u64, now: Instant) -> Duration {
        let rate = self.0.rate.load(Ordering::Relaxed);
        if rate == 0 {
            return Duration::ZERO;
        }
        let mut paid = self.0.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = Duration::from_micros(bytes.saturating_mul(1_000_000) / rate).min(LONGEST);
        let until = paid.map_or(now, |paid| paid.clamp(now, now + LONGEST)) + cost;
        *paid = Some(until);
        until - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_side_by_side_is_paid_for_together_and_without_a_limit_nothing_is() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        let seconds = Duration::from_secs;
        assert_eq!(throttle.pass_at(u64::MAX, now), Duration::ZERO);
        throttle.limit(1000);
        let waits = [throttle.pass_at(5000, now), throttle.clone().pass_at(5000, now), throttle.pass_at(5000, now)];
        assert_eq!(waits, [5, 10, 15].map(seconds));
        // What was not used is not saved up; what was is paid for.
        assert_eq!(throttle.pass_at(1000, now + seconds(10)), seconds(6));
        assert_eq!(throttle.pass_at(1000, now + seconds(100)), seconds(1));
        assert_eq!(throttle.pass_at(u64::MAX, now + seconds(200)), LONGEST);
        throttle.limit(0);
        assert_eq!(throttle.pass_at(5000, now), Duration::ZERO);
    }
}
