//! Looks at the PC. Each may take its time: a driver, or a program of the system's, is asked.

use super::obstacles::Obstacles;
use crate::platform::{self, Medium};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinHandle;

/// For so long a look is waited for: staff may want something meanwhile.
const PATIENCE: Duration = if cfg!(test) { Duration::from_millis(50) } else { Duration::from_secs(5) };
/// For so long the PC is taken to be as it was seen.
const FRESH: TimeDelta = TimeDelta::minutes(1);

/// The looks at the PC, and what was seen lately.
#[derive(Default)]
pub(super) struct Looks {
    battery: Look,
    metered: Look,
    in_use: Look,
    media: Underway<Option<BTreeSet<Medium>>>,
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

    /// The removable media that are in the PC, as `ask` has them; none where it does not say.
    pub(super) async fn media(
        &mut self,
        ask: impl FnOnce() -> BTreeSet<Medium> + Send + 'static,
    ) -> Option<BTreeSet<Medium>> {
        // An empty drive may make whoever asks wait. Where it always does, what was seen late is all there is.
        self.media.wait(async { tokio::task::spawn_blocking(ask).await.ok() }).await.flatten()
    }
}

/// One thing to look at.
#[derive(Default)]
struct Look {
    seen: Option<(DateTime<Utc>, bool)>,
    underway: Underway<bool>,
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
        // What one saw that ended meanwhile is of that time.
        self.underway.forget_ended();
        let seen = self.underway.wait(look).await.unwrap_or_default();
        self.seen = Some((now, seen));
        seen
    }
}

/// A look that took too long, where there is one.
struct Underway<T>(Option<JoinHandle<T>>);

impl<T> Default for Underway<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Underway<T> {
    /// What it saw, or else what this one does; nothing while that takes too long.
    async fn wait(&mut self, look: impl Future<Output = T> + Send + 'static) -> Option<T> {
        // One that still hangs is waited for again: each new one would take up a thread more.
        let mut underway = self.0.take().unwrap_or_else(|| tokio::spawn(look));
        match tokio::time::timeout(PATIENCE, &mut underway).await {
            Ok(seen) => seen.ok(),
            Err(_) => {
                self.0 = Some(underway);
                None
            }
        }
    }

    fn forget_ended(&mut self) {
        self.0.take_if(|look| look.is_finished());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
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

    #[tokio::test]
    async fn a_drive_that_hangs_keeps_nobody_waiting_and_is_heard_when_it_answers() {
        let (mut looks, asked) = (Looks::default(), Arc::new(AtomicUsize::new(0)));
        let stick = BTreeSet::from([Medium { id: "1".into(), at: "/media/stick".into() }]);
        let (answer, answers) = std::sync::mpsc::channel();
        let asked_once = asked.clone();
        let hangs = move || {
            asked_once.fetch_add(1, Ordering::Relaxed);
            answers.recv().unwrap_or_default()
        };
        assert_eq!(looks.media(hangs).await, None);
        answer.send(stick.clone()).unwrap();
        let seen = loop {
            let asked = asked.clone();
            let again = move || {
                asked.fetch_add(1, Ordering::Relaxed);
                BTreeSet::new()
            };
            if let Some(seen) = looks.media(again).await {
                break seen;
            }
        };
        assert_eq!((seen, asked.load(Ordering::Relaxed)), (stick, 1));
    }

    #[tokio::test]
    async fn where_nothing_can_be_said_of_media_none_has_gone() {
        assert_eq!(Looks::default().media(|| panic!("a driver of somebody else's")).await, None);
    }
}
