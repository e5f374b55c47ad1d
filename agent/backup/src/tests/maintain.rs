//! Doing away with snapshots.

use super::*;
use crate::folder::Folder;
use crate::storage::{Objects, StorageError};
use bytes::Bytes;
use rustic_core::{BytesList, FileType, Id};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

fn content(n: u32) -> Vec<u8> {
    (0..500_000u32).flat_map(|i| (i ^ n).wrapping_mul(2_654_435_761 + n).to_le_bytes()).collect()
}

#[test]
fn what_is_forgotten_is_gone_what_stays_restores_and_restic_finds_nothing_amiss() {
    let stage = Stage::new();
    let mut snapshots = Vec::new();
    for n in 0..3 {
        fs::write(stage.source().join("stays"), "as ever").unwrap();
        fs::write(stage.source().join("changes"), content(n)).unwrap();
        snapshots.push(stage.backup().snapshot.id);
    }
    let repository = &stage.repository;
    assert_eq!(repository.forget(&[snapshots[0].clone(), "ab".repeat(32), "no id".into()]).unwrap(), 1);
    let pruned = repository.prune().unwrap();
    // What is new stays for now: a backup that runs may rely on it.
    assert_eq!(pruned.removed, 0, "{pruned:?}");
    restic::check(&stage.path("repository"));
    let left: Vec<String> = repository.snapshots().unwrap().into_iter().map(|s| s.id).collect();
    assert_eq!(left, snapshots[1..]);
    let open = Repository::open(&Storage::Folder(stage.path("repository")), PASSWORD).unwrap();
    for (n, snapshot) in snapshots[1..].iter().enumerate() {
        let target = stage.path(&format!("out {n}"));
        let options =
            RestoreOptions { snapshot: snapshot.clone(), target: Some(target.clone()), ..RestoreOptions::default() };
        assert_eq!(open.restore(&options, &Silent).unwrap().failures, []);
        let restored = below(&target, &stage.source());
        assert_eq!(fs::read(restored.join("changes")).unwrap(), content(n as u32 + 1));
    }
    // What only the forgotten one had, and waits to be removed, is saved again where it comes back.
    fs::write(stage.source().join("changes"), content(0)).unwrap();
    let back = stage.backup().snapshot.id;
    assert_eq!(stage.restore(&back, "back").failures, []);
    restic::check(&stage.path("repository"));
}

#[test]
fn nothing_is_removed_where_something_cannot_be_read() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), content(1)).unwrap();
    let first = stage.backup().snapshot.id;
    fs::write(stage.source().join("file"), content(2)).unwrap();
    stage.backup();
    // As a PC that was taken over may store it.
    let name = hex::encode(<sha2::Sha256 as sha2::Digest>::digest("nonsense"));
    fs::write(stage.path("repository/snapshots").join(&name), "nonsense").unwrap();
    let open = Repository::open(&Storage::Folder(stage.path("repository")), PASSWORD).unwrap();
    let refused = open.forget(std::slice::from_ref(&first)).unwrap_err().to_string();
    assert!(refused.contains("nothing is removed"), "{refused}");
    let refused = open.prune().unwrap_err().to_string();
    assert!(refused.contains("nothing is removed"), "{refused}");
    assert_eq!(stage.restore("latest", "out").failures, []);
    fs::remove_file(stage.path("repository/snapshots").join(name)).unwrap();
    assert_eq!(open.forget(&[first]).unwrap(), 1);
    open.prune().unwrap();
    restic::check(&stage.path("repository"));
}

/// A backup that was cut off has sent it, and the next one again; or a PC that was taken over names old
/// content in a pack of its own, to have the good one go.
#[test]
fn what_two_packs_claim_is_removed_from_one_only_where_both_have_it() {
    let stage = Stage::new();
    let files = |kind: &str| -> Vec<PathBuf> {
        let walk = walkdir::WalkDir::new(stage.path("repository").join(kind)).into_iter().flatten();
        walk.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
    };
    fs::write(stage.source().join("file"), content(1)).unwrap();
    let first = stage.backup().snapshot.id;
    // The same is sent once more, while the first is out of sight.
    let hidden: Vec<PathBuf> = ["data", "index", "snapshots"].into_iter().flat_map(files).collect();
    let aside = |path: &PathBuf| path.with_extension("aside");
    hidden.iter().for_each(|path| fs::rename(path, aside(path)).unwrap());
    stage.backup();
    hidden.iter().for_each(|path| fs::rename(aside(path), path).unwrap());
    let open = || Repository::open(&Storage::Folder(stage.path("repository")), PASSWORD).unwrap();
    let pack = files("data").into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let good = fs::read(&pack).unwrap();
    let mut wrong = good.clone();
    wrong[1000] ^= 1;
    fs::write(&pack, wrong).unwrap();
    let refused = open().forget(std::slice::from_ref(&first)).unwrap_err().to_string();
    assert!(refused.contains("more than one pack") && refused.contains("which says so"), "{refused}");
    assert!(open().prune().unwrap_err().to_string().contains("nothing is removed"));
    assert_eq!(open().snapshots().unwrap().len(), 2);

    fs::write(&pack, good).unwrap();
    assert_eq!(open().forget(&[first]).unwrap(), 1);
    open().prune().unwrap();
    restic::check(&stage.path("repository"));
    assert_eq!(stage.restore("latest", "out").failures, []);
}

/// A folder in which nothing is changed any more after so many changes: as for a process that is
/// killed then, for each of them is whole or has not been.
struct Mortal {
    below: Folder,
    left: Arc<AtomicI64>,
}

impl Mortal {
    fn lives(&self) -> Result<(), StorageError> {
        match self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            true => Ok(()),
            false => Err(StorageError::Disk { what: "change anything".into(), why: "it is dead".into() }),
        }
    }
}

impl Objects for Mortal {
    fn location(&self) -> String {
        self.below.location()
    }
    fn create(&self) -> Result<(), StorageError> {
        self.below.create()
    }
    fn config(&self) -> Result<Option<u32>, StorageError> {
        self.below.config()
    }
    fn list(&self, kind: FileType) -> Result<Vec<(Id, u32)>, StorageError> {
        self.below.list(kind)
    }
    fn read(&self, kind: FileType, id: &Id, range: Option<(u32, u32)>) -> Result<Bytes, StorageError> {
        self.below.read(kind, id, range)
    }
    fn write(&self, kind: FileType, id: &Id, content: &BytesList) -> Result<(), StorageError> {
        self.lives().and_then(|()| self.below.write(kind, id, content))
    }
    fn remove(&self, kind: FileType, id: &Id) -> Result<(), StorageError> {
        self.lives().and_then(|()| self.below.remove(kind, id))
    }
}

#[test]
fn wherever_a_prune_is_cut_off_what_stays_restores_and_the_next_one_ends_it() {
    let stage = Stage::new();
    let mut snapshots = Vec::new();
    for n in 0..4u32 {
        // Packs that go whole, and ones of which a part is still needed.
        fs::write(stage.source().join("changes"), &content(n)[..200_000]).unwrap();
        fs::write(stage.source().join(format!("stays {n}")), &content(100 + n)[..200_000]).unwrap();
        snapshots.push((stage.backup().snapshot.id, facts(&stage.source())));
    }
    let (going, staying) = snapshots.split_at(2);
    let going: Vec<String> = going.iter().map(|(id, _)| id.clone()).collect();
    let (mut ended, mut freed) = (false, Vec::new());
    for changes in 0..200 {
        let copy = stage.path(&format!("copy {changes}"));
        super::damaged::copy(&stage.path("repository"), &copy);
        let storage = Storage::Folder(copy.clone());
        let left = Arc::new(AtomicI64::new(changes));
        let objects = Mortal { below: Folder::new(&copy), left: Arc::clone(&left) };
        let mortal = Repository::open_over(Box::new(objects), &storage, PASSWORD).unwrap();
        // What is marked by the one is removed by the other.
        let work = |repository: &Repository| {
            repository.forget(&going)?;
            let marked = repository.prune_after(0)?;
            Ok::<_, crate::Error>((marked, repository.prune_after(0)?))
        };
        ended = work(&mortal).is_ok() && left.load(Ordering::SeqCst) >= 0;
        let open = Repository::open(&storage, PASSWORD).unwrap();
        for whole in [false, true] {
            if whole {
                freed.push(work(&open).unwrap().1.removed);
            }
            for (id, facts_then) in staying {
                let target = stage.path(&format!("out {changes} {whole} {id}"));
                let options =
                    RestoreOptions { snapshot: id.clone(), target: Some(target.clone()), ..RestoreOptions::default() };
                assert_eq!(open.restore(&options, &Silent).unwrap().failures, [], "after {changes} changes");
                let mut there = facts(&below(&target, &stage.source()));
                assert_eq!(there.remove(Path::new("")).is_some(), facts_then.contains_key(Path::new("")));
                let mut then = facts_then.clone();
                then.remove(Path::new(""));
                assert_eq!(there, then, "after {changes} changes");
                fs::remove_dir_all(target).unwrap();
            }
        }
        assert!(staying.iter().map(|(id, _)| id).eq(open.snapshots().unwrap().iter().map(|s| &s.id)));
        if ended || changes % 4 == 0 {
            restic::check(&copy);
        }
        fs::remove_dir_all(copy).unwrap();
        if ended {
            break;
        }
    }
    // Snapshots, packs and indexes: each change was the last one once.
    assert!(ended && freed.len() > 8 && freed.iter().any(|bytes| *bytes > 0), "{freed:?}");
}
