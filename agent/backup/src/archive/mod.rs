//! A folder of a snapshot as one zip or tar, written to a pipe: nothing goes back over what is
//! out already, and nothing of it stays in memory but zip's own list of entries. What cannot be
//! read is left out whole and named, also in the archive itself; a name that is no file's never
//! gets in. Whoever unpacks it gets ordinary files: no devices, no bits that lend power.

mod content;
mod tar;
mod walk;
mod zip;

use crate::error::{Error, Result};
use crate::observer::Failure;
use crate::repository::Repository;
use crate::sieve::Sieve;
use crate::tree::Indexed;
use content::{Content, Tap, Trouble};
use rustic_core::repofile::{Node, NodeType};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use walk::{Seen, Walk};

/// Entries of one archive; a crafted snapshot can be endless.
const MOST_ENTRIES: u64 = 1_000_000;
/// Entries of a zip: its list is written last and kept in memory until then, and so are the names.
const MOST_IN_ZIP: u64 = 200_000;
/// Failures that are named; all are counted.
const NAMED: usize = 1_000;
/// Bytes of all names in a zip.
const MOST_NAMES: u64 = 64 << 20;

/// How a folder is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchiveFormat {
    /// What everyone can open.
    Zip,
    /// What holds all that a folder can.
    Tar,
}

/// What is below a path.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extent {
    /// Whether the path itself is a folder.
    pub folder: bool,
    /// Files, folders and others, with the path itself.
    pub entries: u64,
    /// Bytes of the files' content.
    pub bytes: u64,
    /// The first reason for which a zip cannot hold it, and where that is.
    pub not_for_zip: Option<Failure>,
}

/// What became of an archive that is whole but for what it names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Archived {
    /// Entries that are in it.
    pub entries: u64,
    /// Bytes of the files' content.
    pub bytes: u64,
    /// Entries that should be in it and are not; 0 means whole.
    pub failed: u64,
    /// The first thousand of them by name.
    pub failures: Vec<Failure>,
}

/// A format's writer. What it cannot read of one entry it leaves out whole.
trait Format {
    fn folder(&mut self, name: &[u8], node: &Node) -> Result<(), Trouble>;
    fn file(&mut self, name: &[u8], node: &Node, content: &mut Content<'_>) -> Result<(), Trouble>;
    fn link(&mut self, name: &[u8], node: &Node, target: &Path) -> Result<(), Trouble>;
    fn fifo(&mut self, name: &[u8], node: &Node) -> Result<(), Trouble>;
    /// A text of ours.
    fn text(&mut self, name: &[u8], text: &str) -> Result<(), Trouble>;
    /// What comes after the last entry.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// What to make of a file or folder.
pub struct ArchiveOptions<'a> {
    /// The kind of archive.
    pub format: ArchiveFormat,
    /// The folder or file in it that holds all else.
    pub top: &'a str,
    /// Paths of the snapshot that are left out, and named, since they are infected.
    pub without: &'a HashSet<PathBuf>,
    /// Looks at each file before it goes in.
    pub sieve: Option<&'a Sieve<'a>>,
}

impl Repository {
    /// Looks over what an archive of `path` would hold, without reading files.
    pub fn extent(&self, snapshot: &str, path: &Path) -> Result<Extent> {
        let (indexed, node) = self.node(snapshot, path)?;
        let (mut extent, mut names) = (Extent { folder: node.is_dir(), ..Extent::default() }, 0);
        Walk::new(self, &indexed, path).each(node, b"x", &mut |seen| {
            extent.entries += 1;
            if extent.entries > MOST_ENTRIES {
                return Err(Error::TooMany(MOST_ENTRIES));
            }
            let Seen::Entry { path, name, node } = seen else { return Ok(()) };
            names += name.len() as u64;
            if node.is_file() {
                // What cannot be read is found when it is read.
                extent.bytes += content::length(&indexed, node).unwrap_or(0);
            }
            let why = zip::refuses(name, node).or_else(|| {
                (extent.entries > MOST_IN_ZIP || names > MOST_NAMES).then_some("there are too many entries for a zip")
            });
            if let Some(why) = why.filter(|_| extent.not_for_zip.is_none()) {
                extent.not_for_zip = Some(Failure { path: path.to_owned(), reason: why.to_owned() });
            }
            Ok(())
        })?;
        Ok(extent)
    }

    /// Writes `path` and what is below it to `out`.
    /// `tell` hears how many bytes of content are done, and may end the work. What a format
    /// cannot hold it leaves out and names: look at [`Self::extent`] before.
    pub fn write_archive(
        &self,
        snapshot: &str,
        path: &Path,
        options: &ArchiveOptions<'_>,
        out: &mut dyn Write,
        tell: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<Archived> {
        let (indexed, node) = self.node(snapshot, path)?;
        // A failure of an earlier read must not be taken for one of this.
        self.guard.take_failure();
        let tap = Tap::new(out);
        let shut = tap.valve();
        let mut writer = Writer {
            repository: self,
            indexed: &indexed,
            format: match options.format {
                ArchiveFormat::Zip => Box::new(zip::Zip::new(tap)),
                ArchiveFormat::Tar => Box::new(tar::Tar::new(tap)),
            },
            archived: Archived::default(),
            without: options.without,
            sieve: options.sieve,
            tell,
        };
        let done = Walk::new(self, &indexed, path).each(node, options.top.as_bytes(), &mut |seen| {
            writer.seen(seen)?;
            shut.check()
        });
        // From here on the formats' writers cannot put an end under what is not whole.
        done.inspect_err(|_| shut.close())?;
        writer.end(options.top, &|| shut.check())
    }
}

struct Writer<'a> {
    repository: &'a Repository,
    indexed: &'a Indexed,
    format: Box<dyn Format + 'a>,
    archived: Archived,
    without: &'a HashSet<PathBuf>,
    sieve: Option<&'a Sieve<'a>>,
    tell: &'a mut dyn FnMut(u64) -> ControlFlow<()>,
}

impl Writer<'_> {
    fn seen(&mut self, seen: Seen<'_>) -> Result<()> {
        match seen {
            Seen::LeftOut { path, why } => self.failed(path, why),
            Seen::Entry { path, .. } if self.without.contains(path) => self.failed(path, crate::restore::REFUSED),
            Seen::Entry { path, name, node } => match self.entry(path, name, node) {
                Ok(()) => self.archived.entries += 1,
                Err(Trouble::Entry(why)) => self.failed(path, &why),
                Err(Trouble::All(error)) => return Err(error),
            },
        }
        Ok(())
    }

    fn failed(&mut self, path: &Path, why: &str) {
        self.archived.failed += 1;
        if self.archived.failures.len() < NAMED {
            self.archived.failures.push(Failure { path: path.to_owned(), reason: why.to_owned() });
        }
    }

    fn entry(&mut self, path: &Path, name: &[u8], node: &Node) -> Result<(), Trouble> {
        match &node.node_type {
            NodeType::Dir => self.format.folder(name, node),
            NodeType::File => {
                let done = self.archived.bytes;
                let mut content = Content::new(self.repository, self.indexed, node, done, self.tell)?;
                if let Some(sieve) = self.sieve {
                    content.sift(path, sieve)?;
                }
                self.format.file(name, node, &mut content)?;
                self.archived.bytes = done + content.length();
                Ok(())
            }
            NodeType::Symlink { .. } => self.format.link(name, node, node.node_type.to_link()),
            NodeType::Fifo => self.format.fifo(name, node),
            _ => Err(Trouble::Entry("it is a device or a socket, which 'keepwatch restore' brings back".to_owned())),
        }
    }

    /// Says in the archive, too, what is not in it: it may be looked at long after it came.
    fn end(mut self, top: &str, check: &dyn Fn() -> Result<()>) -> Result<Archived> {
        if self.archived.failed > 0 {
            let text = incomplete(&self.archived);
            match self.format.text(format!("{top} INCOMPLETE 不完整.txt").as_bytes(), &text) {
                Err(Trouble::All(error)) => return Err(error),
                Ok(()) | Err(Trouble::Entry(_)) => {}
            }
        }
        self.format.finish().map_err(Error::Write)?;
        check()?;
        Ok(self.archived)
    }
}

/// For whoever opens the archive.
fn incomplete(archived: &Archived) -> String {
    let Archived { failed: count, failures: named, .. } = archived;
    let mut text =
        format!("{count} entries of the snapshot are not in this archive. / 有 {count} 项未包含在此归档中。\r\n");
    for failure in named {
        let line = format!("{}: {}", failure.path.display(), failure.reason);
        let line: String = line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        text.push_str(&format!("\r\n{line}"));
    }
    if *count > named.len() as u64 {
        text.push_str("\r\n…");
    }
    text.push_str("\r\n");
    text
}

/// Permissions as a download has them: no bits that lend the owner's power, and never none at all
/// where the snapshot names none.
fn permissions(node: &Node) -> u32 {
    match node.meta.mode {
        Some(go) => crate::platform::mode::permissions_from_go(go) & 0o777,
        None if node.is_dir() => 0o755,
        None => 0o644,
    }
}
