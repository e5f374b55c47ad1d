//! Rules that are compiled once. What the compiler made is kept beside the agent's state and
//! loads many times faster; it is a cache of our own, made here from source that was
//! verified, and never anything that came from elsewhere: loading it runs what it holds.

use crate::platform;
use crate::rules::{CompileError, GLOBALS, RuleFile, Rules, compile};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Version of yara-x, which alone can load what it compiled; a test compares it with the manifest.
const ENGINE: &str = "1.22.1";
/// The options that change what is compiled.
const OPTIONS: &str = "relaxed-re native-code";
/// Begins the file; changes with its layout.
const MAGIC: &[u8; 8] = b"KWRULES1";
const DIGEST: usize = 32;
/// Kept beside the one in use: a bundle that is rolled back to.
const KEPT: usize = 2;

/// Tells one set of rules, under one engine, from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RulesId(pub(crate) [u8; 32]);

impl RulesId {
    fn of(files: &[RuleFile]) -> Self {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for text in [ENGINE, OPTIONS, std::env::consts::ARCH, std::env::consts::OS] {
            part(text.as_bytes());
        }
        for file in files {
            part(file.namespace.as_bytes());
            part(file.source.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// A set of rules that is loaded when the first file needs it: where nothing has changed
/// since the last scan, none does.
pub struct RuleSet {
    id: RulesId,
    files: Vec<RuleFile>,
    cached: Option<PathBuf>,
    rules: OnceLock<Result<Rules, CompileError>>,
}

impl RuleSet {
    /// Compiles the rules, unless their compiled form lies in the cache folder. A cache that
    /// cannot be used costs time, nothing else.
    pub fn prepare(files: Vec<RuleFile>, cache: Option<&Path>) -> Result<Self, CompileError> {
        let id = RulesId::of(&files);
        let cached = cache.map(|folder| folder.join(format!("rules-{}.bin", hex::encode(&id.0[..16]))));
        let set = Self { id, files, cached, rules: OnceLock::new() };
        if !set.cached.as_deref().is_some_and(Path::exists) {
            set.rules()?;
        }
        Ok(set)
    }

    /// Which set it is.
    pub fn id(&self) -> &RulesId {
        &self.id
    }

    /// The rules, loaded or compiled now if they were not before.
    pub fn rules(&self) -> Result<&Rules, CompileError> {
        self.rules.get_or_init(|| self.load_or_compile()).as_ref().map_err(Clone::clone)
    }

    /// Which of the strings that are set for each file the rules speak of. What they do not
    /// speak of cannot change a verdict. A word in a comment counts too: that costs time only.
    pub(crate) fn names_in_use(&self) -> [bool; GLOBALS.len()] {
        GLOBALS.map(|name| self.files.iter().any(|file| file.source.contains(name)))
    }

    fn load_or_compile(&self) -> Result<Rules, CompileError> {
        if let Some(rules) = self.cached.as_deref().and_then(load) {
            return Ok(rules);
        }
        let rules = compile(&self.files)?;
        if let Some(file) = &self.cached {
            // Without it the next scan compiles again.
            let _ = keep(file, &rules);
        }
        Ok(rules)
    }
}

/// What the file holds, if it is whole, and if nobody else could have written it.
fn load(file: &Path) -> Option<Rules> {
    if !platform::only_we_write(file.parent()?) || !platform::only_we_write(file) {
        return None;
    }
    let bytes = fs::read(file).ok()?;
    let (magic, rest) = bytes.split_at_checked(MAGIC.len())?;
    let (digest, compiled) = rest.split_at_checked(DIGEST)?;
    if magic != MAGIC || digest != Sha256::digest(compiled).as_slice() {
        return None;
    }
    Rules::from_compiled(compiled)
}

fn keep(file: &Path, rules: &Rules) -> io::Result<()> {
    let folder = file.parent().ok_or(io::ErrorKind::NotFound)?;
    if !platform::only_we_write(folder) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let compiled = rules.to_compiled().ok_or(io::ErrorKind::InvalidData)?;
    let new = file.with_extension(format!("{}.new", std::process::id()));
    let digest = Sha256::digest(&compiled);
    platform::write_new(&new, &[MAGIC, digest.as_slice(), &compiled])?;
    fs::rename(&new, file)?;
    forget_older(folder)
}

/// Removes all but the newest, and what a crash has left.
fn forget_older(folder: &Path) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("rules-") && name.ends_with(".bin") {
            kept.push((entry.metadata()?.modified()?, entry.path()));
        } else if name.starts_with("rules-") && name.ends_with(".new") {
            fs::remove_file(entry.path())?;
        }
    }
    kept.sort();
    for (_, path) in kept.iter().rev().skip(KEPT) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scanner::Scanner;

    fn files(word: &str) -> Vec<RuleFile> {
        let source = format!("rule r {{ strings: $a = \"{word}\" condition: $a }}");
        vec![RuleFile { namespace: "n".into(), path: "n.yar".into(), source }]
    }

    fn private() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn kept(folder: &Path) -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect()
    }

    fn finds(set: &RuleSet, text: &str) -> bool {
        let mut scanner = Scanner::new(set.rules().unwrap());
        !scanner.scan_bytes(Path::new("/f"), text.as_bytes()).unwrap().is_empty()
    }

    #[test]
    fn the_engine_is_the_one_in_the_manifest() {
        let manifest = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml")).unwrap();
        let line = manifest.lines().find(|l| l.starts_with("yara-x = ")).unwrap();
        assert!(line.contains(&format!("version = \"={ENGINE}\"")), "{line}");
    }

    #[test]
    fn the_second_time_nothing_is_compiled_and_the_same_is_found() {
        let folder = private();
        let first = RuleSet::prepare(files("badword"), Some(folder.path())).unwrap();
        assert!(first.rules.get().is_some() && finds(&first, "a badword"));
        let second = RuleSet::prepare(files("badword"), Some(folder.path())).unwrap();
        assert!(second.rules.get().is_none(), "not before a file needs it");
        assert!(finds(&second, "a badword") && !finds(&second, "nothing"));
        assert_eq!(second.rules().unwrap().count(), 1);
        assert_eq!(first.id(), second.id());
        assert_ne!(first.id(), RuleSet::prepare(files("other"), None).unwrap().id());
    }

    #[test]
    fn what_is_damaged_or_cut_is_compiled_again() {
        let folder = private();
        drop(RuleSet::prepare(files("badword"), Some(folder.path())).unwrap());
        let file = kept(folder.path()).pop().unwrap();
        let good = fs::read(&file).unwrap();
        let mut flipped = good.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        for bad in [&flipped[..], &good[..good.len() / 2], b"", b"KWRULES1"] {
            fs::write(&file, bad).unwrap();
            assert!(load(&file).is_none());
            assert!(finds(&RuleSet::prepare(files("badword"), Some(folder.path())).unwrap(), "badword"));
            assert_eq!(fs::read(&file).unwrap().len(), good.len(), "and kept again");
        }
    }

    #[test]
    fn only_the_newest_are_kept_and_what_a_crash_left_goes() {
        let folder = private();
        fs::write(folder.path().join("rules-x.1.new"), "half").unwrap();
        for word in ["one", "two", "three", "four"] {
            drop(RuleSet::prepare(files(word), Some(folder.path())).unwrap());
        }
        let left = kept(folder.path());
        assert_eq!(left.len(), KEPT, "{left:?}");
    }

    #[test]
    fn rules_that_do_not_compile_are_an_error_with_or_without_a_cache() {
        let folder = private();
        let bad = vec![RuleFile { namespace: "n".into(), path: "n.yar".into(), source: "rule {".into() }];
        assert!(RuleSet::prepare(bad.clone(), Some(folder.path())).is_err());
        assert!(RuleSet::prepare(bad, None).is_err());
        let absent = folder.path().join("absent");
        assert!(finds(&RuleSet::prepare(files("badword"), Some(&absent)).unwrap(), "badword"));
    }

    #[test]
    fn the_names_that_rules_speak_of_are_known() {
        let source = "rule r { condition: filename == \"a\" }".to_owned();
        let set = RuleSet::prepare(vec![RuleFile { namespace: "n".into(), path: "n".into(), source }], None).unwrap();
        assert_eq!(set.names_in_use(), GLOBALS.map(|name| name == "filename"));
    }
}
