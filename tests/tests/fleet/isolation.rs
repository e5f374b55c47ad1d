//! A PC that was taken over can lie about itself and add to its own repository, and
//! nothing else.

use crate::scan::fleet;
use keepwatch_tests::{Agent, Controller, until};
use reqwest::blocking::Client;
use reqwest::{Certificate, Identity, Method, StatusCode};
use sha2::{Digest, Sha256};
use std::fs;

fn client(controller: &Controller, agent: Option<&Agent>) -> Client {
    // A second install changes nothing.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ca = Certificate::from_pem(controller.ca_pem().as_bytes()).unwrap();
    let mut builder = Client::builder().tls_certs_only([ca]);
    if let Some(agent) = agent {
        builder = builder.identity(Identity::from_pem(agent.stolen_identity().as_bytes()).unwrap());
    }
    builder.build().unwrap()
}

#[test]
fn a_host_reaches_its_own_repository_and_can_only_add_to_it() {
    let (controller, staff, a) = fleet();
    let b = Agent::started(&controller, &staff);
    fs::write(b.disk().join("letter.txt"), "b's secret").unwrap();
    staff.set_paths(&[&b.disk()]);
    staff.run(["backup", &b.host(), "--watch"]).ok();

    let door = controller.agent_door();
    let ask = |client: &Client, method: Method, host: &str, path: &str, body: &[u8]| {
        let url = format!("{door}/repositories/{host}/{path}");
        client.request(method, url).body(body.to_vec()).send().map(|r| r.status())
    };
    let (as_a, as_b) = (client(&controller, Some(&a)), client(&controller, Some(&b)));
    let (host_a, host_b) = (a.host(), b.host());
    let name = |content: &[u8]| hex::encode(Sha256::digest(content));

    // Another's: nothing at all.
    let object = format!("data/{}", name(b"mine"));
    for (method, path) in [
        (Method::GET, "config"),
        (Method::HEAD, "config"),
        (Method::GET, "snapshots/"),
        (Method::GET, "keys/"),
        (Method::POST, object.as_str()),
        (Method::DELETE, "config"),
        (Method::POST, "?create=true"),
    ] {
        let status = ask(&as_a, method.clone(), &host_b, path, b"mine").unwrap();
        assert_eq!(status, StatusCode::FORBIDDEN, "{method} {path}");
    }
    for tricky in
        [format!("{host_a}/../{host_b}"), format!("{host_a}%2F..%2F{host_b}"), format!("{host_a}/..%2f{host_b}")]
    {
        let status = ask(&as_a, Method::GET, &tricky, "config", b"").unwrap();
        assert!(status.is_client_error(), "{tricky}: {status}");
    }

    // One's own: add, and read.
    assert_eq!(ask(&as_b, Method::GET, &host_b, "config", b"").unwrap(), StatusCode::OK);
    assert_eq!(ask(&as_b, Method::POST, &host_b, &object, b"mine").unwrap(), StatusCode::OK);
    assert_eq!(ask(&as_b, Method::POST, &host_b, &object, b"mine").unwrap(), StatusCode::OK, "said twice is said once");
    assert_eq!(ask(&as_b, Method::DELETE, &host_b, &object, b"").unwrap(), StatusCode::FORBIDDEN);
    assert_eq!(ask(&as_b, Method::DELETE, &host_b, "config", b"").unwrap(), StatusCode::FORBIDDEN);
    assert_eq!(ask(&as_b, Method::POST, &host_b, "config", b"another").unwrap(), StatusCode::FORBIDDEN);
    // All of it goes by staff's wish only.
    assert_eq!(ask(&as_b, Method::DELETE, &host_b, "", b"").unwrap(), StatusCode::METHOD_NOT_ALLOWED);
    let corrupted = format!("data/{}", name(b"what was meant"));
    assert_eq!(ask(&as_b, Method::POST, &host_b, &corrupted, b"what arrived").unwrap(), StatusCode::BAD_REQUEST);
    assert_eq!(ask(&as_b, Method::GET, &host_b, &corrupted, b"").unwrap(), StatusCode::NOT_FOUND);
    for odd in ["data/../config", "data/short", "nonsense/", "keys/..%2f..%2fx"] {
        let status = ask(&as_b, Method::POST, &host_b, odd, b"x").unwrap();
        assert!(status.is_client_error(), "{odd}: {status}");
    }

    // Each refusal is counted.
    let shown = reqwest::blocking::get(controller.metrics()).unwrap().text().unwrap();
    let count = |method: &str, outcome: &str| -> u64 {
        let line = format!("keepwatch_repository_requests_total{{method=\"{method}\",outcome=\"{outcome}\"}} ");
        shown.lines().find_map(|l| l.strip_prefix(&line)?.parse().ok()).unwrap_or(0)
    };
    assert_eq!(
        (count("get", "foreign"), count("head", "foreign"), count("delete", "append-only")),
        (5, 1, 2),
        "{shown}"
    );
    assert_eq!((count("post", "foreign"), count("post", "exists"), count("post", "corrupt")), (2, 2, 1), "{shown}");
    assert!(
        shown.contains("keepwatch_hosts_connected 2") && shown.contains("keepwatch_repository_received_bytes_total ")
    );

    // A stranger reaches enrolment, and nothing else.
    let stranger = client(&controller, None);
    for path in [format!("/repositories/{host_b}/config"), "/signatures/metadata/1.root.json".into()] {
        let status = stranger.get(format!("{door}{path}")).send().unwrap().status();
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
    }

    // What was taken before is void once its host is revoked.
    staff.run(["hosts", "revoke", &host_a]).ok();
    until("the cut has reached the old connections", || {
        ask(&as_a, Method::GET, &host_a, "config", b"").is_ok_and(|status| status == StatusCode::FORBIDDEN)
    });
}

#[test]
fn a_host_that_attacks_with_its_own_key_fills_its_quota_and_nothing_else() {
    let (mut controller, staff, agent) = fleet();
    let host = agent.host();
    fs::write(agent.disk().join("letter.txt"), "saved before").unwrap();
    let paths = serde_json::to_string(&[&agent.disk()]).unwrap();
    staff.set_policy(&format!("scan: {{schedule: ''}}\nbackup: {{schedule: '', paths: {paths}, quota_gib: 1}}\n"));
    staff.run(["backup", &host, "--watch"]).ok();
    // A pack that is nearly all of the quota and takes no room of the disk; counted at the next start.
    let name = "ab".repeat(32);
    let pack = controller.data().join(format!("repositories/{host}/data/ab/{name}"));
    controller.kill();
    fs::File::create(pack).unwrap().set_len(1000 << 20).unwrap();
    controller.restart();
    let (attacker, url) =
        (client(&controller, Some(&agent)), format!("{}/repositories/{host}", controller.agent_door()));
    let post = |content: &[u8]| {
        let name = hex::encode(Sha256::digest(content));
        attacker.post(format!("{url}/data/{name}")).body(content.to_vec()).send().unwrap().status()
    };

    // Large objects until the quota, and not one more.
    let stored = (0..8u8).take_while(|n| post(&vec![*n; 10 << 20]) == StatusCode::OK).count();
    assert_eq!(stored, 2, "of 10 MiB each, within 1 GiB");
    assert_eq!(post(&vec![99; 10 << 20]), StatusCode::INSUFFICIENT_STORAGE);
    // One whose end never comes is cut off at its limit, and one that announces more is not begun.
    let endless = reqwest::blocking::Body::new(std::io::repeat(7));
    let refused = attacker.post(format!("{url}/snapshots/{name}")).body(endless).send();
    assert!(refused.is_err() || refused.is_ok_and(|answer| answer.status() == StatusCode::PAYLOAD_TOO_LARGE));
    let kept = attacker.get(format!("{url}/snapshots/{name}")).send().unwrap().status();
    assert_eq!(kept, StatusCode::NOT_FOUND);

    // Another host does not notice, and what was saved before is there.
    let other = Agent::started(&controller, &staff);
    fs::write(other.disk().join("letter.txt"), "another's").unwrap();
    let paths = serde_json::to_string(&[&agent.disk(), &other.disk()]).unwrap();
    staff.set_policy(&format!("scan: {{schedule: ''}}\nbackup: {{schedule: '', paths: {paths}, quota_gib: 1}}\n"));
    staff.run(["backup", &other.host(), "--watch"]).ok();
    staff.run(["restore", &host, "latest", "--watch"]).ok();
    // Its own next backup says what stands in the way.
    fs::write(agent.disk().join("more"), noise(40 << 20)).unwrap();
    staff.run(["backup", &host, "--watch"]);
    let job = staff.ended(&host, "backup");
    let message = job["message"].as_str().unwrap();
    assert!(job["state"] == "failed" && message.contains("this host's quota of 1 GiB is used up"), "{job}");
}

/// Bytes that do not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 7u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    };
    (0..length).map(|_| next()).collect()
}
