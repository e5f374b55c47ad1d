//! Patterns over full paths, for excludes, includes and find: `*` and `?` stay within a
//! name, `**` crosses folders, and a pattern that does not start at the root matches
//! anywhere below it.

use crate::error::{Error, Result};
use crate::platform;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::path::Path;

/// What people write to look for a name: large and small letters are the same.
#[derive(Debug)]
pub struct Pattern(GlobSet);

impl Pattern {
    /// Fails with [`Error::BadGlob`].
    pub fn new(glob: &str) -> Result<Self> {
        Ok(Self(build(&[glob.to_owned()], true)?))
    }

    /// Whether a full path is meant.
    pub fn matches(&self, path: &Path) -> bool {
        self.0.is_match(path)
    }
}

/// One set out of many patterns.
pub(crate) fn set(patterns: &[String]) -> Result<GlobSet> {
    build(patterns, platform::NAMES_IGNORE_CASE)
}

fn build(patterns: &[String], ignore_case: bool) -> Result<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let bad = |e: globset::Error| Error::BadGlob { glob: pattern.clone(), why: e.kind().to_string() };
        let glob = GlobBuilder::new(&anchored(pattern))
            .literal_separator(true)
            .case_insensitive(ignore_case)
            .build()
            .map_err(bad)?;
        builder.add(glob);
    }
    builder.build().map_err(|e| Error::BadGlob { glob: patterns.join(" "), why: e.kind().to_string() })
}

fn anchored(pattern: &str) -> String {
    let pattern = platform::glob_text(pattern);
    let pattern = if pattern.len() > 1 { pattern.trim_end_matches('/') } else { &pattern };
    if pattern.starts_with('/') || pattern.starts_with("**") || platform::starts_at_drive(pattern) {
        pattern.to_owned()
    } else {
        format!("**/{pattern}")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_people_expect() {
        for (pattern, path, matches) in [
            ("*.tmp", "/a/b/c.tmp", true),
            ("*.tmp", "/c.tmp", true),
            ("*.tmp", "/a/c.tmp/d", false),
            ("node_modules", "/home/u/x/node_modules", true),
            ("/home/*/.cache", "/home/u/.cache", true),
            ("/home/*/.cache/", "/home/u/.cache", true),
            ("/home/*/.cache", "/home/u/v/.cache", false),
            ("/home/**/.cache", "/home/u/v/.cache", true),
            ("a/b", "/x/a/b", true),
            ("**/年度*", "/x/年度报告", true),
        ] {
            assert_eq!(set(&[pattern.to_owned()]).unwrap().is_match(path), matches, "{pattern} {path}");
        }
        let pattern = Pattern::new("Budget*.XLSX").unwrap();
        assert!(pattern.matches(Path::new("/x/budget 2024.xlsx")) && !pattern.matches(Path::new("/budget.xlsx/a")));
        assert!(matches!(set(&["[".to_owned()]), Err(Error::BadGlob { .. })));
    }
}
