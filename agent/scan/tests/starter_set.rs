//! The starter rules that ship in `deploy/signatures`: each compiles, says what it is for,
//! finds its sample, and leaves every near miss alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use keepwatch_scan::{Match, Rules, Scanner, check, compile, read_rules};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn signatures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/signatures")
}

fn starter_rules() -> Rules {
    compile(&read_rules(&[signatures()]).unwrap()).unwrap()
}

/// Every rule's name, as it stands in the sources.
fn rule_names() -> Vec<String> {
    let sources = read_rules(&[signatures()]).unwrap();
    let lines = sources.iter().flat_map(|file| file.source.lines());
    lines.filter_map(|line| line.strip_prefix("rule ")).map(|rest| rest.trim().to_owned()).collect()
}

/// A file name and content: an optional first line `name: …`, then Base64.
fn sample(file: &str) -> (String, Vec<u8>) {
    let text =
        std::fs::read_to_string(signatures().join("samples").join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    let (name, body) = match text.strip_prefix("name: ").and_then(|rest| rest.split_once('\n')) {
        Some((name, body)) => (name.to_owned(), body),
        None => ("sample".to_owned(), text.as_str()),
    };
    let digits: String = body.split_whitespace().collect();
    (name, STANDARD.decode(digits).unwrap_or_else(|e| panic!("{file}: {e}")))
}

/// Never stored whole, so that no checkout trips a virus scanner.
fn eicar() -> Vec<u8> {
    [r"X5O!P%@AP[4\PZX54(P^)7CC)7}$", "EICAR-STANDARD-", "ANTIVIRUS-TEST-FILE!$H+H*"].concat().into_bytes()
}

fn matches(scanner: &mut Scanner<'_>, (name, bytes): &(String, Vec<u8>)) -> Vec<Match> {
    scanner.scan_bytes(&Path::new("/home/user").join(name), bytes).unwrap()
}

#[test]
fn the_set_compiles_without_a_word_of_complaint() {
    let check = check(&read_rules(&[signatures()]).unwrap());
    assert!(check.problems.is_empty(), "{:#?}", check.problems);
    assert_eq!(check.rules, rule_names().len());
    assert!(check.rules >= 37, "{}", check.rules);
}

#[test]
fn every_rule_finds_its_sample_and_says_what_it_is() {
    let rules = starter_rules();
    let mut scanner = Scanner::new(&rules);
    for rule in rule_names() {
        let content = if rule == "EICAR_Test_File" {
            ("eicar.com".into(), eicar())
        } else {
            sample(&format!("{rule}.match.b64"))
        };
        let found = matches(&mut scanner, &content);
        let own = found
            .iter()
            .find(|m| m.rule == rule)
            .unwrap_or_else(|| panic!("{rule} misses its sample; found {found:?}"));
        let meta = |key: &str| own.metadata.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str()).unwrap_or_default();
        assert_eq!(meta("author"), "Keepwatch", "{rule}");
        assert_eq!(meta("severity"), own.severity.as_str(), "{rule}");
        assert!(meta("description").is_ascii() && meta("description").len() > 10, "{rule}");
        assert!(meta("description_zh").chars().filter(|c| !c.is_ascii()).count() >= 4, "{rule}");
    }
}

#[test]
fn no_near_miss_matches_any_rule() {
    let rules = starter_rules();
    let mut scanner = Scanner::new(&rules);
    for rule in rule_names() {
        let found = matches(&mut scanner, &sample(&format!("{rule}.clean.b64")));
        assert!(found.is_empty(), "the clean sample of {rule} matches {found:?}");
    }
}

#[test]
fn no_sample_is_an_orphan_and_none_is_the_test_virus() {
    let known: BTreeSet<String> = rule_names().into_iter().collect();
    for entry in std::fs::read_dir(signatures().join("samples")).unwrap() {
        let file = entry.unwrap().file_name().into_string().unwrap();
        let rule = file.strip_suffix(".match.b64").or_else(|| file.strip_suffix(".clean.b64"));
        assert!(rule.is_some_and(|rule| known.contains(rule)), "{file} belongs to no rule");
        let (_, bytes) = sample(&file);
        assert!(!bytes.windows(eicar().len()).any(|w| w == eicar()), "{file} holds the EICAR string");
    }
}

#[test]
fn eicar_is_found_with_a_line_end_but_not_inside_a_longer_text() {
    let rules = starter_rules();
    let mut scanner = Scanner::new(&rules);
    let with_line_end = [eicar(), b"\r\n".to_vec()].concat();
    assert_eq!(matches(&mut scanner, &("eicar.txt".into(), with_line_end)).len(), 1);
    let quoted = [b"The test file reads: ".to_vec(), eicar()].concat();
    assert!(matches(&mut scanner, &("about.txt".into(), quoted)).is_empty());
}
