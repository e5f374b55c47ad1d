//! Scan, back up and restore without a controller: on a PC that has none, in a script, or
//! years later when all that is left is a repository.

mod gauge;

use crate::{Output, platform};
use clap::Args;
use gauge::Gauge;
use indicatif::HumanBytes;
use keepwatch_backup::{
    BackupOptions, Observer as BackupObserver, Progress, Repository, RestoreOptions, Storage, exists,
};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::paths;
use keepwatch_scan::{DEFAULT_WHOLE_BYTES, Found, INSIDE, Limits, Pace, RuleSet, ScanOptions, Skip, Summary};
use keepwatch_scan::{Observer as ScanObserver, Progress as ScanProgress};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A scan that found something.
const FOUND: u8 = 1;
/// A scan that could not inspect everything.
const UNINSPECTED: u8 = 2;
/// A backup or restore that is not whole.
const PARTIAL: u8 = 3;

/// What to scan.
#[derive(Args)]
pub(crate) struct ScanArgs {
    /// Files and folders to scan.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// YARA rules: files, or folders of *.yar and *.yara.
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    rules: Vec<PathBuf>,
    /// How to show what was found.
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Files that are scanned at the same time; the number of processors unless given.
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Leave archives, documents and mail closed: judge files as they lie on the disk only.
    #[arg(long)]
    no_unpack: bool,
    /// Leave out what matches; may be given several times.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    /// Share of the processors' time that each thread may use.
    #[arg(long, value_name = "PERCENT", default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=100))]
    cpu: u8,
    #[command(flatten)]
    cache: CacheArgs,
}

/// What earlier scans have left.
#[derive(Args)]
struct CacheArgs {
    /// Folder for compiled rules and verdicts; one of the user's own unless given.
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Compile the rules and judge every file anew, and keep nothing.
    #[arg(long)]
    no_cache: bool,
    /// Judge every file anew, also those that have not changed.
    #[arg(long)]
    fresh: bool,
}

impl CacheArgs {
    /// The folder, made if there is none. Without one a scan only takes longer.
    fn folder(&self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        let folder = self.cache.clone().or_else(platform::cache_folder)?;
        // One that exists is left as it is: it may be anything.
        let made = if folder.is_dir() { Ok(()) } else { platform::private_dir(&folder) };
        match made {
            Ok(()) => Some(folder),
            Err(error) => {
                eprintln!("the cache folder {} cannot be used, so nothing is remembered: {error}", folder.display());
                None
            }
        }
    }
}

/// What to back up, and where to.
#[derive(Args)]
pub(crate) struct BackupArgs {
    /// Files and folders to back up.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Make the repository if there is none yet.
    #[arg(long)]
    init: bool,
    /// Leave out what matches; may be given several times.
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<String>,
    #[command(flatten)]
    repository: RepositoryArgs,
}

/// What to restore, and where to.
#[derive(Args)]
pub(crate) struct RestoreArgs {
    /// A snapshot's id, the beginning of one, or 'latest'.
    snapshot: String,
    /// Folder to restore below.
    #[arg(long, value_name = "DIR")]
    target: PathBuf,
    /// Restore only what matches; may be given several times.
    #[arg(long, value_name = "GLOB")]
    include: Vec<String>,
    /// Replace files that exist.
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    repository: RepositoryArgs,
}

/// A repository in a folder.
#[derive(Args)]
struct RepositoryArgs {
    /// Folder of the repository (restic's format).
    #[arg(long, value_name = "DIR")]
    repository: PathBuf,
    /// File with the repository's password in its first line.
    #[arg(long, value_name = "FILE")]
    password_file: PathBuf,
}

impl RepositoryArgs {
    fn storage(&self) -> Storage {
        Storage::Folder(self.repository.clone())
    }

    fn password(&self) -> Result<String, StandaloneError> {
        let path = &self.password_file;
        let text = std::fs::read_to_string(path).map_err(|e| StandaloneError::Password(path.clone(), e.to_string()))?;
        match text.lines().next() {
            Some(password) if !password.is_empty() => Ok(password.to_owned()),
            _ => Err(StandaloneError::Password(path.clone(), "its first line is empty".into())),
        }
    }
}

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StandaloneError {
    /// No rules to be read.
    #[error(transparent)]
    Rules(#[from] keepwatch_scan::ReadRulesError),
    /// Rules that cannot be used.
    #[error(transparent)]
    Compile(#[from] keepwatch_scan::CompileError),
    /// A pattern that is none.
    #[error(transparent)]
    Exclude(#[from] keepwatch_scan::ExcludeError),
    /// No password.
    #[error("the password cannot be read from {0}: {1}; write it into the file's first line")]
    Password(PathBuf, String),
    /// The repository.
    #[error(transparent)]
    Backup(#[from] keepwatch_backup::Error),
    /// The terminal, or the pipe.
    #[error("the result cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Scans now.
pub(crate) fn scan(args: ScanArgs) -> Result<ExitCode, StandaloneError> {
    let cache = args.cache.folder();
    let rules = RuleSet::prepare(keepwatch_scan::read_rules(&args.rules)?, cache.as_deref())?;
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let options = ScanOptions {
        paths: args.paths,
        excludes: args.exclude,
        whole_bytes: DEFAULT_WHOLE_BYTES,
        threads: threads.max(1),
        unpack: (!args.no_unpack).then(Limits::default),
        verdicts: cache.map(|folder| folder.join("verdicts")),
        fresh: args.cache.fresh,
        ..ScanOptions::default()
    };
    let heard = Heard { gauge: Gauge::new("scanning"), json: args.output == Output::Json };
    let summary = keepwatch_scan::scan(&rules, &options, &Pace::new(args.cpu), &heard)?;
    heard.gauge.finish();
    heard.end(&summary);
    Ok(match &summary {
        s if s.detected > 0 => ExitCode::from(FOUND),
        s if s.is_partial() => ExitCode::from(UNINSPECTED),
        _ => ExitCode::SUCCESS,
    })
}

/// What the engine says: for people as lines, for programs as one JSON object a line, as it
/// comes, so that a scan of any length holds nothing back.
struct Heard {
    gauge: Gauge,
    json: bool,
}

/// An object's name: the file, and the way to the object in it.
fn object(file: &Path, inside: &str) -> String {
    let file = paths::of_path(file);
    if inside.is_empty() { file } else { format!("{file}{INSIDE}{inside}") }
}

impl Heard {
    fn uninspected(&self, path: &Path, inside: &str, reason: &str) {
        let path = object(path, inside);
        if self.json {
            self.tell(&json!({ "type": "not_inspected", "path": path, "reason": reason }));
        } else {
            self.gauge.say(&format!("not inspected: {path}: {reason}"));
        }
    }

    fn tell(&self, object: &Value) {
        self.gauge.print_json(&object.to_string());
    }

    fn end(self, summary: &Summary) {
        let Summary { files, bytes, clean, detected, unchanged, skipped, unread, failed, unopened, .. } = *summary;
        if let Some(problem) = &summary.cache_problem {
            eprintln!("{problem}");
        }
        let seconds = summary.duration.as_secs_f64();
        let per_second = (bytes as f64 / seconds.max(0.001)) as u64;
        if self.json {
            let slowest = summary.slowest.iter();
            let slowest: Vec<_> = slowest
                .map(|(path, took)| json!({ "path": paths::of_path(path), "seconds": took.as_secs_f64() }))
                .collect();
            self.tell(&json!({
                "type": "summary", "files": files, "bytes": bytes, "clean": clean, "detected": detected,
                "incomplete": summary.incomplete, "unchanged": unchanged, "skipped": skipped, "unread": unread,
                "failed": failed, "set_aside": summary.set_aside, "unopened": unopened,
                "windowed": summary.windowed, "seconds": seconds, "bytes_per_second": per_second,
                "slowest": slowest,
            }));
            return;
        }
        eprintln!(
            "{files} files ({}) judged in {seconds:.1} s ({}/s), {unchanged} unchanged: {detected} with detections, \
             {clean} clean; {} files or folders and {unopened} parts of files not inspected",
            HumanBytes(bytes),
            HumanBytes(per_second),
            unread + failed
        );
        if summary.windowed > 0 {
            eprintln!("{} files are too large to be judged whole; they were judged window by window", summary.windowed);
        }
    }
}

impl ScanObserver for Heard {
    fn detected(&self, found: &Found) {
        let path = object(&found.file, &found.inside);
        for matched in &found.matches {
            if self.json {
                let metadata: serde_json::Map<String, Value> =
                    matched.metadata.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
                self.tell(&json!({
                    "type": "detection", "rule": matched.rule, "namespace": matched.namespace,
                    "severity": matched.severity, "metadata": metadata, "path": path,
                    "size": found.size, "sha256": found.sha256,
                }));
            } else {
                self.gauge.print(&format!("{:<8} {}  {path}", matched.severity.as_str(), matched.rule));
            }
        }
    }

    fn skipped(&self, path: &Path, reason: Skip) {
        if reason.leaves_content_unread() {
            self.uninspected(path, "", &reason.to_string());
        }
    }

    fn failed(&self, path: &Path, inside: &str, reason: &str) {
        self.uninspected(path, inside, reason);
    }

    fn progress(&self, ScanProgress { files, bytes, total_bytes, .. }: ScanProgress) {
        self.gauge.show(files, bytes, total_bytes);
    }
}

impl BackupObserver for Gauge {
    fn progress(&self, Progress { files, bytes, total_bytes }: Progress) {
        self.show(files, bytes, total_bytes);
    }

    fn failed(&self, path: &Path, reason: &str) {
        self.say(&format!("failed: {}: {reason}", paths::of_path(path)));
    }

    fn cancelled(&self) -> bool {
        false
    }
}

/// Backs up now.
pub(crate) fn backup(args: BackupArgs) -> Result<ExitCode, StandaloneError> {
    let (storage, password) = (args.repository.storage(), args.repository.password()?);
    let repository = if args.init && !exists(&storage)? {
        Repository::init(&storage, &password)?
    } else {
        Repository::open(&storage, &password)?
    };
    let options = BackupOptions {
        paths: args.paths,
        excludes: args.exclude,
        host: hostname::get().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
        time: Clock::from_environment().now(),
        ..BackupOptions::default()
    };
    let gauge = Gauge::new("backing up");
    let report = repository.backup(&options, &gauge)?;
    gauge.finish();
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
    writeln!(io::stdout(), "{}", report.snapshot.id)?;
    Ok(whole_or_partial(report.failed))
}

/// Restores now.
pub(crate) fn restore(args: RestoreArgs) -> Result<ExitCode, StandaloneError> {
    let repository = Repository::open(&args.repository.storage(), &args.repository.password()?)?;
    let options = RestoreOptions {
        snapshot: args.snapshot,
        paths: vec![],
        globs: args.include,
        target: args.target,
        overwrite: args.overwrite,
        dry_run: false,
    };
    let gauge = Gauge::new("restoring");
    let report = repository.restore(&options, &gauge)?;
    gauge.finish();
    eprintln!(
        "{} files ({}), {} folders and {} links and others restored from snapshot {} into {}, {} failed",
        report.files,
        HumanBytes(report.bytes),
        report.folders,
        report.specials,
        report.snapshot.id,
        options.target.display(),
        report.failed
    );
    Ok(whole_or_partial(report.failed))
}

fn whole_or_partial(failed: u64) -> ExitCode {
    if failed > 0 { ExitCode::from(PARTIAL) } else { ExitCode::SUCCESS }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        let args = RepositoryArgs { repository: folder.path().into(), password_file: file.clone() };
        assert!(args.password().unwrap_err().to_string().contains("first line"));
        for (text, password) in
            [("geheim\n", Some("geheim")), ("守备 pass\r\nmore", Some("守备 pass")), ("", None), ("\nx", None)]
        {
            std::fs::write(&file, text).unwrap();
            assert_eq!(args.password().ok().as_deref(), password);
        }
    }
}
