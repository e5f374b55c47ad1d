//! Bounds on the texts in what a host tells. A message is bounded as a whole; these keep one PC from
//! filling everybody's listings with it. What is too long is cut and not refused: an event that
//! were refused would keep all that come after it from being heard.

/// Bytes of a name, a word or a kind.
pub(crate) const NAME: usize = 255;
/// Bytes of a path: nested in containers it may be longer than any on a disk.
pub(crate) const PATH: usize = 20 << 10;
/// Bytes of a sentence for people.
pub(crate) const SENTENCE: usize = 8 << 10;
/// Bytes of a list of paths or patterns in all.
pub(crate) const LIST: usize = 256 << 10;
/// What a rule says of itself: so many entries.
pub(crate) const ENTRIES: usize = 64;

/// A text of at most so many bytes.
pub(crate) fn text(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
    text
}

/// The first of a list's texts that have together at most [`LIST`] bytes.
pub(crate) fn list(texts: Vec<String>) -> Vec<String> {
    let mut total = 0;
    let fits = |text: &String| {
        // Each costs something, were it empty.
        total += text.len() + 16;
        total <= LIST
    };
    texts.into_iter().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(text("short".into(), NAME), "short");
        let cut = text("守".repeat(1000), NAME);
        assert!(cut.len() <= NAME && cut.len() > NAME - 3 && cut.chars().all(|c| c == '守'));
        assert_eq!(list(vec!["/a".into(), "/b".into()]), ["/a", "/b"]);
        assert!(list(vec![String::new(); 1 << 20]).len() <= LIST / 16);
        assert_eq!(list(vec!["x".repeat(LIST)]).len(), 0);
    }
}
