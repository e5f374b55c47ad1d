//! A fortnight of a thousand PCs, by the app's clock: they are switched on and off, sleep, lose their
//! lines, are away for days. Each follows its schedule by the same pure pieces as the agent does; what
//! they say goes through the use cases into a real database. Then it is asked: did every backup that
//! came due run, or does it show? Was the bound kept? Did anybody wait beyond a fair share?
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use super::App;
use super::events::Report;
use super::slots::Desk;
use super::tests::{administrator, app, enrol_into};
use crate::plan::health::Reason;
use crate::plan::slots::AGED;
use crate::store;
use chrono::{DateTime, Datelike, FixedOffset, TimeDelta, Timelike, Utc, Weekday};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::ids::{BootId, HostId, JobId};
use keepwatch_proto::job::{Ended, FailureKind, JobSpec, JobState, KnownJobs, Slot, Snapshot, Wait, Want};
use keepwatch_proto::policy::Policy;
use keepwatch_proto::schedule::Timetable;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::HashMap;
use std::sync::Arc;

const HOSTS: usize = 1000;
const DAYS: i64 = 14;
/// At once.
const BOUND: usize = 40;
/// Minutes of a turn.
const TURN: i64 = 5;
/// Minutes of the longest backup.
const LONGEST: i64 = 50;
const GRACE: TimeDelta = TimeDelta::minutes(30);
const RETRIES: usize = 3;
/// Departments: how many PCs each has of ten, and when they back up.
const GROUPS: [(&str, usize, &str); 4] = [
    ("city", 5, "40 12 * * wed"),
    ("tax", 3, "30 9 * * 1,4"),
    ("archive", 1, "0 10 * * 1-5"),
    ("court", 1, "15 14 * * *"),
];

/// What a PC's owner and its line do on one day, in minutes from midnight there.
#[derive(Debug, Clone, Default)]
struct Day {
    /// On from and to; none: off all day.
    on: Option<(i64, i64)>,
    /// Asleep from and to.
    asleep: Option<(i64, i64)>,
    /// Without a line from and to.
    cut: Option<(i64, i64)>,
}

struct Pc {
    host: HostId,
    boot: BootId,
    seq: u64,
    times: Timetable,
    outbox: Vec<Event>,
    since: DateTime<Utc>,
    not_before: Option<DateTime<Utc>>,
    failures: usize,
    wait: Option<Wait>,
    heard: Option<DateTime<Utc>>,
    slots: Vec<Slot>,
    /// The job under way, since when, minutes of work left, and minutes without the repository.
    running: Option<(JobId, DateTime<Utc>, i64, i64)>,
    /// On, awake, with a line.
    was: (bool, bool, bool),
    told: Option<JobId>,
    day: Day,
}

#[derive(Debug, Default)]
struct Figures {
    ran: usize,
    interrupted: usize,
    unreachable: usize,
    given_up: usize,
    by_leave: usize,
    without: usize,
    most_at_once: usize,
    longest_wait: i64,
    overdue_shown: usize,
    reports: usize,
}

struct Fortnight {
    _folder: tempfile::TempDir,
    app: Arc<App>,
    chance: StdRng,
    pcs: Vec<Pc>,
    asked: HashMap<HostId, i64>,
    /// The most that waited since nobody did.
    queue: usize,
    figures: Figures,
}

fn there(now: DateTime<Utc>) -> DateTime<FixedOffset> {
    now.with_timezone(&FixedOffset::east_opt(8 * 3600).unwrap())
}

fn within(span: Option<(i64, i64)>, minute: i64) -> bool {
    span.is_some_and(|(from, to)| (from..to).contains(&minute))
}

impl Fortnight {
    async fn new(begins: DateTime<Utc>) -> Self {
        let (folder, mut app) = app().await;
        let inside = Arc::get_mut(&mut app).unwrap();
        (inside.clock, inside.slots) = (Clock::fixed(begins), Desk::new(u32::try_from(BOUND).unwrap(), 0));
        let mut pcs = Vec::new();
        for (group, tenths, cron) in GROUPS {
            app.create_group(&administrator(), group, "all").await.unwrap();
            let policy = format!(
                "time_zone: Asia/Shanghai\nscan: {{schedule: ''}}\nbackup: {{schedule: '{cron}'}}\nwork: {{retries: {RETRIES}}}\n"
            );
            app.set_policy(&administrator(), group, &policy, 0).await.unwrap();
            for number in 0..HOSTS * tenths / 10 {
                let host = enrol_into(&app, &format!("{group}-{number}"), group).await;
                pcs.push(Pc {
                    host,
                    boot: BootId::new(&app.clock),
                    seq: 0,
                    times: Policy::from_yaml(&policy).unwrap().backup_timetable(host).unwrap(),
                    outbox: vec![],
                    since: begins,
                    not_before: None,
                    failures: 0,
                    wait: None,
                    heard: None,
                    slots: vec![],
                    running: None,
                    was: (false, false, false),
                    told: None,
                    day: Day::default(),
                });
            }
        }
        let chance = StdRng::seed_from_u64(6);
        Self { _folder: folder, app, chance, pcs, asked: HashMap::new(), queue: 0, figures: Figures::default() }
    }

    fn now(&self) -> DateTime<Utc> {
        self.app.clock.now()
    }

    /// Chance says what each PC's day will be like.
    fn dawn(&mut self) {
        let weekend = matches!(there(self.now()).weekday(), Weekday::Sat | Weekday::Sun);
        for pc in &mut self.pcs {
            let chance = &mut self.chance;
            let absent = if weekend { 0.85 } else { 0.12 };
            let mut span = |likely: f64, from: i64, to: i64, longest: i64| {
                let at = chance.random_range(from..to);
                chance.random_bool(likely).then(|| (at, at + chance.random_range(10..longest)))
            };
            let (asleep, cut) = (span(0.25, 600, 1000, 180), span(0.15, 520, 1050, 400));
            let on = (480 + chance.random_range(0..60), 1020 + chance.random_range(0..120));
            // Some are never switched off.
            let on = if chance.random_bool(0.05) { (0, 24 * 60) } else { on };
            pc.day = Day { on: (!chance.random_bool(absent)).then_some(on), asleep, cut };
        }
    }

    /// What one PC does in one turn.
    async fn turn(&mut self, number: usize) {
        let (now, minute) = (self.now(), i64::from(there(self.now()).num_seconds_from_midnight()) / 60);
        let pc = &mut self.pcs[number];
        let is_on = within(pc.day.on, minute);
        let awake = is_on && !within(pc.day.asleep, minute);
        let line = awake && !within(pc.day.cut, minute);
        let (was_on, was_awake, had_line) = std::mem::replace(&mut pc.was, (is_on, awake, line));
        if is_on
            && !was_on
            && let Some((job, ..)) = pc.running.take()
        {
            // It went off over it; the schedule is as it was.
            self.figures.interrupted += 1;
            pc.tell(now, ended(job, Err(FailureKind::Interrupted)));
        }
        if awake
            && !was_awake
            && let Some(wait) = &mut pc.wait
        {
            // Nobody could answer in between.
            (wait.since, pc.heard) = (now, None);
        }
        if awake {
            pc.work(now, line, &mut self.figures);
            pc.begin(now, &self.app.clock, &mut self.figures);
        }
        if !line {
            return;
        }
        let busy = pc.running.is_some();
        let want = pc.wait.as_ref().filter(|_| !busy).map(|wait| wait.want.clone());
        let news = !pc.outbox.is_empty() || want.as_ref().map(|want| want.job) != pc.told || !had_line;
        // A quiet one tells its facts every ten minutes; those that matter here do.
        if !news && !((busy || want.is_some()) && minute % 10 < TURN) {
            return;
        }
        pc.told = want.as_ref().map(|want| want.job);
        let (host, outbox) = (pc.host, std::mem::take(&mut pc.outbox));
        let known = (!had_line).then(|| KnownJobs {
            running: pc.running.iter().map(|running| running.0).collect(),
            ended: vec![],
            waiting: pc.wait.as_ref().map(|wait| wait.want.job),
        });
        let known = known.filter(|_| outbox.is_empty());
        let report = Report { wants: want.clone().into_iter().collect(), known, ..Report::of(pc.boot, outbox) };
        self.figures.reports += 1;
        self.app.ingest(host, report).await.unwrap();
        if want.is_some() {
            self.hear(number).await;
        }
    }

    /// A PC hears what the controller answers.
    async fn hear(&mut self, number: usize) {
        let (now, pc) = (self.now(), &mut self.pcs[number]);
        pc.slots = self.app.desired(pc.host).await.unwrap().slots;
        if pc.wait.as_ref().is_some_and(|wait| pc.slots.iter().any(|slot| slot.job == wait.want.job)) {
            pc.heard = Some(now);
        }
    }

    /// The controller's part of a turn, and what must be so after it.
    async fn serve(&mut self, begins: DateTime<Utc>) {
        self.app.look_for_overdue(begins).await.unwrap();
        let granted = self.app.grant_slots(begins).await.unwrap();
        let mut conn = self.app.store.read().await.unwrap();
        let rows = store::slots::list(&mut conn).await.unwrap();
        drop(conn);
        let by_leave = rows.iter().filter(|row| row.granted != 0).count();
        assert!(by_leave <= BOUND, "{by_leave}");
        self.figures.most_at_once = self.figures.most_at_once.max(by_leave);
        let now = self.app.now();
        let waiting = rows.iter().filter(|row| row.granted == 0 && row.begun == 0).count() + granted.len();
        self.queue = if waiting == 0 { 0 } else { self.queue.max(waiting) };
        // All that can be before it: those who wait, `BOUND` at a time; and it is a turn until anybody looks.
        let fair = AGED + (i64::try_from(self.queue / BOUND).unwrap() + 2) * (LONGEST + 4 * TURN) * 60;
        for row in rows.iter().filter(|row| granted.contains(&row.host)) {
            let waited = now - self.asked.get(&row.host).copied().unwrap_or(now);
            self.figures.longest_wait = self.figures.longest_wait.max(waited);
            assert!(waited <= fair, "{waited} s, with {} that waited", self.queue);
        }
        self.asked.retain(|host, _| rows.iter().any(|row| row.host == *host && row.granted == 0 && row.begun == 0));
        for row in rows.iter().filter(|row| row.granted == 0 && row.begun == 0) {
            self.asked.entry(row.host).or_insert(now);
        }
        for number in 0..self.pcs.len() {
            if granted.contains(&self.pcs[number].host) && self.pcs[number].was.2 {
                self.hear(number).await;
            }
        }
    }

    /// Every backup that came due has run, or its PC says why it is not well.
    async fn dusk(&mut self) {
        let now = self.now();
        let views = self.app.hosts(&administrator()).await.unwrap();
        for pc in &self.pcs {
            let view = views.iter().find(|view| view.row.id == pc.host).unwrap();
            let shown = |reason| view.reasons.contains(&reason);
            let late = shown(Reason::BackupOverdue) || shown(Reason::BackupMissed) || shown(Reason::NoBackup);
            let last = if view.last_backup == 0 { view.row.enrolled } else { view.last_backup };
            let last = DateTime::from_timestamp(last, 0).unwrap();
            // Its grace is a quarter of the wait for what has not come.
            let expected = pc.times.expected(last).unwrap();
            let overdue = now - expected.due > expected.period / 4;
            assert_eq!(late, overdue, "{}: {expected:?}, last {last}, shows {:?}", view.name(), view.reasons);
            self.figures.overdue_shown += usize::from(late);
        }
    }
}

impl Pc {
    fn tell(&mut self, at: DateTime<Utc>, kind: EventKind) {
        self.seq += 1;
        self.outbox.push(Event { seq: self.seq, at, kind });
    }

    /// One turn of work on what is under way.
    fn work(&mut self, now: DateTime<Utc>, line: bool, figures: &mut Figures) {
        let Some((job, began, left, without)) = self.running.take() else { return };
        let (left, without) = if line { (left - TURN, 0) } else { (left, without + TURN) };
        if without >= 30 {
            figures.unreachable += 1;
            self.end(now, began, job, Err(FailureKind::Unreachable), figures);
        } else if left <= 0 {
            figures.ran += 1;
            self.end(now, began, job, Ok(()), figures);
        } else {
            self.running = Some((job, began, left, without));
        }
    }

    fn end(
        &mut self,
        now: DateTime<Utc>,
        began: DateTime<Utc>,
        job: JobId,
        how: Result<(), FailureKind>,
        figures: &mut Figures,
    ) {
        // As the agent's ledger has it.
        match how.err().and_then(|kind| kind.retry_after(self.failures, RETRIES)) {
            Some(wait) => (self.not_before, self.failures) = (Some(now + wait), self.failures + 1),
            None => {
                figures.given_up += usize::from(how.is_err());
                (self.since, self.not_before, self.failures) = (began, None, 0);
            }
        }
        self.tell(now, ended(job, how));
    }

    /// Begins what is due, by leave or when nobody answers; asks for leave before that.
    fn begin(&mut self, now: DateTime<Utc>, clock: &Clock, figures: &mut Figures) {
        let due = self.not_before.is_none_or(|at| at <= now) && self.times.due(self.since, now).is_some();
        if self.running.is_some() || !due {
            return;
        }
        let spec = JobSpec::Backup { paths: vec!["/home".into()], excludes: vec![] };
        let Some(wait) = &self.wait else {
            let want = Want { job: JobId::new(clock), spec, scheduled: true };
            self.wait = Some(Wait { want, since: now });
            return;
        };
        if !wait.goes_ahead(&self.slots, self.heard, GRACE, now) {
            return;
        }
        let job = wait.want.job;
        let leave = self.slots.iter().any(|slot| slot.job == job && slot.granted);
        (figures.by_leave, figures.without) =
            (figures.by_leave + usize::from(leave), figures.without + usize::from(!leave));
        // Each PC has as much to save as it has.
        let minutes = 10 + i64::from(u32::from_str_radix(&self.host.to_string()[30..], 16).unwrap() % 40);
        (self.wait, self.heard, self.running) = (None, None, Some((job, now, minutes.min(LONGEST), 0)));
        self.slots.clear();
        self.tell(now, EventKind::Started { job, spec, scheduled: true, medium: false });
    }
}

fn ended(job: JobId, how: Result<(), FailureKind>) -> EventKind {
    let ended = match how {
        Ok(()) => {
            let (id, paths) = (job.to_string().replace('-', "").repeat(2), vec!["/home".to_owned()]);
            let snapshot = Snapshot { id, time: DateTime::UNIX_EPOCH, paths, files: 1, bytes: 1, verdict: None };
            Ended { outcome: JobState::Succeeded, snapshot: Some(snapshot), ..Ended::failed("") }
        }
        Err(kind) => Ended::failed("no").by(kind),
    };
    EventKind::Ended { job, ended }
}

#[tokio::test]
async fn a_thousand_pcs_have_their_backups_or_it_shows() {
    // A Monday, at midnight there.
    let begins: DateTime<Utc> = "2026-11-29T16:00:00Z".parse().unwrap();
    let mut fortnight = Fortnight::new(begins).await;
    for turn in 0..DAYS * 24 * 60 / TURN {
        let now = begins + TimeDelta::minutes(turn * TURN);
        Arc::get_mut(&mut fortnight.app).unwrap().clock = Clock::fixed(now);
        if there(now).num_seconds_from_midnight() == 0 {
            fortnight.dawn();
            fortnight.dusk().await;
        }
        for number in 0..fortnight.pcs.len() {
            fortnight.turn(number).await;
        }
        fortnight.serve(begins).await;
    }
    fortnight.dusk().await;
    // What still stands open is of a PC that is on, or was heard of a moment ago; nothing else runs on.
    let mut conn = fortnight.app.store.read().await.unwrap();
    let open = store::jobs::all_open(&mut conn).await.unwrap();
    drop(conn);
    let now = fortnight.app.now();
    assert!(open.iter().all(|row| now - row.last_seen < 3600), "{open:?}");
    let figures = &fortnight.figures;
    println!("a fortnight of {HOSTS} PCs, at most {BOUND} at once: {figures:#?}");
    assert_eq!(figures.most_at_once, BOUND, "the bound was reached, or this shows nothing");
    assert!(figures.ran > 2 * HOSTS && figures.interrupted > 0 && figures.unreachable > 0 && figures.without > 0);
    assert!(figures.longest_wait > 0 && figures.overdue_shown > 0);
}
