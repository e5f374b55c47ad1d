//! Snapshots made by somebody who wants out of the target.

use super::*;
use crate::tree;
use rustic_core::repofile::{Metadata, Node, NodeType, SnapshotFile};
use rustic_core::{ReadSource, ReadSourceEntry, RusticResult};
use std::ffi::OsStr;
use std::io::Cursor;
use std::os::unix::fs::{MetadataExt, symlink};

/// Entries with any node at any place.
#[derive(Clone)]
struct Crafted(Vec<(PathBuf, Node)>);

impl ReadSource for Crafted {
    type Open = Cursor<Vec<u8>>;
    type Iter = std::vec::IntoIter<RusticResult<ReadSourceEntry<Self::Open>>>;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Self::Iter {
        let entry = |(path, node): &(PathBuf, Node)| {
            let open = node.is_file().then(|| Cursor::new(b"pwned".to_vec()));
            Ok(ReadSourceEntry { path: path.clone(), node: node.clone(), open })
        };
        self.0.iter().map(entry).collect::<Vec<_>>().into_iter()
    }
}

/// An entry whose place in the tree is `path` and whose stored name is `name`.
pub(super) fn crafted(path: &str, name: &str, node_type: NodeType) -> (PathBuf, Node) {
    let meta = Metadata { size: 5, mode: Some(0o755), ..Metadata::default() };
    let mut node = Node::new_node(OsStr::new("x"), node_type, meta);
    // As it is stored, escapes and all.
    name.clone_into(&mut node.name);
    (PathBuf::from(path), node)
}

pub(super) fn link(target: &str) -> NodeType {
    NodeType::from_link(Path::new(target))
}

pub(super) fn archive(stage: &Stage, entries: Vec<(PathBuf, Node)>) {
    let indexed = stage.repository.again().unwrap().to_indexed_ids().unwrap();
    let snapshot = SnapshotFile::default();
    let options = rustic_core::BackupOptions::default();
    indexed.archive(&options, &Crafted(entries), snapshot, &[PathBuf::from("/")]).unwrap();
}

#[test]
fn names_that_claim_to_be_one_file_and_are_not_are_files_of_their_own() {
    let stage = Stage::new();
    for (name, content) in [("a", "first"), ("b", "second, another")] {
        fs::write(stage.source().join(name), content).unwrap();
    }
    stage.backup();
    let indexed = stage.repository.indexed().unwrap();
    let tree = stage.repository.resolve("latest").unwrap().tree;
    let nodes = ["a", "b", "a"].map(|name| tree::find(&indexed, tree, &stage.source().join(name)).unwrap().unwrap());
    let (dir, names) = (crate::platform::Dir::root(&stage.path("out")).unwrap(), crate::restore::Names::default());
    let mut first = nodes[0].clone();
    (first.meta.inode, first.meta.links) = (7, 3);
    for (place, mut node) in ["one", "two", "three"].into_iter().zip(nodes) {
        (node.meta.inode, node.meta.links) = (7, 3);
        place.clone_into(&mut node.name);
        if place == "one" {
            crate::restore::file(&indexed, &dir, &node, Conflict::Refuse, &|_| Ok(())).unwrap();
            names.placed((0, 7), Path::new("/one"), &node);
        } else {
            names.further(&indexed, &dir, &dir, &node, Conflict::Refuse, &|_| Ok(())).unwrap();
        }
    }
    let read = |name| fs::read_to_string(stage.path("out").join(name)).unwrap();
    assert_eq!([read("one"), read("two"), read("three")], ["first", "second, another", "first"]);
    let number = |name| fs::metadata(stage.path("out").join(name)).unwrap().ino();
    assert_eq!(number("one"), number("three"));
    assert_ne!(number("one"), number("two"));
    // What stands in the way of a name is left alone.
    assert!(names.further(&indexed, &dir, &dir, &renamed(&first, "two"), Conflict::Refuse, &|_| Ok(())).is_err());
    // The first name was moved away meanwhile: the other is a copy.
    fs::rename(stage.path("out/one"), stage.path("out/gone")).unwrap();
    names.further(&indexed, &dir, &dir, &renamed(&first, "four"), Conflict::Refuse, &|_| Ok(())).unwrap();
    assert_eq!(read("four"), "first");
}

/// The same file by another name.
fn renamed(node: &Node, name: &str) -> Node {
    let mut node = node.clone();
    name.clone_into(&mut node.name);
    node
}

#[test]
fn names_that_lead_out_are_refused_by_name() {
    let stage = Stage::new();
    let names = ["..", ".", "", "../escaped", "a/b", "/etc/escaped", "a\\x2fb", "nul\\x00l"];
    let mut entries: Vec<_> = names.iter().map(|name| crafted("/d/x", name, NodeType::File)).collect();
    entries.push(crafted("/d/fine", "fine", NodeType::File));
    archive(&stage, entries);
    let report = stage.restore("latest", "t/target");
    assert_eq!((report.files, report.failed), (1, names.len() as u64), "{report:?}");
    let all: Vec<_> = facts(&stage.path("t")).into_keys().collect();
    assert_eq!(all, ["", "target", "target/d", "target/d/fine"].map(PathBuf::from));
    let mut seen = Vec::new();
    let mut take = |entry: crate::Entry| {
        seen.push(entry.path);
        std::ops::ControlFlow::Continue(())
    };
    stage.repository.entries("latest", &tree::top(), true, &mut take).unwrap();
    assert_eq!(seen, ["/d", "/d/fine"].map(PathBuf::from));
}

#[test]
fn nothing_is_written_through_a_link() {
    let stage = Stage::new();
    let outside = stage.path("outside");
    fs::create_dir(&outside).unwrap();
    // The same name twice: a link to the outside, and a folder with a file in it.
    let entries = vec![
        crafted("/d/x", "evil", link(outside.to_str().unwrap())),
        crafted("/d/evil", "evil", NodeType::Dir),
        crafted("/d/evil/f", "pwned", NodeType::File),
    ];
    archive(&stage, entries);
    let report = stage.restore("latest", "target");
    assert_eq!((report.files, report.failed), (1, 1), "{report:?}");
    assert!(stage.path("target/d/evil/pwned").is_file());
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_link_in_the_target_is_not_passed() {
    let stage = Stage::new();
    let outside = stage.path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("f"), "mine").unwrap();
    archive(
        &stage,
        vec![
            crafted("/d", "d", NodeType::Dir),
            crafted("/d/f", "f", NodeType::File),
            crafted("/g", "g", NodeType::File),
        ],
    );
    fs::create_dir(stage.path("target")).unwrap();
    symlink(&outside, stage.path("target/d")).unwrap();
    symlink(outside.join("f"), stage.path("target/g")).unwrap();
    let before = facts(&outside);
    for conflict in [Conflict::Refuse, Conflict::Overwrite] {
        let options = RestoreOptions {
            snapshot: "latest".to_owned(),
            target: Some(stage.path("target")),
            conflict,
            ..RestoreOptions::default()
        };
        let report = stage.repository.restore(&options, &Silent).unwrap();
        let named: Vec<_> = report.failures.iter().map(|f| f.path.to_str().unwrap()).collect();
        let expected: &[&str] = if conflict == Conflict::Overwrite { &["/d", "/d/f"] } else { &["/d", "/d/f", "/g"] };
        let mut sorted = named.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, expected);
        assert_eq!(facts(&outside), before);
    }
    // Overwriting replaced the link, not what it led to.
    assert!(stage.path("target/g").symlink_metadata().unwrap().is_file());
}
