//! What is backed up comes back as it was.

use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe, plant};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn an_older_snapshot_restores_as_it_was() {
    let (_controller, staff, agent) = fleet();
    let host = agent.host();
    let disk = agent.disk();
    plant(&disk);
    let before = describe(&disk);
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();

    fs::write(disk.join("secret"), "changed since").unwrap();
    fs::remove_file(disk.join("program")).unwrap();
    fs::create_dir(disk.join("new")).unwrap();
    staff.run(["backup", &host, "--watch"]).ok();

    let snapshots = staff.json(&["snapshots", &host]);
    assert_eq!(snapshots.as_array().unwrap().len(), 2, "{snapshots}");
    let older = snapshots[1]["id"].as_str().unwrap();
    let target = agent.restored().join("older");
    staff.run(["restore", &host, older, "--target", target.to_str().unwrap(), "--watch"]).ok();
    assert_same(&before, &describe(&target.join(disk.strip_prefix("/").unwrap())));

    // The newest, into a place of the agent's choice.
    staff.run(["restore", &host, "latest", "--watch"]).ok();
    let job = staff.ended(&host, "restore");
    let chosen = std::path::PathBuf::from(job["target"].as_str().unwrap());
    assert!(chosen.starts_with(agent.restored()), "{chosen:?}");
    assert_same(&describe(&disk), &describe(&chosen.join(disk.strip_prefix("/").unwrap())));
}

#[test]
fn a_restore_goes_over_nothing_and_nowhere_it_may_not() {
    let (_controller, staff, agent) = fleet();
    let host = agent.host();
    let disk = agent.disk();
    fs::write(disk.join("letter.txt"), "as saved").unwrap();
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();

    let target = agent.restored().join("there");
    let in_target = target.join(disk.strip_prefix("/").unwrap()).join("letter.txt");
    fs::create_dir_all(in_target.parent().unwrap()).unwrap();
    fs::write(&in_target, "mine, newer").unwrap();
    let restore = |extra: &[&str]| {
        let words = [&["restore", &host, "latest", "--target", target.to_str().unwrap(), "--watch"], extra].concat();
        staff.run(words)
    };
    let refused = restore(&[]);
    assert_eq!(refused.code, 3, "{refused:?}");
    assert_eq!(fs::read_to_string(&in_target).unwrap(), "mine, newer");
    assert!(staff.ended(&host, "restore")["failures"][0]["path"].as_str().unwrap().ends_with("letter.txt"));
    restore(&["--overwrite"]).ok();
    assert_eq!(fs::read_to_string(&in_target).unwrap(), "as saved");

    // Only where the PC's own file allows, links included.
    let elsewhere = disk.join("elsewhere");
    let link = agent.restored().join("way out");
    std::os::unix::fs::symlink(&disk, &link).unwrap();
    for forbidden in [&elsewhere, &link.join("elsewhere")] {
        let refused = staff.run(["restore", &host, "latest", "--target", forbidden.to_str().unwrap(), "--watch"]);
        assert_eq!(refused.code, 4, "{refused:?}");
        assert!(staff.ended(&host, "restore")["message"].as_str().unwrap().contains("agent.toml"));
        assert!(!elsewhere.exists());
    }
}

#[test]
fn a_restore_in_place_does_what_was_chosen_with_what_is_there() {
    let (_controller, staff, agent) = fleet();
    let host = agent.host();
    // Where this PC allows restores, so that something below it can go back to its place.
    let folder = agent.restored().join("desk");
    fs::create_dir_all(&folder).unwrap();
    for name in ["lost", "changed", "same"] {
        fs::write(folder.join(name), format!("{name}, as saved")).unwrap();
    }
    staff.set_paths(&[&folder]);
    staff.run(["backup", &host, "--watch"]).ok();
    let damage = || {
        let _ = fs::remove_file(folder.join("lost"));
        fs::write(folder.join("changed"), "since").unwrap();
    };
    let restore = |words: &[&str]| {
        let path = folder.to_str().unwrap();
        let all = [&["restore", &host, "latest", "--path", path, "--in-place", "--watch"], words].concat();
        staff.run(all)
    };
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    damage();
    let looked = restore(&["--conflict", "overwrite", "--dry-run"]).ok();
    let message = staff.ended(&host, "restore")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("dry run") && message.contains("2 would be replaced"), "{message} {looked:?}");
    assert_eq!(read("lost"), None);
    for (conflict, code, changed) in [
        ("refuse", 3, "since"),
        ("skip", 0, "since"),
        ("keep-both", 0, "since"),
        ("overwrite-older", 0, "since"),
        ("overwrite", 0, "changed, as saved"),
    ] {
        damage();
        let ran = restore(&["--conflict", conflict]);
        assert_eq!(ran.code, code, "{conflict}: {ran:?}");
        assert_eq!(read("lost").as_deref(), Some("lost, as saved"), "{conflict}");
        assert_eq!(read("changed").as_deref(), Some(changed), "{conflict}");
        assert_eq!(read("changed (restored)").is_some(), conflict != "refuse" && conflict != "skip", "{conflict}");
    }
    // Not where the PC's own file does not allow it, and not without saying what.
    let outside = agent.disk();
    let refused = staff.run(["restore", &host, "latest", "--path", outside.to_str().unwrap(), "--in-place", "--watch"]);
    assert_eq!(refused.code, 4, "{refused:?}");
    assert!(staff.run(["restore", &host, "latest", "--in-place"]).err.contains("--path"));
    assert!(staff.run(["restore", &host, "latest", "--conflict", "burn"]).err.contains("burn"));
}

#[test]
fn one_file_is_listed_found_and_downloaded() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    plant(&disk);
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();

    let listed = staff.json(&["ls", &host, "latest", disk.to_str().unwrap()]);
    let odd = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|e| e["path"].as_str().unwrap().contains("\\xE9"))
        .expect("the odd name");
    let found = staff.json(&["find", &host, "预算*"]);
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");

    let out = agent.restored().join("out");
    for (path, original) in [
        (odd["path"].as_str().unwrap(), b"not UTF-8".to_vec()),
        (found[0]["path"].as_str().unwrap(), "预算".repeat(5000).into_bytes()),
        (disk.join("noise.bin").to_str().unwrap(), fs::read(disk.join("noise.bin")).unwrap()),
    ] {
        staff.run(["download", &host, "latest", path, "-o", out.to_str().unwrap(), "--force"]).ok();
        assert_eq!(fs::read(&out).unwrap(), original, "{path}");
    }
    let missing = staff.run(["download", &host, "latest", "/no/such", "-o", "-"]);
    assert!(missing.code == 1 && missing.err.contains("/no/such"), "{missing:?}");
}

#[test]
fn another_host_restores_by_a_grant() {
    let (controller, staff, agent) = fleet();
    fs::write(agent.disk().join("letter.txt"), "from the old PC").unwrap();
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    let heir = keepwatch_tests::Agent::started(&controller, &staff);
    staff.run(["restore", &agent.host(), "latest", "--to-host", &heir.host(), "--watch"]).ok();
    let target = staff.ended(&heir.host(), "restore")["target"].as_str().unwrap().to_owned();
    let letter = std::path::Path::new(&target).join(agent.disk().strip_prefix("/").unwrap()).join("letter.txt");
    assert!(letter.starts_with(heir.restored()));
    assert_eq!(fs::read_to_string(letter).unwrap(), "from the old PC");
}

#[test]
fn what_could_not_be_saved_is_named_and_the_snapshot_is_partial() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    fs::write(disk.join("letter.txt"), "saved").unwrap();
    // Root reads whatever has a mode; what no one can read is a file that the kernel refuses.
    let unreadable = std::path::Path::new("/proc/self/mem");
    let gone = disk.join("gone");
    staff.set_paths(&[&disk.join("letter.txt"), &gone, unreadable]);
    let watched = staff.run(["backup", &host, "--watch"]);
    assert_eq!(watched.code, 3, "{watched:?}");
    let job = staff.ended(&host, "backup");
    assert_eq!(job["state"], "partial");
    let named: Vec<&str> = job["failures"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    assert!(named.contains(&gone.to_str().unwrap()), "{named:?}");
    assert_eq!(staff.json(&["snapshots", &host])[0]["partial"], true);
    let reasons = staff.only_host()["reasons"].clone();
    assert!(reasons.as_array().unwrap().iter().any(|r| r == "backup-partial"), "{reasons}");
    fs::set_permissions(disk.join("letter.txt"), fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
fn what_the_pcs_own_file_wants_done_is_done_before_and_after() {
    let (_controller, staff, mut agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    let (dump, log) = (disk.join("dump.sql"), agent.restored().join("log"));
    staff.set_paths(&[&disk]);
    let config = agent.state().join("agent.toml");
    let own = fs::read_to_string(&config).unwrap();
    let mut with = |before: &str| {
        let after = format!("echo $KEEPWATCH_OUTCOME >> {}; rm -f {}", log.display(), dump.display());
        let hooks = format!("before = [\"/bin/sh\", \"-c\", {before:?}]\nafter = [\"/bin/sh\", \"-c\", {after:?}]");
        fs::write(&config, format!("{own}\n[backup]\n{hooks}\n")).unwrap();
        agent.kill();
        agent.start();
        agent.until_connected();
    };
    with(&format!("echo the tables > {}", dump.display()));
    staff.run(["backup", &host, "--watch"]).ok();
    let listed = staff.json(&["ls", &host, "latest", disk.to_str().unwrap()]);
    assert!(listed.as_array().unwrap().iter().any(|e| e["path"] == dump.to_str().unwrap()), "{listed}");
    with("echo the database is locked >&2; exit 3");
    assert_eq!(staff.run(["backup", &host, "--watch"]).code, 4);
    let job = staff.ended(&host, "backup");
    assert!(job["message"].as_str().unwrap().contains("exit status: 3: the database is locked"), "{job}");
    assert_eq!(fs::read_to_string(&log).unwrap(), "succeeded\nfailed\n");
    assert!(!dump.exists());
}

#[test]
fn copies_of_the_repository_that_are_cut_or_spoilt_cost_no_backup() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    plant(&disk);
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();
    let mut folders = vec![agent.state().join("repository-cache")];
    let mut copies = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let content = fs::read(&path).unwrap();
            copies += 1;
            match copies % 2 {
                0 => fs::write(&path, &content[..content.len() / 2]).unwrap(),
                _ => fs::write(&path, vec![0; content.len()]).unwrap(),
            }
        }
    }
    assert!(copies > 1, "{copies}");
    fs::write(disk.join("new"), "since").unwrap();
    let watched = staff.run(["backup", &host, "--watch"]);
    let job = staff.ended(&host, "backup");
    assert_eq!((watched.code, &job["state"]), (0, &"succeeded".into()), "{job}");
    let target = agent.restored().join("there");
    staff.run(["restore", &host, "latest", "--target", target.to_str().unwrap(), "--watch"]).ok();
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
}
