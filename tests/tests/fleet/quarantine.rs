//! Infected files are put away, come back as they were, and go for good when staff say so.

use crate::scan::fleet;
use keepwatch_tests::{Ran, eicar, standalone, until};
use std::fs;

#[test]
fn by_the_policy_an_infected_file_is_put_away_and_staff_decide_what_becomes_of_it() {
    let (_controller, staff, mut agent) = fleet();
    let host = agent.host();
    let home = agent.restored().join("王");
    fs::create_dir(&home).unwrap();
    let (bad, letter, mild) = (home.join("eicar.com"), home.join("letter.txt"), home.join("mild"));
    fs::write(&bad, eicar()).unwrap();
    fs::write(&letter, "letter").unwrap();
    fs::write(&mild, "keepwatch-test-marker").unwrap();
    let folder = serde_json::to_string(&home).unwrap();
    staff.set_policy(&format!(
        "scan: {{schedule: '', paths: [{folder}], when_found: quarantine}}\nbackup: {{schedule: '', canaries: false}}"
    ));
    staff.run(["scan", &host, "--watch"]).ok();
    assert!(!bad.exists() && letter.exists() && mild.exists());
    let held = staff.json(&["quarantine"]);
    assert_eq!(held.as_array().unwrap().len(), 1, "{held}");
    assert_eq!((&held[0]["path"], &held[0]["rules"][0]), (&bad.to_str().unwrap().into(), &"Eicar".into()));
    assert_eq!((&held[0]["state"], &held[0]["size"]), (&"held".into(), &68.into()));
    let id = held[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(agent.status()["quarantined"], 1);
    let found = staff.json(&["detections"]).to_string();
    assert!(found.contains(&format!("\"put_away\":\"{id}\"")) && found.contains("\"put_away\":null"), "{found}");
    let reasons = staff.only_host()["reasons"].to_string();
    assert!(reasons.contains("detections") && !reasons.contains("malware"), "{reasons}");
    // No byte of it lies there as it was.
    let items = agent.state().join("quarantine/items");
    let kept = fs::read(fs::read_dir(&items).unwrap().next().unwrap().unwrap().path()).unwrap();
    assert!(!String::from_utf8_lossy(&kept).contains("STANDARD-ANTIVIRUS"));

    // Not over another file, and not where this PC does not allow it.
    fs::write(&bad, "new").unwrap();
    assert_eq!(staff.run(["quarantine", "restore", &id, "--watch"]).code, 4);
    let outside = agent.disk().join("a").to_str().unwrap().to_owned();
    assert_eq!(staff.run(["quarantine", "restore", &id, "--to", &outside, "--watch"]).code, 4);
    assert_eq!(fs::read_to_string(&bad).unwrap(), "new");
    fs::remove_file(&bad).unwrap();
    staff.run(["quarantine", "restore", &id, "--watch"]).ok();
    assert_eq!(fs::read(&bad).unwrap(), eicar());
    assert_eq!(staff.json(&["quarantine", "show", &id])["state"], "restored");
    assert_eq!(staff.only_host()["state"], "at-risk");

    // By name, and then it is gone for good.
    staff.run(["quarantine", "add", &host, bad.to_str().unwrap(), "--watch"]).ok();
    let held = staff.json(&["quarantine", "list", &host]);
    let second = held[0]["id"].as_str().unwrap();
    assert!(!bad.exists() && held[0]["rules"].as_array().unwrap().is_empty(), "{held}");
    // What no rule has found the PC does not let them destroy, unless its own file says so.
    let refused = staff.run(["quarantine", "delete", second, "--watch"]);
    assert!(refused.code == 4 && refused.out.contains("allow_delete"), "{refused:?}");
    let file = agent.state().join("agent.toml");
    let said = fs::read_to_string(&file).unwrap();
    fs::write(&file, said + "[quarantine]\nallow_delete = true\n").unwrap();
    agent.kill();
    agent.start();
    agent.until_connected();
    staff.run(["quarantine", "delete", second, "--watch"]).ok();
    assert_eq!(staff.json(&["quarantine", "show", second])["state"], "deleted");
    assert_eq!(fs::read_dir(&items).unwrap().count(), 0);
    let gone = staff.run(["quarantine", "add", &host, bad.to_str().unwrap(), "--watch"]);
    assert!(gone.code == 4 && gone.out.contains("not there any more"), "{gone:?}");

    // Nor the system's files, by name.
    let system = staff.run(["quarantine", "add", &host, "/etc/no-such-file-of-ours", "--watch"]);
    assert!(system.code == 4 && system.out.contains("system_files"), "{system:?}");

    // Whoever sits at the PC may do so, too; the controller learns of it.
    staff.run(["quarantine", "add", &host, letter.to_str().unwrap(), "--watch"]).ok();
    let at_the_pc =
        |words: &[&str]| -> Ran { standalone(&[&["quarantine"], words, &["--state"]].concat(), &[&agent.state()]) };
    let shown: serde_json::Value = serde_json::from_str(&at_the_pc(&["list", "--output", "json"]).ok().out).unwrap();
    let third = shown[0]["id"].as_str().unwrap().to_owned();
    at_the_pc(&["restore", &third]).ok();
    assert_eq!(fs::read_to_string(&letter).unwrap(), "letter");
    agent.kill();
    agent.start();
    until("the controller knows", || staff.json(&["quarantine", "show", &third])["state"] == "restored");

    // Where its file is gone, nobody knows what became of it; that PC does not have it.
    staff.run(["quarantine", "add", &host, letter.to_str().unwrap(), "--watch"]).ok();
    let fourth = staff.json(&["quarantine", "list", &host])[0]["id"].as_str().unwrap().to_owned();
    agent.kill();
    fs::remove_file(items.join(format!("{fourth}.kwq"))).unwrap();
    agent.start();
    until("the controller misses it", || staff.json(&["quarantine", "show", &fourth])["state"] == "gone");
    let deleted = staff.run(["quarantine", "delete", &fourth, "--watch"]);
    assert!(deleted.code == 4 && deleted.out.contains("does not hold it"), "{deleted:?}");
}

/// kill -9 while a large file is being put away: either it is where it was, or the vault has it whole.
#[test]
fn an_agent_that_is_killed_while_it_puts_a_file_away_loses_nothing_of_it() {
    let (_controller, staff, mut agent) = fleet();
    let host = agent.host();
    let path = agent.restored().join("large");
    let content: Vec<u8> = (0..48_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(&path, &content).unwrap();
    staff.run(["quarantine", "add", &host, path.to_str().unwrap()]).ok();
    let items = agent.state().join("quarantine/items");
    // It has begun, or is done with it by now.
    until("the vault is at it", || fs::read_dir(&items).is_ok_and(|mut entries| entries.next().is_some()));
    agent.kill();
    let whole = fs::read_dir(&items).unwrap().flatten().any(|entry| entry.path().extension().unwrap() == "kwq");
    assert!(whole || fs::read(&path).unwrap() == content);
    agent.start();
    agent.until_connected();
    let ended = staff.ended(&host, "quarantine");
    assert!(["failed", "succeeded"].contains(&ended["state"].as_str().unwrap()), "{ended}");

    // Whoever asks again gets it done, and nothing unfinished stays behind.
    if path.exists() {
        staff.run(["quarantine", "add", &host, path.to_str().unwrap(), "--watch"]).ok();
    }
    assert!(!path.exists());
    until("the controller knows of it", || staff.json(&["quarantine", &host]).as_array().unwrap().len() == 1);
    let id = staff.json(&["quarantine", &host])[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(fs::read_dir(&items).unwrap().count(), 1);
    staff.run(["quarantine", "restore", &id, "--watch"]).ok();
    assert_eq!(fs::read(&path).unwrap(), content);
}
