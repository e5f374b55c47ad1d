//! The arrows between rooms, and what no file may do: checked, so that nobody has to
//! remember them.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod licences;

use std::fs;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

struct Source {
    /// From the workspace's root, with slashes.
    path: String,
    /// Without comments, and without the unit tests at its end.
    code: String,
}

/// Our Rust sources below a folder.
fn sources(below: &str) -> Vec<Source> {
    let found = WalkDir::new(root().join(below)).into_iter().filter_map(Result::ok);
    let rust = found.filter(|e| e.path().extension().is_some_and(|x| x == "rs"));
    // Tests look behind every door.
    let tests = ["target", "tests", "tests.rs", "scripted.rs"];
    let ours = |path: &Path| {
        !path.strip_prefix(root()).unwrap().components().skip(1).any(|c| tests.iter().any(|t| c.as_os_str() == *t))
    };
    let sources: Vec<Source> = rust.filter(|e| ours(e.path())).map(|e| read(e.path())).collect();
    assert!(!sources.is_empty(), "{below} holds no source");
    sources
}

fn read(path: &Path) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\n").next().unwrap();
    let code = code.lines().map(|l| l.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
    let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
    Source { path, code }
}

/// In none of these sources may any of these words stand.
#[track_caller]
fn forbid(sources: &[Source], words: &[&str], why: &str) {
    for source in sources {
        for word in words {
            assert!(!source.code.contains(word), "{} says '{word}': {why}", source.path);
        }
    }
}

fn manifest(crate_folder: &str) -> String {
    fs::read_to_string(root().join(crate_folder).join("Cargo.toml")).unwrap()
}

#[test]
fn the_top_level_is_fixed() {
    let expected = [
        "agent",
        "controller",
        "proto",
        "deploy",
        "tests",
        "Cargo.toml",
        "Cargo.lock",
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
    ];
    for entry in fs::read_dir(root()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let allowed =
            name.starts_with('.') || name == "target" || name == "rustfmt.toml" || expected.contains(&name.as_str());
        assert!(allowed, "'{name}' has no place at the top");
    }
}

#[test]
fn crates_depend_in_one_direction() {
    for (folder, forbidden) in [
        ("proto", &["keepwatch-scan", "keepwatch-backup", "keepwatch-agent", "keepwatch-controller"][..]),
        ("agent/scan", &["keepwatch-proto", "keepwatch-backup", "keepwatch-agent", "keepwatch-controller"]),
        (
            "agent/unpack",
            &["keepwatch-proto", "keepwatch-scan", "keepwatch-backup", "keepwatch-agent", "keepwatch-controller"],
        ),
        ("agent/backup", &["keepwatch-proto", "keepwatch-scan", "keepwatch-agent", "keepwatch-controller"]),
        ("agent", &["keepwatch-controller"]),
        ("controller", &["keepwatch-agent"]),
        ("controller/cli", &["keepwatch-scan", "keepwatch-backup", "keepwatch-agent", "keepwatch-controller"]),
        ("controller/phrases", &["keepwatch-"]),
    ] {
        let manifest = manifest(folder);
        let dependencies = &manifest[manifest.find("[dependencies]").unwrap()..];
        for name in forbidden {
            assert!(!dependencies.lines().any(|l| l.starts_with(name)), "{folder} depends on {name}");
        }
    }
}

#[test]
fn each_engine_has_one_caller() {
    for (engine, owner) in [
        ("yara-x", "agent/scan"),
        ("yara-x-parser", "agent/scan"),
        ("keepwatch-unpack", "agent/scan"),
        ("rustic_core", "agent/backup"),
    ] {
        for folder in
            ["proto", "agent", "agent/scan", "agent/unpack", "agent/backup", "controller", "controller/cli", "tests"]
        {
            let uses = manifest(folder).lines().any(|l| l.starts_with(engine));
            assert_eq!(uses, folder == owner, "{folder} and {engine}");
        }
    }
}

#[test]
fn doors_call_use_cases_and_those_call_plan_store_and_hub() {
    let doors: Vec<Source> =
        ["controller/src/rpc", "controller/src/staff", "controller/src/web"].into_iter().flat_map(sources).collect();
    let sql = ["sqlx", "SELECT ", "INSERT ", "UPDATE "];
    forbid(&doors, &sql, "SQL stands in store/ only");
    forbid(&sources("controller/src/app"), &sql, "SQL stands in store/ only");
    forbid(
        &doors,
        &["app.store", ".store.read", ".store.begin", "self.0.store", "store::hosts::list"],
        "doors go through app/",
    );
    let above = ["crate::rpc", "crate::staff", "crate::web", "crate::door", "crate::run"];
    forbid(&sources("controller/src/app"), &above, "use cases know no door");
    forbid(&sources("controller/src/store"), &above, "the store knows no door");
    forbid(&sources("controller/src/store"), &["crate::app", "crate::hub", "crate::plan"], "the store knows nobody");
    forbid(&sources("controller/src/hub.rs"), &["crate::"], "the hub knows nobody");
    let rooms = ["crate::app", "crate::store", "crate::plan", "crate::web", "crate::staff"];
    forbid(&sources("controller/src/print"), &rooms, "papers are set from words alone");
}

#[test]
fn deciding_is_pure() {
    let pure = [
        "controller/src/plan",
        "proto/src/schedule",
        "proto/src/schedule.rs",
        "proto/src/job",
        "proto/src/job.rs",
        "proto/src/policy",
        "proto/src/policy.rs",
    ];
    let pure: Vec<Source> = pure.into_iter().flat_map(sources).collect();
    forbid(
        &pure,
        &["std::fs", "std::net", "tokio", "async fn", "crate::store", "crate::app", "crate::hub", ".now()"],
        "no I/O, no clock",
    );
}

#[test]
fn wire_types_stop_at_the_doors() {
    let inside = [
        "controller/src/app",
        "controller/src/plan",
        "controller/src/store",
        "controller/src/web",
        "agent/src/work",
        "agent/src/ledger.rs",
        "agent/src/ledger",
    ];
    let inside: Vec<Source> = inside.into_iter().flat_map(sources).collect();
    forbid(&inside, &["wire::agent", "wire::staff", "keepwatch_proto::wire", "tonic::"], "nouns, not messages");
}

#[test]
fn there_is_one_clock() {
    let everything: Vec<Source> = ["proto/src", "agent", "controller"]
        .into_iter()
        .flat_map(sources)
        .filter(|s| s.path != "proto/src/clock.rs")
        .collect();
    forbid(
        &everything,
        &["Utc::now", "Local::now", "SystemTime::now", "OffsetDateTime::now", "Timestamp::now", "Zoned::now"],
        "ask Clock",
    );
}

#[test]
fn systems_are_told_apart_in_platform_only() {
    let words = [
        "cfg(unix",
        "cfg(not(unix",
        "cfg(windows",
        "cfg(target_os",
        "cfg!(unix",
        "cfg!(windows",
        "cfg!(target",
        "std::os::",
        "nix::",
        "libc::",
        "unsafe ",
    ];
    for source in ["proto/src", "agent", "controller"].into_iter().flat_map(sources) {
        if source.path.contains("/platform") {
            continue;
        }
        // A small file may hold its platform module itself; what names a system comes after it.
        let code = source.code.split("mod platform {").next().unwrap();
        let code = code.strip_suffix("#[cfg(unix)]\n").unwrap_or(code);
        for word in words {
            assert!(!code.contains(word), "{} says '{word}' outside its platform module", source.path);
        }
    }
}

#[test]
fn every_file_says_why_it_exists_and_can_be_read_in_one_sitting() {
    for source in ["proto", "agent", "controller", "tests"].into_iter().flat_map(sources) {
        let text = fs::read_to_string(root().join(&source.path)).unwrap();
        assert!(text.trim_start().starts_with("//!"), "{} has no module doc", source.path);
        assert!(text.lines().count() <= 600, "{} has {} lines", source.path, text.lines().count());
    }
}

#[test]
fn rooms_have_a_meaning() {
    for entry in
        WalkDir::new(root()).into_iter().filter_entry(|e| !["target", ".git"].iter().any(|n| e.file_name() == *n))
    {
        let entry = entry.unwrap();
        let stem = entry.path().file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(
            !["util", "utils", "common", "helper", "helpers", "misc"].contains(&stem.as_str()),
            "{}",
            entry.path().display()
        );
    }
}
