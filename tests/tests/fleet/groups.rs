//! Groups by their paths, from the command line to the PC.

use keepwatch_tests::{Agent, Controller, Staff, until};
use std::fs;

/// Two districts with a department of the same name.
fn districts(staff: &Staff) {
    for (name, parent) in [("East", ""), ("West", ""), ("Finance", "East"), ("Finance", "West")] {
        staff.run(["groups", "create", name, "--parent", parent]).ok();
    }
}

#[test]
fn departments_of_one_name_stand_apart_and_a_new_name_changes_nothing_else() {
    let controller = Controller::start();
    let staff = controller.staff();
    districts(&staff);
    let mut agent = Agent::new();
    let token = staff.json(&["tokens", "create", "--group", "West/Finance", "--uses", "2"]);
    agent.enroll(&controller, token["token"].as_str().unwrap()).ok();
    agent.start();
    agent.until_connected();
    let host = agent.host();
    let group = || staff.json(&["hosts", "show", &host])["group"].as_str().unwrap().to_owned();
    assert_eq!(group(), "West/Finance");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("east.yaml", "group: East/Finance\nscan: {threads: 2}\n");
    write("west.yaml", "group: West/Finance\nscan: {threads: 3}\n");
    let generation = || agent.status()["generation"].as_u64().unwrap();
    let before = generation();
    staff.run(["policies", "apply", "-f", path]).ok();
    until("the policy has arrived", || generation() > before);
    let threads = || {
        let fields = staff.json(&["policies", "effective", "--host", &host]);
        let field = fields.as_array().unwrap().iter().find(|f| f["field"] == "scan.threads").unwrap().clone();
        (field["value"].as_u64().unwrap(), field["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(threads(), (3, "West/Finance".into()));
    let revision = staff.json(&["policies", "get", "West/Finance"])["revision"].as_u64().unwrap();
    // A name that two have is no address, wherever it is written.
    for words in [
        &["policies", "get", "Finance"][..],
        &["policies", "simulate", "Finance"],
        &["tokens", "create", "--group", "Finance"],
        &["hosts", "move", &host, "--group", "Finance"],
        &["jobs", "list", "--group", "Finance"],
        &["scan", "--group", "Finance", "--yes"],
        &["groups", "health", "Finance"],
        &["groups", "show", "Finance"],
        &["groups", "rename", "Finance", "Money"],
        &["groups", "remove", "Finance"],
    ] {
        let refused = staff.run(words);
        assert!(refused.err.contains("name one by its path: East/Finance, West/Finance"), "{words:?} {}", refused.err);
    }
    write("which.yaml", "group: Finance\nscan: {threads: 9}\n");
    assert!(staff.run(["policies", "apply", "-f", path]).err.contains("East/Finance, West/Finance"));

    let before = generation();
    staff.run(["groups", "rename", "West/Finance", "Treasury"]).ok();
    // By its name alone, now that one group only has it.
    let shown = staff.json(&["groups", "show", "Treasury"]);
    assert_eq!((&shown["group"]["path"], &shown["group"]["hosts"]), (&"West/Treasury".into(), &1.into()));
    assert_eq!((&shown["figures"]["hosts"], &shown["sets"][0]), (&1.into(), &"scan.threads".into()));
    assert_eq!((&shown["tokens"][0]["id"], &shown["tokens"][0]["group"]), (&token["id"], &"West/Treasury".into()));
    assert_eq!((group(), threads()), ("West/Treasury".into(), (3, "West/Treasury".into())));
    assert_eq!(staff.json(&["policies", "get", "Treasury"])["revision"].as_u64(), Some(revision));
    // The PC has heard of none of it.
    assert_eq!(generation(), before);
    let metrics = reqwest::blocking::get(controller.metrics()).unwrap().text().unwrap();
    assert!(metrics.contains("keepwatch_group_hosts{group=\"West/Treasury\",state="), "{metrics}");
    staff.run(["scan", "--group", "West", "--quick", "--yes"]).ok();
    assert_eq!(staff.json(&["jobs", "list", "--group", "Treasury"]).as_array().unwrap().len(), 1);
    let renamed = &staff.json(&["audit"]);
    let renamed = renamed.as_array().unwrap().iter().find(|record| record["action"] == "group rename").unwrap();
    assert_eq!((&renamed["object"], &renamed["detail"]), (&"West/Finance".into(), &"to West/Treasury".into()));
}
