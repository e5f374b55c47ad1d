//! What a backup reads: the walk over its roots and a reader for each file. rustic_core
//! only logs what it cannot read and calls the snapshot good, so that each error of walk,
//! open and read is told from here.

use crate::inspector::{Content, Inspector};
use crate::meter::Meter;
use crate::observer::Failure;
use crate::platform::{self, Describer};
use crate::stop::Stop;
use globset::GlobSet;
use rustic_core::{ErrorKind, ReadSource, ReadSourceEntry, ReadSourceOpen, RusticError, RusticResult};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, File, Metadata};
use std::io::{self, BufReader, Read, Take};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use walkdir::{DirEntry, WalkDir};

/// The chunker asks for 4 KiB at a time.
const BUFFER: usize = 256 * 1024;

/// How much of a file the disk is asked to have ready, in bytes.
const AHEAD: u64 = 8 << 20;

/// What is counted besides the failures.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Files that the snapshot before has as they are.
    pub(crate) unchanged: AtomicU64,
    /// Files and folders left out on purpose.
    pub(crate) left_out: AtomicU64,
    /// Files that the inspector refused.
    pub(crate) refused: AtomicU64,
}

/// What walk and readers share with the run.
pub(crate) struct Shared {
    pub(crate) meter: Arc<Meter>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) failures: Sender<Failure>,
    pub(crate) counts: Arc<Counts>,
    /// Whether there is nothing to compare with, so that every file will be read.
    pub(crate) all_is_read: bool,
    pub(crate) inspector: Option<Arc<dyn Inspector>>,
}

impl Shared {
    pub(crate) fn failed(&self, path: &Path, reason: impl ToString) {
        // Nobody listens only when the run is over.
        let _ = self.failures.send(Failure { path: path.to_owned(), reason: reason.to_string() });
    }

    /// Whether a file may be in the snapshot, as far as is to be decided before it is read.
    fn admits(&self, path: &Path) -> bool {
        let admitted = self.all_is_read || self.inspector.as_ref().is_none_or(|inspector| inspector.admits(path));
        if !admitted {
            self.counts.refused.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// What is saved of a file.
    fn content(&self, path: &Path, file: File) -> io::Result<Option<Content>> {
        match &self.inspector {
            Some(inspector) => inspector.read(path, file),
            None => Ok(Some(Box::new(BufReader::with_capacity(BUFFER, file)))),
        }
    }
}

/// The roots to walk, sorted, none within another, and what to leave out below them.
pub(crate) struct Source {
    pub(crate) roots: Vec<PathBuf>,
    pub(crate) excludes: GlobSet,
    /// Larger files are left out; 0: none is.
    pub(crate) max_file_bytes: u64,
    /// Whether other file systems below a root are left out.
    pub(crate) one_file_system: bool,
    /// The repository's own folder: saving it would never end.
    pub(crate) own: Option<PathBuf>,
    pub(crate) shared: Arc<Shared>,
}

impl ReadSource for Source {
    type Open = Open;
    type Iter = Walk;

    fn size(&self) -> RusticResult<Option<u64>> {
        let mut walk = Walk { counts: false, ..self.entries() };
        let mut size = 0;
        while let Some(step) = walk.step() {
            // Errors are told by the walk proper.
            if let Step::Entry(_, data, _) = step
                && data.is_file()
                && !platform::is_placeholder(&data)
            {
                size += data.len();
            }
        }
        Ok(Some(size))
    }

    fn entries(&self) -> Walk {
        Walk {
            counts: true,
            shared: Arc::clone(&self.shared),
            excludes: self.excludes.clone(),
            max_file_bytes: self.max_file_bytes,
            one_file_system: self.one_file_system,
            home: 0,
            own: self.own.clone(),
            roots: self.roots.iter().cloned().collect(),
            ancestors: VecDeque::new(),
            seen: HashSet::new(),
            below: None,
            foreign: HashMap::new(),
            describer: Describer::default(),
        }
    }
}

/// Walks depth first, each folder before what is in it, names in order: the archiver
/// compares with the snapshot before in the same order.
pub(crate) struct Walk {
    /// Whether it is the one that counts; another only adds up sizes.
    counts: bool,
    shared: Arc<Shared>,
    excludes: GlobSet,
    max_file_bytes: u64,
    one_file_system: bool,
    /// The device of the root that is walked.
    home: u64,
    own: Option<PathBuf>,
    roots: VecDeque<PathBuf>,
    ancestors: VecDeque<PathBuf>,
    seen: HashSet<PathBuf>,
    below: Option<walkdir::IntoIter>,
    foreign: HashMap<u64, bool>,
    describer: Describer,
}

/// One step of the walk.
enum Step {
    /// An entry to save; a link is followed when it is a root.
    Entry(PathBuf, Metadata, bool),
    Failed(PathBuf, String),
    Skipped,
}

impl Walk {
    fn step(&mut self) -> Option<Step> {
        if self.shared.stop.wanted() {
            return None;
        }
        if let Some(ancestor) = self.ancestors.pop_front() {
            return Some(match fs::metadata(&ancestor) {
                Ok(data) => Step::Entry(ancestor, data, true),
                Err(e) => Step::Failed(ancestor, e.to_string()),
            });
        }
        if let Some(below) = &mut self.below {
            match below.next() {
                Some(Ok(entry)) => return Some(self.entry(&entry)),
                Some(Err(e)) => return Some(failed(&e)),
                None => self.below = None,
            }
        }
        let root = self.roots.pop_front()?;
        self.enter(&root);
        Some(Step::Skipped)
    }

    /// Queues the folders above a root, which carry their own mode and time, then the root.
    fn enter(&mut self, root: &Path) {
        let above = root.ancestors().skip(1).filter(|path| path.file_name().is_some());
        let new: Vec<_> = above.filter(|path| self.seen.insert((*path).to_owned())).map(Path::to_owned).collect();
        self.ancestors.extend(new.into_iter().rev());
        let device = fs::metadata(root).map(|data| platform::device(&data));
        if let Ok(device) = device {
            self.home = device;
            // Who names a root in /proc, or on a share, means it.
            self.foreign.insert(device, false);
        }
        self.below = Some(WalkDir::new(root).sort_by(|a, b| a.file_name().cmp(b.file_name())).into_iter());
    }

    fn entry(&mut self, entry: &DirEntry) -> Step {
        let (path, is_root) = (entry.path(), entry.depth() == 0);
        let left_out = !is_root && self.excludes.is_match(path) || self.own.as_deref() == Some(path);
        if left_out {
            self.count_left_out();
        }
        if left_out || path.file_name().is_none() {
            if left_out && entry.file_type().is_dir() {
                self.skip_folder();
            }
            return Step::Skipped;
        }
        let data = if is_root { fs::metadata(path) } else { fs::symlink_metadata(path) };
        match data {
            Ok(data) => {
                if data.is_dir() && (self.is_foreign(path, &data) || !is_root && is_cache(path)) {
                    self.count_left_out();
                    self.skip_folder();
                }
                if data.is_file() && !is_root && self.max_file_bytes > 0 && data.len() > self.max_file_bytes {
                    self.count_left_out();
                    return Step::Skipped;
                }
                Step::Entry(path.to_owned(), data, is_root)
            }
            Err(e) => {
                if entry.file_type().is_dir() {
                    // Told once, not again for what it holds.
                    self.skip_folder();
                }
                Step::Failed(path.to_owned(), e.to_string())
            }
        }
    }

    fn count_left_out(&self) {
        if self.counts {
            self.shared.counts.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_foreign(&mut self, path: &Path, data: &Metadata) -> bool {
        if self.one_file_system && platform::device(data) != self.home {
            return true;
        }
        *self.foreign.entry(platform::device(data)).or_insert_with(|| platform::is_foreign(path))
    }

    fn skip_folder(&mut self) {
        if let Some(below) = &mut self.below {
            below.skip_current_dir();
        }
    }

    fn saved(&mut self, path: PathBuf, data: &Metadata, follow: bool) -> Option<ReadSourceEntry<Open>> {
        if platform::is_placeholder(data) && data.is_file() {
            // Reading it would download it; a snapshot without it is not whole.
            self.shared.failed(&path, "its content is with a cloud service only; keep it on this PC to have it saved");
            return None;
        }
        let (node, problem) = match self.describer.node(&path, data) {
            Ok(described) => described,
            Err(e) => {
                self.shared.failed(&path, e);
                return None;
            }
        };
        if let Some(problem) = problem {
            self.shared.failed(&path, format!("its extended attributes cannot be read: {problem}"));
        }
        if data.is_file() && !self.shared.admits(&path) {
            return None;
        }
        let open = node.is_file().then(|| {
            self.shared.meter.files.fetch_add(1, Ordering::Relaxed);
            let (size, file) = (data.len(), platform::file_number(data));
            let mut open = Open {
                path: path.clone(),
                size,
                file,
                follow,
                ready: None,
                opened: false,
                shared: Arc::clone(&self.shared),
            };
            if self.shared.all_is_read && size > 0 {
                // The disk works while files before this one are chunked. What goes wrong shows later.
                open.ready = open.open_as_walked().ok();
            }
            open
        });
        Some(ReadSourceEntry { path, node, open })
    }
}

impl Iterator for Walk {
    type Item = RusticResult<ReadSourceEntry<Open>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.step()? {
                Step::Entry(path, data, follow) => {
                    if let Some(entry) = self.saved(path, &data, follow) {
                        return Some(Ok(entry));
                    }
                }
                Step::Failed(path, reason) => self.shared.failed(&path, reason),
                Step::Skipped => {}
            }
        }
    }
}

/// Whether programs have marked a folder as one that they can fill again by themselves
/// (<https://bford.info/cachedir/>).
fn is_cache(folder: &Path) -> bool {
    const TAG: &[u8; 43] = b"Signature: 8a477f597d28d172789f06886806bc55";
    let mut start = [0; TAG.len()];
    let read =
        platform::open_file(&folder.join("CACHEDIR.TAG"), false).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *TAG
}

fn failed(error: &walkdir::Error) -> Step {
    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
    Step::Failed(error.path().unwrap_or(Path::new("?")).to_owned(), reason)
}

/// A file that can be opened once the archiver comes to it. Dropped unopened, the snapshot
/// before has it as it is.
pub(crate) struct Open {
    path: PathBuf,
    size: u64,
    /// Which file it was when it was walked, where the system says so.
    file: Option<(u64, u64)>,
    follow: bool,
    /// Open already, for the disk to begin with it.
    ready: Option<File>,
    opened: bool,
    shared: Arc<Shared>,
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
        let content = file.and_then(|file| self.shared.content(&self.path, file)).map_err(|e| {
            self.shared.failed(&self.path, &e);
            RusticError::with_source(ErrorKind::InputOutput, "cannot open a file", e)
        })?;
        let Some(content) = content else {
            self.shared.counts.refused.fetch_add(1, Ordering::Relaxed);
            return Err(RusticError::new(ErrorKind::InputOutput, "left out: the inspector refused it"));
        };
        // Files that the kernel makes up as they are read have no size.
        let left = if self.size == 0 { u64::MAX } else { self.size };
        Ok(Reader {
            content: content.take(left),
            size: self.size,
            path: std::mem::take(&mut self.path),
            told: false,
            shared: Arc::clone(&self.shared),
        })
    }
}

impl Open {
    /// The file that was walked, and no other: a folder on the way may have been swapped for a
    /// link since, to have another's file saved under this one's owner and mode.
    fn open_as_walked(&self) -> io::Result<File> {
        let file = platform::open_file(&self.path, self.follow)?;
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
    path: PathBuf,
    /// Whether it is known what became of it.
    told: bool,
    shared: Arc<Shared>,
}

impl Reader {
    fn ended(&mut self) {
        self.told = true;
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
            Ok(read) => Ok(read),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.told = true;
                self.shared.failed(&self.path, format!("cannot be read: {e}"));
                Err(e)
            }
        }
    }
}
