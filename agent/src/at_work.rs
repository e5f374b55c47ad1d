//! Which files a scan is judging at this moment, in a file that outlives the process that
//! judges: when a worker dies, this tells what it may have died on, and how far it had come.
//! One slot a thread, written in place and never forced to the disk: it has to survive the
//! process, not the PC.

use crate::platform;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::paths;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes of a slot: a count of files and of bytes, a path's length, whether it is judged
/// alone, the path, its length again.
const SLOT: usize = 17 << 10;
/// The longest path that fits; on one that is longer nobody can put a finger.
const LONGEST: usize = 16 << 10;
/// Before the slots: the job's id.
const HEAD: usize = 64;
/// More threads than a scan has.
const MOST_SLOTS: usize = 1024;

/// The file, in the folder of what scans leave.
pub(crate) fn file(folder: &Path) -> PathBuf {
    folder.join("at-work")
}

/// The child's side.
pub(crate) struct AtWork {
    file: File,
    slots: Mutex<Vec<Slot>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    files: u64,
    bytes: u64,
    /// Of the file that is being judged.
    size: u64,
}

impl AtWork {
    /// Begins the file anew.
    pub(crate) fn begin(path: &Path, job: JobId) -> io::Result<Self> {
        let file = File::create(path)?;
        platform::write_at(&file, job.to_string().as_bytes(), 0)?;
        Ok(Self { file, slots: Mutex::default() })
    }

    /// A thread begins with a file. What cannot be written costs only the trace.
    pub(crate) fn begins(&self, thread: usize, path: &Path, alone: bool) {
        let (text, size) = (paths::of_path(path), std::fs::symlink_metadata(path).map_or(0, |m| m.len()));
        let slot = self.change(thread, |slot| slot.size = size);
        if thread < MOST_SLOTS {
            let _ = platform::write_at(&self.file, &written(slot, &text, alone), offset(thread));
        }
    }

    /// A thread is done with its file.
    pub(crate) fn ends(&self, thread: usize) {
        let slot = self.change(thread, |slot| {
            slot.files += 1;
            slot.bytes = slot.bytes.saturating_add(slot.size);
        });
        if thread < MOST_SLOTS {
            let _ = platform::write_at(&self.file, &written(slot, "", false), offset(thread));
        }
    }

    fn change(&self, thread: usize, change: impl FnOnce(&mut Slot)) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() <= thread {
            slots.resize(thread + 1, Slot::default());
        }
        change(&mut slots[thread]);
        slots[thread]
    }
}

fn offset(thread: usize) -> u64 {
    (HEAD + thread * SLOT) as u64
}

fn written(slot: Slot, path: &str, alone: bool) -> Vec<u8> {
    let path = if path.len() > LONGEST { "" } else { path };
    let length = (path.len() as u32).to_le_bytes();
    let parts = [&slot.files.to_le_bytes()[..], &slot.bytes.to_le_bytes(), &length, &[u8::from(alone)]];
    [parts.concat().as_slice(), path.as_bytes(), &length].concat()
}

/// What a worker has left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Left {
    /// Files that it was done with, and their bytes.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// What it was judging.
    pub(crate) judging: Vec<PathBuf>,
    /// Whether that was one file, alone.
    pub(crate) alone: bool,
}

/// The parent's side: what the worker of a job has left. Of another job's it is nothing.
pub(crate) fn left(path: &Path, job: JobId) -> Left {
    let bytes = std::fs::read(path).unwrap_or_default();
    if !bytes.starts_with(job.to_string().as_bytes()) {
        return Left::default();
    }
    let mut left = Left::default();
    for slot in bytes.get(HEAD..).unwrap_or_default().chunks(SLOT).take(MOST_SLOTS) {
        let Some((files, bytes, alone, path)) = read(slot) else { continue };
        left.files = left.files.saturating_add(files);
        left.bytes = left.bytes.saturating_add(bytes);
        if !path.is_empty() {
            left.alone |= alone;
            left.judging.push(paths::to_path(path));
        }
    }
    left
}

/// A slot that was half written has no path: its length does not stand where it should.
fn read(slot: &[u8]) -> Option<(u64, u64, bool, &str)> {
    let (files, rest) = slot.split_first_chunk::<8>()?;
    let (bytes, rest) = rest.split_first_chunk::<8>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (alone, rest) = rest.split_first()?;
    let path = rest.split_at_checked(u32::from_le_bytes(*length) as usize);
    let path = path.filter(|(_, after)| after.starts_with(length)).and_then(|(path, _)| std::str::from_utf8(path).ok());
    Some((u64::from_le_bytes(*files), u64::from_le_bytes(*bytes), *alone == 1, path.unwrap_or_default()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_proto::clock::Clock;

    #[test]
    fn what_a_worker_was_at_is_there_when_it_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let (file, job) = (folder.path().join("at-work"), JobId::new(&Clock::system()));
        let here = folder.path().join("守备 \\x41");
        std::fs::write(&here, "12345").unwrap();
        assert_eq!(left(&file, job), Left::default());

        let at_work = AtWork::begin(&file, job).unwrap();
        assert_eq!(left(&file, job), Left::default());
        at_work.begins(0, &here, false);
        at_work.begins(2, Path::new("/gone"), false);
        at_work.ends(2);
        let both = Left { files: 1, bytes: 0, judging: vec![here.clone()], alone: false };
        assert_eq!(left(&file, job), both);
        at_work.ends(0);
        at_work.begins(0, &here, true);
        assert_eq!(left(&file, job), Left { files: 2, bytes: 5, judging: vec![here.clone()], alone: true });
        // A shorter name after a longer one.
        at_work.ends(0);
        at_work.begins(0, Path::new("/a"), false);
        assert_eq!(left(&file, job).judging, [PathBuf::from("/a")]);
        // Too long to be told, and not taken for another.
        at_work.begins(0, Path::new(&"x".repeat(LONGEST + 1)), false);
        assert!(left(&file, job).judging.is_empty());

        let other = JobId::new(&Clock::system());
        assert_eq!(left(&file, other), Left::default());
        drop(AtWork::begin(&file, other).unwrap());
        assert_eq!(left(&file, job), Left::default());
    }

    #[test]
    fn what_is_cut_or_nonsense_accuses_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (file, job) = (folder.path().join("at-work"), JobId::new(&Clock::system()));
        let at_work = AtWork::begin(&file, job).unwrap();
        at_work.begins(0, Path::new("/srv/some/file"), false);
        let whole = std::fs::read(&file).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&file, &whole[..cut]).unwrap();
            assert!(left(&file, job).judging.is_empty(), "{cut}");
        }
        let mut nonsense = whole[..HEAD].to_vec();
        nonsense.extend(vec![0xff; 3 * SLOT]);
        std::fs::write(&file, nonsense).unwrap();
        assert!(left(&file, job).judging.is_empty());
    }
}
