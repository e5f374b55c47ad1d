//! Scans find what is there, and say what they could not look at.

use keepwatch_tests::{Agent, Controller, Staff, eicar, standalone};
use std::fs;
use std::path::{Path, PathBuf};

/// Rules that tests own, so that they do not depend on the starter set.
pub(crate) fn rules(folder: &Path) -> PathBuf {
    let rules = folder.join("rules");
    fs::create_dir_all(&rules).unwrap();
    let source = r#"
        rule Eicar { meta: description = "the EICAR test file" description_zh = "EICAR 测试文件" severity = "high"
            strings: $a = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE" condition: $a }
        rule Marker { meta: severity = "low" strings: $a = "keepwatch-test-marker" condition: $a }
    "#;
    fs::write(rules.join("test.yar"), source).unwrap();
    rules
}

/// A controller with the test's rules, an agent that runs them.
pub(crate) fn fleet() -> (Controller, Staff, Agent) {
    let controller = Controller::start();
    let staff = controller.staff();
    let agent = Agent::started(&controller, &staff);
    staff.import(&rules(&agent.disk())).ok();
    agent.until_bundle(1);
    fs::remove_dir_all(agent.disk().join("rules")).unwrap();
    (controller, staff, agent)
}

#[test]
fn a_planted_eicar_is_found_and_a_clean_tree_is_clean() {
    let (_controller, staff, agent) = fleet();
    let host = agent.host();
    let (clean, dirty) = (agent.disk().join("clean"), agent.disk().join("脏 dirty"));
    fs::create_dir_all(&clean).unwrap();
    fs::create_dir_all(&dirty).unwrap();
    fs::write(clean.join("letter.txt"), "nothing to see").unwrap();
    fs::write(dirty.join("eicar.com"), eicar()).unwrap();

    let watched = staff.run(["scan", &host, clean.to_str().unwrap(), "--watch"]);
    assert_eq!(watched.code, 0, "{watched:?}");
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 0);

    staff.run(["scan", &host, dirty.to_str().unwrap(), "--watch"]).ok();
    let found = staff.json(&["detections"]);
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    let found = &found[0];
    assert_eq!(found["rule"], "Eicar");
    assert_eq!(found["severity"], "high");
    assert_eq!(found["path"], dirty.join("eicar.com").to_str().unwrap());
    assert_eq!(found["size"], 68);
    assert_eq!(found["sha256"], "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f");
    assert_eq!(found["metadata"]["description"], "the EICAR test file");
    assert_eq!(staff.only_host()["state"], "at-risk");

    // Found again, it is the same finding; acknowledged, it is none.
    staff.run(["scan", &host, dirty.to_str().unwrap(), "--watch"]).ok();
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 1);
    let id = found["id"].as_str().unwrap();
    staff.run(["detections", "acknowledge", id, "--reason", "a drill"]).ok();
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 0);
    assert_eq!(staff.json(&["detections", "--all"]).as_array().unwrap().len(), 1);
}

#[test]
fn what_could_not_be_scanned_is_named_and_the_job_is_partial() {
    let (_controller, staff, agent) = fleet();
    let here = agent.disk().join("here");
    fs::write(&here, "keepwatch-test-marker").unwrap();
    let gone = agent.disk().join("gone");
    let words = ["scan", &agent.host(), here.to_str().unwrap(), gone.to_str().unwrap(), "--watch"].map(str::to_owned);
    let watched = staff.run(&words);
    assert_eq!(watched.code, 3, "{watched:?}");
    let job = staff.ended(&agent.host(), "scan");
    assert_eq!(job["state"], "partial");
    assert_eq!(job["tally"]["failed"], 1);
    assert_eq!(job["failures"][0]["path"], gone.to_str().unwrap());
    assert!(!job["failures"][0]["reason"].as_str().unwrap().is_empty());
    // What could be looked at was.
    assert_eq!(staff.json(&["detections"])[0]["rule"], "Marker");
}

#[test]
fn without_a_controller_the_exit_code_tells() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path());
    let disk = folder.path().join("disk");
    fs::create_dir(&disk).unwrap();
    fs::write(disk.join("letter.txt"), "nothing").unwrap();
    let scan = |path: &Path| standalone(&["scan", path.to_str().unwrap(), "--output", "json", "--rules"], &[&rules]);
    assert_eq!(scan(&disk).code, 0);
    assert_eq!(scan(&folder.path().join("missing")).code, 2);
    fs::write(disk.join("eicar.com"), eicar()).unwrap();
    let found = scan(&disk);
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.out.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{found:?}");
    assert!(found.out.contains("eicar.com"));
    let broken = folder.path().join("broken.yar");
    fs::write(&broken, "rule broken { condition: nonsense }").unwrap();
    let refused = standalone(&["scan", disk.to_str().unwrap(), "--rules"], &[&broken]);
    assert!(refused.code == 2 && refused.err.contains("broken.yar"), "{refused:?}");
}
