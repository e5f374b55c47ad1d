#![allow(clippy::unwrap_used)]
//! What the authority vouches for, and for how long.

use super::*;

fn ca() -> (tempfile::TempDir, Ca) {
    let folder = tempfile::tempdir().unwrap();
    let ca = Ca::create(folder.path(), &["localhost".into()], &Clock::system()).unwrap();
    (folder, ca)
}

#[test]
fn a_host_gets_a_certificate_in_its_own_name_whatever_it_asked_for() {
    let (_folder, ca) = ca();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let mut wish = CertificateParams::new(vec!["controller.example".into()]).unwrap();
    wish.distinguished_name.push(DnType::CommonName, "another host");
    let csr = wish.serialize_request(&key).unwrap().pem().unwrap();
    let host = HostId::new(&Clock::system());
    let issued = ca.issue_host(&csr, host, 7).unwrap();
    let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
    let shown = credential_of(&der).unwrap();
    assert_eq!((shown.host, shown.number, shown.expires), (host, 7, issued.expires));
    assert_eq!(shown.fingerprint, issued.fingerprint.to_string());
    assert_eq!(shown.expires - shown.made, HOST_DAYS * 86_400);
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
    let usage = parsed.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth);
    assert!(parsed.subject_alternative_name().unwrap().is_none());
    assert!(!parsed.is_ca());
}

#[test]
fn a_forged_request_is_refused() {
    let (_folder, ca) = ca();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let good = CertificateParams::default().serialize_request(&key).unwrap();
    // The last bytes are the signature's.
    let mut der = good.der().to_vec();
    let last = der.len() - 3;
    der[last] ^= 0x55;
    let forged = rustls::pki_types::CertificateSigningRequestDer::from(der);
    let pem = format!(
        "-----BEGIN CERTIFICATE REQUEST-----\n{}\n-----END CERTIFICATE REQUEST-----\n",
        base64::Engine::encode(&base64::prelude::BASE64_STANDARD, &forged)
    );
    let host = HostId::new(&Clock::system());
    assert!(matches!(ca.issue_host(&pem, host, 1), Err(KeyError::Request(_))));
    assert!(matches!(ca.issue_host("no pem", host, 1), Err(KeyError::Request(_))));
}

#[test]
fn keys_are_never_overwritten() {
    let (folder, ca) = ca();
    assert!(Ca::create(folder.path(), &["localhost".into()], &Clock::system()).is_err());
    assert_eq!(Ca::open(folder.path(), &Clock::system()).unwrap().fingerprint(), ca.fingerprint());
}

#[test]
fn the_servers_certificate_is_renewed_in_time() {
    let (folder, ca) = ca();
    let server = folder.path().join(SERVER);
    let before = read(&server).unwrap();
    ca.renew_server(&["localhost".into()]).unwrap();
    assert_eq!(read(&server).unwrap(), before);
    // For other names, or after a crash that took it away.
    let names = ["localhost".into(), "192.0.2.7".into(), "2001:db8::1".into()];
    ca.renew_server(&names).unwrap();
    let renamed = read(&server).unwrap();
    assert_ne!(renamed, before);
    ca.renew_server(&names).unwrap();
    assert_eq!(read(&server).unwrap(), renamed);
    std::fs::remove_file(&server).unwrap();
    ca.renew_server(&["localhost".into()]).unwrap();
    assert!(ca.agent_tls().is_ok() && ca.staff_tls().is_ok());
    let before = read(&server).unwrap();
    let later = Clock::fixed(Clock::system().now() + chrono::TimeDelta::days(450));
    let ca = Ca::open(folder.path(), &later).unwrap();
    // While the doors are open, they show the new one.
    ca.staff_tls().unwrap();
    let shown = || ca.server.0.read().unwrap().clone().unwrap().cert[0].clone();
    let first = shown();
    assert!(ca.renew_served().unwrap() && shown() != first);
    assert!(!ca.renew_served().unwrap());
    assert_ne!(read(&server).unwrap(), before);
}

#[test]
fn a_servers_certificate_is_good_by_clocks_that_are_a_year_off() {
    let year = chrono::TimeDelta::days(366);
    let start = Clock::system().now();
    let folder = tempfile::tempdir().unwrap();
    let names = ["localhost".to_owned()];
    Ca::create(folder.path(), &names, &Clock::fixed(start)).unwrap();
    for (ours, theirs) in [
        (start, vec![start - year, start, start + year]),
        // It goes ahead, and the certificate is made anew by it; and back; and behind.
        (start + year, vec![start, start + year]),
        (start, vec![start, start + year]),
        (start - year, vec![start, start + year]),
    ] {
        let ca = Ca::open(folder.path(), &Clock::fixed(ours)).unwrap();
        ca.renew_server(&names).unwrap();
        let pem = read(&folder.path().join(SERVER)).unwrap();
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&der).unwrap();
        let whole = parsed.validity().not_after.timestamp() - parsed.validity().not_before.timestamp();
        assert!(whole <= 825 * 86_400);
        for theirs in theirs {
            let at = x509_parser::time::ASN1Time::from_timestamp(theirs.timestamp()).unwrap();
            assert!(parsed.validity().is_valid_at(at), "ours {ours}, theirs {theirs}");
        }
    }
}

#[test]
fn a_hosts_certificate_of_another_year_passes_tls_and_one_of_another_ca_does_not() {
    let (_folder, ours) = ca();
    let (_other_folder, other) = ca();
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let csr = CertificateParams::default().serialize_request(&key).unwrap().pem().unwrap();
    let host = HostId::new(&Clock::system());
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(1_800_000_000));
    let taken = |by: &Ca, issued: &HostCertificate| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(by.certificate.clone()).unwrap();
        let inner = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).build().unwrap();
        let der = CertificateDer::from_pem_slice(issued.pem.as_bytes()).unwrap();
        WheneverMade(inner).verify_client_cert(&der, &[], now).is_ok()
    };
    for days in [-400, 0, 4000] {
        let clock = Clock::fixed(Clock::system().now() + chrono::TimeDelta::days(days));
        let issued = Ca { clock, ..Ca::open(&ours.folder, &Clock::system()).unwrap() }.issue_host(&csr, host, 1);
        let issued = issued.unwrap();
        assert!(taken(&ours, &issued), "{days}");
        assert!(!taken(&other, &issued), "{days}");
    }
}
