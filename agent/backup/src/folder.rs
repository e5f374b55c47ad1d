//! A repository in a folder, in restic's own layout. An object appears whole or not at all,
//! and is on the disk before it counts as written.

use crate::past_cache::PastCache;
use crate::platform;
use crate::storage::{Objects, StorageError, name};
use bytes::Bytes;
use rustic_core::{ALL_FILE_TYPES, BytesList, FileType, Id};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The folder.
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    fn path(&self, kind: FileType, id: &Id) -> PathBuf {
        let hex = id.to_hex();
        match kind {
            FileType::Config => self.root.join("config"),
            FileType::Pack => self.root.join("data").join(&hex[..2]).join(&*hex),
            _ => self.root.join(kind.dirname()).join(&*hex),
        }
    }

    /// Adds the objects in `folder`; a subfolder of `data` counts as its own.
    fn collect(&self, folder: &Path, shards: bool, out: &mut Vec<(Id, u32)>) -> Result<(), StorageError> {
        let failed = |e: io::Error| disk(&format!("list {}", folder.display()), folder, &e);
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (kind, file_name) = (entry.file_type().map_err(failed)?, entry.file_name());
            let Some(file_name) = file_name.to_str() else { continue };
            if shards && kind.is_dir() && file_name.len() == 2 {
                self.collect(&entry.path(), false, out)?;
            } else if kind.is_file() && file_name.len() == 64 {
                let Ok(id) = file_name.parse() else { continue };
                match entry.metadata() {
                    Ok(data) => out.push((id, u32::try_from(data.len()).unwrap_or(u32::MAX))),
                    // Retention may remove objects meanwhile.
                    Err(e) if e.kind() == ErrorKind::NotFound => {}
                    Err(e) => return Err(failed(e)),
                }
            }
        }
        Ok(())
    }
}

impl Objects for Folder {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn create(&self) -> Result<(), StorageError> {
        let shards = (0..=255u8).map(|n| self.root.join("data").join(format!("{n:02x}")));
        // restic's layout has locks, which rustic does not know.
        let kinds = ALL_FILE_TYPES.iter().map(|kind| kind.dirname()).chain(["locks"]);
        for folder in kinds.map(|kind| self.root.join(kind)).chain(shards) {
            fs::create_dir_all(&folder).map_err(|e| disk(&format!("create {}", folder.display()), &folder, &e))?;
        }
        Ok(())
    }

    fn config(&self) -> Result<Option<u32>, StorageError> {
        let path = self.root.join("config");
        match fs::metadata(&path) {
            Ok(data) => Ok(Some(u32::try_from(data.len()).unwrap_or(u32::MAX))),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(disk(&format!("look at {}", path.display()), &path, &e)),
        }
    }

    fn list(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StorageError> {
        let mut out = Vec::new();
        self.collect(&self.root.join(kind.dirname()), kind == FileType::Pack, &mut out)?;
        Ok(out)
    }

    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        let path = self.path(kind, id);
        let read = || -> io::Result<Vec<u8>> {
            let Some((offset, length)) = range else { return fs::read(&path) };
            let mut file = File::open(&path)?;
            // The length comes from the index: what is not there must not be allocated.
            if u64::from(offset) + u64::from(length) > file.metadata()?.len() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            file.seek(SeekFrom::Start(offset.into()))?;
            let mut content = vec![0; length as usize];
            file.read_exact(&mut content)?;
            Ok(content)
        };
        match read() {
            Ok(content) => Ok(content.into()),
            Err(e) if e.kind() == ErrorKind::NotFound => Err(StorageError::Missing(name(kind, id))),
            Err(e) => Err(disk(&format!("read {}", path.display()), &path, &e)),
        }
    }

    fn write(&self, kind: FileType, id: &Id, content: &BytesList) -> Result<(), StorageError> {
        let path = self.path(kind, id);
        let failed = |e: io::Error| disk(&format!("write {}", path.display()), &path, &e);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(failed)?;
        let (file, temporary) = tempfile::NamedTempFile::new_in(folder).map_err(failed)?.into_parts();
        let mut writer = PastCache::new(file);
        content.slice().iter().try_for_each(|part| writer.write(part)).map_err(failed)?;
        writer.finish().and_then(|file| file.sync_all()).map_err(failed)?;
        if kind == FileType::Config {
            // It comes once: who made the repository has its key.
            temporary.persist_noclobber(&path).map_err(|e| failed(e.error))?;
        } else {
            temporary.persist(&path).map_err(|e| failed(e.error))?;
        }
        platform::sync_folder(folder).map_err(failed)
    }

    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        let path = self.path(kind, id);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != ErrorKind::NotFound => Err(disk(&format!("remove {}", path.display()), &path, &e)),
            _ => Ok(()),
        }
    }
}

fn disk(what: &str, path: &Path, error: &io::Error) -> StorageError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            StorageError::Full { what: path.display().to_string(), why: error.to_string() }
        }
        _ => StorageError::Disk { what: what.to_owned(), why: error.to_string() },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn objects_come_back_as_they_went() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::new(&root.path().join("r"));
        assert!(folder.config().unwrap().is_none());
        folder.create().unwrap();
        let id: Id = "ab".repeat(32).parse().unwrap();
        folder.write(FileType::Pack, &id, &b"content".to_vec().into()).unwrap();
        folder.write(FileType::Config, &Id::default(), &b"{}".to_vec().into()).unwrap();
        assert_eq!(folder.config().unwrap(), Some(2));
        assert_eq!(folder.list(FileType::Pack).unwrap(), [(id, 7)]);
        assert_eq!(folder.read(FileType::Pack, &id, Some((3, 4))).unwrap(), "tent");
        assert!(folder.read(FileType::Pack, &id, Some((3, 5))).is_err());
        assert!(folder.read(FileType::Pack, &id, Some((0, u32::MAX))).is_err());
        assert!(matches!(folder.read(FileType::Index, &id, None), Err(StorageError::Missing(_))));
        folder.remove(FileType::Pack, &id).unwrap();
        assert!(folder.list(FileType::Pack).unwrap().is_empty());
    }

    #[test]
    fn what_cannot_be_listed_is_not_empty() {
        let root = tempfile::tempdir().unwrap();
        assert!(matches!(Folder::new(root.path()).list(FileType::Snapshot), Err(StorageError::Disk { .. })));
        fs::write(root.path().join("file"), "x").unwrap();
        assert!(Folder::new(&root.path().join("file")).config().is_err());
    }
}
