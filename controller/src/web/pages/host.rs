//! One PC: how it is, why, and what to do; what was done on it; its snapshots and detections.

use super::detections::Detection;
use super::hosts::signatures;
use super::snapshot::Said;
use super::{Frame, Page, Teller, back_with, show};
use crate::app::App;
use crate::app::hosts::HostView;
use crate::app::jobs::JobView;
use crate::store::jobs::{MEDIUM, SCHEDULE};
use crate::store::snapshots::SnapshotRow;
use crate::web::i18n::Value;
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, plain, size, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Redirect;
use keepwatch_proto::job::{Progress, Tally};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Jobs on the page; the command line shows all.
const JOBS: u32 = 20;
/// Failures of a job on the page.
const FAILURES: usize = 20;
/// Systems that have a name here; another is shown as it calls itself.
pub const SYSTEMS: [&str; 2] = ["linux", "windows"];
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

#[derive(Template)]
#[template(path = "host.html")]
struct Host {
    frame: Frame,
    id: String,
    name: String,
    badge: Badge,
    connected: bool,
    revoked: bool,
    reasons: Vec<Reason>,
    facts: Facts,
    jobs: Vec<Job>,
    snapshots: Vec<Snapshot>,
    detections: Vec<Detection>,
}

struct Reason {
    kind: &'static str,
    why: String,
    advice: String,
}

struct Facts {
    group: String,
    system: String,
    agent: String,
    disk: String,
    signatures: String,
    refused: String,
    enrolled: Moment,
    seen: Moment,
    full_scan: Moment,
    verified: Moment,
    certificate: Option<Moment>,
    next_scan: Option<Moment>,
    next_backup: Option<Moment>,
}

struct Job {
    id: String,
    kind: String,
    badge: Badge,
    asked: String,
    when: Moment,
    took: String,
    summary: String,
    target: String,
    message: String,
    failures: Vec<(String, String)>,
    more: String,
    running: Option<Running>,
    open: bool,
    /// What can be asked of a scan or backup, `pause` or `resume`, and the word for it.
    hold: Option<(&'static str, String)>,
}

struct Running {
    phase: String,
    done: String,
    bytes: u64,
    total: u64,
}

struct Snapshot {
    id: String,
    made: Moment,
    files: String,
    size: String,
    partial: bool,
    verdict: Option<Said>,
    /// Whose it is, where another's: the host took over from that one.
    of: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(wanted): Path<String>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let host = app.host(&visitor.actor, &wanted).await?;
    let id = host.row.id.to_string();
    let jobs = app.jobs(&visitor.actor, &id, JOBS).await?;
    let mut snapshots = Vec::new();
    let mut names = HashMap::from([(host.row.id, String::new())]);
    for row in app.snapshots(&visitor.actor, &id).await? {
        if let Entry::Vacant(unknown) = names.entry(row.host) {
            let other = app.host(&visitor.actor, &row.host.to_string()).await?;
            unknown.insert(teller.text("snapshot-of", "host", &plain(other.name())));
        }
        snapshots.push(snapshot(teller, names[&row.host].clone(), row));
    }
    let detections = app.detections(&visitor.actor, &id, false, &Default::default()).await?.0;
    show(&Host {
        frame: Frame::of(&visitor),
        name: plain(host.name()),
        badge: teller.badge("state", host.state.word()),
        connected: host.connected,
        revoked: host.row.revoked != 0,
        reasons: reasons(teller, &host),
        facts: facts(teller, &host),
        jobs: jobs.into_iter().map(|j| job(teller, j)).collect(),
        snapshots,
        detections: detections.into_iter().map(|d| Detection::new(teller, d)).collect(),
        id,
    })
}

fn reasons(teller: Teller, host: &HostView) -> Vec<Reason> {
    let language = teller.language;
    let reason = |r: &crate::plan::health::Reason| Reason {
        kind: r.state().word(),
        why: language.word("reason", r.word()),
        advice: language.word("advice", r.word()),
    };
    host.reasons.iter().map(reason).collect()
}

fn facts(teller: Teller, host: &HostView) -> Facts {
    let language = teller.language;
    let row = &host.row;
    let facts = &row.facts.0;
    let system = match SYSTEMS.contains(&facts.system.as_str()) {
        true => language.word("system", &facts.system),
        false => facts.system.clone(),
    };
    // Many a version says whose it is.
    let system = if facts.system_version.starts_with(&system) { String::new() } else { system };
    let system: Vec<&str> = [&system, &facts.system_version, &facts.architecture]
        .into_iter()
        .map(String::as_str)
        .filter(|f| !f.is_empty())
        .collect();
    let (free, total) = (size(facts.disk_free), size(facts.disk_total));
    let next = |at: i64| (at != 0).then(|| teller.moment(at));
    Facts {
        group: plain(&host.group),
        system: plain(&system.join(" · ")),
        agent: plain(&facts.agent_version),
        disk: match facts.disk_total {
            0 => String::new(),
            _ => language.with("host-disk-free", &[("free", Value::Text(&free)), ("total", Value::Text(&total))]),
        },
        signatures: match host.bundle_published {
            0 => signatures(teller, row.bundle),
            at => language.with(
                "signatures-from",
                &[("version", Value::Text(&row.bundle.to_string())), ("when", Value::Text(&teller.words(at)))],
            ),
        },
        refused: match row.bundle_refused.as_str() {
            "" => String::new(),
            reason => teller.text("host-refused", "reason", &plain(reason)),
        },
        enrolled: teller.moment(row.enrolled),
        seen: teller.moment(row.last_seen),
        full_scan: teller.moment(host.last_full_scan),
        verified: teller.moment(host.last_verified),
        certificate: next(host.certificate_expires),
        next_scan: next(host.next_scan),
        next_backup: next(host.next_backup),
    }
}

fn job(teller: Teller, view: JobView) -> Job {
    let language = teller.language;
    let row = view.row;
    let id = row.id.to_string();
    let named = row.failures.0.len().min(FAILURES);
    let more = row.tally.0.failed.saturating_sub(named as u64);
    let took = row.ended - row.started;
    let open = !row.state.0.is_end();
    Job {
        kind: language.word("kind", &row.kind),
        badge: teller.badge("job", row.state.0.word()),
        asked: match row.origin.as_str() {
            SCHEDULE => language.say("job-by-schedule"),
            MEDIUM => language.say("job-by-medium"),
            user => teller.text("job-by", "user", user),
        },
        when: teller.moment([row.ended, row.started, row.created].into_iter().find(|t| *t != 0).unwrap_or(0)),
        took: match row.started != 0 && took >= 0 {
            true => teller.text("job-took", "span", &language.span(took)),
            false => String::new(),
        },
        summary: if open { String::new() } else { summary(teller, &row.kind, &row.tally.0) },
        target: plain(&row.target),
        message: plain(&row.message),
        failures: row.failures.0.iter().take(named).map(|f| (plain(&f.path), plain(&f.reason))).collect(),
        more: match more {
            0 => String::new(),
            n => language.with("job-failures-more", &[("n", Value::Count(n)), ("job", Value::Text(&id))]),
        },
        running: view.progress.map(|p| running(teller, &p)),
        open: open && row.cancel == 0,
        hold: match row.paused {
            _ if !["scan", "backup"].contains(&row.kind.as_str()) => None,
            0 => Some(("pause", language.say("job-pause"))),
            _ => Some(("resume", language.say("job-resume"))),
        },
        id,
    }
}

fn running(teller: Teller, progress: &Progress) -> Running {
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

fn snapshot(teller: Teller, of: String, row: SnapshotRow) -> Snapshot {
    Snapshot {
        made: teller.moment(row.received),
        files: teller.language.count("count-files", unsigned(row.files)),
        size: size(unsigned(row.bytes)),
        partial: row.partial != 0,
        verdict: Said::of(teller, row.verdict.0.as_ref()),
        of,
        id: row.id,
    }
}

/// Asks for a scan.
pub async fn scan(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(host): Path<String>,
) -> Result<Redirect, Problem> {
    let job = app.ask_scan(&visitor.actor, &host, vec![]).await?;
    Ok(back_with(&format!("/hosts/{}", job.row.host), "scan-asked"))
}

/// Asks for a backup.
pub async fn back_up(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(host): Path<String>,
) -> Result<Redirect, Problem> {
    let job = app.ask_backup(&visitor.actor, &host).await?;
    Ok(back_with(&format!("/hosts/{}", job.row.host), "backup-asked"))
}

/// Calls a job off.
pub async fn cancel(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(job): Path<String>,
) -> Result<Redirect, Problem> {
    let host = app.job(&visitor.actor, &job).await?.row.host;
    app.cancel_job(&visitor.actor, &job).await?;
    Ok(back_with(&format!("/hosts/{host}"), "cancelled"))
}

/// Lets a scan wait.
pub async fn pause(app: State<Arc<App>>, visitor: Extension<Visitor>, job: Path<String>) -> Result<Redirect, Problem> {
    hold(&app, &visitor, &job, true).await
}

/// Lets it go on.
pub async fn resume(app: State<Arc<App>>, visitor: Extension<Visitor>, job: Path<String>) -> Result<Redirect, Problem> {
    hold(&app, &visitor, &job, false).await
}

async fn hold(app: &App, visitor: &Visitor, job: &str, paused: bool) -> Result<Redirect, Problem> {
    let host = app.job(&visitor.actor, job).await?.row.host;
    app.pause_job(&visitor.actor, job, paused).await?;
    Ok(back_with(&format!("/hosts/{host}"), if paused { "paused" } else { "resumed" }))
}
