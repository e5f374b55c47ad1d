//! A host's health, with its reasons, judged against its own schedule. Silence is never
//! green: what has not been heard of is unknown, not well.

mod figures;
mod reason;
#[cfg(test)]
mod tests;

pub use figures::{Figures, GroupFigures, roll_up};
pub use reason::Reason;

use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::job::JobState;
use keepwatch_proto::schedule::Expected;

/// At a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Everything that should have happened did.
    Protected,
    /// Somebody should look.
    Attention,
    /// Data may be lost, or malware is there.
    AtRisk,
    /// Not heard of, so nothing can be said.
    Unknown,
}

impl State {
    /// The word for it, as sent and translated.
    pub fn word(self) -> &'static str {
        match self {
            Self::Protected => "protected",
            Self::Attention => "attention",
            Self::AtRisk => "at-risk",
            Self::Unknown => "unknown",
        }
    }
}

/// What is known of one kind of work on a host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// What ought to have come after it was last done, or after enrolment; `None`: it is only done
    /// when asked.
    pub expected: Option<Expected>,
    /// When it was last done, in whole or in part.
    pub last_done: Option<DateTime<Utc>>,
    /// How the newest run ended.
    pub last_outcome: Option<JobState>,
}

/// What is known of a host.
#[derive(Debug, Clone)]
pub struct Known {
    /// When it enrolled.
    pub enrolled: DateTime<Utc>,
    /// Whether it was revoked.
    pub revoked: bool,
    /// Whether another took over from it.
    pub replaced: bool,
    /// Whether it holds a stream now.
    pub connected: bool,
    /// When it was last heard of.
    pub last_seen: Option<DateTime<Utc>>,
    /// Backups.
    pub backup: Work,
    /// Scans.
    pub scan: Work,
    /// Open detections.
    pub open_detections: u32,
    /// High and critical ones among them, of which the file is not put away.
    pub grave_detections: u32,
    /// Version of the bundle in use; 0: none.
    pub bundle: u64,
    /// When that was published, where it is known here.
    pub bundle_published: Option<DateTime<Utc>>,
    /// Since when there has been a newer one that it is to have by now; `None`: there is none.
    pub bundle_superseded: Option<DateTime<Utc>>,
    /// Whether there is a newer one whose turn has not come for it, or that is halted.
    pub bundle_kept_back: bool,
    /// Whether it would have a newer one by now, were that not halted.
    pub bundle_halted: bool,
    /// Whether it refused the newest bundle.
    pub bundle_refused: bool,
    /// Whether none of its snapshots is removed, since they look odd.
    pub retention_frozen: bool,
    /// Whether something of what it stored is spoilt or gone.
    pub repository_damaged: bool,
    /// Whether what it stored is to be deleted.
    pub deletion_wanted: bool,
    /// When all of what it stored had been read again.
    pub last_verified: Option<DateTime<Utc>>,
    /// How long that may take, from its first backup on.
    pub verified_within: TimeDelta,
    /// When its first backup came, as far back as is known; `None`: nothing is there to be read.
    pub first_backup: Option<DateTime<Utc>>,
    /// How the newest trial whether backups come back ended.
    pub trial: Option<JobState>,
    /// Whether a canary was touched since staff have looked.
    pub canary_touched: bool,
    /// When its certificate ends, where that is known.
    pub certificate_expires: Option<DateTime<Utc>>,
    /// Free and all bytes of the disk with the agent's state; 0 of all: not told.
    pub disk: (u64, u64),
    /// Whether its agent is [`older`] than this controller.
    pub agent_old: bool,
}

/// A PC that was let in connects within a day; later than that, something keeps it away.
const FIRST_CONTACT: TimeDelta = TimeDelta::days(1);
/// Silence of this length is a PC that is away, whatever its schedule.
const AWAY: TimeDelta = TimeDelta::days(7);
/// No leave is as long: of this silence, somebody must find the cause on the spot.
const LOST: TimeDelta = TimeDelta::days(30);
/// Signatures may take this long to arrive.
const SIGNATURES_OLD: TimeDelta = TimeDelta::days(3);
/// From then on a PC is open to all that was found since; so the makers of scanners count, too.
const SIGNATURES_OUTDATED: TimeDelta = TimeDelta::days(7);
/// Certificates are renewed long before: what has so little left could not be.
const CERTIFICATE_ENDS: TimeDelta = TimeDelta::days(30);
/// With less, a backup has no room to work in.
const DISK_NEEDED: u64 = 1 << 30;
/// A smaller share than one in so many is little, on disks that are not large.
const DISK_SHARE: u64 = 20;
/// From so many free bytes on, no share is too small.
const DISK_ENOUGH: u64 = 10 << 30;

/// The state, which is the worst of the reasons' (unknown before all), and the reasons,
/// worst first.
pub fn judge(known: &Known, now: DateTime<Utc>) -> (State, Vec<Reason>) {
    let mut reasons = Vec::new();
    if known.revoked {
        let why = if known.replaced { Reason::Replaced } else { Reason::Revoked };
        let deletion = known.deletion_wanted.then_some(Reason::RepositoryDeletion);
        return (State::Unknown, std::iter::once(why).chain(deletion).collect());
    }
    reasons.extend(silence(known, now));
    if known.grave_detections > 0 {
        reasons.push(Reason::Malware);
    } else if known.open_detections > 0 {
        reasons.push(Reason::Detections);
    }
    judge_backup(known, now, &mut reasons);
    judge_scan(known, now, &mut reasons);
    judge_signatures(known, now, &mut reasons);
    if matches!(known.trial, Some(JobState::Failed | JobState::Partial)) {
        reasons.push(Reason::TrialFailed);
    }
    if known.canary_touched {
        reasons.push(Reason::CanaryTouched);
    }
    if known.repository_damaged {
        reasons.push(Reason::RepositoryDamaged);
    }
    if known.retention_frozen {
        reasons.push(Reason::RetentionFrozen);
    }
    judge_repository(known, now, &mut reasons);
    judge_machine(known, now, &mut reasons);
    reasons.sort_by_key(|r| std::cmp::Reverse(r.state()));
    (reasons.first().map_or(State::Protected, |r| r.state()), reasons)
}

/// Why nothing is heard of it. One that holds a stream is not silent.
fn silence(known: &Known, now: DateTime<Utc>) -> Option<Reason> {
    match known.last_seen {
        _ if known.connected => None,
        None if now - known.enrolled <= FIRST_CONTACT => Some(Reason::Pending),
        None => Some(Reason::NeverConnected),
        Some(seen) if now - seen > LOST => Some(Reason::Lost),
        Some(seen) if now - seen > AWAY => Some(Reason::Away),
        Some(_) => None,
    }
}

/// Overdue when a quarter of its period has passed since it was due: a PC may be off on the day
/// itself.
fn overdue(expected: Expected, now: DateTime<Utc>) -> bool {
    now - expected.due > expected.period / 4
}

/// Missed when a whole period has passed on top of that.
fn missed(expected: Expected, now: DateTime<Utc>) -> bool {
    now - expected.due > expected.period + expected.period / 2
}

fn judge_backup(known: &Known, now: DateTime<Utc>, reasons: &mut Vec<Reason>) {
    let work = known.backup;
    match (work.expected, work.last_done) {
        (Some(expected), None) if overdue(expected, now) => reasons.push(Reason::NoBackup),
        (Some(_), None) => reasons.push(Reason::FirstBackup),
        (Some(expected), Some(_)) if missed(expected, now) => reasons.push(Reason::BackupMissed),
        (Some(expected), Some(_)) if overdue(expected, now) => reasons.push(Reason::BackupOverdue),
        _ => {}
    }
    match work.last_outcome {
        Some(JobState::Failed) => reasons.push(Reason::BackupFailed),
        Some(JobState::Partial) => reasons.push(Reason::BackupPartial),
        _ => {}
    }
}

fn judge_scan(known: &Known, now: DateTime<Utc>, reasons: &mut Vec<Reason>) {
    let work = known.scan;
    if work.expected.is_some_and(|expected| overdue(expected, now)) {
        reasons.push(Reason::ScanOverdue);
    }
    match work.last_outcome {
        Some(JobState::Failed) => reasons.push(Reason::ScanFailed),
        Some(JobState::Partial) => reasons.push(Reason::ScanPartial),
        _ => {}
    }
}

fn judge_signatures(known: &Known, now: DateTime<Utc>, reasons: &mut Vec<Reason>) {
    if known.bundle_refused {
        reasons.push(Reason::SignaturesRefused);
    }
    if known.bundle_halted {
        reasons.push(Reason::SignaturesHalted);
    }
    let lasts = |since: DateTime<Utc>, limit: TimeDelta| now - since > limit;
    match (known.bundle_superseded, known.bundle_published) {
        _ if known.bundle == 0 => reasons.push(Reason::NoSignatures),
        (Some(since), _) if lasts(since, SIGNATURES_OUTDATED) => reasons.push(Reason::SignaturesOutdated),
        (Some(since), _) if lasts(since, SIGNATURES_OLD) => reasons.push(Reason::SignaturesOld),
        // No PC can have better ones, so none is at risk by it: whoever imports has to look.
        (None, Some(since)) if lasts(since, SIGNATURES_OUTDATED) && !known.bundle_kept_back => {
            reasons.push(Reason::SignaturesStale)
        }
        _ => {}
    }
}

/// The controller reads what is stored by itself, whether the PC is there or not.
fn judge_repository(known: &Known, now: DateTime<Utc>, reasons: &mut Vec<Reason>) {
    let Some(first) = known.first_backup else { return };
    let period = known.verified_within;
    if overdue(Expected { due: known.last_verified.unwrap_or(first) + period, period }, now) {
        reasons.push(Reason::VerificationOverdue);
    }
}

fn judge_machine(known: &Known, now: DateTime<Utc>, reasons: &mut Vec<Reason>) {
    match known.certificate_expires {
        Some(end) if end <= now => reasons.push(Reason::CertificateExpired),
        Some(end) if end - now < CERTIFICATE_ENDS => reasons.push(Reason::CertificateExpiring),
        _ => {}
    }
    let (free, total) = known.disk;
    if total > 0 && (free < DISK_NEEDED || (free < DISK_ENOUGH && free < total / DISK_SHARE)) {
        reasons.push(Reason::DiskLow);
    }
    if known.agent_old {
        reasons.push(Reason::AgentOld);
    }
}

/// Whether a version is older than another. One that is no version, as of a PC that has not said
/// it yet, is not.
pub fn older(version: &str, than: &str) -> bool {
    matches!((parts(version), parts(than)), (Some(version), Some(than)) if version < than)
}

/// `1.2.3`, without what stands after a `-` or `+`.
fn parts(version: &str) -> Option<[u64; 3]> {
    let core = version.split(['-', '+']).next()?;
    let numbers: Option<Vec<u64>> = core.split('.').map(|part| part.parse().ok()).collect();
    numbers?.try_into().ok()
}
