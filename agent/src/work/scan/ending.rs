//! How a scan ended, in numbers and in words.

use super::super::counted;
use keepwatch_proto::job::{Ended, JobState, Tally};
use keepwatch_proto::paths;
use keepwatch_scan::Summary;
use std::time::Duration;

/// Files that are named as the slowest.
const SLOWEST: usize = 3;
/// What takes less is nothing that anybody would look into.
const SLOW: Duration = Duration::from_secs(5);

/// The end of a scan that came to it.
pub(super) fn ended(summary: &Summary) -> Ended {
    let Summary { files, bytes, detected, unchanged, skipped, unread, failed, unopened, .. } = *summary;
    // What is elsewhere, or closed to us, has content that nobody has looked at.
    let (skipped, failed) = (skipped.saturating_sub(unread), failed + unread + unopened);
    let tally = Tally { files, bytes, detected, unchanged, skipped, failed, ..Tally::default() };
    let outcome = if summary.is_partial() { JobState::Partial } else { JobState::Succeeded };
    Ended { outcome, tally, ..Ended::failed(in_words(summary, failed)) }
}

/// What the numbers do not say; nothing where there is nothing to say.
pub(in crate::work) fn in_words(summary: &Summary, uninspected: u64) -> String {
    let counts = [
        (
            uninspected,
            "file, folder or part of a file was not inspected; it is named, with its reason",
            "files, folders or parts of files were not inspected; they are named, each with its reason",
        ),
        (
            summary.set_aside,
            "of them is set aside, since the scanner died on it before",
            "of them are set aside, since the scanner died on them before",
        ),
        (
            summary.windowed,
            "file is too large to be judged whole and was judged window by window",
            "files are too large to be judged whole and were judged window by window",
        ),
        (
            summary.allowed,
            "file matches rules, and the policy allows it",
            "files match rules, and the policy allows it",
        ),
    ];
    let mut said: Vec<String> = counts.into_iter().filter_map(|(n, one, many)| counted(n, one, many)).collect();
    let slowest = summary.slowest.iter().take(SLOWEST).filter(|(_, took)| *took >= SLOW);
    let slowest: Vec<String> =
        slowest.map(|(path, took)| format!("{} ({} s)", paths::of_path(path), took.as_secs())).collect();
    if !slowest.is_empty() {
        said.push(format!("slowest: {}", slowest.join(", ")));
    }
    let slow_rules: Vec<String> = summary
        .slow_rules
        .iter()
        .map(|slow| format!("{} ({} s over {})", slow.rule, slow.took.as_secs(), paths::of_path(&slow.file)))
        .collect();
    if !slow_rules.is_empty() {
        said.push(format!("rules to mend, or to disable in the policy: {}", slow_rules.join(", ")));
    }
    said.extend(summary.cache_problem.clone());
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepwatch_scan::SlowRule;

    #[test]
    fn where_all_went_well_nothing_is_said() {
        let quick = vec![("/a".into(), Duration::from_secs(1))];
        let well = Summary { files: 7, clean: 6, detected: 1, unchanged: 3, slowest: quick, ..Summary::default() };
        let ended = ended(&well);
        assert_eq!((ended.outcome, ended.message.as_str()), (JobState::Succeeded, ""));
        assert_eq!((ended.tally.files, ended.tally.detected, ended.tally.unchanged), (7, 1, 3));
    }

    #[test]
    fn what_people_should_know_is_said() {
        let slow = |path: &str, seconds| (path.into(), Duration::from_secs(seconds));
        let summary = Summary {
            skipped: 5,
            unread: 1,
            failed: 2,
            unopened: 4,
            set_aside: 1,
            windowed: 3,
            allowed: 6,
            slowest: vec![slow("/a", 90), slow("/b", 8), slow("/c", 2), slow("/d", 1)],
            slow_rules: vec![SlowRule {
                rule: "Backtracks".into(),
                namespace: "n".into(),
                file: "/a".into(),
                inside: String::new(),
                took: Duration::from_secs(10),
            }],
            cache_problem: Some("the cache of verdicts cannot be used".into()),
            ..Summary::default()
        };
        let ended = ended(&summary);
        assert_eq!((ended.outcome, ended.tally.failed, ended.tally.skipped), (JobState::Partial, 7, 4));
        for words in [
            "7 files, folders or parts of files were not inspected",
            "1 of them is set aside",
            "3 files are too large",
            "6 files match rules, and the policy allows it",
            "slowest: /a (90 s), /b (8 s); ",
            "rules to mend, or to disable in the policy: Backtracks (10 s over /a); ",
            "cache of verdicts",
        ] {
            assert!(ended.message.contains(words), "{words}: {}", ended.message);
        }
    }
}
