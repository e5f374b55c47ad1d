//! Which PCs a list shows, as its address has it: the same words for the list, for what is done with all
//! of it, and for whoever links there.

use crate::app::hosts::search::{Chosen, Wanted};
use crate::web::words::address;

/// Longest value; nobody types more.
const LONGEST: usize = 200;
/// PCs that are ticked one by one.
const MOST_TICKED: usize = 200;

/// Names and values of an address or a form, in their order.
pub type Pairs = Vec<(String, String)>;

/// Which PCs, in which order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is looked for.
    pub wanted: Wanted,
    /// In which order.
    pub sort: String,
}

/// A value out of an address or a form; empty where there is none.
pub fn value(pairs: &Pairs, name: &str) -> String {
    let found = pairs.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.trim().chars().take(LONGEST).collect()).unwrap_or_default()
}

impl Choice {
    /// Out of an address or a form.
    pub fn read(pairs: &Pairs) -> Self {
        let of = |name: &str| value(pairs, name);
        let wanted = Wanted {
            words: of("q"),
            state: of("state"),
            group: of("group"),
            reason: of("reason"),
            system: of("system"),
            agent: of("agent"),
            bundle: of("bundle"),
            link: of("link"),
        };
        Self { wanted, sort: of("sort") }
    }

    /// As an address has it.
    pub fn pairs(&self) -> [(&'static str, &str); 9] {
        let Wanted { words, state, group, reason, system, agent, bundle, link } = &self.wanted;
        [
            ("q", words),
            ("state", state),
            ("group", group),
            ("reason", reason),
            ("system", system),
            ("agent", agent),
            ("bundle", bundle),
            ("link", link),
            ("sort", &self.sort),
        ]
    }

    /// The address of the list with this one thing otherwise, from its first page on.
    pub fn but(&self, name: &str, value: &str) -> String {
        let pairs = self.pairs().map(|(key, is)| if key == name { (key, value) } else { (key, is) });
        address("/hosts", &pairs)
    }

    /// The address of the list.
    pub fn address(&self) -> String {
        address("/hosts", &self.pairs())
    }

    /// Whether it is all PCs.
    pub fn is_all(&self) -> bool {
        self.wanted == Wanted::default()
    }
}

/// The PCs that a form is about, and the list that it came from.
pub fn chosen(pairs: &Pairs) -> (Chosen, Choice) {
    let choice = Choice::read(pairs);
    let chosen = match value(pairs, "all").as_str() {
        "" => {
            let ticked = pairs.iter().filter(|(name, value)| name == "host" && value.len() <= LONGEST);
            Chosen::Named(ticked.map(|(_, value)| value.clone()).take(MOST_TICKED).collect())
        }
        _ => Chosen::Found(choice.wanted.clone()),
    };
    (chosen, choice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &[(&str, &str)]) -> Pairs {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_address_says_what_is_chosen_and_one_thing_can_be_changed() {
        let choice = Choice::read(&pairs(&[("q", " 财务 "), ("state", "at-risk"), ("sort", "-name"), ("page", "3")]));
        assert_eq!(choice.address(), "/hosts?q=%E8%B4%A2%E5%8A%A1&state=at-risk&sort=-name");
        assert_eq!(choice.but("q", ""), "/hosts?state=at-risk&sort=-name");
        assert!(!choice.is_all() && Choice::read(&vec![]).is_all());
        assert_eq!(value(&pairs(&[("q", &"x".repeat(5000))]), "q").len(), LONGEST);
    }

    #[test]
    fn a_form_means_the_ticked_ones_or_all_that_fit() {
        let form = pairs(&[("host", "a"), ("host", "b"), ("state", "at-risk")]);
        assert_eq!(chosen(&form).0, Chosen::Named(vec!["a".into(), "b".into()]));
        let form = pairs(&[("host", "a"), ("all", "1"), ("state", "at-risk")]);
        assert_eq!(chosen(&form).0, Chosen::Found(Wanted { state: "at-risk".into(), ..Wanted::default() }));
    }
}
