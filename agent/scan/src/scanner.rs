//! One thread's scanner. Making one costs more than scanning a small file, so it is kept;
//! its caches never shrink, so it is made anew now and then, and after every failure.

use crate::names::Names;
use crate::rules::Rules;
use crate::severity::Severity;
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

/// A file of the largest size that is read takes seconds; a minute more means a hostile one.
const TIMEOUT: Duration = Duration::from_secs(60);
/// The library's default is a million, which a crafted file turns into memory.
const MAX_MATCHES: usize = 10_000;
/// Scans before a scanner is made anew.
const SCANS_PER_LIFE: u32 = 4096;

/// A rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Match {
    /// The rule's name.
    pub rule: String,
    /// The namespace of its file.
    pub namespace: String,
    /// How bad, on the one scale.
    pub severity: Severity,
    /// What the rule says of itself, in its order.
    pub metadata: Vec<(String, String)>,
}

/// Why bytes could not be judged.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ScanError {
    /// The rules took too long over it.
    #[error("not inspected to the end: the rules took longer than {} seconds", TIMEOUT.as_secs())]
    Timeout,
    /// The engine gave up.
    #[error("the scan engine failed: {0}")]
    Engine(String),
    /// The engine panicked.
    #[error("the scan engine crashed on this file")]
    Crash,
}

/// Scans bytes with one rule set; not `Send`, so each thread makes its own.
pub struct Scanner<'r> {
    rules: &'r Rules,
    inner: yara_x::Scanner<'r>,
    timeout: Duration,
    scans: u32,
}

impl<'r> Scanner<'r> {
    /// A scanner over these rules.
    pub fn new(rules: &'r Rules) -> Self {
        Self::with_timeout(rules, TIMEOUT)
    }

    /// One that gives an object up after this.
    pub(crate) fn with_timeout(rules: &'r Rules, timeout: Duration) -> Self {
        Self { rules, inner: fresh(rules, timeout), timeout, scans: 0 }
    }

    /// The rules that match these bytes. The path sets the globals `filename`, `filepath`
    /// (the folder), `extension` (lower case, with its dot) and `filetype` (by content, where
    /// known), as the public sets expect; `owner` stays empty.
    pub fn scan_bytes(&mut self, path: &Path, bytes: &[u8]) -> Result<Vec<Match>, ScanError> {
        self.scan(&Names::of(path, ""), bytes)
    }

    /// The rules that match bytes with these names.
    pub(crate) fn scan(&mut self, names: &Names, bytes: &[u8]) -> Result<Vec<Match>, ScanError> {
        if self.scans >= SCANS_PER_LIFE {
            self.renew();
        }
        self.scans += 1;
        let inner = &mut self.inner;
        let outcome =
            catch_unwind(AssertUnwindSafe(|| scan_once(inner, names, bytes))).unwrap_or(Err(ScanError::Crash));
        if outcome.is_err() {
            self.renew();
        }
        outcome
    }

    fn renew(&mut self) {
        self.inner = fresh(self.rules, self.timeout);
        self.scans = 0;
    }
}

fn fresh(rules: &Rules, timeout: Duration) -> yara_x::Scanner<'_> {
    let mut scanner = yara_x::Scanner::new(rules.compiled());
    scanner.set_timeout(timeout).max_matches_per_pattern(MAX_MATCHES).fast_scan(true).use_mmap(false);
    scanner
}

fn scan_once(scanner: &mut yara_x::Scanner<'_>, names: &Names, bytes: &[u8]) -> Result<Vec<Match>, ScanError> {
    for (name, value) in names.globals(bytes) {
        scanner.set_global(name, value).map_err(|e| ScanError::Engine(e.to_string()))?;
    }
    let results = scanner.scan(bytes).map_err(|error| match error {
        yara_x::ScanError::Timeout => ScanError::Timeout,
        other => ScanError::Engine(other.to_string()),
    })?;
    Ok(results.matching_rules().map(|rule| describe(&rule)).collect())
}

fn describe(rule: &yara_x::Rule<'_, '_>) -> Match {
    let metadata: Vec<(String, String)> =
        rule.metadata().map(|(name, value)| (name.to_owned(), text_of(&value))).collect();
    let severity = Severity::of(&metadata, rule.tags().map(|tag| tag.identifier()));
    Match { rule: rule.identifier().to_owned(), namespace: rule.namespace().to_owned(), severity, metadata }
}

fn text_of(value: &yara_x::MetaValue<'_>) -> String {
    use yara_x::MetaValue::{Bool, Bytes, Float, Integer, String};
    match value {
        Integer(number) => number.to_string(),
        Float(number) => number.to_string(),
        Bool(yes) => yes.to_string(),
        String(text) => (*text).to_owned(),
        Bytes(bytes) => bytes.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rules::compile;
    use crate::sources::RuleFile;

    fn rules(source: &str) -> Rules {
        compile(&[RuleFile { namespace: "n".into(), path: "n.yar".into(), source: source.into() }]).unwrap()
    }

    fn names(scanner: &mut Scanner<'_>, path: &str, bytes: &[u8]) -> Vec<String> {
        scanner.scan_bytes(Path::new(path), bytes).unwrap().into_iter().map(|m| m.rule).collect()
    }

    #[test]
    fn a_match_carries_what_the_rule_says() {
        let rules = rules("rule r : malware { meta: a = 1 b = true c = \"text\" d = 80 condition: true }");
        let matches = Scanner::new(&rules).scan_bytes(Path::new("x"), b"").unwrap();
        let metadata = [("a", "1"), ("b", "true"), ("c", "text"), ("d", "80")].map(|(k, v)| (k.into(), v.into()));
        let expected =
            Match { rule: "r".into(), namespace: "n".into(), severity: Severity::High, metadata: metadata.into() };
        assert_eq!(matches, [expected]);
    }

    #[test]
    fn globals_follow_the_file_also_on_a_reused_scanner() {
        let rules = rules(
            r#"rule name { condition: filename == "Rechnung.PDF.exe" }
               rule folder { condition: filepath == "/home/li" }
               rule ext { condition: extension == ".exe" }
               rule kind { condition: filetype == "EXE" }"#,
        );
        let mut scanner = Scanner::new(&rules);
        assert_eq!(names(&mut scanner, "/home/li/Rechnung.PDF.exe", b"MZ"), ["name", "folder", "ext", "kind"]);
        assert_eq!(names(&mut scanner, "other/x.EXE", b"text"), ["ext"]);
        assert!(names(&mut scanner, "", b"").is_empty());
    }

    #[test]
    fn renewal_changes_nothing() {
        let rules = rules("rule r { strings: $a = \"abc\" condition: $a }");
        let mut scanner = Scanner::new(&rules);
        scanner.scans = SCANS_PER_LIFE;
        assert_eq!(names(&mut scanner, "x", b"xabcx"), ["r"]);
        assert_eq!(scanner.scans, 1);
    }
}
