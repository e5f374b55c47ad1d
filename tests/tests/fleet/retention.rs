//! Older snapshots go by rule, and never by trick.

use crate::interop::restic;
use crate::scan::fleet;
use keepwatch_tests::Staff;
use keepwatch_tests::tree::{assert_same, describe};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn policy(staff: &Staff, disk: &Path) {
    let keep = "keep: {last: 1, within_days: 0, weekly: 0, monthly: 0, yearly: 0}";
    staff.set_policy(&format!(
        "backup: {{schedule: '', paths: [{:?}], scan: false, {keep}}}\nscan: {{schedule: ''}}",
        disk
    ));
}

fn ids(staff: &Staff, host: &str) -> Vec<String> {
    let all = staff.json(&["snapshots", host]);
    all.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn snapshots_go_by_the_policys_rules_and_what_stays_restores() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    policy(&staff, &disk);
    for n in 0..3 {
        fs::write(disk.join("file"), format!("{n}").repeat(500_000)).unwrap();
        staff.run(["backup", &host, "--watch"]).ok();
    }
    let plan = staff.json(&["retention", "plan", &host]);
    let stays: Vec<bool> = plan.as_array().unwrap().iter().map(|f| !f["kept"].as_array().unwrap().is_empty()).collect();
    assert_eq!(stays, [true, false, false], "{plan}");
    assert_eq!(ids(&staff, &host).len(), 3, "nothing is done by looking");
    let before = ids(&staff, &host);
    let ran = staff.run(["retention", "run", &host]).ok();
    assert!(ran.err.contains("2 snapshots removed") || ran.out.contains("2 snapshots removed"), "{ran:?}");
    assert_eq!(ids(&staff, &host), before[..1]);

    let kit = staff.json(&["recovery-kit", &host]);
    let (repository, password) =
        (PathBuf::from(kit["repository"].as_str().unwrap()), agent.restored().join("password"));
    fs::write(&password, kit["password"].as_str().unwrap()).unwrap();
    assert!(restic(&repository, &password, &["check", "--read-data"]).contains("no errors were found"));
    assert!(restic(&repository, &password, &["snapshots"]).contains("1 snapshots"));
    // The agent goes on, and what stays restores.
    fs::write(disk.join("more"), "more").unwrap();
    staff.run(["backup", &host, "--watch"]).ok();
    let target = agent.restored().join("out");
    staff.run(["restore", &host, "latest", "--target", target.to_str().unwrap(), "--watch"]).ok();
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
    assert!(restic(&repository, &password, &["check", "--read-data"]).contains("no errors were found"));
    let audit = staff.json(&["audit"]).to_string();
    assert!(audit.contains("snapshot remove") && audit.contains(&before[2]), "{audit}");
    // What goes is an administrator's matter.
    let viewer = staff.json(&["users", "create", "ann", "--role", "operator"]);
    let refused = _controller.staff_as("ann", viewer["password"].as_str().unwrap()).run(["retention", "run", &host]);
    assert!(refused.code != 0 && refused.err.contains("administrator"), "{refused:?}");
}

#[test]
fn where_all_files_changed_at_once_nothing_goes_until_staff_have_looked() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    policy(&staff, &disk);
    let write = |word: &str| (0..250).for_each(|n| fs::write(disk.join(n.to_string()), format!("{word} {n}")).unwrap());
    write("good");
    staff.run(["backup", &host, "--watch"]).ok();
    let good = ids(&staff, &host);
    write("encrypted");
    staff.run(["backup", &host, "--watch"]).ok();

    let reasons = |host: &Value| host["reasons"].to_string();
    assert!(reasons(&staff.json(&["hosts", "show", &host])).contains("retention-frozen"));
    let ran = staff.run(["retention", "run", &host]).ok();
    assert!(format!("{}{}", ran.out, ran.err).contains("nothing is removed"), "{ran:?}");
    assert!(ids(&staff, &host).contains(&good[0]));
    let plan = staff.run(["retention", "plan", &host]).ok();
    assert!(format!("{}{}", plan.out, plan.err).contains("100 % of the files changed"), "{plan:?}");

    staff.run(["retention", "thaw", &host]).ok();
    assert!(!reasons(&staff.json(&["hosts", "show", &host])).contains("retention-frozen"));
    staff.run(["retention", "run", &host]).ok();
    assert_eq!(ids(&staff, &host).len(), 1);
    assert!(staff.run(["retention", "thaw", &host]).err.contains("nothing is frozen"));
}

#[test]
fn where_files_were_encrypted_nothing_goes_until_staff_have_looked() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    policy(&staff, &disk);
    let reasons = || staff.json(&["hosts", "show", &host])["reasons"].to_string();
    for n in 0..600 {
        fs::write(disk.join(format!("letter {n}.txt")), format!("letter {n} ").repeat(200)).unwrap();
    }
    staff.run(["backup", &host, "--watch"]).ok();
    let mut state = 1u64;
    let mut noise = |length: usize| -> Vec<u8> {
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        (0..length).map(next).collect()
    };
    // Pictures and zips are no reason, however many.
    for n in 0..300 {
        let magic: &[u8] = if n % 2 == 0 { b"\xff\xd8\xff\xe0" } else { b"PK\x03\x04" };
        fs::write(disk.join(format!("photo {n}.jpg")), [magic, &noise(3000)].concat()).unwrap();
    }
    staff.run(["backup", &host, "--watch"]).ok();
    assert!(!reasons().contains("retention-frozen"), "{}", reasons());
    // A fifth of all, under new names.
    for n in 0..180 {
        fs::write(disk.join(format!("letter {n}.txt.locked")), noise(2000)).unwrap();
        fs::remove_file(disk.join(format!("letter {n}.txt"))).unwrap();
    }
    staff.run(["backup", &host, "--watch"]).ok();
    assert!(reasons().contains("retention-frozen"), "{}", reasons());
    let plan = staff.run(["retention", "plan", &host]).ok();
    assert!(
        format!("{}{}", plan.out, plan.err).contains("180 files were replaced by ones that look encrypted"),
        "{plan:?}"
    );
}
