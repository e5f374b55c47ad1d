//! What becomes of entries that are not read, counted by reason.

use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why an entry is left out on purpose.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Why {
    Pattern,
    Size,
    Cache,
    FileSystem,
    Own,
    Refused,
}

/// Entries left out on purpose. A folder counts once, with all that is in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// By a pattern.
    pub pattern: u64,
    /// As too large.
    pub size: u64,
    /// The content of folders that programs mark as caches.
    pub cache: u64,
    /// What lies on other file systems: the kernel's own, other machines', or all where one
    /// file system was asked for.
    pub file_system: u64,
    /// The repository itself.
    pub own: u64,
    /// Files that the inspector refused.
    pub refused: u64,
}

impl LeftOut {
    /// All of them.
    pub fn total(&self) -> u64 {
        let Self { pattern, size, cache, file_system, own, refused } = *self;
        pattern + size + cache + file_system + own + refused
    }

    /// For people: `3 by pattern, 1 as a cache`; empty where nothing was left out.
    pub fn in_words(&self) -> String {
        let Self { pattern, size, cache, file_system, own, refused } = *self;
        let parts = [
            (pattern, "by a pattern"),
            (size, "as too large"),
            (cache, "as caches"),
            (file_system, "on other file systems"),
            (own, "since it is the repository"),
            (refused, "as infected"),
        ];
        let parts = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, why)| format!("{n} {why}"));
        parts.collect::<Vec<_>>().join(", ")
    }
}

/// What is counted besides the failures, while it is.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Files that the snapshot before has as they are.
    pub(crate) unchanged: AtomicU64,
    /// Files that were read and begin with noise.
    pub(crate) noise: AtomicU64,
    left_out: [AtomicU64; 6],
}

impl Counts {
    pub(crate) fn leave_out(&self, why: Why) {
        self.left_out[why as usize].fetch_add(1, Relaxed);
    }

    pub(crate) fn left_out(&self) -> LeftOut {
        let of = |why: Why| self.left_out[why as usize].load(Relaxed);
        LeftOut {
            pattern: of(Why::Pattern),
            size: of(Why::Size),
            cache: of(Why::Cache),
            file_system: of(Why::FileSystem),
            own: of(Why::Own),
            refused: of(Why::Refused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_counted_and_said() {
        let counts = Counts::default();
        for (why, times) in
            [(Why::Pattern, 1), (Why::Size, 2), (Why::Cache, 3), (Why::FileSystem, 4), (Why::Own, 5), (Why::Refused, 6)]
        {
            (0..times).for_each(|_| counts.leave_out(why));
        }
        let left_out = counts.left_out();
        assert_eq!(left_out, LeftOut { pattern: 1, size: 2, cache: 3, file_system: 4, own: 5, refused: 6 });
        assert_eq!(left_out.total(), 21);
        assert_eq!(
            left_out.in_words(),
            "1 by a pattern, 2 as too large, 3 as caches, 4 on other file systems, 5 since it is the repository, 6 as infected"
        );
        assert_eq!(LeftOut::default().in_words(), "");
    }
}
