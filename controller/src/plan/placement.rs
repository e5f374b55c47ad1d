//! Which group a host belongs to by what it is: the first rule that fits. A host says itself what it
//! is, and may lie; a rule decides where it is, and never more than what holds there.

use keepwatch_proto::facts::Facts;
use keepwatch_proto::network::{Network, NetworkError};
use keepwatch_proto::selection::fits_glob;
use std::fmt;

/// A host that a rule has moved is not moved by another change of its facts for so many seconds: it may
/// change them as often as it likes, and each move is recorded for ever.
pub const REST: i64 = 60 * 60;
/// What agents call their systems.
const SYSTEMS: [&str; 2] = ["linux", "windows"];
/// Longest pattern of a name, in characters.
const LONGEST_NAME: usize = 255;

/// One rule. All conditions that it sets must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Rules are asked in this order; no two have the same.
    pub order: u32,
    /// Pattern of the host's name, with `*` and `?`, whatever the case; empty: any.
    pub name: String,
    /// A network that one of its addresses is in.
    pub network: Option<Network>,
    /// What its system is called; empty: any.
    pub system: String,
    /// The key of the group that it puts a host into.
    pub group: String,
}

/// A rule that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// It would fit every host.
    #[error("a rule needs a condition: --name, --network or --system; --name '*' fits every host")]
    NoCondition,
    /// A pattern that fits no name.
    #[error("the pattern of a name has at most {LONGEST_NAME} printable characters")]
    Name,
    /// No network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No system.
    #[error("'{}' is no system; write linux or windows", .0.escape_debug())]
    System(String),
}

impl Rule {
    /// One from what staff write.
    pub fn new(order: u32, name: &str, network: &str, system: &str, group: String) -> Result<Self, RuleError> {
        if name.is_empty() && network.is_empty() && system.is_empty() {
            return Err(RuleError::NoCondition);
        }
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(RuleError::Name);
        }
        let known = SYSTEMS.into_iter().find(|known| known.eq_ignore_ascii_case(system));
        let system = match (system, known) {
            ("", _) => String::new(),
            (_, Some(known)) => known.to_owned(),
            (other, None) => return Err(RuleError::System(other.chars().take(100).collect())),
        };
        let network = if network.is_empty() { None } else { Some(network.parse()?) };
        Ok(Self { order, name: name.to_owned(), network, system, group })
    }

    /// Whether all that it asks is so of a host.
    pub fn fits(&self, facts: &Facts) -> bool {
        let name = self.name.is_empty() || fits_glob(&self.name, &facts.name);
        let system = self.system.is_empty() || self.system.eq_ignore_ascii_case(&facts.system);
        name && system && self.network.is_none_or(|network| facts.addresses.iter().any(|ip| network.holds(*ip)))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule {}", self.order)?;
        let network = self.network.map(|network| network.to_string()).unwrap_or_default();
        for (word, value) in [("name", &self.name), ("network", &network), ("system", &self.system)] {
            if !value.is_empty() {
                write!(f, ", {word} {value}")?;
            }
        }
        Ok(())
    }
}

/// The first rule that fits a host; `rules` are in their order.
pub fn first<'a>(rules: &'a [Rule], facts: &Facts) -> Option<&'a Rule> {
    rules.iter().find(|rule| rule.fits(facts))
}

/// Whether the rules are asked about a host that has just said what it is. `moved` is when a rule last
/// moved it, in Unix seconds. What changes while it rests is looked at in the hour after.
pub fn is_asked(before: &Facts, after: &Facts, moved: i64, now: i64) -> bool {
    let of = |facts: &Facts| (facts.name.clone(), facts.system.clone(), facts.addresses.clone());
    let since = now - moved;
    // A clock that was set back lets nobody rest for years.
    let rests = (0..REST).contains(&since);
    !rests && (of(before) != of(after) || (REST..2 * REST).contains(&since))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn facts(name: &str, system: &str, addresses: &[&str]) -> Facts {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap()).collect();
        Facts { name: name.into(), system: system.into(), addresses, ..Facts::default() }
    }

    fn rule(order: u32, name: &str, network: &str, system: &str) -> Rule {
        Rule::new(order, name, network, system, format!("group {order}")).unwrap()
    }

    #[test]
    fn all_that_a_rule_sets_must_hold() {
        let pc = facts("FIN-07", "windows", &["10.1.2.3", "2001:db8:7::1"]);
        for (name, network, system, fits) in [
            ("fin-*", "", "", true),
            ("*-??", "", "", true),
            ("fin", "", "", false),
            ("*", "", "", true),
            ("", "10.1.0.0/16", "", true),
            ("", "10.1.2.3", "", true),
            ("", "10.1.2.4/32", "", false),
            ("", "10.2.0.0/16", "", false),
            ("", "0.0.0.0/0", "", true),
            ("", "2001:db8::/32", "", true),
            ("", "2001:db9::/32", "", false),
            ("", "::/0", "", true),
            ("", "", "Windows", true),
            ("", "", "linux", false),
            ("FIN-*", "10.1.0.0/16", "windows", true),
            ("FIN-*", "10.1.0.0/16", "linux", false),
            ("HR-*", "10.1.0.0/16", "windows", false),
        ] {
            assert_eq!(rule(1, name, network, system).fits(&pc), fits, "{name} {network} {system}");
        }
        // One that names no address is in no network.
        assert!(!rule(1, "", "0.0.0.0/0", "").fits(&facts("FIN-07", "windows", &[])));
        // As some systems write an address of the older kind.
        assert!(rule(1, "", "10.0.0.0/8", "").fits(&facts("x", "linux", &["::ffff:10.9.9.9"])));
    }

    #[test]
    fn the_first_that_fits_decides() {
        let rules = [rule(10, "FIN-*", "", "linux"), rule(20, "FIN-*", "", ""), rule(30, "*", "10.0.0.0/8", "")];
        let group = |facts: &Facts| first(&rules, facts).map(|rule| rule.order);
        assert_eq!(group(&facts("FIN-1", "linux", &["10.0.0.1"])), Some(10));
        assert_eq!(group(&facts("FIN-1", "windows", &["10.0.0.1"])), Some(20));
        assert_eq!(group(&facts("HR-1", "windows", &["10.0.0.1"])), Some(30));
        assert_eq!(group(&facts("HR-1", "windows", &["192.0.2.1"])), None);
        assert_eq!(first(&[], &facts("HR-1", "", &[])), None);
    }

    #[test]
    fn what_is_no_rule_is_refused_with_what_to_write() {
        for (name, network, system, words) in [
            ("", "", "", "needs a condition"),
            ("a\x1b[2J", "", "", "printable"),
            (&*"x".repeat(256), "", "", "at most 255"),
            ("", "10.1.0.0/33", "", "is no network"),
            ("", "10.1.0.0/+8", "", "is no network"),
            ("", "10.1.0.0/", "", "is no network"),
            ("", "10.1/16", "", "is no network"),
            ("", "office\x1b", "", "is no network"),
            ("", "2001:db8::/129", "", "is no network"),
            ("", "10.1.2.3/16", "", "an address in the network 10.1.0.0/16; write the network"),
            ("", "2001:db8::1/32", "", "the network 2001:db8::/32"),
            ("", "", "beos", "write linux or windows"),
        ] {
            let error = Rule::new(1, name, network, system, String::new()).unwrap_err().to_string();
            assert!(error.contains(words) && !error.contains('\x1b'), "{name} {network} {system}: {error}");
        }
        let shown = rule(7, "FIN-*", "10.1.2.3", "").to_string();
        assert_eq!(shown, "rule 7, name FIN-*, network 10.1.2.3/32");
        assert_eq!(rule(7, "", "::/0", "LINUX").to_string(), "rule 7, network ::/0, system linux");
    }

    #[test]
    fn a_host_that_changes_its_facts_all_the_time_is_moved_once_an_hour() {
        let (one, two) = (facts("a", "linux", &[]), facts("b", "linux", &[]));
        let day = 86_400;
        for (after, moved, now, asked) in [
            (&one, 0, 100 * day, false),
            (&two, 0, 100 * day, true),
            (&two, 100 * day, 100 * day + REST - 1, false),
            // What was said meanwhile is not lost.
            (&one, 100 * day, 100 * day + REST, true),
            (&one, 100 * day, 100 * day + 2 * REST, false),
            (&two, 100 * day, 100 * day + 2 * REST, true),
            // The clock was ahead when it was moved.
            (&two, 200 * day, 100 * day, true),
        ] {
            assert_eq!(is_asked(&one, after, moved, now), asked, "{} {moved} {now}", after.name);
        }
        let free = Facts { disk_free: 5, ..one.clone() };
        assert!(!is_asked(&one, &free, 0, 100 * day), "what no rule asks about");
    }
}
