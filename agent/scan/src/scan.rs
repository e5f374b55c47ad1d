//! A whole scan: one thread walks, each of the others reads and judges one file at a time.

use crate::budget::Budget;
use crate::compiled::RuleSet;
use crate::judge::{Judge, Shared, Task};
use crate::pace::Pace;
use crate::read::open;
use crate::tally::{Observer, Summary, Tally};
use crate::tuning::Tuning;
use crate::verdicts::{CacheError, ContentKey, Verdicts};
use crate::walk::{ExcludeError, Excludes, Step, walk};
use keepwatch_unpack::Limits;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Files the walk may be ahead: enough to keep the readers busy, few enough to stop at once.
const WALK_AHEAD: usize = 32;
/// Containers in containers recurse.
const STACK: usize = 16 << 20;
/// Of all threads together, for what they unpack; see [`Limits::in_memory`].
const UNPACKED_IN_MEMORY: u64 = 192 << 20;
/// Changes when the same rules would judge the same file otherwise.
const JUDGEMENT: &str = concat!("1 ", env!("CARGO_PKG_VERSION"));

/// What to scan, and how.
#[derive(Debug, Clone, Default)]
pub struct ScanOptions {
    /// Folders and files.
    pub paths: Vec<PathBuf>,
    /// Globs of what is left out: with a slash over the whole path, without over each name.
    pub excludes: Vec<String>,
    /// Larger files are read in windows.
    pub whole_bytes: u64,
    /// Files read and judged at the same time, as long as they fit into memory; at least one.
    pub threads: usize,
    /// Within which bounds containers are opened; `None` leaves them closed.
    pub unpack: Option<Limits>,
    /// What people have decided about matches.
    pub tuning: Tuning,
    /// The file of the verdicts of earlier scans; made if there is none.
    pub verdicts: Option<PathBuf>,
    /// Judge everything anew.
    pub fresh: bool,
    /// Files that were being judged when a scanner died: judged first, one alone at a time.
    pub suspects: Vec<PathBuf>,
    /// Files that a scanner died on when it judged them alone, and how: not judged, but said,
    /// and set aside until they or the rules change.
    pub condemned: Vec<(PathBuf, String)>,
}

/// Scans, telling the observer. It fails only on a pattern that is none; everything else that
/// goes wrong costs the file it concerns.
pub fn scan(
    rules: &RuleSet,
    options: &ScanOptions,
    pace: &Pace,
    observer: &dyn Observer,
) -> Result<Summary, ExcludeError> {
    let started = Instant::now();
    let excludes = Excludes::new(&options.excludes)?;
    let tuned = options.tuning.ready()?;
    let (verdicts, cache_problem) = match options.verdicts.as_deref().map(|path| open_verdicts(path, rules, options)) {
        Some(Ok(verdicts)) => (Some(verdicts), None),
        Some(Err(error)) => (None, Some(error.to_string())),
        None => (None, None),
    };
    let threads = options.threads.max(1);
    let shared = Shared {
        rules,
        names_in_use: rules.names_in_use(),
        tuned,
        verdicts,
        fresh: options.fresh,
        unpack: options
            .unpack
            .map(|limits| Limits { in_memory: limits.in_memory.min(UNPACKED_IN_MEMORY / threads as u64), ..limits }),
        whole_bytes: options.whole_bytes,
        budget: Budget::new(),
        seen: Mutex::default(),
        searches: AtomicUsize::new(0),
        tally: Tally::new(observer, pace),
    };
    let mut done = set_aside(&shared, &options.condemned);
    if judge_alone(&shared, &options.suspects, &mut done, pace) {
        judge_all(&shared, options, &excludes, &done, threads, pace);
    }
    let Shared { verdicts, tally, .. } = shared;
    let met = tally.met();
    let mut summary = tally.into_summary();
    if let Some(verdicts) = verdicts {
        let totals = (!summary.cancelled).then_some(met);
        summary.cache_problem = verdicts.close(&what(options), totals).err().map(|e| e.to_string());
    }
    summary.cache_problem = summary.cache_problem.or(cache_problem);
    summary.duration = started.elapsed();
    Ok(summary)
}

fn open_verdicts(path: &Path, rules: &RuleSet, options: &ScanOptions) -> Result<Verdicts, CacheError> {
    let mut hash = Sha256::new_with_prefix(rules.id().0);
    hash.update(format!("{JUDGEMENT} {:?} {}", options.unpack, options.whole_bytes));
    Verdicts::open(path, &hash.finalize().into())
}

/// Tells one selection of files from another, for the estimate.
fn what(options: &ScanOptions) -> ContentKey {
    let hash: [u8; 32] = Sha256::digest(format!("{:?} {:?}", options.paths, options.excludes)).into();
    let mut what = [0; 16];
    what.copy_from_slice(&hash[..16]);
    what
}

fn set_aside(shared: &Shared<'_>, condemned: &[(PathBuf, String)]) -> HashSet<PathBuf> {
    for (path, why) in condemned {
        let identity = open(path).ok().and_then(|opened| opened.identity);
        if let Some((verdicts, identity)) = shared.verdicts.as_ref().zip(identity) {
            // Without it the next scan's worker dies once more, and this happens again.
            let _ = verdicts.set_aside(&identity, why);
        }
        shared.tally.set_aside(path, why);
    }
    condemned.iter().map(|(path, _)| path.clone()).collect()
}

/// Judges those that a scanner may have died on, while nothing else is being judged. Returns
/// whether to go on.
fn judge_alone(shared: &Shared<'_>, suspects: &[PathBuf], done: &mut HashSet<PathBuf>, pace: &Pace) -> bool {
    let to_judge: Vec<&PathBuf> = suspects.iter().filter(|path| !done.contains(*path)).collect();
    let to_the_end = std::thread::scope(|scope| {
        let alone = || {
            let mut judge = Judge::new(shared, 0);
            for path in to_judge {
                if !shared.tally.carry_on() {
                    return false;
                }
                pace.rest(judge.judge(Task { path: path.clone(), opened: open(path) }, true));
            }
            true
        };
        let judging = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, alone);
        judging.ok().and_then(|thread| thread.join().ok()).unwrap_or(true)
    });
    done.extend(suspects.iter().cloned());
    to_the_end
}

fn judge_all(
    shared: &Shared<'_>,
    options: &ScanOptions,
    excludes: &Excludes,
    done: &HashSet<PathBuf>,
    threads: usize,
    pace: &Pace,
) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let known = shared.verdicts.as_ref().and_then(|verdicts| verdicts.totals(&what(options)));
        match known {
            Some((files, bytes)) => shared.tally.expect(files, bytes),
            None => drop(scope.spawn(|| count(shared, options, excludes, &over))),
        }
        let (send, receive) = sync_channel::<Task>(WALK_AHEAD);
        let receive = Arc::new(Mutex::new(receive));
        let mut readers = 0;
        for thread in 0..threads {
            let receive = receive.clone();
            let work = move || read_all(&mut Judge::new(shared, thread), &receive, shared, pace);
            readers += usize::from(std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).is_ok());
        }
        if readers == 0 {
            // No thread is to be had; this one is.
            shared.tally.failed(Path::new("/"), "no thread can be started; free some memory");
        }
        // With the last reader gone a send must fail rather than wait.
        drop(receive);
        for root in &options.paths {
            if !walk(root, excludes, &mut |step| pass_on(step, shared, done, &send) && shared.tally.carry_on()) {
                break;
            }
        }
        drop(send);
        over.store(true, Ordering::Relaxed);
    });
}

/// What the walk met goes where it belongs. `false` when nobody takes files any more.
fn pass_on(step: Step, shared: &Shared<'_>, done: &HashSet<PathBuf>, send: &SyncSender<Task>) -> bool {
    match step {
        Step::Skipped(path, why) => shared.tally.skipped(&path, why),
        Step::Failed(path, why) => shared.tally.failed(&path, &why),
        Step::File(path, _) if done.contains(&path) => {}
        Step::File(path, identity) => {
            // Who owns it is known only to readers; where rules ask for it they look it up.
            let known = identity.filter(|_| !shared.asks_for_owner());
            if known.is_some_and(|identity| shared.is_known(&path, &identity, "")) {
                return true;
            }
            let opened = open(&path);
            if let Ok(opened) = &opened {
                opened.read_ahead();
            }
            return send.send(Task { path, opened }).is_ok();
        }
    }
    true
}

/// A reader's life: the next file, until there is none or the scan is called off.
fn read_all(judge: &mut Judge<'_>, queue: &Mutex<Receiver<Task>>, shared: &Shared<'_>, pace: &Pace) {
    while shared.tally.carry_on() {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else { return };
        if !shared.tally.carry_on() {
            return;
        }
        pace.rest(judge.judge(task, false));
    }
}

/// How much there is, where no earlier scan tells.
fn count(shared: &Shared<'_>, options: &ScanOptions, excludes: &Excludes, over: &AtomicBool) {
    let (mut files, mut bytes) = (0, 0);
    for root in &options.paths {
        let to_the_end = walk(root, excludes, &mut |step| {
            if let Step::File(_, identity) = step {
                files += 1;
                bytes += identity.map_or(0, |identity| identity.size);
            }
            !over.load(Ordering::Relaxed)
        });
        if !to_the_end {
            return;
        }
    }
    shared.tally.expect(files, bytes);
}

#[cfg(test)]
mod tests;
