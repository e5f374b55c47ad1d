//! Which hosts are meant: by name, by group, or by what is so of them. Pure: a door or a use case
//! says what each host is, and hears whether it is one of those meant.

use chrono::{DateTime, TimeDelta, Utc};

use crate::wire::staff as wire;

/// Which hosts are meant. What is given must all hold; nothing given means nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Names or ids.
    pub names: Vec<String>,
    /// A group, with all below it; empty: any.
    pub group: String,
    /// What is so of them, as [`Query::parse`] reads it; empty: anything.
    pub query: String,
}

impl Selection {
    /// Whether it means nobody.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.group.is_empty() && self.query.trim().is_empty()
    }

    /// Whether it names each one: then nobody is meant who was not thought of.
    pub fn is_by_name(&self) -> bool {
        self.group.is_empty() && self.query.trim().is_empty()
    }
}

/// What a query looks at.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Name of the PC.
    pub name: &'a str,
    /// Word of its state.
    pub state: &'a str,
    /// Words of the reasons for it.
    pub reasons: &'a [&'a str],
    /// As it calls its system.
    pub system: &'a str,
    /// Whether it is there now.
    pub connected: bool,
    /// When it was last backed up.
    pub last_backup: Option<DateTime<Utc>>,
    /// When it was last scanned.
    pub last_scan: Option<DateTime<Utc>>,
    /// When it was last heard of.
    pub last_seen: Option<DateTime<Utc>>,
}

/// What must be so of a host, all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query(Vec<Term>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    Name(String),
    State(String),
    Reason(String),
    System(String),
    Connected(bool),
    NoBackup(TimeDelta),
    NoScan(TimeDelta),
    Silent(TimeDelta),
}

/// A query that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is nothing to look for; write {WORDS}, several of them with spaces between")]
pub struct QueryError(String);

/// What can be looked for.
const WORDS: &str =
    "name:PC-* state:at-risk reason:backup-overdue system:linux connected offline no-backup:10d no-scan:3d silent:7d";
/// A query is written by hand.
const MOST_TERMS: usize = 16;

impl Query {
    /// Reads one: words with spaces between, all of which must hold.
    pub fn parse(text: &str) -> Result<Self, QueryError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        if words.is_empty() || words.len() > MOST_TERMS {
            return Err(QueryError(text.chars().take(100).collect::<String>().escape_debug().to_string()));
        }
        words.into_iter().map(term).collect::<Result<_, _>>().map(Self)
    }

    /// Whether all of it is so of a host.
    pub fn fits(&self, host: &Subject<'_>, now: DateTime<Utc>) -> bool {
        // What never was is as old as can be.
        let older = |at: Option<DateTime<Utc>>, than: &TimeDelta| at.is_none_or(|at| now - at >= *than);
        self.0.iter().all(|term| match term {
            Term::Name(glob) => fits_glob(glob, host.name),
            Term::State(word) => host.state == word,
            Term::Reason(word) => host.reasons.contains(&word.as_str()),
            Term::System(word) => host.system.eq_ignore_ascii_case(word),
            Term::Connected(wanted) => host.connected == *wanted,
            Term::NoBackup(age) => older(host.last_backup, age),
            Term::NoScan(age) => older(host.last_scan, age),
            Term::Silent(age) => !host.connected && older(host.last_seen, age),
        })
    }
}

fn term(word: &str) -> Result<Term, QueryError> {
    let no = || QueryError(word.chars().take(100).collect::<String>().escape_debug().to_string());
    let some = |value: &str| if value.is_empty() { Err(no()) } else { Ok(value.to_owned()) };
    match word.split_once(':') {
        None if word == "connected" => Ok(Term::Connected(true)),
        None if word == "offline" => Ok(Term::Connected(false)),
        Some(("name", value)) => some(value).map(Term::Name),
        Some(("state", value)) if STATES.contains(&value) => Ok(Term::State(value.into())),
        Some(("reason", value)) => some(value).map(Term::Reason),
        Some(("system", value)) => some(value).map(Term::System),
        Some(("no-backup", value)) => age(value).map(Term::NoBackup).ok_or_else(no),
        Some(("no-scan", value)) => age(value).map(Term::NoScan).ok_or_else(no),
        Some(("silent", value)) => age(value).map(Term::Silent).ok_or_else(no),
        _ => Err(no()),
    }
}

const STATES: [&str; 4] = ["protected", "attention", "at-risk", "unknown"];

/// `10d`, `12h`, `30m`, `2w`.
fn age(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: i64 = number.parse().ok().filter(|n| (0..=100_000).contains(n) && !number.starts_with('+'))?;
    match unit {
        "m" => TimeDelta::try_minutes(number),
        "h" => TimeDelta::try_hours(number),
        "d" => TimeDelta::try_days(number),
        "w" => TimeDelta::try_weeks(number),
        _ => None,
    }
}

/// Whether a name fits a pattern in which `*` stands for anything and `?` for one character,
/// whatever the case. Takes no longer than both are long together, squared.
pub fn fits_glob(glob: &str, name: &str) -> bool {
    let low = |text: &str| text.to_lowercase().chars().collect::<Vec<char>>();
    let (glob, name) = (low(glob), low(name));
    let (mut g, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match glob.get(g) {
            Some('*') => {
                star = Some((g, n));
                g += 1;
            }
            Some(c) if *c == '?' || *c == name[n] => (g, n) = (g + 1, n + 1),
            // The last star takes one more.
            _ => match star {
                Some((at, taken)) => {
                    (g, n) = (at + 1, taken + 1);
                    star = Some((at, taken + 1));
                }
                None => return false,
            },
        }
    }
    glob[g..].iter().all(|c| *c == '*')
}

impl From<Selection> for wire::Selection {
    fn from(selection: Selection) -> Self {
        let Selection { names, group, query } = selection;
        Self { names, group, query }
    }
}

impl From<wire::Selection> for Selection {
    fn from(selection: wire::Selection) -> Self {
        let wire::Selection { names, group, query } = selection;
        Self { names, group, query }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(days: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::days(days)
    }

    fn host() -> Subject<'static> {
        Subject {
            name: "FIN-财务-07",
            state: "at-risk",
            reasons: &["backup-missed", "signatures-old"],
            system: "linux",
            connected: false,
            last_backup: Some(at(90)),
            last_scan: None,
            last_seen: Some(at(95)),
        }
    }

    #[test]
    fn all_that_is_asked_must_be_so() {
        for (query, fits) in [
            ("no-backup:10d", true),
            ("no-backup:11d", false),
            ("no-backup:240h", true),
            ("no-scan:1000w", true),
            ("silent:5d offline", true),
            ("silent:6d", false),
            ("connected", false),
            ("state:at-risk reason:backup-missed", true),
            ("state:at-risk reason:backup-overdue", false),
            ("state:protected", false),
            ("name:fin-*", true),
            ("name:*-??-07", true),
            ("name:fin", false),
            ("system:Linux  name:*", true),
        ] {
            assert_eq!(Query::parse(query).unwrap().fits(&host(), at(100)), fits, "{query}");
        }
    }

    #[test]
    fn what_is_nothing_to_look_for_is_refused_with_what_is() {
        for query in [
            "",
            "  ",
            "fin",
            "name:",
            "state:",
            "state:well",
            "no-backup:",
            "no-backup:10",
            "no-backup:d",
            "no-backup:10y",
            "no-backup:-1d",
            "no-backup:+1d",
            "no-backup:999999999999999999d",
            "silent:守",
            "owner:li",
            "\u{1b}[2J",
            &"connected ".repeat(17),
            &"x".repeat(10_000),
        ] {
            let error = Query::parse(query).unwrap_err().to_string();
            assert!(
                error.contains("no-backup:10d") && error.len() < 1000 && !error.contains('\u{1b}'),
                "{query}: {error}"
            );
        }
    }

    #[test]
    fn nothing_given_means_nobody() {
        assert!(Selection::default().is_empty());
        assert!(Selection { query: " ".into(), ..Selection::default() }.is_empty());
        let named = Selection { names: vec!["a".into()], ..Selection::default() };
        assert!(named.is_by_name() && !named.is_empty());
        assert!(!Selection { group: "all".into(), ..named.clone() }.is_by_name());
        assert_eq!(Selection::from(wire::Selection::from(named.clone())), named);
    }

    proptest! {
        /// Each star filled with anything fits again.
        #[test]
        fn a_pattern_fits_what_it_was_made_into(parts in prop::collection::vec(("[a-z]{0,4}", "[a-z]{0,4}"), 0..6)) {
            let glob: String = parts.iter().map(|(fixed, _)| format!("{fixed}*")).collect();
            let name: String = parts.iter().map(|(fixed, any)| format!("{fixed}{any}")).collect();
            prop_assert!(fits_glob(&glob, &name));
        }

        /// As the obvious one has it, which takes far too long on long ones.
        #[test]
        fn it_is_the_usual_glob(glob in "[ab*?]{0,7}", name in "[ab]{0,7}") {
            fn obvious(glob: &[u8], name: &[u8]) -> bool {
                match (glob.first(), name.first()) {
                    (None, None) => true,
                    (Some(b'*'), _) => obvious(&glob[1..], name) || (!name.is_empty() && obvious(glob, &name[1..])),
                    (Some(g), Some(n)) if *g == b'?' || g == n => obvious(&glob[1..], &name[1..]),
                    _ => false,
                }
            }
            prop_assert_eq!(fits_glob(&glob, &name), obvious(glob.as_bytes(), name.as_bytes()));
        }
    }
}
