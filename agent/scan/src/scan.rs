//! A whole scan: one thread walks, or somebody else hands files over; each of the others reads
//! and judges one file at a time.

use crate::below::Below;
use crate::budget::Budget;
use crate::compiled::RuleSet;
use crate::handed::{Hand, Worst};
use crate::judge::{Judge, Shared, Task};
use crate::pace::Pace;
use crate::platform;
use crate::read::open;
use crate::severity::Severity;
use crate::tally::{Observer, Summary, Tally};
use crate::tuning::Tuning;
use crate::verdicts::{CacheError, ContentKey, Verdicts};
use crate::walk::{ExcludeError, Excludes, Step, resolve, walk};
use keepwatch_unpack::Limits;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
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
    let excludes = Excludes::new(&options.excludes)?;
    let ((), summary) = scan_handed(rules, options, pace, observer, |desk| desk.walk(options, &excludes))?;
    Ok(summary)
}

/// Scans what `work` hands over at the desk, until it is done; what the options say of paths
/// concerns [`scan`] alone. Everything handed over is judged by the time this returns.
pub fn scan_handed<R>(
    rules: &RuleSet,
    options: &ScanOptions,
    pace: &Pace,
    observer: &dyn Observer,
    work: impl FnOnce(&Desk<'_>) -> R,
) -> Result<(R, Summary), ExcludeError> {
    let started = Instant::now();
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
    let mut before = set_aside(&shared, &options.condemned);
    judge_alone(&shared, &options.suspects, &mut before, pace);
    let done = at_desk(&shared, before, threads, pace, work);
    let Shared { verdicts, tally, .. } = shared;
    let met = tally.met();
    let mut summary = tally.into_summary();
    if let Some(verdicts) = verdicts {
        let totals = (!summary.cancelled && !options.paths.is_empty()).then_some(met);
        summary.cache_problem = verdicts.close(&what(options), totals).err().map(|e| e.to_string());
    }
    summary.cache_problem = summary.cache_problem.or(cache_problem);
    summary.duration = started.elapsed();
    Ok((done, summary))
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

fn set_aside(shared: &Shared<'_>, condemned: &[(PathBuf, String)]) -> HashMap<PathBuf, Worst> {
    for (path, why) in condemned {
        let identity = open(path).ok().and_then(|opened| opened.identity);
        if let Some((verdicts, identity)) = shared.verdicts.as_ref().zip(identity) {
            // Without it the next scan's worker dies once more, and this happens again.
            let _ = verdicts.set_aside(&identity, why);
        }
        shared.tally.set_aside(path, why);
    }
    condemned.iter().map(|(path, _)| (path.clone(), None)).collect()
}

/// Judges those that a scanner may have died on, while nothing else is being judged.
fn judge_alone(shared: &Shared<'_>, suspects: &[PathBuf], before: &mut HashMap<PathBuf, Worst>, pace: &Pace) {
    let to_judge: Vec<&PathBuf> = suspects.iter().filter(|path| !before.contains_key(*path)).collect();
    std::thread::scope(|scope| {
        let alone = || {
            let mut judge = Judge::new(shared, 0);
            for path in to_judge {
                if !shared.tally.carry_on() {
                    return;
                }
                let judged = judge.judge(Task::new(path.clone(), open(path)), true);
                before.insert(path.clone(), judged.worst);
                pace.rest(judged.took);
            }
        };
        // Where no thread is to be had there will be none for the others, and that is told.
        let judging = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, alone);
        let _ = judging.map(|thread| thread.join());
    });
}

/// Has threads judge what comes to the desk while the work is done there.
fn at_desk<R>(
    shared: &Shared<'_>,
    before: HashMap<PathBuf, Worst>,
    threads: usize,
    pace: &Pace,
    work: impl FnOnce(&Desk<'_>) -> R,
) -> R {
    std::thread::scope(|scope| {
        let (queue, receive) = sync_channel::<Task>(WALK_AHEAD);
        let receive = Arc::new(Mutex::new(receive));
        let mut readers = 0;
        for thread in 0..threads {
            let receive = receive.clone();
            let work = move || read_all(&mut Judge::new(shared, thread), &receive, shared, pace);
            readers += usize::from(std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).is_ok());
        }
        if readers == 0 {
            shared.tally.failed(Path::new("/"), "no thread can be started; free some memory");
        }
        // With the last reader gone a send must fail rather than wait.
        drop(receive);
        let desk = Desk { shared, queue, before, hands: Mutex::default() };
        let done = work(&desk);
        desk.hands.into_inner().unwrap_or_else(PoisonError::into_inner).iter().for_each(Hand::close);
        done
    })
}

/// Where files are handed over while a scan is under way.
pub struct Desk<'s> {
    shared: &'s Shared<'s>,
    queue: SyncSender<Task>,
    before: HashMap<PathBuf, Worst>,
    hands: Mutex<Vec<Hand>>,
}

impl Desk<'_> {
    /// A hand that takes over what somebody reads. Files in which something matches that is at
    /// least `refuse_from` are not given back; without one all are, and none is waited for.
    pub fn hand(&self, refuse_from: Option<Severity>) -> Hand {
        let hand = Hand::new(self.queue.clone(), self.shared.whole_bytes, self.before.clone(), refuse_from);
        self.hands.lock().unwrap_or_else(PoisonError::into_inner).push(hand.clone());
        hand
    }

    /// Has files read and judged, those left out that are as they were when they were judged
    /// before. `false` when the scan is called off.
    pub fn judge(&self, paths: impl Iterator<Item = PathBuf>) -> bool {
        for path in paths {
            let identity = std::fs::symlink_metadata(&path).ok().and_then(|m| platform::identity_on_the_way(&m));
            if !self.pass_on(Step::File(path, identity), None) || !self.shared.tally.carry_on() {
                return false;
            }
        }
        true
    }

    /// Finds files for itself.
    fn walk(&self, options: &ScanOptions, excludes: &Excludes) {
        let shared = self.shared;
        let known = shared.verdicts.as_ref().and_then(|verdicts| verdicts.totals(&what(options)));
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            match known {
                Some((files, bytes)) => shared.tally.expect(files, bytes),
                None => drop(scope.spawn(|| count(shared, options, excludes, &over))),
            }
            for root in &options.paths {
                let below = resolve(root).map(|root| Below::new(&root)).ok();
                let mut pass_on = |step| self.pass_on(step, below.as_ref()) && shared.tally.carry_on();
                if !walk(root, excludes, &mut pass_on) {
                    break;
                }
            }
            over.store(true, Ordering::Relaxed);
        });
    }

    /// What was met, below a root, goes where it belongs. `false` when nobody takes files any more.
    fn pass_on(&self, step: Step, below: Option<&Below>) -> bool {
        let shared = self.shared;
        match step {
            Step::Skipped(path, why) => shared.tally.skipped(&path, why),
            Step::Failed(path, why) => shared.tally.failed(&path, &why),
            Step::File(path, _) if self.before.contains_key(&path) => {}
            Step::File(path, identity) => {
                // Who owns it is known only to readers; where rules ask for it they look it up.
                let known = identity.filter(|_| !shared.asks_for_owner());
                if known.is_some_and(|identity| shared.is_known(&path, &identity, "")) {
                    return true;
                }
                let opened = match below {
                    Some(below) => open(&path).and_then(|opened| opened.in_place(&path, below)),
                    None => open(&path),
                };
                if let Ok(opened) = &opened {
                    opened.read_ahead();
                }
                return self.queue.send(Task::new(path, opened)).is_ok();
            }
        }
        true
    }
}

/// A reader's life: the next file, until there is none or the scan is called off.
fn read_all(judge: &mut Judge<'_>, queue: &Mutex<Receiver<Task>>, shared: &Shared<'_>, pace: &Pace) {
    while shared.tally.carry_on() {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = next else { return };
        if !shared.tally.carry_on() {
            return;
        }
        pace.rest(judge.judge(task, false).took);
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
