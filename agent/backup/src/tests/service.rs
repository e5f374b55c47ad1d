//! The client of the repository service against answers good and bad.

use crate::service::Client;
use crate::stop::Stop;
use crate::storage::{Objects, Service, StorageError};
use rustic_core::{FileType, Id};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Answers each request with the next line of the script, then with the last one for good;
/// `drop` closes the connection instead, `hang` says nothing for as long as it is open.
fn server(script: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for n in 0.. {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            match script.get(n).or(script.last()).unwrap() {
                &"drop" => {}
                &"hang" => drop(reader.read(&mut [0])),
                answer => write!(stream, "HTTP/1.1 {answer}").unwrap(),
            }
        }
    });
    format!("http://{address}/repositories/x")
}

fn client(url: String, patience: Duration, stop: Arc<Stop>) -> Client {
    let key = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, secret) = (key.cert.pem(), key.signing_key.serialize_pem());
    let service = Service { patience, ..Service::new(url, certificate.clone(), certificate, secret.clone()) };
    assert!(!format!("{service:?}").contains("PRIVATE"), "a key in a debug text");
    Client::new(&service, stop).unwrap()
}

fn ask(script: &'static [&'static str]) -> Result<Option<u32>, StorageError> {
    client(server(script), Duration::from_secs(60), Arc::default()).config()
}

#[test]
fn passing_trouble_is_waited_out() {
    assert_eq!(
        ask(&[
            "drop",
            "503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            "200 OK\r\nContent-Length: 155\r\nConnection: close\r\n\r\n"
        ])
        .unwrap(),
        Some(155)
    );
}

#[test]
fn what_will_not_pass_is_said_at_once() {
    assert_eq!(ask(&["404 Not Found\r\nContent-Length: 0\r\n\r\n"]).unwrap(), None);
    let write = |script| {
        let client = client(server(script), Duration::from_secs(60), Arc::default());
        client.write(FileType::Pack, &Id::default(), &b"content".to_vec().into())
    };
    assert!(matches!(write(&["401 Unauthorized\r\nContent-Length: 0\r\n\r\n"]), Err(StorageError::Denied { .. })));
    assert!(
        matches!(write(&["403 Forbidden\r\nContent-Length: 4\r\n\r\nmine"]), Err(StorageError::Denied { answer, .. }) if answer.contains("mine"))
    );
    assert!(matches!(write(&["404 Not Found\r\nContent-Length: 0\r\n\r\n"]), Err(StorageError::Missing(_))));
    assert!(matches!(write(&["413 Too Large\r\nContent-Length: 0\r\n\r\n"]), Err(StorageError::TooLarge(_))));
    assert!(matches!(write(&["507 Full\r\nContent-Length: 0\r\n\r\n"]), Err(StorageError::Full { .. })));
    assert!(matches!(write(&["400 Bad Request\r\nContent-Length: 0\r\n\r\n"]), Err(StorageError::Wrong { .. })));
    write(&["drop", "200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"]).unwrap();
}

#[test]
fn patience_ends_and_a_cancel_ends_it_sooner() {
    let url = server(&["drop"]);
    let outcome = client(url.clone(), Duration::from_millis(10), Arc::default()).config();
    assert!(matches!(outcome, Err(StorageError::Unreachable { tries: 1, .. })), "{outcome:?}");
    let stop = Arc::<Stop>::default();
    stop.ask();
    assert!(matches!(client(url, Duration::from_secs(3600), stop).config(), Err(StorageError::Cancelled)));
}

#[test]
fn lists_and_parts_are_checked() {
    let id = "0123456789abcdef".repeat(4);
    let list = r#"[{"name":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef","size":9},{"name":"junk","size":1}]"#;
    let answer: &'static str =
        format!("200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{list}", list.len()).leak();
    let lists: &'static [&'static str] = vec![answer].leak();
    let found = client(server(lists), Duration::ZERO, Arc::default()).list(FileType::Index).unwrap();
    assert_eq!(found, [(id.parse().unwrap(), 9)]);
    let part = |script| {
        client(server(script), Duration::ZERO, Arc::default()).read(FileType::Pack, &Id::default(), Some((2, 4)))
    };
    assert_eq!(part(&["206 Partial\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd"]).unwrap(), "abcd");
    assert!(matches!(
        part(&["206 Partial\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"]),
        Err(StorageError::Wrong { .. })
    ));
    assert!(matches!(
        part(&["200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nabcd"]),
        Err(StorageError::Wrong { .. })
    ));
    assert!(part(&["206 Partial\r\nContent-Length: 4\r\nConnection: close\r\n\r\nab"]).is_err());
}

#[test]
fn a_service_that_hangs_is_left_at_once_when_work_should_end() {
    let stop = Arc::<Stop>::default();
    let client = client(server(&["hang"]), Duration::from_secs(3600), Arc::clone(&stop));
    thread::scope(|scope| {
        let asking = scope.spawn(|| client.write(FileType::Pack, &Id::default(), &vec![7; 1 << 20].into()));
        // It hangs by then, or does not even begin: both end.
        stop.ask();
        assert!(matches!(asking.join().unwrap(), Err(StorageError::Cancelled)));
    });
}

#[test]
fn errors_without_end_and_garbage_are_clear_outcomes() {
    let failing = |script| client(server(script), Duration::from_millis(10), Arc::default()).config();
    let Err(StorageError::Unreachable { why, .. }) =
        failing(&["500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops"])
    else {
        panic!("500 is waited out, and then said")
    };
    assert!(why.contains("500"), "{why}");
    let garbage = client(server(&["\0\0 not even HTTP"]), Duration::from_millis(10), Arc::default()).config();
    assert!(matches!(garbage, Err(StorageError::Unreachable { .. })), "{garbage:?}");
    let list = ["200 OK\r\nContent-Length: 7\r\nConnection: close\r\n\r\n{\"a\":1}"];
    let list: &'static [&'static str] = Vec::from(list).leak();
    let listed = client(server(list), Duration::from_millis(10), Arc::default()).list(FileType::Index);
    assert!(matches!(listed, Err(StorageError::Wrong { .. })), "{listed:?}");
}
