//! Patterns over full paths, for excludes, includes and find: `*` and `?` stay within a
//! name, `**` crosses folders, and a pattern that does not start at the root matches
//! anywhere below it.

use crate::error::{Error, Result};
use crate::platform;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// One set out of many patterns.
pub(crate) fn set(patterns: &[String]) -> Result<GlobSet> {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        let bad = |e: globset::Error| Error::BadGlob { glob: pattern.clone(), why: e.kind().to_string() };
        let glob = GlobBuilder::new(&anchored(pattern))
            .literal_separator(true)
            .case_insensitive(platform::NAMES_IGNORE_CASE)
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
        assert!(matches!(set(&["[".to_owned()]), Err(Error::BadGlob { .. })));
    }
}
