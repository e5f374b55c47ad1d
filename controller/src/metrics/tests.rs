//! One seeded store, seen through the page, the staff's calls and the metrics: the same figures.

use super::*;
use crate::app::events::Report;
use crate::app::tests::{administrator, app, enrol, enrol_into};
use crate::store::{self, detections::DetectionRow};
use crate::{staff, web};
use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use http_body_util::BodyExt;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::ids::{BootId, DetectionId, HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec, JobState};
use keepwatch_proto::wire::staff::figures_client::FiguresClient;
use keepwatch_proto::wire::staff::staff_client::StaffClient;
use keepwatch_proto::wire::staff::{Empty, FleetReportReply, GroupName};
use std::collections::BTreeSet;
use tempfile::TempDir;
use tonic::metadata::MetadataValue;
use tower::ServiceExt;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A fleet of which each state, each silence and each kind of figure has some.
struct Seeded {
    _folder: TempDir,
    app: Arc<App>,
    now: DateTime<Utc>,
}

impl Seeded {
    async fn new() -> Self {
        let (folder, mut app) = app().await;
        let now = Clock::system().now();
        let at = |app: &mut Arc<App>, time| Arc::get_mut(app).unwrap().clock = Clock::fixed(time);
        at(&mut app, now - TimeDelta::days(60));
        let policy = "scan: {schedule: ''}\nbackup: {schedule: ''}";
        app.set_policy(&administrator(), "all", policy, 0).await.unwrap();
        for (group, parent) in [("east", "all"), ("tax", "east"), ("\"<script>\\", "all")] {
            app.create_group(&administrator(), group, parent).await.unwrap();
        }
        let never = enrol(&app, "never").await;
        let mut hosts = Vec::new();
        for (name, group, seen, bundle) in [
            ("well", "all", 0, 1),
            ("well too", "tax", 0, 1),
            ("unarmed", "east", 0, 0),
            ("ill", "tax", 1, 1),
            ("away", "tax", 8, 1),
            ("lost", "\"<script>\\", 31, 1),
            ("=cmd|' /C calc'!A0\u{1b}[2J\"\n", "tax", 31, 1),
            ("revoked", "tax", 0, 1),
        ] {
            let host = enrol_into(&app, name, group).await;
            let mut conn = app.store.write().await.unwrap();
            store::hosts::seen(&mut conn, host, now.timestamp() - seen * DAY, bundle).await.unwrap();
            hosts.push(host);
        }
        at(&mut app, now);
        enrol(&app, "pending").await;
        app.revoke_host(&administrator(), "revoked").await.unwrap();
        let seeded = Self { _folder: folder, app, now };
        seeded.detect(hosts[3]).await;
        seeded.detect(hosts[7]).await;
        seeded.work(hosts[0], never).await;
        seeded
    }

    async fn detect(&self, host: HostId) {
        let detection = Detection {
            job: JobId::new(&self.app.clock),
            rule: "EICAR".into(),
            namespace: "starter".into(),
            severity: Severity::High,
            metadata: Default::default(),
            path: "/x".into(),
            size: 68,
            sha256: "ab".repeat(32),
            bundle: 1,
        };
        let mut conn = self.app.store.write().await.unwrap();
        let row = DetectionRow::of(DetectionId::new(&self.app.clock), host, self.app.now(), &detection);
        store::detections::insert(&mut conn, &row).await.unwrap();
    }

    /// One job that was done, and one that nobody has begun.
    async fn work(&self, host: HostId, waits: HostId) {
        let job = self.app.ask_scan(&administrator(), &host.to_string(), vec![]).await.unwrap().row.id;
        self.app.ask_backup(&administrator(), &waits.to_string()).await.unwrap();
        let spec = JobSpec::Scan { paths: vec!["@full".into()], excludes: vec![], max_file_bytes: 0 };
        let kinds = [
            EventKind::Started { job, spec, scheduled: false, medium: false },
            EventKind::Ended { job, ended: Ended { outcome: JobState::Succeeded, ..Ended::failed("") } },
        ];
        let events = kinds.into_iter().zip(1..).map(|(kind, seq)| Event { seq, at: self.now, kind }).collect();
        let boot = BootId::new(&self.app.clock);
        let report = Report::of(boot, events);
        self.app.ingest(host, report).await.unwrap();
    }

    /// A session of somebody who may only look.
    async fn session(&self) -> String {
        let password = self.app.create_user(&administrator(), "wang", "viewer").await.unwrap();
        self.app.login("wang", &password, "").await.unwrap().token
    }

    fn door(&self) -> Router {
        let own = router(&self.app, MetricsToken::of("s3cret"));
        staff::router(&self.app).merge(web::router(&self.app)).merge(own)
    }

    async fn get(&self, uri: &str, header: (&str, &str)) -> (StatusCode, String) {
        let request = Request::builder().uri(uri).header("host", "localhost").header(header.0, header.1);
        let response = self.door().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn metrics(&self) -> String {
        let (status, text) = self.get("/metrics", ("authorization", "Bearer s3cret")).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        text
    }
}

/// The value of one line of metrics.
#[track_caller]
fn value(metrics: &str, line: &str) -> i64 {
    let found = metrics.lines().find_map(|l| l.strip_prefix(line)?.strip_prefix(' '));
    found.and_then(|v| v.parse().ok()).unwrap_or_else(|| panic!("no '{line}' in {metrics}"))
}

fn asking<T>(message: T, session: &str) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(format!("Bearer {session}")).unwrap());
    request
}

fn states(report: &FleetReportReply) -> [i64; 11] {
    let r = report;
    [
        r.hosts,
        r.protected,
        r.attention,
        r.at_risk,
        r.unknown,
        r.never_connected,
        r.pending,
        r.away,
        r.lost,
        r.open_detections,
    ]
    .map(i64::from)
    .into_iter()
    .chain([i64::try_from(r.repository_bytes).unwrap()])
    .collect::<Vec<_>>()
    .try_into()
    .unwrap()
}

#[tokio::test]
async fn page_command_line_and_metrics_show_the_same_figures() {
    let seeded = Seeded::new().await;
    let session = seeded.session().await;
    let metrics = seeded.metrics().await;
    let report = StaffClient::new(seeded.door()).fleet_report(asking(Empty {}, &session)).await.unwrap().into_inner();
    assert_eq!(states(&report), [9, 2, 1, 1, 5, 1, 1, 1, 2, 2, 0]);
    // The metrics say what the command line is told, whole and by group.
    let by_state = |labels: &str, name: &str| {
        ["protected", "attention", "at-risk", "unknown"]
            .map(|s| value(&metrics, &format!("{name}{{{labels}state=\"{s}\"}}")))
    };
    assert_eq!(by_state("", "keepwatch_hosts"), [2, 1, 1, 5]);
    for (silence, n) in [("never-connected", 1), ("pending", 1), ("away", 1), ("lost", 2)] {
        assert_eq!(value(&metrics, &format!("keepwatch_hosts_silent{{silence=\"{silence}\"}}")), n);
    }
    assert_eq!(value(&metrics, "keepwatch_detections_open"), 2);
    let groups = FiguresClient::new(seeded.door()).group_health(asking(GroupName::default(), &session)).await.unwrap();
    let groups = groups.into_inner().groups;
    let names: Vec<_> = groups.iter().map(|g| (g.group.as_str(), g.depth, g.own_hosts)).collect();
    assert_eq!(names, [("all", 0, 3), ("\"<script>\\", 1, 1), ("east", 1, 1), ("east/tax", 2, 4)]);
    let page = seeded.get("/groups", ("cookie", &format!("__Host-keepwatch={session}"))).await;
    for group in &groups {
        let said = group.figures.unwrap();
        let label = group.group.replace('\\', "\\\\").replace('"', "\\\"");
        let counted = by_state(&format!("group=\"{label}\","), "keepwatch_group_hosts");
        assert_eq!(counted, [said.protected, said.attention, said.at_risk, said.unknown].map(i64::from), "{label}");
        let open = value(&metrics, &format!("keepwatch_group_detections_open{{group=\"{label}\"}}"));
        assert_eq!(open, i64::from(said.open_detections));
    }
    assert_eq!(states(&groups[0].figures.unwrap()), states(&report), "the root is the fleet");
    assert_eq!(page.0, StatusCode::OK, "{}", page.1);
    assert_eq!(rows(&page.1), groups.iter().map(|g| states(&g.figures.unwrap())[..5].to_vec()).collect::<Vec<_>>());
    assert!(page.1.contains("2 lost") && !page.1.contains("\"<script>"), "{}", page.1);
    // The page of the fleet, too.
    let fleet = seeded.get("/", ("cookie", &format!("__Host-keepwatch={session}"))).await.1;
    assert!(fleet.contains("2 of 9 PCs are protected; 7 need attention"), "{fleet}");
    let below = FiguresClient::new(seeded.door());
    let east = below.clone().group_health(asking(GroupName { group: "east".into() }, &session)).await.unwrap();
    assert_eq!(east.into_inner().groups, groups[2..]);
    let none = below.clone().group_health(asking(GroupName { group: "south".into() }, &session)).await;
    assert!(none.unwrap_err().message().contains("keepwatch groups list"));
}

/// The first five numbers of each row of the page's table.
fn rows(page: &str) -> Vec<Vec<i64>> {
    let cells = |row: &str| -> Vec<i64> {
        // A number may be a link.
        let text = |cell: &str| {
            let texts = cell.split('>').skip(1).map(|piece| piece.split('<').next().unwrap_or_default().to_owned());
            texts.into_iter().find(|text| !text.trim().is_empty())
        };
        let numbers = row.split("class=\"number").skip(1).filter_map(text);
        numbers.filter_map(|text| text.parse().ok()).take(5).collect()
    };
    page.split("<th scope=\"row\"").skip(1).map(cells).collect()
}

#[tokio::test]
async fn what_a_pc_calls_itself_breaks_no_line() {
    let seeded = Seeded::new().await;
    let metrics = seeded.metrics().await;
    assert!(metrics.ends_with("# EOF\n"));
    for line in metrics.lines() {
        assert!(line.starts_with("keepwatch_") || line.starts_with("# "), "{line:?}");
    }
    let odd = metrics.lines().find(|l| l.starts_with("keepwatch_host_state") && l.contains("=cmd|")).unwrap();
    assert!(odd.contains(r#"A0"#) && odd.contains(r#"\"\n",group="east/tax",state="unknown"} 1"#), "{odd:?}");
    assert!(!metrics.contains("name=\"revoked\""));
}

#[tokio::test]
async fn jobs_waits_and_lag_are_counted() {
    let seeded = Seeded::new().await;
    let metrics = seeded.metrics().await;
    assert_eq!(value(&metrics, "keepwatch_jobs{kind=\"scan\",state=\"succeeded\"}"), 1);
    assert_eq!(value(&metrics, "keepwatch_jobs{kind=\"backup\",state=\"queued\"}"), 1);
    assert_eq!(value(&metrics, "keepwatch_job_wait_seconds{kind=\"scan\",quantile=\"0.9\"}"), 0);
    assert_eq!(value(&metrics, "keepwatch_job_waiting_oldest_seconds{kind=\"backup\"}"), 0);
    assert_eq!(value(&metrics, "keepwatch_slots{state=\"waiting\"}"), 0);
    assert_eq!(value(&metrics, "keepwatch_slot_waiting_oldest_seconds"), 0);
    assert_eq!(value(&metrics, "keepwatch_slot_wait_seconds_count"), 0);
    assert_eq!(value(&metrics, "keepwatch_ingest_lag_seconds_count"), 2);
    assert_eq!((value(&metrics, "keepwatch_events_total"), seeded.app.taken_in.events()), (2, 2));
}

#[tokio::test]
async fn figures_are_for_whoever_shows_a_token() {
    let seeded = Seeded::new().await;
    let session = seeded.session().await;
    for (header, opens) in [
        ("Bearer s3cret".to_owned(), true),
        (format!("Bearer {session}"), true),
        ("Bearer s3cre".to_owned(), false),
        ("Bearer ".to_owned(), false),
        ("s3cret".to_owned(), false),
        ("Basic czNjcmV0".to_owned(), false),
    ] {
        let (status, text) = seeded.get("/metrics", ("authorization", &header)).await;
        assert_eq!(status == StatusCode::OK, opens, "{header}: {text}");
        assert_eq!(text.contains("keepwatch_hosts"), opens, "{header}");
    }
    let (status, text) = seeded.get("/metrics", ("accept", "*/*")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(text.contains("metrics.token"), "{text}");
    // What only says that the controller lives is for anybody.
    assert_eq!(seeded.get("/healthz", ("accept", "*/*")).await, (StatusCode::OK, "ok\n".into()));
    assert_eq!(seeded.get("/readyz", ("accept", "*/*")).await, (StatusCode::OK, "ready\n".into()));
    seeded.app.store.close().await;
    let (status, text) = seeded.get("/readyz", ("accept", "*/*")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(text.contains("database"), "{text}");
    assert_eq!(seeded.get("/healthz", ("accept", "*/*")).await.0, StatusCode::OK);
}

#[test]
fn the_token_is_made_once_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    MetricsToken::open(folder.path()).unwrap();
    let kept = std::fs::read_to_string(folder.path().join(TOKEN)).unwrap();
    assert_eq!(kept.len(), 64);
    let again = MetricsToken::open(folder.path()).unwrap();
    assert!(again.is(&kept) && !again.is("") && !again.is(&kept[1..]));
}

#[tokio::test]
async fn the_dashboard_asks_for_what_there_is() {
    let metrics = Seeded::new().await.metrics().await;
    let dashboard: serde_json::Value = serde_json::from_str(include_str!("../../../deploy/grafana.json")).unwrap();
    let mut asked = BTreeSet::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expr = target["expr"].as_str().unwrap();
            let words = expr.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            asked.extend(words.filter(|w| w.starts_with("keepwatch_")).map(str::to_owned));
        }
    }
    assert!(asked.len() >= 15, "{asked:?}");
    for name in asked {
        // These two are there once a repository was asked for something.
        let of_repository = name.starts_with("keepwatch_repository_");
        let there = metrics.lines().any(|l| l.strip_prefix(&name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        assert!(there || of_repository, "{name} is asked for, and there is no such metric");
    }
}
