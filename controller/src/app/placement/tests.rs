#![allow(clippy::unwrap_used)]
//! Hosts placed by hand and by rules.

use super::*;
use crate::app::events::Report;
use crate::app::tests::{administrator, app, enrol, enrol_into};
use keepwatch_proto::clock::Clock;
use keepwatch_proto::ids::BootId;
use std::sync::Arc;

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

fn facts(name: &str, address: &str) -> Facts {
    Facts { name: name.into(), system: "linux".into(), addresses: vec![address.parse().unwrap()], ..Facts::default() }
}

async fn says(app: &App, host: HostId, facts: Facts) {
    let report = Report { facts: Some(facts), ..Report::of(BootId::new(&app.clock), vec![]) };
    app.ingest(host, report).await.unwrap();
}

async fn group(app: &App, host: HostId) -> String {
    app.host(&administrator(), &host.to_string()).await.unwrap().group
}

#[tokio::test]
async fn hosts_move_together_or_not_at_all_and_follow_the_policy_of_where_they_are() {
    let (_folder, app) = app().await;
    let staff = administrator();
    app.create_group(&staff, "tax", "").await.unwrap();
    app.set_policy(&staff, "tax", "time_zone: UTC\n", 0).await.unwrap();
    let (one, two) = (enrol_into(&app, "one", "").await, enrol_into(&app, "two", "tax").await);
    let before = app.desired(two).await.unwrap().generation;
    for (hosts, group) in [(vec!["one", "nobody"], "tax"), (vec!["one"], "nowhere"), (vec!["one"], "")] {
        assert!(app.move_hosts(&staff, &names(&hosts), group).await.is_err());
        assert_ne!(app.desired(one).await.unwrap().policy.time_zone, "UTC");
    }
    let moved = app.move_hosts(&staff, &names(&["one", "two", "one"]), "tax").await.unwrap();
    assert_eq!(moved, ["one"]);
    assert_eq!(app.desired(one).await.unwrap().policy.time_zone, "UTC");
    // Who stays hears of nothing, and that it stays is on record, once.
    assert_eq!(app.desired(two).await.unwrap().generation, before);
    app.move_hosts(&staff, &names(&["one", "two"]), "tax").await.unwrap();
    let records = app.audit(&staff, &Default::default()).await.unwrap().0;
    let pins: Vec<&str> = records.iter().filter(|r| r.action == "host pin").map(|r| r.detail.as_str()).collect();
    assert_eq!(pins, ["two in tax"]);
}

#[tokio::test]
async fn a_host_moves_when_its_facts_change_and_stays_where_staff_put_it() {
    let (_folder, mut app) = app().await;
    let staff = administrator();
    for name in ["fin", "branch", "desk"] {
        app.create_group(&staff, name, "").await.unwrap();
    }
    let host = enrol(&app, "old").await;
    app.add_rule(&staff, 0, ("FIN-*", "", ""), "fin").await.unwrap();
    app.add_rule(&staff, 0, ("", "10.7.0.0/16", "linux"), "branch").await.unwrap();
    // A new rule moves nobody by itself, and what no rule asks about is no change.
    says(&app, host, facts("old", "192.0.2.1")).await;
    assert_eq!(group(&app, host).await, "all");
    let before = app.desired(host).await.unwrap().generation;
    says(&app, host, facts("FIN-1", "10.7.0.1")).await;
    assert_eq!(group(&app, host).await, "fin");
    assert_eq!(app.desired(host).await.unwrap().generation, before + 1);
    let record = &app.audit(&staff, &Default::default()).await.unwrap().0[0];
    assert_eq!((record.user_name.as_str(), record.action.as_str()), ("rule 10", "host move"));
    assert_eq!(record.detail, "FIN-1 from all to fin (rule 10, name FIN-*)");
    // Not again within the hour, whatever it says; what it says then is not lost.
    let records = app.audit(&staff, &Default::default()).await.unwrap().0.len();
    for turn in 0..20 {
        says(&app, host, facts(if turn % 2 == 0 { "x" } else { "FIN-1" }, "10.7.0.1")).await;
    }
    says(&app, host, facts("x", "10.7.0.1")).await;
    assert_eq!(
        (group(&app, host).await, app.audit(&staff, &Default::default()).await.unwrap().0.len()),
        ("fin".into(), records)
    );
    let later = app.clock.now() + chrono::TimeDelta::minutes(61);
    Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(later);
    says(&app, host, facts("x", "10.7.0.1")).await;
    assert_eq!(group(&app, host).await, "branch");
    // Placed by hand, until that is taken back.
    app.move_hosts(&staff, &names(&["x"]), "desk").await.unwrap();
    let later = app.clock.now() + chrono::TimeDelta::days(1);
    Arc::get_mut(&mut app).unwrap().clock = Clock::fixed(later);
    says(&app, host, facts("FIN-2", "10.7.0.1")).await;
    assert!(app.apply_rules(&staff, false).await.unwrap().is_empty());
    assert_eq!(group(&app, host).await, "desk");
    let moves = app.unpin_hosts(&staff, &names(&["FIN-2"])).await.unwrap();
    assert_eq!(
        moves.iter().map(|m| (m.from.as_str(), m.to.as_str(), m.rule)).collect::<Vec<_>>(),
        [("desk", "fin", 10)]
    );
}

#[tokio::test]
async fn rules_are_tried_before_they_are_applied() {
    let (_folder, app) = app().await;
    let staff = administrator();
    for name in ["fin", "rest"] {
        app.create_group(&staff, name, "").await.unwrap();
    }
    let (one, two) = (enrol(&app, "FIN-1").await, enrol(&app, "HR-1").await);
    let (placed, cut) = (enrol(&app, "FIN-2").await, enrol(&app, "FIN-3").await);
    app.move_hosts(&staff, &names(&["FIN-2"]), "rest").await.unwrap();
    app.revoke_host(&staff, "FIN-3").await.unwrap();
    app.add_rule(&staff, 500, ("*", "", ""), "rest").await.unwrap();
    app.add_rule(&staff, 20, ("fin-*", "", ""), "fin").await.unwrap();
    let dry = app.apply_rules(&staff, true).await.unwrap();
    let brief = |moves: &[Move]| moves.iter().map(|m| format!("{} {} {}", m.name, m.to, m.rule)).collect::<Vec<_>>();
    let mut told = brief(&dry);
    told.sort();
    assert_eq!(told, ["FIN-1 fin 20", "HR-1 rest 500"]);
    assert_eq!(group(&app, one).await, "all");
    assert_eq!(app.apply_rules(&staff, false).await.unwrap(), dry);
    assert_eq!([group(&app, one).await, group(&app, two).await], ["fin", "rest"]);
    assert_eq!([group(&app, placed).await, group(&app, cut).await], ["rest", "all"]);
    // Twice is once.
    assert!(app.apply_rules(&staff, false).await.unwrap().is_empty());
    assert!(app.remove_group(&staff, "fin").await.unwrap_err().to_string().contains("1 hosts"));
    app.move_hosts(&staff, &names(&["FIN-1"]), "rest").await.unwrap();
    assert!(app.remove_group(&staff, "fin").await.unwrap_err().to_string().contains("1 rules"));
    app.remove_rule(&staff, 20).await.unwrap();
    app.remove_group(&staff, "fin").await.unwrap();
}

#[tokio::test]
async fn a_rule_that_is_none_is_refused_and_a_place_is_taken_once() {
    let (_folder, app) = app().await;
    let staff = administrator();
    app.create_group(&staff, "fin", "").await.unwrap();
    for (order, what, group, words) in [
        (0, ("", "", ""), "fin", "needs a condition"),
        (0, ("", "10.1.2.3/8", ""), "fin", "10.0.0.0/8"),
        (0, ("*", "", ""), "nowhere", "there is no group 'nowhere'"),
        (LAST + 1, ("*", "", ""), "fin", "from 1 to"),
    ] {
        let error = app.add_rule(&staff, order, what, group).await.unwrap_err().to_string();
        assert!(error.contains(words), "{what:?}: {error}");
    }
    assert!(app.rules(&staff).await.unwrap().is_empty());
    let added = app.add_rule(&staff, 0, ("*", "", ""), "fin").await.unwrap();
    assert_eq!((added.rule.order, added.group.as_str()), (10, "fin"));
    assert!(matches!(app.add_rule(&staff, 10, ("a", "", ""), "fin").await, Err(AppError::Conflict(_))));
    assert_eq!(app.add_rule(&staff, 5, ("a", "", ""), "").await.unwrap().group, "all");
    assert_eq!(app.rules(&staff).await.unwrap().iter().map(|v| v.rule.order).collect::<Vec<_>>(), [5, 10]);
    assert!(matches!(app.remove_rule(&staff, 7).await, Err(AppError::NotFound(_))));
}
