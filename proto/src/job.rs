//! One unit of work on one host: what is asked, the states it goes through, how it ended.

mod failure;
mod known;
mod machine;
mod restore;
mod slot;

pub use failure::FailureKind;
pub use known::KnownJobs;
pub use machine::JobState;
pub use restore::{Conflict, RestoreSpec};
pub use slot::{LONGEST_WAIT, Slot, Wait, Want};

use crate::ids::{HostId, JobId, RequestId};
use crate::quarantine::QuarantineSpec;
use crate::verdict::Verdict;
use crate::{WireError, bounds, wire::agent as wire};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A job as the controller wants it done. The id is made by whoever asks first, so that a
/// job offered twice is done once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What to do.
    pub spec: JobSpec,
    /// Staff no longer want it.
    pub cancel: bool,
    /// Staff want it to wait; scans and backups.
    pub pause: bool,
    /// The host began it by itself: it is named so that staff can call it off, and never begun
    /// because of that.
    #[serde(default)]
    pub known_only: bool,
    /// It is not begun after this.
    #[serde(default)]
    pub deadline: Option<DateTime<Utc>>,
    /// The request of the staff's that it was asked for by, where that is known: for the logs.
    #[serde(default)]
    pub request: Option<RequestId>,
}

/// What to do. Typed and closed: there is no "run this command".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum JobSpec {
    /// Scan paths with the bundle in use.
    Scan {
        /// Folders and files.
        paths: Vec<String>,
        /// Globs left out.
        excludes: Vec<String>,
        /// Larger files are read in windows; 0: as the engine does it.
        max_file_bytes: u64,
    },
    /// Back paths up into the host's own repository.
    Backup {
        /// Folders and files.
        paths: Vec<String>,
        /// Globs left out.
        excludes: Vec<String>,
    },
    /// Bring files back.
    Restore(RestoreSpec),
    /// Try whether files of the newest snapshot, taken at random, come back.
    Verify {
        /// At most so many.
        files: u32,
        /// Of at most so many bytes together.
        bytes: u64,
    },
    /// Put a file away, or bring back or destroy one that is.
    Quarantine(QuarantineSpec),
}

impl JobSpec {
    /// `scan`, `backup`, `restore`, `verify` or `quarantine`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scan { .. } => "scan",
            Self::Backup { .. } => "backup",
            Self::Restore(_) => "restore",
            Self::Verify { .. } => "verify",
            Self::Quarantine(_) => "quarantine",
        }
    }
}

/// Leave to read another host's repository, for a restore onto this one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Its id, which the restore job names.
    pub id: String,
    /// Whose repository.
    pub host: HostId,
    /// What opens it.
    pub repository_password: String,
    /// From then on it is void.
    pub expires: DateTime<Utc>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // No secret in a log.
        f.debug_struct("Grant").field("id", &self.id).field("host", &self.host).finish_non_exhaustive()
    }
}

/// What was counted along the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Files looked at.
    pub files: u64,
    /// Bytes read, or written by a restore.
    pub bytes: u64,
    /// Files with at least one detection.
    pub detected: u64,
    /// Files that had not changed and were not read.
    pub unchanged: u64,
    /// Entries left out on purpose.
    pub skipped: u64,
    /// Entries that should have been read or written and were not.
    pub failed: u64,
    /// Bytes added to the repository.
    pub stored: u64,
    /// Of the files that a backup read, those that begin with noise, as an encrypted file does.
    pub noise: u64,
    /// Of what a restore wrote, what took the place of something else.
    pub replaced: u64,
    /// Of the failed, the files that a restore left out since they are infected.
    pub refused: u64,
}

/// One entry that should have been read or written and was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// How many failures are named one by one; the tally counts them all.
pub const NAMED_FAILURES: usize = 500;

/// A snapshot as the host that made it describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// 64 hexadecimal digits.
    pub id: String,
    /// By the PC's clock.
    pub time: DateTime<Utc>,
    /// What was asked to be saved.
    pub paths: Vec<String>,
    /// Files in it.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What the scan that went with it says.
    #[serde(default)]
    pub verdict: Option<Verdict>,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// One of the end states.
    pub outcome: JobState,
    /// What went wrong and what to do about it; empty where all went well.
    pub message: String,
    /// What was counted.
    pub tally: Tally,
    /// The first failures, at most [`NAMED_FAILURES`].
    pub failures: Vec<Failure>,
    /// What a backup made.
    pub snapshot: Option<Snapshot>,
    /// Where a restore wrote.
    pub target: String,
    /// Why it failed, where it did.
    #[serde(default)]
    pub failure: FailureKind,
    /// What it did, for a controller that has never heard of the job or has forgotten it. Told by
    /// the ledger.
    #[serde(default)]
    pub spec: Option<JobSpec>,
    /// The policy's schedule had it done, and not staff. Told by the ledger.
    #[serde(default)]
    pub scheduled: bool,
    /// What the process that did it said, the last lines of it.
    #[serde(default)]
    pub log: Vec<String>,
}

impl Ended {
    /// A job that did not get done.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            outcome: JobState::Failed,
            message: message.into(),
            tally: Tally::default(),
            failures: vec![],
            snapshot: None,
            target: String::new(),
            failure: FailureKind::Other,
            spec: None,
            scheduled: false,
            log: vec![],
        }
    }

    /// The same, for this kind of reason.
    pub fn by(self, failure: FailureKind) -> Self {
        Self { failure, ..self }
    }
}

/// How far a running job has come. Never kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Which job.
    pub job: JobId,
    /// What it is at, in one word.
    pub phase: String,
    /// Files so far.
    pub files: u64,
    /// Bytes so far.
    pub bytes: u64,
    /// Bytes in all, 0 while unknown.
    pub total_bytes: u64,
}

impl JobSpec {
    /// The same, no longer than what is kept of what a host tells.
    pub(crate) fn bounded(self) -> Self {
        use crate::bounds::{self, list};
        match self {
            Self::Scan { paths, excludes, max_file_bytes } => {
                Self::Scan { paths: list(paths), excludes: list(excludes), max_file_bytes }
            }
            Self::Backup { paths, excludes } => Self::Backup { paths: list(paths), excludes: list(excludes) },
            Self::Restore(mut restore) => {
                (restore.paths, restore.known) = (list(restore.paths), list(restore.known));
                restore.target = bounds::text(restore.target, bounds::PATH);
                restore.snapshot = bounds::text(restore.snapshot, bounds::NAME);
                restore.grant = bounds::text(restore.grant, bounds::NAME);
                Self::Restore(restore)
            }
            Self::Quarantine(spec) => Self::Quarantine(spec.bounded()),
            verify @ Self::Verify { .. } => verify,
        }
    }
}

impl From<JobSpec> for wire::JobSpec {
    fn from(spec: JobSpec) -> Self {
        use wire::job_spec::Kind;
        let kind = match spec {
            JobSpec::Scan { paths, excludes, max_file_bytes } => {
                Kind::Scan(wire::ScanJob { paths, excludes, max_file_bytes })
            }
            JobSpec::Backup { paths, excludes } => Kind::Backup(wire::BackupJob { paths, excludes }),
            JobSpec::Restore(spec) => Kind::Restore(spec.into()),
            JobSpec::Verify { files, bytes } => Kind::Verify(wire::VerifyJob { files, bytes }),
            JobSpec::Quarantine(spec) => Kind::Quarantine(spec.into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<wire::JobSpec> for JobSpec {
    type Error = WireError;
    fn try_from(spec: wire::JobSpec) -> Result<Self, WireError> {
        use wire::job_spec::Kind;
        Ok(match spec.kind.ok_or(WireError::missing("job.spec"))? {
            Kind::Scan(s) => Self::Scan { paths: s.paths, excludes: s.excludes, max_file_bytes: s.max_file_bytes },
            Kind::Backup(b) => Self::Backup { paths: b.paths, excludes: b.excludes },
            Kind::Restore(restore) => Self::Restore(restore.try_into()?),
            Kind::Verify(verify) => Self::Verify { files: verify.files, bytes: verify.bytes },
            Kind::Quarantine(job) => Self::Quarantine(job.try_into()?),
        })
    }
}

/// A time in Unix seconds, of which 0 is none.
fn moment(seconds: i64, field: &'static str) -> Result<Option<DateTime<Utc>>, WireError> {
    match seconds {
        0 => Ok(None),
        _ => DateTime::from_timestamp(seconds, 0).map(Some).ok_or(WireError::bad(field, "is no time")),
    }
}

impl From<Job> for wire::Job {
    fn from(job: Job) -> Self {
        Self {
            id: job.id.to_string(),
            spec: Some(job.spec.into()),
            cancel: job.cancel,
            pause: job.pause,
            known_only: job.known_only,
            deadline: job.deadline.map_or(0, |at| at.timestamp()),
            request: job.request.map(|id| id.to_string()).unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::Job> for Job {
    type Error = WireError;
    fn try_from(job: wire::Job) -> Result<Self, WireError> {
        Ok(Self {
            id: job.id.parse()?,
            spec: job.spec.ok_or(WireError::missing("job.spec"))?.try_into()?,
            cancel: job.cancel,
            pause: job.pause,
            known_only: job.known_only,
            deadline: moment(job.deadline, "job.deadline")?,
            // Nothing is decided by it: one that is none must not keep a job from being done.
            request: job.request.parse().ok(),
        })
    }
}

impl From<Grant> for wire::Grant {
    fn from(g: Grant) -> Self {
        Self {
            id: g.id,
            host: g.host.to_string(),
            repository_password: g.repository_password,
            expires: g.expires.timestamp(),
        }
    }
}

impl TryFrom<wire::Grant> for Grant {
    type Error = WireError;
    fn try_from(g: wire::Grant) -> Result<Self, WireError> {
        Ok(Self {
            id: g.id,
            host: g.host.parse()?,
            repository_password: g.repository_password,
            expires: DateTime::from_timestamp(g.expires, 0).ok_or(WireError::bad("grant.expires", "is no time"))?,
        })
    }
}

impl From<Tally> for wire::Tally {
    fn from(t: Tally) -> Self {
        let Tally { files, bytes, detected, unchanged, skipped, failed, stored, noise, replaced, refused } = t;
        Self { files, bytes, detected, unchanged, skipped, failed, stored, noise, replaced, refused }
    }
}

impl From<wire::Tally> for Tally {
    fn from(t: wire::Tally) -> Self {
        let wire::Tally { files, bytes, detected, unchanged, skipped, failed, stored, noise, replaced, refused } = t;
        Self { files, bytes, detected, unchanged, skipped, failed, stored, noise, replaced, refused }
    }
}

impl From<Failure> for wire::Failure {
    fn from(f: Failure) -> Self {
        Self { path: f.path, reason: f.reason }
    }
}

impl From<wire::Failure> for Failure {
    fn from(f: wire::Failure) -> Self {
        Self { path: bounds::text(f.path, bounds::PATH), reason: bounds::text(f.reason, bounds::SENTENCE) }
    }
}

impl From<Snapshot> for wire::Snapshot {
    fn from(s: Snapshot) -> Self {
        let verdict = s.verdict.map(Into::into);
        Self { id: s.id, time: s.time.timestamp_millis(), paths: s.paths, files: s.files, bytes: s.bytes, verdict }
    }
}

impl TryFrom<wire::Snapshot> for Snapshot {
    type Error = WireError;
    fn try_from(s: wire::Snapshot) -> Result<Self, WireError> {
        if s.id.len() != 64 || !s.id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(WireError::bad("snapshot.id", "is not 64 hexadecimal digits"));
        }
        let time = DateTime::from_timestamp_millis(s.time).ok_or(WireError::bad("snapshot.time", "is no time"))?;
        let verdict = s.verdict.map(TryInto::try_into).transpose()?;
        Ok(Self { id: s.id, time, paths: bounds::list(s.paths), files: s.files, bytes: s.bytes, verdict })
    }
}

impl From<Progress> for wire::Progress {
    fn from(p: Progress) -> Self {
        Self { job: p.job.to_string(), phase: p.phase, files: p.files, bytes: p.bytes, total_bytes: p.total_bytes }
    }
}

impl TryFrom<wire::Progress> for Progress {
    type Error = WireError;
    fn try_from(p: wire::Progress) -> Result<Self, WireError> {
        let phase = bounds::text(p.phase, bounds::NAME);
        Ok(Self { job: p.job.parse()?, phase, files: p.files, bytes: p.bytes, total_bytes: p.total_bytes })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::ids::ItemId;

    #[test]
    fn a_snapshot_id_is_only_hexadecimal() {
        let good = wire::Snapshot { id: "a".repeat(64), ..Default::default() };
        assert!(Snapshot::try_from(good.clone()).is_ok());
        for bad in ["", "../", &"A".repeat(64), &"a".repeat(63)] {
            assert!(Snapshot::try_from(wire::Snapshot { id: bad.into(), ..good.clone() }).is_err());
        }
    }

    #[test]
    fn every_kind_survives_wire_and_json() {
        let restore = RestoreSpec {
            snapshot: "ab".into(),
            paths: vec!["/a".into()],
            target: "/t".into(),
            grant: "g".into(),
            ..RestoreSpec::default()
        };
        for spec in [
            JobSpec::Scan { paths: vec!["/a".into()], excludes: vec!["*.tmp".into()], max_file_bytes: 7 },
            JobSpec::Backup { paths: vec!["/a".into()], excludes: vec![] },
            JobSpec::Restore(restore),
            JobSpec::Verify { files: 50, bytes: 7 },
            JobSpec::Quarantine(QuarantineSpec::put_away(ItemId::new(&Clock::system()), "/a".into(), String::new())),
        ] {
            assert_eq!(JobSpec::try_from(wire::JobSpec::from(spec.clone())).unwrap(), spec);
            assert_eq!(serde_json::from_str::<JobSpec>(&serde_json::to_string(&spec).unwrap()).unwrap(), spec);
        }
        assert!(JobSpec::try_from(wire::JobSpec::default()).is_err());
    }
}
