//! What a clock that jumps, a message that is too long, and a host without measure must not do.

use super::*;
use crate::app::desired::MOST_ASKED;
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::job::{KnownJobs, Want};

const YEAR: i64 = 366;

fn began() -> DateTime<Utc> {
    "2026-11-25T04:00:00Z".parse().unwrap()
}

async fn at_work() -> (TempDir, Arc<App>, HostId, JobId, JobId) {
    let (folder, mut app) = app().await;
    let inside = Arc::get_mut(&mut app).unwrap();
    (inside.clock, inside.slots) = (Clock::fixed(began()), slots::Desk::new(1, 0));
    app.wind_up().await.unwrap();
    let host = enrol(&app, "pc").await;
    let (running, waits) = (JobId::new(&app.clock), app.ask_scan(&administrator(), "pc", vec![]).await.unwrap().row.id);
    let (spec, boot) = (JobSpec::Backup { paths: vec![], excludes: vec![] }, BootId::new(&app.clock));
    let want = Want { job: running, spec: spec.clone(), scheduled: true };
    app.ingest(host, Report { wants: vec![want], ..Report::of(boot, vec![]) }).await.unwrap();
    assert_eq!(app.grant_slots(began()).await.unwrap(), [host]);
    let kind = EventKind::Started { job: running, spec, scheduled: true, medium: false };
    let event = Event { seq: 1, at: began(), kind };
    app.ingest(host, Report::of(boot, vec![event])).await.unwrap();
    (folder, app, host, running, waits)
}

fn set(app: &mut Arc<App>, days: i64, minutes: i64) {
    let now = began() + TimeDelta::days(days) + TimeDelta::minutes(minutes);
    Arc::get_mut(app).unwrap().clock = Clock::fixed(now);
}

async fn state(app: &App, job: JobId) -> JobState {
    app.job(&administrator(), &job.to_string()).await.unwrap().row.state.0
}

#[tokio::test]
async fn a_clock_that_jumps_ends_no_job_frees_no_slot_and_forgets_nothing() {
    for days in [YEAR, -YEAR] {
        let (_folder, mut app, _, running, waits) = at_work().await;
        let done = {
            let host = enrol(&app, "other").await;
            let job = JobId::new(&app.clock);
            let events = scan_story(&app, job, 0, JobState::Succeeded);
            app.ingest(host, Report::of(BootId::new(&app.clock), events)).await.unwrap();
            let events = scan_story(&app, JobId::new(&app.clock), 0, JobState::Succeeded);
            app.ingest(host, Report::of(BootId::new(&app.clock), events)).await.unwrap();
            job
        };
        app.set_policy(&administrator(), "all", "work: {history_days: 30}", 0).await.unwrap();
        set(&mut app, days, 0);
        app.look_at_clock().await.unwrap();
        app.look_for_overdue(began()).await.unwrap();
        assert!(app.grant_slots(began()).await.unwrap().is_empty());
        assert!(matches!(app.forget_jobs().await, Err(AppError::Conflict(_))));
        assert_eq!((state(&app, running).await, state(&app, waits).await), (JobState::Running, JobState::Queued));
        assert_eq!(app.slots(&administrator()).await.unwrap().len(), 1, "{days}");
        assert_eq!(state(&app, done).await, JobState::Succeeded);
    }
}

#[tokio::test]
async fn what_was_dated_by_a_clock_that_was_ahead_does_not_stand_for_a_year() {
    let (_folder, mut app, host, running, _) = at_work().await;
    set(&mut app, YEAR, 0);
    app.look_at_clock().await.unwrap();
    // It is heard of, and gets leave for another job, while the clock is wrong.
    app.ingest(host, Report::of(BootId::new(&app.clock), vec![])).await.unwrap();
    assert!(app.host(&administrator(), "pc").await.unwrap().row.last_seen > began().timestamp() + 86_400 * 300);
    set(&mut app, 0, 10);
    app.look_at_clock().await.unwrap();
    set(&mut app, 0, 45);
    app.look_for_overdue(began()).await.unwrap();
    assert_eq!(state(&app, running).await, JobState::Lost);
    assert!(app.slots(&administrator()).await.unwrap().is_empty());
}

#[tokio::test]
async fn while_nobody_could_be_heard_no_turn_lapses_and_what_turns_up_counts_again() {
    let (_folder, mut app, host, running, _) = at_work().await;
    set(&mut app, 0, 60);
    // The controller has been back for a minute.
    app.grant_slots(began() + TimeDelta::minutes(59)).await.unwrap();
    assert_eq!(app.slots(&administrator()).await.unwrap().len(), 1);
    app.grant_slots(began()).await.unwrap();
    assert!(app.slots(&administrator()).await.unwrap().is_empty());
    app.look_for_overdue(began()).await.unwrap();
    assert_eq!(state(&app, running).await, JobState::Lost);
    let known = Some(KnownJobs { running: vec![running], ended: vec![], waiting: None });
    app.ingest(host, Report { known, ..Report::of(BootId::new(&app.clock), vec![]) }).await.unwrap();
    assert_eq!(state(&app, running).await, JobState::Running);
    assert_eq!(app.slots(&administrator()).await.unwrap()[0].row.job, running);
}

#[tokio::test]
async fn more_than_one_message_holds_is_refused_and_keeps_no_host_from_the_rest() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    let long = |bytes: usize| vec![format!("/{}", "x".repeat(bytes))];
    let first = app.ask_scan(&administrator(), "pc", long(MOST_ASKED - 1000)).await.unwrap().row.id;
    let refused = app.ask_scan(&administrator(), "pc", long(2000)).await;
    assert!(matches!(refused, Err(AppError::Conflict(why)) if why.contains("fewer paths")));
    let told = app.desired(host).await.unwrap();
    assert_eq!(told.jobs.len(), 1);
    // What is called off takes no room.
    app.cancel_job(&administrator(), &first.to_string()).await.unwrap();
    app.ask_scan(&administrator(), "pc", long(MOST_ASKED - 1000)).await.unwrap();
    let told = app.desired(host).await.unwrap();
    assert_eq!(told.jobs.iter().map(|job| job.cancel).collect::<Vec<_>>(), [true, false]);
    assert!(
        keepwatch_proto::wire_length(&keepwatch_proto::wire::agent::Desired::from(told)) < keepwatch_proto::MAX_MESSAGE
    );
}

#[tokio::test]
async fn a_host_that_begins_without_end_is_not_kept_without_end() {
    let (_folder, app) = app().await;
    let (host, boot) = (enrol(&app, "pc").await, BootId::new(&app.clock));
    let begin = |seq| {
        let spec = JobSpec::Backup { paths: vec!["/x".repeat(1000)], excludes: vec![] };
        let kind = EventKind::Started { job: JobId::new(&app.clock), spec, scheduled: true, medium: false };
        Event { seq, at: app.clock.now(), kind }
    };
    app.ingest(host, Report::of(boot, (1..=500).map(begin).collect())).await.unwrap();
    assert_eq!(app.jobs(&administrator(), "pc", 1000).await.unwrap().len(), 200);
    let told = keepwatch_proto::wire::agent::Desired::from(app.desired(host).await.unwrap());
    assert!(keepwatch_proto::wire_length(&told) < 100_000);
    // Nor is the end of one of them, said again and again.
    let job = app.jobs(&administrator(), "pc", 1).await.unwrap()[0].row.id;
    let ended = Ended { outcome: JobState::Failed, log: vec!["a line".into()], ..Ended::failed("no") };
    let end = |seq| Event { seq, at: app.clock.now(), kind: EventKind::Ended { job, ended: ended.clone() } };
    app.ingest(host, Report::of(boot, (501..600).map(end).collect())).await.unwrap();
    assert_eq!(app.job_log(&administrator(), &job.to_string()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_removal_that_was_cut_off_is_finished_and_a_lie_is_not() {
    let (_folder, app) = app().await;
    let host = enrol(&app, "pc").await;
    for _ in 0..2 {
        app.ingest(host, report(BootId::new(&app.clock), story(&app, JobId::new(&app.clock)))).await.unwrap();
    }
    let all = app.snapshots(&administrator(), "pc").await.unwrap();
    assert!(!all.is_empty());
    app.retain_now(&administrator(), "pc").await.unwrap();
    assert_eq!(
        app.snapshots(&administrator(), "pc").await.unwrap().len(),
        all.len(),
        "said to be there, and never was"
    );
    // Killed after the snapshot was removed, and before that was kept.
    let mut conn = app.store.write().await.unwrap();
    store::snapshots::set_leaving(&mut conn, host, &all[0].id, app.now()).await.unwrap();
    drop(conn);
    app.retain_now(&administrator(), "pc").await.unwrap();
    assert_eq!(app.snapshots(&administrator(), "pc").await.unwrap().len(), all.len() - 1);
}

#[tokio::test]
async fn nothing_is_written_where_only_is_read() {
    let (_folder, app) = app().await;
    let mut conn = app.store.read().await.unwrap();
    assert!(store::clockwork::set_trusted(&mut conn, 1).await.is_err());
}

#[tokio::test]
async fn a_clock_that_jumps_gives_no_ring_its_signatures_and_keeps_none_from_it() {
    let (_folder, mut app) = app().await;
    Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(began());
    app.signing.create().await.unwrap();
    app.wind_up().await.unwrap();
    let host = enrol(&app, "pc").await;
    app.set_policy(&administrator(), "all", "signatures: {after_hours: 48}", 0).await.unwrap();
    let publish = async |app: &Arc<App>| {
        let mut import = crate::app::signatures::Import::default();
        import.source = "own".into();
        import.add("one.yar", b"rule one { condition: false }").unwrap();
        app.import_signatures(&administrator(), import).await.unwrap().version
    };
    let offered = async |app: &Arc<App>| app.desired(host).await.unwrap().bundle.map_or(0, |bundle| bundle.version);
    let runs = async |app: &Arc<App>, bundle| {
        app.ingest(host, Report { bundle, ..Report::of(BootId::new(&app.clock), vec![]) }).await.unwrap();
    };
    assert_eq!((publish(&app).await, offered(&app).await), (1, 1));
    runs(&app, 1).await;
    assert_eq!((publish(&app).await, offered(&app).await), (2, 0));
    set(&mut app, YEAR, 0);
    app.look_at_clock().await.unwrap();
    assert_eq!(offered(&app).await, 0, "its wait is not over because the clock says so");
    // Published meanwhile, by a date of next year.
    assert_eq!(publish(&app).await, 3);
    set(&mut app, 0, 60);
    app.look_at_clock().await.unwrap();
    set(&mut app, 2, 30);
    assert_eq!(offered(&app).await, 2, "its turn has come");
    set(&mut app, 2, 70);
    assert_eq!(offered(&app).await, 3, "two days after the clock was right again");
    // What its PCs run already is no version for another content, whatever the database remembers.
    runs(&app, 7).await;
    assert_eq!(publish(&app).await, 8);
    runs(&app, 5_000_000).await;
    assert_eq!(publish(&app).await, 9);
}
