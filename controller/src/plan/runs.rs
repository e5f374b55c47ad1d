//! Of the runs that were due in a period: which were done, which were missed, and which may still come.

use std::ops::AddAssign;

/// Runs that were due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Runs {
    /// All of them.
    pub due: u32,
    /// Done before the next one was due.
    pub done: u32,
    /// Not done before the next one was due.
    pub missed: u32,
    /// Not done, and the next one is not due yet.
    pub open: u32,
}

/// Counts the runs that were due then, in their order; `next`: when one is due after the last of
/// them. What was done is in its order, too. Moments are Unix seconds.
pub fn count(due: &[i64], next: Option<i64>, done: &[i64], now: i64) -> Runs {
    let mut runs = Runs::default();
    for (at, from) in due.iter().enumerate() {
        let until = due.get(at + 1).copied().or(next).unwrap_or(i64::MAX);
        let first = done.partition_point(|ended| ended < from);
        runs.due += 1;
        match done.get(first) {
            Some(ended) if *ended < until => runs.done += 1,
            _ if until <= now => runs.missed += 1,
            _ => runs.open += 1,
        }
    }
    runs
}

impl AddAssign for Runs {
    fn add_assign(&mut self, other: Self) {
        self.due += other.due;
        self.done += other.done;
        self.missed += other.missed;
        self.open += other.open;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_done_until_the_next_is_due() {
        for (due, next, done, now, expected) in [
            (&[][..], None, &[5][..], 100, [0, 0, 0, 0]),
            (&[10, 20, 30], Some(40), &[12, 29, 31], 100, [3, 3, 0, 0]),
            // One that comes after the next was due makes good for that one.
            (&[10, 20], Some(30), &[20], 100, [2, 1, 1, 0]),
            (&[10, 20], Some(30), &[9], 25, [2, 0, 1, 1]),
            (&[10], Some(20), &[20], 20, [1, 0, 1, 0]),
            (&[10], None, &[], 1_000, [1, 0, 0, 1]),
        ] {
            let Runs { due: all, done: ok, missed, open } = count(due, next, done, now);
            assert_eq!([all, ok, missed, open], expected, "{due:?} {done:?}");
        }
    }
}
