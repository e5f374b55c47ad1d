#![allow(clippy::unwrap_used)]
//! The link against a scripted controller, over real mutual TLS.

use super::*;
use crate::identity::tests::{certificates, identity};
use crate::quarantine::Wanted;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::RequestId;
use keepwatch_proto::job::{JobSpec, Want};
use keepwatch_proto::policy::Policy;
use keepwatch_proto::wire::agent::link_server::{Link as LinkService, LinkServer};
use std::net::SocketAddr;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status, Streaming};

type Answers = mpsc::Sender<Result<wire::Desired, Status>>;

/// Hands every stream to the test.
struct Controller(mpsc::UnboundedSender<Stream>);

/// One stream, as the controller has it.
struct Stream {
    reports: Streaming<wire::Report>,
    answers: Answers,
}

#[tonic::async_trait]
impl LinkService for Controller {
    type HoldStream = ReceiverStream<Result<wire::Desired, Status>>;
    async fn hold(&self, request: Request<Streaming<wire::Report>>) -> Result<Response<Self::HoldStream>, Status> {
        let (answers, stream) = mpsc::channel(8);
        let _ = self.0.send(Stream { reports: request.into_inner(), answers });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

impl Stream {
    async fn hear(&mut self) -> wire::Report {
        let patience = Duration::from_secs(30);
        tokio::time::timeout(patience, self.reports.message()).await.unwrap().unwrap().unwrap()
    }

    async fn say(&self, desired: wire::Desired) {
        self.answers.send(Ok(desired)).await.unwrap();
    }

    async fn acknowledge(&self, report: &wire::Report) {
        let seq = report.events.last().unwrap().seq;
        let acknowledged = Some(wire::Acknowledgement { boot: report.boot.clone(), seq });
        self.say(wire::Desired { acknowledged, ..Default::default() }).await;
    }
}

/// A controller, and an agent's link to it.
struct Scene {
    folder: TempDir,
    ledger: Arc<Ledger>,
    streams: mpsc::UnboundedReceiver<Stream>,
    bundle: watch::Sender<Option<InUse>>,
    connected: watch::Receiver<bool>,
    _progress: mpsc::Sender<Progress>,
    stop: CancellationToken,
}

impl Scene {
    async fn new() -> Self {
        let (ca, server, client) = certificates();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, streams) = mpsc::unbounded_channel();
        let tls = ServerTlsConfig::new()
            .identity(TlsIdentity::from_pem(server.1, server.0))
            .client_ca_root(Certificate::from_pem(&ca));
        let serving = Server::builder().tls_config(tls).unwrap().add_service(LinkServer::new(Controller(sender)));
        tokio::spawn(serving.serve_with_incoming(TcpIncoming::from(listener)));

        let identity = Identity { ca, key: client.0, certificate: client.1, ..identity() };
        Self::agent(Arc::new(identity), address, streams)
    }

    fn agent(identity: Arc<Identity>, address: SocketAddr, streams: mpsc::UnboundedReceiver<Stream>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::new(Some(folder.path().into()));
        let ledger = Ledger::open(&state.ledger(), identity.host, identity.enrolled, Clock::system()).unwrap();
        let ledger = Arc::new(ledger);
        let (bundle, in_use) = watch::channel(None);
        let (progress, progress_heard) = mpsc::channel(4);
        let (connected, connected_heard) = watch::channel(false);
        let (identity, _) = watch::channel(identity);
        let stop = CancellationToken::new();
        let link = Link {
            ledger: ledger.clone(),
            identity,
            address: Address::parse(&format!("https://{address}")).unwrap(),
            config: toml::from_str("reconnect_first_seconds = 0\nreconnect_max_seconds = 1").unwrap(),
            state,
            bundle: in_use,
            progress: progress_heard,
            connected,
            clock: Clock::system(),
        };
        tokio::spawn(link.hold(stop.clone()));
        Self { folder, ledger, streams, bundle, connected: connected_heard, _progress: progress, stop }
    }

    /// The next stream, on which the controller has said something.
    async fn stream(&mut self) -> Stream {
        let stream = self.silent_stream().await;
        stream.say(wire::Desired::default()).await;
        stream
    }

    async fn silent_stream(&mut self) -> Stream {
        tokio::time::timeout(Duration::from_secs(30), self.streams.recv()).await.unwrap().unwrap()
    }
}

fn wanted(generation: u64) -> wire::Desired {
    wire::Desired { generation, policy: Some(Policy::default().into()), ..Default::default() }
}

fn seqs(report: &wire::Report) -> Vec<u64> {
    report.events.iter().map(|event| event.seq).collect()
}

#[tokio::test]
async fn what_is_lost_is_said_again_and_what_is_committed_is_not() {
    let mut scene = Scene::new().await;
    scene.ledger.bundle_refused(1, "no").unwrap();
    let mut stream = scene.stream().await;
    let mut first = stream.hear().await;
    // Nothing that happened is told before the controller has said something.
    assert!(first.events.is_empty() && !first.session.is_empty());
    first.events = stream.hear().await.events;
    assert_eq!((first.boot.clone(), first.generation), (scene.ledger.boot().to_string(), 0));
    assert_eq!(seqs(&first), [1]);
    scene.connected.wait_for(|connected| *connected).await.unwrap();

    // Applied, and kept, before it is reported.
    stream.say(wanted(5)).await;
    assert_eq!(stream.hear().await.generation, 5);
    assert_eq!(scene.ledger.generation().unwrap(), 5);

    // Nothing follows what is not acknowledged; then the controller dies.
    scene.ledger.bundle_refused(2, "no").unwrap();
    drop(stream);
    let mut stream = scene.stream().await;
    let mut again = stream.hear().await;
    assert_eq!(again.previous, [first.session]);
    again.events = stream.hear().await.events;
    assert_eq!((seqs(&again), again.generation, again.facts.is_some()), (vec![1, 2], 5, true));
    stream.acknowledge(&again).await;
    // Now that nothing is on its way, it says which jobs it knows.
    assert!(again.known.is_none() && stream.hear().await.known.is_some());
    scene.ledger.bundle_refused(3, "no").unwrap();
    let next = stream.hear().await;
    assert_eq!(seqs(&next), [3]);
    assert_eq!(scene.ledger.outbox(0, 9, usize::MAX).unwrap().len(), 1);

    // An older state changes nothing, not even after an error from the controller.
    stream.say(wanted(4)).await;
    stream.answers.send(Err(Status::aborted("restarting"))).await.unwrap();
    let mut stream = scene.stream().await;
    assert_eq!(stream.hear().await.generation, 5);
    assert_eq!(seqs(&stream.hear().await), [3]);
    scene.stop.cancel();
}

#[tokio::test]
async fn nothing_is_told_on_a_stream_that_was_not_answered_on() {
    let mut scene = Scene::new().await;
    scene.ledger.bundle_refused(1, "no").unwrap();
    let mut named = Vec::new();
    for _ in 0..3 {
        let mut stream = scene.silent_stream().await;
        let first = stream.hear().await;
        assert!(first.events.is_empty());
        assert_eq!(first.previous, named);
        named.push(first.session);
        // It breaks off without a word: the controller may have kept the name, or not.
    }
    assert!(!*scene.connected.borrow());
    let mut stream = scene.stream().await;
    assert_eq!(stream.hear().await.previous, named);
    assert_eq!(seqs(&stream.hear().await), [1]);
    assert_eq!(scene.ledger.outbox(0, 9, usize::MAX).unwrap().len(), 1);
    scene.stop.cancel();
}

#[tokio::test]
async fn a_flood_goes_out_in_bounded_pieces_and_each_event_once() {
    let mut scene = Scene::new().await;
    let count = 3 * EVENTS as u64;
    for version in 1..=count {
        scene.ledger.bundle_refused(version, &"x".repeat(1000)).unwrap();
    }
    let mut stream = scene.stream().await;
    let mut heard = Vec::new();
    while heard.last() != Some(&count) {
        let report = stream.hear().await;
        assert!(report.events.len() <= EVENTS);
        if !report.events.is_empty() {
            heard.extend(seqs(&report));
            stream.acknowledge(&report).await;
        }
    }
    assert_eq!(heard, (1..=count).collect::<Vec<_>>());
    scene.stop.cancel();
}

#[tokio::test]
async fn a_new_bundle_in_use_is_told_without_an_event() {
    let mut scene = Scene::new().await;
    let mut stream = scene.stream().await;
    assert_eq!(stream.hear().await.bundle, None);
    let bundle = Bundle { version: 7, sha256: "00".into(), size: 1, rules: 2 };
    scene.bundle.send_replace(Some(InUse { bundle, file: scene.folder.path().join("7") }));
    assert_eq!(stream.hear().await.bundle.unwrap().version, 7);
    scene.stop.cancel();
}

#[tokio::test]
async fn what_waits_for_leave_is_said_for_as_long_as_it_does() {
    let mut scene = Scene::new().await;
    let mut stream = scene.stream().await;
    assert!(stream.hear().await.wants.is_empty());
    let spec = JobSpec::Backup { paths: vec!["/a".into()], excludes: vec![] };
    let want = Want { job: JobId::new(&Clock::system()), spec, scheduled: true };
    scene.ledger.wait(want.clone()).unwrap();
    assert_eq!(stream.hear().await.wants, vec![want.clone().into()]);
    // A new stream knows nothing of it.
    drop(stream);
    let mut stream = scene.stream().await;
    assert_eq!(stream.hear().await.wants, vec![want.into()]);
    scene.ledger.give_up_waiting().unwrap();
    assert!(stream.hear().await.wants.is_empty());
    scene.stop.cancel();
}

#[test]
fn waits_grow_to_a_limit_and_are_spread() {
    let longest = Duration::from_secs(300);
    let full: Vec<u64> = (0..9).map(|times| backoff(times, longest, 1.0).as_secs()).collect();
    assert_eq!(full, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    assert_eq!(backoff(u32::MAX, longest, 0.5), Duration::from_secs(150));
    assert_eq!(backoff(3, Duration::from_secs(1), 1.0), Duration::from_secs(1));
    assert_eq!(backoff(3, longest, 0.0), Duration::ZERO);
}

#[test]
fn an_unknown_job_spoils_nothing_else() {
    let clock = Clock::system();
    let known = Job {
        id: JobId::new(&clock),
        spec: JobSpec::Backup { paths: vec![], excludes: vec![] },
        cancel: false,
        pause: false,
        known_only: false,
        deadline: None,
        request: Some(RequestId::new(&clock)),
    };
    let unknown = JobId::new(&clock);
    let message = wire::Desired {
        generation: 3,
        policy: Some(Policy::default().into()),
        jobs: vec![wire::Job { id: unknown.to_string(), ..Default::default() }, known.clone().into()],
        ..Default::default()
    };
    let (desired, unreadable) = desired(message.clone()).unwrap();
    assert_eq!((desired.generation, desired.jobs), (3, vec![known]));
    assert_eq!(unreadable[0].0, unknown);

    let broken = wire::Policy { time_zone: "Mars/Base".into(), ..Policy::default().into() };
    assert!(super::desired(wire::Desired { policy: Some(broken), ..message.clone() }).is_err());
    assert!(super::desired(wire::Desired { jobs: vec![wire::Job::default()], ..message }).is_err());
}

#[tokio::test]
async fn what_the_quarantine_holds_is_told_page_by_page() {
    let mut scene = Scene::new().await;
    let clock = Clock::system();
    let vault = Vault::new(StateDir::new(Some(scene.folder.path().into())).quarantine(), 1 << 30, vec![]);
    let home = scene.folder.path().canonicalize().unwrap();
    for n in 0..201 {
        let path = home.join(n.to_string());
        std::fs::write(&path, n.to_string()).unwrap();
        let item = keepwatch_proto::quarantine::Item {
            id: ItemId::new(&clock),
            path: String::new(),
            sha256: String::new(),
            size: 0,
            rules: vec![],
            job: JobId::new(&clock),
            at: clock.now(),
        };
        let sha256 = String::new();
        vault.put_away(&Wanted { item, path, sha256, by_name: true, system: true, inside: false }).unwrap();
    }
    let mut stream = scene.stream().await;
    let (mut told, mut pages) = (std::collections::BTreeSet::new(), 0);
    loop {
        let Some(page) = stream.hear().await.quarantine else { continue };
        pages += 1;
        told.extend(page.items.into_iter().map(|item| item.id));
        if page.last {
            break;
        }
    }
    assert_eq!((pages, told.len()), (2, 201));
}
