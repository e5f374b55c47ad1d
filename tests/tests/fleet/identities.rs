//! Who a PC is over the years: certificates that are renewed, PCs that come back after a long time,
//! disks that were copied.

use crate::scan::fleet;
use keepwatch_tests::{Agent, Controller, Staff, until, until_some};
use serde_json::Value;
use std::fs;

const DAY: i64 = 86_400;

fn certificate(agent: &Agent) -> String {
    fs::read_to_string(agent.state().join("identity/certificate.pem")).unwrap_or_default()
}

/// The one PC that asks to be let in, once it does.
fn pending(staff: &Staff) -> Value {
    until_some("a PC asks to be let in", || {
        let pending = staff.json(&["hosts", "pending"]);
        pending.as_array()?.iter().find(|claim| claim["state"] == "waiting").cloned()
    })
}

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

#[test]
fn a_certificate_is_renewed_and_the_old_one_works_until_the_new_one_did() {
    let (controller, _, mut agent) = fleet();
    let (host, first, identity) = (agent.host(), certificate(&agent), agent.state().join("identity"));
    agent.kill();
    let older = Agent::copy_of(&agent, &controller);
    controller.shift_clock(270 * DAY);
    agent.start();
    until("the certificate was renewed", || certificate(&agent) != first);
    let second = certificate(&agent);
    agent.until_connected();
    assert!(!agent.state().join("identity.next").exists());

    // The power went after the controller had seen the new one, and before the agent had put it in
    // place; then between the two renames that do so.
    let (old, new, next) = (agent.state().join("identity.old"), agent.state().join("identity.new"), "identity.next");
    for half_way in [false, true] {
        agent.kill();
        if half_way {
            fs::rename(&identity, &new).unwrap();
            fs::create_dir(&old).unwrap();
        } else {
            fs::create_dir(agent.state().join(next)).unwrap();
            for file in ["key.pem", "certificate.pem"] {
                fs::copy(identity.join(file), agent.state().join(next).join(file)).unwrap();
                fs::copy(older.state().join("identity").join(file), identity.join(file)).unwrap();
            }
            assert_eq!(certificate(&agent), first);
        }
        agent.start();
        agent.until_connected();
        until("the new one is in place", || certificate(&agent) == second && !agent.state().join(next).exists());
        assert_eq!(agent.host(), host);
    }

    // One that does not work costs nothing: the one in force is tried next.
    agent.kill();
    fs::create_dir(agent.state().join(next)).unwrap();
    for file in ["key.pem", "certificate.pem"] {
        fs::write(agent.state().join(next).join(file), "not what it should be").unwrap();
    }
    agent.start();
    agent.until_connected();
    assert_eq!(certificate(&agent), second);
    let staff = controller.staff();
    fs::write(agent.disk().join("letter.txt"), "kept").unwrap();
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &host, "--watch"]).ok();
}

#[test]
fn a_pc_that_was_away_for_more_than_a_year_comes_back_by_approval_with_all_that_it_has_to_tell() {
    let (controller, staff, mut agent) = fleet();
    let host = agent.host();
    let paths = serde_json::to_string(&[agent.disk()]).unwrap();
    staff.set_policy(&format!(
        "time_zone: UTC\nscan: {{schedule: '0 3 * * *', paths: {paths}}}\nbackup: {{schedule: '', paths: []}}\n"
    ));
    until("the policy has arrived", || agent.status()["next_scan"].is_string());
    fs::write(agent.disk().join("marked"), "keepwatch-test-marker").unwrap();
    agent.kill();
    controller.shift_clock(368 * DAY);
    let staff = controller.staff();
    // A clock that jumps by a year is not believed, and no certificate expires by it.
    assert!(staff.json(&["clock"])["doubt"].as_str().unwrap().contains("368 days ahead"));
    staff.run(["clock", "confirm"]).ok();
    assert!(staff.json(&["clock"])["doubt"].is_null());

    agent.shift_clock(368 * DAY);
    agent.start();
    let claim = pending(&staff);
    assert_eq!(
        (&claim["why"], &claim["host"], &claim["state"]),
        (&"expired".into(), &host.as_str().into(), &"waiting".into())
    );
    until("a scan has run", || agent.status()["events_waiting"].as_u64().is_some_and(|n| n >= 3));
    assert_eq!(agent.status()["connected"], false);
    // A refusal can be taken back; in between the agent is started anew and asks as the same.
    staff.run(["hosts", "refuse", id(&claim)]).ok();
    agent.kill();
    agent.start();
    until("it was told", || agent.log().contains("refused"));
    staff.run(["hosts", "approve", id(&claim), "--as", "same"]).ok();
    agent.until_connected();
    assert_eq!(agent.host(), host);
    until("all was told", || agent.status()["events_waiting"] == 0);
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 1);
    assert_eq!(staff.only_host()["id"], host);
    assert_eq!(staff.json(&["hosts", "pending"]).as_array().unwrap().len(), 1);
}

#[test]
fn two_pcs_with_one_copied_disk_are_told_apart_and_no_event_is_lost() {
    let (controller, staff, mut original) = fleet();
    let host = original.host();
    original.kill();
    let mut copy = Agent::copy_of(&original, &controller);
    let older = Agent::copy_of(&original, &controller);
    original.start();
    original.until_connected();
    let paths = serde_json::to_string(&[original.disk(), copy.disk()]).unwrap();
    staff.set_policy(&format!(
        "time_zone: UTC\nscan: {{schedule: '0 3 * * *', paths: {paths}}}\nbackup: {{schedule: '', paths: {paths}}}\n"
    ));
    for (agent, name) in [(&original, "original"), (&copy, "copy")] {
        fs::write(agent.disk().join(name), "keepwatch-test-marker").unwrap();
    }

    // What its status says may be from before it was stopped.
    let connections = |agent: &Agent| agent.log().matches("connected to").count();
    until("the original is back", || connections(&original) == 2);
    // The copy does not get in, and does not throw the other out, however often it tries.
    copy.start();
    let claim = pending(&staff);
    assert_eq!((&claim["why"], &claim["host"]), (&"copy".into(), &host.as_str().into()));
    until("it has tried again", || copy.log().matches("hosts approve").count() >= 3);
    assert_eq!((&original.status()["connected"], &copy.status()["connected"]), (&true.into(), &false.into()));
    assert_eq!(connections(&original), 2);

    // Both have something to tell with the same numbers: the copy as long as it waits, too.
    staff.run(["scan", &host, original.disk().to_str().unwrap(), "--watch"]).ok();
    assert_eq!(copy.status()["events_waiting"], 0);
    staff.run(["hosts", "approve", id(&claim), "--as", "new"]).ok();
    copy.until_connected();
    let new = copy.host();
    assert!(new != host && original.host() == host);
    assert_eq!(staff.json(&["hosts", "list"]).as_array().unwrap().len(), 2);
    staff.run(["scan", &new, copy.disk().to_str().unwrap(), "--watch"]).ok();
    let found = |of: &str| -> Vec<String> {
        let found = staff.json(&["detections", "--host", of]);
        found.as_array().unwrap().iter().map(|d| d["path"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found(&host), [original.disk().join("original").to_str().unwrap()]);
    assert_eq!(found(&new), [copy.disk().join("copy").to_str().unwrap()]);
    // Each has a repository of its own.
    for of in [&host, &new] {
        staff.run(["backup", of, "--watch"]).ok();
        assert_eq!(staff.json(&["snapshots", of]).as_array().unwrap().len(), 1);
    }
    let secret = |agent: &Agent| fs::read_to_string(agent.state().join("identity/repository-password")).unwrap();
    assert_ne!(secret(&original), secret(&copy));

    // One of them is set back to an older image: it is the same PC, and goes on as that.
    original.kill();
    original.set_back_to(&older);
    original.start();
    let claim = pending(&staff);
    assert_eq!((&claim["why"], &claim["host"]), (&"copy".into(), &host.as_str().into()));
    staff.run(["hosts", "approve", id(&claim), "--as", "same"]).ok();
    original.until_connected();
    assert_eq!(original.host(), host);
    staff.run(["scan", &host, original.disk().to_str().unwrap(), "--watch"]).ok();
    staff.run(["backup", &host, "--watch"]).ok();
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 2);
}

#[test]
fn a_controller_that_was_set_back_lets_in_whom_it_has_forgotten_by_approval() {
    let mut controller = Controller::start();
    let staff = controller.staff();
    let mut known = Agent::started(&controller, &staff);
    // Last night's copy.
    controller.kill();
    let data = controller.data();
    let copy = data.with_file_name("last-night");
    assert!(std::process::Command::new("cp").arg("-a").args([&data, &copy]).status().unwrap().success());
    controller.restart();
    let mut forgotten = Agent::started(&controller, &staff);
    fs::write(forgotten.disk().join("letter.txt"), "kept").unwrap();
    staff.set_paths(&[&forgotten.disk()]);
    staff.run(["backup", &forgotten.host(), "--watch"]).ok();
    // Streams that the copy knows nothing of.
    for _ in 0..3 {
        known.kill();
        known.start();
        known.until_connected();
    }

    controller.kill();
    for file in ["keepwatch.db", "keepwatch.db-wal", "keepwatch.db-shm"] {
        let _ = fs::remove_file(data.join(file));
    }
    for file in ["keepwatch.db", "keepwatch.db-wal"] {
        if copy.join(file).exists() {
            fs::copy(copy.join(file), data.join(file)).unwrap();
        }
    }
    controller.restart();
    let staff = controller.staff();
    known.until_connected();
    let claim = pending(&staff);
    let host = forgotten.host();
    assert_eq!((&claim["why"], &claim["host"]), (&"unknown".into(), &host.as_str().into()));
    staff.run(["hosts", "approve", id(&claim), "--as", "same"]).ok();
    forgotten.until_connected();
    assert_eq!(forgotten.host(), host);
    // Its repository is the one that it had, and goes on.
    staff.set_paths(&[&forgotten.disk()]);
    staff.run(["backup", &host, "--watch"]).ok();
    until("what came after the copy was found again", || {
        staff.json(&["snapshots", &host]).as_array().unwrap().len() == 2
    });
    forgotten.kill();
}
