//! One set of queries for both databases: the main job once more, on PostgreSQL.

use crate::scan::rules;
use keepwatch_tests::{Agent, Controller, eicar, until};
use std::fs;
use std::process::Command;

#[test]
fn the_main_job_runs_on_postgresql() {
    // ./tests/run.sh starts a server of its own.
    let Ok(server) = std::env::var("KEEPWATCH_TEST_POSTGRES") else {
        println!("skipped: KEEPWATCH_TEST_POSTGRES names no server");
        return;
    };
    let name = format!("keepwatch_{}", std::process::id());
    let created =
        Command::new("psql").args([&format!("{server}/postgres"), "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(created.expect("psql is installed (./tests/run.sh does)").success());

    let mut controller = Controller::start_on(Some(format!("{server}/{name}")));
    let staff = controller.staff();
    let agent = Agent::started(&controller, &staff);
    let (host, disk) = (agent.host(), agent.disk());
    let outside = tempfile::tempdir().unwrap();
    staff.import(&rules(outside.path())).ok();
    agent.until_bundle(1);
    fs::write(disk.join("eicar.com"), eicar()).unwrap();
    staff.set_paths(&[&disk]);
    staff.run(["scan", &host, "--watch"]).ok();
    staff.run(["scan", &host, "--watch"]).ok();
    // By group and in turns; then what became of it, by each filter.
    staff.run(["backup", "--group", "all", "--yes", "--watch"]).ok();
    let listed =
        staff.json(&["jobs", "list", "--group", "all", "--state", "ended", "--kind", "backup", "--since", "1h"]);
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["state"]), (1, &"succeeded".into()), "{listed}");
    assert!(staff.json(&["jobs", "log", listed[0]["id"].as_str().unwrap()]).to_string().contains("has leave to begin"));
    assert_eq!(staff.json(&["jobs", "slots"]).as_array().unwrap().len(), 0);
    staff.run(["restore", &host, "latest", "--infected", "--watch"]).ok();
    staff.run(["quarantine", "add", &host, disk.join("eicar.com").to_str().unwrap(), "--watch"]).ok();
    assert_eq!(staff.json(&["quarantine", &host])[0]["id"], staff.json(&["detections"])[0]["put_away"]);
    let item = staff.json(&["quarantine"])[0]["id"].as_str().unwrap().to_owned();
    staff.run(["quarantine", "delete", &item, "--watch"]).ok();
    assert_eq!(staff.json(&["quarantine", "list", "--all"])[0]["state"], "deleted");
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 1);
    let id = staff.json(&["detections"])[0]["id"].as_str().unwrap().to_owned();
    staff.run(["detections", "acknowledge", &id, "--reason", "a drill"]).ok();
    assert_eq!(staff.only_host()["state"], "protected");
    assert!(!controller.data().join("keepwatch.db").exists());

    controller.kill();
    controller.restart();
    agent.until_connected();
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 1);
    assert!(staff.json(&["audit"]).as_array().unwrap().len() >= 7);

    // As after the loss of a database: what it does not know is found again.
    let forgotten = Command::new("psql").args([&format!("{server}/{name}"), "-qc", "DELETE FROM snapshots"]).status();
    assert!(forgotten.unwrap().success());
    controller.kill();
    controller.restart();
    until("the snapshot is found", || staff.json(&["snapshots", &host]).as_array().unwrap().len() == 1);
    let key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    assert!(controller.run(&["recovery-key", "set", key]).ok().out.contains("1 hosts"));
    let created = staff.json(&["users", "create", "second", "--role", "administrator"]);
    staff.run(["hosts", "revoke", &host]).ok();
    staff.run(["hosts", "delete-repository", &host, "--reason", "a drill"]).ok();
    controller.shift_clock(8 * 86_400);
    let second = controller.staff_as("second", created["password"].as_str().unwrap());
    second.run(["hosts", "delete-repository", &host, "approve"]).ok();
    assert_eq!(second.json(&["hosts", "deletions"])[0]["state"], "approved");
    assert!(!controller.log().contains("was not looked through"), "{}", controller.log());
    second.run(["hosts", "delete-repository", &host, "call-off"]).ok();
}
