#![allow(clippy::unwrap_used)]
//! Policies in a store: what holds where, what is refused, and who hears of a change.

use super::tuning::check_patterns;
use super::*;
use crate::app::tests::{administrator, app, enrol_into};

fn group(name: &str, parent: &str) -> Group {
    Group { name: name.into(), parent: parent.into(), label: name.into() }
}

fn row(group: &str, yaml: &str) -> PolicyRow {
    PolicyRow { group_name: group.into(), yaml: yaml.into(), revision: 1 }
}

fn given(group: &str, text: &str) -> Given {
    Given { name: format!("{group}.yaml"), text: text.into(), group: group.into(), base: None, why: String::new() }
}

#[test]
fn a_pattern_that_is_none_is_refused() {
    for (yaml, sound) in [
        ("scan: {excludes: ['*.iso', '/srv/**']}", true),
        ("scan: {excludes: ['[']}", false),
        ("scan: {allowed: [{path: '/srv/{a'}]}", false),
    ] {
        assert_eq!(check_patterns(&Policy::from_yaml(yaml).unwrap()).is_ok(), sound, "{yaml}");
    }
}

#[test]
fn each_field_comes_from_the_nearest_group_that_sets_it() {
    let groups =
        vec![group("all", ""), group("district", "all"), group("office", "district"), group("a", "b"), group("b", "a")];
    let rows = vec![row("all", "time_zone: UTC\nscan: {threads: 3}"), row("office", "time_zone: Asia/Urumqi")];
    let policies = Policies::new(&groups, rows.clone());
    assert_eq!((policies.of("office").time_zone.as_str(), policies.of("office").scan.threads), ("Asia/Urumqi", 3));
    assert_eq!(policies.of("district").time_zone, "UTC");
    assert_eq!(policies.origin_of("office", "scan.threads").as_deref(), Some("all"));
    assert_eq!(policies.origin_of("office", "scan.unpack"), None);
    // In which order rows and groups are read does not matter.
    let turned = Policies::new(&groups.iter().rev().cloned().collect::<Vec<_>>(), rows.into_iter().rev().collect());
    assert_eq!(turned.effective("office"), policies.effective("office"));
    // A circle ends.
    assert_eq!(policies.of("a"), Policy::default());
}

#[test]
fn what_cannot_be_read_says_nothing_and_decides_nothing() {
    let groups = vec![group("all", ""), group("office", "all")];
    let policies = Policies::new(&groups, vec![row("all", "shedule: 1"), row("office", "scan: {threads: 3}")]);
    assert_eq!(policies.of("office").scan.threads, 3);
    assert_eq!(policies.keep_of("office"), None);
    // Each can be read, and they cannot be followed together.
    let narrow = "backup: {timing: {allowed: [{days: [mon], from: '08:00', to: '09:00'}]}}";
    let wide = "backup: {timing: {spread_minutes: 200}}\nscan: {threads: 3}";
    let policies = Policies::new(&groups, vec![row("all", narrow), row("office", wide)]);
    assert_eq!(policies.of("office").backup.timing.allowed.len(), 1);
    assert_eq!((policies.of("office").scan.threads, policies.keep_of("office")), (0, None));
    assert!(policies.keep_of("all").is_some());
}

#[tokio::test]
async fn a_folder_changes_only_what_differs_and_only_the_hosts_that_it_concerns() {
    let (_folder, app) = app().await;
    let staff = administrator();
    app.create_group(&staff, "tax", "").await.unwrap();
    app.create_group(&staff, "office", "tax").await.unwrap();
    let (root, tax, office) = (
        enrol_into(&app, "pc-all", "").await,
        enrol_into(&app, "pc-tax", "tax").await,
        enrol_into(&app, "pc-office", "office").await,
    );
    let generation = async |host| app.desired(host).await.unwrap().generation;
    let before = [generation(root).await, generation(tax).await, generation(office).await];
    let folder = vec![given("tax", "# ours\nscan: {threads: 3}\n"), given("office", "scan: {threads: 4}\n")];
    let dry = app.apply_policies(&staff, folder.clone(), true).await.unwrap();
    assert_eq!([generation(root).await, generation(tax).await, generation(office).await], before);
    assert_eq!(dry.outcomes.iter().map(|o| (o.changed, o.revision)).collect::<Vec<_>>(), [(true, 1), (true, 1)]);
    let effects: Vec<_> =
        dry.effects.iter().map(|e| (e.group.as_str(), e.hosts.join(" "), e.changes.clone())).collect();
    let change = |to: &str| vec![("scan.threads".to_owned(), "0".to_owned(), to.to_owned())];
    assert_eq!(effects, [("tax", "pc-tax".into(), change("3")), ("tax/office", "pc-office".into(), change("4"))]);
    assert_eq!(app.apply_policies(&staff, folder.clone(), false).await.unwrap(), dry);
    let after = [generation(root).await, generation(tax).await, generation(office).await];
    assert_eq!(after, [before[0], before[1] + 1, before[2] + 1]);
    assert_eq!(app.desired(office).await.unwrap().policy.scan.threads, 4);
    // A second time nothing changes: no revision, no host, no record.
    let records = app.audit(&staff, &Default::default()).await.unwrap().0.len();
    let again = app.apply_policies(&staff, folder, false).await.unwrap();
    assert!(again.effects.is_empty() && again.outcomes.iter().all(|o| !o.changed && o.revision == 1));
    assert_eq!([generation(root).await, generation(tax).await, generation(office).await], after);
    assert_eq!(app.audit(&staff, &Default::default()).await.unwrap().0.len(), records);
    // A comment is kept, and is no hosts' concern.
    app.apply_policies(&staff, vec![given("tax", "# theirs\nscan: {threads: 3}\n")], false).await.unwrap();
    assert_eq!(generation(tax).await, after[1]);
    let history = app.policy_history(&staff, "tax").await.unwrap();
    assert_eq!(
        history.iter().map(|e| (e.revision, e.yaml.contains("ours"))).collect::<Vec<_>>(),
        [(2, false), (1, true)]
    );
    assert_eq!(history[0].edited_by, staff.user);
}

#[tokio::test]
async fn one_document_that_is_wrong_keeps_all_from_their_place() {
    let (_folder, app) = app().await;
    let staff = administrator();
    app.create_group(&staff, "tax", "").await.unwrap();
    app.create_group(&staff, "office", "tax").await.unwrap();
    let refused =
        async |documents: Vec<Given>| app.apply_policies(&staff, documents, false).await.unwrap_err().to_string();
    let good = || given("tax", "locked: [scan.threads]\nscan: {threads: 3}\n");
    for (documents, words) in [
        (vec![good(), given("office", "scan:\n  treads: 4\n")], "office.yaml: the policy cannot be read: line 2"),
        (
            vec![good(), given("office", "scan:\n  threads: 4\n")],
            "office.yaml: line 2: scan.threads is locked by the group 'tax'",
        ),
        (vec![good(), given("nowhere", "scan: {threads: 4}\n")], "there is no group 'nowhere'"),
        (vec![good(), good()], "the group 'tax' has another document"),
        (
            vec![good(), given("office", "group: tax\nscan: {threads: 4}\n")],
            "it is for the group 'tax', not for 'office'",
        ),
        (vec![good(), given("", "scan: {threads: 4}\n")], "it names no group"),
        (
            vec![good(), given("office", "scan:\n  unpack: true\n  cpu_percent: 0\n")],
            "office.yaml: line 3: scan.cpu_percent",
        ),
        (vec![good(), given("office", "scan: {excludes: ['[']}\n")], "["),
        (
            vec![good(), given("office", "revision: 7\nscan: {unpack: false}\n")],
            "somebody else changed the policy of 'tax/office'",
        ),
    ] {
        let error = refused(documents).await;
        assert!(error.contains(words), "{words}: {error}");
        assert_eq!(app.policy(&staff, "tax").await.unwrap().revision, 0, "{words}");
    }
}

#[tokio::test]
async fn what_was_there_before_the_lock_is_overruled_and_shown() {
    let (_folder, app) = app().await;
    let staff = administrator();
    app.create_group(&staff, "tax", "").await.unwrap();
    app.apply_policies(&staff, vec![given("tax", "scan: {threads: 4}\n")], false).await.unwrap();
    app.apply_policies(&staff, vec![given("all", "locked: [scan]\nscan: {threads: 2}\n")], false).await.unwrap();
    let view = app.effective_policy(&staff, "tax", "").await.unwrap();
    let threads = view.fields.iter().find(|field| field.field == "scan.threads").unwrap();
    let expected = FieldView {
        field: "scan.threads".into(),
        value: "2".into(),
        origin: "all".into(),
        locked_by: "all".into(),
        overruled: "tax".into(),
    };
    assert_eq!(*threads, expected);
    // It may stay while something else is changed, and go.
    let mended = given("tax", "scan: {threads: 4}\nbackup: {quota_gib: 5}\n");
    app.apply_policies(&staff, vec![mended], false).await.unwrap();
    app.apply_policies(&staff, vec![given("tax", "")], false).await.unwrap();
    assert!(app.apply_policies(&staff, vec![given("tax", "scan: {threads: 4}\n")], false).await.is_err());
}
