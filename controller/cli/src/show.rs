//! How values read: times, sizes, and text that came from outside.

use chrono::{DateTime, Local, Utc};

pub(crate) use keepwatch_proto::paths::{harmless, harmless_json};

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

/// As [`harmless`], for text of several lines.
pub(crate) fn harmless_lines(text: &str) -> String {
    text.lines().map(|line| line.split('\t').map(harmless).collect::<Vec<_>>().join("\t") + "\n").collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_stay_lines() {
        assert_eq!(harmless_lines("a:\n\tb\x1b\r\n"), "a:\n\tb\\u{1b}\n");
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
