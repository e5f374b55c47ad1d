//! Searches as a person types them: a word stands for every name that has it in it, and what is
//! found is told path by path, not snapshot by snapshot.

use super::audit::Actor;
use super::{App, AppError};
use keepwatch_backup::EntryKind;
use std::collections::HashMap;

/// Longest text that is looked for, in bytes.
const LONGEST: usize = 500;
/// Names that are read of one search; a word that is in more is too short to be of use.
const MOST_READ: usize = 50_000;

/// What a search has found.
#[derive(Debug, Default)]
pub struct Search {
    /// Paths, those of the newest snapshots first.
    pub paths: Vec<FoundPath>,
    /// There are more than were asked for.
    pub more: bool,
    /// Why not everything could be searched; empty: it could.
    pub incomplete: String,
}

/// A path that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundPath {
    /// As text without loss.
    pub path: String,
    /// What it is in the newest snapshot that has it.
    pub kind: EntryKind,
    /// A file's bytes there.
    pub size: u64,
    /// When it was last changed there; Unix seconds.
    pub modified: i64,
    /// The newest snapshot that has it.
    pub snapshot: String,
    /// How many have it.
    pub snapshots: u64,
    /// In how many states it is there.
    pub versions: u64,
}

impl App {
    /// Looks for a name in all snapshots of a host, and tells at most so many paths.
    pub async fn search(&self, actor: &Actor, host: &str, words: &str, most: usize) -> Result<Search, AppError> {
        if words.len() > LONGEST {
            return Err(AppError::Invalid(format!("that is longer than {LONGEST} bytes; write a part of the name")));
        }
        let Some(pattern) = pattern(words) else { return Ok(Search::default()) };
        let mut flow = self.find(actor, host, &pattern).await?;
        let (mut search, mut places, mut read) = (Search::default(), HashMap::new(), 0);
        while let Some(found) = flow.recv().await {
            let found = match found {
                Ok(found) => found,
                // What was found until then is still true.
                Err(error) => {
                    search.incomplete = error.to_string();
                    break;
                }
            };
            read += 1;
            if read > MOST_READ {
                search.more = true;
                break;
            }
            let state = (found.version.size, found.version.modified);
            if let Some((at, last)) = places.get_mut(&found.path) {
                let known: &mut FoundPath = &mut search.paths[*at];
                known.snapshots += 1;
                known.versions += u64::from(*last != state);
                *last = state;
            } else if search.paths.len() < most {
                places.insert(found.path.clone(), (search.paths.len(), state));
                search.paths.push(FoundPath {
                    path: found.path,
                    kind: found.version.kind,
                    size: found.version.size,
                    modified: found.version.modified,
                    snapshot: found.snapshot,
                    snapshots: 1,
                    versions: 1,
                });
            } else {
                search.more = true;
            }
        }
        Ok(search)
    }
}

/// What people type, as a pattern: a word is looked for anywhere in a name, several in their order.
/// What has a star, a question mark or a slash in it is a pattern already.
fn pattern(words: &str) -> Option<String> {
    let words = words.trim();
    if words.is_empty() {
        return None;
    }
    if words.contains(['*', '?', '/', '\\']) {
        return Some(words.to_owned());
    }
    let escaped = |word: &str| -> String {
        let special = |c: char| if "[]{}".contains(c) { format!("[{c}]") } else { c.to_string() };
        word.chars().map(special).collect()
    };
    let words: Vec<String> = words.split_whitespace().map(escaped).collect();
    Some(format!("*{}*", words.join("*")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use keepwatch_backup::Pattern;
    use std::path::Path;

    #[test]
    fn words_are_found_anywhere_in_a_name_and_patterns_mean_what_they_say() {
        for (words, path, found) in [
            ("budget", "/home/li/My Budget 2026.xlsx", true),
            ("budget", "/home/budget/other.txt", false),
            ("年度 报告", "/home/王/2026年度财务报告.docx", true),
            ("报告 年度", "/home/王/2026年度财务报告.docx", false),
            ("[1]", "/a/letter [1].txt", true),
            ("[1]", "/a/letter 1.txt", false),
            ("{a,b}", "/x/{a,b}.txt", true),
            ("a!", "/x/a!", true),
            ("*.docx", "/home/王/报告.docx", true),
            ("/home/王/报告.docx", "/home/王/报告.docx", true),
        ] {
            let pattern = Pattern::new(&pattern(words).unwrap()).unwrap();
            assert_eq!(pattern.matches(Path::new(path)), found, "{words} {path}");
        }
        assert_eq!((pattern(""), pattern("  ")), (None, None));
    }
}
