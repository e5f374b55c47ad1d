//! A year of one PC, by the app's clock: weekly backups into a real repository, retention and
//! verification each week, a month and a week in which the PC is away, a week of false dates, backups
//! that lack something, one that is only said to be there. It ends with the snapshots that the rules
//! name: worked out here once more, in another way. Then the PC dies, and another takes its place.
#![allow(clippy::unwrap_used)]

use super::App;
use super::audit::{Actor, Role};
use super::events::Report;
use super::tests::{app, enrol_with};
use crate::plan::retention::Why;
use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, TimeDelta, Utc};
use keepwatch_backup::{BackupOptions, Repository, Silent};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::event::{Event, EventKind};
use keepwatch_proto::ids::{BootId, HostId, JobId};
use keepwatch_proto::job::{Ended, JobSpec, JobState, Snapshot, Tally};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

const PASSWORD: &str = "a year";
const LAST: usize = 3;
const WITHIN: i64 = 20;
const WEEKLY: usize = 6;
const MONTHLY: usize = 5;
const YEARLY: usize = 2;

/// A snapshot as the rules see it.
#[derive(Debug, Clone)]
struct Known {
    id: String,
    received: DateTime<Utc>,
    whole: bool,
}

/// The ids that the rules name, of these.
fn named(all: &[Known], now: DateTime<Utc>) -> BTreeSet<String> {
    // What is not yet a week old pushes nothing out.
    let settled: Vec<Known> = all.iter().filter(|s| s.received <= now - TimeDelta::days(7)).cloned().collect();
    &by_rule(all, now) | &by_rule(&settled, now)
}

fn by_rule(all: &[Known], now: DateTime<Utc>) -> BTreeSet<String> {
    let mut all = all.to_vec();
    all.sort_by_key(|s| s.received);
    let mut stay: BTreeSet<String> = all.iter().rev().take(LAST).map(|s| s.id.clone()).collect();
    stay.extend(all.iter().rev().find(|s| s.whole).map(|s| s.id.clone()));
    stay.extend(all.iter().filter(|s| s.received > now - TimeDelta::days(WITHIN)).map(|s| s.id.clone()));
    let date = |s: &Known| s.received.with_timezone(&FixedOffset::east_opt(8 * 3600).unwrap()).date_naive();
    let monday = |s: &Known| date(s) - TimeDelta::days(date(s).weekday().num_days_from_monday().into());
    let first = |year: i32, month: u32| NaiveDate::from_ymd_opt(year, month, 1).unwrap();
    stay.extend(best_of_each(&all, WEEKLY, monday));
    stay.extend(best_of_each(&all, MONTHLY, |s| first(date(s).year(), date(s).month())));
    stay.extend(best_of_each(&all, YEARLY, |s| first(date(s).year(), 1)));
    stay
}

/// Of each of the newest `most` spans of time: its newest whole one, or its newest.
fn best_of_each(all: &[Known], most: usize, span: impl Fn(&Known) -> NaiveDate) -> Vec<String> {
    let mut spans: BTreeMap<NaiveDate, Vec<&Known>> = BTreeMap::new();
    all.iter().for_each(|s| spans.entry(span(s)).or_default().push(s));
    let best = |of: Vec<&Known>| of.into_iter().max_by_key(|s| (s.whole, s.received)).unwrap().id.clone();
    spans.into_values().rev().take(most).map(best).collect()
}

/// The year, so far.
struct Year {
    folder: TempDir,
    app: Arc<App>,
    host: HostId,
    repository: Repository,
    boot: BootId,
    seq: u64,
    /// What should be there.
    model: Vec<Known>,
    frozen: bool,
}

impl Year {
    async fn new(begins: DateTime<Utc>) -> Self {
        let (folder, mut app) = app().await;
        Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(begins);
        let sealed = app.escrow.seal(PASSWORD).unwrap();
        let host = enrol_with(&app, "pc", sealed).await;
        let keep = format!(
            "keep: {{last: {LAST}, within_days: {WITHIN}, weekly: {WEEKLY}, monthly: {MONTHLY}, yearly: {YEARLY}}}"
        );
        let policy = format!("time_zone: Asia/Shanghai\nbackup: {{{keep}}}\n");
        app.set_policy(&administrator(), "all", &policy, 0).await.unwrap();
        let storage = app.repositories.storage(host);
        let repository = Repository::init(&storage, PASSWORD).unwrap();
        std::fs::create_dir(folder.path().join("disk")).unwrap();
        let boot = BootId::new(&app.clock);
        Self { folder, app, host, repository, boot, seq: 0, model: Vec::new(), frozen: false }
    }

    fn is(&mut self, at: DateTime<Utc>) {
        Arc::get_mut(&mut self.app).unwrap().clock = Clock::fixed(at);
    }

    fn disk(&self) -> &Path {
        self.folder.path()
    }

    /// The PC backs up, by a clock that is so far off, and says so.
    async fn back_up(&mut self, off: TimeDelta, whole: bool) {
        let (now, disk) = (self.app.clock.now(), self.disk().join("disk"));
        std::fs::write(disk.join("diary"), now.to_string()).unwrap();
        let options =
            BackupOptions { paths: vec![disk], host: "pc".into(), time: now + off, ..BackupOptions::default() };
        let made = self.repository.backup(&options, &Silent).unwrap().snapshot;
        self.model.push(Known { id: made.id.clone(), received: now, whole });
        self.say(&made.id, now + off, whole).await;
        self.frozen |= off.num_days().abs() > 8;
    }

    async fn say(&mut self, id: &str, time: DateTime<Utc>, whole: bool) {
        let (job, paths) = (JobId::new(&self.app.clock), vec!["/home".to_owned()]);
        let spec = JobSpec::Backup { paths: paths.clone(), excludes: vec![] };
        let snapshot = Snapshot { id: id.to_owned(), time, paths, files: 1, bytes: 30, verdict: None };
        let outcome = if whole { JobState::Succeeded } else { JobState::Partial };
        let tally = Tally { files: 1, failed: u64::from(!whole), ..Tally::default() };
        let ended = Ended { outcome, tally, snapshot: Some(snapshot), ..Ended::failed("") };
        let kinds = [EventKind::Started { job, spec, scheduled: true, medium: false }, EventKind::Ended { job, ended }];
        let events = kinds.into_iter().map(|kind| {
            self.seq += 1;
            Event { seq: self.seq, at: self.app.clock.now(), kind }
        });
        let events = events.collect();
        self.app.ingest(self.host, Report::of(self.boot, events)).await.unwrap();
    }

    /// Another PC takes its place, with a repository of its own. What the first one leaves.
    async fn is_replaced(&mut self) -> BTreeSet<String> {
        let left = self.stored();
        let heir = enrol_with(&self.app, "heir", self.app.escrow.seal(PASSWORD).unwrap()).await;
        self.app.replace_host(&administrator(), "pc", "heir").await.unwrap();
        self.repository = Repository::init(&self.app.repositories.storage(heir), PASSWORD).unwrap();
        (self.host, self.boot, self.seq, self.model) = (heir, BootId::new(&self.app.clock), 0, Vec::new());
        left
    }

    /// The controller does what is due, and what is left is what the model says.
    async fn keep_house(&mut self) {
        self.app.retain_due().await.unwrap();
        self.app.verify_due().await.unwrap();
        if !self.frozen {
            let stay = named(&self.model, self.app.clock.now());
            self.model.retain(|s| stay.contains(&s.id));
        }
        let model: BTreeSet<String> = self.model.iter().map(|s| s.id.clone()).collect();
        assert_eq!(self.stored(), model, "in the repository, on {}", self.app.clock.now());
        assert_eq!(self.listed().await, model, "in the list, on {}", self.app.clock.now());
    }

    fn stored(&self) -> BTreeSet<String> {
        self.repository.snapshots().unwrap().into_iter().map(|s| s.id).collect()
    }

    /// Those that are listed, but for what is only said to be there.
    async fn listed(&self) -> BTreeSet<String> {
        let view = self.app.retention(&administrator(), &self.host.to_string()).await.unwrap();
        assert_eq!(!view.row.frozen.is_empty(), self.frozen, "{}: {}", self.app.clock.now(), view.row.frozen);
        view.fates.into_iter().filter(|(_, why)| *why != [Why::Absent]).map(|(s, _)| s.id).collect()
    }
}

fn administrator() -> Actor {
    Actor { user: "admin".into(), role: Role::Administrator, origin: String::new() }
}

#[tokio::test]
async fn a_year_of_weeks_ends_with_exactly_the_snapshots_that_the_rules_name() {
    let begins: DateTime<Utc> = "2025-12-03T04:40:00Z".parse().unwrap();
    let mut year = Year::new(begins).await;
    let away = [10, 11, 12, 13, 40];
    for week in 0..53 {
        let day = begins + TimeDelta::weeks(week);
        year.is(day);
        match week {
            _ if away.contains(&week) => {}
            // Its battery is empty: it lives in another year, then in the past, then somebody sets it.
            25 => {
                for (days, off) in [(0, 400), (1, -9000), (2, 0)] {
                    year.is(day + TimeDelta::days(days));
                    year.back_up(TimeDelta::days(off), true).await;
                }
            }
            33 => year.say(&"ab".repeat(32), day, true).await,
            20 | 31 | 51 => year.back_up(TimeDelta::zero(), false).await,
            // By hand, too, two days later.
            36 => {
                year.back_up(TimeDelta::zero(), true).await;
                year.is(day + TimeDelta::days(2));
                year.back_up(TimeDelta::zero(), week != 36).await;
            }
            _ => year.back_up(TimeDelta::minutes(-3), true).await,
        }
        if week == 28 {
            // Staff have looked.
            let before = year.model.len();
            year.app.thaw(&administrator(), "pc").await.unwrap();
            year.frozen = false;
            assert!(before > named(&year.model, day).len(), "something had waited");
        }
        year.is(day + TimeDelta::days(3));
        year.keep_house().await;
    }
    // The last year's last; of the months before this one the last that is whole, five of them and,
    // since the newest pushes nothing out yet, one more; of the weeks the same, six and one more.
    let left: Vec<String> = year.model.iter().map(|s| s.received.date_naive().to_string()).collect();
    let months = ["2025-12-31", "2026-07-29", "2026-08-26", "2026-09-30"];
    let weeks = ["2026-10-21", "2026-10-28", "2026-11-04", "2026-11-11", "2026-11-18", "2026-11-25", "2026-12-02"];
    assert_eq!(left, [&months[..], &weeks].concat());
    // What came more than four weeks before the last look was proved, and each says when.
    let (host, now) = (year.host, year.app.clock.now());
    let mut conn = year.app.store.read().await.unwrap();
    for snapshot in crate::store::snapshots::list(&mut conn, host).await.unwrap() {
        let old = snapshot.received < (now - TimeDelta::weeks(5)).timestamp();
        assert!(!old || snapshot.verified >= snapshot.received && snapshot.verified <= now.timestamp(), "{snapshot:?}");
    }
    drop(conn);
    // Each of them restores, to the word.
    let repository = Repository::open(&year.app.repositories.storage(host), PASSWORD).unwrap();
    for known in &year.model {
        let mut diary = Vec::new();
        repository.read_file(&known.id, &year.disk().join("disk/diary"), None, &mut diary).unwrap();
        assert_eq!(String::from_utf8(diary).unwrap(), known.received.to_string());
    }

    let left = year.is_replaced().await;
    for week in 53..70 {
        let day = begins + TimeDelta::weeks(week);
        year.is(day);
        year.back_up(TimeDelta::zero(), true).await;
        year.is(day + TimeDelta::days(3));
        year.keep_house().await;
    }
    assert!(year.model.len() < 17, "the heir's own go by the rules");
    let there = repository.snapshots().unwrap().into_iter().map(|s| s.id).collect::<BTreeSet<_>>();
    assert_eq!(there, left, "what it took over stays");
    let all: BTreeSet<String> =
        year.app.snapshots(&administrator(), "heir").await.unwrap().into_iter().map(|s| s.id).collect();
    assert!(all.is_superset(&left) && year.model.iter().all(|known| all.contains(&known.id)));
}
