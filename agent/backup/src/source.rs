//! What a backup reads: the walk over its roots and a reader for each file. rustic_core
//! only logs what it cannot read and calls the snapshot good, so that each error of walk,
//! open and read is told from here.

use crate::counts::Why;
use crate::frozen::Frozen;
use crate::platform::{self, Describer};
use crate::reader::{Open, Shared};
use globset::GlobSet;
use rustic_core::{ReadSource, ReadSourceEntry, RusticResult};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::{self, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use walkdir::{DirEntry, WalkDir};

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
    /// Where what does not change meanwhile is to be had.
    pub(crate) frozen: Arc<Frozen>,
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
            if let Step::Entry(met) = step
                && met.data.is_file()
                && !platform::is_placeholder(&met.data)
            {
                size += met.data.len();
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
            frozen: Arc::clone(&self.frozen),
            roots: self.roots.iter().cloned().collect(),
            ancestors: VecDeque::new(),
            seen: HashSet::new(),
            below: Vec::new(),
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
    frozen: Arc<Frozen>,
    roots: VecDeque<PathBuf>,
    ancestors: VecDeque<PathBuf>,
    seen: HashSet<PathBuf>,
    /// The root's walk; above it those of what its frozen state does not have.
    below: Vec<Branch>,
    foreign: HashMap<u64, bool>,
    describer: Describer,
}

/// A walk below a folder.
struct Branch {
    walk: walkdir::IntoIter,
    /// The folder as it is read, and as the snapshot has it.
    at: PathBuf,
    path: PathBuf,
    frozen: bool,
}

impl Branch {
    /// In the order in which the archiver compares with the snapshot before.
    fn new(walk: WalkDir, at: &Path, path: &Path, frozen: bool) -> Self {
        let walk = walk.sort_by(|a, b| a.file_name().cmp(b.file_name())).into_iter();
        Self { walk, at: at.to_owned(), path: path.to_owned(), frozen }
    }

    /// The name in the snapshot of what is read at `at`.
    fn label(&self, at: &Path) -> PathBuf {
        match at.strip_prefix(&self.at) {
            Ok(below) if below.as_os_str().is_empty() => self.path.clone(),
            Ok(below) => self.path.join(below),
            Err(_) => at.to_owned(),
        }
    }
}

/// What the walk met.
struct Met {
    /// Its name in the snapshot.
    path: PathBuf,
    /// Where it is read.
    at: PathBuf,
    data: Metadata,
}

/// One step of the walk.
enum Step {
    /// An entry to save.
    Entry(Met),
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
                Ok(data) => Step::Entry(Met { at: ancestor.clone(), path: ancestor, data }),
                Err(e) => Step::Failed(ancestor, e.to_string()),
            });
        }
        while let Some(below) = self.below.last_mut() {
            match below.walk.next() {
                Some(Ok(entry)) => return Some(self.entry(&entry)),
                Some(Err(e)) => return Some(self.broken(&e)),
                None => drop(self.below.pop()),
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
        let frozen = self.frozen.of_root(root);
        // One that is a link is followed, once and for all.
        let at = frozen.clone().unwrap_or_else(|| platform::without_links(root));
        let device = fs::metadata(&at).map(|data| platform::device(&data));
        if let Ok(device) = device {
            self.home = device;
            // Who names a root in /proc, or on a share, means it.
            self.foreign.insert(device, false);
        }
        self.below.push(Branch::new(WalkDir::new(&at), &at, root, frozen.is_some()));
    }

    fn entry(&mut self, entry: &DirEntry) -> Step {
        let (at, is_root) = (entry.path(), entry.depth() == 0);
        let Some(branch) = self.below.last() else { return Step::Skipped };
        let (path, frozen) = (&*branch.label(at), branch.frozen);
        let why = match path {
            path if self.own.as_deref() == Some(path) || entry.file_type().is_dir() && self.frozen.is_one(path) => {
                Some(Why::Own)
            }
            path if !is_root && self.excludes.is_match(path) => Some(Why::Pattern),
            _ => None,
        };
        if let Some(why) = why {
            self.leave_out(why);
            if entry.file_type().is_dir() {
                self.skip_folder();
            }
        }
        if why.is_some() || path.file_name().is_none() {
            return Step::Skipped;
        }
        let is_folder = entry.file_type().is_dir();
        let mounted = frozen && is_folder && !is_root && self.frozen.is_without(path, at);
        let at = if mounted { path } else { at };
        let data = match fs::symlink_metadata(at) {
            Ok(data) => data,
            Err(e) => {
                if is_folder {
                    // Told once, not again for what it holds.
                    self.skip_folder();
                }
                return Step::Failed(path.to_owned(), e.to_string());
            }
        };
        let too_large = self.max_file_bytes > 0 && data.len() > self.max_file_bytes;
        if data.is_file() && !is_root && too_large {
            self.leave_out(Why::Size);
            return Step::Skipped;
        }
        // Of these the folder itself is saved.
        let without_content = match data.is_dir() {
            true if self.is_foreign(at, &data) => Some(Why::FileSystem),
            true if !is_root && is_cache(at) => Some(Why::Cache),
            _ => None,
        };
        if mounted || without_content.is_some() {
            self.skip_folder();
        }
        match without_content {
            Some(why) => self.leave_out(why),
            None if mounted => self.below.push(Branch::new(WalkDir::new(path).min_depth(1), path, path, false)),
            None => {}
        }
        Step::Entry(Met { path: path.to_owned(), at: at.to_owned(), data })
    }

    fn leave_out(&self, why: Why) {
        if self.counts {
            self.shared.counts.leave_out(why);
        }
    }

    fn broken(&self, error: &walkdir::Error) -> Step {
        let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        let at = error.path().unwrap_or(Path::new("?"));
        Step::Failed(self.below.last().map_or_else(|| at.to_owned(), |branch| branch.label(at)), reason)
    }

    fn is_foreign(&mut self, at: &Path, data: &Metadata) -> bool {
        if self.one_file_system && platform::device(data) != self.home {
            return true;
        }
        *self.foreign.entry(platform::device(data)).or_insert_with(|| platform::is_foreign(at))
    }

    fn skip_folder(&mut self) {
        if let Some(below) = self.below.last_mut() {
            below.walk.skip_current_dir();
        }
    }

    fn saved(&mut self, met: Met) -> Option<ReadSourceEntry<Open>> {
        let Met { path, at, data } = met;
        if platform::is_placeholder(&data) && data.is_file() {
            // Reading it would download it; a snapshot without it is not whole.
            self.shared.failed(&path, "its content is with a cloud service only; keep it on this PC to have it saved");
            return None;
        }
        let (node, problem) = match self.describer.node(path.file_name().unwrap_or_default(), &at, &data) {
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
            let (size, file) = (data.len(), platform::file_number(&data));
            let mut open = Open {
                path: path.clone(),
                at,
                size,
                file,
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
                Step::Entry(met) => {
                    if let Some(entry) = self.saved(met) {
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
    let read = platform::open_file(&folder.join("CACHEDIR.TAG")).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *TAG
}
