#![allow(clippy::unwrap_used)]
//! What is begun when, as tables.

use super::super::obstacles::Obstacles;
use super::*;
use crate::ledger::Turn;
use keepwatch_proto::clock::Clock;
use keepwatch_proto::desired::Desired;
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::job::{Job, RestoreSpec, Slot, Want};
use keepwatch_proto::quarantine::QuarantineSpec;
use std::collections::BTreeMap;

fn at(text: &str) -> DateTime<Utc> {
    format!("2026-11-{text}:00Z").parse().unwrap()
}

fn id(number: u32) -> JobId {
    format!("0193582e-0000-7000-8000-{number:012}").parse().unwrap()
}

fn pc() -> Pc {
    Pc::free("0193582e-0000-7000-8000-000000000001".parse().unwrap())
}

fn restore() -> JobSpec {
    JobSpec::Restore(RestoreSpec { snapshot: "latest".into(), ..RestoreSpec::default() })
}

fn backup() -> JobSpec {
    JobSpec::Backup { paths: vec!["/asked".into()], excludes: vec![] }
}

/// Both schedules followed up to the 20th at noon (a Friday); scans at 9, backups on Wednesdays at 10.
fn standing() -> Standing {
    let policy = "{time_zone: UTC, scan: {schedule: '0 9 * * *'}, backup: {schedule: '0 10 * * wed'}, work: {slot_grace_minutes: 0}}";
    let policy = Policy::from_yaml(policy).unwrap();
    let desired = Desired {
        generation: 1,
        policy,
        bundle: None,
        agent_version: String::new(),
        jobs: vec![],
        grants: vec![],
        slots: vec![],
    };
    let turn = Turn { since: at("20T12:00"), ..Turn::default() };
    let (known, running) = (BTreeSet::new(), BTreeMap::new());
    Standing { desired: Some(desired), known, running, wait: None, scan: turn, backup: turn }
}

fn job(number: u32, spec: JobSpec, cancel: bool) -> Job {
    Job { id: id(number), spec, cancel, pause: false, known_only: false, deadline: None, request: None }
}

/// Nothing is heard of the controller.
fn plan(standing: &Standing, pc: Pc, medium: Option<&Path>, now: DateTime<Utc>) -> Vec<Step> {
    super::plan(standing, pc, medium, None, now)
}

fn kinds(steps: &[Step]) -> Vec<String> {
    let kind = |step: &Step| match step {
        Step::Begin(_, spec) => spec.kind().to_owned(),
        Step::BeginScheduled(_, spec) => format!("scheduled {}", spec.kind()),
        Step::BeginMedium(spec) => format!("medium {}", spec.kind()),
        Step::Ask(job, spec) => format!("ask {}{}", if job.is_some() { "" } else { "scheduled " }, spec.kind()),
        Step::GiveUp => "give up".into(),
        Step::Drop(..) => "drop".into(),
        Step::Expire(..) => "expire".into(),
        Step::Stop(_) => "stop".into(),
        Step::Hold(_, held) => format!("hold {held}"),
    };
    steps.iter().map(kind).collect()
}

#[test]
fn the_schedule_is_followed_also_after_a_long_absence() {
    for (now, expected) in [
        ("20T12:01", None),
        ("21T08:59", None),
        ("21T09:00", Some("scheduled scan")),
        // Wednesday the 25th was missed as well: the newest scan is due later than it.
        ("26T09:30", Some("scheduled backup")),
    ] {
        assert_eq!(kinds(&plan(&standing(), pc(), None, at(now))), Vec::from_iter(expected.map(String::from)), "{now}");
    }
}

#[test]
fn a_failed_one_waits_for_its_time_and_an_empty_schedule_never_comes() {
    let mut later = standing();
    later.scan.not_before = Some(at("21T10:00"));
    assert_eq!(plan(&later, pc(), None, at("21T09:59")), vec![]);
    assert_eq!(kinds(&plan(&later, pc(), None, at("21T10:00"))), ["scheduled scan"]);

    let mut asked_only = standing();
    asked_only.desired.as_mut().unwrap().policy.scan.schedule.clear();
    assert_eq!(plan(&asked_only, pc(), None, at("21T10:00")), vec![]);
    asked_only.desired = None;
    assert_eq!(plan(&asked_only, pc(), None, at("30T10:00")), vec![]);
}

#[test]
fn a_clock_that_was_years_ahead_and_was_set_right_stops_nothing() {
    let mut set_back = standing();
    let (now, ahead) = (at("20T13:00"), "2031-01-01T00:00:00Z".parse().unwrap());
    set_back.scan.since = ahead;
    assert_eq!(kinds(&plan(&set_back, pc(), None, now)), ["scheduled scan"]);
    // A second of correction is no reason to run again.
    set_back.scan.since = at("20T13:01");
    assert_eq!(plan(&set_back, pc(), None, now), vec![]);
    set_back.scan = Turn { not_before: Some(ahead), ..standing().scan };
    assert_eq!(kinds(&plan(&set_back, pc(), None, at("21T09:00"))), ["scheduled scan"]);
}

#[test]
fn what_staff_ask_goes_first_one_at_a_time_and_restores_beside() {
    let mut asked = standing();
    asked.desired.as_mut().unwrap().jobs =
        vec![job(1, backup(), false), job(2, backup(), false), job(3, restore(), false), job(4, restore(), false)];
    let now = at("21T09:00");
    assert_eq!(plan(&asked, pc(), None, now), vec![Step::Begin(id(1), backup()), Step::Begin(id(3), restore())]);

    asked.known = BTreeSet::from([id(1), id(3)]);
    asked.running = BTreeMap::from([(id(1), "backup".into()), (id(3), "restore".into())]);
    assert_eq!(plan(&asked, pc(), None, now), vec![Step::Hold(id(1), false)]);

    // Offered again after its end: never begun again.
    asked.running.clear();
    assert_eq!(plan(&asked, pc(), None, now), vec![Step::Begin(id(2), backup()), Step::Begin(id(4), restore())]);

    asked.known.extend([id(2), id(4)]);
    assert_eq!(kinds(&plan(&asked, pc(), None, now)), ["scheduled scan"]);
}

#[test]
fn what_is_called_off_is_dropped_stopped_or_long_over() {
    let mut called_off = standing();
    called_off.desired.as_mut().unwrap().jobs =
        vec![job(1, backup(), true), job(2, restore(), true), job(3, backup(), true)];
    called_off.known = BTreeSet::from([id(2), id(3)]);
    called_off.running = BTreeMap::from([(id(2), "restore".into())]);
    assert_eq!(plan(&called_off, pc(), None, at("20T13:00")), vec![Step::Drop(id(1), backup()), Step::Stop(id(2))]);
}

#[test]
fn a_medium_waits_for_what_runs_and_goes_before_the_schedule() {
    let (medium, now) = (Some(Path::new("/media/li/stick \\x41")), at("21T09:00"));
    let mut busy = standing();
    let expected = JobSpec::Scan {
        paths: vec![paths::of_path(Path::new("/media/li/stick \\x41"))],
        excludes: vec![],
        max_file_bytes: Policy::default().scan.max_file_bytes,
    };
    assert_eq!(plan(&busy, pc(), medium, now), vec![Step::BeginMedium(expected)]);
    // What staff ask for goes first, a restore beside it.
    busy.desired.as_mut().unwrap().jobs = vec![job(1, backup(), false)];
    assert_eq!(plan(&busy, pc(), medium, now), vec![Step::Begin(id(1), backup())]);
    busy.desired.as_mut().unwrap().jobs = vec![job(3, restore(), false)];
    assert_eq!(kinds(&plan(&busy, pc(), medium, now)), ["restore", "medium scan"]);
    busy.running = BTreeMap::from([(id(7), "scan".into())]);
    assert_eq!(kinds(&plan(&busy, pc(), medium, now)), ["restore"]);
}

#[test]
fn timing_holds_back_the_start() {
    let with = |timing: &str| {
        let yaml =
            format!("{{time_zone: UTC, scan: {{schedule: ''}}, backup: {{schedule: '0 10 * * *', timing: {timing}}}}}");
        let mut standing = standing();
        standing.desired.as_mut().unwrap().policy = Policy::from_yaml(&yaml).unwrap();
        standing
    };
    for (timing, now, expected) in [
        ("{}", "21T10:00", true),
        ("{allowed: [{from: '18:00', to: '20:00'}]}", "21T10:00", false),
        ("{allowed: [{from: '18:00', to: '20:00'}]}", "21T18:00", true),
        // Missed while it was off: made up for in the next window, or not at all.
        ("{allowed: [{from: '18:00', to: '20:00'}]}", "22T11:00", false),
        ("{allowed: [{from: '18:00', to: '20:00'}]}", "22T19:00", true),
        ("{catch_up_hours: 3}", "21T13:00", true),
        ("{catch_up_hours: 3}", "21T13:01", false),
        ("{spread_minutes: 600}", "21T20:00", true),
    ] {
        assert_eq!(!plan(&with(timing), pc(), None, at(now)).is_empty(), expected, "{timing} at {now}");
    }
}

/// Scans and backups of the same time; each of them with a timing.
fn timed(scan: &str, backup: &str) -> Standing {
    let kind = |timing: &str| format!("{{schedule: '0 10 * * *', timing: {timing}}}");
    let yaml =
        format!("{{time_zone: UTC, scan: {}, backup: {}, work: {{slot_grace_minutes: 0}}}}", kind(scan), kind(backup));
    let mut standing = standing();
    standing.desired.as_mut().unwrap().policy = Policy::from_yaml(&yaml).unwrap();
    standing
}

const FREE: Obstacles = Obstacles { battery: false, metered: false, in_use: false };
const BATTERY: Obstacles = Obstacles { battery: true, ..FREE };
const METERED: Obstacles = Obstacles { metered: true, ..FREE };
const IN_USE: Obstacles = Obstacles { in_use: true, ..FREE };

#[test]
fn what_the_policy_asks_about_the_pc_holds_back_the_start_and_nothing_else() {
    let all = BATTERY.or(METERED).or(IN_USE);
    for (scan, backup, obstacles, expected) in [
        ("{}", "{}", all, Some("scheduled backup")),
        ("{}", "{not_on_battery: true}", BATTERY, Some("scheduled scan")),
        ("{}", "{not_on_battery: true}", METERED.or(IN_USE), Some("scheduled backup")),
        ("{}", "{not_on_metered: true}", METERED, Some("scheduled scan")),
        ("{}", "{not_on_metered: true}", BATTERY.or(IN_USE), Some("scheduled backup")),
        ("{}", "{only_when_idle: true}", IN_USE, Some("scheduled scan")),
        ("{}", "{only_when_idle: true}", BATTERY.or(METERED), Some("scheduled backup")),
        ("{only_when_idle: true}", "{not_on_metered: true}", METERED, Some("scheduled scan")),
        ("{only_when_idle: true}", "{not_on_metered: true}", METERED.or(IN_USE), None),
        ("{only_when_idle: true}", "{not_on_metered: true}", FREE, Some("scheduled backup")),
    ] {
        let steps = plan(&timed(scan, backup), Pc { obstacles, ..pc() }, None, at("21T10:00"));
        assert_eq!(kinds(&steps), Vec::from_iter(expected.map(String::from)), "{scan} {backup} {obstacles:?}");
    }
    // What staff ask for begins all the same.
    let mut asked = timed("{}", "{only_when_idle: true}");
    asked.desired.as_mut().unwrap().jobs = vec![job(1, backup(), false)];
    assert_eq!(plan(&asked, Pc { obstacles: all, ..pc() }, None, at("21T10:00")), vec![Step::Begin(id(1), backup())]);
}

#[test]
fn what_was_held_back_is_made_up_for_as_long_as_the_policy_says() {
    for (catch_up, obstacles, now, expected) in [
        (0, IN_USE, "21T23:00", false),
        (0, FREE, "21T23:00", true),
        // Once for all that were missed, days later too.
        (0, FREE, "25T09:00", true),
        (3, FREE, "21T13:00", true),
        (3, FREE, "21T14:00", false),
        (3, FREE, "22T10:00", true),
    ] {
        let standing =
            timed("{not_on_battery: true}", &format!("{{only_when_idle: true, catch_up_hours: {catch_up}}}"));
        let pc = Pc { obstacles: obstacles.or(BATTERY), ..pc() };
        assert_eq!(!plan(&standing, pc, None, at(now)).is_empty(), expected, "{catch_up} {obstacles:?} {now}");
    }
}

#[test]
fn the_pc_is_looked_at_only_for_what_is_due_and_asked() {
    let asked = |scan: &str, backup: &str, now| due::to_ask(&timed(scan, backup), pc().host, at(now));
    for (scan, backup, now, expected) in [
        ("{}", "{}", "21T10:00", FREE),
        ("{not_on_battery: true}", "{only_when_idle: true}", "21T09:59", FREE),
        ("{not_on_battery: true}", "{only_when_idle: true}", "21T10:00", BATTERY.or(IN_USE)),
        ("{not_on_metered: true, catch_up_hours: 1}", "{only_when_idle: true}", "21T12:00", IN_USE),
    ] {
        assert_eq!(asked(scan, backup, now), expected, "{scan} {backup} {now}");
    }
    // Not while something runs that it would have to wait for.
    let mut busy = timed("{}", "{only_when_idle: true}");
    for (kind, expected) in [("restore", IN_USE), ("scan", FREE), ("backup", FREE)] {
        busy.running = BTreeMap::from([(id(1), kind.into())]);
        assert_eq!(due::to_ask(&busy, pc().host, at("21T10:00")), expected, "{kind}");
    }
    assert_eq!(due::to_ask(&Standing { desired: None, ..standing() }, pc().host, at("25T10:00")), FREE);
}

#[test]
fn what_is_held_back_keeps_neither_leave_nor_what_staff_ask_for() {
    let now = at("25T12:01");
    let mut held = asks(Some((7, true)));
    held.scan.since = now;
    held.desired.as_mut().unwrap().policy.backup.timing.only_when_idle = true;
    let at_work = Pc { obstacles: IN_USE, ..pc() };
    assert_eq!(super::plan(&held, pc(), None, Some(now), now), vec![]);
    assert_eq!(super::plan(&held, at_work, None, Some(now), now), vec![Step::GiveUp]);
    held.desired.as_mut().unwrap().jobs = vec![job(1, backup(), false)];
    let asked = vec![Step::GiveUp, Step::Ask(Some(id(1)), backup())];
    assert_eq!(super::plan(&held, at_work, None, Some(now), now), asked);
    // Nobody is asked while it is held back.
    (held.wait, held.desired.as_mut().unwrap().jobs) = (None, vec![]);
    assert_eq!(super::plan(&held, at_work, None, Some(now), now), vec![]);
    assert_eq!(kinds(&super::plan(&held, pc(), None, Some(now), now)), ["ask scheduled backup"]);
}

/// The same, where leave is asked for; this waits for it since noon.
fn asks(wait: Option<(u32, bool)>) -> Standing {
    let mut standing = standing();
    standing.desired.as_mut().unwrap().policy.work.slot_grace_minutes = 30;
    let want = |(number, scheduled)| Want { job: id(number), spec: backup(), scheduled };
    standing.wait = wait.map(|wait| keepwatch_proto::job::Wait { want: want(wait), since: at("25T12:00") });
    standing
}

#[test]
fn a_backup_asks_for_leave_and_goes_ahead_where_nobody_answers() {
    let now = at("25T12:00");
    let mut standing = asks(None);
    standing.scan.since = now;
    assert_eq!(kinds(&plan(&standing, pc(), None, now)), ["ask scheduled backup"]);
    standing = asks(Some((7, true)));
    standing.scan.since = now;
    assert_eq!(plan(&standing, pc(), None, at("25T12:29")), vec![]);
    let policy = standing.desired.as_ref().unwrap().policy.clone();
    let begins = Step::BeginScheduled(
        Some(id(7)),
        JobSpec::Backup { paths: policy.backup.paths, excludes: policy.backup.excludes },
    );
    assert_eq!(plan(&standing, pc(), None, at("25T12:30")), vec![begins.clone()]);
    // The controller is there and has others to serve; then it is silent again.
    let heard = |now| super::plan(&standing, pc(), None, Some(at("25T14:00")), now);
    assert_eq!(heard(at("25T14:29")), vec![]);
    assert_eq!(heard(at("25T14:30")), vec![begins.clone()]);
    standing.desired.as_mut().unwrap().slots = vec![Slot { job: id(7), granted: true }];
    assert_eq!(plan(&standing, pc(), None, at("25T12:01")), vec![begins]);
}

#[test]
fn what_waits_for_leave_keeps_nothing_else_waiting() {
    let now = at("26T09:30");
    let plan = |standing: &Standing| super::plan(standing, pc(), None, Some(now), now);
    let mut standing = asks(Some((7, true)));
    // The scan of the morning after, which stands behind the backup otherwise.
    standing.scan.since = at("25T12:00");
    assert_eq!(kinds(&plan(&standing)), ["scheduled scan"]);
    let scan = scan_of(&Policy::default(), vec!["/asked".into()]);
    standing.desired.as_mut().unwrap().jobs =
        vec![job(1, backup(), false), job(2, restore(), false), job(3, scan.clone(), false)];
    // Of backups one asks at a time.
    assert_eq!(plan(&standing), vec![Step::Begin(id(2), restore()), Step::Begin(id(3), scan)]);
    standing.wait = None;
    assert_eq!(kinds(&plan(&standing)), ["ask backup", "restore", "scan"]);
}

#[test]
fn what_waits_is_given_up_when_nobody_wants_it_and_dropped_when_it_is_called_off() {
    let now = at("25T12:01");
    let mut unasked = asks(Some((1, false)));
    (unasked.scan.since, unasked.backup.since) = (now, now);
    assert_eq!(plan(&unasked, pc(), None, now), vec![Step::GiveUp]);
    unasked.desired.as_mut().unwrap().jobs = vec![job(1, backup(), false)];
    assert_eq!(plan(&unasked, pc(), None, now), vec![]);
    unasked.desired.as_mut().unwrap().jobs[0].pause = true;
    assert_eq!(plan(&unasked, pc(), None, now), vec![Step::GiveUp]);
    // What the schedule asks for waits on: given up it would be due again at once.
    let mut paused = asks(Some((7, true)));
    paused.scan.since = at("25T14:00");
    let jobs = vec![Job { known_only: true, pause: true, ..job(7, backup(), false) }];
    paused.desired.as_mut().unwrap().jobs = jobs;
    assert_eq!(plan(&paused, pc(), None, at("25T14:00")), vec![]);
    // By the schedule it is done.
    let mut done = asks(Some((7, true)));
    (done.scan.since, done.backup.since) = (now, now);
    assert_eq!(plan(&done, pc(), None, now), vec![Step::GiveUp]);
    let mut called_off = asks(Some((7, true)));
    called_off.scan.since = now;
    called_off.desired.as_mut().unwrap().jobs = vec![Job { known_only: true, ..job(7, backup(), true) }];
    assert_eq!(plan(&called_off, pc(), None, now), vec![Step::Drop(id(7), backup())]);
    // Nobody asks any more: it begins at once.
    let mut never = asks(Some((7, true)));
    never.scan.since = now;
    never.desired.as_mut().unwrap().policy.work.slot_grace_minutes = 0;
    assert_eq!(kinds(&plan(&never, pc(), None, now)), ["give up", "scheduled backup"]);
}

#[test]
fn what_the_host_began_itself_is_called_off_and_never_begun_because_it_is_named() {
    let now = at("20T13:00");
    let known = |cancel| Job { known_only: true, ..job(1, backup(), cancel) };
    let mut runs = standing();
    runs.desired.as_mut().unwrap().jobs = vec![known(false)];
    assert_eq!(plan(&runs, pc(), None, now), vec![]);
    (runs.known, runs.running) = (BTreeSet::from([id(1)]), BTreeMap::from([(id(1), "backup".into())]));
    assert_eq!(plan(&runs, pc(), None, now), vec![Step::Hold(id(1), false)]);
    runs.desired.as_mut().unwrap().jobs = vec![known(true)];
    assert_eq!(plan(&runs, pc(), None, now), vec![Step::Stop(id(1))]);
}

#[test]
fn what_was_not_begun_in_time_expires_and_what_was_goes_on() {
    let now = at("20T13:00");
    let mut late = standing();
    late.desired.as_mut().unwrap().jobs = vec![Job { deadline: Some(at("20T12:59")), ..job(1, backup(), false) }];
    assert_eq!(plan(&late, pc(), None, now), vec![Step::Expire(id(1), backup())]);
    assert_eq!(kinds(&plan(&late, pc(), None, at("20T12:59"))), ["backup"]);
    (late.known, late.running) = (BTreeSet::from([id(1)]), BTreeMap::from([(id(1), "backup".into())]));
    assert_eq!(plan(&late, pc(), None, now), vec![Step::Hold(id(1), false)]);
}

#[test]
fn what_is_to_be_put_away_waits_for_no_scan_and_keeps_none_waiting() {
    let spec = JobSpec::Quarantine(QuarantineSpec::delete(ItemId::new(&Clock::system())));
    let mut host = standing();
    host.desired.as_mut().unwrap().jobs = vec![job(1, spec.clone(), false), job(2, spec, false)];
    host.running.insert(id(9), "scan".into());
    // One after the other.
    assert_eq!(kinds(&plan(&host, pc(), None, at("20T12:01"))), ["quarantine"]);
    host.running = BTreeMap::from([(id(1), "quarantine".into())]);
    host.known.insert(id(1));
    assert_eq!(kinds(&plan(&host, pc(), None, at("21T09:00"))), ["scheduled scan"]);
    // What runs is not paused; called off, it is stopped.
    host.desired.as_mut().unwrap().jobs[0].pause = true;
    assert_eq!(kinds(&plan(&host, pc(), None, at("20T12:01"))), Vec::<String>::new());
    host.desired.as_mut().unwrap().jobs[0].cancel = true;
    assert_eq!(kinds(&plan(&host, pc(), None, at("20T12:01"))), ["stop"]);
}

/// What staff say of a job is done before the PC is looked at, which may take its time.
#[test]
fn what_staff_say_of_a_job_needs_no_look_at_the_pc() {
    let mut host = timed("{not_on_battery: true}", "{only_when_idle: true}");
    host.desired.as_mut().unwrap().jobs =
        vec![job(1, backup(), true), job(2, restore(), true), job(3, backup(), false), job(4, restore(), false)];
    host.known = BTreeSet::from([id(2), id(3)]);
    host.running = BTreeMap::from([(id(2), "restore".into()), (id(3), "backup".into())]);
    let all = BATTERY.or(METERED).or(IN_USE);
    for obstacles in [FREE, all] {
        let steps = plan(&host, Pc { obstacles, ..pc() }, None, at("21T10:00"));
        let said: Vec<Step> = steps.into_iter().filter(Step::is_word).collect();
        assert_eq!(said, vec![Step::Drop(id(1), backup()), Step::Stop(id(2)), Step::Hold(id(3), false)]);
    }
}
