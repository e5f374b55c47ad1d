//! Finding a file, and which of its versions is the good one.

use crate::scan::fleet;
use keepwatch_tests::eicar;
use std::fs;

#[test]
fn a_file_is_found_in_every_snapshot_and_its_versions_are_told_apart() {
    let (mut controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk().join("documents"));
    fs::create_dir(&disk).unwrap();
    staff.set_paths(&[&disk]);
    let backup = || drop(staff.run(["backup", &host, "--watch"]).ok());
    let (budget, other) = (disk.join("Budget.xlsx"), disk.join("letter.txt"));
    let path = budget.to_str().unwrap();
    fs::write(&budget, "first").unwrap();
    fs::write(&other, "Dear all").unwrap();
    backup();
    backup();
    // Malware takes it over, and then it is gone.
    fs::write(&budget, eicar()).unwrap();
    backup();
    fs::remove_file(&budget).unwrap();
    backup();

    // Small and large letters are the same, and what is gone is found.
    let snapshots = staff.json(&["snapshots", &host]);
    let id = |n: usize| snapshots[n]["id"].as_str().unwrap();
    let found = staff.json(&["find", &host, "budget*"]);
    let seen: Vec<_> =
        found.as_array().unwrap().iter().map(|f| (f["snapshot"].as_str().unwrap(), f["size"].as_u64())).collect();
    assert_eq!(seen, [(id(1), Some(68)), (id(2), Some(5)), (id(3), Some(5))]);
    assert!(found.as_array().unwrap().iter().all(|f| f["path"] == path && f["kind"] == "file"), "{found}");
    assert_eq!(staff.json(&["find", &host, "letter.txt"]).as_array().unwrap().len(), 4);

    let versions = staff.json(&["versions", &host, path]);
    let of =
        |n: usize| (versions[n]["verdict"].clone(), versions[n]["snapshots"].clone(), versions[n]["snapshot"].clone());
    assert_eq!(of(0), ("clean".into(), 2.into(), id(2).into()), "{versions}");
    assert_eq!(of(1), ("infected".into(), 1.into(), id(1).into()), "{versions}");
    assert_eq!((&versions[1]["rules"][0], versions.as_array().unwrap().len()), (&"Eicar".into(), 2));
    let none = staff.run(["versions", &host, "/no/such/file"]);
    assert!(none.code == 1 && none.err.contains("in no snapshot"), "{none:?}");
    assert_eq!(staff.run(["find", &host, "["]).code, 1);

    // The catalog is but a copy: lost or spoilt, it is made anew.
    let catalog = controller.data().join("catalogs").join(&host);
    let stored = fs::read(&catalog).unwrap();
    assert!(!stored.windows(6).any(|bytes| bytes == b"Budget"), "names are not there in the clear");
    for spoil in [&stored[..stored.len() / 2], b""] {
        fs::write(&catalog, spoil).unwrap();
        assert_eq!(staff.json(&["versions", &host, path]), versions);
    }
    fs::remove_file(&catalog).unwrap();
    controller.kill();
    controller.restart();
    assert_eq!(staff.json(&["versions", &host, path]), versions);
    assert!(catalog.exists());
}

#[test]
fn what_is_infected_does_not_come_back_unless_an_administrator_wants_it() {
    let (controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk().join("documents"));
    fs::create_dir(&disk).unwrap();
    staff.set_paths(&[&disk]);
    let (letter, plain) = (disk.join("letter.txt"), disk.join("plain.txt"));
    let backup = || drop(staff.run(["backup", &host, "--watch"]).ok());
    fs::write(&letter, "Dear nobody").unwrap();
    fs::write(&plain, "nothing to see").unwrap();
    backup();
    fs::write(&letter, "Dear colleague").unwrap();
    fs::write(disk.join("eicar.com"), eicar()).unwrap();
    backup();

    let restore = |words: &[&str], name: &str| {
        let target = agent.restored().join(name);
        let words = [&["restore", host.as_str()], words, &["--target", target.to_str().unwrap(), "--watch"]].concat();
        let ran = staff.run(words);
        let below = target.join(disk.strip_prefix("/").unwrap());
        let there = |file: &str| fs::read_to_string(below.join(file)).ok();
        (ran.code, ["letter.txt", "plain.txt", "eicar.com"].map(there))
    };
    let some = |text: &str| Some(text.to_owned());
    let (code, files) = restore(&["latest"], "known");
    assert_eq!((code, files), (3, [some("Dear colleague"), some("nothing to see"), None]));
    let job = staff.ended(&host, "restore");
    assert!(job["message"].as_str().unwrap().contains("since it is infected"), "{job}");
    assert_eq!(job["failures"][0]["path"], disk.join("eicar.com").to_str().unwrap(), "{job}");

    // Rules that came since the backup are asked on the way, and what they find is told.
    let rules = crate::scan::rules(&agent.disk());
    let more = "rule Letter { strings: $a = \"Dear colleague\" condition: $a }";
    fs::write(rules.join("more.yar"), more).unwrap();
    staff.import(&rules).ok();
    agent.until_bundle(2);
    let (code, files) = restore(&["latest"], "newer");
    assert_eq!((code, files), (3, [None, some("nothing to see"), None]));
    let found = staff.json(&["detections", "--host", &host]).to_string();
    assert!(found.contains("Letter"), "{found}");

    // The newest that is clean, of all and of one file.
    let (code, files) = restore(&["latest-clean"], "clean");
    assert_eq!((code, files), (0, [some("Dear nobody"), some("nothing to see"), None]));
    let (code, files) = restore(&["latest-clean", "--path", disk.join("plain.txt").to_str().unwrap()], "one");
    assert_eq!((code, files), (0, [None, some("nothing to see"), None]));

    // Who may say otherwise.
    let (code, files) = restore(&["latest", "--infected"], "infected");
    assert_eq!((code, files[2].as_deref()), (0, Some(std::str::from_utf8(&eicar()).unwrap())));
    let password =
        staff.json(&["users", "create", "li", "--role", "operator"])["password"].as_str().unwrap().to_owned();
    let operator = controller.staff_as("li", &password);
    let refused = operator.run(["restore", &host, "latest", "--infected"]);
    assert!(refused.code == 1 && refused.err.contains("administrator"), "{refused:?}");
}
