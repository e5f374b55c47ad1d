//! Which rule made an object slow. Rules are judged together, so what one of them costs does
//! not show; where an object took far longer than its size explains, they are tried on it
//! again in small groups, and those of the slowest group one by one. The engine's own
//! profiler would tell at once, and cost each file more than it is worth.

use crate::apart;
use crate::names::Names;
use crate::rules::{COMPILER_STACK, compile};
use crate::scanner::Scanner;
use crate::sources::RuleFile;
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What an object may take whatever its size, and for each MiB on top: several times what the
/// largest public sets need on a ten years old PC.
const PATIENCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_millis(50));
/// Rules tried together.
const GROUP: usize = 64;
/// What one try may take.
const TRY: Duration = Duration::from_secs(10);
/// What all tries on one object may take.
const ALL_TRIES: Duration = Duration::from_secs(60);

/// A rule that made an object slow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowRule {
    /// Its name.
    pub rule: String,
    /// The namespace of its file.
    pub namespace: String,
    /// The file on the disk.
    pub file: PathBuf,
    /// The way to the object in it; empty where it is the file.
    pub inside: String,
    /// What the rule took alone; it was ended after ten seconds.
    pub took: Duration,
}

/// Whether so many bytes should not have taken so long.
pub(crate) fn is_slow(took: Duration, bytes: usize) -> bool {
    let mebibytes = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
    took > PATIENCE.0 + PATIENCE.1.saturating_mul(mebibytes)
}

/// Finds the rule that is to blame for most of what the object took, if there is one. Its
/// name, namespace, and what it took alone.
pub(crate) fn blame(
    files: &[RuleFile],
    names: &Names,
    bytes: &[u8],
    took: Duration,
    carry_on: &(dyn Fn() -> bool + Sync),
) -> Option<(String, String, Duration)> {
    std::thread::scope(|scope| {
        // The parser recurses as the compiler does.
        let search = std::thread::Builder::new().name("slow-rule".into()).stack_size(COMPILER_STACK);
        let search =
            search.spawn_scoped(scope, || Search { names, bytes, took, carry_on, began: Instant::now() }.run(files));
        search.ok()?.join().ok()?
    })
}

/// A rule file, taken apart.
struct Parsed<'f> {
    file: &'f RuleFile,
    imports: String,
    rules: Vec<(&'f str, Range<usize>)>,
}

/// One rule: its file's place, and its own in the file.
type Place = (usize, usize);

struct Search<'s> {
    names: &'s Names,
    bytes: &'s [u8],
    took: Duration,
    carry_on: &'s (dyn Fn() -> bool + Sync),
    began: Instant,
}

impl Search<'_> {
    fn run(&self, files: &[RuleFile]) -> Option<(String, String, Duration)> {
        let parsed: Vec<Parsed<'_>> = files.iter().filter_map(take_apart).collect();
        let in_file =
            |(n, file): (usize, &Parsed<'_>)| (0..file.rules.len()).map(move |rule| (n, rule)).collect::<Vec<_>>();
        let all: Vec<Place> = parsed.iter().enumerate().flat_map(in_file).collect();
        let (group, _) = self.slowest(&parsed, all.chunks(GROUP))?;
        let (rule, took) = self.slowest(&parsed, group.chunks(1))?;
        let file = parsed.get(rule.first()?.0)?;
        let name = file.rules.get(rule.first()?.1)?.0;
        // Where many are slow together, none of them is to blame.
        (took * 4 >= self.took.min(TRY)).then(|| (name.to_owned(), file.file.namespace.clone(), took))
    }

    /// The slowest of these groups, as far as time allows.
    fn slowest<'p>(
        &self,
        parsed: &[Parsed<'_>],
        groups: impl Iterator<Item = &'p [Place]>,
    ) -> Option<(&'p [Place], Duration)> {
        let mut slowest: Option<(&[Place], Duration)> = None;
        for group in groups {
            if self.began.elapsed() > ALL_TRIES || !(self.carry_on)() {
                break;
            }
            let took = self.time(&pick(parsed, group)).unwrap_or_default();
            if slowest.is_none_or(|(_, most)| took > most) {
                slowest = Some((group, took));
            }
            if took * 2 > self.took.min(TRY) {
                break;
            }
        }
        slowest
    }

    /// What the object takes with these rules alone; `None` where they do not compile.
    fn time(&self, files: &[RuleFile]) -> Option<Duration> {
        let rules = compile(files).ok()?;
        let mut scanner = Scanner::with_timeout(&rules, TRY);
        let began = Instant::now();
        // One that was ended has taken its time all the same.
        let _ = scanner.scan(self.names, self.bytes);
        Some(began.elapsed())
    }
}

/// The rules of a file and where each stands.
fn take_apart(file: &RuleFile) -> Option<Parsed<'_>> {
    let apart = apart::take_apart(&file.source)?;
    let text = |range: Range<usize>| file.source.get(range);
    let mut parsed = Parsed { file, imports: String::new(), rules: vec![] };
    for import in apart.imports {
        parsed.imports.push_str(text(import)?);
        parsed.imports.push('\n');
    }
    for (name, range) in apart.rules {
        parsed.rules.push((text(name)?, range));
    }
    Some(parsed)
}

/// Files that hold these rules alone, and the rules that those speak of.
fn pick(parsed: &[Parsed<'_>], group: &[Place]) -> Vec<RuleFile> {
    let in_one_file = group.chunk_by(|a, b| a.0 == b.0);
    in_one_file
        .filter_map(|places| Some((parsed.get(places.first()?.0)?, places)))
        .map(|(p, places)| p.only(places))
        .collect()
}

impl Parsed<'_> {
    fn only(&self, places: &[Place]) -> RuleFile {
        let mut wanted = vec![false; self.rules.len()];
        let mut to_see: Vec<usize> = places.iter().map(|(_, rule)| *rule).collect();
        while let Some(at) = to_see.pop() {
            if !std::mem::replace(&mut wanted[at], true) {
                let spoken_of: Vec<&str> = words(self.text(at)).collect();
                // A rule may speak of those before it.
                to_see.extend((0..at).filter(|before| !wanted[*before] && spoken_of.contains(&self.rules[*before].0)));
            }
        }
        let rules = (0..self.rules.len()).filter(|rule| wanted[*rule]).map(|rule| self.text(rule));
        let source = std::iter::once(self.imports.as_str()).chain(rules).collect::<Vec<_>>().join("\n");
        RuleFile { source, ..self.file.clone() }
    }

    fn text(&self, rule: usize) -> &str {
        self.rules.get(rule).and_then(|(_, range)| self.file.source.get(range.clone())).unwrap_or_default()
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sources::file;
    use std::path::Path;

    #[test]
    fn a_file_is_taken_apart_and_a_rule_brings_what_it_speaks_of() {
        let source = "// rule none { }\nimport \"math\"\nprivate rule base { condition: true }\n\
                      rule other : tag { strings: $a = \"rule x {\" condition: $a }\n\
                      global rule uses { condition: base and math.abs(-1) == 1 }\n";
        let files = [file("n", source)];
        let parsed = take_apart(&files[0]).unwrap();
        let names: Vec<&str> = parsed.rules.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["base", "other", "uses"]);
        let only = pick(&[parsed], &[(0, 2)]);
        assert!(only[0].source.contains("rule base") && !only[0].source.contains("rule other"), "{}", only[0].source);
        assert_eq!(compile(&only).unwrap().count(), 2);
    }

    #[test]
    fn the_one_that_takes_the_time_is_named_among_many_and_none_where_nothing_is_slow() {
        let many: String =
            (0..200).map(|n| format!("rule r{n} {{ strings: $a = \"word{n}\" condition: $a }}\n")).collect();
        let slow = "rule helper { condition: true } rule slow { condition: helper and for all i in (0..20000000) : (i != 7777777777) }";
        let files = [file("many", &many), file("bad", slow), file("more", &many)];
        let (names, took) = (Names::of(Path::new("/a"), ""), Duration::from_secs(4));
        let search = |files: &[RuleFile], took| blame(files, &names, b"some bytes", took, &|| true);
        let (rule, namespace, _) = search(&files, Duration::from_millis(1)).unwrap();
        assert_eq!((rule.as_str(), namespace.as_str()), ("slow", "bad"));
        assert_eq!(search(&files[..1], took), None);
        assert_eq!(blame(&files, &names, b"", took, &|| false), None, "called off");
    }

    #[test]
    fn what_is_slow_goes_by_the_size() {
        assert!(is_slow(Duration::from_secs(3), 10));
        assert!(!is_slow(Duration::from_secs(3), 256 << 20));
        assert!(is_slow(Duration::from_secs(20), 256 << 20));
    }
}
