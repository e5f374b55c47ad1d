//! What runs inside the child: one order, from its line on stdin to the last line on
//! stdout. The engines block, and so does everything here.

mod backup;
mod bundle;
mod courtesy;
mod hooks;
mod quarantine;
mod restore;
mod scan;
mod verify;

pub(crate) use quarantine::{Done, Undone, done};
pub(crate) use scan::object;

pub(crate) use restore::conflict_of;

use courtesy::Heard;

use crate::one_read::OneReadError;
use crate::platform;
use crate::worker::{Order, Said, Word, bounded};
use keepwatch_backup::{Error, StorageError};
use keepwatch_proto::job::{Ended, Failure, FailureKind, NAMED_FAILURES};
use std::io::{self, BufRead, Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

/// Longest order that is taken: a desired state fits into it several times.
const LONGEST_ORDER: u64 = 8 << 20;
/// People follow no more than this.
const PROGRESS_EVERY: Duration = Duration::from_millis(500);

/// Does what the parent orders.
pub(crate) fn run() -> anyhow::Result<()> {
    platform::lower_worker();
    let mut line = Vec::new();
    io::stdin().lock().take(LONGEST_ORDER).read_until(b'\n', &mut line)?;
    let order: Order = serde_json::from_slice(&line).map_err(|error| {
        anyhow::anyhow!("this command is started by the agent and takes its order on stdin: {error}")
    })?;
    drop(line);
    platform::cap_memory(order.memory());
    let (tell, heard) = mpsc::channel();
    let words = tell.clone();
    std::thread::spawn(move || obey_the_parent(io::stdin().lock(), |word| drop(words.send(Heard::Parent(word)))));

    let speaker = Speaker::new(io::stdout());
    let last = match order {
        Order::Scan(order) => Said::Ended(scan::run(order, &speaker, tell, heard)),
        Order::Backup(order) => Said::Ended(backup::run(*order, &speaker, tell, heard)),
        Order::Restore(order) => Said::Ended(restore::run(*order, &speaker)),
        Order::Verify(order) => Said::Ended(verify::run(&order, &speaker)),
        Order::Quarantine(order) => Said::Ended(quarantine::run(*order, &speaker)),
        Order::Bundle(order) => Said::Judged(bundle::run(&order)),
    };
    speaker.say(last);
    // Whatever threads an engine has left behind are of no more use.
    std::process::exit(0)
}

/// Passes on what the parent says after its order. Its end of the pipe closes when it is
/// gone, and work without a parent is work that nobody hears of.
fn obey_the_parent(stdin: impl BufRead, say: impl Fn(Word)) {
    for line in stdin.lines() {
        match line.map(|line| serde_json::from_str(&line)) {
            Ok(Ok(word)) => say(word),
            Ok(Err(error)) => tracing::warn!("the agent said something that is no word: {error}"),
            Err(_) => break,
        }
    }
    tracing::warn!("the agent is gone; its worker ends");
    std::process::exit(1)
}

/// So many of something, in words: one, or several; nothing where there is none.
fn counted(n: u64, one: &str, several: &str) -> Option<String> {
    match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {several}")),
    }
}

/// The end of a job that a repository would not let be done.
pub(crate) fn failed_by(error: &Error) -> Ended {
    let kind = match error {
        Error::Storage(StorageError::Unreachable { .. }) => FailureKind::Unreachable,
        Error::Storage(StorageError::Full { .. }) => FailureKind::NoRoom,
        Error::Storage(StorageError::Denied { .. } | StorageError::TooLarge(_)) => FailureKind::Refused,
        Error::Crashed(_) => FailureKind::Crashed,
        Error::WrongPassword(_)
        | Error::NoConfig { .. }
        | Error::NoKey { .. }
        | Error::LostSnapshot(_)
        | Error::Broken { .. } => FailureKind::Damaged,
        Error::NothingToBackUp(_) | Error::BadGlob { .. } | Error::BadOption(_) => FailureKind::Refused,
        _ => FailureKind::Other,
    };
    Ended::failed(error.to_string()).by(kind)
}

/// The same, of one that was scanned by the same read.
pub(crate) fn failed_reading(error: &OneReadError) -> Ended {
    match error {
        OneReadError::Backup(error) => failed_by(error),
        OneReadError::Exclude(error) => Ended::failed(error.to_string()).by(FailureKind::Refused),
    }
}

/// The child's mouth.
pub(crate) struct Speaker<W> {
    out: Mutex<W>,
    last_progress: Mutex<Option<Instant>>,
    failures: AtomicUsize,
    uninspected: AtomicUsize,
}

impl<W: Write> Speaker<W> {
    /// Speaks into `out`.
    pub(crate) fn new(out: W) -> Self {
        Self {
            out: Mutex::new(out),
            last_progress: Mutex::new(None),
            failures: AtomicUsize::new(0),
            uninspected: AtomicUsize::new(0),
        }
    }

    /// Says one thing, in a line that the parent takes whole. Nobody to hear it means that
    /// there is no use in going on.
    pub(crate) fn say(&self, said: Said) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let spoken = serde_json::to_vec(&bounded(said)).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            out.write_all(&line)?;
            out.flush()
        });
        if let Err(error) = spoken {
            tracing::error!("the agent does not listen: {error}");
            std::process::exit(1);
        }
    }

    /// How far the work has come; said now and then.
    pub(crate) fn progress(&self, phase: &str, files: u64, bytes: u64, total_bytes: u64) {
        let mut last = self.last_progress.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|at| at.elapsed() >= PROGRESS_EVERY) {
            *last = Some(Instant::now());
            drop(last);
            self.say(Said::Progress { phase: phase.into(), files, bytes, total_bytes });
        }
    }

    /// Names something that was saved and not inspected; less room, so that what was not saved
    /// has its own.
    pub(crate) fn uninspected(&self, path: &str, reason: &str) {
        if self.uninspected.fetch_add(1, Ordering::Relaxed) < NAMED_FAILURES / 5 {
            let reason = format!("saved, but not inspected: {reason}");
            self.say(Said::Failure(Failure { path: path.into(), reason }));
        }
    }

    /// Names one failure; the engines count them all.
    pub(crate) fn failed(&self, path: &str, reason: &str) {
        if self.failures.fetch_add(1, Ordering::Relaxed) < NAMED_FAILURES {
            self.say(Said::Failure(Failure { path: path.into(), reason: reason.into() }));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::worker::LONGEST_LINE;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::detection::{Detection, Severity};
    use keepwatch_proto::ids::JobId;

    #[test]
    fn whatever_a_rule_says_of_itself_the_parent_takes_the_line() {
        // JSON writes the first one in six bytes.
        for long in ["\x01".repeat(100_000), "守".repeat(100_000), "\\".repeat(100_000)] {
            let said = Said::Detection(Detection {
                job: JobId::new(&Clock::system()),
                rule: long.clone(),
                namespace: long.clone(),
                severity: Severity::High,
                metadata: (0..100).map(|n| (format!("{n}{long}"), long.clone())).collect(),
                path: long.clone(),
                size: 1,
                sha256: long.clone(),
                bundle: 1,
            });
            let speaker = Speaker::new(Vec::new());
            speaker.say(said.clone());
            let line = speaker.out.into_inner().unwrap();
            assert!(line.len() < LONGEST_LINE as usize, "{}", line.len());
            let heard: Said = serde_json::from_slice(&line).unwrap();
            // The parent's own bounds change nothing more.
            assert_eq!((&bounded(heard.clone()), &heard), (&bounded(said.clone()), &bounded(said)));
        }
    }

    #[test]
    fn why_a_repository_failed_decides_whether_it_is_tried_again() {
        let unreachable = StorageError::Unreachable { what: "a pack".into(), tries: 9, why: "no route".into() };
        let full = StorageError::Full { what: "a pack".into(), why: "507".into() };
        let denied = StorageError::Denied { what: "a pack".into(), answer: "403".into(), hint: "" };
        for (error, kind) in [
            (Error::Storage(unreachable), FailureKind::Unreachable),
            (Error::Storage(full), FailureKind::NoRoom),
            (Error::Storage(denied), FailureKind::Refused),
            (Error::WrongPassword("x".into()), FailureKind::Damaged),
            (Error::NothingToBackUp("/a".into()), FailureKind::Refused),
            (Error::Crashed("x".into()), FailureKind::Crashed),
            (Error::Cancelled, FailureKind::Other),
        ] {
            let ended = failed_by(&error);
            assert_eq!((ended.failure, ended.message), (kind, error.to_string()));
        }
    }

    #[test]
    fn progress_and_failures_do_not_flood() {
        let speaker = Speaker::new(Vec::new());
        for n in 0..10_000 {
            speaker.progress("scanning", n, n, 0);
            speaker.failed("/a", "gone");
        }
        let text = String::from_utf8(speaker.out.into_inner().unwrap()).unwrap();
        let said: Vec<Said> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let failures = said.iter().filter(|s| matches!(s, Said::Failure(_))).count();
        assert_eq!(failures, NAMED_FAILURES);
        assert!(said.len() - failures < 1000);
    }
}
