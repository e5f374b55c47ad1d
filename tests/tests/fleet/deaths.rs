//! A scanner that dies on a file costs that file, not the scan; an agent that is stopped in
//! a scan goes on with it.

use keepwatch_tests::{Agent, Controller, Staff, until, until_some};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One rule that finds, and one that takes for ever over files of one name.
fn rules(folder: &Path) -> PathBuf {
    let rules = folder.join("rules");
    fs::create_dir_all(&rules).unwrap();
    let source = r#"
        rule Marker { strings: $a = "keepwatch-test-marker" condition: $a }
        rule Slow { condition: filename == "slow" and filesize > 10 and for all i in (0..1000000000000) : (i >= 0) }
    "#;
    fs::write(rules.join("test.yar"), source).unwrap();
    rules
}

/// A fleet, and files to scan: some that are found in, and one that takes for ever.
fn scene() -> (Controller, Staff, Agent, PathBuf) {
    let controller = Controller::start();
    let staff = controller.staff();
    let agent = Agent::started(&controller, &staff);
    staff.import(&rules(&agent.disk())).ok();
    agent.until_bundle(1);
    let files = agent.disk().join("files");
    fs::create_dir(&files).unwrap();
    for n in 0..20 {
        fs::write(files.join(format!("marked-{n}")), format!("{n} keepwatch-test-marker")).unwrap();
        fs::write(files.join(format!("clean-{n}")), format!("{n}")).unwrap();
    }
    fs::write(files.join("slow"), "this takes longer than anybody waits").unwrap();
    (controller, staff, agent, files)
}

/// The process that judges the slow file now.
fn at_the_slow_one(agent: &Agent, but: Option<u32>) -> u32 {
    until_some("the slow file is being judged", || {
        let traces = fs::read(agent.state().join("scans/at-work")).ok()?;
        let at_it = traces.windows(b"/files/slow".len()).any(|part| part == b"/files/slow");
        worker_of(agent).filter(|pid| at_it && Some(*pid) != but)
    })
}

fn worker_of(agent: &Agent) -> Option<u32> {
    let parent = format!("PPid:\t{}", agent.pid());
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        status.lines().any(|line| line == parent).then_some(pid)
    })
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

fn detections(staff: &Staff) -> usize {
    staff.json(&["detections"]).as_array().map_or(0, Vec::len)
}

fn scan_jobs(staff: &Staff, host: &str) -> Vec<Value> {
    staff.json(&["jobs", "list", "--host", host]).as_array().cloned().unwrap_or_default()
}

#[test]
fn a_file_that_kills_the_scanner_costs_itself_and_is_set_aside() {
    let (_controller, staff, agent, files) = scene();
    let (host, files) = (agent.host(), files.to_str().unwrap().to_owned());
    staff.run(["scan", &host, &files]).ok();
    let first = at_the_slow_one(&agent, None);
    kill(first);
    // The next one judges it alone, and dies on it, too.
    kill(at_the_slow_one(&agent, Some(first)));

    let job = staff.ended(&host, "scan");
    assert_eq!(job["state"], "partial", "{job}");
    assert_eq!(job["failures"].as_array().unwrap().len(), 1, "{job}");
    assert_eq!(job["failures"][0]["path"], format!("{files}/slow"));
    let reason = job["failures"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("the scanner died on it (killed by SIGKILL"), "{reason}");
    assert!(reason.contains("set aside until it or the rules change"), "{reason}");
    // Nothing that is there is lost, and nothing counts twice.
    assert_eq!(detections(&staff), 20);
    assert_eq!(job["tally"]["detected"], 20, "{job}");
    let judged = |job: &Value| job["tally"]["files"].as_u64().unwrap() + job["tally"]["unchanged"].as_u64().unwrap();
    assert_eq!(judged(&job), 40, "{job}");

    // The next scan leaves it alone, until it changes.
    assert_eq!(staff.run(["scan", &host, &files, "--watch"]).code, 3);
    assert!(staff.ended(&host, "scan")["message"].as_str().unwrap().contains("1 of them is set aside"));
    fs::write(format!("{files}/slow"), "short now").unwrap();
    assert_eq!(staff.run(["scan", &host, &files, "--watch"]).code, 0);
    assert_eq!(detections(&staff), 20);
}

#[test]
fn a_scan_goes_on_as_the_same_job_after_the_agent_was_killed() {
    let (_controller, staff, mut agent, files) = scene();
    let host = agent.host();
    staff.run(["scan", &host, files.to_str().unwrap()]).ok();
    at_the_slow_one(&agent, None);
    let before = scan_jobs(&staff, &host);
    agent.kill();
    fs::write(files.join("slow"), "short now").unwrap();
    agent.start();
    let job = staff.ended(&host, "scan");
    assert_eq!((&job["state"], &job["id"]), (&"succeeded".into(), &before[0]["id"]), "{job}");
    assert_eq!(scan_jobs(&staff, &host).len(), 1);
    assert_eq!(detections(&staff), 20);
}

#[test]
fn a_scan_whose_worker_died_can_still_be_called_off() {
    let (_controller, staff, agent, files) = scene();
    let host = agent.host();
    staff.run(["scan", &host, files.to_str().unwrap()]).ok();
    let first = at_the_slow_one(&agent, None);
    kill(first);
    at_the_slow_one(&agent, Some(first));
    let id = scan_jobs(&staff, &host)[0]["id"].as_str().unwrap().to_owned();
    staff.run(["jobs", "cancel", &id]).ok();
    assert_eq!(staff.ended(&host, "scan")["state"], "cancelled");
    until("its worker is gone", || worker_of(&agent).is_none());
}

#[test]
fn a_scan_that_staff_pause_waits_also_over_a_restart_until_they_resume_it() {
    let (_controller, staff, mut agent, files) = scene();
    let host = agent.host();
    staff.run(["scan", &host, files.to_str().unwrap()]).ok();
    at_the_slow_one(&agent, None);
    let id = scan_jobs(&staff, &host)[0]["id"].as_str().unwrap().to_owned();
    let job = || staff.json(&["jobs", "show", &id]);
    let waits = || job()["progress"]["phase"] == "paused: by staff";
    staff.run(["jobs", "pause", &id]).ok();
    until("the scan says that it waits", waits);
    assert_eq!((&job()["state"], &job()["paused"]), (&"running".into(), &true.into()));

    agent.kill();
    agent.start();
    until("it waits again", waits);
    fs::write(files.join("slow"), "short now").unwrap();
    staff.run(["jobs", "resume", &id]).ok();
    assert_eq!(staff.ended(&host, "scan")["state"], "succeeded", "{}", job());
    assert_eq!(detections(&staff), 20);
    let refused = staff.run(["jobs", "pause", &id]);
    assert!(refused.code != 0 && refused.err.contains("this job has ended already"), "{}", refused.err);
}

#[test]
fn a_file_that_kills_the_scanner_is_saved_all_the_same() {
    let (_controller, staff, agent, files) = scene();
    let host = agent.host();
    staff.set_paths(&[&files]);
    staff.run(["backup", &host]).ok();
    let first = at_the_slow_one(&agent, None);
    kill(first);
    kill(at_the_slow_one(&agent, Some(first)));

    let job = staff.ended(&host, "backup");
    assert_eq!((&job["state"], &job["tally"]["files"]), (&"succeeded".into(), &41.into()), "{job}");
    let reason = job["failures"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("saved, but not inspected: the scanner died on it (killed by SIGKILL"), "{reason}");
    let snapshots = staff.json(&["snapshots", &host]);
    assert_eq!((snapshots.as_array().unwrap().len(), snapshots[0]["files"].as_u64()), (1, Some(41)), "{snapshots}");
    assert_eq!(
        (&snapshots[0]["verdict"], snapshots[0]["infected"].as_array().unwrap().len()),
        (&"infected".into(), 20)
    );
    assert_eq!(detections(&staff), 20);
}

#[test]
fn a_backup_that_staff_pause_waits_until_they_resume_it() {
    let (_controller, staff, agent, files) = scene();
    let host = agent.host();
    staff.set_paths(&[&files]);
    staff.run(["backup", &host]).ok();
    at_the_slow_one(&agent, None);
    let id = scan_jobs(&staff, &host)[0]["id"].as_str().unwrap().to_owned();
    let phase = || staff.json(&["jobs", "show", &id])["progress"]["phase"].clone();
    staff.run(["jobs", "pause", &id]).ok();
    until("the backup says that it waits", || phase() == "paused: by staff");
    staff.run(["jobs", "cancel", &id]).ok();
    // What it had saved by then, while only the scan went on, is kept.
    let ended = staff.ended(&host, "backup");
    assert!(ended["state"] == "cancelled" || ended["snapshot"].is_string(), "{ended}");
}
