//! What the controller and its agents say to people, in the reader's language. Programs speak
//! English sentences: in refusals, in why a job failed. Where one leaves for a reader it is looked
//! up here, by the pages as by the command line. Each English sentence stands with its places in
//! an English file, in Chinese under the same key in another. What is in no catalogue, such as a
//! sentence of a newer agent's, comes as it is.
//!
//! A sentence that names a command of the command line has a second text for the pages, as the
//! attribute `page`: whoever reads it there has no terminal.

mod sentence;
pub mod sources;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use sentence::{MARK, Sentence};
use unic_langid::LanguageIdentifier;

/// A file of sentences: in English and in Chinese.
pub type File = [&'static str; 2];

/// What the controller and its agents say.
pub const SAID: [File; 2] = [
    [include_str!("said/en.ftl"), include_str!("said/zh-CN.ftl")],
    [include_str!("said/agent.en.ftl"), include_str!("said/agent.zh-CN.ftl")],
];

/// Sentences put together with "; " between; what is beyond so many comes as it is.
const MOST_PARTS: usize = 8;
/// Bytes of a line that is looked up: a longer one is nothing that a program of ours says, and comes as
/// it is, for PCs may report what they like.
const LONGEST: usize = 2048;
/// Sentences within sentences.
const DEEPEST: usize = 3;
/// Lines of a text that are looked up.
const MOST_LINES: usize = 200;
/// Places that hold a sentence of their own.
const SENTENCES: [&str; 3] = ["question", "said", "why"];
/// The place that holds several, with commas between.
const LIST: &str = "list";

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// In Chinese, at a terminal.
    ChineseTerminal,
    /// In English, on a page.
    EnglishPage,
    /// In Chinese, on a page.
    ChinesePage,
}

/// Sentences in both languages.
pub struct Catalogue {
    sentences: Vec<Sentence>,
    english: FluentBundle<FluentResource>,
    chinese: FluentBundle<FluentResource>,
}

impl Catalogue {
    /// Of some files.
    pub fn new(files: &[File]) -> Self {
        let mut sentences: Vec<Sentence> =
            files.iter().flat_map(|[english, _]| english.lines()).filter_map(Sentence::read).collect();
        // Of two that fit, the one with more words of its own is meant.
        sentences.sort_by_key(|s| std::cmp::Reverse(s.words()));
        let [english, chinese] = ["en", "zh-CN"].map(|tag| {
            let mut bundle = FluentBundle::new_concurrent(vec![tag.parse::<LanguageIdentifier>().unwrap_or_default()]);
            // Neither terminals nor pages need marks around the places: pages have <bdi>.
            bundle.set_use_isolating(false);
            bundle
        });
        let mut catalogue = Self { sentences, english, chinese };
        for [english, chinese] in files {
            catalogue.english.add_resource_overriding(resource(english));
            catalogue.chinese.add_resource_overriding(resource(chinese));
        }
        catalogue
    }

    /// A text as its reader has it. Sentences that were put together come apart again, and lines stay
    /// lines.
    pub fn say(&self, reader: Reader, english: &str) -> String {
        let lines = english.split('\n').enumerate().map(|(at, line)| match at < MOST_LINES && line.len() <= LONGEST {
            true => self.line(reader, line, 0),
            false => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The text of a key, in Chinese.
    pub fn chinese(&self, key: &str) -> Option<String> {
        let pattern = self.chinese.get_message(key)?.value()?;
        Some(self.chinese.format_pattern(pattern, None, &mut vec![]).into_owned())
    }

    fn line(&self, reader: Reader, line: &str, depth: usize) -> String {
        if let Some(whole) = self.sentence(reader, line, depth) {
            return whole;
        }
        let parts: Vec<&str> = line.splitn(MOST_PARTS, MARK).collect();
        let mut said = Vec::new();
        let mut at = 0;
        while at < parts.len() {
            // A sentence may have the mark within itself: the longest that is one.
            let longest = (at + 1..=parts.len()).rev().find_map(|end| {
                let found = self.sentence(reader, &parts[at..end].join(MARK), depth)?;
                Some((found, end))
            });
            let (text, end) = longest.unwrap_or_else(|| (parts[at].to_owned(), at + 1));
            said.push(text);
            at = end;
        }
        said.join(if reader == Reader::EnglishPage { MARK } else { "；" })
    }

    fn sentence(&self, reader: Reader, english: &str, depth: usize) -> Option<String> {
        let (sentence, values) = self.sentences.iter().find_map(|s| Some((s, s.values(english)?)))?;
        let bundle = if reader == Reader::EnglishPage { &self.english } else { &self.chinese };
        let message = bundle.get_message(sentence.key)?;
        let own = message.get_attribute("page").filter(|_| reader != Reader::ChineseTerminal);
        let pattern = own.map(|attribute| attribute.value()).or_else(|| message.value())?;
        let inner = |text: &str| self.line(reader, text, depth + 1);
        let value = |place: &str, value: &str| match place {
            _ if depth >= DEEPEST => value.to_owned(),
            LIST => {
                let comma = if reader == Reader::EnglishPage { ", " } else { "、" };
                value.split(", ").map(inner).collect::<Vec<_>>().join(comma)
            }
            place if SENTENCES.contains(&place) => inner(value),
            _ => value.to_owned(),
        };
        let args: FluentArgs = sentence.places.iter().zip(values).map(|(p, v)| (*p, value(p, v))).collect();
        Some(bundle.format_pattern(pattern, Some(&args), &mut vec![]).into_owned())
    }
}

/// What is wrong with a file, a test has found.
fn resource(text: &str) -> FluentResource {
    FluentResource::try_new(text.to_owned()).unwrap_or_else(|(resource, _)| resource)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
