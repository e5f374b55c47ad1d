//! How much one host may tell in a while. A flood is slowed and not refused: what a PC has to tell
//! waits in its outbox, and nobody else waits for it.

/// What a report costs beside its events, which cost one each: a commit is the dear part.
const REPORT: f64 = 10.0;
/// So much at once is a bad day: a scan that finds something in every file, told after a week away.
const AT_ONCE: f64 = 20_000.0;
/// And then so much a second.
const A_SECOND: f64 = 200.0;
/// So much is a bad week.
const IN_DAYS: f64 = 300_000.0;
/// And then so much a second, for as long as it goes on.
const FOR_EVER: f64 = 5.0;

/// One host's account. Times are seconds on any clock that only goes forward.
#[derive(Debug, Clone, Copy, Default)]
pub struct Pace {
    soon: f64,
    long: f64,
}

impl Pace {
    /// A report of so many events and bytes was taken in. Says how many seconds later the next one is.
    pub fn took(&mut self, events: usize, bytes: usize, now: f64) -> f64 {
        // A message holds a few thousand of them, and an event as a rule less than a kilobyte.
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        let cost = REPORT + count(events).max(count(bytes / 1024));
        let wait = |free: &mut f64, at_once: f64, a_second: f64| {
            *free = free.max(now) + cost / a_second;
            (*free - now - at_once / a_second).max(0.0)
        };
        wait(&mut self.soon, AT_ONCE, A_SECOND).max(wait(&mut self.long, IN_DAYS, FOR_EVER))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long it takes to tell so many events, so many in each report, one right after the other.
    fn takes(events: usize, each: usize) -> f64 {
        let (mut pace, mut now) = (Pace::default(), 0.0);
        for _ in 0..events / each {
            now += pace.took(each, each * 300, now);
        }
        now
    }

    #[test]
    fn a_bad_day_is_told_at_once_and_a_flood_takes_its_time() {
        assert!(takes(15_000, 200) < 1.0);
        let flood = takes(250_000, 2000);
        assert!((1000.0..1400.0).contains(&flood), "{flood}");
        // A million ends up on the disk of the controller within days, not minutes.
        let million = takes(1_000_000, 2000);
        assert!((1.0..3.0).contains(&(million / 86_400.0)), "{million}");
        // Nor does a gigabyte in few words.
        let (mut pace, mut now) = (Pace::default(), 0.0);
        for _ in 0..1000 {
            now += pace.took(1, 1 << 20, now);
        }
        assert!(now > 86_400.0, "{now}");
        // Reports that say nothing are not free.
        let empty = takes(20_000, 1);
        assert!(empty > 900.0, "{empty}");
    }

    #[test]
    fn whoever_is_silent_for_a_while_may_tell_as_much_again() {
        let mut pace = Pace::default();
        while pace.took(2000, 0, 0.0) == 0.0 {}
        assert!(pace.took(2000, 0, 0.0) > 1.0);
        assert!(pace.took(2000, 0, 300.0) <= 0.0);
    }
}
