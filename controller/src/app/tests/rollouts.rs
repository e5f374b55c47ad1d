//! Bundles on their way through the rings, and what stops them.

use super::*;
use crate::app::signatures::Import;
use crate::plan::health::Reason;
use crate::plan::rollout::State;
use chrono::{DateTime, TimeDelta, Utc};

/// A controller with two rings: the root's hosts at once, those of `later` after a day.
struct Rings {
    _folder: TempDir,
    app: Arc<App>,
    begins: DateTime<Utc>,
    boots: std::cell::RefCell<HashMap<HostId, (BootId, u64)>>,
}

impl Rings {
    async fn new() -> Self {
        let (folder, mut app) = app().await;
        let begins = Utc::now();
        Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(begins);
        app.signing.create().await.unwrap();
        app.create_group(&administrator(), "later", "all").await.unwrap();
        app.set_policy(&administrator(), "later", "signatures: {after_hours: 24}", 0).await.unwrap();
        Self { _folder: folder, app, begins, boots: Default::default() }
    }

    /// It is so many hours later than at the beginning.
    fn at(&mut self, hour: i64) {
        Arc::get_mut(&mut self.app).unwrap().clock = Clock::fixed(self.begins + TimeDelta::hours(hour));
    }

    async fn publish(&self) -> u64 {
        let newest = self.app.bundles(&administrator()).await.unwrap().len();
        let mut import = Import::default();
        import.source = "office".into();
        import.add("a.yar", format!("rule r{newest} {{ condition: false }}").as_bytes()).unwrap();
        let imported = self.app.import_signatures(&administrator(), import).await.unwrap();
        assert_eq!(imported.version, newest as u64 + 1, "{imported:?}");
        imported.version
    }

    async fn offered(&self, host: HostId) -> Option<u64> {
        self.app.desired(host).await.unwrap().bundle.map(|bundle| bundle.version)
    }

    async fn says(&self, host: HostId, bundle: u64, kind: EventKind) {
        let (boot, seq) = {
            let mut boots = self.boots.borrow_mut();
            let told = boots.entry(host).or_insert_with(|| (BootId::new(&self.app.clock), 0));
            told.1 += 1;
            *told
        };
        let event = Event { seq, at: self.app.clock.now(), kind };
        self.app.ingest(host, Report { bundle, ..Report::of(boot, vec![event]) }).await.unwrap();
    }

    async fn takes(&self, host: HostId, version: u64) {
        self.says(host, version, EventKind::Applied { version }).await;
    }

    async fn refuses(&self, host: HostId, has: u64, version: u64) {
        self.says(host, has, EventKind::Refused { version, reason: "it does not compile".into() }).await;
    }

    async fn state(&self, version: u64) -> State {
        self.app.rollout(&administrator(), version).await.unwrap().rollout.state
    }

    async fn reasons(&self, host: HostId) -> Vec<Reason> {
        self.app.host(&administrator(), &host.to_string()).await.unwrap().reasons
    }

    async fn generation(&self, host: HostId) -> u64 {
        self.app.desired(host).await.unwrap().generation
    }
}

#[tokio::test]
async fn a_ring_gets_a_bundle_when_its_turn_comes_and_hears_of_it() {
    let mut rings = Rings::new().await;
    let (first, later) = (enrol(&rings.app, "a").await, enrol_into(&rings.app, "b", "later").await);
    rings.publish().await;
    assert_eq!(rings.offered(first).await, Some(1));
    assert_eq!(rings.offered(later).await, Some(1), "a host without any is not left bare");
    for host in [first, later] {
        rings.takes(host, 1).await;
    }
    assert_eq!(rings.state(1).await, State::Done);

    rings.at(1);
    rings.publish().await;
    assert_eq!((rings.offered(first).await, rings.offered(later).await), (Some(2), None));
    let whole = rings.app.rollout(&administrator(), 2).await.unwrap();
    assert_eq!(whole.rollout.state, State::Spreading);
    assert_eq!((whole.rollout.hosts.offered, whole.rollout.hosts.wait), (1, 1));
    let due: Vec<_> = whole.rollout.rings.iter().map(|ring| (ring.wait.num_hours(), ring.due)).collect();
    let hour = |hour| Some(DateTime::from_timestamp((rings.begins + TimeDelta::hours(hour)).timestamp(), 0).unwrap());
    assert_eq!(due, [(0, hour(1)), (24, hour(25))]);
    assert_eq!(whole.groups.iter().map(|g| g.group.as_str()).collect::<Vec<_>>(), ["all", "later"]);
    rings.takes(first, 2).await;

    rings.at(24);
    let done = rings.app.release_due(DateTime::UNIX_EPOCH).await.unwrap();
    assert_eq!(rings.offered(later).await, Some(1), "its own: one hour short");
    assert!(!rings.reasons(later).await.contains(&Reason::SignaturesOld));
    let (of_first, of_later) = (rings.generation(first).await, rings.generation(later).await);
    rings.at(25);
    let done = rings.app.release_due(done).await.unwrap();
    assert_eq!(rings.offered(later).await, Some(2));
    assert_eq!(rings.generation(first).await, of_first);
    assert_eq!(rings.generation(later).await, of_later + 1);
    rings.app.release_due(done).await.unwrap();
    assert_eq!(rings.generation(later).await, of_later + 1, "it is told once");
    rings.takes(later, 2).await;
    assert_eq!((rings.state(1).await, rings.state(2).await), (State::Superseded, State::Done));
}

#[tokio::test]
async fn what_a_waiting_ring_is_to_fetch_stays_to_be_fetched() {
    let mut rings = Rings::new().await;
    let later = enrol_into(&rings.app, "b", "later").await;
    rings.publish().await;
    rings.offered(later).await;
    rings.takes(later, 1).await;
    for hour in 1..=8 {
        rings.at(hour);
        rings.publish().await;
    }
    rings.at(26);
    assert_eq!(rings.offered(later).await, Some(3));
    let timestamp = rings.app.timestamp_of(later).await.unwrap().unwrap();
    let text: serde_json::Value = serde_json::from_slice(&std::fs::read(timestamp).unwrap()).unwrap();
    assert_eq!(text["signed"]["version"], 3);
    let nobody = HostId::new(&rings.app.clock);
    assert_eq!(rings.app.timestamp_of(nobody).await.unwrap(), None);
    // Staff need not wait.
    rings.app.spread_now(&administrator(), 9).await.unwrap();
    assert_eq!(rings.offered(later).await, Some(9));
}

#[tokio::test]
async fn a_bundle_that_is_refused_halts_by_itself_and_staff_let_it_go_on() {
    let mut rings = Rings::new().await;
    let mut first = Vec::new();
    for n in 0..6 {
        first.push(enrol(&rings.app, &format!("a{n}")).await);
    }
    let later = enrol_into(&rings.app, "b", "later").await;
    rings.publish().await;
    for host in first.iter().chain([&later]) {
        rings.offered(*host).await;
        rings.takes(*host, 1).await;
    }
    rings.at(1);
    rings.publish().await;
    for host in &first {
        assert_eq!(rings.offered(*host).await, Some(2));
    }
    for host in &first[..3] {
        rings.takes(*host, 2).await;
    }
    rings.refuses(first[3], 1, 2).await;
    // Whoever was not offered it has no say, and a version that is none neither.
    rings.refuses(later, 1, 2).await;
    rings.refuses(later, 1, u64::MAX).await;
    assert_eq!(rings.state(2).await, State::Spreading, "one alone halts nothing");
    rings.refuses(first[4], 1, 2).await;
    let whole = rings.app.rollout(&administrator(), 2).await.unwrap();
    assert_eq!(whole.rollout.state, State::Halted);
    assert_eq!(whole.rollout.bundle.halted_by, "keepwatch");
    assert_eq!(whole.rollout.bundle.halted_why, "2 of 5 hosts that answered refused it");
    let names: Vec<_> = whole.refused.iter().map(|by| (by.name.as_str(), by.reason.as_str())).collect();
    assert_eq!(names, [("a3", "it does not compile"), ("a4", "it does not compile")]);
    let audit = rings.app.audit(&administrator(), &Default::default()).await.unwrap().0;
    assert!(audit.iter().any(|r| r.user_name == "keepwatch" && r.action == "rollouts halt" && r.object == "bundle 2"));

    assert_eq!(rings.offered(first[5]).await, None, "it has looked at it, and gets nothing older");
    assert_eq!(rings.offered(first[0]).await, None, "it keeps what it has");
    assert!(rings.reasons(first[5]).await.contains(&Reason::SignaturesHalted));
    assert!(!rings.reasons(later).await.contains(&Reason::SignaturesHalted), "its turn has not come anyway");
    rings.at(30);
    assert_eq!(rings.offered(later).await, Some(1));
    assert!(rings.reasons(later).await.contains(&Reason::SignaturesHalted));

    rings.app.resume_rollout(&actor(Role::Operator), 2).await.unwrap();
    assert_eq!(rings.offered(later).await, Some(2));
    rings.at(31);
    rings.refuses(later, 1, 2).await;
    assert_eq!(rings.state(2).await, State::Spreading, "only what is answered from then on counts");
    rings.takes(later, 2).await;
    assert!(rings.app.rollout(&administrator(), 2).await.unwrap().refused.iter().all(|by| by.host != later));
}

#[tokio::test]
async fn a_refusal_that_is_told_again_and_again_counts_once() {
    let mut rings = Rings::new().await;
    let mut hosts = Vec::new();
    for n in 0..4 {
        hosts.push(enrol(&rings.app, &format!("a{n}")).await);
    }
    let [liar, second, third, silent] = hosts[..] else { panic!() };
    rings.publish().await;
    for host in &hosts {
        rings.offered(*host).await;
        rings.takes(*host, 1).await;
    }
    rings.at(1);
    rings.publish().await;
    for host in &hosts {
        rings.offered(*host).await;
    }
    // How many refused it, how often it was halted, and what the others have heard.
    let stands = async |rings: &Rings| {
        let whole = rings.app.rollout(&administrator(), 2).await.unwrap();
        let audit = rings.app.audit(&administrator(), &Default::default()).await.unwrap().0;
        let halts = audit.iter().filter(|record| record.action == "rollouts halt").count();
        (whole.rollout.state, whole.refused.len(), halts, rings.generation(silent).await)
    };
    let (.., before) = stands(&rings).await;
    rings.refuses(liar, 1, 2).await;
    rings.at(2);
    for _ in 0..20 {
        rings.refuses(liar, 1, 2).await;
    }
    assert_eq!(stands(&rings).await, (State::Spreading, 1, 0, before));
    let said = rings.app.rollout(&administrator(), 2).await.unwrap().refused;
    assert_eq!(said[0].at, (rings.begins + TimeDelta::hours(1)).timestamp(), "what is said again is no news");
    // Also by turns with the contrary.
    for _ in 0..5 {
        rings.takes(liar, 2).await;
        rings.refuses(liar, 1, 2).await;
    }
    assert_eq!(stands(&rings).await, (State::Spreading, 1, 0, before));

    rings.takes(third, 2).await;
    rings.refuses(second, 1, 2).await;
    let halted = (State::Halted, 2, 1, before + 1);
    assert_eq!(stands(&rings).await, halted);
    for _ in 0..5 {
        for host in [liar, second] {
            rings.refuses(host, 1, 2).await;
            rings.takes(host, 2).await;
            rings.refuses(host, 1, 2).await;
        }
    }
    assert_eq!(stands(&rings).await, halted, "it is halted once, and others hear of it once");

    // Staff let it go on: what one says from then on counts, and again only once.
    rings.app.resume_rollout(&administrator(), 2).await.unwrap();
    rings.at(3);
    for _ in 0..20 {
        rings.refuses(liar, 1, 2).await;
    }
    let went_on = stands(&rings).await;
    assert_eq!((went_on.0, went_on.2, went_on.3), (State::Spreading, 1, before + 2));
}

#[tokio::test]
async fn what_makes_no_sense_or_is_not_allowed_changes_nothing() {
    let rings = Rings::new().await;
    let app = &rings.app;
    rings.publish().await;
    let (boss, operator, viewer) = (administrator(), actor(Role::Operator), actor(Role::Viewer));
    let said = |result: Result<(), AppError>| result.unwrap_err().to_string();
    assert!(said(app.halt_rollout(&operator, 9, "bad").await).contains("there is no bundle 9"));
    assert!(said(app.halt_rollout(&operator, u64::MAX, "bad").await).contains("there is no bundle"));
    for reason in ["", " ", "a\nb", &"x".repeat(501)] {
        assert!(said(app.halt_rollout(&operator, 1, reason).await).contains("--reason"), "{reason:?}");
    }
    assert!(said(app.resume_rollout(&operator, 1).await).contains("is not halted"));
    assert!(said(app.halt_rollout(&viewer, 1, "bad").await).contains("role operator"));
    assert!(said(app.spread_now(&operator, 1).await).contains("role administrator"));
    assert!(app.rollout(&viewer, 2).await.is_err());
    app.halt_rollout(&operator, 1, "bad").await.unwrap();
    assert!(said(app.halt_rollout(&operator, 1, "worse").await).contains("already, by staff: bad"));
    assert!(said(app.spread_now(&boss, 1).await).contains("keepwatch rollouts resume 1"));
    let host = enrol(app, "a").await;
    assert_eq!(rings.offered(host).await, None, "a bare host gets nothing that is halted");
    app.resume_rollout(&operator, 1).await.unwrap();
    app.spread_now(&boss, 1).await.unwrap();
    assert_eq!(rings.offered(host).await, Some(1));
    let (listed, more) = app.rollouts(&viewer, 1).await.unwrap();
    assert_eq!((listed.len(), more, listed[0].hosts.offered), (1, false, 1));
}
