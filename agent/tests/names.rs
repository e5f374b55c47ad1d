//! Names of files are chosen by others: what the stand-alone agent prints of one must not
//! move a cursor or turn a line round, and for programs it must stay exact.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

/// Obeyed by terminals, and allowed in names on every system.
const NAME: &str = "a\u{9b}2J\u{202e}fdp.exe";

fn scan(folder: &Path, output: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_keepwatch-agent"))
        .args(["scan", "--output", output])
        .arg(folder.join("files"))
        .arg("--rules")
        .arg(folder.join("r.yar"))
        .output()
        .unwrap()
}

#[test]
fn a_name_is_shown_harmless_and_told_exactly() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("files")).unwrap();
    std::fs::write(folder.path().join("files").join(NAME), "badword").unwrap();
    std::fs::write(folder.path().join("r.yar"), "rule bad { strings: $a = \"badword\" condition: $a }").unwrap();

    let shown = String::from_utf8(scan(folder.path(), "table").stdout).unwrap();
    assert_eq!(shown.lines().count(), 1);
    assert!(shown.trim_end().ends_with("a\\u{9b}2J\\u{202e}fdp.exe"), "{shown:?}");

    let told = String::from_utf8(scan(folder.path(), "json").stdout).unwrap();
    assert!(!told.contains(['\u{9b}', '\u{202e}']), "{told:?}");
    let detection: serde_json::Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    assert!(detection["path"].as_str().unwrap().ends_with(NAME), "{detection}");
}
