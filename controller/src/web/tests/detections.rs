//! Detections, put together or one by one; what staff do about them; what is put away.

use super::*;
use keepwatch_proto::detection::{Detection, Severity};
use keepwatch_proto::ids::ItemId;
use keepwatch_proto::job::Snapshot;
use keepwatch_proto::quarantine::Item;
use keepwatch_proto::verdict::{Infected, Verdict};

async fn plant(pages: &Pages, host: HostId, rule: &str, severity: Severity, path: &str) -> DetectionId {
    let id = DetectionId::new(&pages.app.clock);
    let detection = Detection {
        job: JobId::new(&pages.app.clock),
        rule: rule.into(),
        namespace: "own/rules".into(),
        severity,
        metadata: [("author".to_owned(), "<i>nobody</i>".to_owned())].into(),
        path: path.into(),
        size: 3,
        sha256: String::new(),
        bundle: 1,
    };
    let mut conn = pages.app.store.write().await.unwrap();
    store::detections::insert(&mut conn, &DetectionRow::of(id, host, pages.app.now(), &detection)).await.unwrap();
    id
}

/// The mark of what a page asks about.
fn seen(page: &str) -> String {
    page.split("name=\"seen\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_on_several_hosts_is_one_outbreak_and_is_acknowledged_as_one() {
    let pages = Pages::new().await;
    let (viewer, operator) = (pages.log_in("viewer", "viewer").await, pages.log_in("li", "operator").await);
    let (one, other) = (pages.enrol("pc-1").await, pages.enrol("pc-2").await);
    let id = pages.detect(one, "/home/a.com").await;
    pages.detect(other, "/home/b.com").await;
    plant(&pages, one, "Other", Severity::Low, "/home/other").await;
    let list = pages.get("/detections", &viewer).await.text;
    assert_eq!((list.matches("id=\"group-").count(), list.matches("badge outbreak").count()), (2, 1), "{list}");
    assert!(list.find("EICAR").unwrap() < list.find("Other").unwrap(), "the gravest comes first");

    let page = pages.get(&format!("/detections/{id}"), &viewer).await.text;
    for shown in ["pc-1", "pc-2", "/home/a.com", "/home/b.com", "On 2 PCs within", "not at hand"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("/home/other") && !page.contains("/acknowledge") && !page.contains("/put-away"), "{page}");

    let uri = format!("/detections/{id}/acknowledge-all");
    let asked = pages.get(&uri, &operator).await.text;
    assert!(asked.contains("2 detections on 2 PCs"), "{asked}");
    // What came meanwhile is not acknowledged unseen, and what was typed is there still.
    pages.detect(other, "/home/c.com").await;
    let meanwhile = pages.post(&uri, &operator, &format!("reason=test+files&seen={}", seen(&asked))).await;
    assert_eq!(meanwhile.status, StatusCode::UNPROCESSABLE_ENTITY);
    for shown in ["Meanwhile", "value=\"test files\"", "3 detections"] {
        assert!(meanwhile.text.contains(shown), "{shown}: {}", meanwhile.text);
    }
    // As many, and others: one is acknowledged and another comes.
    let others = seen(&meanwhile.text);
    let uncle = crate::app::tests::administrator();
    pages.app.acknowledge_detection(&uncle, &id.to_string(), "mine").await.unwrap();
    pages.detect(other, "/home/d.com").await;
    let meanwhile = pages.post(&uri, &operator, &format!("reason=test+files&seen={others}")).await;
    assert_eq!(meanwhile.status, StatusCode::UNPROCESSABLE_ENTITY);
    let seen = seen(&meanwhile.text);
    let empty = pages.post(&uri, &operator, &format!("reason=+&seen={seen}")).await;
    assert!(empty.status == StatusCode::UNPROCESSABLE_ENTITY && empty.text.contains("Say in a few words"));
    let done = pages.post(&uri, &operator, &format!("reason=test+files&seen={seen}")).await;
    assert_eq!(done.header("location"), "/detections?notice=acknowledged-all");
    let left = pages.get("/detections", &viewer).await.text;
    assert!(!left.contains("EICAR") && left.contains("Other"), "{left}");
    for state in ["acknowledged", "all"] {
        let all = pages.get(&format!("/detections?state={state}&view=single"), &viewer).await.text;
        assert!(all.contains("Acknowledged by li, just now: test files"), "{all}");
    }
    let page = pages.get(&format!("/detections/{id}"), &operator).await.text;
    assert!(page.contains("Acknowledged by li") && !page.contains("/put-away"), "{page}");
    assert_eq!(pages.get(&uri, &operator).await.status, StatusCode::NOT_FOUND, "nothing is left");
}

#[tokio::test]
async fn detections_are_sifted_and_paged() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("viewer", "viewer").await;
    let (one, other) = (pages.enrol("pc-1").await, pages.enrol("pc-2").await);
    plant(&pages, one, "Mild", Severity::Low, "/mild").await;
    plant(&pages, other, "Grave", Severity::Critical, "/grave").await;
    for (query, mild, grave) in [
        ("", true, true),
        ("?severity=high", false, true),
        ("?severity=low&view=single", true, true),
        (&format!("?host={one}"), true, false),
        (&format!("?host={other}&view=together"), false, true),
        ("?state=acknowledged", false, false),
        ("?page=x&after=", true, true),
        ("?page=7", false, false),
    ] {
        let text = pages.get(&format!("/detections{query}"), &cookie).await.text;
        assert_eq!((text.contains("/mild"), text.contains("/grave")), (mild, grave), "{query}: {text}");
    }
    let administrator = crate::app::tests::administrator();
    pages.app.create_group(&administrator, "tax", "all").await.unwrap();
    crate::app::tests::put_into(&pages.app, other, "tax").await;
    let tax = pages.get("/detections?group=tax", &cookie).await.text;
    assert!(tax.contains("/grave") && !tax.contains("/mild"), "{tax}");
    assert!(tax.contains("value=\"tax\" selected"), "{tax}");
    for bad in ["?severity=dreadful", "?state=odd", "?view=single&after=x", "?host=nobody", "?group=nowhere"] {
        let got = pages.get(&format!("/detections{bad}"), &cookie).await;
        assert!(got.status.is_client_error() && got.text.contains("<h1>"), "{bad}: {}", got.status);
    }
    assert!(
        pages
            .get("/detections?severity=critical&host=pc-1", &cookie)
            .await
            .text
            .contains("Nothing was found that fits")
    );

    let mut last = None;
    for n in 0..60 {
        last = Some(pages.detect(one, &format!("/many/{n}")).await);
    }
    let single = pages.get("/detections?view=single", &cookie).await.text;
    let next = single.split("/detections?view=single&#38;after=").nth(1).unwrap().split('"').next().unwrap();
    let second = pages.get(&format!("/detections?view=single&after={next}"), &cookie).await.text;
    assert!(second.contains("/mild") && !second.contains("Next page"), "{second}");
    let id = last.unwrap();
    let group = pages.get(&format!("/detections/{id}"), &cookie).await.text;
    assert_eq!(group.matches("<p class=\"path\">").count(), 50);
    let older = pages.get(&format!("/detections/{id}?page=1"), &cookie).await.text;
    assert_eq!(older.matches("<p class=\"path\">").count(), 10, "{older}");
}

#[tokio::test]
async fn a_file_is_put_away_after_a_look_at_what_that_means() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("li", "operator").await;
    let (one, other) = (pages.enrol("pc-1").await, pages.enrol("pc-2").await);
    let id = pages.detect(one, "/home/a.zip!/b.com").await;
    pages.detect(one, "/home/a.zip!/c.com").await;
    pages.detect(other, "/home/<b>.com").await;
    let asked = pages.get(&format!("/detections/{id}/put-away?all=1"), &cookie).await.text;
    assert!(asked.contains("These 2 files") && asked.contains("/home/a.zip<") && !asked.contains("<b>.com"), "{asked}");
    let uri = format!("/detections/{id}/put-away");
    let wrong = pages.post(&uri, &cookie, "all=1&seen=9").await;
    assert!(wrong.status == StatusCode::UNPROCESSABLE_ENTITY && wrong.text.contains("other files"), "{}", wrong.text);
    let done = pages.post(&uri, &cookie, &format!("all=1&seen={}", seen(&asked))).await;
    assert_eq!(done.header("location"), format!("/detections/{id}?notice=put-away-asked"));
    let jobs = pages.app.jobs(&crate::app::tests::administrator(), "", 10).await.unwrap();
    assert_eq!(jobs.iter().filter(|job| job.row.kind == "quarantine").count(), 2);
}

#[tokio::test]
async fn what_is_put_away_is_shown_brought_back_and_deleted() {
    let pages = Pages::new().await;
    let (viewer, operator) = (pages.log_in("viewer", "viewer").await, pages.log_in("li", "operator").await);
    assert!(pages.get("/quarantine", &viewer).await.text.contains("Nothing is put away"));
    let host = pages.enrol("pc-1").await;
    let item = Item {
        id: ItemId::new(&pages.app.clock),
        path: "/home/\"><img src=x>".into(),
        sha256: "ab".repeat(32),
        size: 68,
        rules: vec!["<b>Bad</b>".into()],
        job: JobId::new(&pages.app.clock),
        at: pages.app.clock.now(),
    };
    let mut conn = pages.app.store.write().await.unwrap();
    store::quarantine::hold(&mut conn, host, &item, pages.app.now(), pages.app.now()).await.unwrap();
    drop(conn);
    for query in ["".to_owned(), format!("?host={host}"), "?state=all".to_owned()] {
        let text = pages.get(&format!("/quarantine{query}"), &viewer).await.text;
        assert!(text.contains("/home/") && text.contains("pc-1"), "{query}: {text}");
        assert!(!text.contains("<img src=x") && !text.contains("<b>Bad"), "{text}");
        assert!(!text.contains(&format!("{}/restore", item.id)), "a viewer has no buttons: {text}");
    }
    let (restore, delete) = (format!("/quarantine/{}/restore", item.id), format!("/quarantine/{}/delete", item.id));
    assert!(pages.get("/quarantine", &operator).await.text.contains(&restore));
    assert!(pages.get(&restore, &operator).await.text.contains("To where?"));
    let wrong = pages.post(&restore, &operator, "target=not+a+path").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text.contains("value=\"not a path\"") && wrong.text.contains("no full path"), "{}", wrong.text);
    let done = pages.post(&restore, &operator, "target=").await;
    assert_eq!(done.header("location"), "/quarantine?notice=quarantine-restore-asked");
    assert!(pages.get(&delete, &operator).await.text.contains("for good"));
    let done = pages.post(&delete, &operator, "").await;
    assert_eq!(done.header("location"), "/quarantine?notice=quarantine-delete-asked");
    assert_eq!(pages.get("/quarantine/nothing/delete", &operator).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_snapshots_that_hold_a_file_are_named() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("viewer", "viewer").await;
    let (one, other) = (pages.enrol("pc-1").await, pages.enrol("pc-2").await);
    let id = pages.detect(one, "/home/a.zip!/b.com").await;
    pages.detect(other, "C:\\Users\\c.com").await;
    let none = pages.get(&format!("/detections/{id}"), &cookie).await.text;
    assert!(none.contains("No snapshot is known to hold it"), "{none}");
    let holds = |path: &str| Verdict {
        infected: 1,
        files: vec![Infected { path: path.into(), rules: vec![], content: String::new() }],
        ..Verdict::default()
    };
    let mut conn = pages.app.store.write().await.unwrap();
    for (host, digit, verdict) in [
        (one, "a", Some(holds("/home/a.zip"))),
        (one, "b", Some(holds("/home/other"))),
        (one, "c", None),
        (other, "d", Some(holds("/C/Users/c.com"))),
    ] {
        let snapshot =
            Snapshot { id: digit.repeat(64), time: pages.app.clock.now(), paths: vec![], files: 1, bytes: 1, verdict };
        let (job, now) = (JobId::new(&pages.app.clock), pages.app.now());
        store::snapshots::insert(&mut conn, host, job, now, false, (0, 0), &snapshot).await.unwrap();
    }
    drop(conn);
    let text = pages.get(&format!("/detections/{id}"), &cookie).await.text;
    for (host, digit, shown) in [(one, "a", true), (one, "b", false), (one, "c", false), (other, "d", true)] {
        let link = format!("/hosts/{host}/snapshots/{}", digit.repeat(64));
        assert_eq!(text.contains(&link), shown, "{digit}: {text}");
    }
}
