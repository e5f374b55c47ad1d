//! Lists that are turned page by page, each page with its number from 0 on.

use serde::Deserialize;

/// Which page of a list is asked for.
#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Part {
    page: String,
}

impl Part {
    /// Its number; the first where none is said.
    pub(super) fn number(&self) -> usize {
        number(&self.page)
    }
}

/// The number of a page, as an address has it.
pub(super) fn number(text: &str) -> usize {
    text.parse().unwrap_or(0)
}

/// The ways to the pages before and after.
pub(super) struct Turns {
    pub(super) newer: Option<String>,
    pub(super) older: Option<String>,
}

impl Turns {
    /// From this page, where `more` come after it.
    pub(super) fn at(number: usize, more: bool, address: impl Fn(usize) -> String) -> Self {
        let newer = number.checked_sub(1).map(&address);
        Self { newer, older: more.then(|| address(number.saturating_add(1))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_way_back_but_from_the_first_page_and_a_way_on_where_more_come() {
        let ways = |number, more| {
            let Turns { newer, older } = Turns::at(number, more, |number| number.to_string());
            (newer.unwrap_or_default(), older.unwrap_or_default())
        };
        assert_eq!(ways(0, false), (String::new(), String::new()));
        assert_eq!(ways(1, true), ("0".into(), "2".into()));
        assert_eq!([number(""), number("-1"), number("x"), number("7")], [0, 0, 0, 7]);
    }
}
