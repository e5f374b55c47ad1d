//! How values read: times, sizes, and text that came from outside.

use chrono::{DateTime, Local, Utc};
use std::borrow::Cow;
use std::fmt::Write;

/// A time as the wire has it: seconds since 1970, where 0 is never.
pub(crate) fn time(seconds: i64) -> Option<DateTime<Utc>> {
    if seconds == 0 { None } else { DateTime::from_timestamp(seconds, 0) }
}

/// A text where the wire's empty one means that there is none.
pub(crate) fn some(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

/// A time for people: in the PC's own zone, and saying which.
pub(crate) fn when(time: Option<DateTime<Utc>>) -> String {
    match time {
        Some(time) => time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S %:z").to_string(),
        None => "-".into(),
    }
}

/// As [`when`], of what ought to happen now and then.
pub(crate) fn last(time: Option<DateTime<Utc>>) -> String {
    if time.is_none() { "never".into() } else { when(time) }
}

/// Bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    indicatif::HumanBytes(bytes).to_string()
}

/// Yes or no.
pub(crate) fn yes(is: bool) -> String {
    if is { "yes" } else { "no" }.into()
}

/// A text, or a dash for none.
pub(crate) fn or_dash(text: Option<&String>) -> String {
    text.map_or_else(|| "-".into(), Clone::clone)
}

/// Text with nothing in it that a terminal obeys or that makes it read as other than it is:
/// names of hosts and files are chosen by others.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    if text.chars().any(is_treacherous) {
        let tamed = |c: char| if is_treacherous(c) { c.escape_default().to_string() } else { c.into() };
        Cow::Owned(text.chars().map(tamed).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// As [`harmless`], for text of several lines.
pub(crate) fn harmless_lines(text: &str) -> String {
    text.lines().map(|line| line.split('\t').map(harmless).collect::<Vec<_>>().join("\t") + "\n").collect()
}

/// JSON with such characters escaped, as JSON may. They stand in its strings only, since
/// line ends are all that the writer itself puts between.
pub(crate) fn harmless_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_treacherous(c) {
            // All of them are in the basic plane: one unit of UTF-16 each.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_treacherous(c: char) -> bool {
    let reorders =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || reorders || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_left() {
        for (text, shown) in [
            ("年度 报告.docx", "年度 报告.docx"),
            ("\x1b[2J", "\\u{1b}[2J"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{9b}31m\x7f\0", "\\u{9b}31m\\u{7f}\\u{0}"),
            ("invoice\u{202e}fdp.exe", "invoice\\u{202e}fdp.exe"),
            ("C:\\users", "C:\\users"),
        ] {
            assert_eq!(harmless(text), shown);
        }
        assert_eq!(harmless_lines("a:\n\tb\x1b\r\n"), "a:\n\tb\\u{1b}\n");
    }

    #[test]
    fn json_stays_the_same_json() {
        let text = "a\u{9b}\u{202e}\x1b\x7f\n守";
        let json = harmless_json(&serde_json::to_string_pretty(&[text]).unwrap());
        assert!(json.chars().all(|c| c == '\n' || !is_treacherous(c)));
        assert_eq!(serde_json::from_str::<Vec<String>>(&json).unwrap(), [text]);
    }

    #[test]
    fn times_and_sizes_read_well() {
        assert_eq!(time(0), None);
        assert_eq!(last(None), "never");
        let shown = when(time(1_790_000_000));
        assert!(DateTime::parse_from_str(&shown, "%Y-%m-%d %H:%M:%S %:z").unwrap() == time(1_790_000_000).unwrap());
        assert_eq!(when(time(i64::MAX)), "-");
        assert_eq!(size(1536), "1.50 KiB");
    }
}
