//! Where rules lie: the files and folders that people name, listed in a stable order and
//! read as text.

use crate::identity::Identity;
use crate::platform;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// The largest public rule files are below 4 MiB.
const MAX_SOURCE_BYTES: u64 = 32 * 1024 * 1024;

/// A source file of rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleFile {
    /// Keeps equal rule names of different files apart.
    pub namespace: String,
    /// Where it came from, for messages.
    pub path: PathBuf,
    /// The text.
    pub source: String,
}

/// Why rule files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadRulesError {
    /// A file or folder cannot be read.
    #[error("cannot read rules at {}: {reason}", .path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Not text.
    #[error("{} is not UTF-8 text; convert it, or leave it out", .0.display())]
    NotText(PathBuf),
    /// Larger than any rule file should be.
    #[error("{} is larger than {MAX_SOURCE_BYTES} bytes; split it, or leave it out", .0.display())]
    TooLarge(PathBuf),
    /// A folder without a rule file.
    #[error("no .yar or .yara file in {}", .0.display())]
    Empty(PathBuf),
}

/// A rule file that was listed, and not read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    namespace: String,
    path: PathBuf,
}

/// Reads rule files, and every `*.yar` and `*.yara` below folders, in a stable order. A
/// file's namespace is its path below the folder that was named, without the extension.
pub fn read_rules(paths: &[PathBuf]) -> Result<Vec<RuleFile>, ReadRulesError> {
    list(paths)?.iter().map(read_listed).collect()
}

/// What [`read_rules`] reads.
pub(crate) fn list(paths: &[PathBuf]) -> Result<Vec<Listed>, ReadRulesError> {
    let mut files = Vec::new();
    for root in paths {
        let before = files.len();
        for entry in WalkDir::new(root).sort_by_file_name() {
            let entry = entry.map_err(|e| ReadRulesError::Unreadable {
                path: e.path().unwrap_or(root).to_owned(),
                reason: e.to_string(),
            })?;
            let named_itself = entry.depth() == 0;
            if !entry.file_type().is_dir() && (named_itself || is_rule_file(entry.path())) {
                let below = if named_itself {
                    entry.file_name().as_ref()
                } else {
                    entry.path().strip_prefix(root).unwrap_or(entry.path())
                };
                files.push(Listed { namespace: namespace(below), path: entry.into_path() });
            }
        }
        if files.len() == before {
            return Err(ReadRulesError::Empty(root.clone()));
        }
    }
    Ok(files)
}

fn read_listed(Listed { namespace, path }: &Listed) -> Result<RuleFile, ReadRulesError> {
    Ok(RuleFile { namespace: namespace.clone(), path: path.clone(), source: read_source(path)? })
}

/// What tells a selection of files, as they stand, from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) key: [u8; 32],
    /// The time of the latest change, in nanoseconds since 1970 by the file system's clock. One
    /// that follows closely on it may leave no trace.
    pub(crate) changed: i64,
}

/// Tells these files, as they stand now, from every other selection and every other state of
/// them; `None` where the system cannot tell.
pub(crate) fn fingerprint(files: &[Listed]) -> Option<Fingerprint> {
    let (mut hash, mut latest) = (Sha256::new(), i64::MIN);
    for Listed { namespace, path } in files {
        let Identity { volume, file, size, modified, changed } = platform::identity_of(path)?;
        latest = latest.max(modified).max(changed);
        for part in [namespace.as_bytes(), path.as_os_str().as_encoded_bytes()] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        for number in [volume.to_le_bytes(), file.to_le_bytes(), size.to_le_bytes()] {
            hash.update(number);
        }
        for time in [modified.to_le_bytes(), changed.to_le_bytes()] {
            hash.update(time);
        }
    }
    Some(Fingerprint { key: hash.finalize().into(), changed: latest })
}

fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("yar") || e.eq_ignore_ascii_case("yara"))
}

fn namespace(below: &Path) -> String {
    let stem = below.with_extension("");
    stem.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn read_source(path: &Path) -> Result<String, ReadRulesError> {
    let unreadable = |e: std::io::Error| ReadRulesError::Unreadable { path: path.to_owned(), reason: e.to_string() };
    if fs::metadata(path).map_err(unreadable)?.len() > MAX_SOURCE_BYTES {
        return Err(ReadRulesError::TooLarge(path.to_owned()));
    }
    let bytes = fs::read(path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|_| ReadRulesError::NotText(path.to_owned()))?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

/// A rule file for tests.
#[cfg(test)]
pub(crate) fn file(namespace: &str, source: &str) -> RuleFile {
    RuleFile { namespace: namespace.into(), path: format!("{namespace}.yar").into(), source: source.into() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rules::compile;

    #[test]
    fn folders_are_read_in_order_with_their_paths_as_namespaces() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        fs::write(dir.path().join("sub/Win32.B.yara"), "\u{feff}rule b { condition: true }").unwrap();
        fs::write(dir.path().join("a.YAR"), "rule a { condition: true }").unwrap();
        fs::write(dir.path().join("README.md"), "no rule").unwrap();
        let files = read_rules(&[dir.path().to_owned(), dir.path().join("a.YAR")]).unwrap();
        let names: Vec<_> = files.iter().map(|f| f.namespace.as_str()).collect();
        assert_eq!(names, ["a", "sub/Win32.B", "a"]);
        assert!(compile(&files[..2]).is_ok());
    }

    #[test]
    fn unusable_sources_say_so() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(read_rules(&[dir.path().to_owned()]), Err(ReadRulesError::Empty(_))));
        assert!(matches!(read_rules(&[dir.path().join("none")]), Err(ReadRulesError::Unreadable { .. })));
        fs::write(dir.path().join("latin.yar"), b"// caf\xe9").unwrap();
        assert!(matches!(read_rules(&[dir.path().to_owned()]), Err(ReadRulesError::NotText(_))));
        fs::File::create(dir.path().join("huge.yar")).unwrap().set_len(MAX_SOURCE_BYTES + 1).unwrap();
        assert!(matches!(read_rules(&[dir.path().to_owned()]), Err(ReadRulesError::TooLarge(_))));
    }

    #[test]
    fn files_are_told_from_others_and_from_what_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.yar");
        fs::write(&path, "rule a { condition: true }").unwrap();
        let listed = list(&[dir.path().to_owned()]).unwrap();
        let before = fingerprint(&listed).unwrap();
        assert_eq!(fingerprint(&listed), Some(before));
        let renamed = vec![Listed { namespace: "m".into(), path: path.clone() }];
        assert_ne!(fingerprint(&renamed).unwrap().key, before.key);
        fs::write(&path, "rule a { condition: false }").unwrap();
        assert_ne!(fingerprint(&listed).unwrap().key, before.key);
        fs::remove_file(&path).unwrap();
        assert_eq!(fingerprint(&listed), None);
    }
}
