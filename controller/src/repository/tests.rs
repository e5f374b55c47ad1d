//! The service as hosts, honest and not, see it.
#![allow(clippy::unwrap_used)]

use super::store::Usage;
use super::*;
use http_body_util::BodyExt;
use keepwatch_proto::clock::Clock;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tower::ServiceExt;

struct Fixture {
    root: TempDir,
    router: Router,
    store: Arc<FolderStore>,
    meters: Meters,
    host: HostId,
    other: HostId,
}

impl Fixture {
    /// A repository for `host`; `other` may read it when `granted`.
    async fn new(granted: bool) -> Self {
        Self::with_room(granted, |_, _| Room::default()).await
    }

    /// One with as much room as is said, for the first host and the other.
    async fn with_room(granted: bool, room: impl Fn(HostId, HostId) -> Room) -> Self {
        let root = tempfile::tempdir().unwrap();
        let store = Arc::new(FolderStore::open(root.path().to_owned()).unwrap());
        let (host, other) = (HostId::new(&Clock::system()), HostId::new(&Clock::system()));
        let grants: MayRead =
            Arc::new(move |reader, owner| Box::pin(async move { granted && (reader, owner) == (other, host) }));
        let room = room(host, other);
        let room_of: RoomOf = Arc::new(move |_| {
            let room = room.clone();
            Box::pin(async move { Some(room) })
        });
        let meters = Meters::default();
        let router = router(store.clone(), grants, room_of, meters.clone());
        let fixture = Self { root, router, store, meters, host, other };
        assert_eq!(fixture.ask(Method::POST, "?create=true", &[], "").await.0, 200);
        fixture
    }

    fn folder(&self) -> PathBuf {
        self.store.folder(self.host)
    }

    /// A request of the host about its own repository.
    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> (u16, String) {
        self.send(Some(self.host), method, &format!("/repositories/{}/{path}", self.host), headers, body).await
    }

    async fn send(
        &self,
        caller: Option<HostId>,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> (u16, String) {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(body.into()).unwrap();
        if let Some(caller) = caller {
            request.extensions_mut().insert(HostIdentity(caller));
        }
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }
}

fn hash(content: &str) -> String {
    hex::encode(Sha256::digest(content))
}

#[tokio::test]
async fn an_object_is_kept_read_in_parts_and_listed() {
    let fixture = Fixture::new(false).await;
    let (name, path) = (hash("content"), format!("data/{}", hash("content")));
    assert_eq!(fixture.ask(Method::POST, &path, &[], "content").await.0, 200);
    assert_eq!(fs::read(fixture.folder().join("data").join(&name[..2]).join(&name)).unwrap(), b"content");
    assert_eq!(fixture.ask(Method::GET, &path, &[], "").await, (200, "content".to_owned()));
    assert_eq!(fixture.ask(Method::HEAD, &path, &[], "").await, (200, String::new()));
    assert_eq!(fixture.ask(Method::GET, &path, &[("range", "bytes=3-6")], "").await, (206, "tent".to_owned()));
    assert_eq!(fixture.ask(Method::GET, &path, &[("range", "bytes=7-")], "").await.0, 416);
    assert_eq!(fixture.ask(Method::GET, "data/", &[], "").await, (200, format!(r#"["{name}"]"#)));
    let listed = fixture.ask(Method::GET, "data/", &[("accept", LIST_V2)], "").await;
    assert_eq!(listed, (200, format!(r#"[{{"name":"{name}","size":7}}]"#)));
    assert_eq!(fixture.ask(Method::GET, &format!("index/{name}"), &[], "").await.0, 404);
    assert_eq!(fixture.store.usage(fixture.host), Usage { bytes: 4096, objects: 1 });
    // Again is success, and heals what the disk has spoilt.
    let stored = fixture.folder().join("data").join(&name[..2]).join(&name);
    fs::write(&stored, "damage").unwrap();
    let received = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    fs::File::options().write(true).open(&stored).unwrap().set_modified(received).unwrap();
    assert_eq!(fixture.ask(Method::POST, &path, &[], "content").await.0, 200);
    assert_eq!(fs::read(&stored).unwrap(), b"content");
    assert_eq!(fs::metadata(&stored).unwrap().modified().unwrap(), received, "it was received when the first one was");
    assert_eq!(fixture.store.usage(fixture.host).objects, 1);
}

#[tokio::test]
async fn what_arrives_wrong_leaves_nothing() {
    let fixture = Fixture::new(false).await;
    let path = format!("data/{}", hash("content"));
    assert_eq!(fixture.ask(Method::POST, &path, &[], "c0ntent").await.0, 400);
    let large = (256u64 << 20) + 1;
    assert_eq!(fixture.ask(Method::POST, &path, &[("content-length", &large.to_string())], "").await.0, 413);
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(bytes::Bytes::from_static(&[0; 1 << 20])));
    assert_eq!(fixture.ask(Method::POST, "config", &[], Body::from_stream(endless)).await.0, 413);
    let broken = futures_util::stream::iter([Ok(bytes::Bytes::from("con")), Err(std::io::Error::other("gone"))]);
    assert_eq!(fixture.ask(Method::POST, &path, &[], Body::from_stream(broken)).await.0, 408);
    assert_eq!(fixture.store.usage(fixture.host), Usage::default());
    let incoming = fixture.root.path().join(".incoming");
    // A folder, and its lock.
    let folders =
        || fs::read_dir(&incoming).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect::<Vec<_>>();
    let [own] = &folders()[..] else { panic!("{:?}", folders()) };
    assert_eq!(fs::read_dir(own).unwrap().count(), 0);
    // What a crash leaves is gone after the next start; what a controller that lives has not finished, is not.
    fs::create_dir(incoming.join("crashed")).unwrap();
    fs::write(incoming.join("crashed/left"), "x").unwrap();
    fs::write(incoming.join("crashed.lock"), "").unwrap();
    fs::write(own.join("under way"), "x").unwrap();
    let second = FolderStore::open(fixture.root.path().to_owned()).unwrap();
    assert!(
        own.join("under way").exists() && !incoming.join("crashed").exists() && !incoming.join("crashed.lock").exists()
    );
    assert_eq!(folders().len(), 2);
    drop(second);
    FolderStore::open(fixture.root.path().to_owned()).unwrap();
    assert_eq!(folders().len(), 2);
}

#[tokio::test]
async fn nothing_stored_is_changed_or_removed() {
    let fixture = Fixture::new(false).await;
    assert_eq!(fixture.ask(Method::HEAD, "config", &[], "").await.0, 404);
    assert_eq!(fixture.ask(Method::POST, "config", &[], "first").await.0, 400, "no key could open it");
    assert_eq!(fixture.ask(Method::POST, &format!("keys/{}", hash("key")), &[], "key").await.0, 200);
    assert_eq!(fixture.ask(Method::POST, "config", &[], "first").await.0, 200);
    assert_eq!(fixture.ask(Method::POST, "config", &[], "first").await.0, 200);
    assert_eq!(fixture.ask(Method::POST, "config", &[], "second").await.0, 403);
    assert_eq!(fixture.ask(Method::DELETE, "config", &[], "").await.0, 403);
    assert_eq!(fixture.ask(Method::GET, "config", &[], "").await, (200, "first".to_owned()));
    for kind in ["data", "index", "snapshots", "locks"] {
        let path = format!("{kind}/{}", hash(kind));
        assert_eq!(fixture.ask(Method::POST, &path, &[], kind).await.0, 200);
        let expected = if kind == "locks" { (200, 404) } else { (403, 200) };
        assert_eq!(fixture.ask(Method::DELETE, &path, &[], "").await.0, expected.0, "{kind}");
        assert_eq!(fixture.ask(Method::HEAD, &path, &[], "").await.0, expected.1, "{kind}");
    }
    assert_eq!(fixture.ask(Method::POST, "?create=true", &[], "").await.0, 200);
    assert_eq!(fixture.ask(Method::GET, "config", &[], "").await.0, 200);
}

#[tokio::test]
async fn keys_come_before_the_config_and_stay() {
    let fixture = Fixture::new(false).await;
    let [left, key, poison] = ["left", "key", "poison"].map(|content| format!("keys/{}", hash(content)));
    // A first run that was cut off, and the next.
    assert_eq!(fixture.ask(Method::POST, &left, &[], "left").await.0, 200);
    assert_eq!(fixture.ask(Method::DELETE, &left, &[], "").await.0, 200);
    assert_eq!(fixture.ask(Method::POST, &key, &[], "key").await.0, 200);
    assert_eq!(fixture.ask(Method::POST, "config", &[], "config").await.0, 200);
    let (status, text) = fixture.ask(Method::POST, &poison, &[], "poison").await;
    assert!(status == 403 && text.contains("keys come before its config"), "{status} {text}");
    assert_eq!(fixture.ask(Method::POST, &key, &[], "key").await.0, 200, "an answer was lost");
    assert_eq!(fixture.ask(Method::DELETE, &key, &[], "").await.0, 403);
    assert_eq!(fixture.ask(Method::GET, &key, &[], "").await, (200, "key".to_owned()));
}

#[tokio::test]
async fn a_host_has_its_own_repository_only() {
    let fixture = Fixture::new(false).await;
    let path = format!("data/{}", hash("x"));
    fixture.ask(Method::POST, &path, &[], "x").await;
    let own = format!("/repositories/{}", fixture.host);
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
    for method in &methods {
        for path in [format!("{own}/{path}"), format!("{own}/config")] {
            assert_eq!(fixture.send(None, method.clone(), &path, &[], "x").await.0, 401, "{method} {path}");
            assert_eq!(
                fixture.send(Some(fixture.other), method.clone(), &path, &[], "x").await.0,
                403,
                "{method} {path}"
            );
        }
    }
    assert_eq!(fixture.send(Some(fixture.other), Method::GET, &format!("{own}/data/"), &[], "").await.0, 403);
    assert_eq!(fixture.send(Some(fixture.other), Method::POST, &format!("{own}/?create=true"), &[], "").await.0, 403);
    // The other one has none: nothing is made by the way.
    let path = format!("/repositories/{}/{path}", fixture.other);
    assert_eq!(fixture.send(Some(fixture.other), Method::POST, &path, &[], "x").await.0, 404);
}

#[tokio::test]
async fn a_grant_lets_read_and_no_more() {
    let fixture = Fixture::new(true).await;
    let path = format!("/repositories/{}/data/{}", fixture.host, hash("x"));
    let others = |method: Method| fixture.send(Some(fixture.other), method, &path, &[], "x");
    assert_eq!(others(Method::POST).await.0, 403);
    fixture.send(Some(fixture.host), Method::POST, &path, &[], "x").await;
    assert_eq!(others(Method::GET).await, (200, "x".to_owned()));
    assert_eq!(others(Method::HEAD).await.0, 200);
    assert_eq!(others(Method::DELETE).await.0, 403);
}

#[tokio::test]
async fn only_the_protocols_names_are_names() {
    let fixture = Fixture::new(false).await;
    let id = hash("x");
    let upper = id.to_uppercase();
    for path in [
        format!("data/{upper}"),
        format!("data/{}", &id[1..]),
        format!("secrets/{id}"),
        format!("..%2f..%2fetc/{id}"),
        "data/..%2f..%2fconfig".to_owned(),
        "data/%2e%2e".to_owned(),
        format!("data/{id}%00"),
        "secrets/".to_owned(),
        "?create=false".to_owned(),
    ] {
        for method in [Method::GET, Method::POST] {
            let status = fixture.ask(method.clone(), &path, &[], "x").await.0;
            assert!(matches!(status, 400 | 404 | 405), "{method} {path}: {status}");
        }
    }
    for host in ["..", "%2e%2e", "config", &fixture.host.to_string().to_uppercase()] {
        let status =
            fixture.send(Some(fixture.host), Method::GET, &format!("/repositories/{host}/config"), &[], "").await.0;
        assert!(matches!(status, 403 | 404), "{host}: {status}");
    }
    assert_eq!(fixture.store.usage(fixture.host), Usage::default());
}

#[tokio::test]
async fn a_quota_holds_for_a_host_and_for_those_that_share_it_and_a_backup_may_come_to_its_end() {
    let content = |n: usize| format!("{n}{}", "x".repeat(10_000));
    let own = |_: HostId, _: HostId| Room { own: Some(3 * 12_288), together: None };
    let shared = |host, other| Room { own: None, together: Some((3 * 12_288, vec![host, other])) };
    let rooms: [(Fixture, &str); 2] =
        [(Fixture::with_room(false, own).await, "quota"), (Fixture::with_room(false, shared).await, "group-quota")];
    for (fixture, word) in rooms {
        let other = format!("/repositories/{}/", fixture.other);
        fixture.send(Some(fixture.other), Method::POST, &format!("{other}?create=true"), &[], "").await;
        let post = |who: HostId, kind: &'static str, n: usize| {
            let path = format!("/repositories/{who}/{kind}/{}", hash(&content(n)));
            let length = content(n).len().to_string();
            let fixture = &fixture;
            async move { fixture.send(Some(who), Method::POST, &path, &[("content-length", &length)], content(n)).await }
        };
        for n in 0..3 {
            assert_eq!(post(fixture.host, "data", n).await.0, 200, "{word} {n}");
        }
        let (status, text) = post(fixture.host, "data", 3).await;
        assert!(status == 507 && text.contains("quota"), "{word}: {status} {text}");
        assert_eq!(post(fixture.host, "data", 1).await.0, 200, "{word}: an answer was lost");
        assert_eq!(post(fixture.host, "snapshots", 4).await.0, 200, "{word}");
        let others = post(fixture.other, "data", 5).await.0;
        assert_eq!(others, if word == "quota" { 200 } else { 507 }, "{word}");
        let refused = if word == "quota" { 1 } else { 2 };
        assert_eq!(fixture.meters.count("post", word), refused);
        assert_eq!(fixture.store.usage(fixture.host).objects, 4);
    }
}

#[tokio::test]
async fn one_host_cannot_take_all_places_and_a_failed_upload_gives_its_back() {
    let fixture = Arc::new(Fixture::new(false).await);
    let path = format!("data/{}", hash("content"));
    let mut held = Vec::new();
    for _ in 0..16 {
        let (send, receive) = tokio::sync::mpsc::channel::<Result<bytes::Bytes, std::io::Error>>(1);
        let body = Body::from_stream(tokio_stream::wrappers::ReceiverStream::new(receive));
        let (uploading, path) = (Arc::clone(&fixture), path.clone());
        let upload = tokio::spawn(async move { uploading.ask(Method::POST, &path, &[], body).await.0 });
        // Twice what fits into the channel: the upload reads.
        send.send(Ok("x".into())).await.unwrap();
        send.send(Ok("x".into())).await.unwrap();
        held.push((send, upload));
    }
    let (status, text) = fixture.ask(Method::POST, &path, &[], "content").await;
    assert!(status == 503 && text.contains("too many uploads"), "{status} {text}");
    for (send, upload) in held {
        drop(send);
        assert_eq!(upload.await.unwrap(), 400);
    }
    assert_eq!(fixture.ask(Method::POST, &path, &[], "content").await.0, 200);
    assert_eq!((fixture.meters.count("post", "busy"), fixture.meters.count("post", "corrupt")), (1, 16));
}

#[tokio::test]
async fn the_same_object_from_two_sides_at_once_counts_once() {
    let fixture = Arc::new(Fixture::new(false).await);
    fixture.store.usage(fixture.host);
    let path = format!("data/{}", hash("content"));
    let uploads = (0..8).map(|_| {
        let (fixture, path) = (Arc::clone(&fixture), path.clone());
        tokio::spawn(async move { fixture.ask(Method::POST, &path, &[], "content").await.0 })
    });
    for upload in uploads.collect::<Vec<_>>() {
        assert_eq!(upload.await.unwrap(), 200);
    }
    assert_eq!(fixture.store.usage(fixture.host), Usage { bytes: 4096, objects: 1 });
}

#[tokio::test]
async fn answers_that_nobody_takes_are_bounded_and_give_their_places_back() {
    let fixture = Fixture::new(false).await;
    let path = format!("data/{}", hash("content"));
    assert_eq!(fixture.ask(Method::POST, &path, &[], "content").await.0, 200);
    let ask = |path: String| {
        let uri = format!("/repositories/{}/{path}", fixture.host);
        let mut request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        request.extensions_mut().insert(HostIdentity(fixture.host));
        fixture.router.clone().oneshot(request)
    };
    let mut unread = Vec::new();
    for n in 0..64 {
        let answer = ask(if n % 2 == 0 { path.clone() } else { "data/".into() }).await.unwrap();
        assert_eq!(answer.status(), 200, "{n}");
        unread.push(answer);
    }
    assert_eq!(ask(path.clone()).await.unwrap().status(), 503);
    unread.pop();
    assert_eq!(ask(path.clone()).await.unwrap().status(), 200);
    drop(unread);
    assert_eq!(fixture.ask(Method::GET, &path, &[], "").await, (200, "content".to_owned()));
    // Another host has places of its own, and uploads have theirs.
    assert_eq!(fixture.meters.count("get", "busy"), 1);
}
