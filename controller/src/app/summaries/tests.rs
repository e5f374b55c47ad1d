//! A report counts as the pages do, and what happened in its days.

use super::*;
use crate::app::tests::{administrator, app, enrol, enrol_into};
use crate::store::jobs::JobRow;
use crate::store::summaries::tests::{crowd, set_enrolled};
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::ids::{DetectionId, JobId};
use keepwatch_proto::job::{Ended, FailureKind, JobSpec, JobState, RestoreSpec, Tally};

async fn ended(app: &App, host: HostId, spec: JobSpec, origin: &str, at: i64, state: JobState) {
    let id = JobId::new(&app.clock);
    let mut row = JobRow::new(id, host, spec, origin, at - 60);
    row.started = at - 50;
    let mut conn = app.store.write().await.unwrap();
    store::jobs::insert(&mut conn, &row).await.unwrap();
    assert!(store::jobs::step(&mut conn, id, JobState::Queued, state).await.unwrap());
    let tally = Tally { stored: 1_000, ..Tally::default() };
    let ended = Ended {
        outcome: state,
        message: String::new(),
        tally,
        failures: vec![],
        snapshot: None,
        target: String::new(),
        failure: FailureKind::default(),
        spec: None,
        scheduled: true,
        log: vec![],
    };
    store::jobs::set_ended(&mut conn, id, at, &ended).await.unwrap();
}

fn scan() -> JobSpec {
    JobSpec::Scan { paths: vec![], excludes: vec![], max_file_bytes: 0 }
}

async fn detect(app: &App, host: HostId, path: &str, at: i64) {
    let detection = Detection {
        job: JobId::new(&app.clock),
        rule: "EICAR".into(),
        namespace: "starter".into(),
        severity: Severity::High,
        metadata: Default::default(),
        path: path.into(),
        size: 68,
        sha256: path.into(),
        bundle: 1,
    };
    let row = DetectionRow::of(DetectionId::new(&app.clock), host, at, &detection);
    store::detections::insert(&mut app.store.write().await.unwrap(), &row).await.unwrap();
}

fn backup() -> JobSpec {
    JobSpec::Backup { paths: vec![], excludes: vec![] }
}

fn wanted(period: &str, group: &str) -> Wanted {
    Wanted { period: period.into(), group: group.into() }
}

#[tokio::test]
async fn a_report_has_the_pages_figures() {
    let (_folder, app) = app().await;
    let admin = administrator();
    app.create_group(&admin, "财政局", "").await.unwrap();
    app.create_group(&admin, "预算处", "财政局").await.unwrap();
    app.create_group(&admin, "税务局", "").await.unwrap();
    for (name, group) in [("a", ""), ("b", "财政局"), ("c", "预算处"), ("d", "税务局")] {
        enrol_into(&app, name, group).await;
    }
    let gone = enrol_into(&app, "e", "税务局").await;
    app.revoke_host(&admin, &gone.to_string()).await.unwrap();
    let found = enrol_into(&app, "f", "预算处").await;
    store::hosts::seen(&mut app.store.write().await.unwrap(), found, app.now(), 0).await.unwrap();
    let at = app.now() - 5;
    detect(&app, found, "/x", at).await;

    let all = app.summary(&admin, &wanted("week", "")).await.unwrap();
    assert_eq!(all.now, app.fleet(&admin).await.unwrap());
    let groups = app.group_health(&admin, "").await.unwrap();
    assert_eq!(all.departments.iter().map(|d| d.figures.clone()).collect::<Vec<_>>(), groups);
    assert_eq!(all.unprotected.len() as u32, all.now.hosts - all.now.protected);
    assert!(all.over && all.group.is_empty());
    assert_eq!((all.signatures[0].version, all.signatures[0].hosts), (0, 5));

    let one = app.summary(&admin, &wanted("month", "财政局")).await.unwrap();
    let figures = app.group_health(&admin, "财政局").await.unwrap();
    assert_eq!((one.now, one.departments.len()), (figures[0].all, 2));
    let worst = &one.unprotected[0];
    assert_eq!((worst.name.as_str(), worst.state), ("f", State::AtRisk), "the worst first");
    assert_eq!(worst.since, at, "since something was found");
    // Nobody from another department is in it.
    assert_eq!(one.unprotected.iter().map(|host| host.name.as_str()).collect::<Vec<_>>(), ["f", "b", "c"]);
}

#[tokio::test]
async fn what_happened_is_counted_in_its_days() {
    let (_folder, app) = app().await;
    let admin = administrator();
    app.create_group(&admin, "财政局", "").await.unwrap();
    let (one, two) = (enrol_into(&app, "a", "财政局").await, enrol(&app, "b").await);
    // Every day at noon, by the default zone's clocks.
    let daily = "backup:\n  schedule: '0 12 * * *'\n  timing:\n    spread_minutes: 0\n";
    app.set_policy(&admin, "", daily, 0).await.unwrap();
    let today = app.clock.now().with_timezone(&Tz::Asia__Shanghai).date_naive();
    let week = Period::parse("week", today).unwrap().before();
    let (from, until) = week.bounds(Tz::Asia__Shanghai);
    let day = 86_400;
    set_enrolled(&mut app.store.write().await.unwrap(), one, from - day).await;
    // Let in on the evening of the fifth day.
    set_enrolled(&mut app.store.write().await.unwrap(), two, from + 4 * day + 18 * 3600).await;
    // Monday's, Wednesday's (too late: it is Thursday's) and Sunday's, which ends after midnight.
    for at in [from + 13 * 3600, from + 3 * day + 12 * 3600 + 5, until + 60] {
        ended(&app, one, backup(), "schedule", at, JobState::Succeeded).await;
    }
    ended(&app, one, backup(), "schedule", from + 2 * day, JobState::Failed).await;
    ended(&app, one, scan(), "schedule", from + 5, JobState::Partial).await;
    ended(&app, one, scan(), "schedule", from - 5, JobState::Succeeded).await;
    ended(&app, two, scan(), "schedule", until - 1, JobState::Failed).await;
    for (path, at) in [("/in", from), ("/out", until), ("/before", from - 1)] {
        detect(&app, one, path, at).await;
    }
    let made = app.summary(&admin, &wanted(&week.to_string(), "")).await.unwrap();
    let happened = made.happened;
    let runs = happened.backups;
    assert_eq!((runs.due, runs.done, runs.missed, runs.open), (9, 3, 6, 0), "seven of one's, two of two's");
    assert_eq!((happened.scans, happened.scans_failed), (1, 1));
    assert_eq!((happened.found, happened.still_open, happened.stored), (1, 1, 2_000));
    assert_eq!(made.detections.iter().map(|(_, row)| row.path.as_str()).collect::<Vec<_>>(), ["/in"]);
    let of = |name: &str| made.departments.iter().find(|d| d.figures.name.ends_with(name)).unwrap().happened;
    assert_eq!((of("all").backups.due, of("财政局").backups.due, of("财政局").scans), (9, 7, 1));
}

#[tokio::test]
async fn however_few_are_looked_at_together_no_backup_is_left_out() {
    let (_folder, app) = app().await;
    let admin = administrator();
    app.create_group(&admin, "财政局", "").await.unwrap();
    let daily = "backup:\n  schedule: '0 12 * * *'\n  timing:\n    spread_minutes: 0\n";
    app.set_policy(&admin, "", daily, 0).await.unwrap();
    let week = Period::parse("week", app.local_day().await.unwrap()).unwrap().before();
    let (from, until) = week.bounds(Tz::Asia__Shanghai);
    for n in 0..5 {
        let host = enrol_into(&app, &format!("PC-{n}"), if n % 2 == 0 { "财政局" } else { "" }).await;
        set_enrolled(&mut app.store.write().await.unwrap(), host, from - 1).await;
        // As many again by hand.
        for at in (0..14).map(|half| from + 13 * 3600 + half * 43_200) {
            ended(&app, host, backup(), "schedule", at, JobState::Succeeded).await;
        }
    }
    let (policies, now) = (app.policies().await.unwrap(), app.clock.now());
    let all = app.all_hosts().await.unwrap();
    let department: Vec<HostView> = all.iter().filter(|host| host.group.ends_with("财政局")).cloned().collect();
    for (hosts, count) in [(&all, 5), (&Arc::new(department), 3)] {
        for together in [1, 2, 3, 5, 100] {
            let found = app.backups_in((from, until), now, (hosts, &policies), together).await.unwrap();
            let done = found.values().map(|it| (it.runs.due, it.runs.done, it.runs.missed, it.stored));
            // The last one by hand ended when the week was over.
            assert_eq!(done.collect::<Vec<_>>(), vec![(7, 7, 0, 13_000); count], "{together} at a time");
        }
    }
}

#[tokio::test]
async fn all_restores_are_counted_where_not_all_are_named() {
    let (_folder, app) = app().await;
    let first = enrol(&app, "a").await;
    let week = Period::parse("week", app.local_day().await.unwrap()).unwrap().before();
    let at = week.bounds(Tz::Asia__Shanghai).0 + 3600;
    let spec = JobSpec::Restore(RestoreSpec { snapshot: "ab".repeat(32), ..RestoreSpec::default() });
    ended(&app, first, spec, "li", at, JobState::Succeeded).await;
    crowd(&mut app.store.write().await.unwrap(), 5, 999, at).await;
    let made = app.summary(&administrator(), &wanted(&week.to_string(), "")).await.unwrap();
    let all = 1 + 6 * 999;
    assert_eq!((made.happened.restores_asked, made.happened.restores, made.restores.len()), (all, all, 5_000));
}

#[tokio::test]
async fn what_is_no_period_or_group_is_refused_with_words() {
    let (_folder, app) = app().await;
    for (period, group, words) in [
        ("2026-13", "", "2026-W47"),
        ("", "", "2026-W47"),
        ("2999-01", "", "has not begun"),
        ("week", "nowhere", "nowhere"),
    ] {
        let error = app.summary(&administrator(), &wanted(period, group)).await.unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_report_on_ten_thousand_is_there_in_time() {
    let (_folder, app) = app().await;
    let admin = administrator();
    let first = enrol(&app, "a").await;
    let week = Period::parse("week", app.local_day().await.unwrap()).unwrap();
    let (from, until) = week.bounds(Tz::Asia__Shanghai);
    set_enrolled(&mut app.store.write().await.unwrap(), first, from - 40 * 86_400).await;
    ended(&app, first, backup(), "schedule", until - 1, JobState::Succeeded).await;
    crowd(&mut app.store.write().await.unwrap(), 10_000, 5, until).await;
    let begun = std::time::Instant::now();
    let made = app.summary(&admin, &wanted("week", "")).await.unwrap();
    assert_eq!((made.now.hosts, made.happened.backups.due, made.unprotected.len()), (10_001, 10_001, 10_001));
    assert!(begun.elapsed() < std::time::Duration::from_secs(30), "{:?}", begun.elapsed());
}
