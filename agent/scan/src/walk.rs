//! Which files there are to scan. Everything met on the way that cannot be walked is told,
//! not swallowed; links are never followed, except where the administrator named one.

use crate::identity::Identity;
use crate::platform::{self, FileSystem, Mounts};
use crate::read::Skip;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::{Path, PathBuf};
use walkdir::{DirEntry, WalkDir};

/// Folders held open at once.
const MAX_OPEN: usize = 16;

/// A pattern that is no glob.
#[derive(Debug, thiserror::Error)]
#[error("the exclude '{pattern}' is not a valid pattern: {reason}")]
pub struct ExcludeError {
    /// As it was given.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// What the walk met.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A file, and how it stands where the system tells on the way.
    File(PathBuf, Option<Identity>),
    Skipped(PathBuf, Skip),
    Failed(PathBuf, String),
}

/// Patterns whose files and folders are left out.
pub(crate) struct Excludes(GlobSet);

impl Excludes {
    /// A pattern with a slash speaks of whole paths, one without of any name in them. `*`
    /// stops at a slash, `**` does not; an excluded folder is left out with all below it.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, ExcludeError> {
        let fail =
            |pattern: &str, e: globset::Error| ExcludeError { pattern: pattern.into(), reason: e.kind().to_string() };
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            let trimmed = pattern.strip_suffix('/').unwrap_or(pattern);
            let whole = if trimmed.contains('/') { trimmed.to_owned() } else { format!("**/{trimmed}") };
            let glob = GlobBuilder::new(&whole)
                .literal_separator(true)
                .case_insensitive(platform::CASE_INSENSITIVE)
                .build()
                .map_err(|e| fail(pattern, e))?;
            set.add(glob);
        }
        set.build().map(Self).map_err(|e| fail(&patterns.join(", "), e))
    }

    pub(crate) fn cover(&self, path: &Path) -> bool {
        self.0.is_match(path)
    }
}

/// Walks below `root` and hands each step on until `hand_on` says stop. Returns whether it
/// came to the end.
pub(crate) fn walk(root: &Path, excludes: &Excludes, hand_on: &mut dyn FnMut(Step) -> bool) -> bool {
    let resolved = resolve(root).and_then(|root| Ok((platform::volume(&std::fs::metadata(&root)?), root)));
    let (home, root) = match resolved {
        Ok(resolved) => resolved,
        Err(error) => return hand_on(Step::Failed(root.to_owned(), format!("cannot be read: {error}"))),
    };
    let mounts = Mounts::read();
    let mut last = (home, mounts.file_system(&root, home));
    let mut entries = WalkDir::new(&root).follow_links(false).follow_root_links(false).max_open(MAX_OPEN).into_iter();
    while let Some(entry) = entries.next() {
        let step = match entry {
            Ok(entry) if excludes.cover(entry.path()) => {
                if entry.file_type().is_dir() {
                    entries.skip_current_dir();
                }
                continue;
            }
            Ok(entry) if entry.file_type().is_dir() => {
                let volume = entry.metadata().map_or(last.0, |m| platform::volume(&m));
                if volume != last.0 {
                    last = (volume, mounts.file_system(entry.path(), volume));
                }
                let why = match last.1 {
                    FileSystem::Pseudo => Skip::PseudoFileSystem,
                    // Where it was named on purpose it is meant.
                    FileSystem::Network if volume != home => Skip::NetworkFileSystem,
                    FileSystem::Local | FileSystem::Network => continue,
                };
                entries.skip_current_dir();
                Step::Skipped(entry.into_path(), why)
            }
            Ok(entry) => classify(entry),
            Err(error) => {
                let path = error.path().unwrap_or(&root).to_owned();
                let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                Step::Failed(path, format!("cannot be read: {reason}"))
            }
        };
        if !hand_on(step) {
            return false;
        }
    }
    true
}

/// A root that is itself a link was named on purpose: its target is walked.
pub(crate) fn resolve(root: &Path) -> std::io::Result<PathBuf> {
    if std::fs::symlink_metadata(root)?.is_symlink() { std::fs::canonicalize(root) } else { Ok(root.to_owned()) }
}

fn classify(entry: DirEntry) -> Step {
    let kind = entry.file_type();
    if kind.is_file() {
        let identity = entry.metadata().ok().and_then(|m| platform::identity_on_the_way(&m));
        return Step::File(entry.into_path(), identity);
    }
    let path = entry.into_path();
    if kind.is_symlink() { Step::Skipped(path, Skip::Link) } else { Step::Skipped(path, Skip::Special) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    fn steps(root: &Path, excludes: &[&str]) -> Vec<Step> {
        let excludes = Excludes::new(&excludes.iter().map(|e| (*e).to_owned()).collect::<Vec<_>>()).unwrap();
        let mut steps = Vec::new();
        assert!(walk(root, &excludes, &mut |step| {
            steps.push(match step {
                Step::File(path, _) => Step::File(path, None),
                other => other,
            });
            true
        }));
        steps.sort_by_key(|step| format!("{step:?}"));
        steps
    }

    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["docs/deep", "cache/x"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        for file in ["a.txt", "docs/b.iso", "docs/deep/c.txt", "cache/x/d.txt"] {
            fs::write(dir.path().join(file), b"x").unwrap();
        }
        dir
    }

    #[test]
    fn excludes_by_name_by_path_and_by_folder() {
        let dir = tree();
        let at = |name: &str| Step::File(dir.path().join(name), None);
        assert_eq!(steps(dir.path(), &[]).len(), 4);
        assert_eq!(steps(dir.path(), &["*.iso", "cache"]), [at("a.txt"), at("docs/deep/c.txt")]);
        let whole = format!("{}/docs/", dir.path().display());
        assert_eq!(steps(dir.path(), &[&whole, "**/cache/**"]), [at("a.txt")]);
        let one_level = format!("{}/*/c.txt", dir.path().display());
        assert_eq!(steps(dir.path(), &[&one_level]).len(), 4);
        assert!(Excludes::new(&["[".into()]).is_err());
    }

    #[test]
    fn a_missing_root_is_a_failure_that_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("none");
        let found = steps(&missing, &[]);
        assert!(matches!(&found[..], [Step::Failed(path, _)] if *path == missing), "{found:?}");
    }

    #[test]
    fn a_single_file_is_a_root_too_and_a_walk_can_be_stopped() {
        let dir = tree();
        let file = dir.path().join("a.txt");
        assert_eq!(steps(&file, &[]), [Step::File(file, None)]);
        assert!(!walk(dir.path(), &Excludes::new(&[]).unwrap(), &mut |_| false));
    }
}
