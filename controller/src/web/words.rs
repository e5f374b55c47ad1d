//! Times, sizes and names as people read them.

use super::i18n::{Language, Value};
use crate::store::groups::ROOT;
use askama::Template;
use askama::filters::HtmlSafe;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// A point in time: how long ago or ahead it is, and exactly.
#[derive(Template)]
#[template(path = "moment.html")]
pub struct Moment {
    words: String,
    machine: String,
    exact: String,
}

// Its template escapes by itself.
impl HtmlSafe for Moment {}

impl Moment {
    /// How long ago or ahead it is.
    pub fn into_words(self) -> String {
        self.words
    }
}

/// A word of state with its shape, so that colour is never needed to tell it.
#[derive(Template)]
#[template(path = "badge.html")]
pub struct Badge {
    /// Which one, in the style sheet and as an icon.
    pub kind: &'static str,
    /// What people read.
    pub label: String,
}

impl HtmlSafe for Badge {}

/// A shape alone.
#[derive(Template)]
#[template(path = "icon.html")]
pub struct Icon {
    /// Which one.
    pub kind: &'static str,
}

impl HtmlSafe for Icon {}

/// A path that goes on in the next line after one of its parts, never within one.
#[derive(Template)]
#[template(path = "path.html")]
pub struct Parted<'a> {
    parts: Vec<&'a str>,
}

impl HtmlSafe for Parted<'_> {}

/// Places in a path where a line may end; PCs may report what they like.
const MOST_PARTS: usize = 64;

impl<'a> Parted<'a> {
    /// The path in its parts: each ends with what divides it from the next.
    pub fn of(path: &'a str) -> Self {
        let divides = |c: char| matches!(c, '/' | '\\' | '.');
        let (mut parts, mut from, mut named) = (Vec::new(), 0, false);
        for (at, c) in path.char_indices() {
            let to = at + c.len_utf8();
            // What begins with one keeps it: the root, and the dot of what is hidden.
            if divides(c) && named && to < path.len() && parts.len() < MOST_PARTS {
                parts.push(&path[from..to]);
                (from, named) = (to, false);
            } else {
                named |= !divides(c);
            }
        }
        parts.push(&path[from..]);
        Self { parts }
    }
}

/// A headline that goes on in the next line after one of its clauses, where a clause has room in one.
#[derive(Template)]
#[template(path = "clauses.html")]
pub struct Clauses<'a> {
    clauses: Vec<&'a str>,
}

impl HtmlSafe for Clauses<'_> {}

impl<'a> Clauses<'a> {
    /// The text in its clauses: each ends with what divides it from the next.
    pub fn of(text: &'a str) -> Self {
        let (mut clauses, mut rest) = (Vec::new(), text);
        while let Some(end) = ["，", "; "].iter().filter_map(|mark| Some(rest.find(mark)? + mark.len())).min() {
            let (clause, after) = rest.split_at(end);
            clauses.push(clause);
            rest = after;
        }
        clauses.push(rest);
        Self { clauses }
    }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Beyond it, a date says more than a count of days.
const MOST_DAYS: i64 = 60;

impl Language {
    /// A group by its path; the topmost one is all of them.
    pub fn group(self, path: &str) -> String {
        if path == ROOT { self.say("group-all") } else { plain(path) }
    }

    /// Whose clocks times are shown by.
    pub fn zone(self, zone: Tz) -> String {
        match zone {
            Tz::Asia__Shanghai | Tz::PRC | Tz::Asia__Chongqing | Tz::Asia__Harbin => self.say("zone-beijing"),
            Tz::UTC => "UTC".to_owned(),
            zone => self.with("zone-of", &[("zone", Value::Text(zone.name()))]),
        }
    }

    /// A time in Unix seconds, as seen from `now`; 0 is never.
    pub fn moment(self, seconds: i64, now: DateTime<Utc>) -> Moment {
        let time = DateTime::from_timestamp(seconds, 0).filter(|_| seconds != 0);
        let Some(time) = time else {
            return Moment { words: self.say("time-never"), machine: String::new(), exact: String::new() };
        };
        Moment {
            words: self.distance(time, now),
            machine: time.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            exact: time.format("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }

    fn distance(self, time: DateTime<Utc>, now: DateTime<Utc>) -> String {
        let distance = (time - now).num_seconds();
        let n = |unit: i64| u64::try_from(distance.abs() / unit).unwrap_or(0);
        match (distance > 0, distance.abs()) {
            (_, far) if far >= MOST_DAYS * DAY => time.format("%Y-%m-%d").to_string(),
            (false, near) if near < MINUTE => self.say("time-now"),
            (false, near) if near < HOUR => self.count("time-minutes", n(MINUTE)),
            (false, near) if near < 2 * DAY => self.count("time-hours", n(HOUR)),
            (false, _) => self.count("time-days", n(DAY)),
            (true, near) if near < MINUTE => self.say("time-soon"),
            (true, near) if near < HOUR => self.count("time-in-minutes", n(MINUTE)),
            (true, near) if near < 2 * DAY => self.count("time-in-hours", n(HOUR)),
            (true, _) => self.count("time-in-days", n(DAY)),
        }
    }

    /// How long something took.
    pub fn span(self, seconds: i64) -> String {
        let n = |n: i64| u64::try_from(n).unwrap_or(0);
        match seconds {
            ..MINUTE => self.count("span-seconds", n(seconds)),
            MINUTE..HOUR => self.count("span-minutes", n(seconds / MINUTE)),
            _ => {
                let (hours, minutes) = (n(seconds / HOUR), n(seconds % HOUR / MINUTE));
                self.with("span-hours", &[("hours", Value::Count(hours)), ("minutes", Value::Count(minutes))])
            }
        }
    }

    /// What a rule says of itself, in this language where it does; empty: nothing.
    pub fn description(self, metadata: &BTreeMap<String, String>) -> &str {
        let own = match self {
            Self::Chinese => metadata.get("description_zh"),
            Self::English => None,
        };
        own.or(metadata.get("description")).map_or("", String::as_str)
    }

    /// The same, or else the rule's name.
    pub fn called<'a>(self, metadata: &'a BTreeMap<String, String>, rule: &'a str) -> &'a str {
        Some(self.description(metadata)).filter(|text| !text.is_empty()).unwrap_or(rule)
    }
}

/// Bytes, with three digits that matter.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Exact enough for people from here on.
    #[allow(clippy::cast_precision_loss)]
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be shown as 1024.
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    let digits = if amount < 9.995 {
        2
    } else if amount < 99.95 {
        1
    } else {
        0
    };
    format!("{amount:.digits$} {}", UNITS[unit])
}

/// A count as stored, which is never below zero.
pub fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// A text that a PC reported, with what would steer a reader's eye (control characters,
/// changes of direction, invisible spaces) shown for what it is.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if steers(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a character is none that one sees, but changes how others are seen.
pub fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A text as part of an address or a header, with all bytes but the harmless as `%HH`.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// An address with what it asks for; what is empty is left out.
pub fn address(path: &str, query: &[(&str, &str)]) -> String {
    let mut out = path.to_owned();
    for (name, value) in query.iter().filter(|(_, value)| !value.is_empty()) {
        out.push(if out.len() == path.len() { '?' } else { '&' });
        out.push_str(&format!("{name}={}", encoded(value)));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let now = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        for (seconds, english, chinese) in [
            (5, "just now", "刚刚"),
            (60, "1 minute ago", "1 分钟前"),
            (3 * 3600 + 59, "3 hours ago", "3 小时前"),
            (47 * 3600, "47 hours ago", "47 小时前"),
            (6 * 86_400, "6 days ago", "6 天前"),
            (400 * 86_400, "2025-12-11", "2025-12-11"),
            (-30, "any moment", "即将"),
            (-90, "in 1 minute", "1 分钟后"),
            (-7200, "in 2 hours", "2 小时后"),
            (-3 * 86_400, "in 3 days", "3 天后"),
        ] {
            let time = DateTime::from_timestamp(1_800_000_000 - seconds, 0).unwrap();
            assert_eq!(Language::English.distance(time, now), english);
            assert_eq!(Language::Chinese.distance(time, now), chinese);
        }
        let html = Language::English.moment(1_800_000_000 - 60, now).to_string();
        assert!(html.contains("datetime=\"2027-01-15T07:59:00Z\"") && html.contains("2027-01-15 07:59 UTC"), "{html}");
        assert!(!Language::English.moment(0, now).to_string().contains("<time"));
    }

    #[test]
    fn sizes_have_three_digits() {
        for (bytes, shown) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (15_500, "15.1 KiB"),
            (1_048_000, "1.00 MiB"),
            (123 << 20, "123 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(size(bytes), shown);
        }
    }

    #[test]
    fn a_path_may_go_on_in_the_next_line_between_its_parts_only() {
        for (path, shown) in [
            ("/home/王/报告.docx", "/home/<wbr>王/<wbr>报告.<wbr>docx"),
            ("/srv/.cache/..x/a..b/", "/srv/<wbr>.cache/<wbr>..x/<wbr>a.<wbr>.b/"),
            (r"C:\Users\li", r"C:\<wbr>Users\<wbr>li"),
            ("/<b>/&.txt", "/&#60;b&#62;/<wbr>&#38;.<wbr>txt"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(Parted::of(path).to_string(), shown);
        }
    }

    #[test]
    fn a_headline_goes_on_between_its_clauses() {
        for (text, shown) in [
            ("9 台中，7 台受保护", "<span class=\"clause\">9 台中，</span><span class=\"clause\">7 台受保护</span>"),
            ("7 are; 2 < 3", "<span class=\"clause\">7 are;</span> <span class=\"clause\">2 &#60; 3</span>"),
            ("All are", "<span class=\"clause\">All are</span>"),
        ] {
            assert_eq!(Clauses::of(text).to_string(), shown);
        }
    }

    #[test]
    fn what_steers_the_eye_is_shown() {
        assert_eq!(plain("invoice\u{202e}fdp.exe"), r"invoice\u{202e}fdp.exe");
        assert_eq!(plain("a\u{1b}[2Jb\nc"), r"a\u{1b}[2Jb\u{a}c");
        assert_eq!(plain("年度 报告.docx"), "年度 报告.docx");
    }
}
