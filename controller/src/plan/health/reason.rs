//! Why a host is not simply protected: the words of it, and how bad each is.

use super::State;

/// Why a host is not simply protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its certificate was revoked.
    Revoked,
    /// Another PC has taken over from it.
    Replaced,
    /// Enrolled, never heard of since.
    NeverConnected,
    /// Let in, and its first contact is still to come.
    Pending,
    /// Not heard of for a week or more.
    Away,
    /// Not heard of for so long that somebody must go and look for it.
    Lost,
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
    /// It does not have the newest signatures, and has not had them for days.
    SignaturesOld,
    /// It has not had them for a week.
    SignaturesOutdated,
    /// It has the newest signatures, and they are old: nobody has imported any since.
    SignaturesStale,
    /// It refused the newest signatures.
    SignaturesRefused,
    /// The newest signatures are kept from it, since they are halted.
    SignaturesHalted,
    /// Its snapshots look odd, so that none is removed.
    RetentionFrozen,
    /// Something of what it stored is spoilt or gone.
    RepositoryDamaged,
    /// What it stored has not been read and found sound for too long.
    VerificationOverdue,
    /// What it stored is to be deleted, by one's wish or two's.
    RepositoryDeletion,
    /// Files of its newest snapshot, restored to try it, did not all come back as they were.
    TrialFailed,
    /// A document that nobody has reason to touch was changed, renamed or deleted.
    CanaryTouched,
    /// Its certificate ends soon, and should have been renewed by now.
    CertificateExpiring,
    /// Its certificate has ended: it cannot connect any more.
    CertificateExpired,
    /// Its disk is almost full.
    DiskLow,
    /// Its agent is older than this controller.
    AgentOld,
}

impl Reason {
    /// All of them, so that a test finds one without a translation.
    #[cfg(test)]
    pub const ALL: [Self; 33] = [
        Self::Revoked,
        Self::Replaced,
        Self::NeverConnected,
        Self::Pending,
        Self::Away,
        Self::Lost,
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
        Self::SignaturesOutdated,
        Self::SignaturesStale,
        Self::SignaturesRefused,
        Self::SignaturesHalted,
        Self::RetentionFrozen,
        Self::RepositoryDamaged,
        Self::VerificationOverdue,
        Self::RepositoryDeletion,
        Self::TrialFailed,
        Self::CanaryTouched,
        Self::CertificateExpiring,
        Self::CertificateExpired,
        Self::DiskLow,
        Self::AgentOld,
    ];

    /// The word for it, as sent and translated.
    pub fn word(self) -> &'static str {
        match self {
            Self::Revoked => "revoked",
            Self::Replaced => "replaced",
            Self::NeverConnected => "never-connected",
            Self::Pending => "pending",
            Self::Away => "away",
            Self::Lost => "lost",
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
            Self::SignaturesOutdated => "signatures-outdated",
            Self::SignaturesStale => "signatures-stale",
            Self::SignaturesRefused => "signatures-refused",
            Self::SignaturesHalted => "signatures-halted",
            Self::RetentionFrozen => "retention-frozen",
            Self::RepositoryDamaged => "repository-damaged",
            Self::VerificationOverdue => "verification-overdue",
            Self::RepositoryDeletion => "repository-deletion",
            Self::TrialFailed => "trial-failed",
            Self::CanaryTouched => "canary-touched",
            Self::CertificateExpiring => "certificate-expiring",
            Self::CertificateExpired => "certificate-expired",
            Self::DiskLow => "disk-low",
            Self::AgentOld => "agent-old",
        }
    }

    /// How bad it is.
    pub fn state(self) -> State {
        match self {
            Self::Revoked | Self::Replaced => State::Unknown,
            Self::NeverConnected | Self::Pending | Self::Away | Self::Lost => State::Unknown,
            Self::Malware | Self::NoBackup | Self::BackupMissed => State::AtRisk,
            Self::RepositoryDamaged | Self::CanaryTouched => State::AtRisk,
            Self::SignaturesOutdated | Self::CertificateExpired => State::AtRisk,
            _ => State::Attention,
        }
    }
}
