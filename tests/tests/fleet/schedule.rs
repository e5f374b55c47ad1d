//! The policy travels with its schedule: a PC works on time, controller or not.

use crate::scan::fleet;
use keepwatch_tests::until;
use std::fs;

#[test]
fn a_scan_comes_due_while_the_controller_is_away_and_arrives_once() {
    let (mut controller, staff, mut agent) = fleet();
    let host = agent.host();
    let disk = agent.disk();
    fs::write(disk.join("marked"), "keepwatch-test-marker").unwrap();
    let paths = serde_json::to_string(&[&disk]).unwrap();
    staff.set_policy(&format!(
        "time_zone: UTC\nscan: {{schedule: '0 3 * * *', paths: {paths}}}\nbackup: {{schedule: '', paths: []}}\n"
    ));
    let generation = agent.status()["generation"].as_u64().unwrap();
    until("the policy has arrived", || {
        agent.status()["next_scan"].is_string() && agent.status()["generation"].as_u64().unwrap() >= generation
    });
    assert_eq!(staff.json(&["jobs", "list", "--host", &host]).as_array().unwrap().len(), 0);

    controller.kill();
    agent.shift_clock(24 * 3600);
    // Started, the detection, ended: all wait in the outbox.
    until("the scan has run", || agent.status()["events_waiting"].as_u64().is_some_and(|n| n >= 3));
    let waiting = agent.status()["events_waiting"].as_u64();
    // The power goes, too: what waits is on the disk.
    agent.kill();
    agent.start();
    until("the agent is up again", || agent.status()["running"] == true);
    assert_eq!(agent.status()["events_waiting"].as_u64(), waiting);
    controller.shift_clock(24 * 3600);
    controller.restart();

    // A day has passed, and with it the session.
    let staff = controller.staff();
    let job = staff.ended(&host, "scan");
    assert_eq!((&job["state"], &job["origin"]), (&"succeeded".into(), &"schedule".into()), "{job}");
    until("the outbox is empty", || agent.status()["events_waiting"] == 0);
    let jobs = staff.json(&["jobs", "list", "--host", &host]);
    assert_eq!(jobs.as_array().unwrap().len(), 1, "{jobs}");
    let detections = staff.json(&["detections"]);
    assert_eq!(detections.as_array().unwrap().len(), 1, "{detections}");
}
