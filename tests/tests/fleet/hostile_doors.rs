//! What a PC that was taken over can do at the agent door, and what anybody can write at the staff's:
//! it is refused, bounded or shown as text, and nobody else waits for it.

use crate::scan::fleet;
use keepwatch_proto::wire::agent as wire;
use keepwatch_proto::wire::agent::event::Kind;
use keepwatch_proto::wire::agent::link_client::LinkClient;
use keepwatch_tests::{Agent, Controller, Staff, until};
use std::fs;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status, Streaming};

/// Names that trip careless programs: pages, databases, terminals, spreadsheets.
const NAMES: [&str; 6] = [
    "<script>alert(1)</script>",
    "'; DROP TABLE hosts; --",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "\u{202e}gnp.exe\r\nSet-Cookie: a=b",
];

/// A stream with what an attacker on a PC has: its key, and no patience.
pub(crate) struct Attacker {
    reports: mpsc::Sender<wire::Report>,
    answers: Streaming<wire::Desired>,
}

async fn channel(controller: &Controller, agent: &Agent) -> Channel {
    let stolen = agent.stolen_identity();
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(controller.ca_pem()))
        .identity(Identity::from_pem(stolen.as_bytes(), stolen.as_bytes()))
        .domain_name("localhost");
    let endpoint = Endpoint::from_shared(controller.agent_door()).unwrap().tls_config(tls).unwrap();
    // As little as HTTP/2 allows: whoever does not read is soon noticed.
    let endpoint = endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    endpoint.connect().await.unwrap()
}

impl Attacker {
    pub(crate) async fn at(controller: &Controller, agent: &Agent) -> Self {
        let mut client = LinkClient::new(channel(controller, agent).await).max_encoding_message_size(64 << 20);
        let (reports, outgoing) = mpsc::channel(64);
        let begun = wire::Report { boot: BOOT.into(), ..Default::default() };
        reports.send(begun).await.unwrap();
        let answers = client.hold(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        Self { reports, answers }
    }

    pub(crate) async fn says(&self, report: wire::Report) {
        self.reports.send(wire::Report { boot: BOOT.into(), ..report }).await.unwrap();
    }

    /// What it is told in the end.
    async fn end(&mut self) -> Status {
        loop {
            match self.answers.message().await {
                Ok(Some(_)) => {}
                Ok(None) => return Status::ok("it ended"),
                Err(status) => return status,
            }
        }
    }

    /// Up to where its events are taken in, if that is said within a time.
    pub(crate) async fn acknowledged(&mut self, within: Duration) -> Option<u64> {
        let heard = async {
            loop {
                let message = self.answers.message().await.unwrap().unwrap();
                if let Some(acknowledged) = message.acknowledged {
                    return acknowledged.seq;
                }
            }
        };
        timeout(within, heard).await.ok()
    }
}

const BOOT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

fn event(seq: u64, kind: Kind) -> wire::Event {
    wire::Event { seq, at: 0, kind: Some(kind) }
}

pub(crate) fn refused(seq: u64) -> wire::Event {
    event(seq, Kind::Refused(wire::BundleRefused { version: seq, reason: "no".into() }))
}

pub(crate) fn run<T>(what: impl Future<Output = T>) -> T {
    // A second install changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Runtime::new().unwrap().block_on(what)
}

/// An agent that an attacker stands in for, and one that works.
fn scene() -> (Controller, Staff, Agent, Agent) {
    let (controller, staff, honest) = fleet();
    let mut taken_over = Agent::started(&controller, &staff);
    taken_over.kill();
    (controller, staff, taken_over, honest)
}

#[test]
fn a_million_events_are_slowed_and_nobody_else_waits() {
    let (controller, staff, taken_over, honest) = scene();
    fs::write(honest.disk().join("marked"), "keepwatch-test-marker").unwrap();
    run(async {
        let mut attacker = Attacker::at(&controller, &taken_over).await;
        let mut told = 0;
        let mut slowed = false;
        while told < 1_000_000 && !slowed {
            let events = (told + 1..=told + 2000).map(refused).collect();
            attacker.says(wire::Report { events, ..Default::default() }).await;
            told += 2000;
            // The first ones are a bad day.
            slowed = attacker.acknowledged(Duration::from_secs(if told <= 18_000 { 60 } else { 5 })).await.is_none();
        }
        assert!(slowed && told < 60_000, "{told} were taken in at once");
        // Meanwhile.
        staff.run(["scan", &honest.host(), honest.disk().to_str().unwrap(), "--watch"]).ok();
        assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), 1);
        // Another stream of the same host is as slow.
        let mut other = Attacker::at(&controller, &taken_over).await;
        let events = (told + 1..=told + 2000).map(refused).collect();
        other.says(wire::Report { events, ..Default::default() }).await;
        other.says(wire::Report { events: vec![refused(told + 2001)], ..Default::default() }).await;
        let first = other.acknowledged(Duration::from_secs(60)).await;
        assert!(first.is_some() && other.acknowledged(Duration::from_secs(5)).await.is_none());
    });
}

#[test]
fn what_no_agent_says_ends_the_stream_and_changes_nothing() {
    let (controller, staff, taken_over, honest) = scene();
    // Not the folders of whoever runs this.
    staff.set_paths(&[&honest.disk()]);
    let others_job = staff.json(&["backup", &honest.host()])["id"].as_str().unwrap().to_owned();
    staff.ended(&honest.host(), "backup");
    let ended = |job: &str| {
        let ended = wire::JobEnded { job: job.into(), outcome: "succeeded".into(), ..Default::default() };
        event(1, Kind::Ended(ended))
    };
    let state = |job: &str| staff.json(&["jobs", "show", job])["state"].clone();
    let before = state(&others_job);
    run(async {
        let too_many = (1..=2001).map(refused).collect();
        let large = vec![event(1, Kind::Refused(wire::BundleRefused { version: 1, reason: "x".repeat(2 << 20) }))];
        let no_kind = vec![wire::Event { seq: 1, at: 0, kind: None }];
        let no_time = vec![wire::Event { at: i64::MAX, ..refused(1) }];
        let no_job = vec![ended("'; DROP TABLE jobs; --")];
        for (events, code) in [
            (too_many, Code::InvalidArgument),
            (large, Code::Ok),
            (no_kind, Code::InvalidArgument),
            (no_time, Code::InvalidArgument),
            (no_job, Code::InvalidArgument),
        ] {
            let mut attacker = Attacker::at(&controller, &taken_over).await;
            attacker.says(wire::Report { events, ..Default::default() }).await;
            let end = timeout(Duration::from_secs(30), attacker.end()).await.unwrap();
            assert_eq!(end.code(), code, "{end:?}");
        }
        // Another's job, and one that nobody asked for: heard, and of no effect.
        let mut attacker = Attacker::at(&controller, &taken_over).await;
        let progress =
            wire::Progress { job: others_job.clone(), phase: "x".repeat(9999), files: 9, ..Default::default() };
        attacker
            .says(wire::Report { events: vec![ended(&others_job)], progress: vec![progress], ..Default::default() })
            .await;
        assert_eq!(attacker.acknowledged(Duration::from_secs(30)).await, Some(1));
        let absurd = wire::Report { session: "x".repeat(1000), ..Default::default() };
        let mut client = LinkClient::new(channel(&controller, &taken_over).await);
        let (reports, outgoing) = mpsc::channel(1);
        reports.send(absurd).await.unwrap();
        let mut answers = client.hold(ReceiverStream::new(outgoing)).await.unwrap().into_inner();
        assert_eq!(answers.message().await.unwrap_err().code(), Code::InvalidArgument);
    });
    assert_eq!(state(&others_job), before);
    assert!(!staff.json(&["jobs", "show", &others_job]).to_string().contains("xxxx"));
}

#[test]
fn names_are_text_in_every_listing() {
    let (controller, staff, taken_over, _honest) = scene();
    let host = taken_over.host();
    for (seq, name) in (1..).zip(NAMES) {
        run(async {
            let mut attacker = Attacker::at(&controller, &taken_over).await;
            let facts = wire::Facts {
                name: name.into(),
                system: name.into(),
                system_version: name.into(),
                agent_version: name.into(),
                ..Default::default()
            };
            let detection = wire::Detection {
                job: BOOT.into(),
                rule: name.into(),
                namespace: name.into(),
                severity: "high".into(),
                path: name.into(),
                metadata: [(name.to_owned(), name.to_owned())].into(),
                ..Default::default()
            };
            let events = vec![event(seq, Kind::Detection(detection))];
            attacker.says(wire::Report { facts: Some(facts), events, ..Default::default() }).await;
            assert_eq!(attacker.acknowledged(Duration::from_secs(30)).await, Some(seq));
        });
        let shown = staff.json(&["hosts", "show", &host])["name"].as_str().unwrap().to_owned();
        assert!(!shown.chars().any(char::is_control) && !shown.is_empty(), "{shown:?}");
        if !name.chars().any(char::is_control) {
            assert_eq!(shown, name);
            assert_eq!(staff.json(&["hosts", "show", name])["id"], host);
        }
        for listing in [
            &["hosts", "list"][..],
            &["hosts", "show", &host],
            &["detections"],
            &["jobs", "list"],
            &["audit"],
            &["report"],
            &["hosts", "pending"],
        ] {
            let ran = staff.run(listing).ok();
            let obeyed = |c: char| c.is_control() && c != '\n';
            assert!(!ran.out.chars().any(obeyed), "{listing:?} {name:?}: {:?}", ran.out);
        }
    }
    assert_eq!(staff.json(&["detections"]).as_array().unwrap().len(), NAMES.len());
    // The same, written by staff.
    for name in NAMES {
        for words in [
            &["hosts", "show", name][..],
            &["groups", "create", name],
            &["tokens", "create", "--group", name],
            &["tokens", "revoke", name],
            &["users", "create", name, "--role", "viewer"],
            &["hosts", "refuse", name],
            &["hosts", "approve", name, "--as", "new", "--group", name],
            &["jobs", "show", name],
            &["scan", name],
            &["ls", name, name],
        ] {
            let ran = staff.run(words);
            let obeyed = |c: char| c.is_control() && c != '\n';
            assert!(!ran.out.chars().chain(ran.err.chars()).any(obeyed), "{words:?}: {ran:?}");
        }
    }
    assert_eq!(staff.json(&["hosts", "list"]).as_array().unwrap().len(), 2);
    staff.run(["audit"]).ok();
}

#[test]
fn a_stream_that_never_reads_is_let_go() {
    let (controller, staff, taken_over, honest) = scene();
    let host = taken_over.host();
    let connected = |of: &str| staff.json(&["hosts", "show", of])["connected"] == true;
    run(async {
        let attacker = Attacker::at(&controller, &taken_over).await;
        until("it is connected", || connected(&host));
        // What it is sent fills its window, and then the controller's queue.
        let paths: Vec<String> = (0..2000).map(|n| format!("/some/folder/or/other/{n}")).collect();
        for n in 0..40 {
            let paths = serde_json::to_string(&paths).unwrap();
            staff.set_policy(&format!(
                "scan: {{schedule: '', paths: {paths}, max_file_bytes: {}}}\nbackup: {{schedule: '', paths: []}}\n",
                1_000_000 + n
            ));
        }
        let generation = || honest.status()["generation"].as_u64().unwrap_or(0);
        until("the others hear", || generation() > 40);
        until("it is let go", || !connected(&host));
        assert!(connected(&honest.host()));
        drop(attacker);
    });
}
