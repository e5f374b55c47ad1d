#![allow(clippy::unwrap_used)]
//! What the ledger promises, across restarts and cuts at every point.

use super::jobs::MOST_TAKEN_UP;
use super::*;
use chrono::TimeDelta;
use keepwatch_proto::detection::Detection;
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::job::{Job, KnownJobs, Want};
use keepwatch_proto::policy::Policy;
use tempfile::TempDir;

struct Desk {
    folder: TempDir,
    host: HostId,
    clock: Clock,
}

impl Desk {
    fn new() -> Self {
        let clock = Clock::fixed(at(8));
        Self { folder: tempfile::tempdir().unwrap(), host: HostId::new(&clock), clock }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.redb")
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.path(), self.host, at(8), self.clock.clone()).unwrap()
    }

    /// The ledger as it would be found had the power been cut now.
    fn cut(&self, name: usize) -> Ledger {
        let copy = self.folder.path().join(format!("cut-{name}.redb"));
        std::fs::copy(self.path(), &copy).unwrap();
        Ledger::open(&copy, self.host, at(8), self.clock.clone()).unwrap()
    }
}

fn at(hour: u32) -> DateTime<Utc> {
    format!("2026-11-24T{hour:02}:00:00Z").parse().unwrap()
}

fn scan() -> JobSpec {
    JobSpec::Scan { paths: vec!["/srv".into()], excludes: vec![], max_file_bytes: 1 }
}

fn backup() -> JobSpec {
    JobSpec::Backup { paths: vec![], excludes: vec![] }
}

fn success() -> Ended {
    Ended { outcome: JobState::Succeeded, ..Ended::failed("") }
}

fn cancelled() -> Ended {
    Ended { outcome: JobState::Cancelled, ..Ended::failed("called off") }
}

fn detection(job: JobId) -> Detection {
    Detection {
        job,
        rule: "EICAR".into(),
        namespace: "test".into(),
        severity: keepwatch_proto::detection::Severity::High,
        metadata: BTreeMap::new(),
        path: "/srv/a".into(),
        size: 68,
        sha256: String::new(),
        bundle: 1,
    }
}

fn desired(generation: u64, jobs: &[JobId]) -> Desired {
    let job = |id: &JobId| Job {
        id: *id,
        spec: scan(),
        cancel: false,
        pause: false,
        known_only: false,
        deadline: None,
        request: None,
    };
    Desired {
        generation,
        policy: Policy::default(),
        bundle: None,
        agent_version: String::new(),
        jobs: jobs.iter().map(job).collect(),
        grants: vec![],
        slots: vec![],
    }
}

/// How many events tell of a job's start and of its end.
fn told(ledger: &Ledger, job: JobId) -> (usize, usize) {
    let events = ledger.outbox(0, usize::MAX, usize::MAX).unwrap();
    let count = |is: fn(&EventKind, JobId) -> bool| events.iter().filter(|e| is(&e.kind, job)).count();
    (
        count(|kind, job| matches!(kind, EventKind::Started { job: j, .. } if *j == job)),
        count(|kind, job| matches!(kind, EventKind::Ended { job: j, .. } if *j == job)),
    )
}

#[test]
fn only_a_newer_generation_is_applied_and_it_survives() {
    let desk = Desk::new();
    let ledger = desk.open();
    assert!(ledger.apply(&desired(5, &[]), &[]).unwrap());
    for old in [0, 4, 5] {
        assert!(!ledger.apply(&desired(old, &[JobId::new(&desk.clock)]), &[]).unwrap());
    }
    let boot = ledger.boot();
    drop(ledger);
    let ledger = desk.open();
    assert_eq!(ledger.desired().unwrap(), Some(desired(5, &[])));
    assert_eq!(ledger.boot(), boot);
}

#[test]
fn what_another_version_wrote_is_asked_for_anew() {
    let ledger = Desk::new().open();
    ledger.write(|book| book.put("desired", &"of another shape")).unwrap();
    assert_eq!((ledger.desired().unwrap(), ledger.standing().unwrap().desired), (None, None));
    assert!(ledger.apply(&desired(1, &[]), &[]).unwrap());
}

#[test]
fn a_job_is_begun_once_and_ends_once() {
    let desk = Desk::new();
    let ledger = desk.open();
    let job = JobId::new(&desk.clock);
    assert!(ledger.start(job, &scan(), Cause::Asked).unwrap());
    assert!(!ledger.start(job, &scan(), Cause::Asked).unwrap());
    ledger.end(job, success()).unwrap();
    ledger.end(job, Ended::failed("again")).unwrap();
    ledger.drop_unbegun(job, &scan(), cancelled()).unwrap();
    assert!(!ledger.start(job, &scan(), Cause::Asked).unwrap());
    assert_eq!(told(&ledger, job), (1, 1));
}

#[test]
fn a_cut_at_any_point_leaves_every_job_told_once() {
    let desk = Desk::new();
    let ledger = desk.open();
    let (first, second) = (JobId::new(&desk.clock), JobId::new(&desk.clock));
    let steps: [&dyn Fn(); 7] = [
        &|| assert!(ledger.apply(&desired(1, &[first, second]), &[]).unwrap()),
        &|| assert!(ledger.start(first, &backup(), Cause::Schedule).unwrap()),
        &|| ledger.found(vec![detection(first), detection(first)]).unwrap(),
        &|| assert!(ledger.start(second, &backup(), Cause::Asked).unwrap()),
        &|| ledger.end(first, success()).unwrap(),
        &|| ledger.drop_unbegun(second, &scan(), cancelled()).unwrap(),
        &|| ledger.end(second, success()).unwrap(),
    ];
    for (number, step) in steps.iter().enumerate() {
        step();
        let found = desk.cut(number);
        let begun = found.standing().unwrap().known;
        assert_eq!(found.take_up().unwrap(), []);
        assert_eq!(found.take_up().unwrap(), []);
        assert!(found.standing().unwrap().running.is_empty());
        for job in [first, second] {
            let once = if begun.contains(&job) { (1, 1) } else { (0, 0) };
            assert_eq!(told(&found, job), once, "after step {number}");
        }
        let seqs: Vec<u64> = found.outbox(0, usize::MAX, usize::MAX).unwrap().iter().map(|e| e.seq).collect();
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    }
}

#[test]
fn a_step_that_breaks_off_leaves_nothing() {
    let desk = Desk::new();
    let ledger = desk.open();
    let job = JobId::new(&desk.clock);
    let broken = ledger.write(|book| {
        book.begin(job, &scan(), Cause::Asked)?;
        book.tell(EventKind::Applied { version: 1 })?;
        Err::<(), _>(LedgerError::Busy)
    });
    assert!(broken.is_err());
    assert!(ledger.outbox(0, 9, usize::MAX).unwrap().is_empty() && ledger.standing().unwrap().known.is_empty());
}

#[test]
fn an_acknowledgement_counts_for_its_own_ledger_only() {
    let desk = Desk::new();
    let ledger = desk.open();
    ledger.found((0..5).map(|_| detection(JobId::new(&desk.clock))).collect()).unwrap();
    ledger.acknowledge(BootId::new(&desk.clock), 5).unwrap();
    assert_eq!(ledger.waiting().unwrap(), 5);
    ledger.acknowledge(ledger.boot(), 3).unwrap();
    assert_eq!(ledger.outbox(0, 9, usize::MAX).unwrap().iter().map(|e| e.seq).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(ledger.outbox(4, 9, usize::MAX).unwrap().len(), 1);
    // A batch is bounded, yet never empty.
    assert_eq!(ledger.outbox(0, 9, 1).unwrap().len(), 1);
    ledger.acknowledge(ledger.boot(), 9).unwrap();
    drop(ledger);
    // The count goes on: a number is never used twice within one boot.
    let ledger = desk.open();
    ledger.bundle_applied(1).unwrap();
    assert_eq!(ledger.outbox(0, 9, usize::MAX).unwrap()[0].seq, 6);
}

#[test]
fn an_interrupted_schedule_is_still_due_and_a_failed_one_is_tried_again_later() {
    let desk = Desk::new();
    let ledger = desk.open();
    let before = ledger.standing().unwrap().backup;
    let run = |ended: Option<Ended>| {
        let job = JobId::new(&desk.clock);
        ledger.start(job, &backup(), Cause::Schedule).unwrap();
        match ended {
            Some(ended) => ledger.end(job, ended).unwrap(),
            None => assert_eq!(ledger.take_up().unwrap(), []),
        }
        ledger.standing().unwrap().backup
    };
    assert_eq!(run(None), before);
    for minutes in [15, 60, 240] {
        let turn = run(Some(Ended::failed("no way")));
        assert_eq!((turn.since, turn.not_before), (before.since, Some(at(8) + TimeDelta::minutes(minutes))));
    }
    let given_up = Turn { since: at(8), not_before: None, failures: 0 };
    assert_eq!(run(Some(Ended::failed("no way"))), given_up);
    // What people have to mend is not tried at all before its next time.
    assert_eq!(run(Some(Ended::failed("damaged").by(FailureKind::Damaged))), given_up);
    let mut policy = desired(1, &[]);
    policy.policy.work.retries = 1;
    ledger.apply(&policy, &[]).unwrap();
    let soon = run(Some(Ended::failed("no line").by(FailureKind::Unreachable)));
    assert_eq!(soon.not_before, Some(at(8) + TimeDelta::minutes(5)));
    assert_eq!(run(Some(Ended::failed("no line").by(FailureKind::Unreachable))), given_up);
    assert_eq!(ledger.standing().unwrap().scan, before);
}

#[test]
fn a_backup_that_has_its_snapshot_ends_with_it_when_the_agent_is_stopped_in_what_follows() {
    let desk = Desk::new();
    let job = JobId::new(&desk.clock);
    desk.open().start(job, &backup(), Cause::Schedule).unwrap();
    desk.open().so_far(job, Ended { message: "so far".into(), ..success() }).unwrap();
    let ledger = desk.open();
    assert_eq!(ledger.take_up().unwrap(), []);
    let events = ledger.outbox(0, 100, usize::MAX).unwrap();
    let ends: Vec<_> = events
        .into_iter()
        .filter_map(|event| match event.kind {
            EventKind::Ended { ended, .. } => Some((ended.outcome, ended.message)),
            _ => None,
        })
        .collect();
    assert_eq!(ends, [(JobState::Succeeded, "so far".to_owned())]);
    // It was the schedule's turn.
    assert_eq!(ledger.standing().unwrap().backup.since, at(8));
    // What is over is over.
    ledger.so_far(job, success()).unwrap();
    assert_eq!(told(&ledger, job), (1, 1));
}

#[test]
fn an_interrupted_scan_goes_on_as_the_same_job_and_not_for_ever() {
    let desk = Desk::new();
    let job = JobId::new(&desk.clock);
    let before = desk.open().standing().unwrap().scan;
    desk.open().start(job, &scan(), Cause::Schedule).unwrap();
    for _ in 0..MOST_TAKEN_UP {
        let ledger = desk.open();
        assert_eq!(ledger.take_up().unwrap(), [(job, scan())]);
        assert_eq!((told(&ledger, job), ledger.standing().unwrap().scan), ((1, 0), before));
    }
    let ledger = desk.open();
    assert_eq!(ledger.take_up().unwrap(), []);
    assert_eq!(told(&ledger, job), (1, 1));
}

#[test]
fn a_job_that_ended_is_not_taken_up_and_one_of_an_older_agent_has_failed() {
    let desk = Desk::new();
    let ledger = desk.open();
    let (done, older) = (JobId::new(&desk.clock), JobId::new(&desk.clock));
    ledger.start(done, &scan(), Cause::Asked).unwrap();
    ledger.end(done, success()).unwrap();
    let record = r#"{"kind": "scan", "scheduled": false, "began": "2026-11-24T08:00:00Z", "ended": null}"#;
    let record: Record = serde_json::from_str(record).unwrap();
    ledger.write(|book| book.put_record(older, &record)).unwrap();
    assert_eq!(ledger.take_up().unwrap(), []);
    assert_eq!((told(&ledger, done), told(&ledger, older)), ((1, 1), (0, 1)));
}

#[test]
fn a_medium_that_appears_is_told_of_and_is_not_the_schedules_turn() {
    let desk = Desk::new();
    let ledger = desk.open();
    let before = ledger.standing().unwrap().scan;
    let job = JobId::new(&desk.clock);
    ledger.start(job, &scan(), Cause::Medium).unwrap();
    let began = &ledger.outbox(0, 9, usize::MAX).unwrap()[0].kind;
    assert!(matches!(began, EventKind::Started { scheduled: true, medium: true, .. }), "{began:?}");
    ledger.end(job, Ended::failed("pulled out")).unwrap();
    assert_eq!(ledger.standing().unwrap().scan, before);
}

#[test]
fn what_a_job_has_found_is_known_while_it_waits() {
    let desk = Desk::new();
    let ledger = desk.open();
    let (job, other) = (JobId::new(&desk.clock), JobId::new(&desk.clock));
    ledger.found((0..600).map(|n| detection(if n % 2 == 0 { job } else { other })).collect()).unwrap();
    assert_eq!(ledger.found_by(job).unwrap(), vec![detection(job); 300]);
}

#[test]
fn a_refusal_is_told_once_for_each_reason() {
    let desk = Desk::new();
    let ledger = desk.open();
    for (version, reason) in [(2, "a"), (2, "a"), (2, "b"), (3, "b")] {
        ledger.bundle_refused(version, reason).unwrap();
    }
    for version in [1, 1, 2] {
        ledger.bundle_applied(version).unwrap();
    }
    assert_eq!(ledger.waiting().unwrap(), 5);
}

#[test]
fn what_the_agent_cannot_read_ends_as_failed_once() {
    let desk = Desk::new();
    let ledger = desk.open();
    let job = JobId::new(&desk.clock);
    for generation in [1, 2] {
        ledger.apply(&desired(generation, &[]), &[(job, "no such kind".to_owned())]).unwrap();
    }
    assert_eq!(told(&ledger, job), (0, 1));
}

#[test]
fn old_jobs_are_forgotten_but_never_an_offered_one() {
    let desk = Desk::new();
    let ledger = desk.open();
    let jobs: Vec<JobId> = (0..5).map(|_| JobId::new(&desk.clock)).collect();
    for job in &jobs {
        ledger.start(*job, &scan(), Cause::Asked).unwrap();
        ledger.end(*job, success()).unwrap();
    }
    let oldest = jobs.iter().min().copied().unwrap();
    ledger.write(|book| book.forget(&BTreeSet::from([oldest]), 1)).unwrap();
    let known = ledger.standing().unwrap().known;
    assert!(known.len() == 2 && known.contains(&oldest) && known.contains(jobs.iter().max().unwrap()));
}

#[test]
fn another_hosts_ledger_and_a_damaged_one_are_put_aside() {
    let desk = Desk::new();
    let ledger = desk.open();
    let boot = ledger.boot();
    assert!(matches!(Ledger::open(&desk.path(), desk.host, at(8), desk.clock.clone()), Err(LedgerError::Busy)));
    drop(ledger);
    let other = Ledger::open(&desk.path(), HostId::new(&desk.clock), at(8), desk.clock.clone()).unwrap();
    assert_ne!(other.boot(), boot);
    drop(other);
    std::fs::write(desk.path(), vec![7; 9000]).unwrap();
    assert_ne!(desk.open().boot(), boot);
    assert!(desk.folder.path().join("ledger.redb.damaged").exists());
}

fn want(job: JobId, scheduled: bool) -> Want {
    Want { job, spec: backup(), scheduled }
}

#[test]
fn what_waits_is_wanted_while_nothing_keeps_it_and_not_once_it_began() {
    let desk = Desk::new();
    let (job, scan_job, restore) = (JobId::new(&desk.clock), JobId::new(&desk.clock), JobId::new(&desk.clock));
    desk.open().wait(want(job, true)).unwrap();
    let ledger = desk.open();
    assert_eq!(ledger.wanted().unwrap(), Some(want(job, true)));
    let bring_back = JobSpec::Restore(keepwatch_proto::job::RestoreSpec::default());
    ledger.start(restore, &bring_back, Cause::Asked).unwrap();
    assert!(ledger.wanted().unwrap().is_some());
    ledger.start(scan_job, &scan(), Cause::Asked).unwrap();
    assert_eq!(ledger.wanted().unwrap(), None);
    ledger.end(scan_job, success()).unwrap();
    assert!(ledger.wanted().unwrap().is_some());
    ledger.start(job, &backup(), Cause::Schedule).unwrap();
    ledger.end(job, success()).unwrap();
    assert_eq!((ledger.wanted().unwrap(), ledger.standing().unwrap().wait), (None, None));
}

#[test]
fn a_scheduled_one_that_is_called_off_while_it_waits_is_not_due_again_at_once() {
    let desk = Desk::new();
    let (job, ledger) = (JobId::new(&desk.clock), desk.open());
    ledger.wait(want(job, true)).unwrap();
    let before = ledger.standing().unwrap().scan;
    ledger.drop_unbegun(job, &backup(), cancelled()).unwrap();
    let standing = ledger.standing().unwrap();
    assert_eq!((standing.wait, standing.backup.since, standing.scan), (None, at(8), before));
    let [Event { kind: EventKind::Ended { ended, .. }, .. }] = &ledger.outbox(0, 9, usize::MAX).unwrap()[..] else {
        panic!()
    };
    assert_eq!((ended.outcome, ended.scheduled, &ended.spec), (JobState::Cancelled, true, &Some(backup())));
}

#[test]
fn a_pc_that_was_off_waits_anew() {
    let mut desk = Desk::new();
    let job = JobId::new(&desk.clock);
    desk.open().wait_anew().unwrap();
    desk.open().wait(want(job, true)).unwrap();
    desk.clock = Clock::fixed(at(20));
    let ledger = desk.open();
    ledger.wait_anew().unwrap();
    assert_eq!(ledger.standing().unwrap().wait, Some(Wait { want: want(job, true), since: at(20) }));
}

#[test]
fn it_knows_what_runs_and_how_what_is_offered_has_ended() {
    let desk = Desk::new();
    let ledger = desk.open();
    let [first, second, third] = [(); 3].map(|()| JobId::new(&desk.clock));
    ledger.apply(&desired(1, &[first, second]), &[]).unwrap();
    for job in [first, third] {
        ledger.start(job, &backup(), Cause::Asked).unwrap();
        ledger.end(job, success()).unwrap();
    }
    ledger.start(second, &backup(), Cause::Asked).unwrap();
    ledger.wait(want(third, true)).unwrap();
    let expected = KnownJobs { running: vec![second], ended: vec![(first, JobState::Succeeded)], waiting: Some(third) };
    assert_eq!(ledger.known_jobs().unwrap(), expected);
}
