//! The overview and the wall, over a fleet with a past.

use super::*;
use crate::repository::hanging::Hanging;
use crate::store::bundles::BundleRow;
use crate::store::hosts::HostRow;
use crate::store::jobs::JobRow;
use crate::store::trend::{SpaceRow, TrendRow};
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::job::{Ended, JobSpec, JobState, RestoreSpec};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const DAY: i64 = 24 * 60 * 60;
const GROUPS: [&str; 6] = ["Archive", "Court", "Health", "Schools", "Tax", "<b>水务"];

async fn ended(conn: &mut store::Conn, mut job: JobRow, state: JobState, at: i64) {
    job.started = job.created;
    store::jobs::insert(conn, &job).await.unwrap();
    store::jobs::step(conn, job.id, JobState::Queued, state).await.unwrap();
    store::jobs::set_ended(conn, job.id, at, &Ended { outcome: state, ..Ended::failed("") }).await.unwrap();
}

/// So many hosts in the groups; each third of them had its backup longer ago than the last.
async fn seed_hosts(app: &App, hosts: usize) -> Vec<HostId> {
    let now = app.now();
    let first = Actor { user: "init".into(), role: Role::Administrator, origin: String::new() };
    for group in GROUPS {
        app.create_group(&first, group, "all").await.unwrap();
    }
    let mut tx = app.store.begin().await.unwrap();
    let keys = store::groups::list(&mut tx).await.unwrap();
    let key = |name: &str| keys.iter().find(|group| group.label == name).unwrap().name.clone();
    for (version, age) in [(1, 20), (2, 9), (3, 1)] {
        let bundle = BundleRow { version, published: now - age * DAY, ..BundleRow::default() };
        store::bundles::insert(&mut tx, &bundle).await.unwrap();
    }
    let mut ids = Vec::new();
    for n in 0..hosts {
        let row = HostRow {
            id: HostId::new(&app.clock),
            group_name: key(GROUPS[n % GROUPS.len()]),
            certificate: String::new(),
            escrow: String::new(),
            facts: store::Json(Facts { name: format!("PC-{n:05}"), ..Facts::default() }),
            enrolled: now - 90 * DAY,
            revoked: 0,
            last_seen: now - 60,
            generation: 1,
            bundle: [3, 3, 3, 2, 1, 0][n / GROUPS.len() % 6],
            bundle_refused: String::new(),
            replaced_by: String::new(),
            pinned: 0,
            ruled: 0,
        };
        store::hosts::insert(&mut tx, &row).await.unwrap();
        store::hosts::seen(&mut tx, row.id, row.last_seen, u64::try_from(row.bundle).unwrap()).await.unwrap();
        let ages = [[1, 1], [5, 12], [20, 50]][n % 3];
        let scan = JobSpec::Scan { paths: vec!["@full".into()], excludes: vec![], max_file_bytes: 0 };
        let backup = JobSpec::Backup { paths: vec!["/home".into()], excludes: vec![] };
        for (spec, age) in [(scan, 1), (backup, ages[n / 3 % 2])] {
            let at = now - age * DAY;
            let job = JobRow::new(JobId::new(&app.clock), row.id, spec, "schedule", at - 600);
            ended(&mut tx, job, JobState::Succeeded, at).await;
        }
        ids.push(row.id);
    }
    store::commit(tx).await.unwrap();
    ids
}

/// Twelve weeks of what came to pass on them.
async fn seed_past(app: &App, hosts: &[HostId]) {
    let (now, n) = (app.now(), i64::try_from(hosts.len()).unwrap());
    let mut tx = app.store.begin().await.unwrap();
    for back in (1..84).filter(|back| !(30..34).contains(back)) {
        let day = now.div_euclid(DAY) - back;
        let (free, total) = ((40 << 30) + back * (1 << 30), 400 << 30);
        store::trend::begin(&mut tx, &SpaceRow { day, taken: day * DAY, free, total }).await.unwrap();
        let row = TrendRow {
            day,
            protected: n - back / 4,
            attention: back / 8,
            at_risk: back / 8,
            repository_bytes: (300 << 30) - back * (1 << 30),
            ..TrendRow::default()
        };
        store::trend::insert(&mut tx, &row).await.unwrap();
    }
    for (host, back) in hosts.iter().zip(0..84) {
        let severity = Severity::ALL[usize::try_from(back).unwrap() % Severity::ALL.len()];
        let detection = Detection {
            job: JobId::new(&app.clock),
            rule: if back < 20 { "Ransom_<i>Lock</i>".into() } else { format!("Rule_{}", back % 9) },
            namespace: "city".into(),
            severity,
            metadata: [("description".to_owned(), "Encrypts <b>files</b>".to_owned())].into(),
            path: format!("/home/{back}"),
            size: 68,
            sha256: "ab".repeat(32),
            bundle: 1,
        };
        let row = DetectionRow::of(DetectionId::new(&app.clock), *host, now - back * DAY - 1, &detection);
        store::detections::insert(&mut tx, &row).await.unwrap();
        let spec = JobSpec::Restore(RestoreSpec { snapshot: "ab".repeat(32), ..RestoreSpec::default() });
        let at = now - back * DAY - 600;
        let job = JobRow::new(JobId::new(&app.clock), *host, spec, "li", at);
        let state = if back % 10 == 9 { JobState::Failed } else { JobState::Succeeded };
        ended(&mut tx, job, state, at + 90).await;
    }
    store::commit(tx).await.unwrap();
}

#[tokio::test]
async fn the_overview_says_how_the_fleet_is_why_since_when_and_where() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("chief", "viewer").await;
    let hosts = seed_hosts(&pages.app, 60).await;
    seed_past(&pages.app, &hosts).await;
    let text = pages.get("/", &cookie).await.text;
    for words in [
        "of 60 PCs are protected",
        "href=\"/hosts?state=at-risk\"",
        "href=\"/hosts?reason=backup-missed\"",
        "href=\"/hosts?group=Court\"",
        "href=\"/hosts?group=Court&#38;state=at-risk\"",
        "href=\"/hosts?group=%3Cb%3E%E6%B0%B4%E5%8A%A1\"",
        "href=\"/jobs?kind=restore\"",
        "href=\"/hosts?bundle=3\"",
        "href=\"/hosts?bundle=2\"",
        // 80 days were counted, four were not.
        "counted on 80 of those days",
        "data-chart=\"{&#34;shape&#34;:&#34;bars&#34;",
        "Four weeks ago, 53 of 59 were protected.",
        "restores done in twelve weeks",
        "half within 1 min, nine in ten within 1 min",
        "The newest are v3, published",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("<b>水务") && !text.contains("<i>Lock") && !text.contains("<b>files"), "{text}");
    assert!(text.contains("Ransom_&#60;i&#62;Lock"), "what is grave is named: {text}");
    // What is not known is not made up: that day has no line.
    let gap = chrono::DateTime::from_timestamp(pages.app.now() - 31 * DAY, 0).unwrap().format("%Y-%m-%d").to_string();
    assert!(!text.contains(&format!("<th scope=\"row\">{gap}</th>")), "{gap}");
    let chinese = pages.get("/", &format!("{cookie}; keepwatch-language=zh-CN")).await.text;
    for words in ["60 台电脑中", "近十二周未受保护的电脑", "优先关注的部门", "最新为第 3 版", "次恢复"]
    {
        assert!(chinese.contains(words), "{words}: {chinese}");
    }
}

/// Fails where it would wait for ever.
const LOST: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_overview_answers_though_the_storage_hangs_and_asks_it_once() {
    let (folder, mut app) = crate::app::tests::app().await;
    let (storage, _ends) = Hanging::new();
    let storage = Arc::new(storage);
    Arc::get_mut(&mut app).unwrap().repositories = storage.clone();
    let pages = Pages { router: router(&app), app, _folder: folder };
    let cookie = pages.log_in("chief", "viewer").await;
    pages.enrol("pc-1").await;
    pages.enrol("pc-2").await;
    for page in ["/", "/wall", "/", "/", "/wall"] {
        let got = tokio::time::timeout(LOST, pages.get(page, &cookie)).await.unwrap();
        assert!(got.status == StatusCode::OK && got.text.contains("of 2 PCs"), "{page}: {}", got.text);
        if page == "/" {
            assert!(got.text.contains("The backups of 2 PCs are still being measured"), "{}", got.text);
            assert!(got.text.contains("does not say how much room it has"), "{}", got.text);
        }
    }
    // What hangs is one thread for each question, however many look.
    assert!(storage.asked.iter().all(|asked| asked.load(Ordering::SeqCst) <= 1), "{storage:?}");
}

#[tokio::test]
async fn the_wall_shows_what_one_must_see_from_afar() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("wall", "viewer").await;
    let text = pages.get("/wall", &cookie).await.text;
    assert!(text.contains("No PC is enrolled yet") && !text.contains("id=\"ways\""), "{text}");
    let hosts = seed_hosts(&pages.app, 12).await;
    seed_past(&pages.app, &hosts).await;
    let mut tx = pages.app.store.begin().await.unwrap();
    let spec = JobSpec::Backup { paths: vec!["/home".into()], excludes: vec![] };
    let job = JobRow::new(JobId::new(&pages.app.clock), hosts[7], spec, "schedule", pages.app.now());
    store::jobs::insert(&mut tx, &job).await.unwrap();
    store::jobs::step(&mut tx, job.id, JobState::Queued, JobState::Running).await.unwrap();
    store::commit(tx).await.unwrap();
    let text = pages.get("/wall", &cookie).await.text;
    // A department's bar is not the only one to tell: its counts are beside it, with their shapes.
    let place = text.split("class=\"pair place\"").nth(1).unwrap().split("</li>").next().unwrap();
    assert!(place.contains("class=\"of ") && place.contains("Protected "), "{place}");
    for words in ["of 12 PCs", "Backup <b>1</b>", "PC-00007", "Ransom_&#60;i&#62;Lock", "As of", "id=\"stale\""] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains("<b>水务"), "{text}");
}

#[tokio::test]
async fn the_first_steps_are_for_who_can_take_them() {
    let pages = Pages::new().await;
    let (viewer, chief) = (pages.log_in("viewer", "viewer").await, pages.log_in("chief", "administrator").await);
    let text = pages.get("/", &viewer).await.text;
    assert!(text.contains("An administrator puts the first PC") && !text.contains("href=\"/enrol\""), "{text}");
    let text = pages.get("/", &chief).await.text;
    assert!(text.contains("href=\"/enrol\"") && text.contains("keepwatch tokens create"), "{text}");
}

/// How long a large fleet takes: `cargo test -- --ignored a_large_fleet --nocapture`.
#[tokio::test]
#[ignore = "a measurement"]
#[allow(clippy::print_stdout)]
async fn a_large_fleet_is_shown_at_once() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("chief", "viewer").await;
    let hosts = seed_hosts(&pages.app, 10_000).await;
    seed_past(&pages.app, &hosts).await;
    pages.app.measure_repositories().await.unwrap();
    for look in 0..5 {
        let begun = Instant::now();
        let text = pages.get("/", &cookie).await.text;
        println!("look {look}: {} ms, {} bytes", begun.elapsed().as_millis(), text.len());
        assert!(text.len() < 300 << 10, "{}", text.len());
    }
}
