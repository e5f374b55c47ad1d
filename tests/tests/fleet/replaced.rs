//! A PC dies, and a new one takes its place.

use crate::scan::fleet;
use keepwatch_tests::{Agent, until};
use serde_json::Value;
use std::fs;

#[test]
fn a_new_pc_takes_over_from_one_that_is_gone() {
    let (controller, staff, old) = fleet();
    staff.run(["groups", "create", "finance"]).ok();
    fs::write(old.disk().join("budget.txt"), "a year's work").unwrap();
    staff.set_paths(&[&old.disk()]);
    staff.run(["backup", &old.host(), "--watch"]).ok();
    let (gone, disk) = (old.host(), old.disk());
    let first = staff.json(&["snapshots", &gone])[0]["id"].as_str().unwrap().to_owned();

    let new = Agent::started(&controller, &staff);
    let host = new.host();
    // Before, it sees nothing of the other's.
    assert_eq!(staff.json(&["snapshots", &host]), serde_json::json!([]));
    let told = staff.run(["hosts", "replace", &gone, &host]).ok();
    assert!(format!("{told:?}").contains("has taken over from"), "{told:?}");
    until("the old one is cut off", || {
        let shown = staff.json(&["hosts", "show", &gone]);
        shown["connected"] == false && shown["replaced_by"] == host.as_str() && shown["reasons"][0] == "replaced"
    });
    assert!(staff.run(["hosts", "replace", &gone, &host]).err.contains("replaced already"));
    let refused = staff.run(["backup", &gone]);
    assert!(refused.code != 0 && refused.err.contains("name that"), "{refused:?}");

    // It reads what the old one stored, by the name of the new one.
    let seen = staff.json(&["snapshots", &host]);
    assert_eq!((&seen[0]["id"], &seen[0]["host"]), (&first.as_str().into(), &gone.as_str().into()));
    let path = disk.join("budget.txt").display().to_string();
    let found = staff.json(&["find", &host, "budget.*"]);
    assert_eq!(found[0]["path"].as_str(), Some(path.as_str()), "{found}");
    let to = tempfile::tempdir().unwrap();
    let file = to.path().join("budget.txt");
    staff.run(["download", &host, "latest", &path, "--to", file.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), "a year's work");

    // And has it back.
    staff.run(["restore", &host, "latest", "--target", new.restored().to_str().unwrap(), "--watch"]).ok();
    let back = new.restored().join(disk.strip_prefix("/").unwrap()).join("budget.txt");
    assert_eq!(fs::read_to_string(back).unwrap(), "a year's work");

    // It goes on with backups of its own, in the place of the old one's.
    fs::write(new.disk().join("budget.txt"), "the next year").unwrap();
    staff.set_paths(&[&new.disk()]);
    staff.run(["backup", &host, "--watch"]).ok();
    let seen = staff.json(&["snapshots", &host]);
    let hosts: Vec<&Value> = seen.as_array().unwrap().iter().map(|s| &s["host"]).collect();
    assert_eq!(hosts, [host.as_str(), gone.as_str()]);
    // What only a third may have is still nobody else's.
    let third = Agent::started(&controller, &staff);
    assert_eq!(staff.json(&["snapshots", &third.host()]), serde_json::json!([]));
    let audit = staff.json(&["audit"]).to_string();
    assert!(audit.contains("host replace") && audit.contains(&format!("{gone} by {host}")), "{audit}");
}
