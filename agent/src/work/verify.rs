//! Whether backups come back: some files of the newest snapshot, taken at random, are restored to a
//! scratch folder, held against those on the PC that have not changed since, and removed again.

use super::backup::Saying;
use super::{Speaker, failed_by};
use crate::worker::VerifyOrder;
use keepwatch_backup::{Error, Repository, RestoreOptions, Sampled};
use keepwatch_proto::job::{Ended, JobState, Tally};
use keepwatch_proto::paths;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// What a controller may ask for at most: it may have been taken over.
const MOST_FILES: u32 = 1000;
const MOST_BYTES: u64 = 1 << 30;
/// Bytes that are compared at a time.
const PIECE: usize = 256 << 10;

/// Verifies, from opening the repository to how it ended.
pub(super) fn run(order: &VerifyOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
    speaker.progress("opening", 0, 0, 0);
    // What an earlier one left that was cut off.
    let swept = clear(&order.scratch).and_then(|()| fs::create_dir_all(&order.scratch));
    if let Err(error) = swept {
        return Ended::failed(format!("{} cannot be used for that: {error}", order.scratch.display()));
    }
    let verified = verify(order, speaker);
    if let Err(error) = clear(&order.scratch) {
        tracing::warn!("what was restored to look at it cannot be removed: {}: {error}", order.scratch.display());
    }
    verified.unwrap_or_else(|error| failed_by(&error))
}

fn verify(order: &VerifyOrder, speaker: &Speaker<impl Write + Send>) -> Result<Ended, Error> {
    let repository = Repository::open(&order.storage, &order.password)?;
    let wanted = repository.sample("latest", order.files.min(MOST_FILES) as usize, order.bytes.min(MOST_BYTES))?;
    if wanted.is_empty() {
        return Ok(Ended { outcome: JobState::Succeeded, ..Ended::failed("the newest snapshot holds no file to try") });
    }
    let options = RestoreOptions {
        snapshot: "latest".to_owned(),
        paths: wanted.iter().map(|file| file.path.clone()).collect(),
        target: Some(order.scratch.clone()),
        ..RestoreOptions::default()
    };
    let report = repository.restore(&options, &Saying::new(speaker, "restoring"))?;
    speaker.progress("comparing", report.files, report.bytes, report.bytes);
    let (mut same, mut differ) = (0u64, 0u64);
    for file in &wanted {
        let restored = order.scratch.join(file.path.strip_prefix("/").unwrap_or(&file.path));
        match compare(file, &restored) {
            Some(Ok(true)) => same += 1,
            Some(Ok(false)) => {
                differ += 1;
                let why = "the backup has other content than the PC, though the file's size and time are the same";
                speaker.failed(&paths::of_path(&file.path), why);
            }
            // It has changed since, or cannot be read: its content was held against its hash.
            Some(Err(_)) | None => {}
        }
    }
    let failed = report.failed + differ;
    let tally = Tally { files: report.files, bytes: report.bytes, failed, ..Tally::default() };
    let outcome = if failed == 0 { JobState::Succeeded } else { JobState::Partial };
    let id = report.snapshot.id.get(..12).unwrap_or_default();
    let message = format!(
        "{} files of the snapshot {id}, taken at random, were restored to try it, and removed again; {same} of them are \
         still unchanged on the PC and were compared",
        report.files
    );
    Ok(Ended { outcome, tally, ..Ended::failed(message) })
}

/// Whether a file that is still as it was saved has the content that was restored; `None` where it
/// has changed since, or is gone.
fn compare(file: &Sampled, restored: &Path) -> Option<io::Result<bool>> {
    let local = keepwatch_backup::local(&file.path);
    let now = fs::symlink_metadata(&local).ok().filter(|now| now.is_file())?;
    let modified = now.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let unchanged = now.len() == file.size && i128::try_from(modified.as_nanos()).ok() == file.modified;
    (unchanged && restored.exists()).then(|| {
        let (mut one, mut other) = (File::open(&local)?, File::open(restored)?);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        loop {
            a.clear();
            b.clear();
            Read::by_ref(&mut one).take(PIECE as u64).read_to_end(&mut a)?;
            Read::by_ref(&mut other).take(PIECE as u64).read_to_end(&mut b)?;
            if a != b || a.is_empty() {
                return Ok(a == b);
            }
        }
    })
}

fn clear(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_not_changed_is_compared() {
        let folder = tempfile::tempdir().unwrap();
        let (path, restored) = (folder.path().join("now"), folder.path().join("restored"));
        fs::write(&path, "content").unwrap();
        let modified = fs::metadata(&path).unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
        let file = Sampled { path, size: 7, modified: i128::try_from(modified.as_nanos()).ok() };
        assert!(compare(&file, &restored).is_none(), "it was not restored");
        for (content, same) in [("content", true), ("contend", false), ("conten", false), ("contents", false)] {
            fs::write(&restored, content).unwrap();
            assert_eq!(compare(&file, &restored).unwrap().unwrap(), same, "{content}");
        }
        let changed = Sampled { modified: file.modified.map(|at| at - 1), ..file.clone() };
        assert!(compare(&changed, &restored).is_none());
        let grown = Sampled { size: 8, ..file };
        assert!(compare(&grown, &restored).is_none());
    }
}
