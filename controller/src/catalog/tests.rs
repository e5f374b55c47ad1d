//! Versions over snapshots, against a plain model.

use super::*;
use chrono::DateTime;
use std::collections::BTreeMap;

fn entry(path: &str, size: u64) -> Entry {
    Entry {
        path: path.into(),
        kind: EntryKind::File,
        size,
        mode: 0o644,
        modified: DateTime::from_timestamp(i64::try_from(size).unwrap(), 0),
        target: None,
        content: Some(format!("{size:064x}").chars().rev().collect()),
    }
}

fn id(n: usize) -> String {
    format!("{n:064x}")
}

/// By snapshot: path and size.
type Model = BTreeMap<String, BTreeMap<String, u64>>;

fn add(catalog: Catalog, model: &mut Model, n: usize) -> Catalog {
    let mut adding = Adding::to(catalog);
    adding.begin(&id(n));
    for file in 0..20usize {
        // One in three changes now and then, and goes and comes back.
        let size = (file + n / (1 + file % 3)) as u64;
        if !(file + n).is_multiple_of(7) {
            let path = format!("/home/王/{file}.docx");
            assert!(adding.add(&entry(&path, size)));
            model.entry(id(n)).or_default().insert(path, size);
        }
    }
    adding.end(String::new());
    adding.finish()
}

fn holds(catalog: &Catalog, model: &Model) {
    let ids: Vec<String> = model.keys().cloned().collect();
    assert!(catalog.covers(&ids));
    let mut seen: Model = BTreeMap::new();
    for found in catalog.find(&Pattern::new("*.DOCX").unwrap(), &ids) {
        seen.entry(found.snapshot.to_owned()).or_default().insert(found.path.to_owned(), found.version.size);
    }
    assert_eq!(&seen, model);
    for path in model.values().flat_map(BTreeMap::keys).collect::<HashSet<_>>() {
        let mut by_id: BTreeMap<String, u64> = BTreeMap::new();
        for (version, ids) in catalog.versions(path) {
            by_id.extend(ids.into_iter().map(|id| (id.to_owned(), version.size)));
        }
        let expected = model.iter().filter_map(|(id, files)| Some((id.clone(), *files.get(path)?)));
        assert_eq!(by_id, expected.collect(), "{path}");
    }
}

#[test]
fn it_says_what_the_snapshots_hold_however_they_come_and_go() {
    let (mut catalog, mut model) = (Catalog::default(), Model::new());
    for n in 0..30 {
        catalog = add(catalog, &mut model, n);
        if n % 4 == 3 {
            // Some go by the rules.
            model.retain(|id, _| usize::from_str_radix(id, 16).unwrap() % 3 != n % 3);
            catalog.keep(&model.keys().cloned().collect::<Vec<_>>());
        }
        holds(&catalog, &model);
    }
    let versions = catalog.versions("/home/王/2.docx");
    assert!(versions.len() < model.len() && versions.iter().any(|(_, ids)| ids.len() > 1), "versions are shared");
    catalog.keep(&[]);
    assert!(catalog.items.is_empty() && catalog.snapshots.is_empty());
}

#[test]
fn it_comes_back_as_it_went_and_only_to_who_has_the_password() {
    let folder = tempfile::tempdir().unwrap();
    let (path, mut model) = (folder.path().join("catalogs/one"), Model::new());
    let mut catalog = Catalog::default();
    for n in 0..5 {
        catalog = add(catalog, &mut model, n);
    }
    assert!(load(&path, "a").is_none());
    save(&catalog, &path, "a").unwrap();
    holds(&load(&path, "a").unwrap(), &model);
    assert!(load(&path, "b").is_none());
    let stored = std::fs::read(&path).unwrap();
    assert!(!stored.windows(4).any(|bytes| bytes == b"docx"), "names are not there in the clear");
    for damage in [&stored[..stored.len() - 1], &stored[..40], &[][..]] {
        std::fs::write(&path, damage).unwrap();
        assert!(load(&path, "a").is_none());
    }
}

#[test]
fn a_name_twice_in_one_folder_is_there_once() {
    let mut adding = Adding::to(Catalog::default());
    adding.begin(&id(1));
    assert!(adding.add(&entry("/a", 1)) && adding.add(&entry("/a", 2)));
    adding.end("the rest is spoilt".into());
    let catalog = adding.finish();
    let found: Vec<u64> = catalog.find(&Pattern::new("a").unwrap(), &[id(1)]).map(|found| found.version.size).collect();
    assert_eq!(found, [1]);
    assert_eq!(catalog.unread().collect::<Vec<_>>(), [(id(1).as_str(), "the rest is spoilt")]);
}
