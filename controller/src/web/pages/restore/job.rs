//! A look at a restore, or the restore itself: what would happen, how far it has come, where it is,
//! and a note to hand on.

use super::destination::{Asked, places};
use super::note::note;
use super::stamp;
use crate::app::App;
use crate::app::hosts::HostView;
use crate::app::jobs::JobView;
use crate::store::jobs::JobRow;
use crate::store::snapshots::SnapshotRow;
use crate::web::i18n::{Language, Value};
use crate::web::pages::job;
use crate::web::pages::{Frame, Page, Teller, show};
use crate::web::problem::Problem;
use crate::web::session::Visitor;
use crate::web::words::{Badge, plain, size};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Redirect;
use chrono_tz::Tz;
use keepwatch_proto::job::{JobSpec, JobState, Progress, RestoreSpec, Tally};
use std::sync::Arc;

/// Places that are shown one by one.
pub(super) const SHOWN: usize = 10;
/// Failures that are shown one by one.
const FAILURES: usize = 50;

#[derive(Template)]
#[template(path = "restore-job.html")]
struct Restore {
    frame: Frame,
    id: String,
    host: String,
    host_name: String,
    title: String,
    /// Where it stands; a look that is over has nothing to say by it.
    badge: Option<Badge>,
    look: bool,
    open: bool,
    calling_off: bool,
    good: bool,
    step: u8,
    from: String,
    asked_by: String,
    offline: bool,
    running: Option<Running>,
    figures: Vec<Figure>,
    room: String,
    no_room: bool,
    /// No path was named: all of the snapshot.
    everything: bool,
    places: Vec<Whereto>,
    more_places: String,
    target: String,
    conflict: String,
    why: String,
    failures: Vec<(String, String)>,
    more_failures: String,
    note: String,
    change: String,
}

/// Where a path of the snapshot comes to lie.
pub struct Whereto {
    /// As the snapshot has it.
    pub path: String,
    /// On the PC; empty: not known yet.
    pub at: String,
}

struct Running {
    phase: String,
    done: String,
    left: String,
    bytes: u64,
    total: u64,
}

struct Figure {
    label: String,
    value: String,
    kind: &'static str,
}

/// The full path of what was restored below a folder; without one it is back where it was.
pub(super) fn location(path: &str, target: &str, windows: bool) -> String {
    // There, the first name is a drive.
    let drive = |path: &str| {
        let (letter, rest) = path.strip_prefix('/')?.split_at_checked(1)?;
        Some(format!("{letter}:{}", rest.replace('/', "\\")))
    };
    match target {
        "" if windows => drive(path).unwrap_or_else(|| path.to_owned()),
        "" => path.to_owned(),
        target if target.contains('\\') => {
            format!("{}{}", target.trim_end_matches('\\'), path.trim_end_matches('/').replace('/', "\\"))
        }
        target => format!("{}{}", target.trim_end_matches('/'), path.trim_end_matches('/')),
    }
}

pub(super) fn is_windows(host: &HostView) -> bool {
    host.row.facts.0.system == "windows"
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(wanted): Path<String>,
) -> Page {
    let (teller, actor) = (Teller::new(&app, &visitor), &visitor.actor);
    let view = app.job(actor, &wanted).await?;
    let JobSpec::Restore(spec) = view.row.spec.0.clone() else { return Err(Problem::NOTHING) };
    let host = app.host(actor, &view.row.host.to_string()).await?;
    let source = match view.row.source_host.as_str() {
        "" => None,
        other => Some(app.host(actor, other).await?),
    };
    let owner = source.as_ref().unwrap_or(&host);
    let zone = app.time_zone(actor, &owner.row.id.to_string()).await?;
    let rows = app.snapshots(actor, &owner.row.id.to_string()).await?;
    let snapshot = rows.iter().find(|row| row.id == spec.snapshot);
    show(&restore(teller, &visitor, zone, &Told { view: &view, spec: &spec, host: &host, owner, snapshot }))
}

/// All that the page tells of.
pub(super) struct Told<'a> {
    pub(super) view: &'a JobView,
    pub(super) spec: &'a RestoreSpec,
    /// Onto which.
    pub(super) host: &'a HostView,
    /// Whose snapshot.
    pub(super) owner: &'a HostView,
    pub(super) snapshot: Option<&'a SnapshotRow>,
}

fn restore(teller: Teller, visitor: &Visitor, zone: Tz, told: &Told) -> Restore {
    let Told { view, spec, host, owner, snapshot } = told;
    let (row, language) = (&view.row, teller.language);
    let state = row.state.0;
    let (look, open) = (spec.dry_run, !state.is_end());
    let tally = &row.tally.0;
    // One that has brought nothing back was not done, however it ended.
    let nothing = !look && tally.files + tally.skipped == 0 && tally.failed > 0;
    let good = matches!(state, JobState::Succeeded | JobState::Partial) && !nothing;
    let target = if spec.in_place { "" } else { row.target.as_str() };
    let known = spec.in_place || !target.is_empty();
    let bare =
        |spec: &RestoreSpec| spec.paths.iter().map(|path| Whereto { path: plain(path), at: String::new() }).collect();
    let there = arrived(row, spec);
    let mut all: Vec<Whereto> = match known {
        true if good && !look => places(&there, target, host),
        true => places(spec, target, host),
        false => bare(spec),
    };
    let more = all.len().saturating_sub(SHOWN) as u64;
    all.truncate(SHOWN);
    let free = host.row.facts.0.disk_free;
    let unnamed = (row.tally.0.failed).saturating_sub(row.failures.0.len().min(FAILURES) as u64);
    let elsewhere = owner.row.id != host.row.id && host.row.id.to_string() != owner.row.replaced_by;
    let onto = if elsewhere { host.row.id.to_string() } else { String::new() };
    let from_host = if elsewhere { owner } else { host };
    Restore {
        frame: Frame::of(visitor),
        id: row.id.to_string(),
        host: host.row.id.to_string(),
        host_name: plain(host.name()),
        title: title(language, look, open, good, state == JobState::Partial),
        badge: (!look || !good).then(|| teller.badge("job", state.word())),
        look,
        open,
        calling_off: row.cancel != 0,
        good,
        step: if look || open || !good { 4 } else { 5 },
        from: from(language, zone, owner, *snapshot),
        asked_by: teller.text("job-by", "user", &row.origin),
        offline: !host.connected,
        running: view.progress.as_ref().map(|progress| running(teller, progress, row.started)),
        figures: if good { figures(language, look, &row.tally.0) } else { vec![] },
        room: match (look && good, free) {
            (true, 1..) => {
                let (needs, free) = (size(row.tally.0.bytes), size(free));
                language.with("job-room", &[("needs", Value::Text(&needs)), ("free", Value::Text(&free))])
            }
            _ => String::new(),
        },
        no_room: free > 0 && row.tally.0.bytes >= free,
        note: if good && !look { note(teller, zone, told, visitor) } else { String::new() },
        everything: spec.paths.is_empty(),
        places: all,
        more_places: if more > 0 { language.count("destination-more", more) } else { String::new() },
        target: plain(target),
        conflict: language.word("conflict", spec.conflict.word()),
        why: if good || open { String::new() } else { language.said(&row.message) },
        failures: row.failures.0.iter().take(FAILURES).map(|f| (plain(&f.path), language.said(&f.reason))).collect(),
        more_failures: if unnamed > 0 { language.count("destination-more", unnamed) } else { String::new() },
        change: match Asked::of(spec, &onto) {
            Some(asked) => {
                format!("/hosts/{}/snapshots/{}/restore?{}", from_host.row.id, spec.snapshot, asked.query())
            }
            None => format!("/hosts/{}/snapshots/{}", from_host.row.id, spec.snapshot),
        },
    }
}

/// What was asked for, without what is named as not done. A folder may be named and have come all
/// the same, but for its times: if nothing else was asked for, it stays.
pub(super) fn arrived(row: &JobRow, spec: &RestoreSpec) -> RestoreSpec {
    let failed = |path: &String| row.failures.0.iter().any(|failure| failure.path == *path);
    let paths: Vec<String> = spec.paths.iter().filter(|path| !failed(path)).cloned().collect();
    if paths.is_empty() { spec.clone() } else { RestoreSpec { paths, ..spec.clone() } }
}

fn title(language: Language, look: bool, open: bool, good: bool, partly: bool) -> String {
    match (look, open, good) {
        (true, true, _) => language.say("job-title-looking"),
        (false, true, _) => language.say("job-title-restoring"),
        (true, false, true) => language.say("job-title-looked"),
        (false, false, true) if partly => language.say("job-title-partly"),
        (false, false, true) => language.say("job-title-restored"),
        (_, false, false) => language.say("job-title-failed"),
    }
}

fn from(language: Language, zone: Tz, owner: &HostView, snapshot: Option<&SnapshotRow>) -> String {
    let name = plain(owner.name());
    let at = snapshot.map_or_else(|| language.say("job-gone"), |row| stamp(zone, row.received));
    language.with("job-from", &[("host", Value::Text(&name)), ("at", Value::Text(&at))])
}

/// How far it has come, and how long it still takes at the pace so far.
fn running(teller: Teller, progress: &Progress, started: i64) -> Running {
    let job::Running { phase, done, bytes, total } = job::running(teller, progress);
    let passed = if started > 0 { teller.now.timestamp() - started } else { 0 };
    let left = left(passed, progress.bytes, progress.total_bytes);
    let left = left.map(|seconds| teller.text("job-left", "span", &teller.language.span(seconds))).unwrap_or_default();
    Running { phase, done, left, bytes, total }
}

/// Seconds that are left, once enough has been seen to tell.
fn left(passed: i64, bytes: u64, total: u64) -> Option<i64> {
    if passed < 2 || bytes == 0 || bytes >= total {
        return None;
    }
    let left = u128::from(total - bytes) * u128::from(passed.unsigned_abs()) / u128::from(bytes);
    i64::try_from(left).ok()
}

fn figures(language: Language, look: bool, tally: &Tally) -> Vec<Figure> {
    let figure = |key: String, value: String, kind| Figure { label: key, value, kind };
    let bad = tally.failed.saturating_sub(tally.refused);
    let fresh = tally.files.saturating_sub(tally.replaced).to_string();
    let counts = [
        (if look { language.say("job-would-create") } else { language.say("job-created") }, fresh, "new"),
        (
            if look { language.say("job-would-replace") } else { language.say("job-replaced") },
            tally.replaced.to_string(),
            if tally.replaced > 0 { "warn" } else { "zero" },
        ),
        (
            if look { language.say("job-would-skip") } else { language.say("job-skipped") },
            tally.skipped.to_string(),
            if tally.skipped > 0 { "" } else { "zero" },
        ),
        (
            if look { language.say("job-would-fail") } else { language.say("job-failed-files") },
            bad.to_string(),
            if bad > 0 { "bad" } else { "zero" },
        ),
    ];
    let mut all: Vec<Figure> = counts.into_iter().map(|(label, value, kind)| figure(label, value, kind)).collect();
    if tally.refused > 0 {
        let label = if look { language.say("job-infected-would") } else { language.say("job-infected-out") };
        all.push(figure(label, tally.refused.to_string(), "bad"));
    }
    all.push(figure(language.say("snapshot-size"), size(tally.bytes), ""));
    all
}

/// Asks for what was looked at.
pub async fn go(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(job): Path<String>,
) -> Result<Redirect, Problem> {
    let asked = app.restore_as_looked(&visitor.actor, &job).await?;
    Ok(Redirect::to(&format!("/restore/{}", asked.row.id)))
}

/// Calls it off, and stays here.
pub async fn cancel(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(job): Path<String>,
) -> Result<Redirect, Problem> {
    let id = app.job(&visitor.actor, &job).await?.row.id;
    app.cancel_job(&visitor.actor, &job).await?;
    Ok(Redirect::to(&format!("/restore/{id}?notice=cancelled")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_told_the_path_as_their_system_writes_it() {
        for (path, target, at) in [
            ("/a/b", "", "/a/b"),
            ("/home/王/报告.docx", "/srv/restored-1", "/srv/restored-1/home/王/报告.docx"),
            ("/home/王/", "/srv/", "/srv/home/王"),
            ("/home/王/a", "", "/home/王/a"),
            ("/C/Users/li/a.txt", "", "C:\\Users\\li\\a.txt"),
            ("/C/Users/li/a.txt", "D:\\restored-1", "D:\\restored-1\\C\\Users\\li\\a.txt"),
            ("/", "/srv/x", "/srv/x"),
            ("/etc", "", "/etc"),
        ] {
            let windows = at.contains('\\');
            assert_eq!(location(path, target, windows), at);
        }
    }

    #[test]
    fn what_is_left_is_told_once_the_pace_is_known() {
        for (passed, bytes, total, seconds) in [
            (10, 100, 300, Some(20)),
            (1, 100, 300, None),
            (10, 0, 300, None),
            (10, 300, 300, None),
            (10, 5, 0, None),
            (-5, 5, 10, None),
            (i64::MAX, 1, u64::MAX, None),
        ] {
            assert_eq!(left(passed, bytes, total), seconds, "{passed} {bytes} {total}");
        }
    }
}
