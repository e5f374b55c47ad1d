//! Paths of files that a backup did not read, by the million, until they are scanned.

use keepwatch_proto::paths;
use std::path::{Path, PathBuf};

/// Paths in their order. Neighbours have most of theirs in common, and that is kept once.
#[derive(Default)]
pub(super) struct Unread {
    /// For each: how much it has in common with the one before, how much follows, and that.
    bytes: Vec<u8>,
    last: String,
}

impl Unread {
    /// Adds one.
    pub(super) fn push(&mut self, path: &Path) {
        let text = paths::of_path(path);
        let both = self.last.bytes().zip(text.bytes());
        let common = self.last.floor_char_boundary(both.take_while(|(a, b)| a == b).count());
        let rest = &text.as_bytes()[common..];
        for length in [common, rest.len()] {
            // No path is that long.
            self.bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
        }
        self.bytes.extend(rest);
        self.last = text;
    }

    /// All of them.
    pub(super) fn into_paths(self) -> impl Iterator<Item = PathBuf> {
        let (mut at, mut text) = (0, Vec::new());
        std::iter::from_fn(move || {
            let mut length = || {
                let bytes = self.bytes.get(at..at + 4)?;
                at += 4;
                Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
            };
            let (common, rest) = (length()?, length()?);
            text.truncate(common);
            text.extend(self.bytes.get(at..at + rest)?);
            at += rest;
            Some(paths::to_path(std::str::from_utf8(&text).ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_and_takes_little() {
        let mut paths: Vec<PathBuf> = vec!["/".into(), "".into(), "/守/备".into(), "/守/战".into(), "/守".into()];
        paths.extend((0..10_000).map(|n| format!("/home/li/Documents/年度报告/2026/report {n:05}.docx").into()));
        let mut unread = Unread::default();
        paths.iter().for_each(|path| unread.push(path));
        assert!(unread.bytes.len() < 10_000 * 20, "{}", unread.bytes.len());
        assert_eq!(unread.into_paths().collect::<Vec<_>>(), paths);
        assert_eq!(Unread::default().into_paths().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_name_that_is_no_text_comes_back_as_it_was() {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/a/\xff\\x\xfe"));
        let mut unread = Unread::default();
        unread.push(path);
        unread.push(path);
        assert_eq!(unread.into_paths().collect::<Vec<_>>(), [path, path]);
    }
}
