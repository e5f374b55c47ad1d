//! Other names of a file that was put away: under each it is still there.

use crate::platform;
use std::collections::VecDeque;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// Entries that are looked at, at most: people wait for it.
const MOST: usize = 200_000;
/// Names that are told, at most.
const NAMED: usize = 20;

/// Those that are found near where it was, and how many more it has.
pub(super) fn others(path: &Path, data: &Metadata) -> (Vec<PathBuf>, u64) {
    let (Some(number), count) = platform::names_of(data) else { return (vec![], 0) };
    let (mut left, mut looked, mut found) = (count.saturating_sub(1), 0, Vec::new());
    let mut below: Option<&Path> = None;
    // From its folder outwards: who gives a file a second name mostly does so nearby.
    for folder in path.ancestors().skip(1) {
        let mut open = VecDeque::from([folder.to_owned()]);
        while let Some(next) = open.pop_front() {
            for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
                if left == 0 || looked == MOST || found.len() == NAMED {
                    return (found, left);
                }
                looked += 1;
                let (at, Ok(data)) = (entry.path(), entry.metadata()) else { continue };
                let (this, _) = platform::names_of(&data);
                let same_disk = this.is_some_and(|(device, _)| device == number.0);
                if data.is_dir() && same_disk && below != Some(at.as_path()) {
                    open.push_back(at);
                } else if data.is_file() && this == Some(number) {
                    left -= 1;
                    found.push(at);
                }
            }
        }
        below = Some(folder);
    }
    (found, left)
}
