//! Rules that are compiled once. What the compiler made is kept beside the agent's state and
//! loads many times faster; it is a cache of our own, made here from source that was
//! verified, and never anything that came from elsewhere: loading it runs what it holds.

use crate::label;
use crate::platform;
use crate::rules::{CompileError, GLOBALS, Rules, compile};
use crate::sources::{Fingerprint, ReadRulesError, RuleFile, fingerprint, list, read_rules};
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
pub(crate) const DIGEST: usize = 32;
/// Kept beside the one in use: a bundle that is rolled back to.
const KEPT: usize = 2;
/// Labels that are kept: people scan with this set and that.
const LABELS: usize = 8;

/// Tells one set of rules, under one engine, from every other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RulesId(pub(crate) [u8; 32]);

impl RulesId {
    fn of(files: &[RuleFile]) -> Self {
        let parts = files.iter().flat_map(|file| [file.namespace.as_bytes(), file.source.as_bytes()]);
        Self(under_this_engine(parts))
    }
}

/// A digest of the parts and of everything else that a compiled set depends on.
fn under_this_engine<'a>(parts: impl Iterator<Item = &'a [u8]>) -> [u8; DIGEST] {
    let mut hash = Sha256::new();
    let engine = [ENGINE, OPTIONS, std::env::consts::ARCH, std::env::consts::OS].map(str::as_bytes);
    for part in engine.into_iter().chain(parts) {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// Reads a set's sources.
pub type ReadSources = Box<dyn Fn() -> Result<Vec<RuleFile>, String> + Send + Sync>;

/// Rules that cannot be had.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RulesError {
    /// Their sources cannot be read.
    #[error("{0}")]
    Sources(String),
    /// They do not compile.
    #[error(transparent)]
    Compile(#[from] CompileError),
}

impl From<ReadRulesError> for RulesError {
    fn from(error: ReadRulesError) -> Self {
        Self::Sources(error.to_string())
    }
}

/// A set of rules that is read and loaded when the first file needs it: where nothing has
/// changed since the last scan, none does.
pub struct RuleSet {
    id: RulesId,
    names: [bool; GLOBALS.len()],
    cached: Option<PathBuf>,
    read: ReadSources,
    sources: OnceLock<Result<Vec<RuleFile>, RulesError>>,
    rules: OnceLock<Result<Rules, RulesError>>,
}

impl RuleSet {
    /// Compiles the rules, unless their compiled form lies in the cache folder. A cache that
    /// cannot be used costs time, nothing else.
    pub fn prepare(files: Vec<RuleFile>, cache: Option<&Path>) -> Result<Self, RulesError> {
        let id = RulesId::of(&files);
        let names = GLOBALS.map(|name| files.iter().any(|file| file.source.contains(name)));
        let read: ReadSources = Box::new(|| Err("the sources are no longer at hand".into()));
        let set = Self::unread(id, names, cache, read);
        let _ = set.sources.set(Ok(files));
        if !set.cached.as_deref().is_some_and(Path::exists) {
            set.rules()?;
        }
        Ok(set)
    }

    /// As [`prepare`](Self::prepare), for sources that a key tells from every other: as long
    /// as the set that was made of them lies in the cache folder, they are not even read.
    pub fn known_by(key: &[u8; 32], cache: Option<&Path>, read: ReadSources) -> Result<Self, RulesError> {
        Self::known(Fingerprint { key: *key, changed: i64::MIN }, cache, read)
    }

    fn known(print: Fingerprint, cache: Option<&Path>, read: ReadSources) -> Result<Self, RulesError> {
        let label = cache.map(|folder| label::file(folder, &under_this_engine([print.key.as_slice()].into_iter())));
        if let Some((id, names)) = label.as_deref().and_then(|label| label::read(label, print.changed)) {
            let set = Self::unread(id, names, cache, read);
            if set.cached.as_deref().is_some_and(Path::exists) {
                return Ok(set);
            }
            return Self::read_now(set.read, cache);
        }
        let set = Self::read_now(read, cache)?;
        if let Some((label, folder)) = label.zip(cache).filter(|_| set.cached.as_deref().is_some_and(Path::exists)) {
            // Without it the next scan reads the sources again.
            let _ = label::write(&label, &set.id, set.names).and_then(|()| forget_older(folder));
        }
        Ok(set)
    }

    /// As [`prepare`](Self::prepare), for the rule files in these places: while they stand as
    /// they did, they are not read.
    pub fn in_files(paths: &[PathBuf], cache: Option<&Path>) -> Result<Self, RulesError> {
        let print = fingerprint(&list(paths)?);
        let paths = paths.to_owned();
        let read: ReadSources = Box::new(move || read_rules(&paths).map_err(|e| e.to_string()));
        match print {
            Some(print) => Self::known(print, cache, read),
            None => Self::read_now(read, cache),
        }
    }

    fn read_now(read: ReadSources, cache: Option<&Path>) -> Result<Self, RulesError> {
        Self::prepare(read().map_err(RulesError::Sources)?, cache)
    }

    fn unread(id: RulesId, names: [bool; GLOBALS.len()], cache: Option<&Path>, read: ReadSources) -> Self {
        let cached = cache.map(|folder| folder.join(format!("rules-{}.bin", hex::encode(&id.0[..16]))));
        Self { id, names, cached, read, sources: OnceLock::new(), rules: OnceLock::new() }
    }

    /// Which set it is.
    pub fn id(&self) -> &RulesId {
        &self.id
    }

    /// The rules, loaded or compiled now if they were not before.
    pub fn rules(&self) -> Result<&Rules, RulesError> {
        self.rules.get_or_init(|| self.load_or_compile()).as_ref().map_err(Clone::clone)
    }

    /// Which of the strings that are set for each file the rules speak of. What they do not
    /// speak of cannot change a verdict. A word in a comment counts too: that costs time only.
    pub(crate) fn names_in_use(&self) -> [bool; GLOBALS.len()] {
        self.names
    }

    /// The sources, read now if they were not before.
    pub(crate) fn sources(&self) -> Result<&[RuleFile], RulesError> {
        let read = || {
            let files = (self.read)().map_err(RulesError::Sources)?;
            let changed = || RulesError::Sources("the rules were changed while they were in use; scan again".into());
            if RulesId::of(&files) == self.id { Ok(files) } else { Err(changed()) }
        };
        self.sources.get_or_init(read).as_deref().map_err(Clone::clone)
    }

    fn load_or_compile(&self) -> Result<Rules, RulesError> {
        if let Some(rules) = self.cached.as_deref().and_then(load) {
            return Ok(rules);
        }
        let rules = compile(self.sources()?)?;
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
    for (ending, most) in [(".bin", KEPT), (".label", LABELS), (".new", 0)] {
        let mut kept = Vec::new();
        for entry in fs::read_dir(folder)?.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("rules-") && name.ends_with(ending) {
                kept.push((entry.metadata()?.modified()?, entry.path()));
            }
        }
        kept.sort();
        for (_, path) in kept.iter().rev().skip(most) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::scanner::Scanner;
    use crate::sources::file;

    fn files(word: &str) -> Vec<RuleFile> {
        vec![file("n", &format!("rule r {{ strings: $a = \"{word}\" condition: $a }}"))]
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
    fn sources_that_a_key_tells_are_read_once() {
        let folder = private();
        let reads = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let set = |key: u8, word: &'static str| {
            let reads = reads.clone();
            let read: ReadSources = Box::new(move || {
                reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                Ok(files(word))
            });
            RuleSet::known_by(&[key; 32], Some(folder.path()), read).unwrap()
        };
        let so_far = || reads.load(std::sync::atomic::Ordering::Relaxed);
        let first = set(1, "filename");
        assert!(finds(&first, "a filename") && so_far() == 1);
        let again = set(1, "filename");
        assert!(finds(&again, "a filename") && so_far() == 1, "neither read nor compiled");
        assert_eq!((again.id(), again.names_in_use()), (first.id(), first.names_in_use()));
        assert!(again.names_in_use().contains(&true));
        assert_eq!(again.sources().unwrap(), files("filename"));
        assert_eq!(so_far(), 2);
        assert!(finds(&set(2, "other"), "other") && so_far() == 3);
        // Other sources under the same key are not taken for the ones that were compiled.
        assert!(set(1, "changed").sources().is_err());
        // A label that was tampered with, or whose set is gone, is worth nothing.
        for path in kept(folder.path()) {
            let label = path.extension().is_some_and(|e| e == "label");
            if label { fs::write(&path, "KWLABEL1").unwrap() } else { fs::remove_file(&path).unwrap() }
        }
        let before = so_far();
        assert!(finds(&set(1, "filename"), "a filename") && so_far() == before + 1);
    }

    #[test]
    fn rule_files_are_read_again_once_they_were_changed_or_as_long_as_they_are_young() {
        let (folder, cache) = (private(), private());
        let path = folder.path().join("a.yar");
        fs::write(&path, "rule r { strings: $a = \"word\" condition: $a }").unwrap();
        let set = || RuleSet::in_files(&[folder.path().to_owned()], Some(cache.path())).unwrap();
        let read = |set: &RuleSet| set.sources.get().is_some();
        assert!(read(&set()) && read(&set()), "a change may follow within the same tick");
        // As if the file had been written an hour ago; its change time cannot be set, so the label's is.
        let hour = std::time::Duration::from_secs(3600);
        for label in kept(cache.path()).iter().filter(|path| path.extension().is_some_and(|e| e == "label")) {
            let file = fs::File::options().write(true).open(label).unwrap();
            file.set_modified(file.metadata().unwrap().modified().unwrap() + hour).unwrap();
        }
        assert!(!read(&set()) && finds(&set(), "word"));
        fs::write(&path, "rule r { strings: $a = \"other\" condition: $a }").unwrap();
        assert!(read(&set()) && finds(&set(), "other"));
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
        let bad = vec![file("n", "rule {")];
        assert!(RuleSet::prepare(bad.clone(), Some(folder.path())).is_err());
        let said = RuleSet::prepare(bad, None).err().unwrap().to_string();
        assert!(said.contains("n.yar:1: error"), "{said}");
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
