//! What dictionaries point to: files that are embedded, and scripts. A script in a string is
//! handed on if it is spelt in a way that hides it.

use super::syntax::{Dictionary, Token, Tokens, reference};
use crate::nest::{Halt, Nest, Opening};
use crate::text;
use std::collections::HashMap;

/// Bytes before a place in which its dictionary begins.
const BEFORE: usize = 2 << 10;
/// Objects that are remembered; real documents have a few.
const MOST: usize = 10_000;

/// Objects that are handed on whatever they say they are, and the names of files among them.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) objects: HashMap<u32, Option<String>>,
    scripts: usize,
}

impl Wanted {
    /// Looks through objects that are not packed, or not any more.
    pub(super) fn look(&mut self, bytes: &[u8], nest: &mut Nest<'_>) -> Opening {
        for at in memchr::memmem::find_iter(bytes, b"/EF").take(MOST) {
            nest.tick()?;
            self.embedded(bytes, at);
        }
        // The letters may be written as numbers.
        for spelling in [&b"/JS"[..], b"/J#53", b"/#4aS", b"/#4AS", b"/#4a#53", b"/#4A#53"] {
            let mut done = 0;
            for at in memchr::memmem::find_iter(bytes, spelling) {
                // What stands within a script is part of it.
                if at >= done {
                    nest.tick()?;
                    done = self.script(bytes, at + spelling.len(), nest)?;
                }
            }
        }
        Ok(())
    }

    fn embedded(&mut self, bytes: &[u8], at: usize) {
        let from = at.saturating_sub(BEFORE);
        let begin =
            bytes.get(from..at).and_then(|before| memchr::memmem::rfind(before, b"<<")).map(|begin| from + begin);
        let whole = Dictionary::read(bytes, begin.unwrap_or(at));
        let name = whole.text("UF").or(whole.text("F")).map(string);
        let files = Dictionary::read(bytes, at);
        for key in ["F", "UF", "DOS", "Mac", "Unix"] {
            if let Some(object) = files.value(key).and_then(reference)
                && self.objects.len() < MOST
            {
                self.objects.insert(object, name.clone());
            }
        }
    }

    /// Looks at what is behind a script's key. Says where that ends.
    fn script(&mut self, bytes: &[u8], at: usize, nest: &mut Nest<'_>) -> Result<usize, Halt> {
        let mut tokens = Tokens::new(bytes, at);
        let first = tokens.next();
        let end = tokens.at;
        match first {
            Some(Token::Text(script)) => {
                let script = string(&script);
                let plain =
                    bytes.get(at..end).is_some_and(|raw| memchr::memmem::find(raw, script.as_bytes()).is_some());
                if !plain && !script.is_empty() {
                    self.scripts += 1;
                    nest.bytes(&format!("script-{}", self.scripts), script.as_bytes())?;
                }
            }
            Some(number @ Token::Number(_)) => {
                let value: Vec<Token<'_>> = std::iter::once(number).chain(tokens.take(2)).collect();
                if let Some(object) = reference(&value).filter(|_| self.objects.len() < MOST) {
                    self.objects.entry(object).or_default();
                }
            }
            _ => {}
        }
        Ok(end)
    }
}

/// Text in UTF-16 where it says so, else as it is.
fn string(bytes: &[u8]) -> String {
    match bytes {
        [0xfe, 0xff, rest @ ..] => encoding_rs::UTF_16BE.decode_without_bom_handling(rest).0.into_owned(),
        [0xff, 0xfe, rest @ ..] => encoding_rs::UTF_16LE.decode_without_bom_handling(rest).0.into_owned(),
        [0xef, 0xbb, 0xbf, rest @ ..] => text::name(rest),
        _ => text::name(bytes),
    }
}
