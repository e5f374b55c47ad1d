//! Policies kept as a folder, through the real command line to a real agent.

use crate::scan::fleet;
use keepwatch_tests::until;
use std::fs;

#[test]
fn a_folder_is_applied_once_and_only_whom_it_concerns_hears_of_it() {
    let (_controller, staff, agent) = fleet();
    staff.run(["groups", "create", "tax"]).ok();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("all.yaml", "group: all\nlocked: [scan.schedule]\ntime_zone: UTC\nscan: {schedule: '0 3 * * *'}\n");
    write("tax.yaml", "group: tax\nbackup: {schedule: '0 4 * * *'}\n");
    let generation = || agent.status()["generation"].as_u64().unwrap();
    let changes = |words: &[&str]| staff.json(words).as_array().unwrap().len();

    let before = generation();
    // For the one PC in 'all'; nobody is in 'tax'.
    let seen = changes(&["policies", "diff", "-f", path]);
    assert!(seen >= 2, "the zone and the scans' schedule at least: {seen}");
    assert_eq!(changes(&["policies", "apply", "-f", path]), seen);
    until("the policy has arrived", || generation() > before);
    let after = generation();
    assert_eq!(changes(&["policies", "apply", "-f", path]), 0);
    // A document of a group that it is not in: the PC hears nothing, and of the next one it does.
    write("tax.yaml", "group: tax\nbackup: {schedule: '0 5 * * *'}\n");
    assert_eq!(changes(&["policies", "apply", "-f", path]), 0);
    let host = agent.host();
    staff.run(["hosts", "move", &host, "--group", "tax"]).ok();
    until("it is in its new group", || generation() == after + 1);
    let fields = staff.json(&["policies", "effective", "--host", &host]);
    let schedule = fields.as_array().unwrap().iter().find(|f| f["field"] == "backup.schedule").unwrap();
    assert_eq!((&schedule["value"], &schedule["origin"]), (&"0 5 * * *".into(), &"tax".into()));
    let hours = staff.json(&["policies", "simulate", "tax", "--days", "7"]);
    assert_eq!(hours.as_array().unwrap().len(), 14, "{hours}");

    // What is locked above is refused, with the line.
    write("tax.yaml", "group: tax\nscan:\n  schedule: ''\n");
    let refused = staff.run(["policies", "apply", "-f", path]);
    assert!(refused.err.contains("tax.yaml: line 3: scan.schedule is locked by the group 'all'"), "{}", refused.err);
}
