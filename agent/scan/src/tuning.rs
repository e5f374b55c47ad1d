//! What people have decided about matches: that a rule is worse or less bad than it says,
//! that it is not to be heard of, that one file is known and allowed. Decided after the
//! rules have spoken, so that a decision takes effect at once and compiles nothing anew.

use crate::scanner::Match;
use crate::severity::Severity;
use crate::walk::{ExcludeError, Excludes};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Decisions about matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tuning {
    /// Rules whose severity is decided here.
    pub severities: BTreeMap<String, Severity>,
    /// Rules that are not heard.
    pub disabled: BTreeSet<String>,
    /// Matches that are known and allowed.
    pub allowed: Vec<Allowed>,
}

/// Allows what fits everything that is set in it; with nothing set it allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// A rule's name.
    pub rule: Option<String>,
    /// A glob over the path of the file on the disk, as for excludes.
    pub path: Option<String>,
    /// Of the object that matched, or of the file that it lies in; hexadecimal.
    pub sha256: Option<String>,
}

/// A tuning that is ready for use.
pub(crate) struct Tuned<'t> {
    tuning: &'t Tuning,
    paths: Vec<Option<Excludes>>,
}

impl Tuning {
    pub(crate) fn ready(&self) -> Result<Tuned<'_>, ExcludeError> {
        let paths = self
            .allowed
            .iter()
            .map(|allowed| allowed.path.as_ref().map(|path| Excludes::new(std::slice::from_ref(path))).transpose());
        Ok(Tuned { tuning: self, paths: paths.collect::<Result<_, _>>()? })
    }

    /// Whether each path in it is a pattern.
    pub fn check(&self) -> Result<(), ExcludeError> {
        self.ready().map(drop)
    }
}

impl Tuned<'_> {
    /// The matches that remain in an object, with their severity as decided. `hashes` are
    /// those of the object and, where it is another, of its file.
    pub(crate) fn judge(&self, file: &Path, hashes: &[&str], matches: Vec<Match>) -> Vec<Match> {
        let remaining = matches
            .into_iter()
            .filter(|m| !self.tuning.disabled.contains(&m.rule) && !self.allowed(file, hashes, &m.rule));
        remaining
            .map(|m| Match { severity: self.tuning.severities.get(&m.rule).copied().unwrap_or(m.severity), ..m })
            .collect()
    }

    fn allowed(&self, file: &Path, hashes: &[&str], rule: &str) -> bool {
        self.tuning.allowed.iter().zip(&self.paths).any(|(allowed, path)| {
            let Allowed { rule: named, sha256, .. } = allowed;
            (named.is_some() || path.is_some() || sha256.is_some())
                && named.as_ref().is_none_or(|named| named == rule)
                && path.as_ref().is_none_or(|globs| globs.cover(file))
                && sha256.as_ref().is_none_or(|wanted| hashes.iter().any(|h| h.eq_ignore_ascii_case(wanted)))
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn one(rule: &str) -> Match {
        Match { rule: rule.into(), namespace: "n".into(), severity: Severity::Medium, metadata: vec![] }
    }

    fn left(tuning: &Tuning, file: &str, hashes: &[&str]) -> Vec<(String, Severity)> {
        let judged = tuning.ready().unwrap().judge(Path::new(file), hashes, vec![one("A"), one("B")]);
        judged.into_iter().map(|m| (m.rule, m.severity)).collect()
    }

    #[test]
    fn each_decision_takes_effect_and_no_more() {
        use Severity::{Critical, Medium};
        let (a, b) = (("A".to_owned(), Medium), ("B".to_owned(), Medium));
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(left(&Tuning::default(), "/f", &[]), [a.clone(), b.clone()]);
        let worse = Tuning { severities: [("A".to_owned(), Critical)].into(), ..Tuning::default() };
        assert_eq!(left(&worse, "/f", &[]), [("A".to_owned(), Critical), b.clone()]);
        let silent = Tuning { disabled: ["A".to_owned()].into(), ..Tuning::default() };
        assert_eq!(left(&silent, "/f", &[]), std::slice::from_ref(&b));

        let allow = |rule, path, sha256| Tuning { allowed: vec![Allowed { rule, path, sha256 }], ..Tuning::default() };
        for (tuning, file, expected) in [
            (allow(some("A"), None, None), "/f", vec![b.clone()]),
            (allow(None, some("/srv/tools/**"), None), "/srv/tools/x/nc.exe", vec![]),
            (allow(None, some("/srv/tools/**"), None), "/home/nc.exe", vec![a.clone(), b.clone()]),
            (allow(None, None, some("ABCD")), "/f", vec![]),
            (allow(None, None, some("ef")), "/f", vec![a.clone(), b.clone()]),
            (allow(some("B"), some("*.exe"), some("abcd")), "/x/nc.exe", vec![a.clone()]),
            (allow(some("B"), some("*.exe"), some("abcd")), "/x/nc.dll", vec![a.clone(), b.clone()]),
            (allow(None, None, None), "/f", vec![a.clone(), b.clone()]),
        ] {
            assert_eq!(left(&tuning, file, &["abcd", "0123"]), expected, "{tuning:?} {file}");
        }
        assert!(allow(None, some("["), None).check().is_err());
    }
}
