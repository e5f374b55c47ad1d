//! Gathers the rule files to import from a file, a folder or a zip. All of them are read
//! before the first is sent: half a set must never be published as if it were whole.

use keepwatch_proto::bundle::MAX_UNPACKED;
use keepwatch_proto::paths;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// How the name of a rule file ends.
const ENDINGS: [&str; 2] = ["yar", "yara"];
/// Deepest folder that is looked into.
const DEEPEST: usize = 32;
/// Most entries that are looked at.
const MOST_ENTRIES: usize = 200_000;

/// What is to be imported.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// The rule files, by path.
    pub(crate) files: Vec<RuleFile>,
    /// Entries that are no rule files, by path.
    pub(crate) ignored: Vec<String>,
}

/// One file to send.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RuleFile {
    /// Below the imported folder, with slashes.
    pub(crate) path: String,
    pub(crate) data: Vec<u8>,
}

/// Why there is nothing to import.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatherError {
    #[error("cannot read {}: {error}; nothing was sent", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("there is no rule file (*.yar, *.yara) in {}", .0.display())]
    Nothing(PathBuf),
    #[error("{} holds more than {MOST_ENTRIES} entries or deeper folders than {DEEPEST}; import the folder with the rules only", .0.display())]
    TooMany(PathBuf),
    #[error("the rule files are more than {} MiB together; import fewer", MAX_UNPACKED >> 20)]
    TooLarge,
}

/// Gathers what a path holds. A single file is taken whatever its name: it was named.
pub(crate) fn gather(path: &Path) -> Result<Gathered, GatherError> {
    let mut walk = Walk { root: path, gathered: Gathered::default(), entries: 0, bytes: 0 };
    let is_folder = std::fs::metadata(path).map_err(reading(path))?.is_dir();
    if is_folder {
        walk.folder(path, "", 0)?;
    } else {
        let name = path.file_name().map(crate::platform::bytes).unwrap_or_default();
        walk.file(path, paths::to_text(&name))?;
    }
    let mut gathered = walk.gathered;
    if gathered.files.is_empty() {
        return Err(GatherError::Nothing(path.into()));
    }
    gathered.files.sort_by(|a, b| a.path.cmp(&b.path));
    gathered.ignored.sort();
    Ok(gathered)
}

struct Walk<'a> {
    root: &'a Path,
    gathered: Gathered,
    entries: usize,
    bytes: u64,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, below: &str, depth: usize) -> Result<(), GatherError> {
        if depth > DEEPEST {
            return Err(GatherError::TooMany(self.root.into()));
        }
        for entry in std::fs::read_dir(folder).map_err(reading(folder))? {
            let entry = entry.map_err(reading(folder))?;
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                return Err(GatherError::TooMany(self.root.into()));
            }
            let path = entry.path();
            let name = paths::to_text(&crate::platform::bytes(&entry.file_name()));
            let text = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            // Links are not followed: they lead out of the folder, or around in it.
            let kind = entry.file_type().map_err(reading(&path))?;
            if kind.is_dir() && !name.starts_with('.') {
                self.folder(&path, &text, depth + 1)?;
            } else if kind.is_file() && is_rule_file(&path) {
                self.file(&path, text)?;
            } else {
                self.gathered.ignored.push(text);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, text: String) -> Result<(), GatherError> {
        let mut data = Vec::new();
        let left = MAX_UNPACKED - self.bytes;
        let file = std::fs::File::open(path).map_err(reading(path))?;
        let read = file.take(left + 1).read_to_end(&mut data).map_err(reading(path))? as u64;
        if read > left {
            return Err(GatherError::TooLarge);
        }
        self.bytes += read;
        self.gathered.files.push(RuleFile { path: text, data });
        Ok(())
    }
}

fn is_rule_file(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

fn reading(path: &Path) -> impl FnOnce(io::Error) -> GatherError {
    move |error| GatherError::Read { path: path.into(), error }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_folder_gives_its_rule_files_and_names_the_rest() {
        let home = tempfile::tempdir().unwrap();
        let root = home.path();
        fs::create_dir_all(root.join("office/宏")).unwrap();
        fs::create_dir_all(root.join(".git")).unwrap();
        for name in ["a.yar", "office/b.YARA", "office/宏/c.yar", "README.md", "office/d.txt", ".git/e.yar"] {
            fs::write(root.join(name), name).unwrap();
        }
        let gathered = gather(root).unwrap();
        let paths: Vec<&str> = gathered.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["a.yar", "office/b.YARA", "office/宏/c.yar"]);
        assert_eq!(gathered.files[1].data, b"office/b.YARA");
        assert_eq!(gathered.ignored, [".git", "README.md", "office/d.txt"]);
    }

    #[test]
    fn a_single_file_is_taken_whatever_its_name() {
        let home = tempfile::tempdir().unwrap();
        let zip = home.path().join("rules.zip");
        fs::write(&zip, "PK").unwrap();
        let gathered = gather(&zip).unwrap();
        assert_eq!(gathered.files, [RuleFile { path: "rules.zip".into(), data: b"PK".to_vec() }]);
    }

    #[test]
    fn nothing_missing_and_too_deep_are_said() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("README"), "").unwrap();
        assert!(matches!(gather(home.path()), Err(GatherError::Nothing(_))));
        assert!(matches!(gather(&home.path().join("none")), Err(GatherError::Read { .. })));
        let deep: PathBuf = std::iter::repeat_n("d", DEEPEST + 2).collect();
        fs::create_dir_all(home.path().join(deep)).unwrap();
        assert!(matches!(gather(home.path()), Err(GatherError::TooMany(_))));
    }
}
