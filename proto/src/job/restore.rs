//! What a restore is asked for.

use crate::{WireError, wire::agent as wire};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// What to bring back, and where to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RestoreSpec {
    /// Snapshot id, or a prefix that only one has.
    pub snapshot: String,
    /// Paths within the snapshot; empty: all of it.
    pub paths: Vec<String>,
    /// Folder to restore below; empty: a new one below the PC's first restore root.
    pub target: String,
    /// Whether each path goes back to where it was, instead of below a target.
    pub in_place: bool,
    /// What to do where something else is there already.
    pub conflict: Conflict,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Id of the grant, where the snapshot is another host's.
    pub grant: String,
    /// Whether to bring back also what is infected.
    pub infected: bool,
    /// Version of the bundle by which all of the snapshot was judged; 0: none. What is judged by an
    /// older one than is in use is scanned on the way.
    pub judged: u64,
    /// Paths of the snapshot in which something was found, as far as they are named.
    pub known: Vec<String>,
}

/// What to do where something is there already that differs, by size or time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// Leave it, and name what was not restored.
    #[default]
    Refuse,
    /// Leave it.
    Skip,
    /// Give what is restored another name.
    KeepBoth,
    /// Replace it where it is older than the snapshot's.
    OverwriteOlder,
    /// Replace it.
    Overwrite,
}

impl Conflict {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Refuse, Self::Skip, Self::KeepBoth, Self::OverwriteOlder, Self::Overwrite];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Skip => "skip",
            Self::KeepBoth => "keep-both",
            Self::OverwriteOlder => "overwrite-older",
            Self::Overwrite => "overwrite",
        }
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Conflict {
    type Err = WireError;
    fn from_str(word: &str) -> Result<Self, WireError> {
        let found = Self::ALL.into_iter().find(|conflict| conflict.word() == word);
        found.ok_or_else(|| WireError::bad("job.restore.conflict", format!("is no choice: '{}'", word.escape_debug())))
    }
}

impl From<RestoreSpec> for wire::RestoreJob {
    fn from(spec: RestoreSpec) -> Self {
        Self {
            snapshot: spec.snapshot,
            paths: spec.paths,
            target: spec.target,
            // For agents that know no more than this.
            overwrite: spec.conflict == Conflict::Overwrite,
            dry_run: spec.dry_run,
            grant: spec.grant,
            conflict: spec.conflict.word().into(),
            in_place: spec.in_place,
            infected: spec.infected,
            judged: spec.judged,
            known: spec.known,
        }
    }
}

impl TryFrom<wire::RestoreJob> for RestoreSpec {
    type Error = WireError;
    fn try_from(job: wire::RestoreJob) -> Result<Self, WireError> {
        if job.snapshot.is_empty() {
            return Err(WireError::missing("job.restore.snapshot"));
        }
        if job.in_place && !job.target.is_empty() {
            return Err(WireError::bad("job.restore.target", "is nothing to name for a restore in place"));
        }
        if job.in_place && job.paths.is_empty() {
            return Err(WireError::bad("job.restore.paths", "must say what goes back to its place"));
        }
        let conflict = match (job.conflict.as_str(), job.overwrite) {
            ("", true) => Conflict::Overwrite,
            ("", false) => Conflict::Refuse,
            (word, _) => word.parse()?,
        };
        Ok(Self {
            snapshot: job.snapshot,
            paths: job.paths,
            target: job.target,
            in_place: job.in_place,
            conflict,
            dry_run: job.dry_run,
            grant: job.grant,
            infected: job.infected,
            judged: job.judged,
            known: job.known,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_survives_the_wire_and_nonsense_is_refused() {
        for conflict in Conflict::ALL {
            let known = vec!["/a".to_owned()];
            let spec = RestoreSpec {
                snapshot: "ab".into(),
                target: "/t".into(),
                conflict,
                infected: true,
                judged: 3,
                known,
                ..RestoreSpec::default()
            };
            assert_eq!(RestoreSpec::try_from(wire::RestoreJob::from(spec.clone())).unwrap(), spec);
        }
        let asked = |change: fn(&mut wire::RestoreJob)| {
            let mut job = wire::RestoreJob { snapshot: "ab".into(), paths: vec!["/a".into()], ..Default::default() };
            change(&mut job);
            RestoreSpec::try_from(job)
        };
        // As an older controller, or an older command line, says it.
        assert_eq!(asked(|job| job.overwrite = true).unwrap().conflict, Conflict::Overwrite);
        assert!(asked(|job| job.in_place = true).unwrap().in_place);
        for bad in [
            (|job| job.snapshot.clear()) as fn(&mut wire::RestoreJob),
            |job| job.conflict = "burn".into(),
            |job| (job.in_place, job.target) = (true, "/t".into()),
            |job| (job.in_place, job.paths) = (true, vec![]),
        ] {
            assert!(asked(bad).is_err());
        }
    }
}
