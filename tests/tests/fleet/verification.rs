//! Backups are known to be good before they are needed.

use crate::interop::restic;
use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe};
use std::fs;
use std::path::{Path, PathBuf};

fn packs(repository: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(repository.join("data")).into_iter().map(|entry| entry.unwrap());
    walk.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

#[test]
fn what_the_disk_spoils_is_found_named_and_healed_from_the_pc() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    for name in ["预算.xlsx", "letter.txt"] {
        let noise: Vec<u8> =
            (0..900_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8 ^ name.len() as u8).collect();
        fs::write(disk.join(name), noise).unwrap();
    }
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();
    assert!(staff.json(&["snapshots", &host])[0]["verified"].is_null());
    staff.run(["verify", &host]).ok();
    assert!(staff.json(&["snapshots", &host])[0]["verified"].is_string());

    let kit = staff.json(&["recovery-kit", &host]);
    let (repository, password) =
        (PathBuf::from(kit["repository"].as_str().unwrap()), agent.restored().join("password"));
    fs::write(&password, kit["password"].as_str().unwrap()).unwrap();
    let pack = packs(&repository).into_iter().max_by_key(|pack| fs::metadata(pack).unwrap().len()).unwrap();
    let mut content = fs::read(&pack).unwrap();
    content[5000] ^= 0x40;
    fs::write(&pack, content).unwrap();
    let found = staff.run(["verify", &host]);
    assert_eq!(found.code, 3, "{found:?}");
    assert!(found.out.contains("letter.txt") || found.out.contains("预算.xlsx"), "{found:?}");
    assert!(found.err.contains("1 packs are damaged") && found.err.contains("keepwatch repair"), "{found:?}");
    let shown = staff.json(&["hosts", "show", &host]);
    assert!(shown["reasons"].to_string().contains("repository-damaged") && shown["state"] == "at-risk", "{shown}");

    let repaired = staff.run(["repair", &host]).ok();
    assert!(repaired.err.contains("1 damaged objects are set aside"), "{repaired:?}");
    let job = staff.ended(&host, "backup");
    assert_eq!(job["state"], "succeeded", "{job}");
    // The backup that was asked for may be the one that has just ended, or the one before.
    keepwatch_tests::until("it is healed", || staff.run(["verify", &host]).code == 0);
    assert!(!staff.json(&["hosts", "show", &host])["reasons"].to_string().contains("repository-damaged"));
    assert!(restic(&repository, &password, &["check", "--read-data"]).contains("no errors were found"));
    let snapshots = staff.json(&["snapshots", &host]);
    for (n, snapshot) in snapshots.as_array().unwrap().iter().enumerate() {
        let target = agent.restored().join(format!("out {n}"));
        let id = snapshot["id"].as_str().unwrap();
        staff.run(["restore", &host, id, "--target", target.to_str().unwrap(), "--watch"]).ok();
        assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
    }
    assert!(staff.run(["repair", &host]).err.contains("nothing is known to be damaged"));
}

#[test]
fn the_pc_itself_tries_whether_its_backups_come_back() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk().join("documents"));
    fs::create_dir(&disk).unwrap();
    staff.set_paths(&[&disk]);
    for n in 0..20 {
        fs::write(disk.join(format!("{n}.txt")), format!("report {n}")).unwrap();
    }
    staff.run(["backup", &host, "--watch"]).ok();
    fs::write(disk.join("3.txt"), "changed since").unwrap();
    staff.run(["verify", &host, "--on-pc"]).ok();
    let job = staff.ended(&host, "verify");
    assert_eq!((&job["state"], &job["tally"]["files"]), (&"succeeded".into(), &20.into()), "{job}");
    assert!(job["message"].as_str().unwrap().contains("19 of them are still unchanged"), "{job}");
    assert!(!agent.state().join("scratch").exists(), "what was restored to try it is gone");

    // A file that has rotted on the disk, its size and time as they were.
    let rotten = disk.join("7.txt");
    let time = fs::metadata(&rotten).unwrap().modified().unwrap();
    fs::write(&rotten, "repork 7").unwrap();
    fs::File::options().write(true).open(&rotten).unwrap().set_modified(time).unwrap();
    assert_eq!(staff.run(["verify", &host, "--on-pc"]).code, 3);
    let job = staff.ended(&host, "verify");
    assert_eq!(job["failures"][0]["path"], rotten.to_str().unwrap(), "{job}");
    let shown = staff.json(&["hosts", "show", &host])["reasons"].to_string();
    assert!(shown.contains("trial-failed"), "{shown}");
}

#[test]
fn a_snapshot_that_is_none_is_alerted_stops_nothing_for_ever_and_is_set_aside() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    fs::write(disk.join("letter.txt"), "dear all").unwrap();
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();
    let kit = staff.json(&["recovery-kit", &host]);
    let repository = PathBuf::from(kit["repository"].as_str().unwrap());
    // As a PC that was taken over may store it.
    let garbage = repository.join("snapshots").join("ab".repeat(32));
    fs::write(&garbage, "garbage").unwrap();
    let found = staff.run(["verify", &host]);
    assert!(found.code == 3 && found.err.contains("1 snapshots or indexes cannot be read"), "{found:?}");
    let shown = staff.json(&["hosts", "show", &host]);
    assert!(shown["reasons"].to_string().contains("repository-damaged") && shown["state"] == "at-risk", "{shown}");
    // What is good restores all the same.
    let target = agent.restored().join("out");
    staff.run(["restore", &host, "latest", "--target", target.to_str().unwrap(), "--watch"]).ok();
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));

    let repaired = staff.run(["repair", &host]).ok();
    assert!(repaired.err.contains("1 damaged objects are set aside"), "{repaired:?}");
    assert!(!garbage.exists() && repository.join("damaged").join("ab".repeat(32)).exists());
    keepwatch_tests::until("all is sound again", || staff.run(["verify", &host]).code == 0);
    assert!(!staff.json(&["hosts", "show", &host])["reasons"].to_string().contains("repository-damaged"));
}
