//! What use cases give, as the wire says it.

use crate::app::catalogs::{FileVerdict, FileVersion, FoundName};
use crate::app::deletions;
use crate::app::detections::DetectionView;
use crate::app::downloads::{self, Download, Piece};
use crate::app::groups::GroupView;
use crate::app::hosts::HostView;
use crate::app::jobs::JobView;
use crate::app::policies::PolicyView;
use crate::app::recovery_kit::RecoveryKit;
use crate::app::retention::RetentionView;
use crate::app::signatures::{Imported, Problem};
use crate::app::slots::SlotView;
use crate::app::snapshots::Found;
use crate::plan::health::Reason;
use crate::plan::retention::Why;
use crate::store;
use crate::store::deletions::DeletionRow;
use crate::store::snapshots::SnapshotRow;
use crate::store::verification::VerificationRow;
use keepwatch_backup::EntryKind;
use keepwatch_proto::job::Failure;
use keepwatch_proto::paths;
use keepwatch_proto::wire::staff as wire;

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

fn small(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

pub(super) fn deletion(row: DeletionRow, host_name: String) -> wire::Deletion {
    wire::Deletion {
        host: row.host.to_string(),
        host_name,
        state: deletions::state(&row).into(),
        reason: row.reason,
        asked_by: row.asked_by,
        asked: row.asked,
        approved_by: row.approved_by,
        approved: row.approved,
        due: row.due,
        done: row.done,
    }
}

pub(super) fn host(h: HostView) -> wire::Host {
    let name = h.name().to_owned();
    wire::Host {
        id: h.row.id.to_string(),
        deletion: h.deletion.map(|row| deletion(row, name.clone())),
        name,
        connected: h.connected,
        revoked: h.row.revoked != 0,
        enrolled: h.row.enrolled,
        last_seen: h.row.last_seen,
        last_scan: h.last_scan,
        last_backup: h.last_backup,
        bundle: count(h.row.bundle),
        open_detections: h.open_detections,
        state: h.state.word().into(),
        reasons: h.reasons.into_iter().map(Reason::word).map(Into::into).collect(),
        next_scan: h.next_scan,
        next_backup: h.next_backup,
        group: h.group,
        bundle_refused: h.row.bundle_refused,
        replaced_by: h.row.replaced_by,
        last_full_scan: h.last_full_scan,
        last_verified: h.last_verified,
        bundle_published: h.bundle_published,
        certificate_expires: h.certificate_expires,
        pinned: h.row.pinned != 0,
        names: h.names.into_iter().map(|(name, since)| wire::NameSince { name, since }).collect(),
        facts: Some(h.row.facts.0.into()),
    }
}

pub(super) fn recovery_kit(kit: RecoveryKit) -> wire::RecoveryKitReply {
    let (text, id) = (kit.text(), kit.id.to_string());
    let RecoveryKit { host, repository, password, problem, door, ca, .. } = kit;
    wire::RecoveryKitReply { host, repository, password, text, id, door, ca, problem }
}

/// Bytes of one piece: well below the largest message.
const PIECE: usize = 256 << 10;

pub(super) fn chunks(all: &[u8]) -> Vec<wire::Chunk> {
    let total = all.len() as u64;
    all.chunks(PIECE).map(|piece| wire::Chunk { data: piece.to_vec(), total, ..Default::default() }).collect()
}

pub(super) fn group(g: GroupView) -> wire::Group {
    wire::Group { name: g.name, path: g.path, parent: g.parent, hosts: g.hosts, own_policy: g.own_policy }
}

pub(super) fn policy(p: PolicyView) -> wire::PolicyDocument {
    wire::PolicyDocument { group: p.group, yaml: p.yaml, revision: p.revision, origin: p.origin }
}

pub(super) fn token((t, group): (store::tokens::TokenRow, String)) -> wire::Token {
    wire::Token {
        id: t.id,
        group,
        uses_left: small(t.uses_left),
        expires: t.expires,
        created_by: t.created_by,
        by_rules: t.by_rules != 0,
    }
}

pub(super) fn job(j: JobView) -> wire::Job {
    wire::Job {
        id: j.row.id.to_string(),
        host: j.row.host.to_string(),
        host_name: j.host_name,
        kind: j.row.kind,
        state: j.row.state.0.word().into(),
        origin: j.row.origin,
        created: j.row.created,
        started: j.row.started,
        ended: j.row.ended,
        message: j.row.message,
        tally: Some(j.row.tally.0.into()),
        failures: j.row.failures.0.into_iter().map(Into::into).collect(),
        snapshot: j.row.snapshot,
        target: j.row.target,
        progress: j.progress.map(Into::into),
        paused: j.row.paused != 0,
        attempt: small(j.row.attempt),
        retry_of: j.row.retry_of,
        failure_kind: j.row.failure_kind,
        waited_seconds: count(j.row.waited),
        due: j.row.due,
        deadline: j.row.deadline,
    }
}

pub(super) fn selected(h: HostView) -> wire::SelectedHost {
    let name = h.name().to_owned();
    wire::SelectedHost { id: h.row.id.to_string(), name, group: h.group }
}

pub(super) fn slot(s: SlotView) -> wire::SlotInUse {
    let state = match (s.row.granted, s.row.begun) {
        (0, 0) => "waiting",
        (_, 0) => "granted",
        _ => "running",
    };
    wire::SlotInUse {
        host: s.row.host.to_string(),
        host_name: s.host_name,
        group: s.group,
        job: s.row.job.to_string(),
        state: state.into(),
        asked: s.row.asked,
        granted: s.row.granted,
        begun: s.row.begun,
    }
}

pub(super) fn snapshot(s: store::snapshots::SnapshotRow) -> wire::Snapshot {
    wire::Snapshot {
        id: s.id,
        time: s.time,
        received: s.received,
        paths: s.paths.0,
        files: count(s.files),
        bytes: count(s.bytes),
        partial: s.partial != 0,
        job: s.job,
        verdict: s.verdict.0.map(Into::into),
        verified: s.verified,
        host: s.host.to_string(),
    }
}

/// What a download is, before any of it.
pub(super) fn download(d: &Download) -> wire::Chunk {
    let format = d.format.map(downloads::word).unwrap_or_default().into();
    wire::Chunk { total: d.size, format, note: d.note.clone(), ..Default::default() }
}

pub(super) fn chunk(piece: Piece, total: u64) -> wire::Chunk {
    match piece {
        Piece::Data { data, done } => wire::Chunk { data: data.to_vec(), done, total, ..Default::default() },
        Piece::LeftOut(failure) => {
            let left_out = Failure { path: paths::of_path(&failure.path), reason: failure.reason };
            wire::Chunk { left_out: Some(left_out.into()), ..Default::default() }
        }
        Piece::Incomplete(count) => wire::Chunk { left_out_count: count, ..Default::default() },
        Piece::Unscanned(count) => wire::Chunk { unscanned: count, ..Default::default() },
    }
}

fn kind(kind: EntryKind) -> String {
    let word = match kind {
        EntryKind::File => "file",
        EntryKind::Folder => "dir",
        EntryKind::Link => "symlink",
        EntryKind::Special => "other",
    };
    word.to_owned()
}

pub(super) fn found(f: FoundName) -> wire::Entry {
    wire::Entry {
        path: f.path,
        kind: kind(f.version.kind),
        size: f.version.size,
        modified: f.version.modified,
        mode: f.version.mode,
        snapshot: f.snapshot,
        link_target: f.version.target,
    }
}

pub(super) fn version(path: &str, version: FileVersion) -> wire::FileVersion {
    let FileVersion { version, first, last, snapshot, snapshots, verdict } = version;
    let entry = Some(found(FoundName { path: path.to_owned(), snapshot, version }));
    let word = verdict.word().to_owned();
    let rules = if let FileVerdict::Infected(rules) = verdict { rules } else { vec![] };
    wire::FileVersion { entry, first, last, snapshots, verdict: word, rules }
}

pub(super) fn entry(f: Found) -> wire::Entry {
    wire::Entry {
        path: paths::of_path(&f.entry.path),
        kind: kind(f.entry.kind),
        size: f.entry.size,
        modified: f.entry.modified.map_or(0, |t| t.timestamp()),
        mode: f.entry.mode,
        snapshot: f.snapshot,
        link_target: f.entry.target.map(|t| paths::of_path(&t)).unwrap_or_default(),
    }
}

pub(super) fn detection(d: DetectionView) -> wire::Detection {
    wire::Detection {
        id: d.row.id.to_string(),
        host: d.row.host.to_string(),
        host_name: d.host_name,
        at: d.row.at,
        rule: d.row.rule,
        namespace: d.row.namespace,
        severity: d.row.severity,
        path: d.row.path,
        size: count(d.row.size),
        sha256: d.row.sha256,
        bundle: count(d.row.bundle),
        metadata: d.row.metadata.0.into_iter().collect(),
        job: d.row.job,
        acknowledged: d.row.acknowledged != 0,
        acknowledged_by: d.row.acknowledged_by,
        reason: d.row.reason,
        put_away: d.row.put_away,
    }
}

pub(super) fn imported(i: Imported) -> wire::ImportReply {
    let problem = |p: Problem| wire::ImportProblem { file: p.file, line: p.line, message: p.message, fatal: p.fatal };
    wire::ImportReply {
        version: i.version,
        rules: i.rules,
        files: i.files,
        problems: i.problems.into_iter().map(problem).collect(),
    }
}

pub(super) fn bundle((b, hosts): (store::bundles::BundleRow, u32)) -> wire::Bundle {
    wire::Bundle {
        version: count(b.version),
        sha256: b.sha256,
        size: count(b.size),
        rules: small(b.rules),
        files: small(b.files),
        published: b.published,
        published_by: b.published_by,
        hosts,
    }
}

pub(super) fn source(s: store::sources::SourceRow) -> wire::Source {
    wire::Source { name: s.name, files: small(s.files), imported: s.imported, imported_by: s.imported_by }
}

pub(super) fn user(u: store::users::UserRow) -> wire::User {
    wire::User { name: u.name, role: u.role, created: u.created, last_login: u.last_login }
}

pub(super) fn audit(r: store::audit::AuditRow) -> wire::AuditRecord {
    wire::AuditRecord {
        id: r.id,
        at: r.at,
        user: r.user_name,
        action: r.action,
        object: r.object,
        detail: r.detail,
        from: r.origin,
        outcome: r.outcome,
    }
}

pub fn retention(view: RetentionView) -> wire::Retention {
    let RetentionView { fates, row } = view;
    let fate = |(snapshot, why): (SnapshotRow, Vec<Why>)| wire::Fate {
        snapshot: snapshot.id,
        received: snapshot.received,
        kept: why.into_iter().map(|why| why.word().to_owned()).collect(),
        bytes: u64::try_from(snapshot.bytes).unwrap_or(0),
    };
    wire::Retention {
        fates: fates.into_iter().map(fate).collect(),
        frozen: row.frozen,
        frozen_at: row.frozen_at,
        ran: row.ran,
        outcome: row.outcome,
    }
}

pub fn verification(row: VerificationRow) -> wire::Verification {
    let damage = row.damage.0.unwrap_or_default();
    wire::Verification {
        ran: row.ran,
        outcome: row.outcome,
        damaged: damage.damaged,
        missing: damage.missing,
        files: damage.files.into_iter().map(|(path, snapshots)| wire::AffectedFile { path, snapshots }).collect(),
        snapshots: damage.snapshots,
        unreadable: damage.unreadable,
    }
}
