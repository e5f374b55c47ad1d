//! Doing away with snapshots.

use super::*;

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
