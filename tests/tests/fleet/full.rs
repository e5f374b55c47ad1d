//! Full disks, on both sides: it is said, nothing that was acknowledged is lost, and once there
//! is room the next backup completes. Skipped where no small file system can be mounted: it
//! takes root.

use crate::interop::restic;
use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe};
use keepwatch_tests::{standalone, until};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk, until it is dropped.
struct Small(PathBuf);

impl Small {
    fn at(folder: &Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let size = format!("size={mib}m");
        let mounted = runs(&["mount", "-t", "tmpfs", "-o", &size, "tmpfs", folder.to_str().unwrap()]);
        if !mounted {
            eprintln!("skipped: nothing can be mounted here");
        }
        mounted.then(|| Self(folder.to_owned()))
    }

    fn grow(&self, mib: u32) {
        assert!(runs(&["mount", "-o", &format!("remount,size={mib}m"), self.0.to_str().unwrap()]));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        runs(&["umount", "-l", self.0.to_str().unwrap()]);
    }
}

fn runs(words: &[&str]) -> bool {
    Command::new(words[0]).args(&words[1..]).output().is_ok_and(|output| output.status.success())
}

/// Content that nothing makes smaller.
fn noise(file: &Path, mib: usize, seed: u64) {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    fs::write(file, (0..mib << 20).map(|_| next()).collect::<Vec<u8>>()).unwrap();
}

#[test]
fn a_controller_whose_disk_is_full_says_so_and_goes_on_when_there_is_room() {
    let (mut controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    controller.kill();
    let Some(small) = Small::at(&controller.data().join("repositories"), 24) else { return };
    controller.restart();
    agent.until_connected();
    fs::write(disk.join("letter.txt"), "kept").unwrap();
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();

    noise(&disk.join("large"), 40, 1);
    let full = staff.run(["backup", &host, "--watch"]);
    assert_eq!(full.code, 4, "{full:?}");
    let message = staff.ended(&host, "backup")["message"].as_str().unwrap().to_owned();
    assert!(message.contains("there is no room") && message.contains("Make room"), "{message}");
    assert_eq!(staff.json(&["snapshots", &host]).as_array().unwrap().len(), 1);
    let kit = staff.json(&["recovery-kit", &host]);
    let (repository, password) = (kit["repository"].as_str().unwrap(), agent.restored().join("password.txt"));
    fs::write(&password, kit["password"].as_str().unwrap()).unwrap();
    let checked = restic(Path::new(repository), &password, &["check", "--read-data"]);
    assert!(checked.contains("no errors were found"), "{checked}");

    small.grow(200);
    staff.run(["backup", &host, "--watch"]).ok();
    let target = agent.restored().join("out");
    staff.run(["restore", &host, "latest", "--target", target.to_str().unwrap(), "--watch"]).ok();
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
    let checked = restic(Path::new(repository), &password, &["check", "--read-data"]);
    assert!(checked.contains("no errors were found"), "{checked}");
    drop(controller);
}

/// The one with the database: what cannot be committed is not acknowledged, and comes again.
#[test]
fn a_controller_whose_database_cannot_grow_loses_no_result() {
    let (mut controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    // Slow enough that the disk is full before it is done.
    staff.set_policy(&format!("scan: {{schedule: '', paths: ['{}'], cpu_percent: 4}}", disk.display()));
    for n in 0..500 {
        fs::write(disk.join(format!("marked-{n}")), "keepwatch-test-marker").unwrap();
    }
    // All of the controller's data moves to a small disk.
    controller.kill();
    let (data, aside) = (controller.data(), agent.restored().join("data"));
    assert!(runs(&["cp", "-a", data.to_str().unwrap(), aside.to_str().unwrap()]));
    let Some(small) = Small::at(&data, 64) else { return };
    assert!(runs(&["cp", "-a", &format!("{}/.", aside.display()), data.to_str().unwrap()]));
    controller.restart();
    agent.until_connected();
    let job = staff.json(&["scan", &host])["id"].as_str().unwrap().to_owned();
    until("it has begun", || staff.json(&["jobs", "show", &job])["state"] == "running");
    let filler = data.join("filler");
    assert!(fs::write(&filler, vec![1; 80 << 20]).is_err(), "the disk is full");
    until("it is said why", || controller.log().contains("the database failed"));
    until("results wait", || agent.status()["events_waiting"].as_u64().is_some_and(|n| n > 0));
    // Reading needs no room, and it lives.
    assert_eq!(staff.json(&["hosts", "show", &host])["id"], host);
    // What is small may still fit where the database has room of its own; what does not is refused.
    let asked = staff.run(["groups", "create", "new"]);
    assert!(asked.code == 0 || asked.err.contains("database"), "{asked:?}");

    fs::remove_file(&filler).unwrap();
    until("all was told", || agent.status()["events_waiting"] == 0);
    until("the job has ended", || staff.json(&["jobs", "show", &job])["ended"].is_string());
    assert_eq!(staff.json(&["jobs", "show", &job])["state"], "succeeded");
    assert_eq!(staff.json(&["detections", "--host", &host]).as_array().unwrap().len(), 500);
    controller.kill();
    drop(small);
}

#[test]
fn an_agent_whose_own_disk_is_full_loses_no_result_and_backs_up_all_the_same() {
    let (_controller, staff, mut agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    fs::write(disk.join("letter.txt"), "kept").unwrap();
    staff.set_paths(&[&disk]);
    // Its whole state moves to a small disk.
    agent.kill();
    let (state, aside) = (agent.state(), agent.restored().join("aside"));
    fs::rename(&state, &aside).unwrap();
    let Some(small) = Small::at(&state, 64) else { return };
    assert!(runs(&["cp", "-a", &format!("{}/.", aside.display()), state.to_str().unwrap()]));
    agent.start();
    agent.until_connected();
    staff.run(["backup", &host, "--watch"]).ok();

    let filler = state.join("filler");
    let wrote = fs::write(&filler, vec![1; 80 << 20]);
    assert!(wrote.is_err(), "the disk is full");
    noise(&disk.join("more"), 2, 2);
    // It may fail or not, and the agent may end for want of room and be started anew, as the
    // service manager does it.
    let job = staff.json(&["backup", &host])["id"].as_str().unwrap().to_owned();
    until("the job has begun, or the agent has ended", || {
        let status = staff.json(&["jobs", "show", &job])["state"].as_str().unwrap_or_default().to_owned();
        status != "queued" || !agent.is_running()
    });
    fs::remove_file(&filler).unwrap();
    if !agent.is_running() {
        agent.start();
    }
    small.grow(200);
    until("the job ends", || {
        let state = staff.json(&["jobs", "show", &job])["state"].as_str().unwrap_or_default().to_owned();
        ["succeeded", "partial", "failed"].contains(&state.as_str())
    });
    staff.run(["backup", &host, "--watch"]).ok();
    let target = agent.restored().join("out");
    staff.run(["restore", &host, "latest", "--target", target.to_str().unwrap(), "--watch"]).ok();
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
    drop(agent);
}

#[test]
fn a_restore_that_does_not_fit_is_not_begun_and_one_that_fills_the_disk_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, repository, target) =
        (folder.path().join("disk"), folder.path().join("repository"), folder.path().join("target"));
    let password = folder.path().join("password.txt");
    fs::write(&password, "stand alone\n").unwrap();
    fs::create_dir(&disk).unwrap();
    noise(&disk.join("large"), 30, 4);
    let at = ["--repository", repository.to_str().unwrap(), "--password-file", password.to_str().unwrap()];
    standalone(&[&["backup", "--init"], &at[..]].concat(), &[&disk]).ok();
    let Some(small) = Small::at(&target, 20) else { return };
    let restore = |more: &[&str]| {
        let words = [&["restore", "latest", "--target", target.to_str().unwrap()], &at[..], more].concat();
        standalone(&words, &[])
    };
    let refused = restore(&[]);
    assert!(refused.code == 1 && refused.err.contains("there is no room"), "{refused:?}");
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);
    // Where what is there may go, it is not known before.
    let full = restore(&["--overwrite"]);
    assert!(full.code == 1 && full.err.contains("its disk is full"), "{full:?}");
    small.grow(200);
    restore(&[]).ok();
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
}

#[test]
fn a_folder_that_is_full_costs_no_snapshot_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, repository) = (folder.path().join("disk"), folder.path().join("repository"));
    let Some(small) = Small::at(&repository, 24) else { return };
    let password = folder.path().join("password.txt");
    fs::write(&password, "stand alone\n").unwrap();
    fs::create_dir(&disk).unwrap();
    fs::write(disk.join("letter.txt"), "kept").unwrap();
    let at = ["backup", "--init", "--repository", repository.to_str().unwrap(), "--password-file"];
    let at = [&at[..], &[password.to_str().unwrap()]].concat();
    standalone(&at, &[&disk]).ok();
    noise(&disk.join("large"), 40, 3);
    let full = standalone(&at, &[&disk]);
    assert!(full.code == 1 && full.err.contains("there is no room") && full.out.is_empty(), "{full:?}");
    assert!(restic(&repository, &password, &["check", "--read-data"]).contains("no errors were found"));
    small.grow(200);
    standalone(&at, &[&disk]).ok();
    assert!(restic(&repository, &password, &["check", "--read-data"]).contains("no errors were found"));
}
