//! Repositories written by somebody who has the key and no scruples: folders, packs and snapshots
//! such as no program makes. Each is harmless, and each is named.

use super::*;
use aes256ctr_poly1305aes::aead::Aead;
use aes256ctr_poly1305aes::{Aes256CtrPoly1305Aes, Key, Nonce};
use rustic_core::RepairIndexOptions;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;

/// Writes objects into a stage's repository.
struct Forge<'a> {
    stage: &'a Stage,
    /// What goes into the next pack of each kind: what it is in a pack's header, and its bytes.
    waiting: Vec<(u8, Vec<u8>)>,
}

const DATA: u8 = 0;
const TREE: u8 = 1;

fn id(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

impl<'a> Forge<'a> {
    fn new(stage: &'a Stage) -> Self {
        Self { stage, waiting: Vec::new() }
    }

    fn seal(&self, plain: &[u8]) -> Vec<u8> {
        let key = self.stage.repository.inner.key();
        let key = [&key.encrypt[..], &key.mac.k, &key.mac.r].concat();
        let nonce: [u8; 16] = rand::random();
        let sealed = Aes256CtrPoly1305Aes::new(Key::from_slice(&key)).encrypt(Nonce::from_slice(&nonce), plain);
        [&nonce[..], &sealed.unwrap()].concat()
    }

    fn store(&self, kind: &str, content: &[u8]) {
        let name = id(content);
        let shard = if kind == "data" { &name[..2] } else { "" };
        let folder = self.stage.path("repository").join(kind).join(shard);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), content).unwrap();
    }

    fn data(&mut self, content: &[u8]) -> String {
        self.waiting.push((DATA, content.to_vec()));
        id(content)
    }

    fn tree(&mut self, nodes: &[Value]) -> String {
        let content = format!("{}\n", json!({ "nodes": nodes })).into_bytes();
        let name = id(&content);
        self.waiting.push((TREE, content));
        name
    }

    /// Stores all that waits, and a snapshot of the folder.
    fn snapshot(mut self, tree: &str) -> String {
        for kind in [DATA, TREE] {
            let (mut pack, mut header) = (Vec::new(), Vec::new());
            let (now, later) = self.waiting.drain(..).partition(|(of, _)| *of == kind);
            self.waiting = later;
            let now: Vec<(u8, Vec<u8>)> = now;
            for (kind, content) in &now {
                let sealed = self.seal(content);
                header.push(*kind);
                header.extend(u32::try_from(sealed.len()).unwrap().to_le_bytes());
                header.extend(Sha256::digest(content));
                pack.extend(sealed);
            }
            if !now.is_empty() {
                let header = self.seal(&header);
                pack.extend(&header);
                pack.extend(u32::try_from(header.len()).unwrap().to_le_bytes());
                self.store("data", &pack);
            }
        }
        self.stage.repository.inner.repair_index(&RepairIndexOptions::default(), false).unwrap();
        self.stage.repository.forget_index();
        let time = "2027-06-01T12:00:00+00:00";
        let file = json!({ "time": time, "tree": tree, "paths": ["/"], "hostname": "pc-1", "username": "", "uid": 0, "gid": 0 });
        let content = self.seal(file.to_string().as_bytes());
        self.store("snapshots", &content);
        id(&content)
    }
}

fn file(name: &str, size: u64, content: &[&str]) -> Value {
    json!({ "name": name, "type": "file", "mode": 0o644, "size": size, "content": content })
}

fn folder(name: &str, subtree: &str) -> Value {
    json!({ "name": name, "type": "dir", "mode": 0o755 | 1u32 << 31, "subtree": subtree })
}

/// Why each path was not restored, or not whole.
fn named(report: &RestoreReport) -> HashMap<&str, &str> {
    assert_eq!(report.failed, report.failures.len() as u64);
    report.failures.iter().map(|f| (f.path.to_str().unwrap(), f.reason.as_str())).collect()
}

#[test]
fn sizes_and_contents_that_are_not_there_are_named_and_all_else_is_restored() {
    let stage = Stage::new();
    let mut forge = Forge::new(&stage);
    let good = forge.data(b"good");
    let (absent, long) = ("ab".repeat(32), "n".repeat(65_536));
    let inner = forge.tree(&[file("inside", 4, &[&good])]);
    let no_list = forge.tree(&[json!({ "name": "f", "type": "file" }), json!("no node at all")]);
    let root = forge.tree(&[
        file("good", 4, &[&good]),
        file("huge", 1 << 63, &[&good]),
        file("huge too", u64::MAX, &[&good]),
        file("no content", 1 << 63, &[]),
        file("absent", 4, &[&absent]),
        file("half", 8, &[&good, &absent]),
        file(&long, 4, &[&good]),
        folder(&format!("{long}d"), &inner),
        file("back\\\\slash", 4, &[&good]),
        folder("no list", &no_list),
        folder("nowhere", &absent),
        json!({ "name": "no subtree", "type": "dir" }),
        json!({ "name": "out", "type": "symlink", "linktarget": "../../../../../../etc" }),
    ]);
    let snapshot = forge.snapshot(&root);
    let report = stage.restore(&snapshot, "t/target");
    let named = named(&report);
    let why = |path: &str| *named.get(path).unwrap_or(&"not named");
    for (path, reason) in [
        ("/huge", "and should have 9223372036854775808"),
        ("/huge too", "and should have 18446744073709551615"),
        ("/no content", "the 0 bytes that the snapshot holds"),
        ("/absent", "not found"),
        ("/half", "not found"),
        ("/no list", "cannot be read"),
        ("/nowhere", "not found"),
        ("/no subtree", "holds no content"),
    ] {
        assert!(why(path).contains(reason), "{path}: {}", why(path));
    }
    assert!(why(&format!("/{long}")).contains("too long") && why(&format!("/{long}d/inside")).contains("too long"));
    // The long folder by itself, too.
    assert_eq!(report.failed, 11, "{:?}", named.values());
    let there: Vec<PathBuf> = facts(&stage.path("t")).into_keys().collect();
    let names = ["back\\slash", "good", "huge", "huge too", "no content", "no list", "no subtree", "nowhere"];
    for name in names {
        assert!(there.contains(&Path::new("target").join(name)), "{name}: {there:?}");
    }
    assert_eq!(there.len(), names.len() + 3, "{there:?}");
    assert_eq!(fs::read(stage.path("t/target/huge")).unwrap(), b"good");
    assert_eq!((report.files, report.bytes), (5, 16));
    // Neither a look nor browsing minds.
    assert!(!stage.repository.verify(0, 1).unwrap().is_sound());
    let told = stage.repository.entries(&snapshot, Path::new("/"), true, &mut |_| std::ops::ControlFlow::Continue(()));
    assert!(told.unwrap_err().to_string().contains("/"));
}

#[test]
fn a_thousand_names_of_one_file_are_one_and_who_only_claims_to_be_is_not() {
    let stage = Stage::new();
    let mut forge = Forge::new(&stage);
    let (one, other) = (forge.data(b"the one"), forge.data(b"another"));
    let linked = |name: String, content: &str| {
        json!({ "name": name, "type": "file", "mode": 0o644, "size": 7, "content": [content],
                "inode": 7, "device_id": 1, "links": 1000 })
    };
    let folders: Vec<Value> = (0..10)
        .map(|n| {
            let mut nodes: Vec<Value> = (0..100).map(|k| linked(format!("{k:03}"), &one)).collect();
            nodes.push(linked("claims".to_owned(), &other));
            let tree = forge.tree(&nodes);
            folder(&n.to_string(), &tree)
        })
        .collect();
    let root = forge.tree(&folders);
    let snapshot = forge.snapshot(&root);
    let report = stage.restore(&snapshot, "target");
    assert_eq!((report.files, report.failed), (1010, 0), "{:?}", report.failures);
    let of = |path: String| fs::metadata(stage.path("target").join(path)).unwrap();
    let first = of("0/000".to_owned()).ino();
    for n in 0..10 {
        assert!((0..100).all(|k| of(format!("{n}/{k:03}")).ino() == first));
        assert_ne!(of(format!("{n}/claims")).ino(), first);
        assert_eq!(fs::read(stage.path("target").join(format!("{n}/claims"))).unwrap(), b"another");
    }
    assert_eq!(
        (of("0/000".to_owned()).nlink(), fs::read(stage.path("target/9/099")).unwrap()),
        (1000, b"the one".into())
    );
}

#[test]
fn one_name_for_several_entries_goes_to_one_of_them() {
    let stage = Stage::new();
    let mut forge = Forge::new(&stage);
    let (one, other) = (forge.data(b"one"), forge.data(b"other"));
    let [a, b] = [("a", &one), ("b", &other)].map(|(name, content)| {
        let size = if name == "a" { 3 } else { 5 };
        forge.tree(&[file(name, size, &[content]), file("same", size, &[content])])
    });
    let root = forge.tree(&[
        folder("folder twice", &a),
        folder("folder twice", &b),
        file("file, then folder", 3, &[&one]),
        folder("file, then folder", &b),
        folder("folder, then file", &a),
        file("folder, then file", 5, &[&other]),
        file("file twice", 3, &[&one]),
        file("file twice", 5, &[&other]),
    ]);
    let snapshot = forge.snapshot(&root);
    let report = stage.restore(&snapshot, "target");
    let read = |path: &str| fs::read_to_string(stage.path("target").join(path)).ok();
    let is_one_of_both = |path: &str| ["one", "other"].map(str::to_owned).contains(&read(path).unwrap());
    assert_eq!([read("folder twice/a"), read("folder twice/b")], ["one", "other"].map(|s| Some(s.to_owned())));
    assert!(is_one_of_both("folder twice/same") && is_one_of_both("file twice"));
    assert_eq!(read("folder, then file/a").as_deref(), Some("one"));
    let named = named(&report);
    for path in ["/folder twice/same", "/file twice", "/folder, then file"] {
        assert!(named.contains_key(path), "{path}: {report:?}");
    }
    // Whichever of them was first.
    assert!(named.keys().any(|path| path.starts_with("/file, then folder")), "{report:?}");
    assert!(
        named.values().all(|why| why.contains("there already")
            || why.contains("in the way")
            || why.contains("its folder")
            || why.contains("Not a directory")),
        "{named:?}"
    );
}

#[test]
fn folders_in_each_other_have_an_end() {
    let stage = Stage::new();
    let mut forge = Forge::new(&stage);
    let good = forge.data(b"good");
    // No folder can be in itself: its name is its content's hash. Twice in the one above it, forty
    // times over, is as good as endless.
    let mut bomb = forge.tree(&[file("f", 4, &[&good])]);
    for _ in 0..40 {
        bomb = forge.tree(&[folder("a", &bomb), folder("b", &bomb)]);
    }
    let mut deep = forge.tree(&[file("f", 4, &[&good])]);
    for _ in 0..3000 {
        deep = forge.tree(&[folder("d", &deep)]);
    }
    let root = forge.tree(&[folder("bomb", &bomb), folder("deep", &deep), file("good", 4, &[&good])]);
    let snapshot = forge.snapshot(&root);

    let options = |paths: &[&str], target: &str| RestoreOptions {
        snapshot: snapshot.clone(),
        paths: paths.iter().map(PathBuf::from).collect(),
        target: Some(stage.path(target)),
        ..RestoreOptions::default()
    };
    let all = stage.repository.restore(&options(&[], "all"), &Silent).unwrap_err().to_string();
    assert!(all.contains("made to be endless; choose single paths"), "{all}");
    assert_eq!(fs::read_dir(stage.path("all")).unwrap().count(), 0, "nothing is begun");
    // Beside it all can be had.
    let report = stage.repository.restore(&options(&["/deep", "/good"], "some"), &Silent).unwrap();
    assert_eq!((report.files, report.failed), (1, 1), "{:?}", report.failures);
    assert!(report.failures[0].reason.contains("nested more than 2048 deep"), "{:?}", report.failures);
    assert_eq!(fs::read(stage.path("some/good")).unwrap(), b"good");
    let one = format!("/bomb{}/f", "/a".repeat(40));
    let report = stage.repository.restore(&options(&[&one], "one"), &Silent).unwrap();
    assert_eq!((report.files, report.failed), (1, 0), "{:?}", report.failures);

    // Nor does looking for something take for ever, nor the look whether all is there.
    let told = stage.repository.entries(&snapshot, Path::new("/"), true, &mut |_| std::ops::ControlFlow::Continue(()));
    assert!(told.unwrap_err().to_string().contains("endless"));
    let found = stage.repository.verify(0, 1).unwrap();
    assert!(!found.is_sound() && found.files_affected == 1, "only what is too deep: {found:?}");
    stage.backup();
}

#[test]
fn devices_are_made_and_rights_given_only_from_the_pcs_own_snapshots() {
    let stage = Stage::new();
    let mut forge = Forge::new(&stage);
    let good = forge.data(b"good");
    let (setuid, device) = (1u32 << 23, 1u32 << 26);
    let mut program = file("program", 4, &[&good]);
    program["mode"] = json!(0o755 | setuid);
    let root = forge.tree(&[
        file("good", 4, &[&good]),
        program,
        json!({ "name": "disk", "type": "dev", "device": 0x800, "mode": 0o666 | device }),
        json!({ "name": "null", "type": "chardev", "device": 0x103, "mode": 0o666 | device }),
    ]);
    let snapshot = forge.snapshot(&root);
    let options = |foreign, target| RestoreOptions {
        snapshot: snapshot.clone(),
        target: Some(stage.path(target)),
        foreign,
        ..RestoreOptions::default()
    };
    let report = stage.repository.restore(&options(true, "from another"), &Silent).unwrap();
    let named = named(&report);
    assert!(["/disk", "/null", "/program"].iter().all(|path| named[path].contains("another PC")), "{named:?}");
    assert_eq!((report.files, report.specials, report.failed), (2, 0, 3));
    let mode = |path: &str| fs::metadata(stage.path(path)).unwrap().mode() & 0o7777;
    assert_eq!((mode("from another/program"), mode("from another/good")), (0o755, 0o644));
    assert!(!stage.path("from another/disk").exists());

    let report = stage.repository.restore(&options(false, "own"), &Silent).unwrap();
    assert_eq!(mode("own/program"), 0o4755);
    // Only root may make them, and not everywhere.
    assert_eq!(report.specials + report.failed, 2, "{:?}", report.failures);
}
