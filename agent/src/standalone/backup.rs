//! Back up without a controller, and scan by the same read.

use super::gauge::Gauge;
use super::scan::{CacheArgs, Told};
use super::{PARTIAL, RepositoryArgs, StandaloneError};
use crate::one_read::{self, OneReadError, Scan};
use clap::Args;
use indicatif::HumanBytes;
use keepwatch_backup::{BackupOptions, BackupReport, LookAhead, Repository, exists};
use keepwatch_proto::clock::Clock;
use keepwatch_scan::{DEFAULT_WHOLE_BYTES, Limits, Pace, RuleSet, ScanOptions, Summary};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// All is saved, and something was found in it, or not inspected.
const NOT_CLEAN: u8 = 4;

/// What to back up, and where to.
#[derive(Args)]
pub(crate) struct BackupArgs {
    /// Files and folders to back up.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Make the repository if there is none yet.
    #[arg(long)]
    init: bool,
    /// Read files as they live, also where a frozen state is to be had (a btrfs snapshot).
    #[arg(long)]
    live: bool,
    /// Leave out what matches; may be given several times.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    #[command(flatten)]
    repository: RepositoryArgs,
    /// YARA rules to scan with: a file, or a folder of *.yar and *.yara; may be given several times.
    #[arg(long, value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// Do not save files in which something suspicious or worse matches.
    #[arg(long, requires = "rules")]
    leave_out_infected: bool,
    /// Leave archives, documents and mail closed when scanning.
    #[arg(long)]
    no_unpack: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

/// Backs up now.
pub(crate) fn backup(args: BackupArgs) -> Result<ExitCode, StandaloneError> {
    let (storage, password) = (args.repository.storage()?, args.repository.password()?);
    let cache = if args.rules.is_empty() { None } else { args.cache.folder() };
    let rules = match args.rules.as_slice() {
        [] => None,
        rules => Some(RuleSet::in_files(rules, cache.as_deref())?),
    };
    let options = BackupOptions {
        paths: args.paths,
        excludes: args.exclude,
        freeze: !args.live,
        host: hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        time: Clock::from_environment().now(),
        ..BackupOptions::default()
    };
    let ahead = LookAhead::begin(&options);
    let repository = if args.init && !exists(&storage)? {
        Repository::init(&storage, &password)?
    } else {
        Repository::open(&storage, &password)?
    };
    drop(ahead);
    let Some(rules) = rules else {
        let gauge = Gauge::new("backing up");
        let report = repository.backup(&options, &gauge)?;
        gauge.finish();
        tell(&report)?;
        return Ok(ended(&report, None));
    };
    let watcher = Gauge::new("backing up");
    let told = Told::aside(Gauge::new("scanning what has not changed"));
    let options_of_scan = ScanOptions {
        whole_bytes: DEFAULT_WHOLE_BYTES,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        unpack: (!args.no_unpack).then(Limits::default),
        verdicts: cache.map(|folder| folder.join("verdicts")),
        fresh: args.cache.fresh,
        ..ScanOptions::default()
    };
    let scan = Scan {
        rules: &rules,
        options: &options_of_scan,
        pace: &Pace::default(),
        observer: &told,
        bundle: 0,
        leave_out: args.leave_out_infected,
    };
    let done = one_read::run(&repository, options, &watcher, &scan, |report, _| {
        watcher.finish();
        // Whoever has seen enough, such as head, still gets its snapshot scanned.
        let _ = tell(report);
    })?;
    tell_scan(told, &done.scanned, done.report.left_out.refused);
    Ok(ended(&done.report, Some(&done.scanned)))
}

impl From<OneReadError> for StandaloneError {
    fn from(error: OneReadError) -> Self {
        match error {
            OneReadError::Backup(error) => Self::Backup(error),
            OneReadError::Exclude(error) => Self::Exclude(error),
        }
    }
}

fn tell_scan(told: Told, scanned: &Summary, refused: u64) {
    told.end(scanned);
    if refused > 0 {
        eprintln!("{refused} infected files are not in the snapshot, as it was asked for");
    }
}

fn tell(report: &BackupReport) -> io::Result<()> {
    eprintln!(
        "{} files ({}) in the snapshot: {} new, {} changed, {} unchanged; {} added to the repository, {} failed",
        report.snapshot.files,
        HumanBytes(report.bytes),
        report.files_new,
        report.files_changed,
        report.files_unchanged,
        HumanBytes(report.bytes_added),
        report.failed
    );
    if report.left_out.total() > 0 {
        eprintln!("left out: {}", report.left_out.in_words());
    }
    if report.missing_packs > 0 {
        eprintln!(
            "{} packs are missing from the repository, so older snapshots may not be whole; 'restic check' says more",
            report.missing_packs
        );
    }
    writeln!(io::stdout(), "{}", report.snapshot.id)
}

fn ended(report: &BackupReport, scanned: Option<&Summary>) -> ExitCode {
    match scanned {
        _ if report.failed > 0 => ExitCode::from(PARTIAL),
        Some(scanned) if scanned.detected > 0 || scanned.is_partial() => ExitCode::from(NOT_CLEAN),
        _ => ExitCode::SUCCESS,
    }
}
