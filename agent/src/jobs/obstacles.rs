//! What may hold back a run that is due, besides its hours: a pure decision, and the look at the
//! PC that it needs. What the PC cannot tell holds nothing back.

use crate::platform;
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::policy::Timing;
use std::time::Duration;
use tokio::task::JoinHandle;

/// For so long a look is waited for: staff may want something meanwhile.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(5) };
/// For so long the PC is taken to be as it was seen.
const FRESH: TimeDelta = TimeDelta::minutes(1);

/// How the PC is, as far as a policy may ask.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Obstacles {
    /// It runs on battery.
    pub(crate) battery: bool,
    /// Its line is paid for by what goes over it.
    pub(crate) metered: bool,
    /// Somebody uses it.
    pub(crate) in_use: bool,
}

impl Obstacles {
    /// What a schedule's timing asks about.
    pub(super) fn asked_by(timing: &Timing) -> Self {
        Self { battery: timing.not_on_battery, metered: timing.not_on_metered, in_use: timing.only_when_idle }
    }

    /// Both together.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            battery: self.battery | other.battery,
            metered: self.metered | other.metered,
            in_use: self.in_use | other.in_use,
        }
    }

    /// Whether one of these stands in the way of a run with this timing.
    pub(super) fn hold(self, timing: &Timing) -> bool {
        let asked = Self::asked_by(timing);
        asked.battery && self.battery || asked.metered && self.metered || asked.in_use && self.in_use
    }
}

/// The looks at the PC, and what was seen lately.
#[derive(Default)]
pub(super) struct Looks {
    battery: Look,
    metered: Look,
    in_use: Look,
}

impl Looks {
    /// Looks at the PC, no further than is asked: a look may start a program of the system's.
    pub(super) async fn look(&mut self, asked: Obstacles, now: DateTime<Utc>) -> Obstacles {
        // A driver may make whoever reads it wait.
        let battery = async { tokio::task::spawn_blocking(platform::on_battery).await.unwrap_or_default() };
        let metered = async { platform::on_metered().await.unwrap_or_default() };
        let in_use = async move { platform::in_use(now).await.unwrap_or_default() };
        let (battery, metered, in_use) = tokio::join!(
            self.battery.at(asked.battery, now, battery),
            self.metered.at(asked.metered, now, metered),
            self.in_use.at(asked.in_use, now, in_use),
        );
        Obstacles { battery, metered, in_use }
    }
}

/// One thing to look at.
#[derive(Default)]
struct Look {
    seen: Option<(DateTime<Utc>, bool)>,
    /// One that took too long.
    underway: Option<JoinHandle<bool>>,
}

impl Look {
    async fn at(&mut self, asked: bool, now: DateTime<Utc>, look: impl Future<Output = bool> + Send + 'static) -> bool {
        if !asked {
            return false;
        }
        let fresh = |at: DateTime<Utc>| (TimeDelta::zero()..FRESH).contains(&(now - at));
        if let Some((at, seen)) = self.seen
            && fresh(at)
        {
            return seen;
        }
        // One that still hangs is waited for again: each new one would take up a thread more. What one saw
        // that ended meanwhile is of that time.
        let hangs = self.underway.take().filter(|look| !look.is_finished());
        let mut underway = hangs.unwrap_or_else(|| tokio::spawn(look));
        let seen = match tokio::time::timeout(PATIENCE, &mut underway).await {
            Ok(seen) => seen.unwrap_or_default(),
            Err(_) => {
                self.underway = Some(underway);
                false
            }
        };
        self.seen = Some((now, seen));
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    #[tokio::test]
    async fn what_was_seen_counts_for_a_minute_and_what_is_not_asked_is_not_looked_at() {
        let (mut look, looks) = (Look::default(), Arc::new(AtomicUsize::new(0)));
        let start = DateTime::UNIX_EPOCH;
        for (asked, seconds, answer, seen, count) in [
            (false, 0, true, false, 0),
            (true, 0, true, true, 1),
            (true, 59, false, true, 1),
            (true, 60, false, false, 2),
            // The clock was set back.
            (true, 50, true, true, 3),
        ] {
            let looks_now = looks.clone();
            let now = start + TimeDelta::seconds(seconds);
            let one = async move { looks_now.fetch_add(1, Ordering::Relaxed) < usize::MAX && answer };
            assert_eq!(look.at(asked, now, one).await, seen, "{seconds}");
            assert_eq!(looks.load(Ordering::Relaxed), count, "{seconds}");
        }
    }

    #[tokio::test]
    async fn what_is_not_asked_is_not_looked_at() {
        let nothing = Obstacles::default();
        assert_eq!(Looks::default().look(nothing, DateTime::UNIX_EPOCH).await, nothing);
    }

    #[tokio::test]
    async fn one_that_hangs_holds_nothing_up_and_is_not_begun_twice() {
        let (mut look, looks) = (Look::default(), Arc::new(AtomicUsize::new(0)));
        let began = Instant::now();
        for minutes in 0..3 {
            let looks = looks.clone();
            let hangs = async move {
                looks.fetch_add(1, Ordering::Relaxed);
                std::future::pending().await
            };
            assert!(!look.at(true, DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes), hangs).await);
        }
        assert_eq!(looks.load(Ordering::Relaxed), 1);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
