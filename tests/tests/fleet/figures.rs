//! Page, command line and metrics of a real controller say the same of a fleet, the command line
//! in the reader's language; and one id leads through all logs.

use crate::scan::fleet;
use keepwatch_proto::ids::RequestId;
use keepwatch_tests::{Agent, Controller, binary, until};
use reqwest::StatusCode;
use reqwest::blocking::Client;
use serde_json::Value;
use std::io::BufRead;

fn client(controller: &Controller) -> Client {
    // A second install changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = reqwest::Certificate::from_pem(controller.ca_pem().as_bytes()).unwrap();
    Client::builder().tls_certs_only([ca]).build().unwrap()
}

/// What a metric's line says.
fn value(metrics: &str, line: &str) -> Value {
    let found = metrics.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("no '{line}' in {metrics}")).parse::<u64>().unwrap().into()
}

#[test]
fn one_fleet_has_one_set_of_figures() {
    let controller = Controller::start();
    let staff = controller.staff();
    staff.run(["groups", "create", "东区"]).ok();
    let token = staff.json(&["tokens", "create", "--group", "东区"])["token"].as_str().unwrap().to_owned();
    // One that was let in and never came, and one that is here.
    Agent::new().enroll(&controller, &token).ok();
    let _here = Agent::started(&controller, &staff);

    let (client, door) = (client(&controller), controller.staff_door());
    let get = |path: &str, token: &str| {
        let answer = client.get(format!("{door}{path}")).bearer_auth(token).send().unwrap();
        (answer.status(), answer.text().unwrap())
    };
    let token = std::fs::read_to_string(controller.data().join("keys/metrics.token")).unwrap();
    assert_eq!(get("/metrics", "wrong").0, StatusCode::UNAUTHORIZED);
    assert_eq!(get("/healthz", ""), (StatusCode::OK, "ok\n".into()));
    assert_eq!(get("/readyz", ""), (StatusCode::OK, "ready\n".into()));
    let (status, metrics) = get("/metrics", &token);
    assert_eq!(status, StatusCode::OK, "{metrics}");

    let report = staff.json(&["report"]);
    assert_eq!((&report["hosts"], &report["pending"]), (&2.into(), &1.into()), "{report}");
    for (state, field) in
        [("protected", "protected"), ("attention", "attention"), ("at-risk", "at_risk"), ("unknown", "unknown")]
    {
        assert_eq!(value(&metrics, &format!("keepwatch_hosts{{state=\"{state}\"}}")), report[field], "{state}");
    }
    let groups = staff.json(&["groups", "health"]);
    assert_eq!((&groups[0]["group"], &groups[1]["group"]), (&"all".into(), &"东区".into()));
    for field in ["hosts", "attention", "unknown", "pending"] {
        assert_eq!(groups[0]["figures"][field], report[field], "{field}");
    }
    assert_eq!(
        value(&metrics, "keepwatch_group_hosts{group=\"东区\",state=\"unknown\"}"),
        groups[1]["figures"]["unknown"]
    );
    // The address without encryption shows the same, and a stream that ends is no longer counted.
    let plain = reqwest::blocking::get(controller.metrics()).unwrap().text().unwrap();
    assert_eq!(value(&plain, "keepwatch_hosts_silent{silence=\"pending\"}"), report["pending"]);
    assert_eq!(value(&plain, "keepwatch_hosts_connected"), 1);
    drop(_here);
    until("its stream is gone", || {
        let shown = get("/metrics", &token).1;
        value(&shown, "keepwatch_hosts_connected") == 0
    });

    let table = staff.run(["groups", "health", "--lang", "zh-CN"]).ok().out;
    assert!(table.starts_with("分组") && table.contains("等待首次连接") && table.contains("  东区"), "{table}");
    let refused = staff.run(["hosts", "show", "PC-9", "--lang", "zh-CN"]);
    assert!(refused.err.contains("没有名为“PC-9”的电脑"), "{refused:?}");
    let refused = staff.run(["hosts", "show", "PC-9", "--output", "json", "--lang", "zh-CN"]);
    let error: Value = serde_json::from_str(refused.err.lines().last().unwrap()).unwrap();
    assert_eq!((&error["error"], &error["exit_code"]), (&"not-found".into(), &refused.code.into()), "{error}");
}

/// The id of a request, from behind its mark in a line of a log.
fn id_after(line: &str, mark: &str) -> String {
    let rest = line.split(mark).nth(1).unwrap_or_else(|| panic!("no {mark} in {line}"));
    rest.trim_start_matches('"').chars().take(36).collect()
}

#[test]
fn one_id_leads_from_the_command_line_to_the_worker_and_back() {
    let (controller, staff, agent) = fleet();
    std::fs::write(agent.disk().join("letter.txt"), "dear all").unwrap();
    staff.set_paths(&[&agent.disk()]);
    staff.run(["backup", &agent.host(), "--watch"]).ok();
    let log = controller.log();
    let asked = log.lines().find(|l| l.contains("a job was asked for") && l.contains("kind=\"backup\"")).unwrap();
    let request = id_after(asked, "request{request=");
    assert!(request.parse::<RequestId>().is_ok(), "{asked}");
    // The PC began and ended it under that id, and the controller heard of both.
    let told = agent.log();
    for word in ["begins", "ended"] {
        let line = told.lines().find(|l| l.contains(&request) && l.contains(word));
        assert!(line.is_some(), "no '{word}' of {request} in {told}");
    }
    for state in ["running", "succeeded"] {
        let line = log.lines().find(|l| l.contains(&request) && l.contains(&format!("state=\"{state}\"")));
        assert!(line.is_some(), "no '{state}' of {request} in {log}");
    }
}

#[test]
fn a_log_for_programs_is_json_line_by_line() {
    let mut controller = Controller::start();
    controller.kill();
    let mut command = std::process::Command::new(binary("keepwatch-controller"));
    command.args(["serve", "--log", "json", "--agents", "127.0.0.1:0", "--staff", "127.0.0.1:0", "--data"]);
    let mut process = command.arg(controller.data()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let lines = std::io::BufReader::new(process.stderr.take().unwrap()).lines();
    let mut serving = None;
    for line in lines {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        if line["fields"]["message"] == "serving" {
            serving = Some(line);
            break;
        }
    }
    process.kill().unwrap();
    process.wait().unwrap();
    let serving = serving.expect("it says that it serves");
    assert_eq!((&serving["level"], &serving["fields"]["metrics"]), (&"INFO".into(), &"off".into()));
}
