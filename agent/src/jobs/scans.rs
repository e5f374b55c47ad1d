//! A scan's order, and its way through the deaths of workers.

use super::deaths::Deaths;
use crate::at_work;
use crate::places::Places;
use crate::signatures::InUse;
use crate::worker::{Courtesy, ScanOrder};
use keepwatch_proto::detection::Severity;
use keepwatch_proto::ids::JobId;
use keepwatch_proto::paths;
use keepwatch_proto::policy::ScanPolicy;
use keepwatch_scan::{Allowed, Tuning};
use std::path::{Path, PathBuf};

/// What a scan does: the places and excludes are the job's; how it does it is the policy's.
pub(super) fn order(
    job: JobId,
    places: Places,
    excludes: Vec<String>,
    max_file_bytes: u64,
    policy: &ScanPolicy,
    InUse { bundle, file }: InUse,
    folder: PathBuf,
) -> ScanOrder {
    ScanOrder {
        job,
        paths: places.paths.iter().map(|path| paths::of_path(path)).collect(),
        excludes: excludes.into_iter().chain(places.excludes).collect(),
        max_file_bytes,
        bundle,
        bundle_file: file,
        folder,
        threads: policy.threads as usize,
        cpu_percent: policy.cpu_percent,
        unpack: policy.unpack,
        courtesy: Courtesy { on_battery: policy.pause_on_battery, when_busy: policy.pause_when_busy, held: false },
        tuning: tuning(policy),
        suspects: vec![],
        condemned: vec![],
        put_away_from: None,
    }
}

fn tuning(policy: &ScanPolicy) -> Tuning {
    let allowed = policy.allowed.iter().cloned();
    let allowed = allowed.map(|a| Allowed { rule: a.rule, path: a.path, sha256: a.sha256 });
    Tuning {
        severities: policy.severities.iter().map(|(rule, as_decided)| (rule.clone(), severity(*as_decided))).collect(),
        disabled: policy.disabled.clone(),
        allowed: allowed.collect(),
    }
}

fn severity(severity: Severity) -> keepwatch_scan::Severity {
    use keepwatch_scan::Severity as Scale;
    match severity {
        Severity::Info => Scale::Info,
        Severity::Low => Scale::Low,
        Severity::Medium => Scale::Medium,
        Severity::High => Scale::High,
        Severity::Critical => Scale::Critical,
    }
}

/// What the last worker of this job has left, if there was one; it is not left for another.
pub(super) fn take_left(folder: &Path, job: JobId) -> at_work::Left {
    let file = at_work::file(folder);
    let left = at_work::left(&file, job);
    // A worker that dies before it has begun must not be taken for the one before.
    let _ = std::fs::remove_file(file);
    left
}

/// What follows from the deaths, for the next worker.
pub(super) fn after(deaths: &Deaths, order: &mut ScanOrder) {
    let text = |path: &PathBuf| paths::of_path(path);
    order.suspects = deaths.suspects.iter().map(text).collect();
    order.condemned = deaths.condemned.iter().map(|(path, why)| (text(path), why.clone())).collect();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::at_work::AtWork;
    use keepwatch_proto::bundle::Bundle;
    use keepwatch_proto::clock::Clock;
    use keepwatch_proto::policy::Policy;

    #[test]
    fn the_policy_says_how() {
        let yaml = "scan: {threads: 3, cpu_percent: 40, unpack: false, pause_on_battery: false, pause_when_busy: true, \
                    severities: {Loud: info}, disabled: [Wrong], allowed: [{rule: Tool, path: '/srv/**'}]}";
        let policy = Policy::from_yaml(yaml).unwrap().scan;
        let places = Places { paths: vec!["/a".into()], excludes: vec!["/a/b".into()] };
        let job = JobId::new(&Clock::system());
        let bundle = Bundle { version: 7, sha256: "5e".into(), size: 1, rules: 1 };
        let in_use = InUse { bundle, file: "/bundle".into() };
        let order = order(job, places, vec!["*.iso".into()], 7, &policy, in_use, "/scans".into());
        assert_eq!((order.threads, order.cpu_percent, order.unpack), (3, 40, false));
        assert_eq!(order.courtesy, Courtesy { on_battery: false, when_busy: true, held: false });
        assert_eq!((order.paths, order.excludes), (vec!["/a".to_owned()], vec!["*.iso".to_owned(), "/a/b".to_owned()]));
        assert_eq!(order.tuning.severities["Loud"], keepwatch_scan::Severity::Info);
        assert!(order.tuning.disabled.contains("Wrong"));
        let allowed = Allowed { rule: Some("Tool".into()), path: Some("/srv/**".into()), sha256: None };
        assert_eq!(order.tuning.allowed, [allowed]);
    }

    #[test]
    fn what_a_worker_left_is_taken_once() {
        let folder = tempfile::tempdir().unwrap();
        let job = JobId::new(&Clock::system());
        AtWork::begin(&at_work::file(folder.path()), job).unwrap().begins(0, Path::new("/a"), false);
        assert_eq!(take_left(folder.path(), job).judging, [PathBuf::from("/a")]);
        assert_eq!(take_left(folder.path(), job), at_work::Left::default());
    }
}
