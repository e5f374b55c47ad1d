//! The controller is lost. What `deploy/rebuild.md` says is done here, step by step: from a copy of
//! its data folder, and from the repositories alone with the offline recovery key.

use crate::interop::restic;
use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe};
use keepwatch_tests::{Agent, Controller, Staff, until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Restores a host's newest backup to another PC, and looks whether it is what is on `disk`.
fn prove(staff: &Staff, host: &str, to: &Agent, disk: &Path, name: &str) {
    let target = to.restored().join(name);
    let words = ["restore", host, "latest", "--to-host", &to.host(), "--target", text(&target), "--watch"];
    staff.run(words).ok();
    assert_same(&describe(disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
}

fn age(words: &[&str]) -> String {
    let output = Command::new(words[0]).args(&words[1..]).output().expect("age is installed (./tests/run.sh does)");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn from_a_copy_of_the_data_folder_agents_come_back_and_what_came_after_it_is_found_again() {
    let (mut controller, staff, agent) = fleet();
    let (host, disk, mut late) = (agent.host(), agent.disk(), Agent::new());
    fs::write(late.disk().join("late.txt"), "of a PC that came after the copy").unwrap();
    fs::write(disk.join("one.txt"), "before the copy").unwrap();
    staff.set_paths(&[&disk, &late.disk()]);
    staff.run(["backup", &host, "--watch"]).ok();
    let ids = || -> Vec<String> {
        let all = staff.json(&["snapshots", &host]);
        all.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = ids();

    // The copy, while the controller serves; and what happens after it.
    let copy = controller.data().with_file_name("copy");
    let made = controller.run(&["copy", "--to", text(&copy)]).ok();
    assert!(made.out.contains("The repositories are not in it"), "{made:?}");
    assert!(controller.run(&["copy", "--to", text(&copy)]).err.contains("already holds Keepwatch data"));
    fs::write(disk.join("two.txt"), "after the copy").unwrap();
    staff.run(["backup", &host, "--watch"]).ok();
    let second = ids()[0].clone();
    late.enroll(&controller, &staff.token()).ok();
    late.start();
    late.until_connected();
    let (gone, password) =
        (late.host(), fs::read_to_string(late.state().join("identity/repository-password")).unwrap());
    staff.run(["backup", &gone, "--watch"]).ok();

    // The machine is lost; the disk with the repositories is not.
    controller.kill();
    let data = controller.data();
    fs::remove_dir(copy.join("repositories")).unwrap();
    fs::rename(data.join("repositories"), copy.join("repositories")).unwrap();
    fs::remove_dir_all(&data).unwrap();
    fs::rename(&copy, &data).unwrap();
    controller.restart();

    // The agent comes back by itself, and the snapshot that the copy does not know is there again.
    until("the agent is back", || staff.only_host()["connected"] == true);
    until("the snapshot is found", || ids().len() == 2);
    assert_eq!(ids(), [second, first[0].clone()]);
    let found = staff.json(&["snapshots", &host])[0].clone();
    // What its backup left out is not known any more. Both PCs' folders are on this machine.
    assert_eq!((&found["partial"], &found["job"], &found["files"]), (&true.into(), &().into(), &3.into()), "{found}");
    prove(&staff, &host, &agent, &disk, "found");
    assert!(controller.log().contains(&format!("repository={gone}")), "{}", controller.log());

    // It is obeyed, and the next backup is the newest.
    fs::write(disk.join("three.txt"), "after the loss").unwrap();
    staff.run(["backup", &host, "--watch"]).ok();
    assert_eq!(ids()[1..], [found["id"].as_str().unwrap().to_owned(), first[0].clone()]);
    assert_eq!(staff.json(&["snapshots", &host])[0]["partial"], false);
    prove(&staff, &host, &agent, &disk, "after the loss");

    // The PC that came after the copy knows what opens its repository.
    let kit = agent.restored().join("typed.txt");
    fs::write(&kit, format!("PC: late\nHost: {gone}\nPassword: {password}\n")).unwrap();
    let adopted = controller.run(&["adopt", "--kit", text(&kit)]).ok();
    assert!(adopted.out.contains("taken in, with 1 snapshots"), "{adopted:?}");
    assert!(controller.run(&["adopt", "--kit", text(&kit)]).err.contains("known here already"));
    late.enroll_anew(&controller, &staff.token());
    prove(&staff, &gone, &late, &late.disk(), "back");
    let audit = staff.json(&["audit"]).to_string();
    assert!(audit.contains("snapshot found") && audit.contains("host adopt"), "{audit}");
}

#[test]
fn from_the_repositories_alone_stock_restic_restores_and_a_new_controller_takes_them_in() {
    let (mut lost, staff, mut agent) = fleet();
    let (old, disk) = (agent.host(), agent.disk());
    fs::create_dir(disk.join("报告")).unwrap();
    fs::write(disk.join("报告/预算.txt"), "守备").unwrap();
    staff.set_paths(&[&disk]);
    staff.run(["backup", &old, "--watch"]).ok();

    // The offline key, and what is sealed to it.
    let safe = tempfile::tempdir().unwrap();
    let (secret, sealed) = (safe.path().join("secret.txt"), safe.path().join("kits.age"));
    age(&["age-keygen", "-o", text(&secret)]);
    let public = age(&["age-keygen", "-y", text(&secret)]).trim().to_owned();
    assert!(lost.run(&["recovery-key", "show"]).ok().out.contains("no offline recovery key"));
    assert!(staff.run(["recovery-kit", "--all", "--sealed"]).err.contains("recovery-key set"));
    for (key, word) in [("age1nonsense", "begins with 'age1'"), (text(&secret), "secret half")] {
        let refused = lost.run(&["recovery-key", "set", key]);
        assert!(refused.code != 0 && refused.err.contains(word) && !refused.err.contains("SECRET-KEY"), "{refused:?}");
    }
    let set = lost.run(&["recovery-key", "set", &public]).ok();
    assert!(set.out.contains("passwords of 1 hosts are sealed anew"), "{set:?}");
    assert_eq!(lost.run(&["recovery-key", "show"]).ok().out.trim(), public);
    staff.run(["recovery-kit", "--all", "--sealed", "-o", text(&sealed)]).ok();
    assert_eq!(fs::metadata(&sealed).unwrap().permissions().mode() & 0o777, 0o600);

    // The controller is lost with its keys. What is left: the repositories, and what is in the safe.
    lost.kill();
    let left = safe.path().join("repositories");
    fs::rename(lost.data().join("repositories"), &left).unwrap();
    drop(lost);

    // Either tool opens it, and the kit is what stock restic needs.
    let kits = age(&["age", "--decrypt", "-i", text(&secret), text(&sealed)]);
    let opener = Command::new(keepwatch_tests::binary("keepwatch-controller"))
        .args(["recovery-key", "open", text(&sealed), "--identity", text(&secret)])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(opener.stdout).unwrap(), kits);
    let line = kits.lines().find_map(|line| line.strip_prefix("Password:")).unwrap();
    let password = safe.path().join("password.txt");
    fs::write(&password, line.trim()).unwrap();
    let repository = left.join(&old);
    assert!(restic(&repository, &password, &["check", "--read-data"]).contains("no errors were found"));
    let target = safe.path().join("by restic");
    restic(&repository, &password, &["restore", "latest", "--target", text(&target)]);
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));

    // A new controller takes them in; the PC enrols anew, and gets its files.
    let mut controller = Controller::start();
    // The controller itself kept this beside the repositories.
    let beside = left.join("recovery-kits");
    let adopt = ["adopt", "--kit", text(&beside), "--identity", text(&secret)];
    let early = controller.run(&adopt);
    assert!(early.code != 0 && early.err.contains("its repository is not here"), "{early:?}");
    controller.kill();
    let place: PathBuf = controller.data().join("repositories").join(&old);
    fs::rename(&repository, &place).unwrap();
    assert!(controller.run(&adopt[..3]).err.contains("--identity"));
    let adopted = controller.run(&adopt).ok();
    assert!(adopted.out.contains("taken in, with 1 snapshots"), "{adopted:?}");
    controller.restart();
    let staff = controller.staff();
    let shown = staff.json(&["hosts", "show", &old]);
    assert_eq!((&shown["revoked"], &shown["state"]), (&true.into(), &"unknown".into()), "{shown}");
    agent.enroll_anew(&controller, &staff.token());
    assert_ne!(agent.host(), old);
    prove(&staff, &old, &agent, &disk, "by the new controller");
    staff.set_paths(&[&disk]);
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    prove(&staff, &agent.host(), &agent, &disk, "of the new host");
    // Nothing of it goes before somebody has looked.
    let ran = staff.run(["retention", "run", &old]).ok();
    assert!(format!("{}{}", ran.out, ran.err).contains("was taken in"), "{ran:?}");
}

#[test]
fn the_kits_of_all_hosts_are_one_file_of_its_owners() {
    let (controller, staff, agent) = fleet();
    let other = Agent::started(&controller, &staff);
    staff.run(["hosts", "revoke", &other.host()]).ok();
    let file = agent.restored().join("kits.txt");
    staff.run(["recovery-kit", "--all", "-o", text(&file)]).ok();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let written = fs::read_to_string(&file).unwrap();
    assert!(written.contains(&agent.host()) && written.contains(&other.host()), "{written}");
    assert_eq!(written.matches("BEGIN CERTIFICATE").count(), 1, "one that is cut off has no door");
    let all = staff.json(&["recovery-kit", "--all"]);
    let of = |host: &str| all.as_array().unwrap().iter().find(|kit| kit["id"] == host).unwrap().clone();
    assert_eq!(of(&other.host())["door"], serde_json::Value::Null);
    assert!(of(&agent.host())["ca"].as_str().unwrap().contains(controller.ca_pem().trim()));
    assert_eq!(of(&agent.host())["password"], staff.json(&["recovery-kit", &agent.host()])["password"]);
    // The way through the door, as the kit says it.
    fs::write(agent.disk().join("a.txt"), "a").unwrap();
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    let at = |name: &str, content: &str| {
        let path = agent.restored().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let kit = of(&agent.host());
    let (ca, pc) = (at("ca.pem", kit["ca"].as_str().unwrap()), at("pc.pem", &agent.stolen_identity()));
    let password = at("password.txt", kit["password"].as_str().unwrap());
    let door = kit["door"].as_str().unwrap();
    let output = Command::new("restic")
        .args(["--repo", door, "--cacert", &ca, "--tls-client-cert", &pc, "--password-file", &password, "--no-cache"])
        .arg("snapshots")
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 snapshots"), "{output:?}");
    let created = staff.json(&["users", "create", "ann", "--role", "operator"]);
    let ann = controller.staff_as("ann", created["password"].as_str().unwrap());
    assert!(ann.run(["recovery-kit", "--all"]).err.contains("administrator"));
}
