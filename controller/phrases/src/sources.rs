//! Sources as texts, for tests that hold what programs say against the catalogues and the docs.

#![allow(clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// All files at or below a path, and what each says outside its tests.
///
/// # Panics
/// Where a source cannot be read: this is for tests.
pub fn code(path: &Path) -> Vec<(PathBuf, String)> {
    let mut left = vec![path.to_owned()];
    let mut found = Vec::new();
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(fs::read_dir(path).expect("a folder").map(|entry| entry.expect("an entry").path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let code = text.split("#[cfg(test)]\nmod").next().and_then(|c| c.split("#[cfg(test)]\n#[allow").next());
            found.push((path, code.unwrap_or_default().to_owned()));
        }
    }
    found
}

/// The string literals that follow any of these words.
pub fn literals(code: &str, words: &[&str]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for word in words {
        for rest in code.split(word).skip(1) {
            let rest = rest.trim_start();
            let rest = rest.strip_prefix("format!(").map_or(rest, str::trim_start);
            if let Some(start) = rest.strip_prefix('"') {
                found.insert(unescaped(start));
            }
        }
    }
    found
}

/// A literal from behind its first quote, as the compiler reads it.
fn unescaped(start: &str) -> String {
    let (mut out, mut chars) = (String::new(), start.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('\n') => while chars.next_if(|c| c.is_whitespace()).is_some() {},
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

/// A sentence with its places as `{}`, whatever they are called.
pub fn bare(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out += before;
        out += "{}";
        rest = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    out + rest
}

/// Whether there is something to translate: more than places and punctuation.
pub fn worth(sentence: &str) -> bool {
    sentence.replace("{}", "").chars().any(char::is_alphabetic) && !sentence.starts_with('#')
}
