//! Which files a scan marks as infected while a backup saves them.

use keepwatch_proto::verdict::{NAMED_INFECTED, NAMED_RULES};
use keepwatch_scan::{Found, INFECTED_FROM, Observer, Progress, Skip};
use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// The infected files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Infected {
    pub(super) count: u64,
    /// The first of them, and the rules.
    pub(super) named: BTreeMap<PathBuf, BTreeSet<String>>,
}

/// Hears all of it for somebody else, and marks.
pub(super) struct Marks<'a> {
    listener: &'a dyn Observer,
    /// Whether the backup says how far it has come, so that the scan need not.
    quiet: AtomicBool,
    infected: Mutex<Infected>,
    counted: Mutex<HashSet<u64>>,
    hasher: RandomState,
}

impl<'a> Marks<'a> {
    pub(super) fn new(listener: &'a dyn Observer) -> Self {
        Self {
            listener,
            quiet: AtomicBool::new(true),
            infected: Mutex::default(),
            counted: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// From now on the scan says how far it has come.
    pub(super) fn speak_up(&self) {
        self.quiet.store(false, Ordering::Relaxed);
    }

    /// What is marked so far.
    pub(super) fn infected(&self) -> Infected {
        self.infected.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn mark(&self, found: &Found) {
        let bad: Vec<_> = found.matches.iter().filter(|m| m.severity >= INFECTED_FROM).collect();
        if bad.is_empty() {
            return;
        }
        let file = self.hasher.hash_one(&found.file);
        let new = self.counted.lock().unwrap_or_else(PoisonError::into_inner).insert(file);
        let mut infected = self.infected.lock().unwrap_or_else(PoisonError::into_inner);
        infected.count += u64::from(new);
        if infected.named.len() < NAMED_INFECTED || infected.named.contains_key(&found.file) {
            let rules = infected.named.entry(found.file.clone()).or_default();
            let room = NAMED_RULES.saturating_sub(rules.len());
            rules.extend(bad.into_iter().take(room).map(|m| m.rule.clone()));
        }
    }
}

impl Observer for Marks<'_> {
    fn begins(&self, thread: usize, path: &Path, alone: bool) {
        self.listener.begins(thread, path, alone);
    }

    fn ends(&self, thread: usize) {
        self.listener.ends(thread);
    }

    fn detected(&self, found: &Found) {
        self.mark(found);
        self.listener.detected(found);
    }

    fn skipped(&self, path: &Path, reason: Skip) {
        self.listener.skipped(path, reason);
    }

    fn failed(&self, path: &Path, inside: &str, reason: &str) {
        self.listener.failed(path, inside, reason);
    }

    fn windowed(&self, path: &Path) {
        self.listener.windowed(path);
    }

    fn progress(&self, progress: Progress) {
        if !self.quiet.load(Ordering::Relaxed) {
            self.listener.progress(progress);
        }
    }
}
