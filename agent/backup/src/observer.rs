//! What a caller learns while the engine works, and how it says "stop". Formats and
//! screens are the caller's.

use crate::meter::Meter;
use crate::stop::Stop;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// How far a backup or a restore has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Files met so far.
    pub files: u64,
    /// Bytes done so far.
    pub bytes: u64,
    /// Bytes there are to do; 0 while that is not known.
    pub total_bytes: u64,
}

/// A file or folder that should have been saved or restored and was not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which one. Not always valid UTF-8.
    pub path: PathBuf,
    /// Why, for a person to read.
    pub reason: String,
}

/// The caller's ear. It is called from the thread that called the engine, and must not
/// keep it long.
pub trait Observer: Sync {
    /// Called a few times a second at most.
    fn progress(&self, progress: Progress);
    /// Called once for every failure, also for those that no longer fit the report's list.
    fn failed(&self, path: &Path, reason: &str);
    /// Polled; once it says true the work ends soon and returns [`crate::Error::Cancelled`].
    fn cancelled(&self) -> bool;
}

/// An observer that hears nothing and never cancels.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn progress(&self, _: Progress) {}
    fn failed(&self, _: &Path, _: &str) {}
    fn cancelled(&self) -> bool {
        false
    }
}

/// How many failures a report names; all are counted and told to the observer. A dying
/// disk can fail a million files, and a report must fit in memory.
const NAMED: usize = 10_000;

/// Failures: all counted, the first [`NAMED`] kept.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    pub(crate) count: u64,
    pub(crate) named: Vec<Failure>,
}

impl Failures {
    pub(crate) fn add(&mut self, failure: Failure) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(failure);
        }
    }
}

/// How often the caller hears of progress and is asked whether to go on.
const TICK: Duration = Duration::from_millis(200);

/// Stands between the work, which runs in threads of its own, and the observer, until the
/// work has dropped its end of `failures`.
pub(crate) fn watch(failures: &Receiver<Failure>, observer: &dyn Observer, stop: &Stop, meter: &Meter) -> Failures {
    let (mut all, mut told) = (Failures::default(), Instant::now());
    loop {
        match failures.recv_timeout(TICK) {
            Ok(failure) => {
                observer.failed(&failure.path, &failure.reason);
                all.add(failure);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= TICK {
            observer.progress(meter.progress());
            told = Instant::now();
        }
        if observer.cancelled() {
            stop.ask();
        }
    }
    observer.progress(meter.progress());
    all
}
