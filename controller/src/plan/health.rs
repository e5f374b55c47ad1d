//! A host's health, with its reasons, judged against its own schedule. Silence is never
//! green: what has not been heard of is unknown, not well.

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

/// Why a host is not simply protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its certificate was revoked.
    Revoked,
    /// Another PC has taken over from it.
    Replaced,
    /// Enrolled, never heard of since.
    NeverConnected,
    /// Not heard of for longer than its backups' period.
    Silent,
    /// High or critical detections are open.
    Malware,
    /// Milder detections are open.
    Detections,
    /// It never backed up, and should have by now.
    NoBackup,
    /// Its first backup is still to come.
    FirstBackup,
    /// Its backup is late.
    BackupOverdue,
    /// Its backup is so late that a whole run was missed.
    BackupMissed,
    /// Its newest backup failed.
    BackupFailed,
    /// Its newest backup left something out.
    BackupPartial,
    /// Its scan is late, or never was.
    ScanOverdue,
    /// Its newest scan failed.
    ScanFailed,
    /// Its newest scan could not look at everything.
    ScanPartial,
    /// It runs without signatures.
    NoSignatures,
    /// Its signatures are not the newest, and have not been for days.
    SignaturesOld,
    /// It refused the newest signatures.
    SignaturesRefused,
    /// Its snapshots look odd, so that none is removed.
    RetentionFrozen,
    /// Something of what it stored is spoilt or gone.
    RepositoryDamaged,
    /// What it stored is to be deleted, by one's wish or two's.
    RepositoryDeletion,
    /// Files of its newest snapshot, restored to try it, did not all come back as they were.
    TrialFailed,
    /// A document that nobody has reason to touch was changed, renamed or deleted.
    CanaryTouched,
}

impl Reason {
    /// All of them, so that a test finds one without a translation.
    #[cfg(test)]
    pub const ALL: [Self; 23] = [
        Self::Revoked,
        Self::Replaced,
        Self::NeverConnected,
        Self::Silent,
        Self::Malware,
        Self::Detections,
        Self::NoBackup,
        Self::FirstBackup,
        Self::BackupOverdue,
        Self::BackupMissed,
        Self::BackupFailed,
        Self::BackupPartial,
        Self::ScanOverdue,
        Self::ScanFailed,
        Self::ScanPartial,
        Self::NoSignatures,
        Self::SignaturesOld,
        Self::SignaturesRefused,
        Self::RetentionFrozen,
        Self::RepositoryDamaged,
        Self::RepositoryDeletion,
        Self::TrialFailed,
        Self::CanaryTouched,
    ];

    /// The word for it, as sent and translated.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::NeverConnected => "never-connected",
            Self::Silent => "silent",
            Self::Malware => "malware",
            Self::Detections => "detections",
            Self::NoBackup => "no-backup",
            Self::FirstBackup => "first-backup",
            Self::BackupOverdue => "backup-overdue",
            Self::BackupMissed => "backup-missed",
            Self::BackupFailed => "backup-failed",
            Self::BackupPartial => "backup-partial",
            Self::ScanOverdue => "scan-overdue",
            Self::ScanFailed => "scan-failed",
            Self::ScanPartial => "scan-partial",
            Self::NoSignatures => "no-signatures",
            Self::SignaturesOld => "signatures-old",
            Self::SignaturesRefused => "signatures-refused",
            Self::RetentionFrozen => "retention-frozen",
            Self::RepositoryDamaged => "repository-damaged",
            Self::RepositoryDeletion => "repository-deletion",
            Self::TrialFailed => "trial-failed",
            Self::CanaryTouched => "canary-touched",
        }
    }

    /// How bad it is.
    pub fn state(self) -> State {
        match self {
            Self::Revoked | Self::Replaced | Self::NeverConnected | Self::Silent => State::Unknown,
            Self::Malware | Self::NoBackup | Self::BackupMissed | Self::RepositoryDamaged | Self::CanaryTouched => {
                State::AtRisk
            }
            _ => State::Attention,
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
    /// High and critical ones among them.
    pub grave_detections: u32,
    /// Version of the bundle in use; 0: none.
    pub bundle: u64,
    /// The newest bundle's version, and when it was published.
    pub newest_bundle: Option<(u64, DateTime<Utc>)>,
    /// Whether it refused the newest bundle.
    pub bundle_refused: bool,
    /// Whether none of its snapshots is removed, since they look odd.
    pub retention_frozen: bool,
    /// Whether something of what it stored is spoilt or gone.
    pub repository_damaged: bool,
    /// Whether what it stored is to be deleted.
    pub deletion_wanted: bool,
    /// How the newest trial whether backups come back ended.
    pub trial: Option<JobState>,
    /// Whether a canary was touched since staff have looked.
    pub canary_touched: bool,
}

/// Silence of this length is a PC that is away, whatever its schedule.
const SILENT: TimeDelta = TimeDelta::days(7);
/// Signatures may take this long to arrive.
const SIGNATURES_OLD: TimeDelta = TimeDelta::days(3);

/// The state, which is the worst of the reasons' (unknown before all), and the reasons,
/// worst first.
pub fn judge(known: &Known, now: DateTime<Utc>) -> (State, Vec<Reason>) {
    let mut reasons = Vec::new();
    if known.revoked {
        let why = if known.replaced { Reason::Replaced } else { Reason::Revoked };
        let deletion = known.deletion_wanted.then_some(Reason::RepositoryDeletion);
        return (State::Unknown, std::iter::once(why).chain(deletion).collect());
    }
    match known.last_seen {
        None if !known.connected => reasons.push(Reason::NeverConnected),
        Some(seen) if !known.connected && now - seen > SILENT => reasons.push(Reason::Silent),
        _ => {}
    }
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
    reasons.sort_by_key(|r| std::cmp::Reverse(r.state()));
    (reasons.first().map_or(State::Protected, |r| r.state()), reasons)
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
    match known.newest_bundle {
        _ if known.bundle == 0 => reasons.push(Reason::NoSignatures),
        Some((newest, published)) if known.bundle < newest && now - published > SIGNATURES_OLD => {
            reasons.push(Reason::SignaturesOld);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn ago(hours: i64) -> DateTime<Utc> {
        NOW - TimeDelta::hours(hours)
    }

    /// Due once in so many hours, and done when it was due, so many hours ago.
    fn work(period: i64, done: i64) -> Work {
        let period = TimeDelta::hours(period);
        Work {
            expected: Some(Expected { due: ago(done) + period, period }),
            last_done: Some(ago(done)),
            last_outcome: Some(JobState::Succeeded),
        }
    }

    /// The same, where it was enrolled then and nothing was done since.
    fn never(period: i64, enrolled: i64) -> Work {
        Work { last_done: None, last_outcome: None, ..work(period, enrolled) }
    }

    fn well() -> Known {
        Known {
            revoked: false,
            replaced: false,
            connected: true,
            last_seen: Some(ago(0)),
            backup: work(168, 24),
            scan: work(24, 3),
            open_detections: 0,
            grave_detections: 0,
            bundle: 5,
            newest_bundle: Some((5, ago(500))),
            bundle_refused: false,
            retention_frozen: false,
            repository_damaged: false,
            deletion_wanted: false,
            trial: None,
            canary_touched: false,
        }
    }

    type Case = (fn(&mut Known), State, &'static [Reason]);

    #[test]
    fn each_fact_has_its_consequence() {
        let cases: &[Case] = &[
            (|_| {}, State::Protected, &[]),
            (|k| k.revoked = true, State::Unknown, &[Reason::Revoked]),
            (|k| (k.revoked, k.replaced) = (true, true), State::Unknown, &[Reason::Replaced]),
            (
                |k| (k.revoked, k.deletion_wanted) = (true, true),
                State::Unknown,
                &[Reason::Revoked, Reason::RepositoryDeletion],
            ),
            (|k| (k.connected, k.last_seen) = (false, None), State::Unknown, &[Reason::NeverConnected]),
            (|k| (k.connected, k.last_seen) = (false, Some(ago(8 * 24))), State::Unknown, &[Reason::Silent]),
            // Off over the weekend is not silence.
            (|k| (k.connected, k.last_seen) = (false, Some(ago(60))), State::Protected, &[]),
            (|k| (k.open_detections, k.grave_detections) = (2, 1), State::AtRisk, &[Reason::Malware]),
            (|k| k.trial = Some(JobState::Partial), State::Attention, &[Reason::TrialFailed]),
            (|k| k.trial = Some(JobState::Succeeded), State::Protected, &[]),
            (|k| k.open_detections = 2, State::Attention, &[Reason::Detections]),
            (|k| k.backup = work(168, 209), State::Protected, &[]),
            (|k| k.backup = work(168, 211), State::Attention, &[Reason::BackupOverdue]),
            (|k| k.backup = work(168, 421), State::AtRisk, &[Reason::BackupMissed]),
            (|k| k.backup = never(168, 10_000), State::AtRisk, &[Reason::NoBackup]),
            (|k| k.backup = never(168, 5), State::Attention, &[Reason::FirstBackup]),
            (|k| k.backup.last_outcome = Some(JobState::Failed), State::Attention, &[Reason::BackupFailed]),
            (|k| k.backup.last_outcome = Some(JobState::Partial), State::Attention, &[Reason::BackupPartial]),
            (|k| k.scan = work(24, 31), State::Attention, &[Reason::ScanOverdue]),
            (|k| k.scan = never(24, 10_000), State::Attention, &[Reason::ScanOverdue]),
            (|k| k.scan.last_outcome = Some(JobState::Partial), State::Attention, &[Reason::ScanPartial]),
            (|k| k.bundle = 0, State::Attention, &[Reason::NoSignatures]),
            (|k| k.bundle = 4, State::Attention, &[Reason::SignaturesOld]),
            (|k| k.newest_bundle = Some((6, ago(1))), State::Protected, &[]),
            (|k| k.bundle_refused = true, State::Attention, &[Reason::SignaturesRefused]),
            // A host that does nothing by itself is only judged by what it did.
            (|k| (k.backup, k.scan) = (Work::default(), Work::default()), State::Protected, &[]),
        ];
        for (number, (change, state, reasons)) in cases.iter().enumerate() {
            let mut known = well();
            change(&mut known);
            assert_eq!(judge(&known, NOW), (*state, reasons.to_vec()), "case {number}");
        }
    }

    #[test]
    fn unknown_outweighs_what_was_known() {
        let mut known = well();
        (known.connected, known.last_seen) = (false, Some(ago(500)));
        known.backup = work(168, 500);
        let (state, reasons) = judge(&known, NOW);
        assert_eq!(state, State::Unknown);
        assert_eq!(reasons[..2], [Reason::Silent, Reason::BackupMissed]);
    }
}
