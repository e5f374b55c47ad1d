//! Many hosts at once: who is meant, what is asked of them, and what is found of it.

use super::*;
use crate::app::pages::Page;
use crate::app::select::{Change, Filter};
use keepwatch_proto::selection::Selection;

fn named(names: &[&str]) -> Selection {
    Selection { names: names.iter().map(ToString::to_string).collect(), ..Selection::default() }
}

fn group(group: &str) -> Selection {
    Selection { group: group.into(), ..Selection::default() }
}

fn query(query: &str) -> Selection {
    Selection { query: query.into(), ..Selection::default() }
}

fn backup() -> JobSpec {
    JobSpec::Backup { paths: vec![], excludes: vec![] }
}

/// A city with a tax office in it, two PCs there and one beside.
async fn city() -> (TempDir, Arc<App>, Vec<HostId>) {
    let (folder, app) = app().await;
    app.create_group(&administrator(), "city", "all").await.unwrap();
    app.create_group(&administrator(), "tax", "city").await.unwrap();
    let mut hosts = Vec::new();
    for (name, group) in [("TAX-1", "tax"), ("TAX-2", "tax"), ("CITY-1", "city"), ("OTHER", "all")] {
        hosts.push(enrol_into(&app, name, group).await);
    }
    (folder, app, hosts)
}

async fn meant(app: &App, selection: &Selection) -> Vec<String> {
    let hosts = app.select(&administrator(), selection).await.unwrap();
    let mut names: Vec<String> = hosts.iter().map(|host| host.name().to_owned()).collect();
    // Those that enrol within a millisecond are in no order.
    names.sort();
    names
}

#[tokio::test]
async fn hosts_are_meant_by_name_group_and_query_together() {
    let (_folder, app, hosts) = city().await;
    assert_eq!(meant(&app, &group("city")).await, ["CITY-1", "TAX-1", "TAX-2"]);
    assert_eq!(meant(&app, &group("tax")).await, ["TAX-1", "TAX-2"]);
    assert_eq!(meant(&app, &query("name:*-1 offline")).await, ["CITY-1", "TAX-1"]);
    assert_eq!(meant(&app, &Selection { query: "name:*-1".into(), ..group("tax") }).await, ["TAX-1"]);
    // Nobody twice, by whichever name.
    assert_eq!(meant(&app, &named(&["tax-1", &hosts[0].to_string(), "OTHER"])).await, ["OTHER", "TAX-1"]);
    assert_eq!(meant(&app, &Selection { names: vec!["OTHER".into()], ..group("tax") }).await, [""; 0]);
    assert_eq!(meant(&app, &query("no-backup:10d")).await.len(), 4);
    app.revoke_host(&administrator(), "TAX-2").await.unwrap();
    assert_eq!(meant(&app, &group("tax")).await, ["TAX-1"]);
    for wrong in [
        Selection::default(),
        named(&["TAX-9"]),
        named(&["TAX-1", "'; DROP TABLE hosts"]),
        group("taxes"),
        query("weather:fine"),
    ] {
        assert!(app.select(&administrator(), &wrong).await.is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn the_same_key_means_the_same_jobs_and_one_that_cannot_stops_nobody() {
    let (_folder, app, hosts) = city().await;
    let staff = administrator();
    app.revoke_host(&staff, "TAX-2").await.unwrap();
    let all = named(&["TAX-1", "TAX-2", "CITY-1"]);
    let first = app.ask_many(&staff, &all, &backup(), "one-wish").await.unwrap();
    assert_eq!((first.jobs.len(), first.refused.len()), (2, 1));
    assert!(first.refused[0].0 == "TAX-2" && first.refused[0].1.contains("revoked"), "{:?}", first.refused);
    let again = app.ask_many(&staff, &all, &backup(), "one-wish").await.unwrap();
    let ids = |asked: &crate::app::select::Asked| asked.jobs.iter().map(|job| job.row.id).collect::<Vec<_>>();
    assert_eq!(ids(&again), ids(&first));
    assert_eq!(app.desired(hosts[0]).await.unwrap().jobs.len(), 1);
    // Another wish is another job, and so is one without a key.
    for key in ["another", "", ""] {
        assert!(!ids(&first).contains(&ids(&app.ask_many(&staff, &all, &backup(), key).await.unwrap())[0]));
    }
    assert_eq!(app.desired(hosts[0]).await.unwrap().jobs.len(), 4);
    for wrong in ["a b", "x".repeat(65).as_str(), "';--"] {
        assert!(matches!(app.ask_many(&staff, &all, &backup(), wrong).await, Err(AppError::Invalid(_))), "{wrong}");
    }
    let restore = JobSpec::Restore(RestoreSpec::default());
    assert!(app.ask_many(&staff, &all, &restore, "").await.unwrap().jobs.is_empty());
    assert!(matches!(app.ask_many(&actor(Role::Viewer), &all, &backup(), "").await, Err(AppError::Forbidden(_))));
}

#[tokio::test]
async fn what_is_open_on_many_is_changed_at_once() {
    let (_folder, app, _) = city().await;
    let staff = administrator();
    let scan = JobSpec::Scan { paths: vec![], excludes: vec![], max_file_bytes: 0 };
    app.ask_many(&staff, &group("tax"), &scan, "").await.unwrap();
    let backups = app.ask_many(&staff, &group("city"), &backup(), "").await.unwrap().jobs;
    let change = async |selection: &Selection, kind, change| {
        app.change_many(&staff, &[], selection, kind, change).await.unwrap().0.len()
    };
    assert_eq!(change(&group("city"), "scan", Change::Pause).await, 2);
    assert_eq!(change(&group("city"), "", Change::Resume).await, 2);
    assert_eq!(change(&group("tax"), "backup", Change::Cancel).await, 2);
    assert_eq!(change(&group("city"), "", Change::Cancel).await, 3);
    assert_eq!(change(&group("city"), "", Change::Cancel).await, 0);
    let gone = [backups[0].row.id.to_string(), "no id".to_owned()];
    let (changed, refused) = app.change_many(&staff, &gone, &Selection::default(), "", Change::Cancel).await.unwrap();
    assert_eq!((changed.len(), refused.len()), (0, 2));
    assert!(app.change_many(&staff, &[], &Selection::default(), "", Change::Cancel).await.is_err());
    assert!(Change::parse("delete").is_err() && Change::parse("pause").is_ok());
}

#[tokio::test]
async fn jobs_are_found_by_what_they_are_page_by_page() {
    let (_folder, app, _) = city().await;
    let staff = administrator();
    app.ask_many(&staff, &group("all"), &backup(), "").await.unwrap();
    let cancelled = app.ask_scan(&staff, "TAX-1", vec![]).await.unwrap().row.id.to_string();
    app.cancel_job(&staff, &cancelled).await.unwrap();
    let find = async |filter: Filter| app.find_jobs(&staff, &filter).await.unwrap();
    let count = async |filter: Filter| find(filter).await.0.len();
    assert_eq!(count(Filter::default()).await, 5);
    assert_eq!(count(Filter { state: "open".into(), ..Filter::default() }).await, 4);
    assert_eq!(count(Filter { state: "ended".into(), ..Filter::default() }).await, 1);
    assert_eq!(count(Filter { state: "cancelled".into(), kind: "scan".into(), ..Filter::default() }).await, 1);
    assert_eq!(count(Filter { group: "city".into(), kind: "backup".into(), ..Filter::default() }).await, 3);
    assert_eq!(count(Filter { host: "TAX-1".into(), ..Filter::default() }).await, 2);
    assert_eq!(count(Filter { since: app.now() + 60, ..Filter::default() }).await, 0);
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (jobs, next) = find(Filter { page: Page { limit: 2, after }, ..Filter::default() }).await;
        seen.extend(jobs.iter().map(|job| job.row.id));
        if next.is_empty() {
            break;
        }
        after = next;
    }
    let (all, _) = find(Filter::default()).await;
    assert_eq!(seen, all.iter().map(|job| job.row.id).collect::<Vec<_>>());
    for wrong in [
        Filter { state: "well".into(), ..Filter::default() },
        Filter { group: "taxes".into(), ..Filter::default() },
        Filter { page: Page { limit: 0, after: "yesterday".into() }, ..Filter::default() },
        Filter { page: Page { limit: 0, after: "x/1".into() }, ..Filter::default() },
    ] {
        assert!(app.find_jobs(&staff, &wrong).await.is_err(), "{wrong:?}");
    }
}

#[tokio::test]
async fn records_and_detections_come_page_by_page_and_none_twice() {
    let (_folder, app) = app().await;
    let (host, boot) = (enrol(&app, "pc").await, BootId::new(&app.clock));
    let staff = administrator();
    for n in 0..5 {
        app.create_group(&staff, &format!("g{n}"), "all").await.unwrap();
        let job = JobId::new(&app.clock);
        let mut events = story(&app, job);
        for event in &mut events {
            event.seq += n * 3;
            // Open ones that are alike are one.
            if let EventKind::Detection(detection) = &mut event.kind {
                detection.path = format!("/home/{n}");
            }
        }
        app.ingest(host, report(boot, events)).await.unwrap();
    }
    let (all, next) = app.audit(&staff, &Page::default()).await.unwrap();
    assert!(all.len() >= 5 && next.is_empty());
    let (mut records, mut found) = (Vec::new(), Vec::new());
    let mut page = Page { limit: 2, after: String::new() };
    loop {
        let (rows, next) = app.audit(&staff, &page).await.unwrap();
        records.extend(rows.into_iter().map(|row| row.id));
        if next.is_empty() {
            break;
        }
        page.after = next;
    }
    assert_eq!(records, all.into_iter().map(|row| row.id).collect::<Vec<_>>());
    page.after.clear();
    loop {
        let (rows, next) = app.detections(&staff, "pc", false, &page).await.unwrap();
        found.extend(rows.into_iter().map(|view| view.row.path));
        if next.is_empty() {
            break;
        }
        page.after = next;
    }
    found.sort();
    assert_eq!(found, ["/home/0", "/home/1", "/home/2", "/home/3", "/home/4"]);
    page.after = "yesterday".into();
    assert!(matches!(app.audit(&staff, &page).await, Err(AppError::Invalid(_))));
    assert!(matches!(app.detections(&staff, "", true, &page).await, Err(AppError::Invalid(_))));
}
