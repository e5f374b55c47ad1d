//! The languages of the pages, by fluent. Which one: the reader's choice (a cookie), else
//! the browser's wish. Nothing that people read is written anywhere else in this room.

use super::words::plain;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum_extra::extract::CookieJar;
use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use keepwatch_phrases::{Catalogue, Reader, SAID};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

/// Keeps the reader's choice.
pub const COOKIE: &str = "keepwatch-language";

/// A file of texts in both languages.
struct Text {
    english: &'static str,
    chinese: &'static str,
}

macro_rules! texts {
    ($($name:literal),* $(,)?) => {
        [$(Text {
            english: include_str!(concat!("i18n/en/", $name, ".ftl")),
            chinese: include_str!(concat!("i18n/zh-CN/", $name, ".ftl")),
        }),*]
    };
}

/// One file per page, and a few for what many pages say.
static TEXTS: &[Text] = &texts![
    "frame",
    "login",
    "words",
    "reasons",
    "problems",
    "overview",
    "wall",
    "groups",
    "hosts",
    "host",
    "jobs",
    "enrol",
    "snapshots",
    "restore",
    "replace",
    "detections",
    "policies",
    "audit",
    "users",
    "account",
    "reports",
    "quarantine",
    "signatures",
    "rollouts",
];

/// A language that the pages speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese as written in China.
    Chinese,
}

impl Text {
    fn of(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Chinese => self.chinese,
        }
    }
}

type Bundle = FluentBundle<FluentResource>;

static BUNDLES: LazyLock<[Bundle; 2]> = LazyLock::new(|| [bundle(Language::English), bundle(Language::Chinese)]);

static PHRASES: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new(&SAID));

fn bundle(language: Language) -> Bundle {
    let id: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![id]);
    // What a PC reports is isolated by <bdi> where it is shown.
    bundle.set_use_isolating(false);
    bundle.set_formatter(Some(|value, _| match value {
        FluentValue::Number(number) => Some(grouped(number.value)),
        _ => None,
    }));
    for text in TEXTS {
        // What is wrong with a file, a test has found.
        let resource = FluentResource::try_new(text.of(language).to_owned()).unwrap_or_else(|(resource, _)| resource);
        bundle.add_resource_overriding(resource);
    }
    bundle
}

/// `1234567` as `1,234,567`: so in both languages.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 && digit.is_ascii_digit() {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What goes into a text's place.
pub enum Value<'a> {
    /// A count, which decides singular and plural.
    Count(u64),
    /// A text.
    Text(&'a str),
}

impl Language {
    /// As HTML and HTTP name it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    /// The one with this name.
    pub fn tagged(tag: &str) -> Option<Self> {
        [Self::English, Self::Chinese].into_iter().find(|l| l.tag() == tag)
    }

    /// The other one.
    pub fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    /// The one that a request wants.
    pub fn of(headers: &HeaderMap) -> Self {
        let chosen = CookieJar::from_headers(headers).get(COOKIE).and_then(|c| Self::tagged(c.value()));
        let wished = || headers.get(ACCEPT_LANGUAGE).and_then(|h| h.to_str().ok()).and_then(wish);
        chosen.or_else(wished).unwrap_or(Self::English)
    }

    /// The text of a key.
    pub fn say(self, key: &str) -> String {
        self.with(key, &[])
    }

    /// What a use case or an agent has said in English, for a reader of this language; harmless, and
    /// without commands for which one needs a terminal.
    pub fn said(self, english: &str) -> String {
        let reader = match self {
            Self::English => Reader::EnglishPage,
            Self::Chinese => Reader::ChinesePage,
        };
        let said = PHRASES.say(reader, english);
        said.split('\n').map(plain).collect::<Vec<_>>().join("\n")
    }

    /// The text of a key that belongs to one of a family of words: `state-at-risk`.
    pub fn word(self, family: &str, word: &str) -> String {
        self.with(&format!("{family}-{word}"), &[])
    }

    /// The text of a key that says how many.
    pub fn count(self, key: &str, n: u64) -> String {
        self.with(key, &[("n", Value::Count(n))])
    }

    /// The text of a key with its places filled.
    pub fn with(self, key: &str, values: &[(&str, Value<'_>)]) -> String {
        let [english, chinese] = &*BUNDLES;
        let bundle = if self == Self::English { english } else { chinese };
        let Some(pattern) = bundle.get_message(key).and_then(|m| m.value()) else { return key.to_owned() };
        let args: FluentArgs = values
            .iter()
            .map(|(name, value)| match value {
                Value::Count(n) => (*name, FluentValue::from(*n)),
                Value::Text(text) => (*name, FluentValue::from(*text)),
            })
            .collect();
        bundle.format_pattern(pattern, Some(&args), &mut vec![]).into_owned()
    }
}

/// The language that an `Accept-Language` header likes best among ours.
fn wish(header: &str) -> Option<Language> {
    let mut wishes: Vec<(f32, Language)> = header
        .split(',')
        .filter_map(|part| {
            let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
            let primary = tag.trim().split('-').next()?.to_ascii_lowercase();
            let language = match primary.as_str() {
                "en" => Language::English,
                "zh" => Language::Chinese,
                _ => return None,
            };
            let weight = rest.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
            (weight > 0.0).then_some((weight, language))
        })
        .collect();
    wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
    wishes.first().map(|(_, language)| *language)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plan::health::{Reason, State};
    use crate::web::{pages, problem, sections};
    use keepwatch_proto::detection::Severity;
    use keepwatch_proto::job::{Conflict, JobState};
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    /// Each key, with the places in its text.
    fn keys(text: &str) -> BTreeMap<String, BTreeSet<String>> {
        let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut current = String::new();
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            if let Some((key, _)) = line.split_once(" = ").filter(|(k, _)| !k.contains([' ', '$', '{'])) {
                current = key.to_owned();
                assert!(keys.insert(current.clone(), BTreeSet::new()).is_none(), "{key} is there twice");
            }
            let places = line.split('$').skip(1).map(|rest| rest.split([' ', '}']).next().unwrap().to_owned());
            keys.entry(current.clone()).or_default().extend(places);
        }
        keys.remove("");
        keys
    }

    /// The keys that code and templates name.
    fn used() -> BTreeSet<String> {
        let mut used = BTreeSet::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web")];
        while let Some(folder) = folders.pop() {
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.is_dir() && !path.ends_with("tests") {
                    folders.push(path.clone());
                }
                if !path.extension().is_some_and(|e| e == "rs" || e == "html") {
                    continue;
                }
                let text = std::fs::read_to_string(path).unwrap();
                // Tests stand at the end; a constant for them may stand before.
                let code =
                    text.split("#[cfg(test)]\nmod ").next().unwrap().split("#[cfg(test)]\n#[allow").next().unwrap();
                for call in [".say(\"", ".lead(\"", ".count(\"", ".with(\"", ".with(\n", ".text(\""] {
                    used.extend(
                        code.split(call).skip(1).map(|rest| {
                            rest.trim_start().trim_start_matches('"').split('"').next().unwrap().to_owned()
                        }),
                    );
                }
            }
        }
        let deeds: Vec<String> = pages::audit::DEEDS.iter().map(|deed| deed.replace(' ', "-")).collect();
        let fields = keepwatch_proto::policy::fields_of(&Default::default()).unwrap();
        let fields: BTreeSet<String> = fields.keys().map(|field| pages::policies::word_of(field)).collect();
        let families: Vec<(&str, Vec<&str>)> = vec![
            ("nav", pages::WAYS.iter().map(|(_, _, word, _)| *word).collect()),
            ("nav-area", pages::WAYS.iter().map(|(area, ..)| *area).collect()),
            ("state", [State::Protected, State::Attention, State::AtRisk, State::Unknown].map(State::word).into()),
            ("reason", Reason::ALL.map(Reason::word).into()),
            ("advice", Reason::ALL.map(Reason::word).into()),
            ("job", JobState::ALL.map(JobState::word).into()),
            ("silent", vec!["never-connected", "pending", "away", "lost"]),
            ("kind", pages::jobs::KINDS.into()),
            ("severity", Severity::ALL.map(Severity::word).into()),
            ("role", vec!["viewer", "operator", "administrator"]),
            ("system", pages::host::SYSTEMS.into()),
            ("phase", pages::job::PHASES.iter().map(|(_, word)| *word).chain(["working"]).collect()),
            ("entry", vec!["file", "folder", "link", "special"]),
            ("link", vec!["on", "off"]),
            ("ask", pages::hosts_work::WORK.into()),
            ("about", pages::hosts_work::WORK.into()),
            ("do", pages::hosts_work::WORK.into()),
            ("jobs-state", pages::jobs::STATES.into()),
            ("jobs-ask", pages::jobs_change::CHANGES.into()),
            ("jobs-about", pages::jobs_change::CHANGES.into()),
            ("jobs-do", pages::jobs_change::CHANGES.into()),
            ("jobs-done", pages::jobs_change::CHANGES.into()),
            ("term", pages::enrol::TERMS.map(|(_, word)| word).into()),
            ("claim", pages::claims::KINDS.into()),
            ("claim-ask", pages::claims::VERDICTS.into()),
            ("claim-about", pages::claims::VERDICTS.into()),
            ("claim-do", pages::claims::VERDICTS.into()),
            ("notice", pages::NOTICES.to_vec()),
            ("error", problem::WORDS.into()),
            ("login", vec!["wrong", "wait"]),
            ("part", pages::policies::PARTS.iter().map(|(_, word)| *word).collect()),
            ("field", fields.iter().map(String::as_str).collect()),
            ("weekday", pages::policies::simulate::WEEKDAYS.into()),
            ("choice", pages::policies::CHOICES.into()),
            ("deed", deeds.iter().map(String::as_str).collect()),
            ("outcome", vec!["done", "refused"]),
            ("example", pages::policies::EXAMPLES.iter().map(|(word, _)| *word).collect()),
            ("role-may", vec!["viewer", "operator", "administrator"]),
            ("password", vec!["differs", "short", "wrong", "wait"]),
            ("overview-signatures", vec!["newest", "behind", "older", "none"]),
            ("mark", pages::restore::KINDS.into()),
            ("file", vec!["clean", "infected", "unjudged"]),
            ("weekday", vec!["1", "2", "3", "4", "5", "6", "7"]),
            ("weekday-whole", vec!["1", "2", "3", "4", "5", "6", "7"]),
            ("month", vec!["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]),
            ("place", pages::restore::destination::PLACES.into()),
            ("place-help", pages::restore::destination::PLACES.into()),
            ("conflict", Conflict::ALL.map(Conflict::word).into()),
            ("conflict-help", pages::restore::destination::CONFLICTS.map(Conflict::word).into()),
            ("snapshot", pages::snapshot::SORTS.into()),
            ("destination", pages::restore::destination::WRONG.into()),
            ("report-section", sections::SECTIONS.into()),
            ("report-empty", sections::EMPTY.into()),
            ("detections-state", pages::detections::STATES.into()),
            ("detections-view", pages::detections::VIEWS.into()),
            ("metadata", pages::outbreak::METADATA.into()),
            ("quarantine-state", pages::quarantine::STATES.into()),
            ("item", pages::quarantine::ITEMS.into()),
            ("rollout", pages::rollouts::STAGES.into()),
        ];
        for (family, words) in families {
            used.extend(words.iter().map(|word| format!("{family}-{word}")));
        }
        for deed in pages::rollouts::DEEDS {
            used.extend(["title", "question", "help"].map(|text| format!("rollout-{deed}-{text}")));
        }
        used.extend(problem::WORDS.map(|word| format!("error-{word}-help")));
        used
    }

    #[test]
    fn every_string_is_there_in_both_languages_and_in_use() {
        for text in TEXTS {
            assert_eq!(keys(text.english), keys(text.chinese), "a key or a place in it is missing on one side");
        }
        let english = keys(&TEXTS.iter().map(|text| text.english).collect::<String>());
        let there: BTreeSet<String> = english.into_keys().collect();
        let used = used();
        assert_eq!(used.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "missing");
        assert_eq!(there.difference(&used).collect::<Vec<_>>(), Vec::<&String>::new(), "unused");
    }

    #[test]
    fn both_files_are_sound() {
        for text in TEXTS.iter().flat_map(|text| [text.english, text.chinese]) {
            FluentResource::try_new(text.into()).map_err(|(_, errors)| errors).unwrap();
        }
    }

    #[test]
    fn numbers_are_grouped_and_plurals_right() {
        assert_eq!(Language::English.count("count-files", 1), "1 file");
        assert_eq!(Language::English.count("count-files", 1_234_567), "1,234,567 files");
        assert_eq!(Language::Chinese.count("count-files", 999), "999 个文件");
    }

    #[test]
    fn choice_outweighs_wish() {
        let header =
            |name: &'static str, value: &str| HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        for (accept, language) in [
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-US,en;q=0.9,zh-CN;q=0.8", Language::English),
            ("fr, zh-TW;q=0.4, en;q=0.3", Language::Chinese),
            ("de", Language::English),
            ("zh;q=0", Language::English),
            ("\u{7f};;,=", Language::English),
        ] {
            assert_eq!(wish(accept).unwrap_or(Language::English), language, "{accept}");
        }
        let mut headers = header("accept-language", "en");
        headers.extend(header("cookie", "keepwatch-language=zh-CN"));
        assert_eq!(Language::of(&headers), Language::Chinese);
        assert_eq!(Language::of(&header("cookie", "keepwatch-language=xx")), Language::English);
    }
}
