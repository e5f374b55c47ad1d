//! A group's own document: only what it changes, and what it locks. Laid over one another from the
//! root to the leaf, field by field, layers make the policy that holds.

use super::{Policy, PolicyError};
use serde_norway::{Mapping, Value};
use std::collections::{BTreeMap, BTreeSet};

/// Parts of a policy whose fields are overridden one by one. Every other list or map is one field.
const SECTIONS: [&str; 7] = ["scan", "scan.timing", "backup", "backup.timing", "backup.keep", "work", "signatures"];
/// What a document may say besides the policy's fields.
const LOCKED: &str = "locked";

/// What one group's document says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Layer {
    fields: BTreeMap<String, Value>,
    locked: BTreeSet<String>,
}

/// A policy put together, and where each of its fields comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective<G> {
    /// What holds.
    pub policy: Policy,
    /// By field: the group that sets it. What is not here is the product's default.
    pub origins: BTreeMap<String, G>,
    /// By locked field or section: the group that locks it.
    pub locks: BTreeMap<String, G>,
    /// What a group sets although one above it locks it: the field, who sets it, who locks it.
    pub overruled: Vec<(String, G, G)>,
}

impl Layer {
    /// Reads a document. Each of its fields is one that a policy has, of the right kind; whether
    /// the policy that it makes can be followed shows only with those above it.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        let mut document: Mapping = match serde_norway::from_str::<Option<Mapping>>(text) {
            Ok(document) => document.unwrap_or_default(),
            // A document that is no map, too; a policy's own reader has the better words.
            Err(error) => return Err(serde_norway::from_str::<Policy>(text).err().unwrap_or(error).into()),
        };
        let locked = match document.remove(LOCKED) {
            None => BTreeSet::new(),
            Some(locked) => serde_norway::from_value::<Option<BTreeSet<String>>>(locked)?.unwrap_or_default(),
        };
        if document.is_empty() {
            return Self { fields: BTreeMap::new(), locked }.with_known_locks();
        }
        match without_key(text, LOCKED) {
            // From the text, so that an error names the line.
            (shown, true) => serde_norway::from_str::<Policy>(&shown)?,
            (_, false) if locked.is_empty() => serde_norway::from_str::<Policy>(text)?,
            (_, false) => serde_norway::from_value::<Policy>(Value::Mapping(document.clone()))?,
        };
        let mut fields = BTreeMap::new();
        flatten("", document, &mut fields);
        Self { fields, locked }.with_known_locks()
    }

    fn with_known_locks(self) -> Result<Self, PolicyError> {
        let known = fields_of(&Policy::default())?;
        let unknown = self.locked.iter().find(|path| !SECTIONS.contains(&path.as_str()) && !known.contains_key(*path));
        match unknown {
            None => Ok(self),
            Some(path) => {
                let names = known.keys().map(String::as_str).chain(SECTIONS);
                let problem = format!("there is no field '{}'{}", path.escape_debug(), did_you_mean(path, names));
                Err(PolicyError::Value { field: LOCKED, problem })
            }
        }
    }

    /// The fields that it sets, by their paths.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    /// The fields and sections that it locks against the groups below.
    pub fn locked(&self) -> impl Iterator<Item = &str> {
        self.locked.iter().map(String::as_str)
    }
}

impl<G: Clone> Effective<G> {
    /// Lays documents over one another, the root's first.
    pub fn of<'a>(layers: impl IntoIterator<Item = (G, &'a Layer)>) -> Result<Self, PolicyError> {
        let mut fields = fields_of(&Policy::default())?;
        let (mut origins, mut locks, mut overruled) = (BTreeMap::new(), BTreeMap::<String, G>::new(), Vec::new());
        for (group, layer) in layers {
            for (path, value) in &layer.fields {
                match locks.iter().find(|(lock, _)| covers(lock, path)) {
                    Some((_, by)) => overruled.push((path.clone(), group.clone(), by.clone())),
                    None => {
                        fields.insert(path.clone(), value.clone());
                        origins.insert(path.clone(), group.clone());
                    }
                }
            }
            for lock in &layer.locked {
                locks.entry(lock.clone()).or_insert_with(|| group.clone());
            }
        }
        let policy: Policy = serde_norway::from_value(Value::Mapping(unflatten(fields)))?;
        policy.check()?;
        Ok(Self { policy, origins, locks, overruled })
    }
}

/// Every field of a policy by its path, with what it says.
pub fn fields_of(policy: &Policy) -> Result<BTreeMap<String, Value>, PolicyError> {
    let mut fields = BTreeMap::new();
    if let Value::Mapping(document) = serde_norway::to_value(policy)? {
        flatten("", document, &mut fields);
    }
    Ok(fields)
}

/// A value on one line, as people write it.
pub fn in_words(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What differs between two policies: the field, and what it says in each.
pub fn changes(before: &Policy, after: &Policy) -> Result<Vec<(String, String, String)>, PolicyError> {
    let (before, after) = (fields_of(before)?, fields_of(after)?);
    let pairs = before.into_iter().filter_map(|(path, was)| {
        let is = after.get(&path)?;
        (*is != was).then(|| (path, in_words(&was), in_words(is)))
    });
    Ok(pairs.collect())
}

/// Whether a locked field or section is this field, or holds it.
pub fn covers(lock: &str, path: &str) -> bool {
    path.strip_prefix(lock).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn flatten(prefix: &str, document: Mapping, fields: &mut BTreeMap<String, Value>) {
    for (key, value) in document {
        let path = format!("{prefix}{}", key.as_str().unwrap_or_default());
        match value {
            Value::Mapping(section) if SECTIONS.contains(&path.as_str()) => {
                flatten(&format!("{path}."), section, fields)
            }
            value => {
                fields.insert(path, value);
            }
        }
    }
}

fn unflatten(fields: BTreeMap<String, Value>) -> Mapping {
    let mut document = Mapping::new();
    for (path, value) in fields {
        let mut at = &mut document;
        let mut steps = path.split('.').peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                at.insert(step.into(), value);
                break;
            }
            let below = at.entry(step.into()).or_insert_with(|| Value::Mapping(Mapping::new()));
            let Value::Mapping(below) = below else { break };
            at = below;
        }
    }
    document
}

/// The text without a key of its outermost map and what belongs to it, each other line where it
/// was; and whether there was such a key on a line of its own.
pub(super) fn without_key(text: &str, key: &str) -> (String, bool) {
    let (mut inside, mut found) = (false, false);
    let kept = text.split_inclusive('\n').map(|line| {
        let begins = line.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
        // A list may stand at the margin below its key.
        inside = begins || inside && (line.starts_with([' ', '-', ']']) || line.trim().is_empty());
        found |= begins;
        if inside { "\n" } else { line }
    });
    (kept.collect(), found)
}

/// Which line of a document sets a field, as far as that can be told without a map of it.
pub fn line_of(text: &str, field: &str) -> Option<usize> {
    let mut at = 0;
    for step in field.split('.') {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let found = text[at..].match_indices(step).find(|(from, _)| {
            let (before, after) = (&text[..at + from], &text[at + from + step.len()..]);
            !before.ends_with(word) && after.trim_start_matches(['\'', '"']).starts_with(':')
        });
        at += found?.0 + step.len();
    }
    Some(text[..at].matches('\n').count() + 1)
}

/// What a reader of YAML says, with the place first and a hint last.
pub(super) fn in_place(error: &serde_norway::Error) -> String {
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(before, _)| before);
    let quoted: Vec<&str> = said.split('`').skip(1).step_by(2).collect();
    let hint = match quoted[..] {
        [written, ref names @ ..] if said.contains("unknown") => did_you_mean(written, names.iter().copied()),
        _ => String::new(),
    };
    let place = error.location().map(|at| format!("line {}, column {}: ", at.line(), at.column()));
    format!("{}{said}{hint}", place.unwrap_or_default())
}

/// `; did you mean 'schedule'?`, where one of the names is nearly what was written.
fn did_you_mean<'a>(written: &str, names: impl Iterator<Item = &'a str>) -> String {
    let near = names.map(|name| (distance(written, name), name)).min().filter(|(away, _)| *away <= 2);
    near.map_or_else(String::new, |(_, name)| format!("; did you mean '{name}'?"))
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(64).enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let changed = corner + usize::from(x != *y);
            let least = changed.min(row[j] + 1).min(row[j + 1] + 1);
            corner = std::mem::replace(&mut row[j + 1], least);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
