//! Which entries of a snapshot a restore takes: all, those at or below given paths, those
//! that match a pattern.

use crate::error::{Error, Result};
use crate::{globs, tree};
use globset::GlobSet;
use std::path::{Path, PathBuf};

/// The choice.
pub(crate) struct Selection {
    all: bool,
    paths: Vec<PathBuf>,
    globs: GlobSet,
}

/// What becomes of one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// It and all below it.
    Whole,
    /// Not itself, but something below it may be.
    Below,
    /// Nothing of it.
    No,
}

impl Selection {
    pub(crate) fn new(paths: &[PathBuf], patterns: &[String]) -> Result<Self> {
        let mut plain = Vec::new();
        for path in paths {
            let names = tree::names(path).ok_or_else(|| Error::NoSuchPath(path.clone()))?;
            plain.push(names.into_iter().fold(tree::top(), |path, name| path.join(name)));
        }
        let all = paths.is_empty() && patterns.is_empty() || plain.contains(&tree::top());
        Ok(Self { all, paths: plain, globs: globs::set(patterns)? })
    }

    /// What becomes of the entry at `path`, whose folder is taken whole if `within`.
    pub(crate) fn wanted(&self, path: &Path, within: bool) -> Wanted {
        if self.all || within || self.paths.iter().any(|wanted| wanted == path) || self.globs.is_match(path) {
            Wanted::Whole
        } else if !self.globs.is_empty() || self.paths.iter().any(|wanted| wanted.starts_with(path)) {
            Wanted::Below
        } else {
            Wanted::No
        }
    }

    /// The chosen paths, each of which should be found.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        if self.all { &[] } else { &self.paths }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_was_chosen_and_nothing_beside_it() {
        let selection = Selection::new(&["/a/b".into(), "c/d.txt".into()], &["*.doc".to_owned()]).unwrap();
        for (path, within, wanted) in [
            ("/a", false, Wanted::Below),
            ("/a/b", false, Wanted::Whole),
            ("/a/b/x", true, Wanted::Whole),
            ("/c/d.txt", false, Wanted::Whole),
            ("/q/x.doc", false, Wanted::Whole),
            ("/q", false, Wanted::Below),
        ] {
            assert_eq!(selection.wanted(Path::new(path), within), wanted, "{path}");
        }
        let selection = Selection::new(&["/a/b".into()], &[]).unwrap();
        assert_eq!(selection.wanted(Path::new("/a/bc"), false), Wanted::No);
        assert!(Selection::new(&["/a/../b".into()], &[]).is_err());
        assert_eq!(Selection::new(&["/".into()], &[]).unwrap().wanted(Path::new("/x"), false), Wanted::Whole);
    }
}
