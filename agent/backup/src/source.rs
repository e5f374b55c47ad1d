//! What a backup reads: the walk over its roots and a reader for each file. rustic_core
//! only logs what it cannot read and calls the snapshot good, so that each error of walk,
//! open and read is told from here.

use crate::counts::Why;
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
        let why = match path {
            path if self.own.as_deref() == Some(path) => Some(Why::Own),
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
        let data = if is_root { fs::metadata(path) } else { fs::symlink_metadata(path) };
        match data {
            Ok(data) => {
                let too_large = self.max_file_bytes > 0 && data.len() > self.max_file_bytes;
                if data.is_file() && !is_root && too_large {
                    self.leave_out(Why::Size);
                    return Step::Skipped;
                }
                // Of these the folder itself is saved.
                let without_content = match data.is_dir() {
                    true if self.is_foreign(path, &data) => Some(Why::FileSystem),
                    true if !is_root && is_cache(path) => Some(Why::Cache),
                    _ => None,
                };
                if let Some(why) = without_content {
                    self.leave_out(why);
                    self.skip_folder();
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

    fn leave_out(&self, why: Why) {
        if self.counts {
            self.shared.counts.leave_out(why);
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
