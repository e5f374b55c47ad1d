//! The child's work: finds what is asked for, decides how it can come, and passes it on file by
//! file, scanned where that is asked.

use super::{Head, Match, NOT_ALL_SCANNED, Order, Said, Scan, Trouble, frame, infected};
use keepwatch_backup::{ArchiveFormat, ArchiveOptions, Content, Entry, EntryKind, Inspector, Repository, Sieve, plain};
use keepwatch_proto::bundle::BundleContent;
use keepwatch_proto::paths;
use keepwatch_scan::{Found, Hand, INFECTED_FROM, INSIDE, Limits, Observer, Pace, Progress, RuleFile, RuleSet};
use keepwatch_scan::{ScanOptions, Skip, scan_handed};
use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes of one piece.
const PIECE: usize = 256 << 10;
/// Matches that are told of one handout; a crafted archive has them by the million.
const MOST_MATCHES: usize = 10_000;

/// Does it, and says what came of it.
pub(super) fn hand_out(order: &Order, mut out: impl Write) -> io::Result<()> {
    let heard = Heard::default();
    let done = Handout { order, heard: &heard, out: &mut out }.run();
    heard.pass_on(&mut out)?;
    frame::said(&mut out, &done.map_or_else(Said::Failed, |()| Said::End))?;
    out.flush()
}

struct Handout<'a, W> {
    order: &'a Order,
    heard: &'a Heard,
    out: &'a mut W,
}

impl<W: Write> Handout<'_, W> {
    fn run(mut self) -> Result<(), Trouble> {
        let order = self.order;
        let repository = Repository::open(&order.storage, &order.password)?;
        let path = paths::to_path(&order.path);
        let mut head = head(&repository, order, &path)?;
        let rules = order.scan.as_ref().map(|scan| (scan, rules(scan)));
        let mut notes = vec![std::mem::take(&mut head.note)];
        match &rules {
            Some((_, Err(why))) => notes.push(format!("{NOT_ALL_SCANNED} ({why})")),
            None if order.doubtful => notes.push(NOT_ALL_SCANNED.to_owned()),
            Some((_, Ok(_))) | None => {}
        }
        notes.retain(|note| !note.is_empty());
        head.note = notes.join("; ");
        self.say(&Said::Head(head.clone()))?;
        let Some((scan, Ok(rules))) = rules else {
            return self.pass(&repository, &path, head.format, None);
        };
        let options = ScanOptions {
            whole_bytes: scan.whole_bytes,
            threads: 1,
            unpack: scan.unpack.then(Limits::default),
            tuning: scan.tuning.clone(),
            ..ScanOptions::default()
        };
        let heard = self.heard;
        let scanned = scan_handed(&rules, &options, &Pace::new(100), heard, |desk| {
            let clean = Clean(desk.hand(Some(INFECTED_FROM)));
            let sieve = Sieve { inspector: &clean, scratch: &scan.scratch };
            self.pass(&repository, &path, head.format, Some(&sieve))
        });
        let (done, summary) = scanned.map_err(|error| Trouble::Invalid(error.to_string()))?;
        done?;
        let unscanned = summary.failed + summary.unread + summary.incomplete;
        if unscanned > 0 { self.say(&Said::Unscanned(unscanned)) } else { Ok(()) }
    }

    fn pass(
        &mut self,
        repository: &Repository,
        path: &Path,
        format: Option<ArchiveFormat>,
        sieve: Option<&Sieve<'_>>,
    ) -> Result<(), Trouble> {
        let (order, done) = (self.order, Cell::new(0));
        let mut pieces = Pieces { out: self.out, heard: self.heard, buffer: Vec::new(), done: &done };
        let Some(format) = format else {
            let read = repository.read_file(&order.snapshot, path, sieve, &mut pieces);
            read.map_err(|error| match error {
                keepwatch_backup::Error::Refused(_) => infected(&self.heard.rules()),
                error => error.into(),
            })?;
            return pieces.flush().map_err(gone);
        };
        let mut tell = |bytes| {
            done.set(bytes);
            ControlFlow::Continue(())
        };
        // No archive's name of its own folder steers whoever unpacks it.
        let top = own_name(&order.path, &order.snapshot).replace('\\', "_");
        let without: HashSet<PathBuf> = order.without.iter().map(|path| plain(&paths::to_path(path))).collect();
        let options = ArchiveOptions { format, top: &top, without: &without, sieve };
        let written = repository.write_archive(&order.snapshot, path, &options, &mut pieces, &mut tell)?;
        pieces.flush().map_err(gone)?;
        for failure in &written.failures {
            let (path, reason) = (paths::of_path(&failure.path), failure.reason.clone());
            self.say(&Said::LeftOut { path, reason })?;
        }
        if written.failed > 0 { self.say(&Said::Incomplete(written.failed)) } else { Ok(()) }
    }

    fn say(&mut self, said: &Said) -> Result<(), Trouble> {
        frame::said(self.out, said).and_then(|()| self.out.flush()).map_err(gone)
    }
}

/// Nobody listens any more.
fn gone(error: io::Error) -> Trouble {
    Trouble::Unreadable(format!("it was given up: {error}"))
}

/// The name to keep it under; a whole snapshot has none of its own.
pub fn own_name(path: &str, snapshot: &str) -> String {
    let own = paths::to_path(path).file_name().map(|name| paths::of_path(name.as_ref()));
    own.unwrap_or_else(|| format!("snapshot-{}", snapshot.get(..8).unwrap_or(snapshot)))
}

/// Looks for what is asked for, and how it can come.
fn head(repository: &Repository, order: &Order, path: &Path) -> Result<Head, Trouble> {
    let extent = repository.extent(&order.snapshot, path)?;
    let (shown, size) = (&order.path, extent.bytes);
    if !extent.folder && order.format.is_none() {
        let mut found: Option<Entry> = None;
        let mut take = |entry| {
            found = Some(entry);
            ControlFlow::Break(())
        };
        repository.entries(&order.snapshot, path, false, &mut take)?;
        if found.is_none_or(|entry| entry.kind != EntryKind::File) {
            return Err(Trouble::Missing(format!(
                "'{shown}' is no file or folder of this snapshot; 'keepwatch ls' shows what is"
            )));
        }
        return Ok(Head { size, format: None, note: String::new() });
    }
    let why = extent.not_for_zip.map(|at| format!("{}: {}", paths::of_path(&at.path), at.reason));
    let (format, note) = match (order.format, why) {
        (Some(ArchiveFormat::Zip), Some(why)) => {
            return Err(Trouble::Conflict(format!("a zip cannot hold all of '{shown}' ({why}); ask for --format tar")));
        }
        (None, Some(why)) => {
            (ArchiveFormat::Tar, format!("it comes as a tar, since a zip cannot hold all of it ({why})"))
        }
        (asked, _) => (asked.unwrap_or(ArchiveFormat::Zip), String::new()),
    };
    Ok(Head { size, format: Some(format), note })
}

/// The bundle's rules, compiled before where that can be.
fn rules(scan: &Scan) -> Result<RuleSet, String> {
    let (file, expected) = (scan.file.clone(), scan.sha256.clone());
    let read = move || {
        let packed = std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        if hex::encode(Sha256::digest(&packed)) != expected {
            return Err(format!("{} is not what was published; import the signatures again", file.display()));
        }
        let content = BundleContent::unpack(&packed).map_err(|error| error.to_string())?;
        let file = |file: keepwatch_proto::bundle::RuleFile| RuleFile {
            namespace: file.namespace().to_owned(),
            path: file.path.clone().into(),
            source: file.source,
        };
        Ok(content.files.into_iter().map(file).collect())
    };
    let key = Sha256::digest(&scan.sha256).into();
    let rules = RuleSet::known_by(&key, Some(&scan.compiled), Box::new(read)).map_err(|error| error.to_string())?;
    rules.rules().map_err(|error| error.to_string())?;
    Ok(rules)
}

/// Lets out what the rules do not find infected.
struct Clean(Hand);

impl Inspector for Clean {
    fn read(&self, path: &Path, at: &Path, file: File) -> io::Result<Option<Content>> {
        Ok(self.0.read(path, at, file)?.map(|handed| -> Content { Box::new(handed) }))
    }
}

/// What the scan says, until it is passed on.
#[derive(Default)]
struct Heard(Mutex<Matches>);

#[derive(Default)]
struct Matches {
    waiting: Vec<Match>,
    told: usize,
    rules: BTreeSet<String>,
}

impl Heard {
    fn pass_on(&self, out: &mut impl Write) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).waiting);
        waiting.into_iter().try_for_each(|found| frame::said(out, &Said::Match(Box::new(found))))
    }

    /// Names of those that make a file an infected one.
    fn rules(&self) -> String {
        let matches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        matches.rules.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }
}

impl Observer for Heard {
    fn detected(&self, found: &Found) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let file = paths::of_path(&found.file);
        let path = if found.inside.is_empty() { file } else { format!("{file}{INSIDE}{}", found.inside) };
        for matched in &found.matches {
            if matched.severity >= INFECTED_FROM && heard.rules.len() < MOST_MATCHES {
                heard.rules.insert(matched.rule.clone());
            }
            if heard.told < MOST_MATCHES {
                heard.told += 1;
                heard.waiting.push(Match {
                    path: path.clone(),
                    size: found.size,
                    sha256: found.sha256.clone(),
                    rule: matched.rule.clone(),
                    namespace: matched.namespace.clone(),
                    severity: matched.severity.as_str().to_owned(),
                    metadata: matched.metadata.iter().cloned().collect(),
                });
            }
        }
    }

    fn skipped(&self, _: &Path, _: Skip) {}
    fn failed(&self, _: &Path, _: &str, _: &str) {}
    fn progress(&self, _: Progress) {}
}

struct Pieces<'a, W> {
    out: &'a mut W,
    heard: &'a Heard,
    buffer: Vec<u8>,
    done: &'a Cell<u64>,
}

impl<W: Write> Write for Pieces<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.heard.pass_on(self.out)?;
        for piece in std::mem::take(&mut self.buffer).chunks(PIECE) {
            frame::data(self.out, self.done.get(), piece)?;
        }
        self.out.flush()
    }
}
