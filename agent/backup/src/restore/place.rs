//! Putting one entry in its place: made under a temporary name, filled, given its owner,
//! mode and times, and only then named. What is half done never bears the real name.

use super::conflict::{self, Conflict, IN_THE_WAY, Place};
use crate::platform::{self, Dir};
use crate::tree::{self, Indexed};
use rustic_core::BlobId;
use rustic_core::repofile::{BlobType, Node};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Blocks of so many bytes become holes where they hold only zeros, as most file systems have them.
const HOLE: usize = 4096;

/// What became of an entry.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// It is in its place.
    Done {
        /// The name that it got.
        name: OsString,
        /// Whether something else had that name.
        replaced: bool,
        /// What could not be set of owner, attributes, mode and times.
        problem: Option<String>,
    },
    /// What is there already stays.
    Skipped,
}

/// Why an entry is not in its place.
#[derive(Debug)]
pub(crate) enum Unplaced {
    /// The disk is full: no other will fit either.
    Full,
    /// Whoever inspects it does not want it back.
    Refused,
    /// For this one's own reason.
    Why(String),
}

impl From<String> for Unplaced {
    fn from(why: String) -> Self {
        Self::Why(why)
    }
}

impl From<io::Error> for Unplaced {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            io::ErrorKind::AlreadyExists => Self::Why(IN_THE_WAY.to_owned()),
            _ => Self::Why(error.to_string()),
        }
    }
}

/// Who follows a file's way to its place.
pub(crate) trait Watch {
    /// One more piece of it is verified and written; whether to go on.
    fn chunk(&self, bytes: u64) -> Result<(), String>;

    /// This piece of it is read next.
    fn needs(&self, _id: &BlobId) {}

    /// It is whole, and bears this temporary name; whether it may get its own.
    fn admits(&self, _file: &File, _temporary: &OsStr) -> io::Result<bool> {
        Ok(true)
    }
}

impl<F: Fn(u64) -> Result<(), String>> Watch for F {
    fn chunk(&self, bytes: u64) -> Result<(), String> {
        self(bytes)
    }
}

/// What would become of an entry, as far as can be told beforehand.
pub(crate) fn foreseen(dir: &Dir, node: &Node, conflict: Conflict) -> Result<Placed, Unplaced> {
    Ok(match conflict::place(dir, node, conflict)? {
        Place::New(name) => Placed::Done { name, replaced: false, problem: None },
        Place::Over(name) => Placed::Done { name, replaced: true, problem: None },
        Place::Nowhere => Placed::Skipped,
    })
}

/// An unfinished entry, removed again unless it gets its name.
struct Unfinished<'a> {
    dir: &'a Dir,
    name: OsString,
    published: bool,
}

impl<'a> Unfinished<'a> {
    fn new(dir: &'a Dir) -> Self {
        Self { dir, name: platform::temporary_name(), published: false }
    }

    fn publish(mut self, name: &OsStr, overwrite: bool) -> Result<(), Unplaced> {
        self.dir.publish(&self.name, name, overwrite)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.published {
            // It may not even have been made; what went wrong before is what is told.
            let _ = self.dir.remove(&self.name);
        }
    }
}

/// Places a file.
pub(crate) fn file(
    repository: &Indexed,
    dir: &Dir,
    node: &Node,
    conflict: Conflict,
    watch: &dyn Watch,
) -> Result<Placed, Unplaced> {
    let Placed::Done { name, replaced, .. } = foreseen(dir, node, conflict)? else { return Ok(Placed::Skipped) };
    if node.content.is_none() && node.meta.size > 0 {
        return Err("the snapshot holds no content for it".to_owned().into());
    }
    let unfinished = Unfinished::new(dir);
    let mut file = dir.create(&unfinished.name)?;
    let mut length = 0;
    for id in node.content.iter().flatten() {
        let id = BlobId::from(**id);
        watch.needs(&id);
        let content = tree::blob(repository, id, BlobType::Data)?;
        write_sparse(&mut file, length, &content)?;
        length += content.len() as u64;
        watch.chunk(content.len() as u64)?;
    }
    file.set_len(length)?;
    if !watch.admits(&file, &unfinished.name).map_err(|e| format!("it cannot be inspected: {e}"))? {
        return Err(Unplaced::Refused);
    }
    let finished = platform::finish_file(&file, &node.meta).err().map(incomplete);
    let problem = finished.or_else(|| (length != node.meta.size).then(|| other_size(length, node.meta.size)));
    // Windows does not rename what is open.
    drop(file);
    unfinished.publish(&name, replaced)?;
    Ok(Placed::Done { name, replaced, problem })
}

fn other_size(length: u64, size: u64) -> String {
    format!("it is restored with the {length} bytes that the snapshot holds of it, and should have {size}")
}

/// Gives the file `from_name` in `from` one more name. `None` where that cannot be done here,
/// but a copy may.
pub(crate) fn link(
    from: &Dir,
    from_name: &OsStr,
    dir: &Dir,
    name: &OsStr,
    overwrite: bool,
) -> Option<Result<(), Unplaced>> {
    let unfinished = Unfinished::new(dir);
    dir.hard_link(&unfinished.name, from, from_name).ok()?;
    let temporary = unfinished.name.clone();
    let published = unfinished.publish(name, overwrite);
    // A rename does nothing where both are names of the same file already.
    let _ = dir.remove(&temporary);
    Some(published)
}

/// Places a link, FIFO, socket or device.
pub(crate) fn special(dir: &Dir, node: &Node, conflict: Conflict) -> Result<Placed, Unplaced> {
    let Placed::Done { name, replaced, .. } = foreseen(dir, node, conflict)? else { return Ok(Placed::Skipped) };
    let unfinished = Unfinished::new(dir);
    dir.special(&unfinished.name, &node.node_type)?;
    let problem = dir.finish_special(&unfinished.name, node).err();
    unfinished.publish(&name, replaced)?;
    Ok(Placed::Done { name, replaced, problem: problem.map(incomplete) })
}

/// For entries that are there, but not with all that belongs to them.
pub(crate) fn incomplete(problem: io::Error) -> String {
    format!("restored, but not its owner, mode, attributes or times: {problem}")
}

/// Writes on at `at`, leaving holes where whole blocks of the file have only zeros. The length
/// is set at the end.
fn write_sparse(file: &mut File, at: u64, content: &[u8]) -> io::Result<()> {
    // Chunks begin anywhere in a block: what of it a chunk has is told by the next one's start.
    let first = (HOLE - (at % HOLE as u64) as usize).min(content.len());
    let (head, rest) = content.split_at(first);
    let mut blocks = std::iter::once(head).chain(rest.chunks(HOLE)).filter(|block| !block.is_empty()).peekable();
    let mut done = 0;
    while let Some(block) = blocks.next() {
        let (zero, begin) = (is_zero(block), done);
        done += block.len();
        while let Some(more) = blocks.next_if(|next| is_zero(next) == zero) {
            done += more.len();
        }
        if zero {
            file.seek(SeekFrom::Current(i64::try_from(done - begin).map_err(io::Error::other)?))?;
        } else {
            file.write_all(&content[begin..done])?;
        }
    }
    Ok(())
}

fn is_zero(block: &[u8]) -> bool {
    block.iter().all(|&byte| byte == 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn holes_read_back_as_zeros() {
        for pieces in
            [vec![(0u8, 9000)], vec![(1, 5000), (0, 4096)], vec![(0, 100), (2, 10), (0, 20_000), (3, 1)], vec![]]
        {
            let content: Vec<u8> = pieces.iter().flat_map(|&(byte, n)| vec![byte; n]).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            let mut file = File::create(&path).unwrap();
            for (n, part) in content.chunks(7000).enumerate() {
                write_sparse(&mut file, n as u64 * 7000, part).unwrap();
            }
            file.set_len(content.len() as u64).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_hole_comes_back_as_large_as_it_was_wherever_chunks_begin() {
        use std::os::unix::fs::MetadataExt;
        let mut content = vec![0; 1 << 20];
        (content[10], content[512 * 1024]) = (1, 1);
        let folder = tempfile::tempdir().unwrap();
        for chunk in [4096, 7001, 100_000] {
            let path = folder.path().join("f");
            let mut file = File::create(&path).unwrap();
            for (n, part) in content.chunks(chunk).enumerate() {
                write_sparse(&mut file, (n * chunk) as u64, part).unwrap();
            }
            file.set_len(content.len() as u64).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
            // Two blocks, where the file system has blocks of that size.
            let taken = file.metadata().unwrap().blocks() * 512;
            assert!(taken <= 2 * 4096, "{chunk}: {taken}");
        }
    }
}
