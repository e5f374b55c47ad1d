#![allow(clippy::unwrap_used)]
//! The schema's fields, and what a form changes in a document.

use super::*;
use keepwatch_proto::policy::{Effective, Layer, Policy, fields_of};

fn field(path: &str) -> &'static Field {
    FIELDS.iter().find(|field| field.path == path).unwrap()
}

fn says(text: &str) -> Typed {
    Typed { text: text.into(), ..Typed::default() }
}

fn weekly(days: Days, time: &str) -> Typed {
    Typed { text: "weekly".into(), days, time: time.into(), ..Typed::default() }
}

const WEDNESDAY: Days = [false, false, true, false, false, false, false];

/// A document as it is with that typed, or as it was.
fn with(yaml: &str, sent: &[(&str, Typed)]) -> Result<String, Vec<(String, Wrong)>> {
    let sent = sent.iter().map(|(path, typed)| (field(path), typed.clone()));
    match merged(&read(yaml).unwrap(), sent) {
        Ok(new) => Ok(new.map_or_else(|| yaml.to_owned(), |new| written(&new))),
        Err(wrong) => Err(wrong.into_iter().map(|(path, why)| (path.to_owned(), why)).collect()),
    }
}

#[test]
fn every_field_of_a_policy_is_there_and_shows_what_holds_by_default() {
    let policy = fields_of(&Policy::default()).unwrap();
    let mut paths: Vec<&str> = FIELDS.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(paths[..3], ["time_zone", "backup.schedule", "backup.paths"]);
    paths.sort_unstable();
    assert_eq!(paths, policy.keys().map(String::as_str).collect::<Vec<_>>());
    let others = FIELDS.iter().filter(|field| field.kind == Kind::Other).map(|field| field.path.as_str());
    let complex = ["backup.timing.allowed", "backup.timing.forbidden"];
    let of_scans = ["scan.allowed", "scan.severities", "scan.timing.allowed", "scan.timing.forbidden"];
    assert_eq!(others.collect::<Vec<_>>(), [&complex[..], &of_scans[..]].concat());
    for Field { path, kind } in FIELDS.iter().filter(|field| field.kind != Kind::Other) {
        let typed = kind.typed(Some(&policy[path])).unwrap();
        assert_eq!(kind.value(&typed), Ok(Some(policy[path].clone())), "{path}");
    }
}

#[test]
fn bounds_and_words_are_the_policys_own() {
    let follows = |path: &str, value: Value| {
        let mut document = Mapping::new();
        put(&mut document, path, Some(value));
        let layer = Layer::from_yaml(&written(&document));
        layer.is_ok_and(|layer| Effective::of([((), &layer)]).is_ok())
    };
    for Field { path, kind } in FIELDS.iter() {
        match kind {
            Kind::Number(least, most) => {
                let most = most.unwrap_or(u32::MAX.into());
                assert!(follows(path, (*least).into()) && follows(path, most.into()), "{path}");
                assert!(!follows(path, (most + 1).into()), "{path}");
                assert!(*least == 0 || !follows(path, (least - 1).into()), "{path}");
            }
            Kind::Choice(words) => assert!(words.iter().all(|word| follows(path, word.as_str().into())), "{path}"),
            Kind::YesNo => assert!(follows(path, true.into()) && !follows(path, "true".into()), "{path}"),
            _ => {}
        }
    }
}

#[test]
fn only_what_differs_is_put_into_the_document() {
    let own = "# why\nlocked: [backup.keep]\nbackup:\n  schedule: '40 12 * * 3'\n  timing: {allowed: [{from: '8:00', to: '9:00'}]}\n  keep: {weekly: 8}\nscan: {severities: {A: low}}\n";
    for (sent, document) in [
        // What shows the same stays as it is written.
        (vec![], own),
        (vec![("backup.schedule", weekly(WEDNESDAY, "12:40")), ("backup.keep.weekly", says(" 8 "))], own),
        (vec![("scan.threads", says("")), ("backup.paths", Typed::default())], own),
        // What a form cannot say it does not touch.
        (vec![("scan.severities", says("")), ("backup.timing.allowed", says("x"))], own),
        (
            vec![("backup.schedule", weekly(WEDNESDAY, "12:45")), ("scan.cpu_percent", says("２０"))],
            "locked:\n- backup.keep\nbackup:\n  schedule: 45 12 * * wed\n  timing:\n    allowed:\n    - from: 8:00\n      to: 9:00\n  keep:\n    weekly: 8\nscan:\n  severities:\n    A: low\n  cpu_percent: 20\n",
        ),
        // A section that is empty goes.
        (
            vec![("backup.keep.weekly", says("")), ("backup.schedule", says(""))],
            "locked:\n- backup.keep\nbackup:\n  timing:\n    allowed:\n    - from: 8:00\n      to: 9:00\nscan:\n  severities:\n    A: low\n",
        ),
    ] {
        assert_eq!(with(own, &sent).unwrap(), document, "{sent:?}");
    }
    for (own, sent, document) in [
        ("", ("backup.quota_gib", says("5")), "backup:\n  quota_gib: 5\n"),
        ("backup:\n  quota_gib: 5\n", ("backup.quota_gib", says("")), ""),
        ("", ("backup.canaries", says("false")), "backup:\n  canaries: false\n"),
        ("", ("backup.infected", says("leave_out")), "backup:\n  infected: leave_out\n"),
        ("", ("time_zone", says("Asia/Urumqi")), "time_zone: Asia/Urumqi\n"),
        ("time_zone: ''\n", ("time_zone", says("UTC")), "time_zone: ''\n"),
        ("", ("scan.max_file_bytes", says("2 GiB")), "scan:\n  max_file_bytes: 2147483648\n"),
        ("", ("scan.max_file_bytes", says("5m")), "scan:\n  max_file_bytes: 5242880\n"),
        ("", ("backup.bandwidth", says("512")), "backup:\n  bandwidth:\n  - kib_per_second: 512\n"),
        ("backup: {bandwidth: [{kib_per_second: 9}]}", ("backup.bandwidth", says("0")), "backup:\n  bandwidth: []\n"),
        ("", ("backup.paths", says("@users\n\n /srv \n是")), "backup:\n  paths:\n  - '@users'\n  - /srv\n  - 是\n"),
        // A text stays a text, whatever it looks like.
        ("", ("scan.excludes", says("no\n12\n~\n# x")), "scan:\n  excludes:\n  - no\n  - '12'\n  - '~'\n  - '# x'\n"),
        ("", ("scan.excludes", Typed { none: true, ..says("") }), "scan:\n  excludes: []\n"),
        ("", ("backup.schedule", says("never")), "backup:\n  schedule: ''\n"),
    ] {
        let new = with(own, std::slice::from_ref(&sent)).unwrap();
        assert_eq!(new, document, "{sent:?}");
        Layer::from_yaml(&new).unwrap();
        // The form of what came out shows what was typed, and changes nothing any more.
        let shown = field(sent.0).kind.typed(at(&read(&new).unwrap(), sent.0)).unwrap();
        assert_eq!(with(&new, &[(sent.0, shown)]).unwrap(), new);
        assert_eq!(with(&new, &[sent]).unwrap(), new);
    }
}

#[test]
fn what_is_more_than_a_form_can_say_stays_in_yaml() {
    for (path, value) in [
        ("backup.bandwidth", "[{from: '8:00', to: '9:00', kib_per_second: 9}]"),
        ("backup.bandwidth", "[{kib_per_second: 9}, {kib_per_second: 8}]"),
        ("backup.paths", "[\" with a space\"]"),
        ("backup.paths", "[\"two\\nlines\"]"),
        ("scan.timing.allowed", "[]"),
    ] {
        let value: Value = serde_norway::from_str(value).unwrap();
        assert_eq!(field(path).kind.typed(Some(&value)), None, "{path}");
    }
    // A long list is shown, and only a change to it is refused.
    let many: String = (0..1500).map(|n| format!("  - /{n}\n")).collect();
    let own = format!("backup:\n  paths:\n{many}");
    let lines: Vec<String> = (0..1500).map(|n| format!("/{n}")).collect();
    assert_eq!(with(&own, &[("backup.paths", says(&lines.join("\n")))]).unwrap(), own);
    assert!(with(&own, &[("backup.paths", says(&lines[1..].join("\n")))]).is_err());
}

#[test]
fn what_cannot_be_meant_is_refused_at_its_field() {
    for (path, typed, wrong) in [
        ("backup.cpu_percent", says("0"), Wrong::Number(1, Some(100))),
        ("backup.cpu_percent", says("a lot"), Wrong::Number(1, Some(100))),
        ("backup.quota_gib", says("-1"), Wrong::Number(0, None)),
        ("backup.keep.weekly", says("1e3"), Wrong::Number(0, Some(10_000))),
        ("scan.max_file_bytes", says("much"), Wrong::Size),
        ("scan.max_file_bytes", says("99999999999 GiB"), Wrong::Size),
        ("scan.max_file_bytes", says("MiB"), Wrong::Size),
        ("scan.unpack", says("maybe"), Wrong::Choice),
        ("scan.when_found", says("burn"), Wrong::Choice),
        ("backup.paths", says(&"/a\n".repeat(10_000)), Wrong::Lines(1000)),
        ("backup.paths", Typed { none: true, ..says("/a") }, Wrong::Both),
        ("backup.schedule", weekly(WEDNESDAY, "25:99"), Wrong::Time),
        ("backup.schedule", weekly(Days::default(), "12:40"), Wrong::Days),
        ("backup.schedule", says("daily"), Wrong::Time),
        ("backup.schedule", says("other"), Wrong::Cron),
        ("backup.schedule", says("sometimes"), Wrong::Choice),
        ("time_zone", says("Mars/Base"), Wrong::Zone),
    ] {
        let good = ("scan.threads", says("2"));
        assert_eq!(with("", &[good, (path, typed)]).unwrap_err(), [(path.to_owned(), wrong)], "{path}");
    }
}

#[test]
fn comments_are_told_from_what_looks_like_one() {
    for (yaml, comments) in [
        ("# why\nscan: {}", true),
        ("scan: {threads: 2} # few", true),
        ("  # in between", true),
        ("scan: {excludes: ['a # b', \"c # d\"]}", false),
        ("scan: {excludes: [a#b]}", false),
        ("scan: {excludes: ['a'] } # 'b'", true),
        ("- \"/srv/it's here\"  # why", true),
        ("- it's # why", true),
        ("", false),
    ] {
        assert_eq!(has_comments(yaml), comments, "{yaml}");
    }
}
