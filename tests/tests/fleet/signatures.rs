//! Signatures only move forward, and what cannot be trusted or used changes nothing.

use crate::scan::{fleet, rules};
use keepwatch_proto::bundle::{BundleContent, RuleFile, TARGET};
use keepwatch_tests::{Agent, Controller, Staff, eicar, until};
use std::fs;
use std::num::NonZeroU64;
use std::path::Path;
use tough::editor::RepositoryEditor;
use tough::editor::signed::PathExists;
use tough::key_source::{KeySource, LocalKeySource};

/// Signs and puts in place what no import would: by the controller's own key, or another.
fn forge(controller: &Controller, key: &Path, content: &BundleContent) {
    let data = controller.data();
    let metadata = data.join("signatures/metadata");
    let staging = tempfile::tempdir().unwrap();
    fs::write(staging.path().join(TARGET), content.pack().unwrap()).unwrap();
    let version = NonZeroU64::new(content.version).unwrap();
    let far = "2099-01-01T00:00:00Z".parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        // Signed by another key, the metadata must still look as if by the root's.
        let root = if key.starts_with(&data) { metadata.join("1.root.json") } else { key.with_file_name("root.json") };
        let mut editor = RepositoryEditor::new(root).await.unwrap();
        editor.add_target_path(staging.path().join(TARGET)).await.unwrap();
        editor.targets_version(version).unwrap().targets_expires(far).unwrap();
        editor.snapshot_version(version).snapshot_expires(far);
        editor.timestamp_version(version).timestamp_expires(far);
        let keys: [Box<dyn KeySource>; 1] = [Box::new(LocalKeySource { path: key.into() })];
        let signed = editor.sign(&keys).await.unwrap();
        signed.copy_targets(staging.path(), data.join("signatures/targets"), PathExists::Replace).await.unwrap();
        let own_root = fs::read(metadata.join("1.root.json")).unwrap();
        signed.write(&metadata).await.unwrap();
        fs::write(metadata.join("1.root.json"), own_root).unwrap();
    });
}

fn content(version: u64, source: &str) -> BundleContent {
    BundleContent { version, rules: 1, files: vec![RuleFile { path: "forged.yar".into(), source: source.into() }] }
}

/// The controller says that there is a newer bundle: the version only, since what an agent
/// believes is the signed metadata.
fn announce(controller: &mut Controller, version: u64) {
    let database = controller.data().join("keepwatch.db");
    controller.kill();
    let sql = format!(
        "INSERT INTO bundles (version, sha256, size, rules, files, published, published_by) VALUES ({version}, '', 0, 1, 1, 0, 'test'); \
         UPDATE hosts SET generation = generation + 1;"
    );
    let done = std::process::Command::new("sqlite3")
        .arg(&database)
        .arg(sql)
        .status()
        .expect("sqlite3 is installed (./tests/run.sh does)");
    assert!(done.success());
    controller.restart();
}

/// The running bundle still finds what it found.
fn still_works(staff: &Staff, agent: &Agent) {
    let file = agent.disk().join("eicar.com");
    fs::write(&file, eicar()).unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
    assert_eq!(staff.json(&["detections"])[0]["rule"], "Eicar");
}

fn refused_because(staff: &Staff, agent: &Agent, words: &[&str]) {
    until("the refusal is reported", || staff.only_host()["bundle_refused"].is_string());
    let reason = staff.only_host()["bundle_refused"].as_str().unwrap().to_lowercase();
    assert!(words.iter().any(|w| reason.contains(w)), "{reason}");
    assert_eq!(agent.status()["bundle"], 1);
    let reasons = staff.only_host()["reasons"].clone();
    assert!(reasons.as_array().unwrap().iter().any(|r| r == "signatures-refused"), "{reasons}");
    still_works(staff, agent);
}

#[test]
fn a_bundle_that_does_not_compile_is_refused() {
    let (mut controller, staff, agent) = fleet();
    forge(&controller, &controller.data().join("keys/signing.key"), &content(2, "rule broken { condition: nonsense }"));
    announce(&mut controller, 2);
    refused_because(&staff, &agent, &["compile", "nonsense"]);
    // A good one after it is taken.
    let folder = tempfile::tempdir().unwrap();
    staff.import(&rules(folder.path())).ok();
    agent.until_bundle(3);
    until("the refusal is history", || staff.only_host()["bundle_refused"].is_null());
}

#[test]
fn a_bundle_signed_by_another_key_is_refused() {
    let (mut controller, staff, agent) = fleet();
    let other = Controller::start();
    let stolen = tempfile::tempdir().unwrap();
    fs::copy(other.data().join("keys/signing.key"), stolen.path().join("signing.key")).unwrap();
    fs::copy(other.data().join("signatures/metadata/1.root.json"), stolen.path().join("root.json")).unwrap();
    forge(&controller, &stolen.path().join("signing.key"), &content(2, "rule fine { condition: false }"));
    announce(&mut controller, 2);
    refused_because(&staff, &agent, &["sign", "verif", "threshold", "key"]);
}

#[test]
fn an_older_bundle_is_not_taken_though_it_is_signed() {
    let (mut controller, staff, agent) = fleet();
    let folder = tempfile::tempdir().unwrap();
    staff.import(&rules(folder.path())).ok();
    agent.until_bundle(2);
    // Version 3 is announced, and what is served is version 1, signed long ago.
    forge(&controller, &controller.data().join("keys/signing.key"), &content(1, "rule old { condition: false }"));
    let metadata = controller.data().join("signatures/metadata");
    fs::copy(metadata.join("timestamp.json"), metadata.join("3.timestamp.json")).unwrap();
    announce(&mut controller, 3);
    until("the agent has looked", || agent.log().contains("signatures cannot be had yet"));
    assert_eq!(agent.status()["bundle"], 2);
    still_works(&staff, &agent);
    // It may be a copy that lags: that is held against no version, and the next one is taken.
    assert!(staff.only_host()["bundle_refused"].is_null());
    staff.import(&rules(folder.path())).ok();
    agent.until_bundle(4);
}

#[test]
fn an_import_shows_what_is_broken_and_publishes_nothing_of_it() {
    let controller = Controller::start();
    let staff = controller.staff();
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path());
    fs::write(rules.join("broken.yar"), "rule one { condition: true }\nrule two { condition: nonsense }\n").unwrap();
    let refused = staff.import(&rules);
    assert_eq!(refused.code, 1, "{refused:?}");
    let said = format!("{}{}", refused.out, refused.err);
    assert!(said.contains("broken.yar:2") && said.contains("nonsense"), "{said}");
    assert_eq!(staff.json(&["signatures", "list"]).as_array().unwrap().len(), 0);
    fs::remove_file(rules.join("broken.yar")).unwrap();
    staff.import(&rules).ok();
    let bundles = staff.json(&["signatures", "list"]);
    assert_eq!((&bundles[0]["version"], &bundles[0]["rules"]), (&1.into(), &2.into()), "{bundles}");
}
