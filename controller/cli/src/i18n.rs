//! The languages of the command line. The program speaks English; what goes to people in another
//! language is looked up sentence by sentence where it leaves, in the output. Its own English
//! sentences with their places stand in `en.ftl`, the others beside it under the same keys; what the
//! controller and agents say is in the catalogue that the pages have, too. What is in none, such as
//! a sentence of a newer controller's, comes as it is.

use keepwatch_phrases::{Catalogue, File, Reader, SAID};
use std::sync::LazyLock;

const ENGLISH: &str = include_str!("i18n/en.ftl");
const CHINESE: &str = include_str!("i18n/zh-CN.ftl");
const OWN: File = [ENGLISH, CHINESE];

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::new(&[OWN, SAID[0], SAID[1]]));

/// A language that it speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    // No doc comments: they would swell every command's help.
    #[default]
    En,
    #[value(name = "zh-CN", alias = "zh")]
    ZhCn,
}

impl Language {
    /// The one that the user's environment wants: the first of these that is set decides.
    pub(crate) fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let wish =
            ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| variable(name).filter(|v| !v.is_empty()));
        if wish.is_some_and(|wish| wish.starts_with("zh")) { Self::ZhCn } else { Self::En }
    }

    /// A text for people, in this language.
    pub(crate) fn say(self, english: &str) -> String {
        match self {
            Self::En => english.to_owned(),
            Self::ZhCn => CATALOGUE.say(Reader::ChineseTerminal, english),
        }
    }

    /// The same for a sentence, before which may stand the path that it is about.
    pub(crate) fn say_of(self, english: &str) -> String {
        let whole = self.say(english);
        if self == Self::En || whole != english {
            return whole;
        }
        let parts = english.match_indices(": ").map(|(at, mark)| (&english[..at], &english[at + mark.len()..]));
        let mut said = parts.map(|(path, rest)| (path, rest, self.say(rest)));
        said.find(|(_, rest, said)| rest != said).map_or(whole, |(path, _, said)| format!("{path}：{said}"))
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
    Some(count + &CATALOGUE.chinese(&format!("word-{}", word.replace(' ', "-")))?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
