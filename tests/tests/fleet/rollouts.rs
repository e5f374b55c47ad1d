//! Signatures reach one ring after the other, and nobody what is halted.

use crate::scan::rules;
use keepwatch_tests::{Agent, Controller, Staff, until};
use std::fs;

const DAY: i64 = 24 * 3600;

/// A ring that waits for a day, with this host in it.
fn make_ring(staff: &Staff, folder: &std::path::Path, host: &str) {
    let policy = folder.join("later.yaml");
    fs::write(&policy, "group: later\nsignatures: {after_hours: 24}\n").unwrap();
    staff.run(["groups", "create", "later"]).ok();
    staff.run(["policies", "apply", "-f", policy.to_str().unwrap()]).ok();
    staff.run(["hosts", "move", host, "--group", "later"]).ok();
}

/// What is asked of it arrives with which signatures it is to have: having done it, it knows.
fn hears_of_all(staff: &Staff, agent: &Agent) {
    let file = agent.disk().join("note.txt");
    fs::write(&file, "nothing").unwrap();
    staff.run(["scan", &agent.host(), file.to_str().unwrap(), "--watch"]).ok();
}

#[test]
fn a_ring_waits_for_its_turn_and_gets_nothing_that_is_halted() {
    let controller = Controller::start();
    let staff = controller.staff();
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path());
    staff.import(&rules).ok();
    let (first, later) = (Agent::started(&controller, &staff), Agent::started(&controller, &staff));
    for agent in [&first, &later] {
        agent.until_bundle(1);
    }
    make_ring(&staff, folder.path(), &later.host());

    // The second reaches the first ring at once, the other after a day, and not by the newest's name.
    staff.import(&rules).ok();
    first.until_bundle(2);
    hears_of_all(&staff, &later);
    assert_eq!(later.status()["bundle"], 1);
    until("the first ring has said so", || staff.json(&["rollouts", "show", "2"])["have"] == 1);
    let shown = staff.json(&["rollouts", "show", "2"]);
    assert_eq!((&shown["state"], &shown["wait"]), (&"spreading".into(), &1.into()), "{shown}");
    controller.shift_clock(DAY - 3600);
    // The session has ended by then.
    let staff = controller.staff();
    staff.import(&rules).ok();
    first.until_bundle(3);
    controller.shift_clock(DAY + 3600);
    later.until_bundle(2);

    // Staff do not wait.
    staff.run(["rollouts", "now", "3", "--yes"]).ok();
    later.until_bundle(3);

    // What is halted goes to nobody, until it goes on.
    staff.import(&rules).ok();
    first.until_bundle(4);
    staff.run(["rollouts", "halt", "4", "--reason", "finds our own tools"]).ok();
    controller.shift_clock(3 * DAY);
    let staff = controller.staff();
    hears_of_all(&staff, &later);
    assert_eq!(later.status()["bundle"], 3);
    assert_eq!(first.status()["bundle"], 4);
    let listed = staff.json(&["rollouts"]);
    assert_eq!((&listed[0]["state"], &listed[0]["halted_why"]), (&"halted".into(), &"finds our own tools".into()));
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|it| it["state"].as_str().unwrap()).collect();
    assert_eq!(states[2..], ["superseded", "superseded"], "{listed}");
    staff.run(["rollouts", "resume", "4"]).ok();
    later.until_bundle(4);
    until("all have said so", || staff.json(&["rollouts", "show", "4"])["state"] == "done");
}
