//! What a crowd of agents does to one controller: prints one line for each thing measured, as
//! `NAME SECONDS-OR-MIB`. `tests/bench-fleet.sh` makes the table of it.
//!
//! ```text
//! fleet_load AGENTS RESULTS-PER-AGENT FOLDER
//! ```

use keepwatch_tests::{Controller, Crowd};
use std::path::PathBuf;
use std::time::Instant;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [agents, results, folder] = &words[..] else { panic!("write: fleet_load AGENTS RESULTS-PER-AGENT FOLDER") };
    let (agents, results): (usize, usize) = (agents.parse().expect("a count"), results.parse().expect("a count"));
    let folder = tempfile::tempdir_in(PathBuf::from(folder)).expect("a folder to work in");

    let mut controller = Controller::start();
    let staff = controller.staff();
    let token = staff.json(&["tokens", "create", "--uses", &agents.to_string()]);
    let token = token["token"].as_str().expect("a token").to_owned();

    let timer = Instant::now();
    let mut crowd = Crowd::enroll(&controller, &token, agents, folder.path());
    say("enrol_all_s", timer.elapsed().as_secs_f64());

    let timer = Instant::now();
    crowd.start();
    crowd.until_connected();
    say("connect_all_s", timer.elapsed().as_secs_f64());
    crowd.until_following(|_| true);
    say("memory_idle_mib", memory(controller.pid(), "VmRSS"));

    let timer = Instant::now();
    staff.set_policy("time_zone: Asia/Urumqi");
    crowd.until_following(|policy| policy.time_zone == "Asia/Urumqi");
    say("policy_to_all_s", timer.elapsed().as_secs_f64());

    // Written at once, as if all had come from the weekend with them.
    let timer = Instant::now();
    crowd.have_done(results);
    crowd.until_told();
    let seconds = timer.elapsed().as_secs_f64();
    say("results_taken_in_s", seconds);
    say("results_per_s", (agents * results) as f64 / seconds);

    // One each, while nobody listens; and then all come back.
    controller.kill();
    crowd.have_done(1);
    let timer = Instant::now();
    controller.restart();
    crowd.until_connected();
    say("back_after_restart_s", timer.elapsed().as_secs_f64());
    crowd.until_told();
    say("told_after_restart_s", timer.elapsed().as_secs_f64());
    say("memory_peak_mib", memory(controller.pid(), "VmHWM"));
    say("jobs_recorded", jobs(&controller));
    say("jobs_done", (agents * (results + 1)) as f64);
}

fn say(what: &str, figure: f64) {
    println!("{what} {figure:.2}");
}

/// From the kernel, in MiB.
fn memory(pid: u32, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|l| l.strip_prefix(line)).expect("the kernel tells");
    let kib: f64 = line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("a number");
    kib / 1024.0
}

/// Jobs that ended well, by the database itself.
fn jobs(controller: &Controller) -> f64 {
    let query = "SELECT COUNT(*) FROM jobs WHERE state = 'succeeded'";
    let database = controller.data().join("keepwatch.db");
    let out = std::process::Command::new("sqlite3").arg("-readonly").arg(database).arg(query).output();
    let out = String::from_utf8(out.expect("sqlite3 is installed").stdout).expect("a number");
    out.trim().parse().expect("a number")
}
