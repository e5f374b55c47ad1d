//! Jobs under way: called off with all that they started, and backups that wait for leave.

use crate::scan::fleet;
use keepwatch_tests::{Agent, Staff, until, until_some};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a job may go on after it was called off.
const CALLED_OFF_WITHIN: Duration = Duration::from_secs(2);

/// Has every backup of this PC wait for a command that does not end by itself, and that starts another
/// one. Returns the file that the id of that stands in.
fn with_endless_hook(agent: &mut Agent) -> std::path::PathBuf {
    let (config, pid) = (agent.state().join("agent.toml"), agent.disk().join("pid"));
    let own = fs::read_to_string(&config).unwrap();
    let before = format!("sleep 1000 & echo $! > '{0}.new'; mv '{0}.new' '{0}'; wait", pid.display());
    fs::write(&config, format!("{own}\n[backup]\nbefore = [\"/bin/sh\", \"-c\", {before:?}]\n")).unwrap();
    agent.kill();
    agent.start();
    agent.until_connected();
    pid
}

fn lives(pid: &str) -> bool {
    // One that nobody waited for yet is dead all the same.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !(stat.is_empty() || stat.contains(") Z ") || stat.contains(") X "))
}

/// Calls the newest job off once it has started what it starts. Returns how it ended.
fn call_off(staff: &Staff, host: &str, pid: &Path) -> serde_json::Value {
    let started = until_some("the command runs", || fs::read_to_string(pid).ok());
    let started = started.trim();
    until("the controller knows that it runs", || {
        staff.json(&["jobs", "list", "--host", host])[0]["state"] == "running"
    });
    assert!(lives(started));
    let id = staff.json(&["jobs", "list", "--host", host])[0]["id"].as_str().unwrap().to_owned();
    staff.run(["jobs", "cancel", &id]).ok();
    let called_off = Instant::now();
    until("nothing of it is left", || !lives(started));
    assert!(called_off.elapsed() <= CALLED_OFF_WITHIN, "{:?}", called_off.elapsed());
    fs::remove_file(pid).unwrap();
    let job = staff.ended(host, "backup");
    assert_eq!((&job["id"], &job["state"]), (&id.as_str().into(), &"cancelled".into()), "{job}");
    job
}

#[test]
fn a_job_that_is_called_off_ends_at_once_with_all_that_it_started_whoever_began_it() {
    let (_controller, staff, mut agent) = fleet();
    let host = agent.host();
    let pid = with_endless_hook(&mut agent);
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &host]).ok();
    let asked = call_off(&staff, &host, &pid);
    assert_eq!(asked["origin"], "admin", "{asked}");
    let log = staff.json(&["jobs", "log", asked["id"].as_str().unwrap()]);
    assert!(log.to_string().contains("called off by admin"), "{log}");

    let paths = serde_json::to_string(&[&agent.disk()]).unwrap();
    staff.set_policy(&format!(
        "time_zone: UTC\nscan: {{schedule: ''}}\nbackup: {{schedule: '0 3 * * *', paths: {paths}}}\n"
    ));
    until("the policy has arrived", || agent.status()["next_backup"].is_string());
    agent.shift_clock(24 * 3600);
    let scheduled = call_off(&staff, &host, &pid);
    assert_eq!(scheduled["origin"], "schedule", "{scheduled}");
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 0);
}

#[test]
fn backups_wait_for_leave_while_the_controller_is_there_and_go_ahead_when_it_is_not() {
    let (mut controller, staff, agent) = fleet();
    let other = Agent::started(&controller, &staff);
    controller.kill();
    let config = controller.data().join("controller.toml");
    let text = fs::read_to_string(&config).unwrap().replace("whole = 50", "whole = 1");
    assert!(text.contains("whole = 1"), "{text}");
    fs::write(&config, text).unwrap();
    controller.restart();
    agent.until_connected();
    other.until_connected();
    // The first one takes long; both are asked.
    fs::write(agent.disk().join("much"), vec![7; 4 << 20]).unwrap();
    fs::write(other.disk().join("little"), "little").unwrap();
    let paths = serde_json::to_string(&[&agent.disk(), &other.disk()]).unwrap();
    let slowly = "bandwidth: [{from: '00:00', to: '00:00', kib_per_second: 64}]";
    staff.set_policy(&format!(
        "scan: {{schedule: ''}}\nbackup: {{schedule: '', paths: {paths}, {slowly}}}\nwork: {{slot_grace_minutes: 30}}\n"
    ));
    let (first, second) = (agent.host(), other.host());
    staff.run(["backup", &first]).ok();
    until("the first one backs up", || staff.json(&["jobs", "slots"])[0]["state"] == "running");
    staff.run(["backup", &second]).ok();
    let state = || staff.json(&["jobs", "list", "--host", &second])[0]["state"].clone();
    until("the second one waits for its turn", || state() == "waiting");
    let id = staff.json(&["jobs", "list", "--host", &first])[0]["id"].as_str().unwrap().to_owned();
    staff.run(["jobs", "cancel", &id]).ok();
    let job = staff.ended(&second, "backup");
    assert_eq!(job["state"], "succeeded", "{job}");

    // Nobody answers, for longer than the grace.
    staff.set_policy(&format!(
        "time_zone: UTC\nscan: {{schedule: ''}}\nbackup: {{schedule: '0 3 * * *', paths: {paths}}}\nwork: {{slot_grace_minutes: 1}}\n"
    ));
    until("the policy has arrived", || other.status()["next_backup"].is_string());
    controller.kill();
    other.shift_clock(24 * 3600);
    until("it asks", || other.log().contains("asks for leave"));
    assert!(!other.log().contains("goes ahead without leave"), "{}", other.log());
    other.shift_clock(24 * 3600 + 61);
    until("it has not waited for ever", || other.log().contains("goes ahead without leave"));
}
