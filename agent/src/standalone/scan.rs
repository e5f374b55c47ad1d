//! Scan without a controller: with rules from files, and a cache of the user's own.

use super::StandaloneError;
use super::gauge::Gauge;
use crate::places::{Places, expand};
use crate::work::object;
use crate::{Output, platform};
use clap::Args;
use indicatif::HumanBytes;
use keepwatch_proto::paths;
use keepwatch_proto::policy::{FULL, QUICK};
use keepwatch_scan::{
    DEFAULT_WHOLE_BYTES, Found, Limits, Observer, Pace, Progress, RuleSet, ScanOptions, Skip, Summary,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A scan that found something.
const FOUND: u8 = 1;
/// A scan that could not inspect everything.
const UNINSPECTED: u8 = 2;
/// What to scan.
#[derive(Args)]
pub(crate) struct ScanArgs {
    /// Files and folders to scan.
    #[arg(required_unless_present_any = ["quick", "full"], value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Where malware is met first: running programs, start-up places, temporary folders, downloads.
    #[arg(long, conflicts_with = "paths")]
    quick: bool,
    /// All local disks.
    #[arg(long, conflicts_with = "paths")]
    full: bool,
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

impl ScanArgs {
    /// Where to look, and what to leave out there.
    fn places(&self) -> Result<Places, StandaloneError> {
        let words = [(self.quick, QUICK), (self.full, FULL)].into_iter().filter(|(asked, _)| *asked);
        let words: Vec<String> = words.map(|(_, word)| word.to_owned()).collect();
        let mut places = expand(&words).map_err(StandaloneError::Places)?;
        places.paths.extend(self.paths.iter().cloned());
        places.excludes.extend(self.exclude.iter().cloned());
        Ok(places)
    }
}

/// What earlier scans have left.
#[derive(Args)]
pub(super) struct CacheArgs {
    /// Folder for compiled rules and verdicts; one of the user's own unless given.
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Compile the rules and judge every file anew, and keep nothing.
    #[arg(long)]
    no_cache: bool,
    /// Judge every file anew, also those that have not changed.
    #[arg(long)]
    pub(super) fresh: bool,
}

impl CacheArgs {
    /// The folder, made if there is none. Without one a scan only takes longer.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        if self.no_cache {
            return None;
        }
        let folder = self.cache.clone().or_else(platform::cache_folder)?;
        // One that exists is left as it is: it may be anything.
        let made = if folder.is_dir() { Ok(()) } else { platform::own_dir(&folder) };
        match made {
            Ok(()) => Some(folder),
            Err(error) => {
                eprintln!("the cache folder {} cannot be used, so nothing is remembered: {error}", folder.display());
                None
            }
        }
    }
}

/// Scans now.
pub(crate) fn scan(args: ScanArgs) -> Result<ExitCode, StandaloneError> {
    let Places { paths, excludes } = args.places()?;
    let cache = args.cache.folder();
    let rules = RuleSet::in_files(&args.rules, cache.as_deref())?;
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let options = ScanOptions {
        paths,
        excludes,
        whole_bytes: DEFAULT_WHOLE_BYTES,
        threads: threads.max(1),
        unpack: (!args.no_unpack).then(Limits::default),
        verdicts: cache.map(|folder| folder.join("verdicts")),
        fresh: args.cache.fresh,
        ..ScanOptions::default()
    };
    let how = if args.output == Output::Json { How::Json } else { How::Lines };
    let heard = Told { gauge: Gauge::new("scanning"), how };
    let summary = keepwatch_scan::scan(&rules, &options, &Pace::new(args.cpu), &heard)?;
    heard.end(&summary);
    Ok(match &summary {
        s if s.detected > 0 => ExitCode::from(FOUND),
        s if s.is_partial() => ExitCode::from(UNINSPECTED),
        _ => ExitCode::SUCCESS,
    })
}

/// What the engine says: for people as lines, for programs as one JSON object a line, as it
/// comes, so that a scan of any length holds nothing back.
pub(super) struct Told {
    gauge: Gauge,
    how: How,
}

/// Where what is found goes, and how.
#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// To stdout, for people.
    Lines,
    /// To stdout, for programs.
    Json,
    /// To stderr: stdout is for something else.
    Aside,
}

impl Told {
    /// Tells all of it on stderr.
    pub(super) fn aside(gauge: Gauge) -> Self {
        Self { gauge, how: How::Aside }
    }

    fn uninspected(&self, path: &Path, inside: &str, reason: &str) {
        let path = object(path, inside);
        if self.how == How::Json {
            self.tell(&json!({ "type": "not_inspected", "path": path, "reason": reason }));
        } else {
            self.gauge.say(&format!("not inspected: {path}: {reason}"));
        }
    }

    fn tell(&self, object: &Value) {
        self.gauge.print_json(&object.to_string());
    }

    /// Tells how it ended.
    pub(super) fn end(self, summary: &Summary) {
        self.gauge.finish();
        let Summary { files, bytes, clean, detected, unchanged, skipped, unread, failed, unopened, .. } = *summary;
        if let Some(problem) = &summary.cache_problem {
            eprintln!("{problem}");
        }
        let seconds = summary.duration.as_secs_f64();
        let per_second = (bytes as f64 / seconds.max(0.001)) as u64;
        if self.how == How::Json {
            let slowest = summary.slowest.iter();
            let slowest: Vec<_> = slowest
                .map(|(path, took)| json!({ "path": paths::of_path(path), "seconds": took.as_secs_f64() }))
                .collect();
            let slow_rules = summary.slow_rules.iter().map(|slow| {
                json!({ "rule": slow.rule, "namespace": slow.namespace, "path": object(&slow.file, &slow.inside),
                        "seconds": slow.took.as_secs_f64() })
            });
            self.tell(&json!({
                "type": "summary", "files": files, "bytes": bytes, "clean": clean, "detected": detected,
                "incomplete": summary.incomplete, "unchanged": unchanged, "skipped": skipped, "unread": unread,
                "failed": failed, "set_aside": summary.set_aside, "unopened": unopened,
                "windowed": summary.windowed, "seconds": seconds, "bytes_per_second": per_second,
                "slowest": slowest, "slow_rules": slow_rules.collect::<Vec<_>>(),
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
        for slow in &summary.slow_rules {
            let (seconds, path) = (slow.took.as_secs(), object(&slow.file, &slow.inside));
            eprintln!(
                "slow rule: {} of {} took {seconds} s over {path}; mend it, or leave it out",
                slow.rule, slow.namespace
            );
        }
        if summary.windowed > 0 {
            eprintln!("{} files are too large to be judged whole; they were judged window by window", summary.windowed);
        }
    }
}

impl Observer for Told {
    fn detected(&self, found: &Found) {
        let path = object(&found.file, &found.inside);
        for matched in &found.matches {
            if self.how == How::Json {
                let metadata: serde_json::Map<String, Value> =
                    matched.metadata.iter().map(|(k, v)| (k.clone(), v.clone().into())).collect();
                self.tell(&json!({
                    "type": "detection", "rule": matched.rule, "namespace": matched.namespace,
                    "severity": matched.severity, "metadata": metadata, "path": path,
                    "size": found.size, "sha256": found.sha256,
                }));
            } else {
                let line = format!("{:<8} {}  {path}", matched.severity.as_str(), matched.rule);
                if self.how == How::Aside { self.gauge.say(&line) } else { self.gauge.print(&line) }
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

    fn progress(&self, Progress { files, bytes, total_bytes, .. }: Progress) {
        self.gauge.show(files, bytes, total_bytes);
    }
}
