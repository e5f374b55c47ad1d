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
    let corrupted = format!("data/{}", name(b"what was meant"));
    assert_eq!(ask(&as_b, Method::POST, &host_b, &corrupted, b"what arrived").unwrap(), StatusCode::BAD_REQUEST);
    assert_eq!(ask(&as_b, Method::GET, &host_b, &corrupted, b"").unwrap(), StatusCode::NOT_FOUND);
    for odd in ["data/../config", "data/short", "nonsense/", "keys/..%2f..%2fx"] {
        let status = ask(&as_b, Method::POST, &host_b, odd, b"x").unwrap();
        assert!(status.is_client_error(), "{odd}: {status}");
    }

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
