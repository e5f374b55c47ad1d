//! What is backed up is scanned by the same read, and the snapshot says what came of it.

use crate::scan::{fleet, rules};
use keepwatch_tests::{Agent, Staff, eicar, standalone};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// The newest snapshot.
fn newest(staff: &Staff, host: &str) -> Value {
    staff.json(&["snapshots", host])[0].clone()
}

fn backed_up(staff: &Staff, host: &str) -> (Value, Value) {
    staff.run(["backup", host, "--watch"]).ok();
    (staff.ended(host, "backup"), newest(staff, host))
}

/// Rules that also find what the first ones do not.
fn import_stricter(staff: &Staff, agent: &Agent, folder: &Path) {
    let rules = rules(folder);
    let more = "rule Letter { strings: $a = \"Dear colleague\" condition: $a }";
    fs::write(rules.join("more.yar"), more).unwrap();
    staff.import(&rules).ok();
    agent.until_bundle(2);
}

/// A fleet with files to save, all of the kind that one policy has.
fn plant(disk: &Path) {
    fs::write(disk.join("letter.txt"), "Dear colleague").unwrap();
    fs::write(disk.join("plain.txt"), "nothing to see").unwrap();
    fs::write(disk.join("trifle"), "keepwatch-test-marker").unwrap();
    fs::write(disk.join("eicar.com"), eicar()).unwrap();
}

#[test]
fn a_snapshot_says_which_of_its_files_are_infected_also_of_those_that_had_not_changed() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk().join("documents"));
    fs::create_dir(&disk).unwrap();
    plant(&disk);
    staff.set_paths(&[&disk]);
    let (job, snapshot) = backed_up(&staff, &host);
    assert_eq!((&job["state"], &snapshot["verdict"]), (&"succeeded".into(), &"infected".into()), "{job} {snapshot}");
    // A trifle does not make a file an infected one.
    let infected = snapshot["infected"].as_array().unwrap();
    assert_eq!(infected.len(), 1, "{snapshot}");
    assert_eq!(
        (&infected[0]["path"], &infected[0]["rules"][0]),
        (&disk.join("eicar.com").to_str().unwrap().into(), &"Eicar".into())
    );
    assert_eq!(infected[0]["content"].as_str().unwrap().len(), 64);
    assert_eq!((job["tally"]["detected"].as_u64(), job["tally"]["files"].as_u64()), (Some(2), Some(4)), "{job}");
    assert!(job["message"].as_str().unwrap().contains("1 infected file is in the snapshot"), "{job}");
    let found = staff.json(&["detections"]);
    assert_eq!(found.as_array().unwrap().len(), 2, "{found}");
    assert!(found.as_array().unwrap().iter().all(|d| d["job"] == job["id"]), "{found}");

    // Not one byte of them is read for the backup; for the new rules all are.
    import_stricter(&staff, &agent, &agent.disk());
    let (job, snapshot) = backed_up(&staff, &host);
    assert_eq!(job["tally"]["unchanged"], 4, "{job}");
    let mut paths: Vec<&str> =
        snapshot["infected"].as_array().unwrap().iter().map(|f| f["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, [disk.join("eicar.com").to_str().unwrap(), disk.join("letter.txt").to_str().unwrap()]);

    for name in ["eicar.com", "letter.txt"] {
        fs::remove_file(disk.join(name)).unwrap();
    }
    assert_eq!(backed_up(&staff, &host).1["verdict"], "clean");
}

#[test]
fn what_is_infected_is_not_saved_where_the_policy_has_it_so() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk().join("documents"));
    fs::create_dir(&disk).unwrap();
    plant(&disk);
    let paths = serde_json::to_string(&[&disk]).unwrap();
    staff.set_policy(&format!(
        "scan: {{schedule: ''}}\nbackup: {{schedule: '', paths: {paths}, excludes: [], infected: leave_out}}\n"
    ));
    let saved = || {
        let listed = staff.json(&["ls", &host, "latest", disk.to_str().unwrap()]);
        let name = |entry: &Value| {
            Path::new(entry["path"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned()
        };
        listed.as_array().unwrap().iter().map(name).collect::<Vec<_>>()
    };
    let (job, snapshot) = backed_up(&staff, &host);
    assert_eq!((&job["state"], &snapshot["verdict"]), (&"succeeded".into(), &"clean".into()), "{job} {snapshot}");
    assert_eq!(saved(), ["letter.txt", "plain.txt", "trifle"]);
    assert!(job["message"].as_str().unwrap().contains("1 infected file was not saved"), "{job}");
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 2);

    // What is in the snapshot before and is found out only now.
    import_stricter(&staff, &agent, &agent.disk());
    let (job, _) = backed_up(&staff, &host);
    assert_eq!(saved(), ["plain.txt", "trifle"], "{job}");
    assert_eq!((job["tally"]["unchanged"].as_u64(), job["tally"]["skipped"].as_u64()), (Some(2), Some(2)), "{job}");
}

#[test]
fn without_signatures_or_by_policy_a_backup_is_just_that_and_says_so() {
    let controller = keepwatch_tests::Controller::start();
    let staff = controller.staff();
    let agent = Agent::started(&controller, &staff);
    let (host, disk) = (agent.host(), agent.disk());
    fs::write(disk.join("eicar.com"), eicar()).unwrap();
    staff.set_paths(&[&disk]);
    let (job, snapshot) = backed_up(&staff, &host);
    assert_eq!((&job["state"], &snapshot["verdict"]), (&"succeeded".into(), &Value::Null), "{job}");
    assert!(job["message"].as_str().unwrap().contains("not scanned: no signatures are here yet"), "{job}");
    let paths = serde_json::to_string(&[&disk]).unwrap();
    staff.set_policy(&format!("scan: {{schedule: ''}}\nbackup: {{schedule: '', paths: {paths}, scan: false}}\n"));
    let (job, snapshot) = backed_up(&staff, &host);
    assert_eq!((&job["message"], &snapshot["verdict"]), (&Value::Null, &Value::Null), "{job}");
}

#[test]
fn without_a_controller_one_command_does_both() {
    let folder = tempfile::tempdir().unwrap();
    let rules = rules(folder.path());
    let (disk, password) = (folder.path().join("disk"), folder.path().join("password"));
    fs::create_dir(&disk).unwrap();
    fs::write(&password, "geheim").unwrap();
    fs::write(disk.join("plain.txt"), "nothing to see").unwrap();
    let repository = folder.path().join("repository");
    let backup = |more: &[&str]| {
        let words = ["backup", "--init", "--no-cache", "--rules", rules.to_str().unwrap(), "--password-file"];
        let words =
            [&words, &[password.to_str().unwrap(), "--repository", repository.to_str().unwrap()][..], more].concat();
        standalone(&words, &[&disk])
    };
    let clean = backup(&[]);
    assert_eq!(clean.code, 0, "{clean:?}");
    assert!(clean.out.trim().len() == 64 && clean.out.lines().count() == 1, "{clean:?}");

    fs::write(disk.join("eicar.com"), eicar()).unwrap();
    for (more, code, in_it) in [(&[][..], 4, "2 files"), (&["--leave-out-infected"], 4, "1 files")] {
        let ran = backup(more);
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.out.lines().count() == 1 && ran.err.contains("Eicar") && ran.err.contains("eicar.com"), "{ran:?}");
        assert!(ran.err.contains(&format!("{in_it} (")), "{ran:?}");
    }
    let broken = folder.path().join("broken.yar");
    fs::write(&broken, "rule broken { condition: nonsense }").unwrap();
    let refused = standalone(
        &[
            "backup",
            "--password-file",
            password.to_str().unwrap(),
            "--repository",
            repository.to_str().unwrap(),
            "--rules",
        ],
        &[&broken, &disk],
    );
    assert!(refused.code == 1 && refused.err.contains("broken.yar"), "{refused:?}");
}
