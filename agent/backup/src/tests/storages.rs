//! The same engine over each kind of storage, with the real thing at the other end: OpenSSH's
//! own server, and an S3 service.

use super::{PASSWORD, Stage, below, facts};
use crate::{Repository, RestoreOptions, Silent, Storage, StorageError, exists};
use rustic_core::{FileType, Id};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Two backups and a restore; then what the storage itself must do.
fn goes_round(storage: &Storage) {
    let stage = Stage::new();
    fs::create_dir(stage.source().join("folder")).unwrap();
    fs::write(stage.source().join("folder/守备.txt"), "content").unwrap();
    fs::write(stage.source().join("large"), (0..3_000_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()).unwrap();
    assert!(!exists(storage).unwrap());
    assert!(Repository::open(storage, PASSWORD).is_err());
    let repository = Repository::init(storage, PASSWORD).unwrap();
    let first = repository.backup(&stage.options(), &Silent).unwrap();
    assert_eq!((first.files_new, first.failed), (2, 0));
    fs::write(stage.source().join("new"), "more").unwrap();
    let repository = Repository::open(storage, PASSWORD).unwrap();
    let second = repository.backup(&stage.options(), &Silent).unwrap();
    assert_eq!((second.files_new, second.files_unchanged, second.failed), (1, 2, 0));
    let target = stage.path("out");
    let options =
        RestoreOptions { snapshot: "latest".into(), target: Some(target.clone()), ..RestoreOptions::default() };
    let report = repository.restore(&options, &Silent).unwrap();
    assert_eq!(report.failed, 0);
    assert_eq!(facts(&stage.source()), facts(&below(&target, &stage.source())));
    objects(storage);
}

/// What is asked of any storage.
fn objects(storage: &Storage) {
    let objects = storage.open(Arc::default()).unwrap();
    let name: Id = hex::encode(<sha2::Sha256 as sha2::Digest>::digest("a lock")).parse().unwrap();
    // No kind that the repository has anything of by now.
    let kind = FileType::Index;
    let before = objects.list(kind).unwrap().len();
    assert!(matches!(objects.read(kind, &name, None), Err(StorageError::Missing(_))));
    for _ in 0..2 {
        objects.write(kind, &name, &b"a lock".to_vec().into()).unwrap();
    }
    assert_eq!(objects.list(kind).unwrap().len(), before + 1);
    assert_eq!(objects.read(kind, &name, None).unwrap(), "a lock");
    assert_eq!(objects.read(kind, &name, Some((2, 4))).unwrap(), "lock");
    assert!(objects.read(kind, &name, Some((2, 5))).is_err());
    for _ in 0..2 {
        objects.remove(kind, &name).unwrap();
    }
    assert_eq!(objects.list(kind).unwrap().len(), before);
    let config = objects.read(FileType::Config, &Id::default(), None).unwrap();
    // The answer to a first try may have been lost.
    let same = objects.write(FileType::Config, &Id::default(), &config.to_vec().into());
    assert!(same.is_ok(), "{same:?}");
    assert!(objects.write(FileType::Config, &Id::default(), &b"another".to_vec().into()).is_err());
    assert_eq!(objects.read(FileType::Config, &Id::default(), None).unwrap(), config);
}

const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

fn over_sftp(command: &str, folder: &Path) -> Storage {
    let text = format!("sftp:somebody@somewhere:{}", folder.display());
    let place = Storage::named(&text, &|name| (name == "KEEPWATCH_SFTP_COMMAND").then(|| command.to_owned()));
    let Storage::Sftp(mut place) = place.unwrap() else { panic!("it is a place behind SSH") };
    place.patience = Duration::from_secs(20);
    Storage::Sftp(place)
}

#[test]
fn a_repository_behind_ssh_is_what_restic_opens() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("some/where");
    goes_round(&over_sftp(SFTP_SERVER, &folder));
    super::restic::check(&folder);
}

/// A server that goes away in the middle, again and again.
#[test]
fn a_connection_that_breaks_is_made_anew() {
    let root = tempfile::tempdir().unwrap();
    let (breaking, folder) = (root.path().join("breaking"), root.path().join("repository"));
    let starts = root.path().join("starts");
    // It takes some 1,600 messages, more than any one step has, and ends.
    let script = "#!/bin/sh\necho >>STARTS\ndd bs=64k count=1600 2>/dev/null | SERVER\n";
    let script = script.replace("STARTS", starts.to_str().unwrap()).replace("SERVER", SFTP_SERVER);
    fs::write(&breaking, script).unwrap();
    fs::set_permissions(&breaking, fs::Permissions::from_mode(0o755)).unwrap();
    let stage = Stage::new();
    for n in 0..6u32 {
        let content: Vec<u8> = (0..250_000u32).flat_map(|i| (i * (n + 3)).to_le_bytes()).collect();
        fs::write(stage.source().join(format!("{n}")), content).unwrap();
    }
    let storage = over_sftp(breaking.to_str().unwrap(), &folder);
    let repository = Repository::init(&storage, PASSWORD).unwrap();
    for n in 0..3 {
        fs::write(stage.source().join("new"), format!("{n}").repeat(3_000_000)).unwrap();
        assert_eq!(repository.backup(&stage.options(), &Silent).unwrap().failed, 0);
    }
    assert!(fs::read_to_string(&starts).unwrap().lines().count() > 2, "it never broke");
    super::restic::check(&folder);
    let left: Vec<_> = walkdir::WalkDir::new(&folder).into_iter().flatten().collect();
    assert!(left.iter().all(|entry| !entry.path().to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn what_ssh_says_is_told() {
    let root = tempfile::tempdir().unwrap();
    let refusing = root.path().join("refusing");
    fs::write(&refusing, "#!/bin/sh\necho 'li@server: Permission denied (publickey).' >&2\nexit 255\n").unwrap();
    fs::set_permissions(&refusing, fs::Permissions::from_mode(0o755)).unwrap();
    let outcome = exists(&over_sftp(refusing.to_str().unwrap(), root.path())).unwrap_err().to_string();
    assert!(outcome.contains("Permission denied (publickey)") && outcome.contains("Log in once"), "{outcome}");
    let nothing = exists(&over_sftp("/no/such/ssh", root.path())).unwrap_err().to_string();
    assert!(nothing.contains("is not installed"), "{nothing}");
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(Repository::init(&over_sftp(SFTP_SERVER, &file), PASSWORD).is_err());
}

/// An S3 service over a folder, on loopback, until it is dropped.
struct Service {
    folder: tempfile::TempDir,
    address: std::net::SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl Service {
    fn start() -> Self {
        use hyper_util::rt::{TokioExecutor, TokioIo};
        let folder = tempfile::tempdir().unwrap();
        let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder.path()).unwrap());
        service.set_auth(s3s::auth::SimpleAuth::from_single("an-id", "a secret"));
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let http = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = http.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        Self { folder, address, _runtime: runtime }
    }

    fn storage(&self, bucket_and_prefix: &str, secret: &str) -> Storage {
        let text = format!("s3:http://{}/{bucket_and_prefix}", self.address);
        let variable = |name: &str| match name {
            "AWS_ACCESS_KEY_ID" => Some("an-id".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Some(secret.to_owned()),
            _ => None,
        };
        Storage::named(&text, &variable).unwrap()
    }
}

#[test]
fn a_repository_in_a_bucket_is_what_restic_opens() {
    let service = Service::start();
    goes_round(&service.storage("backups/pc 7/", "a secret"));
    // The service keeps objects as files of their names.
    super::restic::check(&service.folder.path().join("backups/pc 7"));
}

#[test]
fn a_wrong_key_is_refused_at_once_and_content_that_is_not_its_names_is_not_taken() {
    let service = Service::start();
    let refused = exists(&service.storage("backups", "another")).unwrap_err().to_string();
    assert!(refused.contains("Check the access key"), "{refused}");
    let objects = service.storage("backups", "a secret").open(Arc::default()).unwrap();
    objects.create().unwrap();
    let other = objects.write(FileType::Pack, &"ab".repeat(32).parse().unwrap(), &b"content".to_vec().into());
    assert!(matches!(other, Err(StorageError::Wrong { .. })), "{other:?}");
}
