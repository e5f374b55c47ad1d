#![allow(clippy::unwrap_used)]
//! What each choice finds, in which order, and how many another would.

use super::*;
use crate::app::tests::{administrator, app, enrol, enrol_into};
use crate::store;
use keepwatch_proto::facts::Facts;

async fn names(app: &App, wanted: Wanted, order: &str) -> Vec<String> {
    let found = app.search_hosts(&administrator(), &wanted, order).await.unwrap();
    found.hosts().map(|host| host.name().to_owned()).collect()
}

#[tokio::test]
async fn each_choice_narrows_and_counts_what_another_would_find() {
    let (_folder, app) = app().await;
    let staff = administrator();
    for (name, parent) in [("East", ""), ("Finance", "East"), ("West", "")] {
        app.create_group(&staff, name, parent).await.unwrap();
    }
    let one = enrol_into(&app, "FIN-01", "Finance").await;
    enrol_into(&app, "fin-02", "East").await;
    let gone = enrol_into(&app, "财务-03", "West").await;
    let mut conn = app.store.write().await.unwrap();
    let facts = Facts {
        name: "FIN-01".into(),
        system: "linux".into(),
        system_version: "UOS 20".into(),
        agent_version: "1.0".into(),
        addresses: vec!["10.1.2.3".parse().unwrap()],
        ..Facts::default()
    };
    store::hosts::set_facts(&mut conn, one, &facts).await.unwrap();
    for (since, name) in [(1, "OLD-9"), (2, "FIN-01")] {
        let row = store::host_names::NameRow { host: one, since, name: name.into() };
        store::host_names::insert(&mut conn, &row).await.unwrap();
    }
    drop(conn);
    app.revoke_host(&staff, &gone.to_string()).await.unwrap();

    let words = |text: &str| Wanted { words: text.into(), ..Wanted::default() };
    let (id, none): (String, [&str; 0]) = (one.to_string(), []);
    for (wanted, expected) in [
        (Wanted::default(), &["FIN-01", "fin-02"][..]),
        (words("fin"), &["FIN-01", "fin-02"]),
        // No id has an N in it.
        (words("FIN N-02"), &["fin-02"]),
        (words("old-9"), &["FIN-01"]),
        (words("10.1.2"), &["FIN-01"]),
        (words("uos"), &["FIN-01"]),
        (words(&id), &["FIN-01"]),
        (words("name:fin-0? system:linux"), &["FIN-01"]),
        (words("offline n-02"), &["fin-02"]),
        (words("财务"), &none),
        (Wanted { state: REVOKED.into(), ..words("财务") }, &["财务-03"]),
        (Wanted { reason: REVOKED.into(), ..Wanted::default() }, &["财务-03"]),
        (Wanted { group: "East".into(), ..Wanted::default() }, &["FIN-01", "fin-02"]),
        (Wanted { group: "East/Finance".into(), ..Wanted::default() }, &["FIN-01"]),
        (Wanted { system: "linux".into(), agent: "1.0".into(), ..Wanted::default() }, &["FIN-01"]),
        (Wanted { bundle: "7".into(), ..Wanted::default() }, &none),
        (Wanted { link: "on".into(), ..Wanted::default() }, &none),
        (Wanted { state: "nonsense".into(), ..Wanted::default() }, &none),
    ] {
        assert_eq!(names(&app, wanted.clone(), "name").await, expected, "{wanted:?}");
    }
    let east = Wanted { group: "East/Finance".into(), ..Wanted::default() };
    let counts = app.search_hosts(&staff, &east, "").await.unwrap().counts;
    let groups: Vec<(&str, u32)> = counts.groups.iter().map(|(path, n)| (path.as_str(), *n)).collect();
    assert_eq!(groups, [("all", 2), ("East", 2), ("East/Finance", 1), ("West", 0)]);
    assert_eq!(counts.systems, BTreeMap::from([("linux".to_owned(), 1)]));
    assert!(app.search_hosts(&staff, &Wanted { group: "North".into(), ..east }, "").await.is_err());
    let found = app.search_hosts(&staff, &words("old"), "").await.unwrap();
    assert_eq!(former_name(found.hosts().next().unwrap(), "old"), Some("OLD-9"));
    assert_eq!(former_name(found.hosts().next().unwrap(), "fin"), None);
}

#[tokio::test]
async fn an_order_can_be_turned_round_and_nonsense_is_the_usual_one() {
    let (_folder, app) = app().await;
    for name in ["b", "A", "c"] {
        enrol(&app, name).await;
    }
    assert_eq!(names(&app, Wanted::default(), "name").await, ["A", "b", "c"]);
    assert_eq!(names(&app, Wanted::default(), "-name").await, ["c", "b", "A"]);
    for word in ["", "state", "-", "x'; --", "detections", "backup"] {
        assert_eq!(names(&app, Wanted::default(), word).await, ["A", "b", "c"], "{word}");
    }
}

#[tokio::test]
async fn a_choice_leaves_out_who_was_cut_off_and_tells_itself_from_others() {
    let (_folder, app) = app().await;
    let staff = administrator();
    let (one, two) = (enrol(&app, "one").await, enrol(&app, "two").await);
    let both = Chosen::Named(vec![two.to_string(), one.to_string(), one.to_string()]);
    let all = app.chosen_hosts(&staff, &Chosen::Found(Wanted::default())).await.unwrap();
    assert_eq!(mark(&app.chosen_hosts(&staff, &both).await.unwrap()), mark(&all));
    app.revoke_host(&staff, "one").await.unwrap();
    let left = app.chosen_hosts(&staff, &both).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_ne!(mark(&left), mark(&all));
    assert!(app.chosen_hosts(&staff, &Chosen::Named(vec![])).await.unwrap().is_empty());
}
