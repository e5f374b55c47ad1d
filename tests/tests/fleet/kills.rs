//! kill -9 of agent, worker or controller, at any moment of a backup. What was acknowledged
//! restores, and the next backup completes. KEEPWATCH_KILLS says how often (4 unless set).

use crate::interop::restic;
use crate::scan::fleet;
use keepwatch_tests::tree::{assert_same, describe};
use keepwatch_tests::{Agent, Controller, Staff, until_some};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// Numbers that differ from each other; which ones they are does not matter, and a run can be repeated.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    pub(crate) fn noise(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}

/// The newest backup, once it has ended.
fn ended(staff: &Staff, host: &str, before: usize) -> Value {
    until_some("the backup ends", || {
        let jobs = staff.json(&["jobs", "list", "--host", host, "--limit", "1000"]);
        let all = jobs.as_array()?;
        let newest = all.first()?.clone();
        (all.len() > before && newest["ended"].is_string()).then_some(newest)
    })
}

/// The process that another has started, if any.
pub(crate) fn child_of(parent: u32) -> Option<String> {
    let parent = format!("PPid:\t{parent}");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        status.lines().any(|line| line == parent).then(|| entry.file_name().to_string_lossy().into_owned())
    })
}

/// kill -9; says whether it was still there.
pub(crate) fn kill(pid: &str) -> bool {
    Command::new("kill").args(["-9", pid]).status().unwrap().success()
}

pub(crate) fn snapshots(staff: &Staff, host: &str) -> Vec<String> {
    let all = staff.json(&["snapshots", host]);
    all.as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect()
}

/// One kill, and what follows it. Says which process it hit.
fn kill_one(
    numbers: &mut Numbers,
    controller: &mut Controller,
    staff: &Staff,
    agent: &mut Agent,
    host: &str,
) -> &'static str {
    let disk = agent.disk();
    for _ in 0..3 {
        let length = 200_000 + numbers.below(2_000_000) as usize;
        let name = format!("{}.bin", numbers.below(40));
        fs::write(disk.join(name), numbers.noise(length)).unwrap();
    }
    let before = staff.json(&["jobs", "list", "--host", host, "--limit", "1000"]).as_array().map_or(0, Vec::len);
    staff.run(["backup", host]).ok();
    // Any moment will do: from before the worker is there to after it has gone.
    std::thread::sleep(Duration::from_millis(numbers.below(2500)));
    let hit = match numbers.below(3) {
        0 => {
            agent.kill();
            agent.start();
            "agent"
        }
        1 => {
            let killed = child_of(agent.pid()).is_some_and(|pid| kill(&pid));
            if killed { "worker" } else { "nobody" }
        }
        _ => {
            controller.kill();
            controller.restart();
            "controller"
        }
    };
    ended(staff, host, before);
    hit
}

#[test]
fn whatever_is_killed_and_when_what_was_acknowledged_restores() {
    let kills: u32 = std::env::var("KEEPWATCH_KILLS").map_or(4, |n| n.parse().unwrap());
    let (mut controller, staff, mut agent) = fleet();
    let (host, disk, mut numbers) = (agent.host(), agent.disk(), Numbers(7));
    for n in 0..40 {
        fs::write(disk.join(format!("{n}.bin")), numbers.noise(1_000_000)).unwrap();
    }
    staff.set_paths(&[&disk]);
    let (mut hits, mut known) = (BTreeMap::<&str, u32>::new(), BTreeMap::new());
    for _ in 0..kills {
        *hits.entry(kill_one(&mut numbers, &mut controller, &staff, &mut agent, &host)).or_default() += 1;
        // Nothing changes until the next one: what a new snapshot holds is what is there now.
        for id in snapshots(&staff, &host) {
            known.entry(id).or_insert_with(|| describe(&disk));
        }
    }
    staff.run(["backup", &host, "--watch"]).ok();
    known.entry(snapshots(&staff, &host)[0].clone()).or_insert_with(|| describe(&disk));
    println!("{kills} kills: {hits:?}; {} snapshots acknowledged", known.len());

    assert_eq!(snapshots(&staff, &host).len(), known.len(), "none that was acknowledged is gone");
    let kit = staff.json(&["recovery-kit", &host]);
    let password = agent.restored().join("password.txt");
    fs::write(&password, kit["password"].as_str().unwrap()).unwrap();
    let repository = PathBuf::from(kit["repository"].as_str().unwrap());
    let said = restic(&repository, &password, &["check", "--read-data"]);
    println!("restic check --read-data: {}", said.lines().last().unwrap_or_default());
    assert!(said.contains("no errors were found"), "{said}");
    for (id, expected) in &known {
        let target = agent.restored().join(&id[..8]);
        staff.run(["restore", &host, id, "--target", target.to_str().unwrap(), "--watch"]).ok();
        assert_same(expected, &describe(&target.join(disk.strip_prefix("/").unwrap())));
        fs::remove_dir_all(target).unwrap();
    }
}
