//! The fleet at a glance: department by department, why PCs are not protected, how old their
//! backups are, and who has which signatures.

use super::health::{Figures, Reason, State};
use super::tree::SLASH;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The columns that the age of backups is sorted into: up to so many days, older than all of those,
/// and never.
pub const AGES: usize = LIMITS.len() + 2;
/// Days.
pub const LIMITS: [i64; 4] = [1, 7, 14, 30];

/// What is looked at of a host that was not revoked.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The path of its group.
    pub group: &'a str,
    /// How it is.
    pub state: State,
    /// Why.
    pub reasons: &'a [Reason],
    /// Days since its last backup; `None`: it never had one.
    pub backup: Option<i64>,
    /// Version of its signatures; 0: it has none.
    pub bundle: i64,
}

/// A part of the fleet that people know as one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Department {
    /// The path of its group; empty: what is in none of them.
    pub path: String,
    /// Whether all below that group is in it; if not, only what is in the group itself.
    pub whole: bool,
    /// Its hosts.
    pub figures: Figures,
    /// Its hosts by the age of their last backup.
    pub ages: [u32; AGES],
}

/// The column of a backup of this age.
pub fn column(days: Option<i64>) -> usize {
    match days {
        None => AGES - 1,
        Some(days) => LIMITS.iter().position(|limit| days <= *limit).unwrap_or(LIMITS.len()),
    }
}

/// The fleet by departments, the one with most to do first. Departments are the groups below the lowest
/// one that all hosts are in or below; hosts of a group above them are named by that.
pub fn departments<'a>(hosts: impl Iterator<Item = Seen<'a>> + Clone, root: &str) -> Vec<Department> {
    let groups: BTreeSet<&str> = hosts.clone().map(|host| host.group).collect();
    let depth = shared(groups.iter().copied().filter(|group| *group != root));
    let mut found: BTreeMap<&str, Department> = BTreeMap::new();
    for host in hosts {
        let path = if host.group == root { root } else { cut(host.group, depth + 1) };
        let department = found.entry(path).or_default();
        department.figures.count(host.state, host.reasons);
        department.ages[column(host.backup)] += 1;
    }
    let only = found.len() == 1;
    let mut all: Vec<Department> = found
        .into_iter()
        .map(|(path, department)| {
            let above = path == root || path.split(SLASH).count() <= depth;
            let path = if path == root && !only { "" } else { path };
            Department { path: path.to_owned(), whole: only || !above, ..department }
        })
        .collect();
    all.sort_by_key(|d| (Reverse(d.figures.at_risk), Reverse(d.figures.hosts - d.figures.protected)));
    all
}

/// How many names all paths begin with. Of a single group, all but its last name.
fn shared<'a>(mut groups: impl Iterator<Item = &'a str>) -> usize {
    let Some(first) = groups.next() else { return 0 };
    let names: Vec<&str> = first.split(SLASH).collect();
    let mut alone = true;
    let same = groups.fold(names.len(), |same, group| {
        alone = false;
        names.iter().zip(group.split(SLASH)).take(same).take_while(|(one, other)| *one == other).count()
    });
    if alone { same - 1 } else { same }
}

/// The first so many names of a path.
fn cut(path: &str, names: usize) -> &str {
    path.match_indices(SLASH).nth(names - 1).map_or(path, |(at, _)| &path[..at])
}

/// How many hosts each reason holds for, the most frequent first.
pub fn reasons<'a>(hosts: impl Iterator<Item = Seen<'a>>) -> Vec<(Reason, u32)> {
    let mut counts: Vec<(Reason, u32)> = Vec::new();
    for reason in hosts.flat_map(|host| host.reasons) {
        match counts.iter_mut().find(|(other, _)| other == reason) {
            Some((_, n)) => *n += 1,
            None => counts.push((*reason, 1)),
        }
    }
    counts.sort_by_key(|(reason, n)| (Reverse(*n), reason.word()));
    counts
}

/// Who has which signatures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adoption {
    /// Version of the newest bundle; 0: there is none.
    pub version: i64,
    /// When that was published; Unix seconds.
    pub published: i64,
    /// Version of the one before it; 0: there is none.
    pub before: i64,
    /// Hosts that have it.
    pub newest: u32,
    /// Hosts that have the one before it.
    pub one_behind: u32,
    /// Hosts that have an older one.
    pub older: u32,
    /// Hosts without any.
    pub none: u32,
}

/// Who has which of the bundles: versions and when each was published, the newest first.
pub fn adoption<'a>(hosts: impl Iterator<Item = Seen<'a>>, bundles: &[(i64, i64)]) -> Adoption {
    let (version, published) = bundles.first().copied().unwrap_or_default();
    let before = bundles.get(1).map_or(0, |(version, _)| *version);
    let mut adoption = Adoption { version, published, before, ..Adoption::default() };
    for host in hosts {
        match host.bundle {
            0 => adoption.none += 1,
            has if has >= version => adoption.newest += 1,
            has if has == before => adoption.one_behind += 1,
            _ => adoption.older += 1,
        }
    }
    adoption
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(group: &str, state: State, backup: Option<i64>, bundle: i64) -> Seen<'_> {
        let reasons: &[Reason] = match state {
            State::Protected => &[],
            State::Attention => &[Reason::ScanOverdue],
            State::AtRisk => &[Reason::BackupMissed, Reason::ScanOverdue],
            State::Unknown => &[Reason::Away],
        };
        Seen { group, state, reasons, backup, bundle }
    }

    #[test]
    fn departments_are_what_the_tree_forks_into() {
        for (groups, expected) in [
            (&[][..], &[][..]),
            (&["all", "all"], &[("all", true, 2)]),
            (&["Tax", "Tax"], &[("Tax", true, 2)]),
            (&["City/Tax", "City/Court/East", "City/Court"], &[("City/Court", true, 2), ("City/Tax", true, 1)]),
            // Those above the fork are there, and said to be no more than that.
            (
                &["all", "City", "City/Tax", "City/Tax/East"],
                &[("", false, 1), ("City", false, 1), ("City/Tax", true, 2)],
            ),
            (
                &["City", "City/Tax", "City/Court"],
                &[("City", false, 1), ("City/Court", true, 1), ("City/Tax", true, 1)],
            ),
            (&["A/B", "AB/C"], &[("A", true, 1), ("AB", true, 1)]),
        ] {
            let hosts: Vec<Seen> = groups.iter().map(|group| seen(group, State::Protected, Some(0), 1)).collect();
            let mut found = departments(hosts.iter().copied(), "all");
            found.sort_by(|a, b| a.path.cmp(&b.path));
            let found: Vec<_> = found.iter().map(|d| (d.path.as_str(), d.whole, d.figures.hosts)).collect();
            assert_eq!(found, expected, "{groups:?}");
        }
    }

    #[test]
    fn the_one_with_most_to_do_comes_first() {
        let hosts = [
            seen("a", State::Protected, Some(1), 1),
            seen("b", State::Attention, Some(8), 1),
            seen("b", State::Unknown, Some(31), 1),
            seen("c", State::AtRisk, None, 1),
        ];
        let found = departments(hosts.iter().copied(), "all");
        let order: Vec<_> = found.iter().map(|d| (d.path.as_str(), d.ages)).collect();
        let expected = [("c", [0, 0, 0, 0, 0, 1]), ("b", [0, 0, 1, 0, 1, 0]), ("a", [1, 0, 0, 0, 0, 0])];
        assert_eq!(order, expected);
        assert_eq!(
            reasons(hosts.iter().copied()),
            [(Reason::ScanOverdue, 2), (Reason::Away, 1), (Reason::BackupMissed, 1)]
        );
    }

    #[test]
    fn each_age_has_its_column() {
        let days = [Some(-1), Some(0), Some(1), Some(2), Some(7), Some(8), Some(15), Some(30), Some(31), None];
        assert_eq!(days.map(column), [0, 0, 0, 1, 1, 2, 3, 3, 4, 5]);
    }

    #[test]
    fn adoption_is_by_versions_that_there_are() {
        let hosts = [0, 3, 5, 9, 9].map(|bundle| seen("a", State::Protected, None, bundle));
        let found = |bundles: &[(i64, i64)]| adoption(hosts.iter().copied(), bundles);
        let expected = Adoption { version: 9, published: 77, before: 5, newest: 2, one_behind: 1, older: 1, none: 1 };
        assert_eq!(found(&[(9, 77), (5, 70)]), expected);
        let expected = Adoption { version: 9, published: 77, before: 0, newest: 2, one_behind: 0, older: 2, none: 1 };
        assert_eq!(found(&[(9, 77)]), expected);
        // They bring them from before the database was lost.
        assert_eq!(found(&[]), Adoption { newest: 4, none: 1, ..Adoption::default() });
    }
}
