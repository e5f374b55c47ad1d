//! A rule file taken apart: which rules are in it, and the text of each. For people to read a
//! rule, and to tell two versions of a set apart.

use crate::rules::COMPILER_STACK;
use std::ops::Range;
use yara_x_parser::Parser;
use yara_x_parser::cst::SyntaxKind;

/// Larger files are not parsed: taken apart they need many times their size.
pub(crate) const LARGEST: usize = 4 << 20;

/// Where things stand in a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Apart {
    /// Each import.
    pub(crate) imports: Vec<Range<usize>>,
    /// Each rule: its name's place, and its own.
    pub(crate) rules: Vec<(Range<usize>, Range<usize>)>,
}

/// One rule of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Its name.
    pub name: String,
    /// All of it, as it stands there.
    pub text: String,
    /// The line that it begins in, counted from 1.
    pub line: usize,
}

/// The rules of each of these sources. One that does not parse, or is too large to be parsed, is
/// cut where lines begin as rules do.
pub fn rule_texts(sources: &[&str]) -> Vec<Vec<RuleText>> {
    let by_lines = || sources.iter().map(|source| texts(source, &cut(source))).collect();
    std::thread::scope(|scope| {
        // The parser recurses as the compiler does.
        let reader = std::thread::Builder::new().name("rule-reader".into()).stack_size(COMPILER_STACK);
        let read = || sources.iter().map(|source| texts(source, &of(source))).collect::<Vec<_>>();
        match reader.spawn_scoped(scope, read) {
            Ok(thread) => thread.join().unwrap_or_else(|_| by_lines()),
            Err(_) => by_lines(),
        }
    })
}

fn of(source: &str) -> Apart {
    match take_apart(source) {
        Some(apart) if !apart.rules.is_empty() => apart,
        _ => cut(source),
    }
}

/// By the parser; `None` where it cannot say.
pub(crate) fn take_apart(source: &str) -> Option<Apart> {
    if source.len() > LARGEST {
        return None;
    }
    let root = Parser::new(source.as_bytes()).try_into_cst().ok()?.root();
    let mut apart = Apart::default();
    for node in root.children() {
        let range = node.span().range();
        match node.kind() {
            SyntaxKind::IMPORT_STMT => apart.imports.push(range),
            SyntaxKind::RULE_DECL => {
                let mut tokens = node.children_with_tokens().filter_map(|part| part.into_token());
                let name = tokens.find(|token| token.kind() == SyntaxKind::IDENT)?;
                apart.rules.push((name.span().range(), range));
            }
            _ => {}
        }
    }
    Some(apart)
}

/// By its lines.
fn cut(source: &str) -> Apart {
    let mut apart = Apart::default();
    let mut at = 0;
    for line in source.split_inclusive('\n') {
        if let Some(name) = declared(line) {
            let from = at + (name.as_ptr() as usize - line.as_ptr() as usize);
            if let Some((_, before)) = apart.rules.last_mut() {
                before.end = at;
            }
            apart.rules.push((from..from + name.len(), at..source.len()));
        }
        at += line.len();
    }
    apart
}

/// The name of the rule that begins in this line.
fn declared(line: &str) -> Option<&str> {
    let mut rest = line;
    for modifier in ["private ", "global ", "private "] {
        rest = rest.strip_prefix(modifier).unwrap_or(rest);
    }
    let name = rest.strip_prefix("rule ")?.trim_start();
    let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(name.len());
    name.get(..end).filter(|name| !name.is_empty())
}

fn texts(source: &str, apart: &Apart) -> Vec<RuleText> {
    let (mut line, mut seen) = (1, 0);
    let mut texts = Vec::with_capacity(apart.rules.len());
    for (name, range) in &apart.rules {
        let (Some(name), Some(text)) = (source.get(name.clone()), source.get(range.clone())) else { continue };
        line += source.get(seen..range.start).map_or(0, |before| before.matches('\n').count());
        seen = range.start;
        texts.push(RuleText { name: name.to_owned(), text: text.trim_end().to_owned(), line });
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<(String, usize, String)> {
        let all = rule_texts(&[source]).remove(0);
        all.into_iter().map(|rule| (rule.name, rule.line, rule.text)).collect()
    }

    #[test]
    fn each_rule_is_read_with_its_text_and_line() {
        let source = "import \"pe\"\n// rule none {}\nrule one { condition: true }\n\nprivate rule two : tag {\n  strings: $a = \"rule x {\"\n  condition: $a\n}\n";
        let read = names(source);
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0], ("one".into(), 3, "rule one { condition: true }".into()));
        assert_eq!((read[1].0.as_str(), read[1].1), ("two", 5));
        assert!(read[1].2.starts_with("private rule two") && read[1].2.ends_with('}'), "{read:?}");
    }

    #[test]
    fn what_does_not_parse_is_cut_by_its_lines() {
        let broken =
            "rule one { condition: true }\nglobal private rule two {\n  strings: ((((\n}\nrule\nrule 报告 {}\n";
        let apart = cut(broken);
        let text = |range: &Range<usize>| broken.get(range.clone()).unwrap_or_default();
        let read: Vec<(&str, &str)> = apart.rules.iter().map(|(name, all)| (text(name), text(all))).collect();
        assert_eq!(read.len(), 2, "{read:?}");
        assert_eq!(read[0], ("one", "rule one { condition: true }\n"));
        assert!(read[1].0 == "two" && read[1].1.starts_with("global private rule two"), "{read:?}");
        for hostile in ["", "rule ", "rule \n", "\u{0}rule a", &"(".repeat(100_000)] {
            assert!(names(hostile).len() <= 1);
        }
    }
}
