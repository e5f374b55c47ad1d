//! The languages of the command line. The program speaks English; what goes to people in another
//! language is looked up sentence by sentence where it leaves, in the output. English sentences
//! with their places stand in `en.ftl`, the others beside it under the same keys. What is in no
//! catalogue, such as a sentence of a newer controller's, comes as it is.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::sync::LazyLock;
use unic_langid::LanguageIdentifier;

const ENGLISH: &str = include_str!("i18n/en.ftl");
const CHINESE: &str = include_str!("i18n/zh-CN.ftl");

/// A language that it speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    // No doc comments: they would swell every command's help.
    #[default]
    En,
    #[value(name = "zh-CN", alias = "zh")]
    ZhCn,
}

/// An English sentence: its key, and what stands before, between and behind its places.
struct Sentence {
    key: &'static str,
    texts: Vec<&'static str>,
    places: Vec<&'static str>,
}

struct Catalogue {
    sentences: Vec<Sentence>,
    chinese: FluentBundle<FluentResource>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut chinese = FluentBundle::new_concurrent(vec!["zh-CN".parse::<LanguageIdentifier>().unwrap_or_default()]);
    // Terminals have no use for marks around the places.
    chinese.set_use_isolating(false);
    // What is wrong with a file, a test has found.
    let resource = FluentResource::try_new(CHINESE.to_owned()).unwrap_or_else(|(resource, _)| resource);
    chinese.add_resource_overriding(resource);
    let mut sentences: Vec<Sentence> = ENGLISH.lines().filter_map(Sentence::read).collect();
    // Of two that fit, the one with more words of its own is meant.
    sentences.sort_by_key(|s| std::cmp::Reverse(s.texts.iter().map(|t| t.len()).sum::<usize>()));
    Catalogue { sentences, chinese }
});

impl Sentence {
    /// A line `key = text with { $places }`.
    fn read(line: &'static str) -> Option<Self> {
        let (key, text) = line.split_once(" = ").filter(|_| !line.starts_with('#'))?;
        let (mut texts, mut places) = (Vec::new(), Vec::new());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{ $") {
            let (place, behind) = after.split_once(" }")?;
            texts.push(before);
            places.push(place);
            rest = behind;
        }
        texts.push(rest);
        Some(Self { key, texts, places })
    }

    /// What stands in the places of a text that is this sentence.
    fn values<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let (first, others) = self.texts.split_first()?;
        let mut rest = text.strip_prefix(first)?;
        let Some((last, between)) = others.split_last() else { return rest.is_empty().then(Vec::new) };
        let mut values = Vec::new();
        for part in between {
            let (value, behind) = rest.split_once(part)?;
            values.push(value);
            rest = behind;
        }
        values.push(rest.strip_suffix(last)?);
        Some(values)
    }
}

impl Language {
    /// The one that the user's environment wants: the first of these that is set decides.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let wish =
            ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
        if wish.is_some_and(|wish| wish.starts_with("zh")) { Self::ZhCn } else { Self::En }
    }

    /// A text for people, in this language. Sentences that were put together come apart again.
    pub(crate) fn say(self, english: &str) -> String {
        if self == Self::En {
            return english.to_owned();
        }
        translated(english).unwrap_or_else(|| {
            let parts = english.split("; ").map(|part| translated(part).unwrap_or_else(|| part.to_owned()));
            parts.collect::<Vec<_>>().join("；")
        })
    }

    /// Stable words, one or several with commas between, in this language; others stay.
    pub(crate) fn words(self, english: &str) -> String {
        if self == Self::En {
            return english.to_owned();
        }
        let words: Vec<String> =
            english.split(", ").map(|word| keyed(word).unwrap_or_else(|| word.to_owned())).collect();
        words.join("、")
    }
}

/// A word of a family that has its key from the word itself.
fn keyed(word: &str) -> Option<String> {
    // A number may stand before it, as in "2 away".
    let (count, word) = match word.split_once(' ') {
        Some((count, rest)) if count.bytes().all(|b| b.is_ascii_digit()) => (format!("{count} "), rest),
        _ => (String::new(), word),
    };
    let key = format!("word-{}", word.replace(' ', "-"));
    let pattern = CATALOGUE.chinese.get_message(&key)?.value()?;
    Some(count + &CATALOGUE.chinese.format_pattern(pattern, None, &mut vec![]))
}

fn translated(english: &str) -> Option<String> {
    let catalogue = &*CATALOGUE;
    let (sentence, values) = catalogue.sentences.iter().find_map(|s| Some((s, s.values(english)?)))?;
    let pattern = catalogue.chinese.get_message(sentence.key)?.value()?;
    // A question within a sentence is a sentence of its own.
    let value = |place: &str, value: &str| match place {
        "question" => translated(value).unwrap_or_else(|| value.to_owned()),
        _ => value.to_owned(),
    };
    let args: FluentArgs = sentence.places.iter().zip(values).map(|(p, v)| (*p, value(p, v))).collect();
    Some(catalogue.chinese.format_pattern(pattern, Some(&args), &mut vec![]).into_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
