//! The tree of groups: who is meant by a path or a name, and how each is called. A group's key never
//! changes and is seen by nobody; its name is its own only among those beside it.

use std::collections::{BTreeMap, HashSet};

/// What stands between the names of a path.
pub const SLASH: char = '/';

/// A tree deeper than this is a circle.
const DEEPEST: usize = 64;
/// So many paths are listed where a name means several groups.
const LISTED: usize = 20;

/// Why it cannot be said which group is meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// None is called so.
    #[error("there is no group '{}'; 'keepwatch groups list' shows them", .0.escape_debug())]
    Unknown(String),
    /// Several are.
    #[error("{} groups are called '{}'; name one by its path: {}", .paths.len(), .wanted.escape_debug(), listed(.paths))]
    Several {
        /// What was asked for.
        wanted: String,
        /// The paths of all of them, sorted.
        paths: Vec<String>,
    },
}

fn listed(paths: &[String]) -> String {
    let more = if paths.len() > LISTED { ", …" } else { "" };
    format!("{}{more}", paths[..paths.len().min(LISTED)].join(", "))
}

/// One group.
#[derive(Debug, Clone)]
struct Node {
    parent: String,
    name: String,
}

/// All groups, by their keys.
#[derive(Debug, Clone, Default)]
pub struct Tree(BTreeMap<String, Node>);

impl Tree {
    /// The tree of these groups: the key, the parent's key (empty for the root) and the name of each.
    pub fn new(groups: impl IntoIterator<Item = (String, String, String)>) -> Self {
        Self(groups.into_iter().map(|(key, parent, name)| (key, Node { parent, name })).collect())
    }

    /// From a group up to the root, by keys.
    pub fn upwards<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let up = |key: &&'a str| self.0.get(*key).map(|node| node.parent.as_str()).filter(|parent| !parent.is_empty());
        std::iter::successors(Some(key), up).take(DEEPEST)
    }

    /// Whether a group is another one, or somewhere below it.
    pub fn is_below(&self, key: &str, above: &str) -> bool {
        self.upwards(key).any(|one| one == above)
    }

    /// The keys of a group and all below it.
    pub fn and_below(&self, key: &str) -> HashSet<String> {
        self.0.keys().filter(|one| self.is_below(one, key)).cloned().collect()
    }

    /// The path and the key of each: the root before all, a path before what it begins.
    pub fn listed(&self) -> Vec<(String, &str)> {
        let mut all: Vec<(String, &str)> = self.0.keys().map(|key| (self.path(key), key.as_str())).collect();
        all.sort_by_cached_key(|(path, key)| {
            (!self.parent(key).is_empty(), path.split(SLASH).map(str::to_owned).collect::<Vec<_>>())
        });
        all
    }

    /// The keys of the groups directly below, by their names.
    pub fn children(&self, key: &str) -> Vec<&str> {
        let mut below: Vec<_> = self.0.iter().filter(|(_, node)| node.parent == key).collect();
        below.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        below.into_iter().map(|(key, _)| key.as_str()).collect()
    }

    /// The key of the group above; empty for the root, and for one that is not there.
    pub fn parent(&self, key: &str) -> &str {
        self.0.get(key).map_or("", |node| &node.parent)
    }

    /// A group's name.
    pub fn name<'a>(&'a self, key: &'a str) -> &'a str {
        self.0.get(key).map_or(key, |node| &node.name)
    }

    /// A group's path, `City/East/Finance`: the root is named only where it stands alone. Of a key
    /// that is not there, the key.
    pub fn path(&self, key: &str) -> String {
        let below_root = self.upwards(key).filter(|one| !self.parent(one).is_empty());
        let mut names: Vec<&str> = below_root.map(|one| self.name(one)).collect();
        names.reverse();
        if names.is_empty() { self.name(key).into() } else { names.join("/") }
    }

    /// Which group is meant, by its key: by its path, also one that begins at the root, or by the end of
    /// its path (its name, for one) where only one ends so.
    pub fn find(&self, wanted: &str) -> Result<String, Unmet> {
        let asked = wanted.trim_matches(SLASH);
        let root = self.0.values().find(|node| node.parent.is_empty()).map_or("", |node| &node.name);
        let path = asked.strip_prefix(root).and_then(|rest| rest.strip_prefix(SLASH)).unwrap_or(asked);
        let paths: Vec<(&String, String)> = self.0.keys().map(|key| (key, self.path(key))).collect();
        if let Some((key, _)) = paths.iter().find(|(_, whole)| whole == path || whole == asked) {
            return Ok((*key).clone());
        }
        let ends = |whole: &String| whole.strip_suffix(path).is_some_and(|above| above.ends_with(SLASH));
        let mut found: Vec<(&String, String)> =
            paths.into_iter().filter(|(_, whole)| !path.is_empty() && ends(whole)).collect();
        match &found[..] {
            [] => Err(Unmet::Unknown(wanted.into())),
            [(key, _)] => Ok((*key).clone()),
            _ => {
                found.sort_by(|(_, a), (_, b)| a.cmp(b));
                let paths = found.into_iter().map(|(_, whole)| whole).collect();
                Err(Unmet::Several { wanted: wanted.into(), paths })
            }
        }
    }

    /// The group of this name directly below another, by its key.
    pub fn child(&self, parent: &str, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(_, node)| node.parent == parent && node.name == name);
        found.map(|(key, _)| key.as_str())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tree(groups: &[(&str, &str, &str)]) -> Tree {
        Tree::new(groups.iter().map(|(key, parent, name)| ((*key).into(), (*parent).into(), (*name).into())))
    }

    #[test]
    fn a_list_begins_at_the_root_and_has_each_before_what_is_below() {
        let paths: Vec<String> = city().listed().into_iter().map(|(path, _)| path).collect();
        let health = ["Health", "West", "West/Finance", "West/Health", "West/Health/Archive", "a/b"];
        assert_eq!(paths, [&["all", "East", "East/Finance", "East/Finance/Office"][..], &health].concat());
    }

    fn city() -> Tree {
        tree(&[
            ("all", "", "all"),
            ("1", "all", "East"),
            ("2", "all", "West"),
            ("3", "1", "Finance"),
            ("4", "2", "Finance"),
            ("5", "2", "Health"),
            ("6", "3", "Office"),
            ("7", "all", "Health"),
            // From before there were paths: its name has a slash, and its key is its name.
            ("a/b", "all", "a/b"),
            ("Finance", "5", "Archive"),
        ])
    }

    #[test]
    fn a_group_is_found_by_its_path_or_by_what_only_it_ends_in() {
        for (wanted, expected) in [
            ("all", "all"),
            ("East", "1"),
            ("all/East", "1"),
            ("/East/", "1"),
            ("East/Finance", "3"),
            ("all/West/Finance", "4"),
            ("Office", "6"),
            ("Finance/Office", "6"),
            ("East/Finance/Office", "6"),
            // The topmost one's whole path is its name.
            ("Health", "7"),
            ("West/Health", "5"),
            ("a/b", "a/b"),
            ("Archive", "Finance"),
        ] {
            assert_eq!(city().find(wanted).as_deref(), Ok(expected), "{wanted}");
        }
        for wanted in ["", "/", "east", "inance", "East/Office", "East//Finance", "6", "\x1b"] {
            let error = city().find(wanted).unwrap_err();
            assert_eq!(error, Unmet::Unknown(wanted.into()));
            assert!(!error.to_string().contains('\x1b'));
        }
        let error = city().find("Finance").unwrap_err();
        let said = "2 groups are called 'Finance'; name one by its path: East/Finance, West/Finance";
        assert_eq!(error.to_string(), said);
    }

    #[test]
    fn a_group_knows_who_is_above_and_below() {
        let city = city();
        assert_eq!(city.path("6"), "East/Finance/Office");
        assert_eq!((city.path("all"), city.path("gone")), ("all".into(), "gone".into()));
        assert_eq!(city.children("2"), ["4", "5"]);
        assert_eq!(city.and_below("1"), ["1", "3", "6"].map(String::from).into());
        assert!(city.is_below("6", "all") && !city.is_below("1", "6"));
        assert_eq!((city.parent("3"), city.parent("all"), city.child("2", "Finance")), ("1", "", Some("4")));
        // A circle ends, and its groups can be found.
        let circle = tree(&[("a", "b", "A"), ("b", "a", "B")]);
        assert!(circle.path("a").ends_with("/B/A"));
    }

    proptest! {
        #[test]
        fn every_path_leads_to_its_group(parents in proptest::collection::vec((0..20usize, 0..3u8), 1..20)) {
            let mut groups = vec![("all".to_owned(), String::new(), "all".to_owned())];
            for (place, (parent, name)) in parents.into_iter().enumerate() {
                let above = groups[parent % groups.len()].0.clone();
                let name = format!("n{name}");
                if !groups.iter().any(|(_, parent, other)| *parent == above && *other == name) {
                    groups.push((format!("k{place}"), above, name));
                }
            }
            let tree = Tree::new(groups.clone());
            for (key, ..) in &groups {
                prop_assert_eq!(tree.find(&tree.path(key)), Ok(key.clone()));
            }
        }
    }
}
