//! Counters that the work turns and the caller's progress reads; also the form in which
//! rustic_core reports its own.

use crate::observer::Progress;
use rustic_core::{ProgressBars, ProgressType, RusticProgress};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one run.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) files: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) total: AtomicU64,
}

impl Meter {
    pub(crate) fn reset(&self) {
        for counter in [&self.files, &self.bytes, &self.total] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            files: self.files.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            total_bytes: self.total.load(Ordering::Relaxed),
        }
    }
}

/// Gives rustic_core a bar for bytes; its counters and spinners say nothing of use.
#[derive(Debug)]
pub(crate) struct Bars(pub(crate) Arc<Meter>);

impl ProgressBars for Bars {
    fn progress(&self, kind: ProgressType, _: &str) -> rustic_core::Progress {
        match kind {
            ProgressType::Bytes => rustic_core::Progress::new(Bar(Arc::clone(&self.0))),
            ProgressType::Spinner | ProgressType::Counter => rustic_core::Progress::hidden(),
        }
    }
}

#[derive(Debug)]
struct Bar(Arc<Meter>);

impl RusticProgress for Bar {
    fn is_hidden(&self) -> bool {
        false
    }
    fn set_length(&self, length: u64) {
        self.0.total.store(length, Ordering::Relaxed);
    }
    fn set_title(&self, _: &str) {}
    fn inc(&self, by: u64) {
        self.0.bytes.fetch_add(by, Ordering::Relaxed);
    }
    fn finish(&self) {}
}
