//! One set of queries for both databases: the main job once more, on PostgreSQL.

use crate::scan::rules;
use keepwatch_tests::{Agent, Controller, eicar, until};
use std::fs;
use std::process::Command;

/// A database of its own on the tests' server, if there is one.
fn database(what: &str) -> Option<(String, String)> {
    // ./tests/run.sh starts a server of its own.
    let Ok(server) = std::env::var("KEEPWATCH_TEST_POSTGRES") else {
        assert!(std::env::var_os("CI").is_none(), "KEEPWATCH_TEST_POSTGRES names no server");
        println!("skipped: KEEPWATCH_TEST_POSTGRES names no server");
        return None;
    };
    let name = format!("keepwatch_{what}_{}", std::process::id());
    let created =
        Command::new("psql").args([&format!("{server}/postgres"), "-qc", &format!("CREATE DATABASE {name}")]).status();
    assert!(created.expect("psql is installed (./tests/run.sh does)").success());
    Some((server, name))
}

#[test]
fn what_is_asked_at_one_controller_reaches_a_pc_at_the_other() {
    let Some((server, name)) = database("two") else { return };
    let first = Controller::start_on(Some(format!("{server}/{name}")));
    let agent = Agent::started(&first, &first.staff());
    let outside = tempfile::tempdir().unwrap();
    first.staff().import(&rules(outside.path())).ok();
    agent.until_bundle(1);
    let second = first.another();
    let staff = second.staff();
    let host = agent.host();
    fs::write(agent.disk().join("letter"), "Dear colleague").unwrap();
    let ran = staff.run(["scan", &host, agent.disk().to_str().unwrap(), "--watch"]).ok();
    assert!(ran.out.contains("succeeded"), "{ran:?}");
    // So does that it is cut off.
    assert!(first.staff().only_host()["connected"].as_bool().unwrap());
    staff.run(["hosts", "revoke", &host, "--yes"]).ok();
    until("its stream is ended", || !first.staff().only_host()["connected"].as_bool().unwrap());
}

#[test]
fn what_is_changed_at_two_controllers_at_once_waits_its_turn() {
    let Some((server, name)) = database("turns") else { return };
    let first = Controller::start_on(Some(format!("{server}/{name}")));
    let agent = Agent::started(&first, &first.staff());
    let second = first.another();
    let (here, there, host) = (first.staff(), second.staff(), agent.host());
    for group in ["East", "West"] {
        here.run(["groups", "create", group]).ok();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..12 {
                here.run(["hosts", "move", &host, "--group", if n % 2 == 0 { "East" } else { "West" }]).ok();
            }
        });
        scope.spawn(|| {
            for days in 30..42 {
                there.set_policy(&format!("work: {{history_days: {days}}}"));
            }
        });
        // The PC reports all the while: it has no signatures, and says so.
        for _ in 0..6 {
            assert_eq!(first.staff().run(["scan", &host, agent.disk().to_str().unwrap(), "--watch"]).code, 4);
        }
    });
    assert_eq!(here.json(&["hosts", "show", &host])["group"], "West");
    // Each below the other: one of the two comes second, and is told.
    for n in 0..5 {
        let (one, two) = (format!("one-{n}"), format!("two-{n}"));
        for group in [&one, &two] {
            here.run(["groups", "create", group]).ok();
        }
        let done = std::thread::scope(|scope| {
            let below = scope.spawn(|| here.run(["groups", "move", &one, "--to", &two, "--yes"]).code);
            let above = scope.spawn(|| there.run(["groups", "move", &two, "--to", &one, "--yes"]).code);
            [below.join().unwrap(), above.join().unwrap()]
        });
        assert_eq!(done.iter().filter(|code| **code == 0).count(), 1, "{done:?}");
    }
    for log in [first.log(), second.log()] {
        assert!(!log.contains("deadlock") && !log.contains("could not be committed"), "{log}");
    }
}

#[test]
fn the_main_job_runs_on_postgresql() {
    let Some((server, name)) = database("main") else { return };

    let mut controller = Controller::start_on(Some(format!("{server}/{name}")));
    let staff = controller.staff();
    let mut agent = Agent::started(&controller, &staff);
    // What staff put away by hand a PC destroys only where its own file says so.
    let file = agent.state().join("agent.toml");
    let said = fs::read_to_string(&file).unwrap();
    fs::write(&file, said + "[quarantine]\nallow_delete = true\n").unwrap();
    agent.kill();
    agent.start();
    agent.until_connected();
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
    // Groups of one name apart by their paths, and a rule that leads into one of them.
    for (name, parent) in [("East", ""), ("West", ""), ("Finance", "East"), ("Finance", "West")] {
        staff.run(["groups", "create", name, "--parent", parent]).ok();
    }
    assert!(staff.run(["groups", "create", "Finance", "--parent", "West"]).err.contains("West/Finance"));
    staff.run(["groups", "rules", "add", "--system", "linux", "--to", "West/Finance"]).ok();
    assert!(
        staff.run(["groups", "rules", "add", "--name", "*", "--order", "10", "--to", "East"]).err.contains("already")
    );
    assert_eq!(staff.json(&["groups", "rules", "apply", "--yes"]).as_array().unwrap().len(), 1);
    staff.run(["groups", "rename", "West/Finance", "Treasury"]).ok();
    assert_eq!(staff.json(&["hosts", "show", &host])["group"], "West/Treasury");
    assert_eq!(staff.json(&["jobs", "list", "--group", "West", "--kind", "backup"]).as_array().unwrap().len(), 1);
    staff.run(["restore", &host, "latest", "--infected", "--watch"]).ok();
    let month = staff.json(&["report"])["at"].as_str().unwrap()[..7].to_owned();
    let report = staff.run(["report", "--period", &month, "--group", "West", "--format", "csv", "-o", "-"]).ok().out;
    assert!(report.contains("Restores done") && report.contains("Treasury"), "{report}");
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
    assert_eq!(staff.json(&["audit", "--limit", "2"]).as_array().unwrap().len(), 2);
    staff.run(["rollouts", "halt", "1", "--reason", "a drill"]).ok();
    staff.run(["rollouts", "resume", "1"]).ok();
    staff.run(["rollouts", "now", "1", "--yes"]).ok();
    assert_eq!(staff.json(&["rollouts"])[0]["have"], 1);

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
