//! Brings files back, below the folders that the PC's own file allows and nowhere else.
//! The engine checks every piece against its hash before a file gets its name, so what it
//! counts as restored has been verified.

use super::Speaker;
use super::backup::Saying;
use crate::worker::RestoreOrder;
use keepwatch_backup::{Repository, RestoreOptions, RestoreReport};
use keepwatch_proto::job::{Ended, JobState, Tally};
use keepwatch_proto::paths;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// A place that a restore may not write to.
#[derive(Debug, thiserror::Error)]
enum TargetError {
    /// No root at all.
    #[error("this PC allows no restores: 'restore_roots' in its agent.toml is empty")]
    NoRoots,
    /// Elsewhere.
    #[error(
        "this PC does not allow restores into {0}: 'restore_roots' in its agent.toml does not cover it; choose another target, or leave it out for a new folder"
    )]
    NotAllowed(String),
    /// Not a clear path.
    #[error("{0} cannot be restored into: {1}; name a folder by its full path")]
    Unclear(String, io::Error),
}

/// Restores, from opening the repository to how it ended.
pub(super) fn run(order: RestoreOrder, speaker: &Speaker<impl Write + Send>) -> Ended {
    speaker.progress("opening", 0, 0, 0);
    let RestoreOrder { storage, password, spec, roots, new_folder } = order;
    let target = match target(&spec.target, &roots, &new_folder) {
        Ok(target) => target,
        Err(error) => return Ended::failed(error.to_string()),
    };
    let options = RestoreOptions {
        snapshot: spec.snapshot,
        paths: spec.paths.iter().map(|path| paths::to_path(path)).collect(),
        globs: vec![],
        target: target.clone(),
        overwrite: spec.overwrite,
        dry_run: spec.dry_run,
    };
    let phase = if spec.dry_run { "looking" } else { "restoring" };
    let restored = Repository::open(&storage, &password)
        .and_then(|repository| repository.restore(&options, &Saying::new(speaker, phase)));
    match restored {
        Ok(report) => ended(&report, &target, spec.dry_run),
        Err(error) => Ended { target: paths::of_path(&target), ..Ended::failed(error.to_string()) },
    }
}

fn ended(report: &RestoreReport, target: &Path, dry_run: bool) -> Ended {
    let tally = Tally { files: report.files, bytes: report.bytes, failed: report.failed, ..Tally::default() };
    let (outcome, message) = match (report.failed, dry_run) {
        (0, false) => (JobState::Succeeded, String::new()),
        (0, true) => (JobState::Succeeded, "nothing was written: this was a dry run".to_owned()),
        (n, _) => (JobState::Partial, format!("{n} entries were not restored, or not in full; they are named")),
    };
    Ended { outcome, tally, target: paths::of_path(target), ..Ended::failed(message) }
}

/// The folder to restore into, free of links on its way, below an allowed root.
fn target(asked: &str, roots: &[PathBuf], new_folder: &str) -> Result<PathBuf, TargetError> {
    let target = match (asked, roots.first()) {
        (_, None) => return Err(TargetError::NoRoots),
        ("", Some(first)) => first.join(new_folder),
        (text, _) => paths::to_path(text),
    };
    let shown = paths::of_path(&target);
    let real = resolve(&target).map_err(|error| TargetError::Unclear(shown.clone(), error))?;
    let allowed = roots.iter().filter_map(|root| resolve(root).ok()).any(|root| real.starts_with(root));
    if allowed { Ok(real) } else { Err(TargetError::NotAllowed(shown)) }
}

/// Where a path really leads: what is there of it without links, the rest as it stands.
fn resolve(path: &Path) -> io::Result<PathBuf> {
    let unclear = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    if !path.is_absolute() {
        return Err(unclear("it is not a full path"));
    }
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(unclear("it has '..' in it"));
    }
    // A link that leads nowhere is there, and cannot be resolved: an error, not a new name.
    let there = path.ancestors().find(|ancestor| ancestor.symlink_metadata().is_ok());
    let there = there.ok_or_else(|| unclear("no part of it exists"))?;
    let rest = path.strip_prefix(there).map_err(io::Error::other)?;
    let real = there.canonicalize()?;
    if rest.as_os_str().is_empty() {
        return Ok(real);
    }
    if !real.is_dir() {
        return Err(unclear("a part of it is a file"));
    }
    Ok(real.join(rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_below_a_root_and_no_link_leads_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        for name in ["root/in", "outside"] {
            std::fs::create_dir_all(base.join(name)).unwrap();
        }
        std::fs::write(base.join("root/file"), "").unwrap();
        let linked = crate::platform::link_for_tests(&base.join("outside"), &base.join("root/out"))
            && crate::platform::link_for_tests(&base.join("root/in"), &base.join("root/inner"))
            && crate::platform::link_for_tests(&base.join("nowhere"), &base.join("root/dangling"));
        let roots = [base.join("root")];
        let try_one = |path: &str| target(&paths::of_path(&base.join(path)), &roots, "new");

        assert_eq!(try_one("root").unwrap(), base.join("root"));
        assert_eq!(try_one("root/in/a/b").unwrap(), base.join("root/in/a/b"));
        for outside in ["outside", "rootless", "", "root/../outside", "root/file/a"] {
            assert!(try_one(outside).is_err(), "{outside}");
        }
        if linked {
            assert_eq!(try_one("root/inner/a").unwrap(), base.join("root/in/a"));
            assert!(try_one("root/out/a").unwrap_err().to_string().contains("agent.toml"));
            assert!(
                try_one("root/out").is_err()
                    && try_one("root/dangling").is_err()
                    && try_one("root/dangling/a").is_err()
            );
        }
    }

    #[test]
    fn without_a_target_a_new_folder_is_meant() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap().join("not/yet");
        assert_eq!(target("", std::slice::from_ref(&root), "restored-1").unwrap(), root.join("restored-1"));
        assert!(matches!(target("", &[], "restored-1"), Err(TargetError::NoRoots)));
        assert!(target("relative", &[root], "restored-1").is_err());
    }
}
