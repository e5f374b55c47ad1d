//! Jobs that wait, get lost and turn up, are tried again or are never begun; and leave to back up.

use super::*;
use crate::plan::slots::{BEGIN_WITHIN, SILENT};
use chrono::{DateTime, TimeDelta, Utc};
use keepwatch_proto::job::{FailureKind, Job, KnownJobs, Want};

/// A controller whose time is ours, and a host with a ledger.
struct Scene {
    _folder: TempDir,
    app: Arc<App>,
    began: DateTime<Utc>,
    seqs: HashMap<BootId, u64>,
}

impl Scene {
    async fn new(slots: u32) -> Self {
        let (folder, mut app) = app().await;
        let began = "2026-11-25T04:00:00Z".parse().unwrap();
        let inside = Arc::get_mut(&mut app).unwrap();
        (inside.clock, inside.slots) = (Clock::fixed(began), slots::Desk::new(slots, 0));
        Self { _folder: folder, app, began, seqs: HashMap::new() }
    }

    fn pass(&mut self, minutes: i64) {
        let now = self.app.clock.now() + TimeDelta::minutes(minutes);
        Arc::get_mut(&mut self.app).unwrap().clock = Clock::fixed(now);
    }

    fn event(&mut self, boot: BootId, kind: EventKind) -> Event {
        let seq = self.seqs.entry(boot).or_default();
        *seq += 1;
        Event { seq: *seq, at: self.app.clock.now(), kind }
    }

    async fn say(&mut self, host: HostId, boot: BootId, kinds: Vec<EventKind>) {
        let events = kinds.into_iter().map(|kind| self.event(boot, kind)).collect();
        self.app.ingest(host, Report::of(boot, events)).await.unwrap();
    }

    async fn wants(&self, host: HostId, boot: BootId, job: Option<JobId>) {
        let wants = job.into_iter().map(|job| Want { job, spec: spec(), scheduled: true }).collect();
        self.app.ingest(host, Report { wants, ..Report::of(boot, vec![]) }).await.unwrap();
    }

    async fn knows(&self, host: HostId, boot: BootId, running: Vec<JobId>, ended: Vec<(JobId, JobState)>) {
        let known = Some(KnownJobs { running, ended, waiting: None });
        self.app.ingest(host, Report { known, ..Report::of(boot, vec![]) }).await.unwrap();
    }

    async fn state(&self, job: JobId) -> JobState {
        self.app.job(&administrator(), &job.to_string()).await.unwrap().row.state.0
    }

    async fn overdue(&self) {
        self.app.look_for_overdue(self.began).await.unwrap();
    }

    fn boot(&self) -> BootId {
        BootId::new(&self.app.clock)
    }

    fn job(&self) -> JobId {
        JobId::new(&self.app.clock)
    }
}

fn spec() -> JobSpec {
    JobSpec::Backup { paths: vec!["/home".into()], excludes: vec![] }
}

fn started(job: JobId) -> EventKind {
    EventKind::Started { job, spec: spec(), scheduled: true, medium: false }
}

fn saved(job: JobId, id: &str) -> EventKind {
    let (paths, id) = (vec!["/home".into()], id.repeat(32));
    let snapshot = Snapshot { id, time: DateTime::UNIX_EPOCH, paths, files: 1, bytes: 2, verdict: None };
    let ended = Ended { outcome: JobState::Succeeded, snapshot: Some(snapshot), ..Ended::failed("") };
    EventKind::Ended { job, ended }
}

fn failed(job: JobId, kind: FailureKind) -> EventKind {
    EventKind::Ended { job, ended: Ended::failed("no").by(kind) }
}

#[tokio::test]
async fn a_host_that_falls_silent_over_a_job_has_lost_it_and_its_late_word_counts() {
    let mut scene = Scene::new(0).await;
    let (host, boot, job, other) = (enrol(&scene.app, "pc").await, scene.boot(), scene.job(), scene.job());
    scene.say(host, boot, vec![started(job)]).await;
    scene.pass(29);
    scene.overdue().await;
    assert_eq!(scene.state(job).await, JobState::Running);
    scene.pass(1);
    scene.overdue().await;
    assert_eq!(scene.state(job).await, JobState::Lost);
    let view = scene.app.job(&administrator(), &job.to_string()).await.unwrap().row;
    assert!(view.ended > 0 && view.message.contains("silent"), "{}", view.message);
    // It comes back and is still at it; then it is away again, and has done it when it returns.
    scene.knows(host, boot, vec![job], vec![]).await;
    assert_eq!(scene.state(job).await, JobState::Running);
    assert_eq!(scene.app.job(&administrator(), &job.to_string()).await.unwrap().row.ended, 0);
    scene.pass(600);
    scene.overdue().await;
    assert_eq!(scene.state(job).await, JobState::Lost);
    scene.say(host, boot, vec![saved(job, "ab")]).await;
    assert_eq!(scene.state(job).await, JobState::Succeeded);
    assert_eq!(counts(&scene.app, host).await.2, 1);
    // One of a ledger that is gone nobody works on.
    scene.say(host, boot, vec![started(other)]).await;
    scene.knows(host, scene.boot(), vec![], vec![]).await;
    assert_eq!(scene.state(other).await, JobState::Lost);
}

#[tokio::test]
async fn while_the_controller_was_down_nobody_was_silent() {
    let mut scene = Scene::new(0).await;
    let (host, boot, job) = (enrol(&scene.app, "pc").await, scene.boot(), scene.job());
    scene.say(host, boot, vec![started(job)]).await;
    scene.pass(24 * 60);
    scene.app.look_for_overdue(scene.app.clock.now() - TimeDelta::minutes(29)).await.unwrap();
    assert_eq!(scene.state(job).await, JobState::Running);
}

#[tokio::test]
async fn what_the_schedule_began_can_be_called_off_and_paused() {
    let mut scene = Scene::new(0).await;
    let (host, boot, job) = (enrol(&scene.app, "pc").await, scene.boot(), scene.job());
    scene.say(host, boot, vec![started(job)]).await;
    let (staff, id) = (administrator(), job.to_string());
    scene.app.pause_job(&staff, &id, true).await.unwrap();
    let told = async || scene.app.desired(host).await.unwrap().jobs.remove(0);
    let Job { id: told_id, pause, cancel, known_only, .. } = told().await;
    assert_eq!((told_id, pause, cancel, known_only), (job, true, false, true));
    scene.app.cancel_job(&staff, &id).await.unwrap();
    assert!(told().await.cancel);
    assert_eq!(scene.state(job).await, JobState::Running);
    let ended = Ended { outcome: JobState::Cancelled, ..Ended::failed("called off") };
    scene.say(host, boot, vec![EventKind::Ended { job, ended }]).await;
    assert!(scene.app.desired(host).await.unwrap().jobs.is_empty());
}

#[tokio::test]
async fn the_end_of_a_job_that_the_database_has_forgotten_is_kept_with_its_snapshot() {
    let mut scene = Scene::new(0).await;
    let (host, boot) = (enrol(&scene.app, "pc").await, scene.boot());
    let (backup, scan, old) = (scene.job(), scene.job(), scene.job());
    let told = |job, spec, scheduled| {
        let ended = Ended { outcome: JobState::Partial, spec: Some(spec), scheduled, ..Ended::failed("some") };
        EventKind::Ended { job, ended }
    };
    let look = JobSpec::Scan { paths: vec!["/tmp".into()], excludes: vec![], max_file_bytes: 1 };
    scene
        .say(host, boot, vec![saved(backup, "ab"), told(scan, look.clone(), false), told(scene.job(), look, true)])
        .await;
    assert_eq!(counts(&scene.app, host).await.2, 1);
    let jobs = scene.app.jobs(&administrator(), "pc", 0).await.unwrap();
    let found = |id| jobs.iter().find(|job| job.row.id == id).unwrap().row.clone();
    assert_eq!(
        (found(backup).state.0, found(backup).spec.0),
        (JobState::Succeeded, JobSpec::Backup { paths: vec!["/home".into()], excludes: vec![] })
    );
    // Whether that one looked at all that the policy names nobody knows any more.
    assert_eq!((found(scan).whole, found(scan).origin.as_str()), (0, "?"));
    assert_eq!(jobs.iter().filter(|job| job.row.origin == "schedule" && job.row.whole == 1).count(), 1);
    // Of this one nothing is known, not even what it was.
    scene.say(host, boot, vec![failed(old, FailureKind::Other)]).await;
    assert!(scene.app.job(&administrator(), &old.to_string()).await.is_err());
    // Another host does not come by a job like that.
    let other = enrol(&scene.app, "other").await;
    let theirs = scene.boot();
    scene.say(other, theirs, vec![saved(backup, "cd")]).await;
    assert_eq!(counts(&scene.app, other).await, (0, 0, 0));
}

#[tokio::test]
async fn a_snapshot_of_a_job_that_was_given_up_is_a_snapshot() {
    let mut scene = Scene::new(0).await;
    let (host, boot) = (enrol(&scene.app, "pc").await, scene.boot());
    let job = scene.app.ask_backup(&administrator(), "pc").await.unwrap().row.id;
    scene.app.cancel_job(&administrator(), &job.to_string()).await.unwrap();
    assert_eq!(scene.state(job).await, JobState::Cancelled);
    // The database was brought back from before it was handed out; the PC has done it long since.
    scene.say(host, boot, vec![saved(job, "ab")]).await;
    assert_eq!((scene.state(job).await, counts(&scene.app, host).await.2), (JobState::Cancelled, 1));
}

#[tokio::test]
async fn what_the_host_will_not_do_again_ends_as_it_says() {
    let mut scene = Scene::new(0).await;
    let (host, boot) = (enrol(&scene.app, "pc").await, scene.boot());
    let job = scene.app.ask_scan(&administrator(), "pc", vec![]).await.unwrap().row.id;
    assert_eq!(scene.app.desired(host).await.unwrap().jobs.len(), 1);
    scene.knows(host, boot, vec![], vec![(job, JobState::Succeeded)]).await;
    assert_eq!(scene.state(job).await, JobState::Succeeded);
    assert!(scene.app.desired(host).await.unwrap().jobs.is_empty());
    let other = scene.app.ask_scan(&administrator(), "pc", vec![]).await.unwrap().row.id;
    let stranger = enrol(&scene.app, "other").await;
    let theirs = scene.boot();
    scene.knows(stranger, theirs, vec![other], vec![(other, JobState::Failed)]).await;
    assert_eq!(scene.state(other).await, JobState::Queued);
    scene.pass(1);
}

#[tokio::test]
async fn what_is_not_begun_in_time_expires_and_what_was_begun_all_the_same_counts() {
    let mut scene = Scene::new(0).await;
    let (host, boot) = (enrol(&scene.app, "pc").await, scene.boot());
    let job = scene.app.ask_backup(&administrator(), "pc").await.unwrap().row.id;
    scene.pass(7 * 24 * 60);
    scene.overdue().await;
    assert_eq!(scene.state(job).await, JobState::Queued);
    scene.pass(1);
    scene.overdue().await;
    assert_eq!(scene.state(job).await, JobState::Expired);
    assert!(scene.app.desired(host).await.unwrap().jobs.is_empty());
    scene.say(host, boot, vec![started(job), saved(job, "ab")]).await;
    assert_eq!((scene.state(job).await, counts(&scene.app, host).await.2), (JobState::Succeeded, 1));
}

#[tokio::test]
async fn what_failed_is_tried_again_by_its_kind_and_not_for_ever() {
    let mut scene = Scene::new(0).await;
    let (host, boot) = (enrol(&scene.app, "pc").await, scene.boot());
    let job = scene.app.ask_backup(&administrator(), "pc").await.unwrap().row.id;
    scene.say(host, boot, vec![started(job), failed(job, FailureKind::Damaged)]).await;
    assert!(scene.app.desired(host).await.unwrap().jobs.is_empty(), "somebody has to mend that first");
    let mut job = scene.app.ask_backup(&administrator(), "pc").await.unwrap().row.id;
    for (attempt, minutes) in [(2, 5), (3, 15), (4, 60)] {
        scene.pass(1);
        scene.say(host, boot, vec![started(job), failed(job, FailureKind::Unreachable)]).await;
        let next = scene.app.jobs(&administrator(), "pc", 1).await.unwrap().remove(0).row;
        assert_eq!((next.attempt, next.retry_of.as_str()), (attempt, job.to_string().as_str()));
        scene.pass(minutes - 1);
        scene.overdue().await;
        assert!(scene.app.desired(host).await.unwrap().jobs.is_empty());
        scene.pass(1);
        scene.overdue().await;
        assert_eq!(scene.app.desired(host).await.unwrap().jobs[0].id, next.id);
        job = next.id;
    }
    scene.say(host, boot, vec![started(job), failed(job, FailureKind::Unreachable)]).await;
    assert_eq!(scene.app.jobs(&administrator(), "pc", 1).await.unwrap()[0].row.id, job);
    // What the schedule has done the PC itself tries again.
    let own = scene.job();
    scene.say(host, boot, vec![started(own), failed(own, FailureKind::Unreachable)]).await;
    assert!(scene.app.desired(host).await.unwrap().jobs.is_empty());
}

#[tokio::test]
async fn leave_is_given_in_turn_and_passed_on() {
    let mut scene = Scene::new(1).await;
    let (one, other) = (enrol(&scene.app, "one").await, enrol(&scene.app, "other").await);
    let (boot, theirs, first, second) = (scene.boot(), scene.boot(), scene.job(), scene.job());
    scene.wants(one, boot, Some(first)).await;
    scene.pass(1);
    scene.wants(other, theirs, Some(second)).await;
    assert_eq!(scene.state(first).await, JobState::Waiting);
    // Known, and not yet given.
    assert!(!scene.app.desired(one).await.unwrap().slots[0].granted);
    assert_eq!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap(), [one]);
    assert!(scene.app.desired(one).await.unwrap().slots[0].granted);
    assert!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap().is_empty());
    scene.say(one, boot, vec![started(first)]).await;
    assert!(scene.app.desired(one).await.unwrap().slots.is_empty());
    assert!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap().is_empty());
    scene.say(one, boot, vec![saved(first, "ab")]).await;
    assert_eq!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap(), [other]);
    scene.pass(3);
    scene.say(other, theirs, vec![started(second)]).await;
    assert_eq!(scene.app.job(&administrator(), &second.to_string()).await.unwrap().row.waited, 180);
}

#[tokio::test]
async fn leave_that_is_withdrawn_unused_or_held_by_the_silent_goes_to_the_next() {
    let mut scene = Scene::new(1).await;
    let (one, other) = (enrol(&scene.app, "one").await, enrol(&scene.app, "other").await);
    let (boot, theirs, first, second) = (scene.boot(), scene.boot(), scene.job(), scene.job());
    scene.wants(one, boot, Some(first)).await;
    scene.pass(1);
    scene.wants(other, theirs, Some(second)).await;
    assert_eq!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap(), [one]);
    // It has other work by now.
    scene.wants(one, boot, None).await;
    assert_eq!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap(), [other]);
    scene.pass(BEGIN_WITHIN / 60);
    scene.wants(one, boot, Some(first)).await;
    assert_eq!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap(), [one]);
    scene.say(one, boot, vec![started(first)]).await;
    scene.wants(other, theirs, Some(second)).await;
    scene.pass(SILENT / 60);
    scene.wants(other, theirs, Some(second)).await;
    assert_eq!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap(), [other]);
}

#[tokio::test]
async fn a_host_cannot_ask_in_anothers_name_nor_for_what_has_ended() {
    let mut scene = Scene::new(1).await;
    let (one, other) = (enrol(&scene.app, "one").await, enrol(&scene.app, "other").await);
    let (boot, theirs, job) = (scene.boot(), scene.boot(), scene.job());
    scene.say(one, boot, vec![started(job)]).await;
    scene.wants(other, theirs, Some(job)).await;
    assert!(scene.app.desired(other).await.unwrap().slots.is_empty());
    scene.say(one, boot, vec![saved(job, "ab")]).await;
    scene.wants(one, boot, Some(job)).await;
    assert!(scene.app.desired(one).await.unwrap().slots.is_empty());
    assert!(scene.app.grant_slots(DateTime::UNIX_EPOCH).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_job_that_waits_can_be_called_off() {
    let mut scene = Scene::new(1).await;
    let (host, boot, job) = (enrol(&scene.app, "pc").await, scene.boot(), scene.job());
    scene.wants(host, boot, Some(job)).await;
    scene.app.cancel_job(&administrator(), &job.to_string()).await.unwrap();
    let told = scene.app.desired(host).await.unwrap().jobs.remove(0);
    assert!(told.cancel && told.known_only);
    let ended = Ended { outcome: JobState::Cancelled, ..Ended::failed("called off") };
    scene.say(host, boot, vec![EventKind::Ended { job, ended }]).await;
    assert_eq!(scene.state(job).await, JobState::Cancelled);
    assert!(scene.app.desired(host).await.unwrap().slots.is_empty());
}

#[tokio::test]
async fn what_its_pc_does_not_ask_for_any_more_does_not_wait_for_ever() {
    let scene = Scene::new(1).await;
    let (host, boot, job) = (enrol(&scene.app, "pc").await, scene.boot(), scene.job());
    let asked = scene.app.ask_backup(&administrator(), "pc").await.unwrap().row.id;
    for waits in [job, asked] {
        scene.wants(host, boot, Some(waits)).await;
        // It has other work just now.
        scene.wants(host, boot, None).await;
        assert_eq!(scene.state(waits).await, JobState::Waiting);
    }
    scene.knows(host, boot, vec![], vec![]).await;
    assert_eq!((scene.state(job).await, scene.state(asked).await), (JobState::Expired, JobState::Waiting));
    scene.wants(host, boot, Some(job)).await;
    assert_eq!(scene.state(job).await, JobState::Waiting);
}

#[tokio::test]
async fn more_jobs_than_a_message_holds_are_not_taken_for_one_pc() {
    let scene = Scene::new(0).await;
    enrol(&scene.app, "pc").await;
    for _ in 0..100 {
        scene.app.ask_scan(&administrator(), "pc", vec![]).await.unwrap();
    }
    let refused = scene.app.ask_scan(&administrator(), "pc", vec![]).await;
    assert!(matches!(refused, Err(AppError::Conflict(why)) if why.contains("jobs cancel")));
}
