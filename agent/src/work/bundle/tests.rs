#![allow(clippy::unwrap_used)]
//! Bundles that are sound and bundles that are not, from a signed folder over mutual TLS.

use super::*;
use crate::identity::tests::certificates;
use keepwatch_proto::bundle::RuleFile;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tough::editor::RepositoryEditor;
use tough::editor::signed::{PathExists, SignedRole};
use tough::key_source::{KeySource, LocalKeySource};
use tough::schema::{KeyHolder, RoleKeys, RoleType, Root};

/// A publisher's folder, served as the agent door does, and what an agent orders of it.
struct Scene {
    folder: TempDir,
    order: BundleOrder,
    /// The next answers end after so many bytes of a file.
    cut: Arc<AtomicUsize>,
    /// Answers that went on where an earlier one had ended.
    resumed: Arc<AtomicUsize>,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let published = folder.path().join("signatures");
        std::fs::create_dir_all(published.join("metadata")).unwrap();
        std::fs::create_dir_all(published.join("targets")).unwrap();
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        std::fs::write(folder.path().join("signing.key"), key.serialize_der()).unwrap();
        let root = root(&folder.path().join("signing.key")).await;
        std::fs::write(published.join("metadata/1.root.json"), &root).unwrap();

        let (ca, server, client) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let controller = format!("https://{}", listener.local_addr().unwrap());
        let (cut, resumed) = (Arc::new(AtomicUsize::new(usize::MAX)), Arc::default());
        let answer = Answer { folder: folder.path().to_owned(), cut: Arc::clone(&cut), resumed: Arc::clone(&resumed) };
        tokio::spawn(serve(listener, tls(&ca, &server), answer));
        let order = BundleOrder {
            controller,
            ca,
            key: client.0,
            certificate: client.1,
            root,
            folder: folder.path().join("agent"),
            scans: folder.path().join("scans"),
            current: 0,
            wanted: Bundle { version: 1, sha256: String::new(), size: 0, rules: 0 },
        };
        Self { folder, order, cut, resumed }
    }

    fn published(&self, path: &str) -> PathBuf {
        self.folder.path().join("signatures").join(path)
    }

    /// Signs and publishes, as the controller does.
    async fn publish(&self, version: u64, packed: &[u8]) {
        let staging = tempfile::tempdir().unwrap();
        let staged = staging.path().join(TARGET);
        std::fs::write(&staged, packed).unwrap();
        let mut editor = RepositoryEditor::new(self.published("metadata/1.root.json")).await.unwrap();
        let number = NonZeroU64::new(version).unwrap();
        editor.add_target_path(&staged).await.unwrap();
        editor.targets_version(number).unwrap().targets_expires(long_ago()).unwrap();
        editor.snapshot_version(number).snapshot_expires(long_ago());
        editor.timestamp_version(number).timestamp_expires(long_ago());
        let key: [Box<dyn KeySource>; 1] = [Box::new(LocalKeySource { path: self.folder.path().join("signing.key") })];
        let signed = editor.sign(&key).await.unwrap();
        signed.copy_targets(staging.path(), self.published("targets"), PathExists::Skip).await.unwrap();
        signed.write(self.published("metadata")).await.unwrap();
    }

    async fn fetch(&mut self, version: u64) -> Judgement {
        self.order.wanted.version = version;
        fetch_and_judge(&self.order, Duration::ZERO).await.unwrap_or_else(|judgement| judgement)
    }
}

/// A PC may be off for longer than anything is valid.
fn long_ago() -> jiff::Timestamp {
    "2001-01-01T00:00:00Z".parse().unwrap()
}

async fn root(key: &Path) -> Vec<u8> {
    let source = LocalKeySource { path: key.to_owned() };
    let key = source.as_sign().await.unwrap().tuf_key();
    let id = key.key_id().unwrap();
    let role = RoleKeys { keyids: vec![id.clone()], threshold: NonZeroU64::MIN, _extra: HashMap::new() };
    let roles = [RoleType::Root, RoleType::Snapshot, RoleType::Targets, RoleType::Timestamp];
    let root = Root {
        spec_version: "1.0.0".into(),
        consistent_snapshot: true,
        version: NonZeroU64::MIN,
        expires: long_ago(),
        keys: HashMap::from([(id, key)]),
        roles: roles.into_iter().map(|r| (r, role.clone())).collect(),
        _extra: HashMap::new(),
    };
    let keys: [Box<dyn KeySource>; 1] = [Box::new(source)];
    let random = aws_lc_rs::rand::SystemRandom::new();
    SignedRole::new(root.clone(), &KeyHolder::Root(root), &keys, &random).await.unwrap().buffer().clone()
}

fn tls(ca: &str, server: &(String, String)) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let _ = rustls::crypto::CryptoProvider::install_default((*provider).clone());
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap()).unwrap();
    let hosts = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let certificate = CertificateDer::from_pem_slice(server.1.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(server.0.as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_client_cert_verifier(hosts).with_single_cert(vec![certificate], key).unwrap();
    TlsAcceptor::from(Arc::new(config))
}

#[derive(Clone)]
struct Answer {
    folder: PathBuf,
    cut: Arc<AtomicUsize>,
    resumed: Arc<AtomicUsize>,
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, answer: Answer) {
    while let Ok((tcp, _)) = listener.accept().await {
        // A connection that ends early is what some tests are about.
        tokio::spawn({
            let (tls, answer) = (tls.clone(), answer.clone());
            async move { answer.one(tls, tcp).await }
        });
    }
}

impl Answer {
    /// One request, one answer: as little of HTTP as it takes.
    async fn one(self, tls: TlsAcceptor, tcp: TcpStream) -> std::io::Result<()> {
        let mut stream = tls.accept(tcp).await?;
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            request.push(stream.read_u8().await?);
        }
        let request = String::from_utf8(request).map_err(std::io::Error::other)?.to_ascii_lowercase();
        let path = request.split(' ').nth(1).unwrap_or_default();
        let Ok(file) = std::fs::read(self.folder.join(path.trim_start_matches('/'))) else {
            return stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
        };
        let from = request.lines().find_map(|line| line.strip_prefix("range: bytes="));
        let from: Option<usize> = from.and_then(|range| range.trim_end_matches('-').parse().ok());
        self.resumed.fetch_add(usize::from(from.is_some()), Ordering::Relaxed);
        let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
        let body = &file[from.unwrap_or(0).min(file.len())..];
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).await?;
        let is_bundle = path.ends_with(TARGET);
        let end = if is_bundle { self.cut.load(Ordering::Relaxed).min(body.len()) } else { body.len() };
        stream.write_all(&body[..end]).await?;
        stream.shutdown().await
    }
}

#[tokio::test]
async fn a_sound_one_is_taken_and_a_cut_download_goes_on() {
    let mut scene = Scene::new().await;
    let bytes = packed(1, 1, PLAIN);
    scene.publish(1, &bytes).await;
    scene.cut.store(10, Ordering::Relaxed);
    assert!(matches!(scene.fetch(1).await, Judgement::Unavailable(_)));
    scene.cut.store(usize::MAX, Ordering::Relaxed);
    let Judgement::Good { bundle, file } = scene.fetch(1).await else { panic!() };
    assert_eq!(scene.resumed.load(Ordering::Relaxed), 1);
    assert_eq!(
        bundle,
        Bundle { version: 1, sha256: hex::encode(Sha256::digest(&bytes)), size: bytes.len() as u64, rules: 1 }
    );
    assert_eq!(std::fs::read(file).unwrap(), bytes);

    // What an earlier attempt left may be wrong: begun anew.
    scene.publish(2, &packed(2, 1, PLAIN)).await;
    let part =
        scene.order.folder.join("incoming").join(format!("{}.part", hex::encode(Sha256::digest(packed(2, 1, PLAIN)))));
    std::fs::write(part, "of another file").unwrap();
    assert!(matches!(scene.fetch(2).await, Judgement::Good { .. }));
}

#[tokio::test]
async fn what_is_not_signed_is_refused_and_what_is_not_newer_not_taken() {
    let mut scene = Scene::new().await;
    scene.publish(1, &packed(1, 1, PLAIN)).await;
    let bad = |judgement: Judgement, word: &str| match judgement {
        Judgement::Bad(reason) => assert!(reason.contains(word), "{reason}"),
        other => panic!("{other:?}"),
    };
    let later = |judgement: Judgement, word: &str| match judgement {
        Judgement::Unavailable(reason) => assert!(reason.contains(word), "{reason}"),
        other => panic!("{other:?}"),
    };
    // Announced, but what lies there is older: that copy lags.
    later(scene.fetch(2).await, "version 1");
    // Newer than announced: the next announcement is on its way.
    scene.publish(2, &packed(2, 1, PLAIN)).await;
    assert!(matches!(scene.fetch(1).await, Judgement::Unavailable(_)));
    assert!(matches!(scene.fetch(2).await, Judgement::Good { .. }));

    // Rolled back by someone who holds the folder but not the key.
    let timestamp = scene.published("metadata/timestamp.json");
    scene.publish(1, &packed(1, 1, PLAIN)).await;
    later(scene.fetch(3).await, "older than what it had before");
    // A byte of what was signed changed.
    scene.publish(4, &packed(4, 1, PLAIN)).await;
    let signed = std::fs::read_to_string(&timestamp).unwrap();
    std::fs::write(&timestamp, signed.replace("\"version\": 4", "\"version\": 5")).unwrap();
    bad(scene.fetch(5).await, "not sound");
    // The signature is sound, the file is another.
    scene.publish(6, &packed(6, 1, PLAIN)).await;
    let name = format!("targets/{}.{TARGET}", hex::encode(Sha256::digest(packed(6, 1, PLAIN))));
    std::fs::write(scene.published(&name), packed(6, 1, "rule evil { condition: true }")).unwrap();
    bad(scene.fetch(6).await, "not the one that was signed");
    // Signed, and of no use.
    scene.publish(7, &packed(7, 1, "rule broken {")).await;
    bad(scene.fetch(7).await, "office/a.yar");
}

#[tokio::test]
async fn a_controller_that_is_away_is_no_reason_to_refuse() {
    let mut scene = Scene::new().await;
    assert!(matches!(scene.fetch(1).await, Judgement::Unavailable(_)));
    scene.order.controller = "https://127.0.0.1:1".into();
    assert!(matches!(scene.fetch(1).await, Judgement::Unavailable(_)));
}

fn packed(version: u64, rules: u32, source: &str) -> Vec<u8> {
    let files = vec![RuleFile { path: "office/a.yar".into(), source: source.into() }];
    BundleContent { version, rules, files }.pack().unwrap()
}

const PLAIN: &str = "rule plain { condition: false }";

#[test]
fn only_what_holds_its_word_is_fit() {
    let eicar = r#"rule EICAR_Test { strings: $a = "EICAR-STANDARD" condition: $a }"#;
    let blind = r#"rule eicar_blind { condition: false }"#;
    assert_eq!(judge(&packed(2, 1, PLAIN), 1, 2, None), Ok(1));
    assert_eq!(judge(&packed(2, 1, eicar), 1, 2, None), Ok(1));
    for (packed, current, version, word) in [
        (packed(2, 1, PLAIN), 1, 3, "metadata of version 3"),
        (packed(2, 1, PLAIN), 2, 2, "not newer"),
        (packed(1, 1, PLAIN), 2, 1, "not newer"),
        (packed(2, 2, PLAIN), 1, 2, "should to 2"),
        (packed(2, 1, "rule broken {"), 1, 2, "office/a.yar"),
        (packed(2, 1, blind), 1, 2, "EICAR"),
        (b"nothing".to_vec(), 1, 2, "unpacked"),
    ] {
        let reason = judge(&packed, current, version, None).unwrap_err();
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn what_others_left_behind_is_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let (keep, other) = (folder.path().join("a.part"), folder.path().join("b.part"));
    for file in [&keep, &other] {
        std::fs::write(file, "abc").unwrap();
    }
    clear(folder.path(), &keep);
    assert!(keep.exists() && !other.exists());
    assert!(has_hash(&keep, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").unwrap());
    assert!(!has_hash(&keep, "00").unwrap());
}
