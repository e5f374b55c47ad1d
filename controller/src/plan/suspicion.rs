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
    /// Of those, the ones that begin with noise, as an encrypted file does, and not as any
    /// format does that is compressed.
    pub noise: u64,
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
    /// So many files were replaced by what looks encrypted.
    Encrypted(u64),
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
            Self::Encrypted(n) => format!("{n} files were replaced by ones that look encrypted"),
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
/// So many files in any case: who puts a few into a vault is nobody's enemy.
const ENCRYPTED_LEAST: u64 = 100;
/// And so many percent of all, or so many: on a PC with all its programs a user's documents are few.
const ENCRYPTED: (u64, u64) = (5, 1000);
/// And one in so many of those that were replaced: an update of the system replaces thousands, and
/// few look like that.
const ENCRYPTED_SHARE: u64 = 3;
/// And so many times what is usual there: programs that keep their own data encrypted, such as
/// messengers, replace some of it each week.
const UNUSUAL: u64 = 4;
/// Snapshots that say what is usual.
const USUAL: usize = 8;
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
    let encrypted = encrypted(newest, before);
    let usual = earlier.windows(2).take(USUAL).map(|pair| self::encrypted(&pair[0], &pair[1])).max().unwrap_or(0);
    let (percent, many) = ENCRYPTED;
    let much = ENCRYPTED_LEAST.max((before.files.saturating_mul(percent) / 100).min(many));
    let replaced = newest.changed.saturating_sub(added(newest, before));
    if encrypted >= much && encrypted >= replaced / ENCRYPTED_SHARE && encrypted >= usual.saturating_mul(UNUSUAL) {
        return Some(Suspicion::Encrypted(encrypted));
    }
    let rewritten = newest.changed.saturating_mul(100) / newest.files.max(1);
    let (percent, files) = REWRITTEN;
    if before.files >= files
        && rewritten >= percent
        && replaced.saturating_mul(100) >= before.files.saturating_mul(percent)
    {
        return Some(Suspicion::Rewritten(rewritten));
    }
    None
}

/// Where there are as many more as are new, files were added and none was touched.
fn added(newest: &Arrival, before: &Arrival) -> u64 {
    newest.files.saturating_sub(before.files)
}

/// Files that took the place of others, under the same names or new ones, and look encrypted.
/// Pictures that a messenger scrambles come on top of what was there, and are not among them.
fn encrypted(newest: &Arrival, before: &Arrival) -> u64 {
    newest.noise.min(newest.changed).saturating_sub(added(newest, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(hours: i64, files: u64, mib: u64, changed: u64) -> Arrival {
        let received = DateTime::UNIX_EPOCH + TimeDelta::hours(1_000_000 + hours);
        Arrival { received, taken: received, files, bytes: mib << 20, changed, noise: 0 }
    }

    #[test]
    fn files_that_were_encrypted_are_told_from_an_ordinary_week() {
        let with = |week: i64, files, changed, noise| Arrival { noise, ..arrival(week * 168, files, 500, changed) };
        let calm = [with(0, 5000, 40, 2), with(-1, 4990, 60, 3), with(-2, 4980, 30, 0)];
        // A messenger that rewrites its databases and adds scrambled pictures each week.
        let chatty = [with(0, 5000, 600, 310), with(-1, 4800, 550, 290), with(-2, 4600, 500, 280)];
        let whole_pc = [with(0, 300_000, 900, 4), with(-1, 299_900, 700, 2)];
        let small = [with(0, 400, 10, 0)];
        for (what, newest, earlier, expected) in [
            ("in place", with(1, 5000, 1300, 1250), &calm[..], Some(1250)),
            ("under new names, with notes", with(1, 5200, 1500, 1250), &calm, Some(1050)),
            ("one user's documents of a whole PC", with(1, 300_100, 2600, 1900), &whole_pc, Some(1800)),
            ("all of a small PC", with(1, 400, 220, 210), &small, Some(210)),
            ("where much is usual, far more", with(1, 5000, 1900, 1700), &chatty, Some(1700)),
            ("a usual week of a messenger", with(1, 5210, 640, 330), &chatty, None),
            ("a messenger was installed", with(1, 6000, 1100, 1050), &calm, None),
            ("photos and zips say what they are", with(1, 5900, 950, 3), &calm, None),
            ("photos edited in place, likewise", with(1, 5000, 900, 12), &calm, None),
            ("an update of the system", with(1, 300_500, 40_000, 2000), &whole_pc, None),
            ("a few files into a vault", with(1, 400, 90, 80), &small, None),
            ("a tenth of what is much", with(1, 5000, 130, 99), &calm, None),
        ] {
            let found = look(&newest, earlier);
            assert_eq!(found, expected.map(Suspicion::Encrypted), "{what}");
        }
        // A PC that lies about itself frightens nobody but its own retention.
        let liar = Arrival { noise: u64::MAX, changed: u64::MAX, ..with(1, u64::MAX, 0, 0) };
        assert_eq!(look(&liar, &calm), Some(Suspicion::Encrypted(5000)));
        assert!(look(&calm[0], &[liar]).is_none());
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
