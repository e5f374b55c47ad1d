//! A file's way into the archive: opened as it was walked, read as long as it was then, and
//! whatever becomes of it told.

use crate::counts::{Counts, Why};
use crate::inspector::{Content, Inspector};
use crate::meter::Meter;
use crate::noise::Sample;
use crate::observer::Failure;
use crate::platform;
use crate::share::Share;
use crate::stop::Stop;
use rustic_core::{ErrorKind, ReadSourceOpen, RusticError, RusticResult};
use std::fs::File;
use std::io::{self, BufReader, Read, Take};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

/// The chunker asks for 4 KiB at a time.
const BUFFER: usize = 256 * 1024;

/// How much of a file the disk is asked to have ready, in bytes.
const AHEAD: u64 = 8 << 20;

/// What walk and readers share with the run.
pub(crate) struct Shared {
    pub(crate) meter: Arc<Meter>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) failures: Sender<Failure>,
    pub(crate) counts: Arc<Counts>,
    /// Whether there is nothing to compare with, so that every file will be read.
    pub(crate) all_is_read: bool,
    pub(crate) share: Share,
    pub(crate) inspector: Option<Arc<dyn Inspector>>,
}

impl Shared {
    pub(crate) fn failed(&self, path: &Path, reason: impl ToString) {
        // Nobody listens only when the run is over.
        let _ = self.failures.send(Failure { path: path.to_owned(), reason: reason.to_string() });
    }

    /// Whether a file may be in the snapshot, as far as is to be decided before it is read.
    pub(crate) fn admits(&self, path: &Path) -> bool {
        let admitted = self.all_is_read || self.inspector.as_ref().is_none_or(|inspector| inspector.admits(path));
        if !admitted {
            self.counts.leave_out(Why::Refused);
        }
        admitted
    }

    /// What is saved of a file.
    fn content(&self, path: &Path, at: &Path, file: File) -> io::Result<Option<Content>> {
        match &self.inspector {
            Some(inspector) => inspector.read(path, at, file),
            None => Ok(Some(Box::new(BufReader::with_capacity(BUFFER, file)))),
        }
    }
}

/// A file that can be opened once the archiver comes to it. Dropped unopened, the snapshot
/// before has it as it is.
pub(crate) struct Open {
    pub(crate) path: PathBuf,
    /// Where it is read.
    pub(crate) at: PathBuf,
    pub(crate) size: u64,
    /// Which file it was when it was walked, where the system says so.
    pub(crate) file: Option<(u64, u64)>,
    /// Open already, for the disk to begin with it.
    pub(crate) ready: Option<File>,
    pub(crate) opened: bool,
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.opened && !self.shared.stop.wanted() {
            self.shared.counts.unchanged.fetch_add(1, Ordering::Relaxed);
            if let Some(inspector) = &self.shared.inspector {
                inspector.unchanged(&self.path);
            }
        }
    }
}

impl ReadSourceOpen for Open {
    type Reader = Reader;

    fn open(mut self) -> RusticResult<Reader> {
        self.opened = true;
        if !self.shared.stop.go_on() {
            return Err(RusticError::new(ErrorKind::InputOutput, "stopped"));
        }
        let file = self.ready.take().map_or_else(|| self.open_as_walked(), Ok);
        let content = file.and_then(|file| self.shared.content(&self.path, &self.at, file)).map_err(|e| {
            self.shared.failed(&self.path, &e);
            RusticError::with_source(ErrorKind::InputOutput, "cannot open a file", e)
        })?;
        let Some(content) = content else {
            self.shared.counts.leave_out(Why::Refused);
            return Err(RusticError::new(ErrorKind::InputOutput, "left out: the inspector refused it"));
        };
        // Files that the kernel makes up as they are read have no size.
        let left = if self.size == 0 { u64::MAX } else { self.size };
        Ok(Reader {
            content: content.take(left),
            size: self.size,
            sample: Sample::default(),
            path: std::mem::take(&mut self.path),
            told: false,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl Open {
    /// The file that was walked, and no other: a folder on the way may have been swapped for a
    /// link since, to have another's file saved under this one's owner and mode.
    pub(crate) fn open_as_walked(&self) -> io::Result<File> {
        let file = platform::open_file(&self.at)?;
        let now = platform::file_number(&file.metadata()?);
        match self.file.zip(now) {
            Some((walked, now)) if walked != now => {
                Err(io::Error::other("it was replaced by another file while the backup ran"))
            }
            _ => {
                platform::read_ahead(&file, self.size.min(AHEAD));
                Ok(file)
            }
        }
    }
}

/// Reads one file, as long as it was when it was walked: what grows is saved as it was then.
/// A read error drops the file from the snapshot, so it is told.
pub(crate) struct Reader {
    content: Take<Content>,
    size: u64,
    sample: Sample,
    path: PathBuf,
    /// Whether it is known what became of it.
    told: bool,
    shared: Arc<Shared>,
}

impl Reader {
    fn ended(&mut self) {
        self.told = true;
        if self.sample.is_noise() {
            self.shared.counts.noise.fetch_add(1, Ordering::Relaxed);
        }
        if self.size > 0 && self.content.limit() > 0 {
            let saved = self.size - self.content.limit();
            let why = format!("it became shorter while it was read; {saved} of its {} bytes are saved", self.size);
            self.shared.failed(&self.path, why);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.told && !self.shared.stop.wanted() {
            // The archiver only logs what it gives up.
            self.shared.failed(&self.path, "the backup engine gave it up before its end");
        }
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.shared.share.rest(&self.shared.stop);
        if !self.shared.stop.go_on() {
            return Err(io::Error::other("stopped"));
        }
        match self.content.read(buffer) {
            Ok(0) if !buffer.is_empty() => {
                if !self.told {
                    self.ended();
                }
                Ok(0)
            }
            Ok(read) => {
                self.sample.see(&buffer[..read]);
                Ok(read)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.told = true;
                self.shared.failed(&self.path, format!("cannot be read: {e}"));
                Err(e)
            }
        }
    }
}
