//! A job as pages show it: in lists by day, and on a page of its own with its log.

use super::{Frame, Page, Teller, back_with, show};
use crate::app::App;
use crate::app::jobs::JobView;
use crate::store::jobs::{MEDIUM, SCHEDULE, UNKNOWN};
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::{Visitor, local};
use crate::web::words::{Badge, Moment, plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Path, State};
use axum::response::Redirect;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use keepwatch_proto::job::{JobSpec, Progress, Tally};
use serde::Deserialize;
use std::sync::Arc;

/// Failures of a job in a list; its own page has all that are known.
const FAILURES: usize = 20;
/// Lines of a log on the page, the last ones.
const LINES: usize = 1000;
/// Paths of a job that are named.
const PATHS: usize = 20;
/// What agents say they are at, and the word for it here.
pub const PHASES: [(&str, &str); 11] = [
    ("opening", "opening"),
    ("compiling", "compiling"),
    ("scanning", "scanning"),
    ("paused: by staff", "waiting-for-staff"),
    ("paused: on battery", "waiting-for-power"),
    ("paused: the PC is busy", "waiting-for-people"),
    ("backing up", "backing-up"),
    ("looking", "looking"),
    ("restoring", "restoring"),
    ("comparing", "comparing"),
    ("quarantine", "quarantine"),
];

/// A job.
pub(super) struct Job {
    pub id: String,
    pub host: String,
    pub host_name: String,
    pub kind: String,
    pub badge: Badge,
    pub asked: String,
    pub when: Moment,
    pub took: String,
    pub summary: String,
    pub target: String,
    pub message: String,
    pub failures: Vec<(String, String)>,
    pub more: String,
    pub running: Option<Running>,
    pub open: bool,
    /// What can be asked of a scan or backup, `pause` or `resume`, and the word for it.
    pub hold: Option<(&'static str, String)>,
    /// When it was asked for: by that a list has them in order.
    created: i64,
}

/// How far a job has come.
pub(super) struct Running {
    pub(super) phase: String,
    pub(super) done: String,
    pub(super) bytes: u64,
    pub(super) total: u64,
}

/// The jobs of one day.
pub(super) struct Day {
    pub title: String,
    pub jobs: Vec<Job>,
}

impl Job {
    /// In the reader's words.
    pub(super) fn new(teller: Teller, view: JobView) -> Self {
        let language = teller.language;
        let row = view.row;
        let id = row.id.to_string();
        let named = row.failures.0.len().min(FAILURES);
        let more = row.tally.0.failed.saturating_sub(named as u64);
        let took = row.ended - row.started;
        let open = !row.state.0.is_end();
        let at = [row.ended, row.started, row.created].into_iter().find(|t| *t != 0).unwrap_or(0);
        Self {
            host: row.host.to_string(),
            host_name: plain(&view.host_name),
            kind: language.word("kind", &row.kind),
            badge: teller.badge("job", row.state.0.word()),
            asked: match row.origin.as_str() {
                SCHEDULE => language.say("job-by-schedule"),
                MEDIUM => language.say("job-by-medium"),
                UNKNOWN => String::new(),
                user => teller.text("job-by", "user", user),
            },
            when: teller.moment(at),
            took: match row.started != 0 && row.ended != 0 && took >= 0 {
                true => teller.text("job-took", "span", &language.span(took)),
                false => String::new(),
            },
            summary: if open { String::new() } else { summary(teller, &row.kind, &row.tally.0) },
            target: plain(&row.target),
            message: language.said(&row.message),
            failures: row.failures.0.iter().take(named).map(|f| (plain(&f.path), language.said(&f.reason))).collect(),
            more: if more == 0 { String::new() } else { language.count("job-failures-more", more) },
            running: view.progress.map(|p| running(teller, &p)),
            open: open && row.cancel == 0,
            hold: match row.paused {
                _ if !["scan", "backup"].contains(&row.kind.as_str()) => None,
                0 => Some(("pause", language.say("job-pause"))),
                _ => Some(("resume", language.say("job-resume"))),
            },
            created: row.created,
            id,
        }
    }

    /// The line below its title.
    pub(super) fn said(&self) -> String {
        let parts = [&self.asked, &self.took, &self.summary];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" · ")
    }
}

/// Jobs by the day, as a clock in this zone has it.
pub(super) fn by_day(teller: Teller, zone: &str, jobs: Vec<JobView>) -> Vec<Day> {
    let zone: Tz = zone.parse().unwrap_or(chrono_tz::UTC);
    let date = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
    let today = date(teller.now);
    let mut days: Vec<Day> = Vec::new();
    let mut last = None;
    for view in jobs {
        let job = Job::new(teller, view);
        let day = date(DateTime::from_timestamp(job.created, 0).unwrap_or_default());
        if last != Some(day) {
            let title = match today - day {
                gone if gone == TimeDelta::zero() => teller.language.say("day-today"),
                gone if gone == TimeDelta::days(1) => teller.language.say("day-yesterday"),
                _ => day.format("%Y-%m-%d").to_string(),
            };
            days.push(Day { title, jobs: vec![] });
            last = Some(day);
        }
        if let Some(day) = days.last_mut() {
            day.jobs.push(job);
        }
    }
    days
}

/// How far a job has come.
pub(super) fn running(teller: Teller, progress: &Progress) -> Running {
    let language = teller.language;
    let word = PHASES.iter().find(|(said, _)| *said == progress.phase).map_or("working", |(_, word)| word);
    let files = language.count("count-files", progress.files);
    let bytes = match progress.total_bytes {
        0 => size(progress.bytes),
        total => {
            let (done, total) = (size(progress.bytes), size(total));
            language.with("job-progress", &[("done", Value::Text(&done)), ("total", Value::Text(&total))])
        }
    };
    Running {
        phase: language.word("phase", word),
        done: format!("{files} · {bytes}"),
        bytes: progress.bytes.min(progress.total_bytes),
        total: progress.total_bytes,
    }
}

fn summary(teller: Teller, kind: &str, tally: &Tally) -> String {
    let language = teller.language;
    if *tally == Tally::default() {
        return String::new();
    }
    let mut parts = vec![language.count("count-files", tally.files), size(tally.bytes)];
    if kind == "backup" {
        parts.push(teller.text("count-stored", "size", &size(tally.stored)));
    }
    if tally.detected > 0 {
        parts.push(language.count("count-detected", tally.detected));
    }
    if tally.skipped > 0 {
        parts.push(language.count("count-skipped", tally.skipped));
    }
    if tally.failed > 0 {
        parts.push(language.count("count-failed", tally.failed));
    }
    parts.join(" · ")
}

#[derive(Template)]
#[template(path = "job.html")]
struct JobPage {
    frame: Frame,
    job: Job,
    /// Whether it has a page of its own where restores are.
    restores: bool,
    times: Vec<(String, Moment, String)>,
    zone: String,
    attempt: String,
    before: String,
    paths: Vec<String>,
    more_paths: String,
    snapshot: String,
    log: Vec<Line>,
    cut: bool,
}

struct Line {
    at: String,
    text: String,
}

/// One of them, with its log.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(wanted): Path<String>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let language = teller.language;
    let view = app.job(&visitor.actor, &wanted).await?;
    let log = app.job_log(&visitor.actor, &wanted).await?;
    let row = view.row.clone();
    let paths = paths(&row.spec.0);
    let times = [
        (language.say("job-wanted"), row.created),
        (language.say("job-started"), row.started),
        (language.say("job-ended"), row.ended),
    ];
    let skipped = log.len().saturating_sub(LINES);
    let clock = app.time_zone(&visitor.actor, &row.host.to_string()).await?;
    let exact = |at: i64| DateTime::from_timestamp(at, 0).unwrap_or_default().with_timezone(&clock);
    let line = |line: crate::store::logs::LogLine| Line {
        at: exact(line.at).format("%m-%d %H:%M:%S").to_string(),
        text: language.said(&line.text),
    };
    let time = |(what, at): (String, i64)| (what, teller.moment(at), exact(at).format("%Y-%m-%d %H:%M").to_string());
    let mut job = Job::new(teller, view);
    job.failures = row.failures.0.iter().map(|f| (plain(&f.path), language.said(&f.reason))).collect();
    let unnamed = row.tally.0.failed.saturating_sub(job.failures.len() as u64);
    job.more = if unnamed == 0 { String::new() } else { language.count("job-failures-unnamed", unnamed) };
    show(&JobPage {
        frame: Frame::of(&visitor),
        restores: row.kind == "restore",
        times: times.into_iter().filter(|(_, at)| *at != 0).map(time).collect(),
        zone: teller.text("job-zone", "zone", &teller.language.zone(clock)),
        attempt: if row.attempt > 1 { row.attempt.to_string() } else { String::new() },
        before: row.retry_of,
        more_paths: match paths.len().saturating_sub(PATHS) {
            0 => String::new(),
            n => language.count("job-paths-more", n as u64),
        },
        paths: paths.iter().take(PATHS).map(|path| plain(path)).collect(),
        snapshot: row.snapshot,
        log: log.into_iter().skip(skipped).map(line).collect(),
        cut: skipped > 0,
        job,
    })
}

fn paths(spec: &JobSpec) -> &[String] {
    match spec {
        JobSpec::Scan { paths, .. } | JobSpec::Backup { paths, .. } => paths,
        JobSpec::Restore(restore) => &restore.paths,
        JobSpec::Verify { .. } | JobSpec::Quarantine(_) => &[],
    }
}

/// Where to go after what was asked; empty: to the job.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

impl Next {
    fn or_job(&self, job: &str, notice: &str) -> Redirect {
        match self.next.as_str() {
            "" => back_with(&format!("/jobs/{job}"), notice),
            // A list goes on as it was: what was done shows in it.
            next if next.contains('?') => Redirect::to(local(next)),
            next => back_with(local(next), notice),
        }
    }
}

/// Calls a job off.
pub async fn cancel(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(job): Path<String>,
    Form(next): Form<Next>,
) -> Result<Redirect, Problem> {
    app.cancel_job(&visitor.actor, &job).await?;
    Ok(next.or_job(&job, "cancelled"))
}

/// Lets a scan or a backup wait.
pub async fn pause(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(job): Path<String>,
    Form(next): Form<Next>,
) -> Result<Redirect, Problem> {
    app.pause_job(&visitor.actor, &job, true).await?;
    Ok(next.or_job(&job, "paused"))
}

/// Lets it go on.
pub async fn resume(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(job): Path<String>,
    Form(next): Form<Next>,
) -> Result<Redirect, Problem> {
    app.pause_job(&visitor.actor, &job, false).await?;
    Ok(next.or_job(&job, "resumed"))
}
