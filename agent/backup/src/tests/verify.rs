//! Finding what a disk has spoilt, before it is needed.

use super::*;

pub(super) fn noise(n: u64) -> Vec<u8> {
    let mut state = n + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    };
    (0..400_000).map(|_| next()).collect()
}

pub(super) fn packs(stage: &Stage) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(stage.path("repository/data")).into_iter().map(|entry| entry.unwrap());
    walk.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

#[test]
fn a_damaged_pack_is_found_its_files_are_named_and_it_is_healed_from_the_pc() {
    let stage = Stage::new();
    // A pack each.
    for n in 0..4u64 {
        fs::write(stage.source().join(format!("file {n}")), noise(n)).unwrap();
        stage.backup();
    }
    let open = || Repository::open(&Storage::Folder(stage.path("repository")), PASSWORD).unwrap();
    let parts: Vec<_> = (0..4).map(|part| open().verify(part, 4).unwrap()).collect();
    assert!(parts.iter().all(crate::Verified::is_sound));
    assert_eq!(parts.iter().map(|v| v.packs).sum::<u64>(), packs(&stage).len() as u64, "each is in one part");

    // One with a file's content, and nothing that is larger.
    let pack = packs(&stage).into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let mut content = fs::read(&pack).unwrap();
    content[1000] ^= 1;
    fs::write(&pack, content).unwrap();
    let found = open().verify(0, 1).unwrap();
    let name = pack.file_name().unwrap().to_str().unwrap().to_owned();
    assert_eq!((found.damaged.as_slice(), found.missing.len()), (std::slice::from_ref(&name), 0));
    assert_eq!(found.files.len(), 1, "{found:?}");
    let (file, snapshots) = found.files.first_key_value().unwrap();
    assert!(file.contains("file ") && found.files_affected == *snapshots, "{found:?}");
    assert_eq!(found.snapshots_affected.len() as u64, *snapshots);

    assert_eq!(open().set_aside(&found.damaged).unwrap(), 1);
    assert!(stage.path("repository/damaged").join(&name).exists());
    let healed = open().backup(&stage.options(), &Silent).unwrap();
    assert_eq!((healed.failed, healed.missing_packs), (0, 0));
    assert!(healed.bytes_added > 300_000, "{healed:?}");
    assert!(open().verify(0, 1).unwrap().is_sound());
    restic::check(&stage.path("repository"));
    for (n, snapshot) in open().snapshots().unwrap().iter().enumerate() {
        let options = RestoreOptions {
            snapshot: snapshot.id.clone(),
            target: Some(stage.path(&format!("out {n}"))),
            ..RestoreOptions::default()
        };
        assert_eq!(open().restore(&options, &Silent).unwrap().failures, []);
    }
}

#[test]
fn a_pack_that_is_gone_is_said() {
    let stage = Stage::new();
    fs::write(stage.source().join("file"), noise(7)).unwrap();
    stage.backup();
    let pack = packs(&stage).into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    fs::remove_file(&pack).unwrap();
    let open = Repository::open(&Storage::Folder(stage.path("repository")), PASSWORD).unwrap();
    let found = open.verify(0, 4).unwrap();
    assert_eq!(found.missing, [pack.file_name().unwrap().to_str().unwrap()]);
    assert_eq!((found.files_affected, found.snapshots_affected.len()), (1, 1));
}
