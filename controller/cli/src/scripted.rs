//! The command line against a controller that follows a script: real TLS and gRPC on
//! loopback, and the turns that a real controller takes only on a bad day.

#![allow(clippy::unwrap_used)]

mod figures;
mod machines;
mod plans;
mod quarantine;
mod rollouts;
mod work;

use crate::context::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Format, Output};
use crate::run::Arguments;
use crate::session::Profiles;
use clap::Parser;
use futures_util::stream::{self, BoxStream};
use keepwatch_proto::pin::Fingerprint;
use keepwatch_proto::wire::staff::figures_server::FiguresServer;
use keepwatch_proto::wire::staff::machines_server::MachinesServer;
use keepwatch_proto::wire::staff::plans_server::PlansServer;
use keepwatch_proto::wire::staff::quarantine_server::QuarantineServer;
use keepwatch_proto::wire::staff::rollouts_server::RolloutsServer;
use keepwatch_proto::wire::staff::staff_server::{Staff, StaffServer};
use keepwatch_proto::wire::staff::work_server::WorkServer;
use keepwatch_proto::wire::staff::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

const SESSION: &str = "s3ssion";

#[derive(Default)]
struct Script {
    watched: AtomicUsize,
}

fn only_with_session<T>(request: &Request<T>) -> Result<(), Status> {
    match request.metadata().get("authorization") {
        Some(value) if value == format!("Bearer {SESSION}").as_str() => Ok(()),
        _ => Err(Status::unauthenticated("the session has ended")),
    }
}

fn replies<T: Send + 'static>(
    items: Vec<Result<T, Status>>,
) -> Result<Response<BoxStream<'static, Result<T, Status>>>, Status> {
    Ok(Response::new(Box::pin(stream::iter(items))))
}

fn job(state: &str) -> Job {
    Job { id: "1".into(), kind: "backup".into(), state: state.into(), ..Default::default() }
}

fn unscripted<T>() -> Result<Response<T>, Status> {
    Err(Status::unimplemented("not in the script"))
}

/// The scripted answers, and a refusal for all else.
macro_rules! staff {
    ({ $($scripted:tt)* } $($name:ident: $request:ty => $reply:ty;)*) => {
        #[tonic::async_trait]
        impl Staff for Script {
            $($scripted)*
            $(async fn $name(&self, _: Request<$request>) -> Result<Response<$reply>, Status> {
                unscripted()
            })*
        }
    };
}

staff! {
    {
        type WatchJobStream = BoxStream<'static, Result<Job, Status>>;
        type ListEntriesStream = BoxStream<'static, Result<Entry, Status>>;
        type FindStream = BoxStream<'static, Result<Entry, Status>>;
        type DownloadStream = BoxStream<'static, Result<Chunk, Status>>;
        type ListRecoveryKitsStream = BoxStream<'static, Result<RecoveryKitReply, Status>>;
        type SealRecoveryKitsStream = BoxStream<'static, Result<Chunk, Status>>;

        async fn list_recovery_kits(&self, _: Request<Empty>) -> Result<Response<Self::ListRecoveryKitsStream>, Status> {
            let kit = |host: &str, problem: &str| RecoveryKitReply {
                host: host.into(),
                text: format!("kit of {host}\n"),
                problem: problem.into(),
                ..Default::default()
            };
            replies(vec![Ok(kit("a", "")), Ok(kit("b", "no key opens it"))])
        }

        async fn seal_recovery_kits(&self, request: Request<HostName>) -> Result<Response<Self::SealRecoveryKitsStream>, Status> {
            let total = if request.into_inner().host == "short" { 7 } else { 6 };
            replies(vec![Ok(Chunk { data: b"abc".to_vec(), total, ..Default::default() }), Ok(Chunk { data: b"def".to_vec(), total, ..Default::default() })])
        }

        async fn login(&self, request: Request<LoginRequest>) -> Result<Response<LoginReply>, Status> {
            match request.into_inner() {
                LoginRequest { user, password } if user == "ann" && password == "right" => {
                    Ok(Response::new(LoginReply { session: SESSION.into(), expires: 4_000_000_000, role: "operator".into() }))
                }
                _ => Err(Status::unauthenticated("wrong name or password")),
            }
        }

        async fn list_hosts(&self, request: Request<Empty>) -> Result<Response<Hosts>, Status> {
            only_with_session(&request)?;
            Ok(Response::new(Hosts { hosts: vec![Host { name: "PC\x1b[2J".into(), ..Default::default() }] }))
        }

        /// Breaks off the first time.
        async fn watch_job(&self, request: Request<JobId>) -> Result<Response<Self::WatchJobStream>, Status> {
            match (request.into_inner().id.as_str(), self.watched.fetch_add(1, Ordering::Relaxed)) {
                ("none", _) => Err(Status::not_found("no such job")),
                (_, 0) => replies(vec![Ok(job("running")), Err(Status::unavailable("going down"))]),
                (id, _) => replies(vec![Ok(job("running")), Ok(job(id))]),
            }
        }

        async fn create_job(&self, _: Request<CreateJobRequest>) -> Result<Response<Job>, Status> {
            Ok(Response::new(Job { id: "failed".into(), ..job("queued") }))
        }

        async fn list_entries(&self, _: Request<EntriesRequest>) -> Result<Response<Self::ListEntriesStream>, Status> {
            replies(vec![Ok(Entry { path: "/a".into(), ..Default::default() }), Err(Status::data_loss("damaged"))])
        }

        async fn find(&self, _: Request<FindRequest>) -> Result<Response<Self::FindStream>, Status> {
            replies(vec![])
        }

        async fn download(&self, request: Request<DownloadRequest>) -> Result<Response<Self::DownloadStream>, Status> {
            let DownloadRequest { path, format, .. } = request.into_inner();
            let chunk = |data: &[u8], total| Ok(Chunk { data: data.to_vec(), total, ..Default::default() });
            let mut chunks = vec![chunk(b"abc", if path == "/short" { 7 } else { 6 }), chunk(b"def", 0)];
            if path == "/folder" {
                let format = if format.is_empty() { "zip".into() } else { format };
                chunks.insert(0, Ok(Chunk { format, note: "said first".into(), ..Default::default() }));
                let left_out = Some(keepwatch_proto::wire::agent::Failure { path: "/folder/lost".into(), reason: "damaged".into() });
                chunks.push(Ok(Chunk { left_out, ..Default::default() }));
                chunks.push(Ok(Chunk { left_out_count: 3, ..Default::default() }));
            }
            replies(chunks)
        }

        async fn import_signatures(&self, request: Request<Streaming<ImportPart>>) -> Result<Response<ImportReply>, Status> {
            let mut parts = request.into_inner();
            let mut files = std::collections::BTreeMap::<String, usize>::new();
            while let Some(part) = parts.message().await? {
                *files.entry(part.path).or_default() += part.data.len();
            }
            let whole = files.values().sum::<usize>() == 600_003 && files.len() == 2;
            Ok(Response::new(ImportReply { version: whole.into(), files: 2, ..Default::default() }))
        }
    }
    logout: Empty => Empty;
    get_host: HostName => Host;
    revoke_host: HostName => Empty;
    replace_host: ReplaceHostRequest => Empty;
    list_deletions: Empty => Deletions;
    ask_deletion: AskDeletionRequest => Deletion;
    approve_deletion: HostName => Deletion;
    call_off_deletion: HostName => Empty;
    recovery_kit: HostName => RecoveryKitReply;
    list_groups: Empty => Groups;
    create_group: CreateGroupRequest => Group;
    get_policy: GroupName => PolicyDocument;
    set_policy: SetPolicyRequest => PolicyDocument;
    create_token: CreateTokenRequest => NewToken;
    list_tokens: Empty => Tokens;
    revoke_token: TokenId => Empty;
    list_jobs: ListJobsRequest => Jobs;
    cancel_job: JobId => Empty;
    pause_job: JobId => Empty;
    resume_job: JobId => Empty;
    list_snapshots: HostName => Snapshots;
    list_versions: VersionsRequest => Versions;
    get_retention: HostName => Retention;
    run_retention: HostName => RetentionDone;
    thaw_retention: HostName => Empty;
    get_verification: HostName => Verification;
    verify: HostName => Verification;
    repair: HostName => Repaired;
    list_detections: ListDetectionsRequest => Detections;
    acknowledge_detection: AcknowledgeRequest => Empty;
    list_bundles: Empty => Bundles;
    list_sources: Empty => Sources;
    remove_source: SourceName => ImportReply;
    list_users: Empty => Users;
    create_user: CreateUserRequest => NewUser;
    remove_user: UserName => Empty;
    change_password: ChangePasswordRequest => Empty;
    list_audit: ListAuditRequest => AuditRecords;
    fleet_report: Empty => FleetReportReply;
}

/// A controller on loopback, and a user's home.
struct Stage {
    port: u16,
    ca: Fingerprint,
    ca_pem: String,
    home: tempfile::TempDir,
}

impl Stage {
    fn set() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let identity = Identity::from_pem(server.pem() + &ca.pem(), key.serialize_pem());
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let port = incoming.local_addr().unwrap().port();
        let mut door = Server::builder().tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        let door =
            door.add_service(StaffServer::new(Script::default())).add_service(WorkServer::new(work::Many::default()));
        let door = door.add_service(FiguresServer::new(Script::default()));
        let door = door.add_service(MachinesServer::new(Script::default()));
        let door = door.add_service(RolloutsServer::new(Script::default()));
        let door = door.add_service(QuarantineServer::new(Script::default()));
        tokio::spawn(door.add_service(PlansServer::new(Script::default())).serve_with_incoming(incoming));
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("right"), "right\n").unwrap();
        std::fs::write(home.path().join("wrong"), "wrong\n").unwrap();
        Self { port, ca: Fingerprint::of(ca.der()), ca_pem: ca.pem(), home }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    async fn says(&self, line: &[&str]) -> Result<Outcome, Failure> {
        let arguments = Arguments::try_parse_from([&["keepwatch"], line].concat()).unwrap();
        let context = Context {
            output: Output::new(Format::Json),
            profiles: Profiles::below(self.home.path()),
            profile: "default".into(),
            yes: line.contains(&"--yes"),
            token: None,
        };
        arguments.command.run(&context).await
    }

    async fn logs_in(&self, more: &[&str]) -> Result<Outcome, Failure> {
        let address = format!("https://localhost:{}", self.port);
        self.says(&[&["login", address.as_str(), "--user", "ann"], more].concat()).await
    }

    async fn logged_in() -> Self {
        let stage = Self::set();
        let (pin, file) = (stage.ca.to_string(), stage.path("right"));
        stage.logs_in(&["--fingerprint", &pin, "--password-file", &file]).await.unwrap();
        stage
    }
}

fn says(result: Result<Outcome, Failure>, word: &str) {
    let text = result.unwrap_err().to_string();
    assert!(text.contains(word), "{text}");
}

#[tokio::test]
async fn the_ca_is_pinned_before_the_password_leaves() {
    let stage = Stage::set();
    let (right, wrong, pin) = (stage.path("right"), stage.path("wrong"), stage.ca.to_string());
    let other = Fingerprint::of(b"another").to_string();
    says(stage.says(&["hosts"]).await, "keepwatch login https://");
    says(stage.logs_in(&["--password-file", &right]).await, "--fingerprint");
    says(stage.logs_in(&["--password-file", &right, "--fingerprint", &other]).await, "cannot be trusted");
    says(stage.logs_in(&["--password-file", &wrong, "--fingerprint", &pin]).await, "wrong name");
    says(stage.says(&["hosts"]).await, "keepwatch login https://");
    let address = format!("localhost:{}", stage.port).parse().unwrap();
    assert_eq!(crate::trust::presented(&address).await.unwrap(), stage.ca);

    stage.logs_in(&["--password-file", &right, "--fingerprint", &pin]).await.unwrap();
    stage.says(&["hosts"]).await.unwrap();
    // Known by now: neither address nor fingerprint nor name is needed.
    stage.says(&["login", "--password-file", &right]).await.unwrap();
    // Another name for the same place is not what the certificate is for.
    let elsewhere = format!("https://127.0.0.1:{}", stage.port);
    let line = ["login", &elsewhere, "--user", "ann", "--password-file", &right, "--fingerprint", &pin];
    says(stage.says(&line).await, "cannot be trusted");
}

#[tokio::test]
async fn a_ca_file_does_as_well_and_a_wrong_one_does_not() {
    let stage = Stage::set();
    let (right, pem) = (stage.path("right"), stage.path("ca.pem"));
    std::fs::write(&pem, Stage::set().ca_pem).unwrap();
    says(stage.logs_in(&["--password-file", &right, "--ca", &pem]).await, "cannot be trusted");
    std::fs::write(&pem, "no certificate").unwrap();
    says(stage.logs_in(&["--password-file", &right, "--ca", &pem]).await, "no certificate");
    std::fs::write(&pem, &stage.ca_pem).unwrap();
    stage.logs_in(&["--password-file", &right, "--ca", &pem]).await.unwrap();
    stage.says(&["hosts", "list"]).await.unwrap();
    stage.says(&["groups", "health"]).await.unwrap();
}

#[tokio::test]
async fn what_is_broad_is_not_done_unasked() {
    let stage = Stage::logged_in().await;
    for line in [
        &["hosts", "revoke", "PC-1"][..],
        &["hosts", "replace", "PC-1", "PC-2"],
        &["hosts", "delete-repository", "PC-1", "approve"],
        &["users", "remove", "ann"],
        &["signatures", "remove", "office"],
    ] {
        // Nobody is at a terminal here: a script has to say that it means it.
        let refused = stage.says(line).await.unwrap_err();
        assert_eq!(refused.exit_code(), 2);
        assert!(refused.to_string().contains("say --yes"), "{refused}");
        says(stage.says(&[line, &["--yes"]].concat()).await, "not in the script");
    }
}

#[tokio::test]
async fn logging_out_forgets_the_session_even_if_the_controller_refuses() {
    let stage = Stage::logged_in().await;
    says(stage.says(&["logout"]).await, "not in the script");
    says(stage.says(&["hosts"]).await, "logged out");
    let kept = std::fs::read_to_string(Profiles::below(stage.home.path()).path("default").unwrap()).unwrap();
    assert!(!kept.contains(SESSION) && kept.contains("BEGIN CERTIFICATE"));
}

#[tokio::test]
async fn a_watch_outlives_a_restart_and_its_exit_code_is_the_jobs() {
    let stage = Stage::logged_in().await;
    for (state, outcome) in
        [("partial", Outcome::Partial), ("succeeded", Outcome::Done), ("cancelled", Outcome::Failed)]
    {
        assert_eq!(stage.says(&["jobs", "watch", state]).await.unwrap(), outcome);
    }
    assert_eq!(stage.says(&["backup", "PC-1", "--watch"]).await.unwrap(), Outcome::Failed);
    assert_eq!(stage.says(&["backup", "PC-1"]).await.unwrap(), Outcome::Done);
    assert_eq!(stage.says(&["jobs", "show", "failed"]).await.unwrap(), Outcome::Done);
    says(stage.says(&["jobs", "watch", "none"]).await, "no such job");
}

#[tokio::test]
async fn a_download_is_whole_or_not_there() {
    let stage = Stage::logged_in().await;
    let to = stage.path("file");
    says(stage.says(&["download", "PC-1", "latest", "/short", "-o", &to]).await, "only 6 of 7");
    assert!(!Path::new(&to).exists());
    stage.says(&["download", "PC-1", "latest", "/whole", "-o", &to]).await.unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), b"abcdef");
    says(stage.says(&["download", "PC-1", "latest", "/whole", "-o", &to]).await, "--force");
    stage.says(&["download", "PC-1", "latest", "/whole", "-o", &to, "--force"]).await.unwrap();
    let left = std::fs::read_dir(stage.home.path()).unwrap().filter(|e| e.as_ref().unwrap().path().ends_with(".part"));
    assert_eq!(left.count(), 0);
}

#[tokio::test]
async fn a_folder_comes_as_an_archive_and_what_is_missing_makes_it_partial() {
    let stage = Stage::logged_in().await;
    let to = stage.path("");
    for (options, name) in [(&[][..], "folder.zip"), (&["--format", "tar"], "folder.tar")] {
        let arguments = ["download", "PC-1", "latest", "/folder", "-o", &to];
        let outcome = stage.says(&[&arguments, options].concat()).await;
        assert!(matches!(outcome, Ok(Outcome::Partial)), "{outcome:?}");
        assert_eq!(std::fs::read(Path::new(&to).join(name)).unwrap(), b"abcdef");
    }
}

#[tokio::test]
async fn a_listing_that_breaks_off_is_a_failure() {
    let stage = Stage::logged_in().await;
    says(stage.says(&["ls", "PC-1", "latest"]).await, "damaged");
    stage.says(&["find", "PC-1", "*.docx"]).await.unwrap();
}

#[tokio::test]
async fn rules_arrive_whole() {
    let stage = Stage::logged_in().await;
    let rules = stage.home.path().join("rules");
    std::fs::create_dir(&rules).unwrap();
    std::fs::write(rules.join("a.yar"), vec![b' '; 600_000]).unwrap();
    says(stage.says(&["signatures", "import", rules.to_str().unwrap()]).await, "nothing was published");
    std::fs::write(rules.join("b.yara"), "   ").unwrap();
    stage.says(&["signatures", "import", rules.to_str().unwrap()]).await.unwrap();
}

#[tokio::test]
async fn kits_of_all_hosts_come_in_one_file_and_one_that_does_not_work_shows() {
    let stage = Stage::logged_in().await;
    let (all, sealed) = (stage.path("all"), stage.path("sealed"));
    assert_eq!(stage.says(&["recovery-kit", "--all", "-o", &all]).await.unwrap(), Outcome::Partial);
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&all).unwrap()).unwrap();
    assert_eq!((&written[0]["text"], &written[1]["problem"]), (&"kit of a\n".into(), &"no key opens it".into()));
    assert!(crate::platform::is_private(Path::new(&all)).unwrap());
    stage.says(&["recovery-kit", "--all", "--sealed", "-o", &sealed]).await.unwrap();
    assert_eq!(std::fs::read_to_string(&sealed).unwrap(), "abcdef");
    says(stage.says(&["recovery-kit", "short", "--sealed"]).await, "only 6 of 7");
    says(stage.says(&["recovery-kit", "a", "-o", &all]).await, "another kit");
    for wrong in [&["recovery-kit"][..], &["recovery-kit", "a", "--all"]] {
        assert!(Arguments::try_parse_from([&["keepwatch"], wrong].concat()).is_err());
    }
}
