#![allow(clippy::unwrap_used)]
//! What scripts rely on, and what a card shows.

use super::*;
use serde_json::json;

#[test]
fn its_json_is_what_scripts_rely_on() {
    let job = wire::Job {
        id: "1".into(),
        host: "2".into(),
        host_name: "PC-1".into(),
        kind: "backup".into(),
        state: "partial".into(),
        origin: "schedule".into(),
        created: 1,
        attempt: 2,
        retry_of: "0".into(),
        waited_seconds: 90,
        deadline: 2,
        tally: Some(agent::Tally { files: 3, failed: 1, ..Default::default() }),
        failures: vec![agent::Failure { path: "/a\\xE9".into(), reason: "denied".into() }],
        progress: Some(agent::Progress { phase: "reading".into(), files: 3, ..Default::default() }),
        ..Default::default()
    };
    let tally = json!({
        "files": 3, "bytes": 0, "detected": 0, "unchanged": 0, "skipped": 0, "failed": 1, "stored": 0,
        "noise": 0, "replaced": 0, "refused": 0
    });
    assert_eq!(
        serde_json::to_value(JobView::from(job)).unwrap(),
        json!({
            "id": "1", "host": "2", "host_name": "PC-1", "kind": "backup", "state": "partial",
            "origin": "schedule", "created": "1970-01-01T00:00:01Z", "started": null, "ended": null,
            "message": null, "tally": tally, "failures": [{"path": "/a\\xE9", "reason": "denied"}],
            "snapshot": null, "target": null,
            "progress": {"phase": "reading", "files": 3, "bytes": 0, "total_bytes": 0}, "paused": false,
            "attempt": 2, "retry_of": "0", "failure_kind": null, "waited_seconds": 90, "due": null,
            "deadline": "1970-01-01T00:00:02Z"
        })
    );
}

#[test]
fn the_json_of_slots_and_logs_is_what_scripts_rely_on() {
    let slot = wire::SlotInUse {
        host: "2".into(),
        host_name: "PC-1".into(),
        group: "tax".into(),
        job: "1".into(),
        state: "waiting".into(),
        asked: 1,
        ..Default::default()
    };
    assert_eq!(
        serde_json::to_value(SlotView::from(slot)).unwrap(),
        json!({
            "host": "2", "host_name": "PC-1", "group": "tax", "job": "1", "state": "waiting",
            "asked": "1970-01-01T00:00:01Z", "granted": null, "begun": null
        })
    );
    let line = LineView { at: show::time(1), text: "asked for".into() };
    assert_eq!(serde_json::to_value(line).unwrap(), json!({"at": "1970-01-01T00:00:01Z", "text": "asked for"}));
}

#[test]
fn every_named_failure_is_on_the_card() {
    let failures = vec![agent::Failure { path: "/a".into(), reason: "denied".into() }; 3];
    let view = JobView::from(wire::Job { failures, ..Default::default() });
    assert_eq!(view.lines().iter().filter(|(name, value)| *name == "failed" && value == "/a: denied").count(), 3);
}
