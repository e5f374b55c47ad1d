//! Who becomes a host, and who does not.

use keepwatch_proto::wire::agent::EnrollRequest;
use keepwatch_proto::wire::agent::enrolment_client::EnrolmentClient;
use keepwatch_tests::{Agent, Controller, until};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

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

#[test]
fn ten_pcs_that_race_for_a_token_of_three_are_three() {
    let controller = Controller::start();
    let staff = controller.staff();
    let token = staff.json(&["tokens", "create", "--uses", "3"])["token"].as_str().unwrap().to_owned();
    let enrolled = std::thread::scope(|scope| {
        let tries: Vec<_> =
            (0..10).map(|_| scope.spawn(|| Agent::new().enroll(&controller, &token).code == 0)).collect();
        tries.into_iter().map(|t| t.join().unwrap()).filter(|ok| *ok).count()
    });
    assert_eq!(enrolled, 3);
    assert_eq!(staff.json(&["hosts", "list"]).as_array().unwrap().len(), 3);
}

/// What a PC asks with, by hand.
fn ask(controller: &Controller, secret: &str, csr: &str, escrow: &str) -> tonic::Status {
    let tls =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(controller.ca_pem())).domain_name("localhost");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let endpoint = Endpoint::from_shared(controller.agent_door()).unwrap().tls_config(tls).unwrap();
        let mut client = EnrolmentClient::new(endpoint.connect().await.unwrap());
        let request = EnrollRequest { secret: secret.into(), csr: csr.into(), escrow: escrow.into(), facts: None };
        client.enroll(request).await.expect_err("this must be refused")
    })
}

#[test]
fn a_forged_request_is_refused_and_costs_the_token_nothing() {
    let controller = Controller::start();
    let staff = controller.staff();
    let token = staff.token();
    let secret = token.split('.').nth(1).unwrap();

    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    let forged = {
        // Another's key in a request that its owner never signed.
        let mut der = request.der().to_vec();
        let at = der.len() - 3;
        der[at] ^= 0x55;
        let body = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, der);
        format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}\n-----END CERTIFICATE REQUEST-----\n")
    };
    let honest = request.pem().unwrap();
    for (csr, escrow, word) in [
        (forged.as_str(), "", "signing request"),
        ("", "", "signing request"),
        (honest.as_str(), "not sealed", "escrow"),
        (honest.as_str(), "x".repeat(20_000).as_str(), "too large"),
    ] {
        let refused = ask(&controller, secret, csr, escrow);
        assert!(refused.message().contains(word), "{refused:?}");
    }
    let refused = ask(&controller, "0123456789", &honest, "");
    assert_eq!(refused.code(), tonic::Code::PermissionDenied, "{refused:?}");
    assert_eq!(staff.json(&["hosts", "list"]).as_array().unwrap().len(), 0);
    // The token is still good for the PC that it was made for.
    Agent::new().enroll(&controller, &token).ok();
}
