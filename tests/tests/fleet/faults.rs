//! Processes die at the worst moment; nothing that was acknowledged is lost, nothing comes
//! twice.

use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe};
use keepwatch_tests::{Agent, Controller, Staff, until};
use std::fs;
use std::path::Path;

/// Enough that a backup takes a while.
fn plant_much(disk: &Path) {
    for file in 0..40u64 {
        let mut state = file.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let noise: Vec<u8> = (0..1_500_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) as u8
            })
            .collect();
        fs::write(disk.join(format!("{file}.bin")), noise).unwrap();
    }
}

fn until_running(staff: &Staff, host: &str) {
    until("the backup has sent something", || {
        let jobs = staff.json(&["jobs", "list", "--host", host]);
        jobs[0]["kind"] == "backup" && jobs[0]["progress"]["bytes"].as_u64().unwrap_or(0) > 0
    });
}

fn prove(controller: &Controller, staff: &Staff, agent: &Agent) {
    let host = agent.host();
    staff.run(["backup", &host, "--watch"]).ok();
    let target = agent.restored().join("proof");
    staff.run(["restore", &host, "latest", "--target", target.to_str().unwrap(), "--watch"]).ok();
    let disk = agent.disk();
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
    let ended = staff.json(&["jobs", "list", "--host", &host]);
    assert!(ended.as_array().unwrap().iter().all(|j| j["ended"].is_string()), "{ended}");
    assert!(controller.data().exists());
}

#[test]
fn an_agent_killed_in_a_backup_says_so_and_the_next_one_completes() {
    let (controller, staff, mut agent) = fleet();
    let host = agent.host();
    plant_much(&agent.disk());
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &host]).ok();
    until_running(&staff, &host);
    agent.kill();
    agent.start();
    let job = staff.ended(&host, "backup");
    assert_eq!(job["state"], "failed", "{job}");
    assert!(job["message"].as_str().unwrap().contains("interrupted"), "{job}");
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 0);
    prove(&controller, &staff, &agent);
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 1);
}

#[test]
fn a_controller_killed_in_a_backup_gets_the_rest_of_it() {
    let (mut controller, staff, agent) = fleet();
    let host = agent.host();
    plant_much(&agent.disk());
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &host]).ok();
    until_running(&staff, &host);
    controller.kill();
    controller.restart();
    let job = staff.ended(&host, "backup");
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 1);
    prove(&controller, &staff, &agent);
}

#[test]
fn a_job_called_off_ends_and_leaves_no_snapshot() {
    let (_controller, staff, agent) = fleet();
    let host = agent.host();
    plant_much(&agent.disk());
    // It cannot end before it is called off.
    let paths = serde_json::to_string(&[&agent.disk()]).unwrap();
    let slowly = "bandwidth: [{from: '00:00', to: '00:00', kib_per_second: 64}]";
    staff.set_policy(&format!("scan: {{schedule: ''}}\nbackup: {{schedule: '', paths: {paths}, {slowly}}}\n"));
    staff.run(["backup", &host]).ok();
    until_running(&staff, &host);
    let id = staff.json(&["jobs", "list", "--host", &host])[0]["id"].as_str().unwrap().to_owned();
    staff.run(["jobs", "cancel", &id]).ok();
    assert_eq!(staff.ended(&host, "backup")["state"], "cancelled");
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 0);
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &host, "--watch"]).ok();
}
