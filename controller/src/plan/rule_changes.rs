//! What one set of rules changes against another.

use std::collections::BTreeMap;

/// Rules by namespace and name, each with its text.
pub type RuleSet = BTreeMap<(String, String), String>;

/// What became of which rules, each by namespace and name, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleChanges {
    /// New ones.
    pub added: Vec<String>,
    /// Those that are gone.
    pub removed: Vec<String>,
    /// Those that read otherwise.
    pub changed: Vec<String>,
}

/// Compares two sets.
pub fn changes(before: &RuleSet, after: &RuleSet) -> RuleChanges {
    let name = |(namespace, rule): &(String, String)| format!("{namespace} · {rule}");
    let missing = |from: &RuleSet, of: &RuleSet| -> Vec<String> {
        of.keys().filter(|key| !from.contains_key(*key)).map(name).collect()
    };
    let changed = after.iter().filter(|(key, text)| before.get(*key).is_some_and(|old| old != *text));
    RuleChanges {
        added: missing(before, after),
        removed: missing(after, before),
        changed: changed.map(|(key, _)| name(key)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rules: &[(&str, &str)]) -> RuleSet {
        rules.iter().map(|(name, text)| (("own/a".to_owned(), (*name).to_owned()), (*text).to_owned())).collect()
    }

    #[test]
    fn rules_come_go_and_change() {
        for (before, after, added, removed, changed) in [
            (&[][..], &[][..], 0, 0, 0),
            (&[], &[("one", "1")], 1, 0, 0),
            (&[("one", "1")], &[], 0, 1, 0),
            (&[("one", "1")], &[("one", "1")], 0, 0, 0),
            (&[("one", "1")], &[("one", "2")], 0, 0, 1),
            (&[("one", "1"), ("two", "1")], &[("two", "2"), ("three", "1"), ("four", "1")], 2, 1, 1),
        ] {
            let found = changes(&set(before), &set(after));
            let counts = (found.added.len(), found.removed.len(), found.changed.len());
            assert_eq!(counts, (added, removed, changed), "{before:?} {after:?}");
        }
        assert_eq!(changes(&set(&[]), &set(&[("one", "1")])).added, ["own/a · one"]);
    }
}
