//! Each fact and each threshold with its consequence.

use super::*;

const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

fn ago(hours: i64) -> DateTime<Utc> {
    NOW - TimeDelta::hours(hours)
}

/// Off, last heard of and enrolled so many hours ago.
fn silent(seen: Option<i64>, enrolled: i64) -> (bool, Option<DateTime<Utc>>, DateTime<Utc>) {
    (false, seen.map(ago), ago(enrolled))
}

/// Due once in so many hours, and done when it was due, so many hours ago.
fn work(period: i64, done: i64) -> Work {
    let period = TimeDelta::hours(period);
    Work {
        expected: Some(Expected { due: ago(done) + period, period }),
        last_done: Some(ago(done)),
        last_outcome: Some(JobState::Succeeded),
    }
}

/// The same, where it was enrolled then and nothing was done since.
fn never(period: i64, enrolled: i64) -> Work {
    Work { last_done: None, last_outcome: None, ..work(period, enrolled) }
}

fn well() -> Known {
    Known {
        enrolled: ago(10_000),
        revoked: false,
        replaced: false,
        connected: true,
        last_seen: Some(ago(0)),
        backup: work(168, 24),
        scan: work(24, 3),
        open_detections: 0,
        grave_detections: 0,
        bundle: 5,
        bundle_published: Some(ago(100)),
        bundle_superseded: None,
        bundle_kept_back: false,
        bundle_halted: false,
        bundle_refused: false,
        retention_frozen: false,
        repository_damaged: false,
        deletion_wanted: false,
        last_verified: Some(ago(24)),
        verified_within: TimeDelta::days(28),
        first_backup: Some(ago(5_000)),
        trial: None,
        canary_touched: false,
        certificate_expires: Some(ago(-24 * 200)),
        disk: (200 << 30, 500 << 30),
        agent_old: false,
    }
}

type Case = (fn(&mut Known), State, &'static [Reason]);

#[test]
fn each_fact_has_its_consequence() {
    let cases: &[Case] = &[
        (|_| {}, State::Protected, &[]),
        (|k| k.revoked = true, State::Unknown, &[Reason::Revoked]),
        (|k| (k.revoked, k.replaced) = (true, true), State::Unknown, &[Reason::Replaced]),
        (
            |k| (k.revoked, k.deletion_wanted) = (true, true),
            State::Unknown,
            &[Reason::Revoked, Reason::RepositoryDeletion],
        ),
        // The four silences, each to its hour.
        (|k| (k.connected, k.last_seen, k.enrolled) = silent(None, 24), State::Unknown, &[Reason::Pending]),
        (|k| (k.connected, k.last_seen, k.enrolled) = silent(None, 25), State::Unknown, &[Reason::NeverConnected]),
        (|k| (k.connected, k.last_seen, k.enrolled) = silent(Some(7 * 24), 9_999), State::Protected, &[]),
        (|k| (k.connected, k.last_seen, k.enrolled) = silent(Some(7 * 24 + 1), 9_999), State::Unknown, &[Reason::Away]),
        (|k| (k.connected, k.last_seen, k.enrolled) = silent(Some(30 * 24), 9_999), State::Unknown, &[Reason::Away]),
        (
            |k| (k.connected, k.last_seen, k.enrolled) = silent(Some(30 * 24 + 1), 9_999),
            State::Unknown,
            &[Reason::Lost],
        ),
        (|k| k.last_seen = None, State::Protected, &[]),
        // Off over the weekend is not silence.
        (|k| (k.connected, k.last_seen) = (false, Some(ago(60))), State::Protected, &[]),
        (|k| (k.open_detections, k.grave_detections) = (2, 1), State::AtRisk, &[Reason::Malware]),
        (|k| k.trial = Some(JobState::Partial), State::Attention, &[Reason::TrialFailed]),
        (|k| k.trial = Some(JobState::Succeeded), State::Protected, &[]),
        (|k| k.open_detections = 2, State::Attention, &[Reason::Detections]),
        // Late at one and a quarter times its week of 168 hours, missed at two and a half.
        (|k| k.backup = work(168, 210), State::Protected, &[]),
        (|k| k.backup = work(168, 420), State::Attention, &[Reason::BackupOverdue]),
        (|k| k.backup = work(168, 211), State::Attention, &[Reason::BackupOverdue]),
        (|k| k.backup = work(168, 421), State::AtRisk, &[Reason::BackupMissed]),
        (|k| k.backup = never(168, 10_000), State::AtRisk, &[Reason::NoBackup]),
        (|k| k.backup = never(168, 5), State::Attention, &[Reason::FirstBackup]),
        (|k| k.backup.last_outcome = Some(JobState::Failed), State::Attention, &[Reason::BackupFailed]),
        (|k| k.backup.last_outcome = Some(JobState::Partial), State::Attention, &[Reason::BackupPartial]),
        (|k| k.scan = work(24, 30), State::Protected, &[]),
        (|k| k.scan = work(24, 31), State::Attention, &[Reason::ScanOverdue]),
        (|k| k.scan = never(24, 10_000), State::Attention, &[Reason::ScanOverdue]),
        (|k| k.scan.last_outcome = Some(JobState::Partial), State::Attention, &[Reason::ScanPartial]),
        (|k| k.bundle = 0, State::Attention, &[Reason::NoSignatures]),
        // Behind the newest for three days, for seven; and the newest is a week old itself.
        (|k| k.bundle_superseded = Some(ago(72)), State::Protected, &[]),
        (|k| k.bundle_superseded = Some(ago(73)), State::Attention, &[Reason::SignaturesOld]),
        (|k| k.bundle_superseded = Some(ago(168)), State::Attention, &[Reason::SignaturesOld]),
        (|k| k.bundle_superseded = Some(ago(169)), State::AtRisk, &[Reason::SignaturesOutdated]),
        (|k| k.bundle_published = Some(ago(168)), State::Protected, &[]),
        (|k| k.bundle_published = Some(ago(169)), State::Attention, &[Reason::SignaturesStale]),
        (|k| k.bundle_published = None, State::Protected, &[]),
        // Not old because nobody imported any: there are newer ones, and its turn has not come.
        (|k| (k.bundle_published, k.bundle_kept_back) = (Some(ago(169)), true), State::Protected, &[]),
        (|k| k.bundle_halted = true, State::Attention, &[Reason::SignaturesHalted]),
        (|k| k.bundle_refused = true, State::Attention, &[Reason::SignaturesRefused]),
        // All of a repository is read in 28 days: late after 35.
        (|k| k.last_verified = Some(ago(35 * 24)), State::Protected, &[]),
        (|k| k.last_verified = Some(ago(35 * 24 + 1)), State::Attention, &[Reason::VerificationOverdue]),
        (|k| k.last_verified = None, State::Attention, &[Reason::VerificationOverdue]),
        (|k| (k.last_verified, k.first_backup) = (None, Some(ago(35 * 24))), State::Protected, &[]),
        (|k| (k.last_verified, k.first_backup) = (None, None), State::Protected, &[]),
        (|k| k.certificate_expires = Some(ago(-30 * 24)), State::Protected, &[]),
        (|k| k.certificate_expires = Some(ago(-30 * 24 + 1)), State::Attention, &[Reason::CertificateExpiring]),
        (|k| k.certificate_expires = Some(NOW), State::AtRisk, &[Reason::CertificateExpired]),
        (|k| k.certificate_expires = None, State::Protected, &[]),
        // Nine GiB are little on a disk of 500, enough on one of 100, and always more than one GiB.
        (|k| k.disk = (9 << 30, 500 << 30), State::Attention, &[Reason::DiskLow]),
        (|k| k.disk = (9 << 30, 100 << 30), State::Protected, &[]),
        (|k| k.disk = (10 << 30, 4_000 << 30), State::Protected, &[]),
        (|k| k.disk = ((1 << 30) - 1, 8 << 30), State::Attention, &[Reason::DiskLow]),
        (|k| k.disk = (0, 0), State::Protected, &[]),
        (|k| k.agent_old = true, State::Attention, &[Reason::AgentOld]),
        (|k| k.repository_damaged = true, State::AtRisk, &[Reason::RepositoryDamaged]),
        (|k| k.canary_touched = true, State::AtRisk, &[Reason::CanaryTouched]),
        (|k| k.retention_frozen = true, State::Attention, &[Reason::RetentionFrozen]),
        (|k| k.scan.last_outcome = Some(JobState::Failed), State::Attention, &[Reason::ScanFailed]),
        // A host that does nothing by itself is only judged by what it did.
        (|k| (k.backup, k.scan) = (Work::default(), Work::default()), State::Protected, &[]),
    ];
    for (number, (change, state, reasons)) in cases.iter().enumerate() {
        let mut known = well();
        change(&mut known);
        assert_eq!(judge(&known, NOW), (*state, reasons.to_vec()), "case {number}");
    }
}

#[test]
fn unknown_outweighs_what_was_known() {
    let mut known = well();
    (known.connected, known.last_seen) = (false, Some(ago(500)));
    known.backup = work(168, 500);
    let (state, reasons) = judge(&known, NOW);
    assert_eq!(state, State::Unknown);
    assert_eq!(reasons[..2], [Reason::Away, Reason::BackupMissed]);
}

#[test]
fn every_reason_has_a_case() {
    let table = include_str!("tests.rs");
    for reason in Reason::ALL {
        assert!(table.contains(&format!("Reason::{reason:?}")), "{reason:?} is in no case");
    }
}

#[test]
fn versions_are_compared_as_numbers() {
    for (version, than, is) in [
        ("0.9.0", "0.10.0", true),
        ("0.10.0", "0.9.0", false),
        ("1.2.3", "1.2.3", false),
        ("1.2.3-rc1", "1.2.4", true),
        ("2.0.0", "1.9.9", false),
        ("", "1.0.0", false),
        ("1.0", "1.0.1", false),
        ("evil", "1.0.0", false),
        ("99999999999999999999.0.0", "1.0.0", false),
    ] {
        assert_eq!(older(version, than), is, "{version} and {than}");
    }
}

fn figures(hosts: u32, protected: u32) -> Figures {
    Figures { hosts, protected, ..Figures::default() }
}

#[test]
fn a_groups_figures_are_those_of_all_below_it() {
    let groups =
        [("all", ""), ("west", "all"), ("east", "all"), ("tax", "east"), ("a", "b"), ("b", "a"), ("x", "gone")];
    let groups: Vec<(String, String)> = groups.iter().map(|(n, p)| ((*n).into(), (*p).into())).collect();
    let own = [("all", figures(1, 1)), ("tax", figures(3, 2)), ("east", figures(10, 0)), ("a", figures(5, 5))];
    let own = own.into_iter().map(|(name, figures)| (name.to_owned(), figures)).collect();
    let rolled = roll_up(&groups, &own);
    let seen: Vec<_> =
        rolled.iter().map(|g| (g.name.as_str(), g.depth, g.own.hosts, g.all.hosts, g.all.protected)).collect();
    assert_eq!(
        seen,
        [
            ("all", 0, 1, 14, 3),
            ("east", 1, 10, 13, 2),
            ("tax", 2, 3, 3, 2),
            ("west", 1, 0, 0, 0),
            // Its parent is gone, and these go round in a circle: none is left out.
            ("x", 0, 0, 0, 0),
            ("a", 0, 5, 5, 5),
            ("b", 1, 0, 0, 0),
        ]
    );
}

#[test]
fn each_silence_is_counted_apart_and_what_was_revoked_is_no_host() {
    let mut figures = Figures::default();
    for reasons in
        [&[Reason::Pending][..], &[Reason::NeverConnected], &[Reason::Away, Reason::BackupMissed], &[Reason::Lost]]
    {
        figures.count(State::Unknown, reasons);
    }
    figures.count(State::Unknown, &[Reason::Revoked]);
    figures.count(State::AtRisk, &[Reason::Malware]);
    let expected = Figures {
        hosts: 5,
        at_risk: 1,
        unknown: 4,
        never_connected: 1,
        pending: 1,
        away: 1,
        lost: 1,
        ..Figures::default()
    };
    assert_eq!(figures, expected);
}
