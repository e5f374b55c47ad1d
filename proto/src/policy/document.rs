//! A group's document as a file: whose it is, which revision it was edited from, and its layer.

use super::layer::without_key;
use super::{Layer, PolicyError};

/// A document, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The group that it names, if it does.
    pub group: Option<String>,
    /// The revision that its editor had before them, if it says.
    pub revision: Option<u64>,
    /// The text without these two: what is kept.
    pub body: String,
    /// What it says.
    pub layer: Layer,
}

impl Document {
    /// Reads a file's text. `group` and `revision` each stand on a line of their own.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (group, revision) = (value_of(text, "group")?, value_of(text, "revision")?);
        // With every other line where it was: errors name lines.
        let (rest, _) = without_key(&without_key(text, "group").0, "revision");
        let layer = Layer::from_yaml(&rest)?;
        let header = |line: &&str| line.starts_with("group:") || line.starts_with("revision:");
        let body = text.split_inclusive('\n').filter(|line| !header(line)).collect();
        let revision = match revision.as_deref().map(str::parse) {
            None => None,
            Some(Ok(revision)) => Some(revision),
            Some(Err(_)) => {
                let problem = "is no number; leave it as 'policies get' wrote it, or leave it out".into();
                return Err(PolicyError::Value { field: "revision", problem });
            }
        };
        Ok(Self { group, revision, body, layer })
    }

    /// The file's text for a body.
    pub fn text(group: &str, revision: u64, body: &str) -> String {
        let quoted = serde_json::to_string(group).unwrap_or_default();
        format!("group: {quoted}\nrevision: {revision}\n{body}")
    }
}

/// What a line of its own at the margin says of a key.
fn value_of(text: &str, key: &str) -> Result<Option<String>, PolicyError> {
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let Some(value) = line else { return Ok(None) };
    Ok(match serde_norway::from_str::<serde_norway::Value>(value)? {
        serde_norway::Value::String(text) => Some(text),
        serde_norway::Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_whose_it_is_and_what_it_was_edited_from() {
        let text = Document::text("东区/财政局", 3, "# why\nscan: {threads: 2}\n");
        let document = Document::parse(&text).unwrap();
        assert_eq!((document.group.as_deref(), document.revision), (Some("东区/财政局"), Some(3)));
        assert_eq!(document.body, "# why\nscan: {threads: 2}\n");
        assert_eq!(document.layer, Layer::from_yaml("scan: {threads: 2}").unwrap());
        let plain = Document::parse("scan: {threads: 2}\n").unwrap();
        assert_eq!((plain.group, plain.revision), (None, None));
        assert!(Document::parse("revision: new\n").is_err());
        let error = Document::parse("group: a\nrevision: 1\nscan:\n  treads: 2\n").unwrap_err().to_string();
        assert!(error.contains("line 4") && error.contains("did you mean 'threads'?"), "{error}");
    }
}
