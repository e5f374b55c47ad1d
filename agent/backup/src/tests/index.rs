//! An index that does not fit what is stored.

use super::*;
use std::os::unix::fs::MetadataExt;

fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap());
    walk.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

fn bytes(folder: &Path) -> u64 {
    files(folder).iter().map(|file| fs::metadata(file).unwrap().size()).sum()
}

/// Three files that do not compress, saved in packs.
fn saved() -> (Stage, u64) {
    let stage = Stage::new();
    for n in 0..3u64 {
        let mut state = n + 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        fs::write(stage.source().join(n.to_string()), (0..3_000_000).map(|_| next()).collect::<Vec<_>>()).unwrap();
    }
    let added = stage.backup().bytes_added;
    assert!(added > 9_000_000, "{added}");
    (stage, added)
}

#[test]
fn what_a_run_that_was_killed_had_sent_is_not_sent_again() {
    let (stage, _) = saved();
    // As a kill leaves it: packs, and nothing that names them.
    for kind in ["index", "snapshots"] {
        files(&stage.path("repository").join(kind)).iter().for_each(|file| fs::remove_file(file).unwrap());
    }
    let before = bytes(&stage.path("repository/data"));
    let report = stage.backup();
    assert_eq!((report.failed, report.missing_packs), (0, 0));
    assert!(report.bytes_added < 20_000, "{report:?}");
    assert!(bytes(&stage.path("repository/data")) < before + 20_000);
    restic::check(&stage.path("repository"));
    assert_eq!(stage.restore("latest", "out").failures, []);
}

#[test]
fn what_the_repository_has_lost_is_sent_again_and_said() {
    let (stage, added) = saved();
    let mut packs = files(&stage.path("repository/data"));
    packs.sort_by_key(|pack| fs::metadata(pack).unwrap().size());
    fs::remove_file(packs.last().unwrap()).unwrap();
    // Otherwise what has not changed is taken over by its ids, without a look whether they are there.
    let report = stage.backup();
    assert_eq!((report.failed, report.missing_packs), (0, 1));
    assert!(report.bytes_added > added / 4, "{report:?}");
    restic::check(&stage.path("repository"));
    assert_eq!(stage.restore("latest", "out").failures, []);
    let again = stage.backup();
    assert_eq!((again.missing_packs, again.files_unchanged), (0, 3));
}

#[test]
fn a_folder_that_the_repository_has_lost_is_sent_again_whatever_has_not_changed() {
    let (stage, added) = saved();
    let mut packs = files(&stage.path("repository/data"));
    packs.sort_by_key(|pack| fs::metadata(pack).unwrap().size());
    // What tells folders is small; it is there and cannot be read.
    let mut content = fs::read(&packs[0]).unwrap();
    content[..20].fill(0);
    fs::write(&packs[0], content).unwrap();
    let report = stage.backup();
    assert_eq!((report.failed, report.missing_packs, report.files_unchanged), (0, 0, 0));
    assert!(report.bytes_added < added / 2, "{report:?}");
}

#[test]
fn an_index_that_cannot_be_read_hides_no_snapshot_and_the_next_backup_names_what_it_named() {
    let (stage, _) = saved();
    let folder = stage.path("repository/index");
    // One that the disk has spoilt, and one that was never one.
    let index = files(&folder).pop().unwrap();
    let mut content = fs::read(&index).unwrap();
    *content.last_mut().unwrap() ^= 1;
    fs::write(&index, content).unwrap();
    let name = hex::encode(<sha2::Sha256 as sha2::Digest>::digest("nonsense"));
    fs::write(folder.join(&name), "nonsense").unwrap();
    let open = || Repository::open(&Storage::Folder(stage.path("repository")), PASSWORD).unwrap();
    assert_eq!(open().snapshots().unwrap().len(), 1);
    let report = open().backup(&stage.options(), &Silent).unwrap();
    assert_eq!((report.failed, report.missing_packs), (0, 0));
    assert!(report.bytes_added < 20_000, "{report:?}");
    for (n, snapshot) in open().snapshots().unwrap().iter().enumerate() {
        let target = Some(stage.path(&format!("out {n}")));
        let options = RestoreOptions { snapshot: snapshot.id.clone(), target, ..RestoreOptions::default() };
        assert_eq!(open().restore(&options, &Silent).unwrap().failures, []);
    }
    // Whoever may remove it, does; then restic reads it all again.
    for broken in [index, folder.join(name)] {
        fs::remove_file(broken).unwrap();
    }
    restic::check(&stage.path("repository"));
}
