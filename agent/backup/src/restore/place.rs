//! Putting one entry in its place: made under a temporary name, filled, given its owner,
//! mode and times, and only then named. What is half done never bears the real name.

use crate::platform::{self, Dir, Found};
use crate::tree::{self, Indexed};
use rustic_core::BlobId;
use rustic_core::repofile::{BlobType, Node};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};

/// Runs of zeros at least this long become holes.
const HOLE: usize = 4096;

/// Something is there already, and nobody said to replace it.
const IN_THE_WAY: &str = "something is there already; allow overwriting or restore elsewhere";

/// Whether an entry could be placed at `name`, as far as can be told beforehand.
pub(crate) fn check(dir: &Dir, name: &OsStr, overwrite: bool) -> Result<(), String> {
    match dir.look(name).map_err(|e| e.to_string())? {
        Some(Found::Folder) => Err("a folder is in the way".to_owned()),
        Some(Found::Other) if !overwrite => Err(IN_THE_WAY.to_owned()),
        _ => Ok(()),
    }
}

/// An unfinished entry, removed again unless it gets its name.
struct Unfinished<'a> {
    dir: &'a Dir,
    name: std::ffi::OsString,
    published: bool,
}

impl<'a> Unfinished<'a> {
    fn new(dir: &'a Dir) -> Self {
        Self { dir, name: platform::temporary_name(), published: false }
    }

    fn publish(mut self, name: &OsStr, overwrite: bool) -> Result<(), String> {
        self.dir.publish(&self.name, name, overwrite).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => IN_THE_WAY.to_owned(),
            _ => e.to_string(),
        })?;
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

/// Places a file. `chunk` is told of each verified piece, and may end the work. Answers
/// with what could not be set of owner, attributes, mode and times.
pub(crate) fn file(
    repository: &Indexed,
    dir: &Dir,
    node: &Node,
    overwrite: bool,
    chunk: &dyn Fn(u64) -> Result<(), String>,
) -> Result<Option<String>, String> {
    let name = node.name();
    check(dir, &name, overwrite)?;
    if node.content.is_none() && node.meta.size > 0 {
        return Err("the snapshot holds no content for it".to_owned());
    }
    let unfinished = Unfinished::new(dir);
    let mut file = dir.create(&unfinished.name).map_err(|e| e.to_string())?;
    let mut length = 0;
    for id in node.content.iter().flatten() {
        let content = tree::blob(repository, BlobId::from(**id), BlobType::Data)?;
        write_sparse(&mut file, &content).map_err(|e| e.to_string())?;
        length += content.len() as u64;
        chunk(content.len() as u64)?;
    }
    file.set_len(length).map_err(|e| e.to_string())?;
    let problem = platform::finish_file(&file, &node.meta).err();
    // Windows does not rename what is open.
    drop(file);
    unfinished.publish(&name, overwrite)?;
    Ok(problem.map(incomplete))
}

/// Gives the file `from_name` in `from` one more name. `None` where that cannot be done here,
/// but a copy may.
pub(crate) fn link(
    from: &Dir,
    from_name: &OsStr,
    dir: &Dir,
    name: &OsStr,
    overwrite: bool,
) -> Option<Result<(), String>> {
    let unfinished = Unfinished::new(dir);
    dir.hard_link(&unfinished.name, from, from_name).ok()?;
    let temporary = unfinished.name.clone();
    let published = unfinished.publish(name, overwrite);
    // A rename does nothing where both are names of the same file already.
    let _ = dir.remove(&temporary);
    Some(published)
}

/// Places a link, FIFO, socket or device.
pub(crate) fn special(dir: &Dir, node: &Node, overwrite: bool) -> Result<Option<String>, String> {
    let name = node.name();
    check(dir, &name, overwrite)?;
    let unfinished = Unfinished::new(dir);
    dir.special(&unfinished.name, &node.node_type).map_err(|e| e.to_string())?;
    let problem = dir.finish_special(&unfinished.name, node).err();
    unfinished.publish(&name, overwrite)?;
    Ok(problem.map(incomplete))
}

/// For entries that are there, but not with all that belongs to them.
pub(crate) fn incomplete(problem: io::Error) -> String {
    format!("restored, but not its owner, mode, attributes or times: {problem}")
}

/// Writes on, leaving holes where there are only zeros. The length is set at the end.
fn write_sparse(file: &mut File, mut content: &[u8]) -> io::Result<()> {
    while !content.is_empty() {
        let zeros = content.chunks_exact(HOLE).take_while(|block| is_zero(block)).count() * HOLE;
        if zeros > 0 {
            file.seek(SeekFrom::Current(i64::try_from(zeros).map_err(io::Error::other)?))?;
            content = &content[zeros..];
        }
        let filled = content.chunks(HOLE).take_while(|block| block.len() < HOLE || !is_zero(block));
        let filled = filled.map(<[u8]>::len).sum();
        file.write_all(&content[..filled])?;
        content = &content[filled..];
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
            for part in content.chunks(7000) {
                write_sparse(&mut file, part).unwrap();
            }
            file.set_len(content.len() as u64).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), content);
        }
    }
}
