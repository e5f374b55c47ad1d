//! Groups by their paths, from the command line to the PC.

use crate::hostile_doors::{Attacker, refused, run};
use keepwatch_proto::wire::agent as wire;
use keepwatch_tests::{Agent, Controller, Staff, until};
use std::fs;
use std::time::Duration;

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
    let metrics = run(async { reqwest::get(controller.metrics()).await.unwrap().text().await.unwrap() });
    assert!(metrics.contains("keepwatch_group_hosts{group=\"West/Treasury\",state="), "{metrics}");
    staff.run(["scan", "--group", "West", "--quick", "--yes"]).ok();
    // It fails without signatures, and may have been tried again by now.
    let jobs = |group: &str| staff.json(&["jobs", "list", "--group", group]).as_array().unwrap().len();
    assert!(jobs("Treasury") >= 1 && jobs("East") == 0);
    let renamed = &staff.json(&["audit"]);
    let renamed = renamed.as_array().unwrap().iter().find(|record| record["action"] == "group rename").unwrap();
    assert_eq!((&renamed["object"], &renamed["detail"]), (&"West/Finance".into(), &"to West/Treasury".into()));
}

#[test]
fn a_pc_goes_where_the_rules_lead_and_stays_where_staff_put_it() {
    let controller = Controller::start();
    let staff = controller.staff();
    districts(&staff);
    let group = |host: &str| staff.json(&["hosts", "show", host])["group"].as_str().unwrap().to_owned();
    let moves = |words: &[&str]| staff.json(words).as_array().unwrap().len();
    staff.run(["groups", "rules", "add", "--name", "*", "--system", "linux", "--to", "East/Finance"]).ok();
    // A token without a group leaves it to the rules, one with a group does not, and one that says so does.
    let mut agent = Agent::started(&controller, &staff);
    let host = agent.host();
    assert_eq!(group(&host), "East/Finance");
    let came_as = staff.json(&["hosts", "show", &host])["name"].clone();
    let enrolled = |words: &[&str]| {
        let agent = Agent::new();
        let token = staff.json(&[&["tokens", "create"], words].concat());
        agent.enroll(&controller, token["token"].as_str().unwrap()).ok();
        agent.host()
    };
    let placed = enrolled(&["--group", "West"]);
    let led = enrolled(&["--group", "West", "--by-rules"]);
    assert_eq!((group(&placed), group(&led)), ("West".into(), "East/Finance".into()));
    assert_eq!(moves(&["groups", "rules", "apply", "--dry-run"]), 0);
    let by_rules = |record: &serde_json::Value| record["user"] == "rule 10" && record["action"] == "host move";
    let records = staff.json(&["audit"]);
    assert_eq!(records.as_array().unwrap().iter().filter(|record| by_rules(record)).count(), 2, "{records}");

    let words = ["--name", "FIN-*", "--network", "10.7.0.0/16", "--order", "5", "--to", "West/Finance"];
    staff.run(["groups", "rules", "add"].iter().chain(&words)).ok();
    assert_eq!(staff.json(&["groups", "rules"])[0]["group"], "West/Finance");
    assert_eq!(staff.json(&["groups", "show", "West/Finance"])["rules"][0]["order"], 5);
    // Its facts change: it is called otherwise, and somewhere else.
    agent.kill();
    let facts = |address: &str| wire::Facts {
        name: "FIN-7".into(),
        system: "linux".into(),
        addresses: vec![address.into()],
        ..Default::default()
    };
    let says = |seq: u64, facts: wire::Facts| {
        run(async {
            let mut pc = Attacker::at(&controller, &agent).await;
            pc.says(wire::Report { facts: Some(facts), events: vec![refused(seq)], ..Default::default() }).await;
            assert_eq!(pc.acknowledged(Duration::from_secs(30)).await, Some(seq));
        });
    };
    says(1, facts("10.8.0.1"));
    assert_eq!(group(&host), "East/Finance");
    says(2, facts("10.7.0.1"));
    assert_eq!(group(&host), "West/Finance");
    // By the name that it had it would be looked for in vain: that stands with it.
    let names = staff.json(&["hosts", "show", &host])["names"].clone();
    assert_eq!((names.as_array().unwrap().len(), &names[0]["name"], &names[1]["name"]), (2, &came_as, &"FIN-7".into()));
    staff.run(["hosts", "move", &host, "--group", "East"]).ok();
    assert_eq!(moves(&["groups", "rules", "apply", "--yes"]), 0);
    assert_eq!(staff.json(&["hosts", "show", &host])["pinned"], true);
    let moved = staff.json(&["hosts", "move", &host, &placed, "--unpin"]);
    assert_eq!(moved.as_array().unwrap().len(), 2, "{moved}");
    assert_eq!((group(&host), group(&placed)), ("West/Finance".into(), "East/Finance".into()));
    let refused = staff.run(["groups", "rules", "add", "--network", "10.7.0.1/16", "--to", "East"]);
    assert!(refused.err.contains("10.7.0.0/16; write the network"), "{}", refused.err);
    staff.run(["groups", "rules", "remove", "5"]).ok();
    assert!(staff.run(["groups", "rules", "remove", "5"]).err.contains("there is no rule 5"));
}
