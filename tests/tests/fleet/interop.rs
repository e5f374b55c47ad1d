//! Your data outlives us: stock restic opens what we made, and we open what it made.

use crate::scan::fleet;
use keepwatch_tests::standalone;
use keepwatch_tests::tree::{assert_same, describe};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// Debian's restic; the test command installs it.
pub(crate) fn restic(repository: &Path, password_file: &Path, words: &[&str]) -> String {
    let mut command = Command::new("restic");
    command.arg("--repo").arg(repository).arg("--password-file").arg(password_file).arg("--no-cache").args(words);
    let output = command.output().expect("restic is installed (./tests/run.sh does)");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "restic {words:?}: {said}");
    said
}

/// What restic 0.14 itself keeps: it mangles link targets that are not UTF-8.
fn plant(disk: &Path) {
    fs::create_dir_all(disk.join("报告/empty")).unwrap();
    fs::write(disk.join("报告/第一.txt"), "守备").unwrap();
    fs::write(disk.join("two words"), vec![7; 2_000_000]).unwrap();
    symlink("报告", disk.join("link")).unwrap();
}

#[test]
fn stock_restic_reads_a_hosts_repository_with_the_recovery_kit() {
    let (_controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    plant(&disk);
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();

    let kit = staff.json(&["recovery-kit", &host]);
    let repository = Path::new(kit["repository"].as_str().unwrap());
    let password_file = agent.restored().join("password.txt");
    fs::write(&password_file, kit["password"].as_str().unwrap()).unwrap();
    let id = staff.json(&["snapshots", &host])[0]["id"].as_str().unwrap().to_owned();
    assert!(restic(repository, &password_file, &["snapshots"]).contains(&id[..8]));
    assert!(restic(repository, &password_file, &["check", "--read-data"]).contains("no errors were found"));
    let target = agent.restored().join("by restic");
    restic(repository, &password_file, &["restore", "latest", "--target", target.to_str().unwrap()]);
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
}

#[test]
fn a_repository_made_by_stock_restic_restores_through_ours() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, repository) = (folder.path().join("disk"), folder.path().join("repository"));
    let password_file = folder.path().join("password.txt");
    fs::write(&password_file, "from restic").unwrap();
    plant(&disk);
    restic(&repository, &password_file, &["init"]);
    for compression in ["off", "max"] {
        fs::write(disk.join("compression"), compression).unwrap();
        restic(&repository, &password_file, &["--compression", compression, "backup", disk.to_str().unwrap()]);
        let target = folder.path().join(compression);
        let words = ["restore", "latest", "--repository", repository.to_str().unwrap(), "--password-file"];
        let words = [&words[..], &[password_file.to_str().unwrap(), "--target", target.to_str().unwrap()]].concat();
        standalone(&words, &[]).ok();
        assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
    }
}

#[test]
fn without_a_controller_a_backup_is_one_that_restic_reads() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, repository) = (folder.path().join("disk"), folder.path().join("repository"));
    let password_file = folder.path().join("password.txt");
    fs::write(&password_file, "stand alone\n").unwrap();
    plant(&disk);
    let at = ["--repository", repository.to_str().unwrap(), "--password-file", password_file.to_str().unwrap()];
    let not_made = standalone(&[&["backup"], &at[..]].concat(), &[&disk]);
    assert!(not_made.code != 0 && not_made.err.contains("--init"), "{not_made:?}");
    let made = standalone(&[&["backup", "--init"], &at[..]].concat(), &[&disk]).ok();
    let id = made.out.trim();
    assert_eq!(id.len(), 64, "{made:?}");
    assert!(restic(&repository, &password_file, &["snapshots"]).contains(&id[..8]));
    restic(&repository, &password_file, &["check", "--read-data"]);
}

#[test]
fn stock_restic_backs_up_through_the_service_as_a_host_and_both_go_on_with_each_others_snapshots() {
    let (controller, staff, agent) = fleet();
    let (host, disk) = (agent.host(), agent.disk());
    plant(&disk);
    staff.set_paths(&[&disk]);
    staff.run(["backup", &host, "--watch"]).ok();
    let file = |name: &str, content: &str| {
        let path = agent.restored().join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let password = file("password.txt", staff.json(&["recovery-kit", &host])["password"].as_str().unwrap());
    let (identity, ca) = (file("identity.pem", &agent.stolen_identity()), file("ca.pem", &controller.ca_pem()));
    let url = format!("rest:{}/repositories/{host}/", controller.agent_door());
    let by_rest = |words: &[&str]| {
        let at = ["--repo", &url, "--password-file", &password, "--cacert", &ca, "--tls-client-cert", &identity];
        let output = Command::new("restic").args(at).arg("--no-cache").args(words).output().unwrap();
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.success(), said)
    };
    // Ten backups, theirs and ours in turn.
    for n in 0..5 {
        fs::write(disk.join(format!("new {n}")), format!("{n}").repeat(n * 100_000 + 1)).unwrap();
        let (done, said) = by_rest(&["backup", disk.to_str().unwrap()]);
        assert!(done && (n > 0 || said.contains("files")), "{said}");
        staff.run(["backup", &host, "--watch"]).ok();
    }
    let (clean, said) = by_rest(&["check", "--read-data"]);
    assert!(clean && said.contains("no errors were found"), "{said}");
    let (listed, said) = by_rest(&["snapshots"]);
    assert!(listed && said.contains("11 snapshots"), "{said}");
    let target = agent.restored().join("by restic");
    assert!(by_rest(&["restore", "latest", "--target", target.to_str().unwrap()]).0);
    assert_same(&describe(&disk), &describe(&target.join(disk.strip_prefix("/").unwrap())));
}
