//! How much one file on the disk may cost, everything in it taken together. One archive of
//! a few kilobytes can hold petabytes, or itself.

use crate::nest::Reason;
use std::time::{Duration, Instant};

/// The bounds for one file on the disk. The defaults are near those of ClamAV. Bytes, members
/// and time grow with a file that is itself large: a mail store of gigabytes is no bomb.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes that may come out, in all.
    pub bytes: u64,
    /// Bytes of one member that are taken into memory.
    pub member: u64,
    /// Bytes of all members that are in memory at once, one in another.
    pub in_memory: u64,
    /// Bytes out for each byte of the file, once [`FREE_BYTES`] have come out.
    pub ratio: u64,
    /// Members, in all.
    pub entries: u64,
    /// Containers one in another.
    pub depth: usize,
    /// Time, pauses left out.
    pub time: Duration,
}

/// So much may come out of anything: a blank form of a few bytes is no bomb.
const FREE_BYTES: u64 = 32 << 20;

/// A file has a right to one member for so many of its own bytes,
const BYTES_PER_ENTRY: u64 = 2000;
/// and to a second for so many.
const BYTES_PER_SECOND: u64 = 8 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 400 << 20,
            member: 100 << 20,
            in_memory: 128 << 20,
            ratio: 250,
            entries: 10_000,
            depth: 17,
            time: Duration::from_secs(120),
        }
    }
}

/// What is left of the limits.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    file: u64,
    out: u64,
    held: u64,
    entries: u64,
    ends: Instant,
}

impl Budget {
    /// For a file of so many bytes.
    pub(crate) fn new(file: u64, limits: Limits) -> Self {
        let limits = Limits {
            bytes: limits.bytes.max(file.saturating_mul(2)),
            entries: limits.entries.max(file / BYTES_PER_ENTRY),
            time: limits.time.saturating_add(Duration::from_secs(file / BYTES_PER_SECOND)),
            ..limits
        };
        Self { limits, file, out: 0, held: 0, entries: 0, ends: Instant::now() + limits.time }
    }

    /// One member more.
    pub(crate) fn entry(&mut self) -> Result<(), Reason> {
        self.entries += 1;
        if self.entries > self.limits.entries { Err(Reason::TooMany(self.limits.entries)) } else { self.in_time() }
    }

    /// So many bytes more have come out.
    pub(crate) fn out(&mut self, bytes: usize) -> Result<(), Reason> {
        self.out += bytes as u64;
        if self.out > self.limits.bytes {
            return Err(Reason::Exhausted(self.limits.bytes));
        }
        if self.out > FREE_BYTES && self.out / self.limits.ratio.max(1) > self.file {
            return Err(Reason::Ratio(self.limits.ratio));
        }
        self.in_time()
    }

    /// So many bytes more are in memory, until they are [let go](Self::let_go).
    pub(crate) fn hold(&mut self, bytes: usize) -> Result<(), Reason> {
        if self.held + bytes as u64 > self.limits.in_memory {
            return Err(Reason::TooLarge(self.limits.in_memory));
        }
        self.held += bytes as u64;
        Ok(())
    }

    pub(crate) fn let_go(&mut self, bytes: usize) {
        self.held = self.held.saturating_sub(bytes as u64);
    }

    /// Bytes in memory now.
    pub(crate) fn held(&self) -> usize {
        usize::try_from(self.held).unwrap_or(usize::MAX)
    }

    pub(crate) fn in_time(&self) -> Result<(), Reason> {
        if Instant::now() > self.ends { Err(Reason::TooSlow(self.limits.time)) } else { Ok(()) }
    }

    /// A pause is nobody's fault.
    pub(crate) fn paused(&mut self, pause: Duration) {
        self.ends += pause;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_ends_it_by_its_own_name() {
        let limits = Limits { bytes: 200 << 20, entries: 2, in_memory: 100, ..Limits::default() };
        let mut budget = Budget::new(100, limits);
        assert_eq!((budget.entry(), budget.entry()), (Ok(()), Ok(())));
        assert_eq!(budget.entry(), Err(Reason::TooMany(2)));
        assert_eq!(Budget::new(1 << 30, limits).limits.entries, 536_870, "a large file has a right to more");
        let mut whole = Budget::new(1 << 20, limits);
        assert_eq!(whole.out(200 << 20), Ok(()));
        assert_eq!(whole.out(1), Err(Reason::Exhausted(200 << 20)));
        assert_eq!(budget.hold(60), Ok(()));
        assert_eq!(budget.hold(60), Err(Reason::TooLarge(100)));
        budget.let_go(60);
        assert_eq!(budget.hold(60), Ok(()));

        let mut tiny = Budget::new(1000, Limits::default());
        assert_eq!(tiny.out(32 << 20), Ok(()), "a small file may hold a blank form");
        assert_eq!(tiny.out(1), Err(Reason::Ratio(250)));

        let mut late = Budget::new(1000, Limits { time: Duration::ZERO, ..Limits::default() });
        assert_eq!(late.in_time(), Err(Reason::TooSlow(Duration::ZERO)));
        late.paused(Duration::from_secs(3600));
        assert_eq!(late.in_time(), Ok(()));
    }
}
