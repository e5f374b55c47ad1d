//! An idle agent is light.

use crate::scan::fleet;
use keepwatch_tests::until;

/// Most that an idle agent may hold, in KiB.
const LIGHT: u64 = 30 << 10;

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_idle_enrolled_agent_holds_at_most_30_mib() {
    let (controller, staff, agent) = fleet();
    // After a scan, so that what work leaves behind counts.
    staff.run(["scan", &agent.host(), agent.disk().to_str().unwrap(), "--watch"]).ok();
    until("the agent is idle", || agent.status()["jobs"].as_array().is_some_and(Vec::is_empty));
    let (agent_size, controller_size) = (resident(agent.pid()), resident(controller.pid()));
    println!("resident: idle agent {agent_size} KiB, controller {controller_size} KiB");
    assert!(agent_size <= LIGHT, "{agent_size} KiB");
}
