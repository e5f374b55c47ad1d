//! What a child is to do, as it goes in on its stdin. How it is done was decided before: a
//! child reads neither policy nor ledger.

use chrono::{DateTime, Utc};
use keepwatch_backup::Storage;
use keepwatch_proto::bundle::Bundle;
use keepwatch_proto::detection::Severity;
use keepwatch_proto::ids::{ItemId, JobId};
use keepwatch_proto::job::{Ended, RestoreSpec};
use keepwatch_proto::policy::Bandwidth;
use keepwatch_proto::quarantine::QuarantineSpec;
use keepwatch_scan::Tuning;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a child is to do.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Scan with a bundle.
    Scan(ScanOrder),
    /// Back up into the host's repository.
    Backup(Box<BackupOrder>),
    /// Bring files back.
    Restore(Box<RestoreOrder>),
    /// Try whether backups come back.
    Verify(Box<VerifyOrder>),
    /// Put files away, bring them back or destroy them.
    Quarantine(Box<QuarantineOrder>),
    /// Fetch a bundle and judge it.
    Bundle(BundleOrder),
}

/// What may follow the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Word {
    /// Wait.
    Hold,
    /// Go on.
    GoOn,
}

impl Order {
    /// What the child may hold. A scan bounds itself, and what a crafted file costs on top
    /// must not be felt; a restore of a large repository takes 900 MiB, and compiling the
    /// large rule sets half of that.
    pub(crate) fn memory(&self) -> u64 {
        match self {
            Self::Scan(_) => 768 << 20,
            Self::Quarantine(_) => 256 << 20,
            Self::Backup(_) | Self::Restore(_) | Self::Verify(_) | Self::Bundle(_) => 2 << 30,
        }
    }
}

impl Order {
    /// Has the work wait from the start, or not.
    pub(crate) fn hold(&mut self, held: bool) {
        match self {
            Self::Scan(scan) => scan.courtesy.held = held,
            Self::Backup(backup) => backup.courtesy.held = held,
            Self::Restore(_) | Self::Verify(_) | Self::Quarantine(_) | Self::Bundle(_) => {}
        }
    }

    /// The scan in it.
    pub(crate) fn scan(&mut self) -> Option<&mut ScanOrder> {
        match self {
            Self::Scan(scan) => Some(scan),
            Self::Backup(backup) => backup.scan.as_mut(),
            Self::Restore(_) | Self::Verify(_) | Self::Quarantine(_) | Self::Bundle(_) => None,
        }
    }

    /// The paths that may be frozen for it.
    pub(crate) fn frozen(&self) -> Vec<PathBuf> {
        match self {
            Self::Backup(backup) if backup.freeze => backup.paths.clone(),
            _ => vec![],
        }
    }
}

/// Scan with a bundle.
#[derive(Serialize, Deserialize)]
pub(crate) struct ScanOrder {
    pub(crate) job: JobId,
    /// As text: a name may be none.
    pub(crate) paths: Vec<String>,
    pub(crate) excludes: Vec<String>,
    /// Larger files are read in windows; 0: as the engine does it.
    pub(crate) max_file_bytes: u64,
    /// The bundle in use.
    pub(crate) bundle: Bundle,
    /// Its verified file.
    pub(crate) bundle_file: PathBuf,
    /// The folder of what scans leave for later ones.
    pub(crate) folder: PathBuf,
    pub(crate) threads: usize,
    pub(crate) cpu_percent: u8,
    pub(crate) unpack: bool,
    pub(crate) courtesy: Courtesy,
    pub(crate) tuning: Tuning,
    /// Files that an earlier worker was judging when it died.
    pub(crate) suspects: Vec<String>,
    /// Files that one died on, and how.
    pub(crate) condemned: Vec<(String, String)>,
    /// Files in which something as bad as this is found are told of, to be put away.
    #[serde(default)]
    pub(crate) put_away_from: Option<Severity>,
}

/// When the work waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Courtesy {
    /// While the PC runs on battery.
    pub(crate) on_battery: bool,
    /// While other programs keep it busy.
    pub(crate) when_busy: bool,
    /// Staff want it to wait from the start.
    #[serde(default)]
    pub(crate) held: bool,
}

/// Back up into the host's repository.
#[derive(Serialize, Deserialize)]
pub(crate) struct BackupOrder {
    pub(crate) storage: Storage,
    pub(crate) password: String,
    /// The name that the snapshot bears.
    pub(crate) host: String,
    pub(crate) paths: Vec<PathBuf>,
    pub(crate) excludes: Vec<String>,
    /// How what is saved is scanned; the backup's places and excludes count.
    pub(crate) scan: Option<ScanOrder>,
    /// Whether infected files are not saved.
    pub(crate) leave_out: bool,
    /// Why nothing is scanned though the policy asks for it.
    pub(crate) unscanned: String,
    pub(crate) max_file_bytes: u64,
    pub(crate) one_file_system: bool,
    /// Whether a frozen state is read where there is one to be had.
    pub(crate) freeze: bool,
    /// Percent of the time that each thread may work.
    pub(crate) cpu_percent: u8,
    pub(crate) courtesy: Courtesy,
    /// How fast it may go.
    pub(crate) bandwidth: Vec<Bandwidth>,
    /// That the limits' hours are in.
    pub(crate) time_zone: String,
    pub(crate) hooks: Hooks,
    /// How it ended but for the scan, where an earlier worker came that far.
    pub(crate) saved: Option<Ended>,
}

/// What this PC's administrator wants done around backups: a program and its arguments each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Hooks {
    /// Before; where it fails there is no backup.
    pub(crate) before: Vec<String>,
    /// After, whatever became of it, which is in the environment as KEEPWATCH_OUTCOME.
    pub(crate) after: Vec<String>,
    /// Either is killed after so many seconds.
    pub(crate) seconds: u64,
}

impl Default for Hooks {
    fn default() -> Self {
        Self { before: vec![], after: vec![], seconds: 1800 }
    }
}

/// Bring files back.
#[derive(Serialize, Deserialize)]
pub(crate) struct RestoreOrder {
    pub(crate) storage: Storage,
    pub(crate) password: String,
    pub(crate) spec: RestoreSpec,
    /// Where the PC lets restores write.
    pub(crate) roots: Vec<PathBuf>,
    /// Name of the new folder, where none was named.
    pub(crate) new_folder: String,
    /// How what is restored is scanned on its way; none where it is not.
    pub(crate) scan: Option<ScanOrder>,
    /// Why it is not, though it should be.
    pub(crate) unscanned: String,
}

/// Try whether backups come back.
#[derive(Serialize, Deserialize)]
pub(crate) struct VerifyOrder {
    pub(crate) storage: Storage,
    pub(crate) password: String,
    /// A folder that is made for it, and removed again.
    pub(crate) scratch: PathBuf,
    /// Files, at most.
    pub(crate) files: u32,
    /// Their bytes, at most.
    pub(crate) bytes: u64,
}

/// Put files away, bring them back or destroy them.
#[derive(Serialize, Deserialize)]
pub(crate) struct QuarantineOrder {
    pub(crate) job: JobId,
    pub(crate) now: DateTime<Utc>,
    /// The folder of the vault.
    pub(crate) vault: PathBuf,
    /// Bytes that it may hold; none: the PC allows nothing to be put away.
    pub(crate) most: Option<u64>,
    /// Whether staff may put away, by name, also what the system may need.
    pub(crate) system_files: bool,
    /// Whether staff may have destroyed what no rule has found.
    pub(crate) allow_delete: bool,
    /// The agent's own files.
    pub(crate) own: Vec<PathBuf>,
    /// Where the PC lets restores write.
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) deeds: Vec<Deed>,
}

/// One thing to be done with the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Deed {
    /// Put a file away in which something was found.
    PutAwayFound(ItemId, Suspect),
    /// Do what staff ask.
    Asked(QuarantineSpec),
}

/// A file in which something was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suspect {
    /// As text: a name may be none.
    pub(crate) path: String,
    /// Of the file; empty where it was read in windows.
    pub(crate) sha256: String,
    /// All that was found lies in it, and is not the file itself.
    pub(crate) inside: bool,
    pub(crate) rules: Vec<String>,
}

/// Fetch a bundle and judge it.
#[derive(Serialize, Deserialize)]
pub(crate) struct BundleOrder {
    /// The controller's agent door.
    pub(crate) controller: String,
    pub(crate) ca: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
    /// The pinned root.
    pub(crate) root: Vec<u8>,
    /// The folder of the signatures.
    pub(crate) folder: PathBuf,
    /// The folder of what scans leave for later ones.
    pub(crate) scans: PathBuf,
    /// Version in use; 0: none.
    pub(crate) current: u64,
    pub(crate) wanted: Bundle,
}
