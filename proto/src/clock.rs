//! The one place that reads the wall clock. Everything else asks a [`Clock`], so that
//! tests own time.

use chrono::{DateTime, TimeDelta, Utc};
use std::path::PathBuf;
use std::time::Duration;

/// Names the file that a test writes an offset in seconds into, to move a real process
/// through time. Whoever can set a process's environment can do worse than that.
pub const CLOCK_FILE: &str = "KEEPWATCH_CLOCK_FILE";

/// Where the time comes from.
#[derive(Debug, Clone)]
pub struct Clock(Source);

#[derive(Debug, Clone)]
enum Source {
    System,
    Shifted(PathBuf),
    Fixed(DateTime<Utc>),
}

impl Clock {
    /// The computer's own clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still, for pure tests.
    pub fn fixed(at: DateTime<Utc>) -> Self {
        Self(Source::Fixed(at))
    }

    /// The computer's clock, shifted by the file that [`CLOCK_FILE`] names, where it is set.
    pub fn from_environment() -> Self {
        match std::env::var_os(CLOCK_FILE) {
            Some(file) => Self(Source::Shifted(file.into())),
            None => Self::system(),
        }
    }

    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        match &self.0 {
            Source::System => Utc::now(),
            Source::Shifted(file) => Utc::now() + offset(file),
            Source::Fixed(at) => *at,
        }
    }

    /// How long one may wait before looking at the clock again. A PC sleeps and wakes, and
    /// its clock is set by hand, so no wait for a distant time is ever one long timer.
    pub fn patience(&self, until: DateTime<Utc>) -> Duration {
        let longest = match self.0 {
            Source::Shifted(_) => Duration::from_millis(100),
            _ => Duration::from_secs(30),
        };
        (until - self.now()).to_std().unwrap_or(Duration::ZERO).min(longest)
    }

    /// Returns at the time given, or soon after it.
    pub async fn sleep_until(&self, until: DateTime<Utc>) {
        while self.now() < until {
            tokio::time::sleep(self.patience(until).max(Duration::from_millis(1))).await;
        }
    }
}

fn offset(file: &PathBuf) -> TimeDelta {
    let seconds = std::fs::read_to_string(file).ok().and_then(|text| text.trim().parse().ok());
    TimeDelta::try_seconds(seconds.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_clock_follows_its_file() -> std::io::Result<()> {
        let file = std::env::temp_dir().join(format!("keepwatch-clock-{}", std::process::id()));
        std::fs::write(&file, "86400\n")?;
        let ahead = Clock(Source::Shifted(file.clone())).now() - Utc::now();
        std::fs::remove_file(&file)?;
        assert!((ahead - TimeDelta::days(1)).abs() < TimeDelta::minutes(1), "{ahead}");
        Ok(())
    }

    #[test]
    fn no_wait_is_longer_than_a_sleeping_pc_allows() {
        let clock = Clock::fixed(DateTime::UNIX_EPOCH);
        assert_eq!(clock.patience(DateTime::UNIX_EPOCH + TimeDelta::days(7)), Duration::from_secs(30));
        assert_eq!(clock.patience(DateTime::UNIX_EPOCH - TimeDelta::days(7)), Duration::ZERO);
    }
}
