//! One PC: how it is, why, and what to do; what is done and was done on it; its snapshots, detections
//! and facts, and what holds for it.

use super::hosts::signatures;
use super::job::{Day, Job, by_day};
use super::snapshot::Said;
use super::{Frame, Page, Teller, show};
use crate::app::App;
use crate::app::detections::DetectionView;
use crate::app::hosts::HostView;
use crate::app::pages::Page as Place;
use crate::app::policies::FieldView;
use crate::app::select::Filter;
use crate::plan::health::Reason as Why;
use crate::store::snapshots::SnapshotRow;
use crate::web::i18n::Value;
use crate::web::session::Visitor;
use crate::web::words::{Badge, Moment, address, plain, size, unsigned};
use askama::Template;
use axum::Extension;
use axum::extract::{Path, Query, State};
use keepwatch_proto::detection::Severity;
use serde::Deserialize;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// Jobs on the page; earlier ones are on the next.
const JOBS: u32 = 15;
/// Snapshots on the page; all of them are where files are restored.
const SNAPSHOTS: usize = 8;
/// Detections on the page.
const DETECTIONS: u32 = 10;
/// Systems that have a name here; another is shown as it calls itself.
pub const SYSTEMS: [&str; 2] = ["linux", "windows"];

#[derive(Template)]
#[template(path = "host.html")]
struct Host {
    frame: Frame,
    id: String,
    name: String,
    former: String,
    badge: Badge,
    connected: bool,
    revoked: bool,
    heir: String,
    reasons: Vec<Reason>,
    facts: Facts,
    running: Vec<Job>,
    days: Vec<Day>,
    earlier: String,
    later: bool,
    snapshots: Vec<Snapshot>,
    more_snapshots: String,
    detections: Vec<Finding>,
    more_detections: bool,
    held: String,
    policy: Vec<Field>,
    policy_page: String,
}

struct Reason {
    kind: &'static str,
    why: String,
    advice: String,
    /// What can be asked for at once, `scan` or `backup`.
    deed: &'static str,
    /// Where else to go, and the word for it.
    way: Option<(String, String)>,
}

struct Facts {
    group: String,
    group_list: String,
    pinned: bool,
    system: String,
    agent: String,
    disk: String,
    addresses: String,
    stored: String,
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

/// A detection, in short.
struct Finding {
    severity: Badge,
    what: String,
    /// The rule that found it, where that is not said already.
    rule: String,
    path: String,
    found: Moment,
    put_away: bool,
}

struct Field {
    field: String,
    value: String,
    origin: String,
    origin_page: String,
    locked: String,
}

/// Which jobs are shown.
#[derive(Deserialize)]
pub struct Shown {
    #[serde(default)]
    after: String,
}

/// The page.
pub async fn page(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Path(wanted): Path<String>,
    Query(shown): Query<Shown>,
) -> Page {
    let teller = Teller::new(&app, &visitor);
    let actor = &visitor.actor;
    let host = app.host(actor, &wanted).await?;
    let id = host.row.id.to_string();
    let details = app.host_details(actor, &host).await?;
    let later = !shown.after.is_empty();
    let place = Place { limit: JOBS, after: shown.after };
    let (jobs, earlier) = app.find_jobs(actor, &Filter { host: id.clone(), page: place, ..Filter::default() }).await?;
    let (running, done): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| !later && !job.row.state.0.is_end());
    let (snapshots, more_snapshots) = snapshots(&app, &visitor, teller, &host).await?;
    let place = Place { limit: DETECTIONS, after: String::new() };
    let (detections, more) = app.detections(actor, &id, false, &place).await?;
    let revoked = host.row.revoked != 0;
    let frame = Frame::of(&visitor);
    show(&Host {
        name: plain(host.name()),
        former: former(teller, &host),
        badge: teller.badge("state", host.state.word()),
        connected: host.connected,
        revoked,
        heir: host.row.replaced_by.clone(),
        reasons: host.reasons.iter().map(|why| reason(teller, &id, *why, frame.administers())).collect(),
        facts: facts(teller, &host, details.stored),
        running: running.into_iter().map(|job| Job::new(teller, job)).collect(),
        days: by_day(teller, &details.time_zone, done),
        earlier: if earlier.is_empty() {
            earlier
        } else {
            address(&format!("/hosts/{id}"), &[("after", &earlier)]) + "#jobs"
        },
        later,
        snapshots,
        more_snapshots,
        detections: detections.into_iter().map(|d| finding(teller, d)).collect(),
        more_detections: !more.is_empty(),
        held: match details.held {
            0 => String::new(),
            n => teller.language.count("host-held", n as u64),
        },
        policy: details.policy.into_iter().map(|view| field(teller, view)).collect(),
        policy_page: policy_page(&host.group),
        id,
        frame,
    })
}

/// The page of a group's policy.
pub(super) fn policy_page(group: &str) -> String {
    address("/policies/group", &[("group", group)])
}

fn former(teller: Teller, host: &HostView) -> String {
    let Some((_, before)) = host.names.split_last().filter(|(_, before)| !before.is_empty()) else {
        return String::new();
    };
    let names: Vec<String> = before.iter().rev().map(|(name, _)| plain(name)).collect();
    teller.text("hosts-formerly", "name", &names.join(", "))
}

/// The newest ones, and how many more there are.
async fn snapshots(
    app: &App,
    visitor: &Visitor,
    teller: Teller,
    host: &HostView,
) -> Result<(Vec<Snapshot>, String), crate::web::problem::Problem> {
    let all = app.snapshots(&visitor.actor, &host.row.id.to_string()).await?;
    let more = match all.len().saturating_sub(SNAPSHOTS) {
        0 => String::new(),
        _ => teller.language.count("host-all-snapshots", all.len() as u64),
    };
    let mut names = HashMap::from([(host.row.id, String::new())]);
    let mut shown = Vec::new();
    for row in all.into_iter().take(SNAPSHOTS) {
        if let Entry::Vacant(unknown) = names.entry(row.host) {
            let other = app.host(&visitor.actor, &row.host.to_string()).await?;
            unknown.insert(teller.text("snapshot-of", "host", &plain(other.name())));
        }
        shown.push(snapshot(teller, names[&row.host].clone(), row));
    }
    Ok((shown, more))
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

/// What is so, what to do about it, and the shortest way to that.
fn reason(teller: Teller, id: &str, why: Why, administers: bool) -> Reason {
    let language = teller.language;
    let manage = |href: String, said: &str| administers.then(|| (href, language.say(said)));
    let detections = || Some((address("/detections", &[("host", id)]), language.say("host-see-detections")));
    let (deed, way) = match why {
        Why::NoBackup | Why::FirstBackup | Why::BackupOverdue | Why::BackupMissed => ("backup", None),
        Why::BackupFailed | Why::BackupPartial => ("backup", Some(("#jobs".into(), language.say("host-see-jobs")))),
        Why::ScanOverdue => ("scan", None),
        Why::ScanFailed | Why::ScanPartial => ("scan", Some(("#jobs".into(), language.say("host-see-jobs")))),
        Why::Malware | Why::Detections => ("", detections()),
        Why::NoSignatures | Why::SignaturesStale => {
            ("", Some(("/signatures".into(), language.say("host-see-signatures"))))
        }
        Why::Lost => ("", manage(format!("/hosts/{id}/revoke"), "host-revoke")),
        Why::Revoked | Why::CertificateExpired => ("", manage("/enrol".into(), "nav-enrol")),
        Why::SignaturesHalted => ("", Some(("/rollouts".into(), language.say("host-see-rollouts")))),
        _ => ("", None),
    };
    Reason {
        kind: why.state().word(),
        why: language.word("reason", why.word()),
        advice: language.word("advice", why.word()),
        deed,
        way,
    }
}

fn facts(teller: Teller, host: &HostView, stored: u64) -> Facts {
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
        group: teller.language.group(&host.group),
        group_list: address("/hosts", &[("group", &host.group)]),
        pinned: row.pinned != 0,
        system: plain(&system.join(" · ")),
        agent: plain(&facts.agent_version),
        disk: match facts.disk_total {
            0 => String::new(),
            _ => language.with("host-disk-free", &[("free", Value::Text(&free)), ("total", Value::Text(&total))]),
        },
        addresses: facts.addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        stored: size(stored),
        signatures: match host.bundle_published {
            0 => signatures(teller, row.bundle),
            at => language.with(
                "signatures-from",
                &[("version", Value::Text(&row.bundle.to_string())), ("when", Value::Text(&teller.words(at)))],
            ),
        },
        refused: match row.bundle_refused.as_str() {
            "" => String::new(),
            reason => teller.text("host-refused", "reason", &teller.language.said(reason)),
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

fn finding(teller: Teller, view: DetectionView) -> Finding {
    let row = view.row;
    // A severity of a later version is a grave one until somebody has looked.
    let severity = row.severity.parse().unwrap_or(Severity::High);
    let said = plain(teller.language.description(&row.metadata.0));
    Finding {
        severity: teller.badge("severity", severity.word()),
        rule: if said.is_empty() { String::new() } else { plain(&row.rule) },
        what: if said.is_empty() { plain(&row.rule) } else { said },
        path: plain(&row.path),
        found: teller.moment(row.at),
        put_away: !row.put_away.is_empty(),
    }
}

fn field(teller: Teller, view: FieldView) -> Field {
    Field {
        field: view.field,
        value: plain(&view.value),
        origin_page: if view.origin.is_empty() { String::new() } else { policy_page(&view.origin) },
        origin: teller.language.group(&view.origin),
        locked: teller.language.group(&view.locked_by),
    }
}
