//! What a policy decides about matches, as the scan engine takes it.

use keepwatch_proto::detection::Severity;
use keepwatch_proto::policy::{Policy, ScanPolicy};
use keepwatch_scan::{Allowed, ExcludeError, Tuning};

/// For a scan that is made here.
pub(in crate::app) fn tuning(policy: &ScanPolicy) -> Tuning {
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

/// A pattern that is none would fail every scan, and the PC would say so a day later.
pub(super) fn check_patterns(policy: &Policy) -> Result<(), ExcludeError> {
    let allowed = policy.scan.allowed.iter().filter_map(|allowed| allowed.path.as_ref());
    let patterns = allowed.chain(&policy.scan.excludes).cloned();
    let allowed = patterns.map(|path| Allowed { path: Some(path), ..Allowed::default() }).collect();
    Tuning { allowed, ..Tuning::default() }.check()
}
