//! What the scan that went with a backup says of the snapshot.

use crate::{WireError, wire::agent as wire};
use serde::{Deserialize, Serialize};

/// How many infected files of a snapshot are named; the verdict counts them all.
pub const NAMED_INFECTED: usize = 200;

/// Rules that are named for one file.
pub const NAMED_RULES: usize = 20;
/// Bytes of a path, or of a rule's name, as a host may say it.
const LONGEST: usize = 20 << 10;

/// What is known of a snapshot's files. There is none where nothing was scanned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Version of the bundle that judged; 0: rules from files.
    pub bundle: u64,
    /// Files in it in which something suspicious or worse matched.
    pub infected: u64,
    /// Files in it that were not inspected to their end.
    pub unjudged: u64,
    /// Files that are not in it, since something matched and the policy keeps such files out.
    pub left_out: u64,
    /// The first of the infected, at most [`NAMED_INFECTED`].
    pub files: Vec<Infected>,
}

/// One infected file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Infected {
    /// As the snapshot has it.
    pub path: String,
    /// The rules that matched in it.
    pub rules: Vec<String>,
    /// Which content it has: the SHA-256 of its blobs' ids in their order, hexadecimal. The
    /// same content has the same one in every snapshot of the repository.
    pub content: String,
}

impl Verdict {
    /// Whether all files were inspected, and all that are infected are named.
    pub fn is_whole(&self) -> bool {
        self.unjudged == 0 && self.infected == self.files.len() as u64
    }

    /// `infected`, `unjudged` (not all of it was inspected) or `clean`.
    pub fn word(&self) -> &'static str {
        match self {
            Self { infected: 1.., .. } => "infected",
            Self { unjudged: 1.., .. } => "unjudged",
            _ => "clean",
        }
    }
}

impl From<Verdict> for wire::Verdict {
    fn from(v: Verdict) -> Self {
        let files = v.files.into_iter().map(Into::into).collect();
        Self { bundle: v.bundle, infected: v.infected, unjudged: v.unjudged, left_out: v.left_out, files }
    }
}

impl TryFrom<wire::Verdict> for Verdict {
    type Error = WireError;
    fn try_from(v: wire::Verdict) -> Result<Self, WireError> {
        if v.files.len() > NAMED_INFECTED {
            return Err(WireError::bad("snapshot.verdict.files", "are too many"));
        }
        let files = v.files.into_iter().map(TryInto::try_into).collect::<Result<_, _>>()?;
        Ok(Self { bundle: v.bundle, infected: v.infected, unjudged: v.unjudged, left_out: v.left_out, files })
    }
}

impl From<Infected> for wire::Infected {
    fn from(Infected { path, rules, content }: Infected) -> Self {
        Self { path, rules, content }
    }
}

impl TryFrom<wire::Infected> for Infected {
    type Error = WireError;
    fn try_from(wire::Infected { path, rules, content }: wire::Infected) -> Result<Self, WireError> {
        let long = rules.len() > NAMED_RULES || rules.iter().chain([&path]).any(|text| text.len() > LONGEST);
        let digits = content.bytes().all(|b| b.is_ascii_hexdigit()) && matches!(content.len(), 0 | 64);
        if long || !digits {
            return Err(WireError::bad("snapshot.verdict.files", "is not as an agent says it"));
        }
        Ok(Self { path, rules, content })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_word_says_the_worst_of_it() {
        let with = |infected, unjudged, left_out| Verdict { infected, unjudged, left_out, ..Verdict::default() }.word();
        assert_eq!([with(0, 0, 9), with(0, 1, 0), with(1, 1, 1)], ["clean", "unjudged", "infected"]);
    }

    #[test]
    fn it_survives_the_wire_within_its_bound() {
        let file = Infected { path: "/a".into(), rules: vec!["EICAR".into()], content: "ab".repeat(32) };
        let verdict = Verdict { bundle: 7, infected: 1, unjudged: 2, left_out: 3, files: vec![file; NAMED_INFECTED] };
        let mut wire = wire::Verdict::from(verdict.clone());
        assert_eq!(Verdict::try_from(wire.clone()).unwrap(), verdict);
        wire.files.push(wire.files[0].clone());
        assert!(Verdict::try_from(wire.clone()).is_err());
        wire.files.pop();
        for spoil in [
            (|file| file.path = "x".repeat(LONGEST + 1)) as fn(&mut wire::Infected),
            |file| file.rules = vec!["r".into(); NAMED_RULES + 1],
            |file| file.rules[0] = "r".repeat(LONGEST + 1),
            |file| file.content = "no digits".into(),
            |file| file.content.push('0'),
        ] {
            let mut spoilt = wire.clone();
            spoil(&mut spoilt.files[0]);
            assert!(Verdict::try_from(spoilt).is_err());
        }
    }
}
