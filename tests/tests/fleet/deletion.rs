//! A host's backups are deleted when two people want it, and not at once.

use crate::scan::fleet;
use keepwatch_tests::{Staff, until};
use serde_json::Value;
use std::fs;

const DAY: i64 = 86_400;

fn refused(staff: &Staff, words: &[&str], word: &str) {
    let ran = staff.run(words);
    assert!(ran.code != 0 && ran.err.contains(word), "{ran:?}");
}

#[test]
fn two_administrators_and_a_week_are_needed_and_each_of_them_can_stop_it() {
    let (controller, admin, agent) = fleet();
    let host = agent.host();
    fs::write(agent.disk().join("letter.txt"), "the only copy").unwrap();
    admin.set_paths(&[&agent.disk()]);
    admin.run(["backup", &host, "--watch"]).ok();
    let created = admin.json(&["users", "create", "second", "--role", "administrator"]);
    let password = created["password"].as_str().unwrap();
    let ask = ["hosts", "delete-repository", &host, "--reason", "scrapped"];
    let approve = ["hosts", "delete-repository", &host, "approve"];
    let call_off = ["hosts", "delete-repository", &host, "call-off"];

    refused(&admin, &ask, "is in use");
    refused(&admin, &ask[..3], "--reason");
    admin.run(["hosts", "revoke", &host]).ok();
    admin.run(ask).ok();
    refused(&admin, &approve, "you asked for this yourself");
    refused(&controller.staff_as("second", password), &approve, "less than 7 days");
    // The accounts get older; sessions end meanwhile.
    controller.shift_clock(8 * DAY);
    let (admin, second) = (controller.staff(), controller.staff_as("second", password));
    second.run(approve).ok();
    let deletion = |staff: &Staff| staff.json(&["hosts", "deletions"])[0].clone();
    let wanted = deletion(&admin);
    assert_eq!(
        (&wanted["state"], &wanted["asked_by"], &wanted["approved_by"], &wanted["reason"]),
        (&"approved".into(), &"admin".into(), &"second".into(), &"scrapped".into()),
        "{wanted}"
    );
    let shown = admin.json(&["hosts", "show", &host]);
    assert_eq!((&shown["deletion"], &shown["reasons"][1]), (&wanted, &"repository-deletion".into()), "{shown}");
    assert!(admin.run(["hosts", "show", &host]).ok().out.contains("approved by second"));
    // It is all there until its time has come.
    assert_eq!(admin.json(&["snapshots", &host]).as_array().unwrap().len(), 1);
    admin.run(call_off).ok();
    assert_eq!(admin.json(&["hosts", "deletions"]), Value::Array(vec![]));
    refused(&admin, &call_off, "nobody has asked");

    // Nobody calls it off: it is done by itself, and what is left is the record.
    let repository = controller.data().join("repositories").join(&host);
    second.run(ask).ok();
    admin.run(approve).ok();
    assert!(repository.exists());
    controller.shift_clock(16 * DAY);
    let admin = controller.staff();
    until("the repository is gone", || deletion(&admin)["state"] == "deleted");
    assert!(!repository.exists());
    assert_eq!(admin.json(&["snapshots", &host]), Value::Array(vec![]));
    refused(&admin, &call_off, "too late");
    let audit = admin.json(&["audit"]).to_string();
    for word in ["deletion ask", "deletion approve", "deletion call off", "delete begin", "\"repository delete\""] {
        assert!(audit.contains(word), "{audit}");
    }
}
