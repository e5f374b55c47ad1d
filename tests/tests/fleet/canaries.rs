//! A document that nobody has reason to touch tells of who goes through the files.

use crate::scan::fleet;
use keepwatch_tests::{Staff, until, until_some};
use std::fs;
use std::path::{Path, PathBuf};

fn policy(staff: &Staff, folders: &[&Path], canaries: bool) {
    let folders = serde_json::to_string(folders).unwrap();
    staff.set_policy(&format!(
        "backup: {{schedule: '', paths: {folders}, scan: false, canaries: {canaries}}}\nscan: {{schedule: ''}}"
    ));
}

fn planted(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with(".~"));
    found
}

#[test]
fn a_canary_that_is_overwritten_puts_the_pc_at_risk_and_keeps_its_snapshots() {
    let (_controller, staff, agent) = fleet();
    let host = agent.host();
    // One where the PC's own file lets us write, and one where it does not.
    let (home, elsewhere) = (agent.restored().join("王"), agent.disk());
    fs::create_dir(&home).unwrap();
    fs::write(home.join("letter.txt"), "letter").unwrap();
    policy(&staff, &[&home, &elsewhere], true);
    let canary = until_some("one is planted", || planted(&home).pop());
    staff.run(["backup", &host, "--watch"]).ok();
    let shown = || staff.json(&["hosts", "show", &host]);
    assert!(!shown()["reasons"].to_string().contains("canary"), "{}", shown());
    assert_eq!(planted(&elsewhere), Vec::<PathBuf>::new());
    assert_eq!(planted(&home), std::slice::from_ref(&canary));
    let saved = staff.json(&["ls", &host, "latest", home.to_str().unwrap()]).to_string();
    assert!(saved.contains("letter.txt") && !saved.contains(".rtf"), "{saved}");

    // As malware does.
    fs::write(&canary, "encrypted").unwrap();
    staff.run(["backup", &host, "--watch"]).ok();
    until("it is told", || shown()["reasons"].to_string().contains("canary-touched"));
    let host_shown = shown();
    assert!(host_shown["state"] == "at-risk" && host_shown["reasons"].to_string().contains("retention-frozen"));
    let plan = staff.run(["retention", "plan", &host]).ok();
    let name = canary.file_name().unwrap().to_str().unwrap();
    let said = format!("{}{}", plan.out, plan.err);
    assert!(said.contains("a canary was changed") && said.contains(name), "{plan:?}");
    let audit = staff.json(&["audit"]).to_string();
    assert!(audit.contains("canary touched") && audit.contains(name), "{audit}");

    // Staff have looked; another one has taken its place.
    staff.run(["retention", "thaw", &host]).ok();
    assert!(!shown()["reasons"].to_string().contains("canary"), "{}", shown());
    until("another is planted", || planted(&home).len() == 2);
    let other = planted(&home).into_iter().find(|path| *path != canary).unwrap();
    fs::rename(&other, home.join("locked")).unwrap();
    staff.run(["backup", &host, "--watch"]).ok();
    until("it is told", || shown()["reasons"].to_string().contains("canary-touched"));
    assert!(format!("{:?}", staff.run(["retention", "plan", &host])).contains("renamed or deleted"));

    // Switched off: what is still ours is taken back, and nothing else.
    until("another is planted", || planted(&home).len() == 2);
    policy(&staff, &[&home, &elsewhere], false);
    until("it is taken back", || planted(&home) == std::slice::from_ref(&canary));
    assert!(home.join("locked").exists() && home.join("letter.txt").exists());
    assert_eq!(fs::read_to_string(&canary).unwrap(), "encrypted");
}
