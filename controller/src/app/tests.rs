//! Use cases over a real database and real keys in a temporary folder.
#![allow(clippy::unwrap_used)]

mod jumps;
mod many;
mod quarantine;
mod rollouts;
mod work;

use super::downloads::{self, Asked};
use super::events::Report;
use super::users::Attempts;
use super::*;
use crate::app::audit::{Actor, Role};
use crate::config::DataFolder;
use crate::repository::FolderStore;
use crate::store;
use crate::store::Json;
use crate::store::hosts::HostRow;
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::facts::Facts;
use keepwatch_proto::ids::{BootId, HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec, JobState, RestoreSpec, Snapshot};
use tempfile::TempDir;

/// A controller's inside.
pub(crate) async fn app() -> (TempDir, Arc<App>) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = DataFolder::create(&temporary.path().join("data")).unwrap();
    let clock = Clock::system();
    let ca = Ca::create(&folder.keys(), &["localhost".into()], &clock).unwrap();
    Escrow::create(&folder.keys(), None).unwrap();
    let app = App {
        store: Store::open(&Store::new_embedded_url(folder.path())).await.unwrap(),
        hub: Hub::new(),
        clock,
        clockwork: Default::default(),
        ca,
        escrow: Escrow::open(&folder.keys()).unwrap(),
        signing: Signing::new(&folder.keys(), &folder.signatures()),
        repositories: Arc::new(FolderStore::open(folder.repositories()).unwrap()),
        meters: Default::default(),
        taken_in: Default::default(),
        signatures: folder.signatures(),
        catalogs: catalogs::Catalogs::new(folder.catalogs()),
        handing: downloads::Handing::new(folder.compiled(), folder.scratch()),
        attempts: Attempts::default(),
        verifying: tokio::sync::Semaphore::new(super::users::VERIFYING),
        agent_door: "https://localhost:7443".into(),
        kits_kept: Default::default(),
        deletion_wait: chrono::TimeDelta::days(7),
        put_off: Default::default(),
        intake: Default::default(),
        slots: Default::default(),
        standing: Default::default(),
        measuring: Default::default(),
        looking: Default::default(),
        reporting: Default::default(),
        publishing: tokio::sync::Mutex::new(()),
    };
    (temporary, Arc::new(app))
}

/// A host that the store knows.
pub(crate) async fn enrol(app: &App, name: &str) -> HostId {
    enrol_with(app, name, String::new()).await
}

/// A host in this group; in the root where none is named.
pub(crate) async fn enrol_into(app: &App, name: &str, group: &str) -> HostId {
    let host = enrol(app, name).await;
    if !group.is_empty() {
        put_into(app, host, group).await;
    }
    host
}

/// The host is in this group from now on.
pub(crate) async fn put_into(app: &App, host: HostId, group: &str) {
    let mut conn = app.store.write().await.unwrap();
    let key = super::groups::tree(&mut conn).await.unwrap().find(group).unwrap();
    crate::store::hosts::set_group(&mut conn, host, &key).await.unwrap();
}

/// A host whose password is escrowed so.
pub(crate) async fn enrol_with(app: &App, name: &str, escrow: String) -> HostId {
    let row = HostRow {
        id: HostId::new(&app.clock),
        group_name: crate::store::groups::ROOT.into(),
        certificate: String::new(),
        escrow,
        facts: Json(Facts { name: name.into(), ..Facts::default() }),
        enrolled: app.now(),
        revoked: 0,
        last_seen: 0,
        generation: 1,
        bundle: 0,
        bundle_refused: String::new(),
        replaced_by: String::new(),
        pinned: 0,
        ruled: 0,
    };
    let mut conn = app.store.write().await.unwrap();
    crate::store::hosts::insert(&mut conn, &row).await.unwrap();
    row.id
}

/// One of the staff.
pub(crate) fn actor(role: Role) -> Actor {
    Actor { user: "admin".into(), role, origin: String::new() }
}

pub(crate) fn administrator() -> Actor {
    actor(Role::Administrator)
}

/// What a scheduled backup with one detection reports, from sequence 1 on.
fn story(app: &App, job: JobId) -> Vec<Event> {
    let spec = JobSpec::Backup { paths: vec!["/home".into()], excludes: vec![] };
    let snapshot = Snapshot {
        id: "ab".repeat(32),
        time: app.clock.now(),
        paths: vec!["/home".into()],
        files: 1,
        bytes: 2,
        verdict: None,
    };
    let detection = Detection {
        job,
        rule: "EICAR".into(),
        namespace: "starter".into(),
        severity: Severity::High,
        metadata: Default::default(),
        path: "/home/eicar.com".into(),
        size: 68,
        sha256: "cd".repeat(32),
        bundle: 1,
    };
    let ended = Ended { outcome: JobState::Succeeded, snapshot: Some(snapshot), ..Ended::failed("") };
    let kinds = [
        EventKind::Started { job, spec, scheduled: true, medium: false },
        EventKind::Detection(detection),
        EventKind::Ended { job, ended },
    ];
    kinds.into_iter().zip(1..).map(|(kind, seq)| Event { seq, at: app.clock.now(), kind }).collect()
}

fn report(boot: BootId, events: Vec<Event>) -> Report {
    Report::of(boot, events)
}

async fn counts(app: &App, host: HostId) -> (usize, usize, usize) {
    let (actor, host) = (administrator(), host.to_string());
    (
        app.jobs(&actor, &host, 0).await.unwrap().len(),
        app.detections(&actor, &host, true, &Default::default()).await.unwrap().0.len(),
        app.snapshots(&actor, &host).await.unwrap().len(),
    )
}

#[tokio::test]
async fn events_that_come_again_change_nothing() {
    let (_folder, app) = app().await;
    let (host, boot, job) = (enrol(&app, "pc").await, BootId::new(&app.clock), JobId::new(&app.clock));
    let events = story(&app, job);
    // In pieces that overlap, as after a lost acknowledgement.
    assert_eq!(app.ingest(host, report(boot, events[..2].to_vec())).await.unwrap(), 2);
    assert_eq!(app.ingest(host, report(boot, events.clone())).await.unwrap(), 3);
    assert_eq!(app.ingest(host, report(boot, events[..1].to_vec())).await.unwrap(), 3);
    assert_eq!(counts(&app, host).await, (1, 1, 1));
    let job = app.job(&administrator(), &job.to_string()).await.unwrap();
    assert_eq!((job.row.state.0, job.row.origin.as_str()), (JobState::Succeeded, "schedule"));
    // A ledger made anew counts from one again, and is heard.
    let other = JobId::new(&app.clock);
    assert_eq!(app.ingest(host, report(BootId::new(&app.clock), story(&app, other))).await.unwrap(), 3);
    assert_eq!(counts(&app, host).await.0, 2);
}

#[tokio::test]
async fn a_host_cannot_end_anothers_job_nor_its_own_twice() {
    let (_folder, app) = app().await;
    let (mine, other) = (enrol(&app, "mine").await, enrol(&app, "other").await);
    let job = app.ask_backup(&administrator(), &mine.to_string()).await.unwrap().row.id;
    let end = |outcome| EventKind::Ended { job, ended: Ended { outcome, ..Ended::failed("as it was told") } };
    let say = async |host, seq, kind| {
        let boot = BootId::new(&app.clock);
        app.ingest(host, report(boot, vec![Event { seq, at: app.clock.now(), kind }])).await.unwrap();
        app.job(&administrator(), &job.to_string()).await.unwrap().row.state.0
    };
    assert_eq!(say(other, 1, end(JobState::Succeeded)).await, JobState::Queued);
    assert_eq!(app.desired(mine).await.unwrap().jobs.len(), 1);
    assert_eq!(say(mine, 1, end(JobState::Failed)).await, JobState::Failed);
    assert_eq!(say(mine, 1, end(JobState::Succeeded)).await, JobState::Failed);
    assert!(app.desired(mine).await.unwrap().jobs.is_empty());
}

#[tokio::test]
async fn a_job_called_off_before_it_was_offered_ends_here() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let job = app.ask_scan(&administrator(), "pc", vec![]).await.unwrap().row.id.to_string();
    app.cancel_job(&administrator(), &job).await.unwrap();
    assert_eq!(app.job(&administrator(), &job).await.unwrap().row.state.0, JobState::Cancelled);
    assert!(app.desired(host).await.unwrap().jobs.is_empty());
    assert!(matches!(app.cancel_job(&administrator(), &job).await, Err(AppError::Conflict(_))));
}

#[tokio::test]
async fn a_scan_or_a_backup_can_wait_and_go_on() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let staff = administrator();
    let scan = app.ask_scan(&staff, "pc", vec![]).await.unwrap().row.id.to_string();
    let paused = async || app.desired(host).await.unwrap().jobs[0].pause;
    for pause in [true, true, false] {
        app.pause_job(&staff, &scan, pause).await.unwrap();
        assert_eq!(paused().await, pause);
    }
    let viewer = Actor { role: Role::Viewer, ..administrator() };
    assert!(matches!(app.pause_job(&viewer, &scan, true).await, Err(AppError::Forbidden(_))));
    let backup = app.ask_backup(&staff, "pc").await.unwrap().row.id.to_string();
    app.pause_job(&staff, &backup, true).await.unwrap();
    assert!(matches!(app.pause_job(&staff, "01JZZZZZZZZZZZZZZZZZZZZZZZ", true).await, Err(AppError::NotFound(_))));
    let job = scan.parse().unwrap();
    let ended = EventKind::Ended { job, ended: Ended { outcome: JobState::Succeeded, ..Ended::failed("") } };
    let event = Event { seq: 1, at: app.clock.now(), kind: ended };
    app.ingest(host, report(BootId::new(&app.clock), vec![event])).await.unwrap();
    assert!(matches!(app.pause_job(&staff, &scan, true).await, Err(AppError::Conflict(_))));
}

#[tokio::test]
async fn two_people_who_edit_one_policy_are_told() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let before = app.desired(host).await.unwrap().generation;
    let first = app.set_policy(&administrator(), "all", "time_zone: UTC", 0).await.unwrap();
    assert_eq!(app.desired(host).await.unwrap().policy.time_zone, "UTC");
    assert!(app.desired(host).await.unwrap().generation > before);
    app.set_policy(&administrator(), "all", "time_zone: Asia/Urumqi", first.revision).await.unwrap();
    let late = app.set_policy(&administrator(), "all", "time_zone: Asia/Tokyo", first.revision).await;
    assert!(matches!(late, Err(AppError::Conflict(_))));
    assert_eq!(app.desired(host).await.unwrap().policy.time_zone, "Asia/Urumqi");
}

#[tokio::test]
async fn one_who_may_only_look_changes_nothing_and_is_on_record() {
    let (_folder, app) = app().await;
    enrol(&app, "pc").await;
    let viewer = Actor { role: Role::Viewer, user: "wang".into(), ..administrator() };
    let operator = Actor { role: Role::Operator, user: "li".into(), ..administrator() };
    let wanted = |infected| Asked { host: "pc", snapshot: "latest", path: "/x", format: None, infected };
    for refused in [
        app.ask_backup(&viewer, "pc").await.err(),
        app.create_token(&viewer, 1, 0, "", false).await.err(),
        app.download(&viewer, wanted(false)).await.err(),
        app.download(&operator, wanted(true)).await.err(),
        app.revoke_host(&operator, "pc").await.err(),
        app.recovery_kit(&operator, "pc").await.err(),
        app.create_user(&operator, "new", "viewer").await.err(),
        app.set_policy(&operator, "all", "", 0).await.err(),
        app.audit(&operator, &Default::default()).await.err(),
    ] {
        assert!(matches!(refused, Some(AppError::Forbidden(_))), "{refused:?}");
    }
    let records = app.audit(&administrator(), &Default::default()).await.unwrap().0;
    assert_eq!(records.iter().filter(|r| r.outcome == "refused").count(), 9);
}

fn scan_story(app: &App, job: JobId, days_ahead: i64, outcome: JobState) -> Vec<Event> {
    let at = app.clock.now() + chrono::TimeDelta::days(days_ahead);
    let spec = JobSpec::Scan { paths: vec!["/home".into()], excludes: vec![], max_file_bytes: 1 };
    let ended = Ended { outcome, ..Ended::failed("") };
    let kinds = [EventKind::Started { job, spec, scheduled: true, medium: false }, EventKind::Ended { job, ended }];
    kinds.into_iter().zip(1..).map(|(kind, seq)| Event { seq, at, kind }).collect()
}

#[tokio::test]
async fn a_pcs_clock_cannot_make_it_look_well() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let say = async |events| app.ingest(host, report(BootId::new(&app.clock), events)).await.unwrap();
    say(scan_story(&app, JobId::new(&app.clock), 400, JobState::Succeeded)).await;
    let view = app.host(&administrator(), "pc").await.unwrap();
    assert!(view.last_scan <= app.now());
    // What fails after its clock was set right is seen.
    say(scan_story(&app, JobId::new(&app.clock), 0, JobState::Failed)).await;
    let view = app.host(&administrator(), "pc").await.unwrap();
    assert!(view.reasons.iter().any(|r| r.word() == "scan-failed"), "{:?}", view.reasons);
}

#[tokio::test]
async fn a_stick_that_was_put_in_is_not_the_scan_of_the_pc() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    for (medium, origin, counts) in [(true, "medium", false), (false, "schedule", true)] {
        let mut events = scan_story(&app, JobId::new(&app.clock), 0, JobState::Succeeded);
        if let EventKind::Started { medium: told, .. } = &mut events[0].kind {
            *told = medium;
        }
        app.ingest(host, report(BootId::new(&app.clock), events)).await.unwrap();
        let jobs = app.jobs(&administrator(), "pc", 0).await.unwrap();
        assert!(jobs.iter().any(|job| job.row.origin == origin));
        assert_eq!(app.host(&administrator(), "pc").await.unwrap().last_scan > 0, counts, "{origin}");
    }
}

#[tokio::test]
async fn looking_at_one_file_is_not_having_scanned_the_pc() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let end = async |job| {
        let ended = Ended { outcome: JobState::Succeeded, ..Ended::failed("") };
        let event = Event { seq: 1, at: app.clock.now(), kind: EventKind::Ended { job, ended } };
        app.ingest(host, report(BootId::new(&app.clock), vec![event])).await.unwrap();
        app.host(&administrator(), "pc").await.unwrap().last_scan
    };
    let one = app.ask_scan(&administrator(), "pc", vec!["/tmp/one.txt".into()]).await.unwrap().row.id;
    assert_eq!(end(one).await, 0);
    let all = app.ask_scan(&administrator(), "pc", vec![]).await.unwrap().row.id;
    assert!(end(all).await > 0);
}

#[tokio::test]
async fn the_latest_of_two_snapshots_in_one_second_is_the_later() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    for round in 0..8 {
        let mut events = story(&app, JobId::new(&app.clock));
        let id = format!("{:02x}", round * 37 % 256).repeat(32);
        if let EventKind::Ended { ended, .. } = &mut events[2].kind {
            ended.snapshot.as_mut().unwrap().id = id.clone();
        }
        app.ingest(host, report(BootId::new(&app.clock), events)).await.unwrap();
        assert_eq!(app.snapshots(&administrator(), "pc").await.unwrap()[0].id, id);
    }
}

#[tokio::test]
async fn a_restored_database_is_obeyed_again() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let ahead = Report { generation: 700, ..report(BootId::new(&app.clock), vec![]) };
    app.ingest(host, ahead).await.unwrap();
    assert_eq!(app.desired(host).await.unwrap().generation, 701);
    let absurd = Report { generation: u64::MAX, ..report(BootId::new(&app.clock), vec![]) };
    app.ingest(host, absurd).await.unwrap();
    assert_eq!(app.desired(host).await.unwrap().generation, 701);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_when_it_is_asked() {
    let (_folder, app) = app().await;
    enrol(&app, "pc").await;
    let relative = app.ask_scan(&administrator(), "pc", vec!["relative/path".into()]).await;
    assert!(matches!(relative, Err(AppError::Invalid(_))));
    let word = app.ask_scan(&administrator(), "pc", vec!["/home".into(), "@home".into()]).await;
    assert!(matches!(word, Err(AppError::Invalid(why)) if why.contains("@home") && why.contains("@quick")));
    for full in ["/home", "C:\\Users", "@users", "@quick", "@full", "@removable", "\\\\server\\share"] {
        app.ask_scan(&administrator(), "pc", vec![full.into()]).await.unwrap();
    }
    assert!(matches!(app.create_user(&administrator(), "schedule", "viewer").await, Err(AppError::Invalid(_))));
    app.revoke_host(&administrator(), "pc").await.unwrap();
    assert!(matches!(app.ask_backup(&administrator(), "pc").await, Err(AppError::Conflict(_))));
}

#[tokio::test]
async fn a_snapshot_that_is_only_said_to_be_there_decides_nothing() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    app.ingest(host, report(BootId::new(&app.clock), story(&app, JobId::new(&app.clock)))).await.unwrap();
    let view = app.retention(&administrator(), "pc").await.unwrap();
    assert_eq!(view.fates.len(), 1);
    assert_eq!(view.fates[0].1, [crate::plan::retention::Why::Absent]);
}

#[tokio::test]
async fn nothing_is_removed_while_a_scheduled_backup_runs() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let events = story(&app, JobId::new(&app.clock));
    let boot = BootId::new(&app.clock);
    app.ingest(host, report(boot, events[..1].to_vec())).await.unwrap();
    let waits = app.retain_now(&administrator(), "pc").await;
    assert!(matches!(waits, Err(AppError::Conflict(_))), "{waits:?}");
    app.ingest(host, report(boot, events)).await.unwrap();
    app.retain_now(&administrator(), "pc").await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_was_found_is_in_its_place_and_is_told_of_later() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let found = |id: &str| Snapshot {
        id: id.repeat(32),
        time: app.clock.now(),
        paths: vec![],
        files: 9,
        bytes: 9,
        verdict: None,
    };
    let mut conn = app.store.write().await.unwrap();
    let received = app.now() - 100;
    store::snapshots::insert_found(&mut conn, host, received, &found("ab")).await.unwrap();
    store::snapshots::insert_found(&mut conn, host, received - 100, &found("cd")).await.unwrap();
    drop(conn);
    let ids = async || {
        let all = app.snapshots(&administrator(), "pc").await.unwrap();
        all.into_iter().map(|row| (row.id[..2].to_owned(), row.partial, row.received)).collect::<Vec<_>>()
    };
    assert_eq!(ids().await, [("ab".into(), 1, received), ("cd".into(), 1, received - 100)]);
    // Its host had not been heard yet: now it says how its backup ended.
    app.ingest(host, report(BootId::new(&app.clock), story(&app, JobId::new(&app.clock)))).await.unwrap();
    assert_eq!(ids().await, [("ab".into(), 0, received), ("cd".into(), 1, received - 100)]);
    // What has been told of stays as it is.
    let mut again = story(&app, JobId::new(&app.clock));
    if let EventKind::Ended { ended, .. } = &mut again[2].kind {
        ended.outcome = JobState::Partial;
    }
    app.ingest(host, report(BootId::new(&app.clock), again)).await.unwrap();
    assert_eq!(ids().await[0].1, 0);
}

#[tokio::test]
async fn one_impossible_restore_does_not_keep_a_host_from_everything_else() {
    let (_folder, app) = app().await;
    // Its escrow holds nothing that opens.
    let (host, source) = (enrol(&app, "pc").await, enrol(&app, "source").await);
    app.ingest(source, report(BootId::new(&app.clock), story(&app, JobId::new(&app.clock)))).await.unwrap();
    let spec = RestoreSpec { snapshot: "latest".into(), ..RestoreSpec::default() };
    let job = app.ask_restore(&administrator(), "pc", "source", spec).await.unwrap().row.id.to_string();
    let desired = app.desired(host).await.unwrap();
    assert!(desired.jobs.is_empty() && desired.grants.is_empty());
    assert_eq!(app.job(&administrator(), &job).await.unwrap().row.state.0, JobState::Failed);
    assert!(!app.may_read(host, source).await);
}
