//! Rules from source text to something that scans. Sources come from many hands, so every
//! file is a namespace of its own (names may clash across sets), `include` is off (it reads
//! other files), and what fails is said with file and line.

use crate::sources::RuleFile;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Deeply nested conditions recurse in the compiler; the main thread's stack may be small.
pub(crate) const COMPILER_STACK: usize = 16 * 1024 * 1024;
/// Strings that public sets expect to be set for each file.
pub(crate) const GLOBALS: [&str; 5] = ["filename", "filepath", "extension", "filetype", "owner"];

/// Something the compiler said about a source file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file, as in [`RuleFile::path`].
    pub path: PathBuf,
    /// Counted from 1; 0 where no line is to blame.
    pub line: usize,
    /// What is wrong.
    pub message: String,
    /// Whether it keeps the rules from being used; a mere warning does not.
    pub fatal: bool,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.fatal { "error" } else { "warning" };
        write!(f, "{}:{}: {kind}: {}", self.path.display(), self.line, self.message)
    }
}

/// What [`check`] saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Rules that compiled.
    pub rules: usize,
    /// Errors and warnings, in the order of the files.
    pub problems: Vec<Problem>,
}

/// Rules that cannot be used.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the rules do not compile; mend or leave out: {}", summary(.problems))]
pub struct CompileError {
    /// The fatal problems, at least one.
    pub problems: Vec<Problem>,
}

fn summary(problems: &[Problem]) -> String {
    let shown: Vec<String> = problems.iter().take(5).map(Problem::to_string).collect();
    let more = problems.len().saturating_sub(shown.len());
    if more > 0 { format!("{}; and {more} more", shown.join("; ")) } else { shown.join("; ") }
}

/// Compiled rules; cloning shares them.
#[derive(Clone)]
pub struct Rules {
    compiled: Arc<yara_x::Rules>,
}

impl Rules {
    /// How many rules there are.
    pub fn count(&self) -> usize {
        self.compiled.iter().len()
    }

    pub(crate) fn compiled(&self) -> &yara_x::Rules {
        &self.compiled
    }

    /// What [`from_compiled`](Self::from_compiled) loads.
    pub(crate) fn to_compiled(&self) -> Option<Vec<u8>> {
        self.compiled.as_ref().serialize().ok()
    }

    /// Rules that this very engine has compiled, on this very machine: never call it on
    /// bytes that others could have made.
    pub(crate) fn from_compiled(bytes: &[u8]) -> Option<Self> {
        Some(Self { compiled: Arc::new(yara_x::Rules::deserialize(bytes).ok()?) })
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rules({})", self.count())
    }
}

/// Compiles everything and lists what failed and where; the good rules count all the same.
pub fn check(files: &[RuleFile]) -> Check {
    let (rules, problems) = build(files);
    Check { rules: rules.map_or(0, |r| r.count()), problems }
}

/// Compiles everything, or says what keeps it from compiling.
pub fn compile(files: &[RuleFile]) -> Result<Rules, CompileError> {
    let (rules, problems) = build(files);
    let fatal: Vec<Problem> = problems.into_iter().filter(|p| p.fatal).collect();
    match rules {
        Some(rules) if fatal.is_empty() => Ok(rules),
        _ => Err(CompileError { problems: fatal }),
    }
}

/// Runs the compiler on a thread with a deep stack. A panic in it is a problem of the file
/// it was reading.
fn build(files: &[RuleFile]) -> (Option<Rules>, Vec<Problem>) {
    let reached = AtomicUsize::new(0);
    let crash = |message: String| {
        let path = files.get(reached.load(Ordering::Relaxed)).map(|f| f.path.clone()).unwrap_or_default();
        (None, vec![Problem { path, line: 0, message, fatal: true }])
    };
    std::thread::scope(|scope| {
        let compiler = std::thread::Builder::new().name("rule-compiler".into()).stack_size(COMPILER_STACK);
        match compiler.spawn_scoped(scope, || build_here(files, &reached)) {
            Ok(thread) => {
                thread.join().unwrap_or_else(|_| crash("the rule compiler crashed on this file; leave it out".into()))
            }
            Err(error) => crash(format!("the rule compiler cannot start: {error}")),
        }
    })
}

fn build_here(files: &[RuleFile], reached: &AtomicUsize) -> (Option<Rules>, Vec<Problem>) {
    let mut compiler = yara_x::Compiler::new();
    compiler.relaxed_re_syntax(true).enable_includes(false);
    let mut problems = Vec::new();
    for name in GLOBALS {
        if let Err(error) = compiler.define_global(name, "") {
            problems.push(Problem { path: PathBuf::new(), line: 0, message: error.to_string(), fatal: true });
        }
    }
    for (index, file) in files.iter().enumerate() {
        reached.store(index, Ordering::Relaxed);
        let (errors, warnings) = (compiler.errors().len(), compiler.warnings().len());
        compiler.new_namespace(&file.namespace);
        // The error it returns is the first of those read below.
        let _ = compiler.add_source(file.source.as_str());
        for error in compiler.errors().iter().skip(errors) {
            let at = error.labels().next().map(|label| (label.span().start(), label.text().to_owned()));
            problems.push(problem(file, error.title(), at, true));
        }
        for warning in compiler.warnings().iter().skip(warnings) {
            let at = warning.labels().next().map(|label| (label.span().start(), label.text().to_owned()));
            problems.push(problem(file, warning.title(), at, false));
        }
    }
    reached.store(files.len(), Ordering::Relaxed);
    (Some(Rules { compiled: Arc::new(compiler.build()) }), problems)
}

fn problem(file: &RuleFile, title: &str, at: Option<(usize, String)>, fatal: bool) -> Problem {
    let (offset, detail) = at.unwrap_or_default();
    let line = file.source.bytes().take(offset).filter(|&b| b == b'\n').count() + 1;
    let message = if detail.is_empty() { title.to_owned() } else { format!("{title}: {detail}") };
    Problem { path: file.path.clone(), line, message, fatal }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sources::file;

    #[test]
    fn equal_names_in_different_files_do_not_clash_and_globals_are_known() {
        let rules = compile(&[
            file("a", "rule same { condition: filename == \"x\" and extension == \".y\" }"),
            file("b", "rule same { condition: filepath == \"\" or filetype == \"EXE\" or owner == \"root\" }"),
        ]);
        assert_eq!(rules.unwrap().count(), 2);
    }

    #[test]
    fn what_fails_is_named_with_its_line_and_the_rest_counts() {
        let files = [
            file("good", "rule good { condition: true }"),
            file("bad", "rule fine { condition: true }\n\nrule bad {\n condition: nosuch\n}"),
            file("include", "include \"/etc/passwd\"\n"),
            file("syntax", "rule {"),
        ];
        let check = check(&files);
        assert_eq!(check.rules, 2);
        let fatal: Vec<_> =
            check.problems.iter().filter(|p| p.fatal).map(|p| (p.path.to_str().unwrap(), p.line)).collect();
        assert_eq!(fatal, [("bad.yar", 4), ("include.yar", 1), ("syntax.yar", 1)]);
        let error = compile(&files).unwrap_err();
        assert_eq!(error.problems.len(), 3);
        assert!(error.to_string().contains("bad.yar:4: error: unknown identifier"), "{error}");
    }

    #[test]
    fn a_warning_does_not_keep_rules_from_use() {
        let source = "rule w { strings: $a = { 00 [1-] 00 } condition: $a and false }";
        let check = check(&[file("w", source)]);
        assert_eq!(check.rules, 1);
        assert!(!check.problems.is_empty() && check.problems.iter().all(|p| !p.fatal), "{:?}", check.problems);
        assert!(compile(&[file("w", source)]).is_ok());
    }

    #[test]
    fn deep_nesting_is_an_error_or_a_rule_but_never_a_crash() {
        for depth in [100, 2_000, 20_000] {
            let source = format!("rule deep {{ condition: {}true{} }}", "(".repeat(depth), ")".repeat(depth));
            let _ = check(&[file("deep", &source)]);
        }
    }
}
