//! What comes back is clean: a restore leaves out what is known to be infected, and what the rules
//! in use find in it on its way, before it has its name.

use super::marks::Marks;
use super::{OneReadError, Scan};
use keepwatch_backup::{Content, Inspector, RestoreOptions, RestoreReport};
use keepwatch_scan::{Hand, INFECTED_FROM, Summary, scan_handed};
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Restores, without these files and without those in which the scan, where there is one, finds
/// something. What came of that scan is told as well.
pub(crate) fn restore(
    repository: &keepwatch_backup::Repository,
    options: &RestoreOptions,
    watcher: &dyn keepwatch_backup::Observer,
    known: HashSet<PathBuf>,
    scan: Option<&Scan<'_>>,
) -> Result<(RestoreReport, Option<Summary>), OneReadError> {
    let with = |hand| {
        let inspector: Arc<dyn Inspector> = Arc::new(Clean { known, hand });
        repository.restore(&RestoreOptions { inspector: Some(inspector), ..options.clone() }, watcher)
    };
    let Some(scan) = scan else { return Ok((with(None)?, None)) };
    let marks = Marks::new(scan.observer);
    let (report, scanned) =
        scan_handed(scan.rules, scan.options, scan.pace, &marks, |desk| with(Some(desk.hand(Some(INFECTED_FROM)))))?;
    Ok((report?, Some(scanned)))
}

struct Clean {
    known: HashSet<PathBuf>,
    hand: Option<Hand>,
}

impl Inspector for Clean {
    fn admits(&self, path: &Path) -> bool {
        !self.known.contains(path)
    }

    fn read(&self, path: &Path, at: &Path, file: File) -> io::Result<Option<Content>> {
        match &self.hand {
            Some(hand) => Ok(hand.read(path, at, file)?.map(|handed| -> Content { Box::new(handed) })),
            None => Ok(Some(Box::new(file))),
        }
    }
}
