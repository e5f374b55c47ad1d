//! What is done with many at once: of those that are meant the first are named, and a page says what
//! came of it.

use super::Frame;
use super::hosts_choice::Pairs;
use crate::web::i18n::Language;
use crate::web::words::plain;
use askama::Template;

/// Those that are named.
pub(super) const NAMED: usize = 100;

/// How many of so many are not named; empty: all are.
pub(super) fn more(language: Language, of: usize) -> String {
    match of.saturating_sub(NAMED) {
        0 => String::new(),
        more => language.count("work-more", more as u64),
    }
}

/// What a form takes along of a list's choice.
pub(super) fn taken_along<'a>(choice: impl IntoIterator<Item = (&'static str, &'a str)>) -> Pairs {
    let made = choice.into_iter().filter(|(_, value)| !value.is_empty());
    made.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What came of it.
#[derive(Template)]
#[template(path = "many-done.html")]
pub(super) struct Done {
    frame: Frame,
    title: String,
    refused_title: String,
    refused: Vec<(String, String)>,
    more: String,
    /// Where the jobs are that it made; empty: it made none.
    pub(super) jobs: String,
    back: String,
}

impl Done {
    /// With those that it was not done with, and why.
    pub(super) fn new(frame: Frame, title: String, refused: &[(String, String)], back: String) -> Self {
        Self {
            title,
            refused_title: frame.language.count("work-refused", refused.len() as u64),
            refused: refused.iter().take(NAMED).map(|(name, why)| (plain(name), frame.language.said(why))).collect(),
            more: more(frame.language, refused.len()),
            jobs: String::new(),
            back,
            frame,
        }
    }
}
