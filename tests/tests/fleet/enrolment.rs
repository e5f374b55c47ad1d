//! Who becomes a host, and who does not.

use keepwatch_tests::{Agent, Controller, until};

#[test]
fn a_token_is_used_once_expires_and_is_good_for_one_controller() {
    let (controller, other) = (Controller::start(), Controller::start());
    let staff = controller.staff();

    let token = staff.token();
    let first = Agent::new();
    first.enroll(&controller, &token).ok();
    assert_eq!(staff.only_host()["id"], first.host());

    let refused = |agent: &Agent, token: &str, word: &str| {
        let ran = agent.enroll(&controller, token);
        assert_ne!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains(word), "{ran:?}");
        assert!(!agent.state().join("identity").exists(), "nothing is left behind");
    };
    refused(&Agent::new(), &token, "used up");
    refused(&Agent::new(), "nonsense", "not an enrolment token");
    refused(&Agent::new(), &other.staff().token(), "CA");
    let short_lived = staff.json(&["tokens", "create", "--ttl", "1m"])["token"].as_str().unwrap().to_owned();
    controller.shift_clock(120);
    refused(&Agent::new(), &short_lived, "expired");

    // Enrolling twice would orphan the first identity's backups.
    let again = first.enroll(&controller, &staff.token());
    assert!(again.code != 0 && again.err.contains("--force"), "{again:?}");
    assert_eq!(staff.json(&["hosts", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn a_revoked_host_is_cut_off_at_once() {
    let controller = Controller::start();
    let staff = controller.staff();
    let agent = Agent::started(&controller, &staff);
    let host = agent.host();
    assert_eq!(staff.only_host()["connected"], true);

    staff.run(["hosts", "revoke", &host]).ok();
    until("the stream is gone", || staff.only_host()["connected"] == false);
    until("the agent knows", || agent.status()["connected"] == false);
    // It tries again, and is not let in.
    let tries = agent.log().lines().count();
    until("the agent has tried again", || agent.log().lines().count() > tries + 1);
    let host = staff.only_host();
    assert_eq!((&host["connected"], &host["revoked"]), (&false.into(), &true.into()));
}

#[test]
fn every_action_leaves_an_audit_record_and_a_viewer_only_looks() {
    let controller = Controller::start();
    let staff = controller.staff();
    let password =
        staff.json(&["users", "create", "wang", "--role", "viewer"])["password"].as_str().unwrap().to_owned();
    let viewer = controller.staff_as("wang", &password);
    viewer.run(["hosts", "list"]).ok();
    let refused = viewer.run(["tokens", "create"]);
    assert!(refused.code == 1 && refused.err.contains("operator"), "{refused:?}");
    staff.run(["groups", "create", "税务局"]).ok();

    let records = staff.json(&["audit"]);
    let said: Vec<String> = records
        .as_array()
        .unwrap()
        .iter()
        .map(|r| {
            format!(
                "{} {} {}",
                r["user"].as_str().unwrap(),
                r["action"].as_str().unwrap(),
                r["outcome"].as_str().unwrap()
            )
        })
        .collect();
    for expected in [
        "init user create done",
        "admin log in done",
        "admin user create done",
        "wang token create refused",
        "admin group create done",
    ] {
        assert!(said.iter().any(|s| s == expected), "{expected} is missing in {said:?}");
    }
}
