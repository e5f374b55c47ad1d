//! The load generator's agents, a few of them, so that it stays one that can be relied on.

use keepwatch_tests::{Controller, Crowd};

#[test]
fn simulated_agents_follow_the_policy_do_jobs_and_come_back_with_nothing_lost() {
    const AGENTS: usize = 20;
    let mut controller = Controller::start();
    let staff = controller.staff();
    let token = staff.json(&["tokens", "create", "--uses", "20"])["token"].as_str().unwrap().to_owned();
    let folder = tempfile::tempdir().unwrap();
    let mut crowd = Crowd::enroll(&controller, &token, AGENTS, folder.path());
    crowd.start();
    crowd.until_connected();

    staff.set_policy("time_zone: Asia/Urumqi");
    crowd.until_following(|policy| policy.time_zone == "Asia/Urumqi");

    let host = crowd.hosts()[0].to_string();
    staff.run(["backup", &host, "--watch"]).ok();

    controller.kill();
    crowd.have_done(3);
    assert_eq!(crowd.waiting(), 6 * AGENTS as u64);
    controller.restart();
    crowd.until_told();
    let jobs = staff.json(&["jobs", "list", "--limit", "1000"]);
    let done = jobs.as_array().unwrap().iter().filter(|job| job["state"] == "succeeded").count();
    assert_eq!(done, 3 * AGENTS + 1);
}
