//! What follows when a scan's worker dies: the files that it was judging are judged again,
//! alone and first; one on which it dies alone is set aside. So a file that kills costs
//! itself, and not the scan.

use crate::at_work::Left;
use keepwatch_proto::job::Tally;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Workers that one scan may use up.
const MOST: usize = 50;

/// What is known after the deaths so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Deaths {
    count: usize,
    /// Files to judge alone. They stay so to the end: those that passed are known by then.
    pub(super) suspects: BTreeSet<PathBuf>,
    /// Files on which it died alone, and how.
    pub(super) condemned: Vec<(PathBuf, String)>,
    /// Files that the dead were done with, and their bytes.
    pub(super) files: u64,
    pub(super) bytes: u64,
}

impl Deaths {
    /// A scan that goes on where an agent that was stopped had left it. Nobody died of the
    /// files that were being judged, as far as is known; alone they do no harm.
    pub(super) fn resumed(left: Left) -> Self {
        Self { suspects: left.judging.into_iter().collect(), files: left.files, bytes: left.bytes, ..Self::default() }
    }

    /// One more died, and `how`. An error, in words, where it makes no sense to go on.
    pub(super) fn one_more(&mut self, left: Left, how: &str) -> Result<(), String> {
        self.count += 1;
        self.files = self.files.saturating_add(left.files);
        self.bytes = self.bytes.saturating_add(left.bytes);
        let how = how.strip_prefix("it was ").unwrap_or(how);
        let report = "report it, with the agent's log";
        if self.count > MOST {
            return Err(format!("the scanner died more than {MOST} times, the last time since {how}; {report}"));
        }
        let mut more = false;
        for path in left.judging {
            if left.alone {
                self.suspects.remove(&path);
                let why = format!("the scanner died on it ({how}); set aside until it or the rules change");
                self.condemned.push((path, why));
                more = true;
            } else {
                more |= self.suspects.insert(path);
            }
        }
        if more { Ok(()) } else { Err(format!("the scanner died, and not on a file: {how}; {report}")) }
    }

    /// What was done in all: the last worker's count, and that of those before it. What they
    /// had judged comes back as unchanged, or is judged once more; no file counts twice.
    pub(super) fn add_to(&self, tally: &mut Tally) {
        let all = tally.files.saturating_add(tally.unchanged);
        tally.files = tally.files.saturating_add(self.files).min(all);
        tally.unchanged = all.saturating_sub(tally.files);
        tally.bytes = tally.bytes.saturating_add(self.bytes);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn left(files: &[&str], alone: bool) -> Left {
        Left { files: 10, bytes: 100, judging: files.iter().map(PathBuf::from).collect(), alone }
    }

    #[test]
    fn the_one_that_kills_is_found_and_set_aside() {
        let mut deaths = Deaths::default();
        deaths.one_more(left(&["/a", "/b"], false), "it was killed by SIGKILL (9)").unwrap();
        assert_eq!(deaths.suspects, ["/a", "/b"].map(PathBuf::from).into());
        deaths.one_more(left(&["/b"], true), "it was killed by SIGKILL (9)").unwrap();
        assert_eq!(deaths.suspects, ["/a"].map(PathBuf::from).into());
        let why = "the scanner died on it (killed by SIGKILL (9)); set aside until it or the rules change";
        assert_eq!(deaths.condemned, [(PathBuf::from("/b"), why.to_owned())]);
        // Another one, later.
        deaths.one_more(left(&["/c"], false), "x").unwrap();
        assert_eq!(deaths.suspects.len(), 2);
    }

    #[test]
    fn a_death_without_a_cause_ends_it_and_so_do_too_many() {
        let mut deaths = Deaths::default();
        assert!(deaths.one_more(left(&[], false), "it ended with code 101").unwrap_err().contains("code 101"));
        deaths = Deaths::default();
        deaths.one_more(left(&["/a"], false), "x").unwrap();
        assert!(deaths.one_more(left(&["/a"], false), "x").unwrap_err().contains("not on a file"));

        deaths = Deaths::default();
        let died = |deaths: &mut Deaths, n: usize| deaths.one_more(left(&[&format!("/{n}")], false), "x");
        for n in 0..MOST {
            died(&mut deaths, n).unwrap();
        }
        assert!(died(&mut deaths, MOST).unwrap_err().contains("more than 50 times"));
    }

    #[test]
    fn no_file_counts_twice() {
        let deaths = Deaths { files: 10, bytes: 100, ..Deaths::default() };
        for (files, unchanged, expected) in [
            // All that the dead judged is known now.
            (5, 10, (15, 0)),
            (5, 1010, (15, 1000)),
            // Some of it is judged again: it was found in, or its verdict was lost.
            (15, 0, (15, 0)),
            (12, 3, (15, 0)),
        ] {
            let mut tally = Tally { files, unchanged, bytes: 7, ..Tally::default() };
            deaths.add_to(&mut tally);
            assert_eq!(
                (tally.files, tally.unchanged, tally.bytes),
                (expected.0, expected.1, 107),
                "{files} {unchanged}"
            );
        }
        let mut alone = Tally { files: 3, unchanged: 4, bytes: 7, ..Tally::default() };
        Deaths::default().add_to(&mut alone);
        assert_eq!((alone.files, alone.unchanged, alone.bytes), (3, 4, 7));
    }
}
