//! Whether a host's snapshots look as if somebody worked against them. Then none of its older
//! ones goes until staff have looked: malware that encrypts files, or whoever took a PC over,
//! would have the good ones replaced by rule.

use chrono::{DateTime, TimeDelta, Utc};

/// A snapshot, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// When it was received.
    pub received: DateTime<Utc>,
    /// When it was taken, says the PC.
    pub taken: DateTime<Utc>,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Of the files, those that the one before did not have, or had otherwise.
    pub changed: u64,
}

/// What looks odd.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspicion {
    /// So many in a day.
    Flood(usize),
    /// Taken so many hours from when it was received.
    FalseDate(i64),
    /// So many percent of its bytes are gone.
    Shrunk(u64),
    /// So many percent of its files are new or changed.
    Rewritten(u64),
}

impl Suspicion {
    /// For people.
    pub fn words(self) -> String {
        match self {
            Self::Flood(n) => format!("{n} snapshots came within a day"),
            Self::FalseDate(hours) => format!("a snapshot is dated {hours} hours from when it was received"),
            Self::Shrunk(percent) => format!("a snapshot has {percent} % less data than the one before"),
            Self::Rewritten(percent) => format!("{percent} % of the files changed from one snapshot to the next"),
        }
    }
}

/// A day's worth: an hourly schedule, and some by hand.
const FLOOD: usize = 32;
/// A backup over a thin line, on a PC that sleeps over the weekend, may take days.
const FALSE_DATE: TimeDelta = TimeDelta::days(8);
/// Below so many bytes a folder that was cleared says nothing.
const MUCH: u64 = 100 << 20;
/// Percent.
const SHRUNK: u64 = 50;
/// Percent, of at least so many files.
const REWRITTEN: (u64, u64) = (60, 200);

/// Looks at the newest snapshot; `earlier` are those before it, newest first.
pub fn look(newest: &Arrival, earlier: &[Arrival]) -> Option<Suspicion> {
    let day = newest.received - TimeDelta::hours(24);
    let of_the_day = 1 + earlier.iter().take_while(|e| e.received > day).count();
    if of_the_day > FLOOD {
        return Some(Suspicion::Flood(of_the_day));
    }
    let off = (newest.received - newest.taken).abs();
    if off > FALSE_DATE {
        return Some(Suspicion::FalseDate(off.num_hours()));
    }
    let before = earlier.first()?;
    let lost = before.bytes.saturating_sub(newest.bytes).saturating_mul(100) / before.bytes.max(1);
    if before.bytes >= MUCH && lost >= SHRUNK {
        return Some(Suspicion::Shrunk(lost));
    }
    let rewritten = newest.changed.saturating_mul(100) / newest.files.max(1);
    let (percent, files) = REWRITTEN;
    // Where there are as many more as are new, files were added and none was touched.
    let added = newest.files.saturating_sub(before.files);
    if before.files >= files
        && rewritten >= percent
        && newest.changed.saturating_sub(added) * 100 >= before.files * percent
    {
        return Some(Suspicion::Rewritten(rewritten));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(hours: i64, files: u64, mib: u64, changed: u64) -> Arrival {
        let received = DateTime::UNIX_EPOCH + TimeDelta::hours(1_000_000 + hours);
        Arrival { received, taken: received, files, bytes: mib << 20, changed }
    }

    #[test]
    fn what_looks_odd_is_said_and_what_a_year_brings_is_not() {
        let week = |n: i64| n * 168;
        let before = [arrival(0, 1000, 500, 3)];
        for (newest, expected) in [
            (arrival(week(1), 1010, 510, 20), None),
            // A folder cleared, a project that ends.
            (arrival(week(1), 700, 260, 5), None),
            (arrival(week(1), 1000, 240, 0), Some(Suspicion::Shrunk(52))),
            // Everything encrypted, under new names or the same.
            (arrival(week(1), 1000, 500, 990), Some(Suspicion::Rewritten(99))),
            // A camera's card copied: all that is new was added.
            (arrival(week(1), 4000, 900, 3000), None),
            (
                Arrival { taken: DateTime::UNIX_EPOCH, ..arrival(week(1), 1000, 500, 0) },
                Some(Suspicion::FalseDate(1_000_168)),
            ),
        ] {
            assert_eq!(look(&newest, &before), expected, "{newest:?}");
        }
        assert_eq!(look(&arrival(0, 1000, 500, 1000), &[]), None, "the first one is all new");
        let many: Vec<Arrival> = (0..40).map(|n| arrival(20 - n / 2, 10, 1, 0)).collect();
        assert!(matches!(look(&many[0], &many[1..]), Some(Suspicion::Flood(40))));
        let hourly: Vec<Arrival> = (0..100).map(|n| arrival(-n, 10, 1, 0)).collect();
        assert_eq!(look(&hourly[0], &hourly[1..]), None);
    }
}
