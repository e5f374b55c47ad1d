//! A policy's fields, differences and effects, as people read them.

use crate::app::policies::Effect;
use crate::plan::difference::{Line, difference};
use crate::web::i18n::Value;
use crate::web::pages::Teller;
use crate::web::words::{plain, size};

/// The parts of a policy, by where their fields are, and the word for each. The first that fits counts.
pub const PARTS: [(&str, &str); 8] = [
    ("backup.timing.", "backup-timing"),
    ("backup.keep.", "backup-keep"),
    ("backup.", "backup"),
    ("scan.timing.", "scan-timing"),
    ("scan.", "scan"),
    ("signatures.", "signatures"),
    ("work.", "work"),
    ("", "general"),
];

/// The word for the part that a field is in.
pub fn part_of(field: &str) -> &'static str {
    PARTS.iter().find(|(begin, _)| field.starts_with(begin)).map_or("general", |(_, word)| word)
}

/// The parts, in the order in which people look at them.
const ORDER: [&str; 8] =
    ["general", "backup", "backup-timing", "backup-keep", "scan", "scan-timing", "signatures", "work"];
/// The fields that people look for first.
const FIRST: [&str; 3] = ["schedule", "paths", "excludes"];

/// Where a field stands among others: its part, whether people look for it first, its path.
pub(super) fn place_of(field: &str) -> (usize, usize, String) {
    let part = part_of(field);
    let part = ORDER.iter().position(|word| *word == part).unwrap_or(ORDER.len());
    let name = field.rsplit('.').next().unwrap_or_default();
    (part, FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len()), field.to_owned())
}

/// The word for a field within its part.
pub fn word_of(field: &str) -> String {
    let name = field.rsplit('.').next().unwrap_or_default().replace('_', "-");
    // Of these alone two are called alike within one part's name.
    if field.contains(".timing.") { format!("timing-{name}") } else { name }
}

/// What a field is called within its part; one of a later version by its path.
pub(super) fn label(teller: Teller, field: &str) -> String {
    let word = word_of(field);
    let label = teller.language.word("field", &word);
    if label == format!("field-{word}") { field.to_owned() } else { label }
}

/// What a field says, of the JSON that it is told in.
pub(super) fn value(teller: Teller, field: &str, json: &str) -> String {
    let language = teller.language;
    let parsed = serde_json::from_str::<serde_json::Value>(json).unwrap_or_default();
    match &parsed {
        serde_json::Value::Bool(true) => language.say("value-yes"),
        serde_json::Value::Bool(false) => language.say("value-no"),
        serde_json::Value::String(text) if text.is_empty() && field.ends_with("schedule") => {
            language.say("value-only-asked")
        }
        serde_json::Value::String(text) if text.is_empty() => language.say("value-none"),
        serde_json::Value::String(text) => plain(text),
        serde_json::Value::Number(number) if field.ends_with("max_file_bytes") => match number.as_u64() {
            Some(0) => language.say("value-no-limit"),
            Some(bytes) => size(bytes),
            None => number.to_string(),
        },
        serde_json::Value::Array(list) if list.is_empty() => language.say("value-none"),
        serde_json::Value::Object(map) if map.is_empty() => language.say("value-none"),
        serde_json::Value::Array(list) => {
            let one = |one: &serde_json::Value| one.as_str().map_or_else(|| plain(&one.to_string()), plain);
            list.iter().map(one).collect::<Vec<_>>().join("\n")
        }
        _ => plain(json),
    }
}

/// A text line by line, with what steers the eye shown.
pub(super) fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// A line of a difference.
pub struct DiffLine {
    /// `same`, `gone`, `new`, or `skip` for those left out.
    pub kind: &'static str,
    /// The line, or how many are left out.
    pub text: String,
}

/// Lines that are shown around what differs.
const AROUND: usize = 3;

/// What differs between two texts; empty: nothing.
pub(super) fn diff(teller: Teller, old: &str, new: &str) -> Vec<DiffLine> {
    let lines = difference(old, new);
    let differs: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Same(_))).map(|(at, _)| at).collect();
    let mut out = Vec::new();
    let mut skipped = 0;
    let mut next = 0;
    for (at, line) in lines.iter().enumerate() {
        while next < differs.len() && differs[next] + AROUND < at {
            next += 1;
        }
        let near = differs.get(next).is_some_and(|place| place.abs_diff(at) <= AROUND);
        if !near {
            skipped += 1;
            continue;
        }
        left_out(teller, &mut out, &mut skipped);
        let (kind, text) = match line {
            Line::Same(text) => ("same", text),
            Line::Gone(text) => ("gone", text),
            Line::New(text) => ("new", text),
        };
        out.push(DiffLine { kind, text: plain(text) });
    }
    if !out.is_empty() {
        left_out(teller, &mut out, &mut skipped);
    }
    out
}

fn left_out(teller: Teller, out: &mut Vec<DiffLine>, skipped: &mut u64) {
    if *skipped > 0 {
        out.push(DiffLine { kind: "skip", text: teller.language.count("policy-lines-same", *skipped) });
    }
    *skipped = 0;
}

/// What changes for the PCs of one group.
pub struct Shown {
    /// The group.
    pub group: String,
    /// How many.
    pub count: String,
    /// The first of them.
    pub hosts: Vec<String>,
    /// How many more; empty: none.
    pub more: String,
    /// What it is called, what it said, what it says.
    pub changes: Vec<(String, String, String)>,
}

/// Names that are shown of a group's PCs.
const NAMED: usize = 50;

/// Effects in the reader's words, and how many PCs they concern.
pub(super) fn effects(teller: Teller, effects: &[Effect]) -> (Vec<Shown>, u64) {
    let language = teller.language;
    let change = |(field, was, is): &(String, String, String)| {
        let part = language.word("part", part_of(field));
        let label = label(teller, field);
        let what = language.with("policy-field", &[("part", Value::Text(&part)), ("field", Value::Text(&label))]);
        (what, value(teller, field, was), value(teller, field, is))
    };
    let shown = effects.iter().map(|effect| Shown {
        group: teller.language.group(&effect.group),
        count: language.count("policy-hosts", effect.hosts.len() as u64),
        hosts: effect.hosts.iter().take(NAMED).map(|name| plain(name)).collect(),
        more: match effect.hosts.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => language.count("policy-hosts-more", more as u64),
        },
        changes: effect.changes.iter().map(change).collect(),
    });
    (shown.collect(), effects.iter().map(|effect| effect.hosts.len() as u64).sum())
}

/// The line that a message names, if it names one.
pub(super) fn line_named(message: &str) -> Option<usize> {
    let after = message.split("line ").nth(1)?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok().filter(|line| *line > 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::web::i18n::Language;

    fn teller() -> Teller {
        Teller { language: Language::English, now: chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap() }
    }

    #[test]
    fn a_message_names_its_line() {
        for (message, line) in [
            ("line 3: scan.schedule is locked by the group 'all'", Some(3)),
            ("the policy cannot be read: did not find expected key at line 12 column 1", Some(12)),
            ("something else", None),
            ("line x", None),
            ("line 0", None),
            ("line 99999999999999999999999", None),
        ] {
            assert_eq!(line_named(message), line, "{message}");
        }
    }

    #[test]
    fn fields_are_read_as_people_say_them() {
        for (field, json, shown) in [
            ("scan.schedule", "\"\"", "only when asked"),
            ("scan.schedule", "\"0 3 * * *\"", "0 3 * * *"),
            ("scan.paths", "[\"@users\",\"/srv\"]", "@users\n/srv"),
            ("scan.paths", "[]", "none"),
            ("scan.max_file_bytes", "1048576", "1.00 MiB"),
            ("backup.max_file_bytes", "0", "no limit"),
            ("scan.unpack", "true", "yes"),
            ("scan.severities", "{}", "none"),
            ("scan.severities", "{\"a\":\"low\"}", "{\"a\":\"low\"}"),
            ("scan.paths", "[\"\\u202e\"]", "\\u{202e}"),
        ] {
            assert_eq!(value(teller(), field, json), shown, "{field} {json}");
        }
        assert_eq!((part_of("backup.keep.daily"), part_of("time_zone")), ("backup-keep", "general"));
        let mut fields = ["work.retries", "backup.canaries", "backup.schedule", "time_zone", "backup.keep.last"];
        fields.sort_by_key(|field| place_of(field));
        assert_eq!(fields, ["time_zone", "backup.schedule", "backup.canaries", "backup.keep.last", "work.retries"]);
        assert_eq!(label(teller(), "backup.of_a_later_version"), "backup.of_a_later_version");
    }

    #[test]
    fn a_difference_leaves_out_what_is_far_from_it() {
        let old: String = (0..20).map(|n| format!("l{n}\n")).collect();
        let new = old.replace("l10\n", "x\n");
        let lines = diff(teller(), &old, &new);
        let kinds: Vec<_> = lines.iter().map(|line| line.kind).collect();
        assert_eq!(kinds, ["skip", "same", "same", "same", "gone", "new", "same", "same", "same", "skip"]);
        assert_eq!(lines[0].text, "7 lines are the same");
        assert!(diff(teller(), &old, &old).is_empty());
    }
}
