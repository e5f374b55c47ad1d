//! The list of PCs, a PC, jobs, enrolment and groups, as a browser meets them.

use super::*;
use crate::app::tests::{administrator, enrol_into};

#[tokio::test]
async fn the_list_is_searched_narrowed_and_keeps_its_address() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("viewer", "viewer").await;
    assert!(pages.get("/hosts", &cookie).await.text.contains("No PC has been enrolled yet"));
    let staff = administrator();
    pages.app.create_group(&staff, "财务", "").await.unwrap();
    let one = enrol_into(&pages.app, "FIN-01", "财务").await;
    enrol_into(&pages.app, "HR-02", "").await;
    let text = pages.get("/hosts?q=fin", &cookie).await.text;
    assert!(text.contains("FIN-01") && !text.contains("HR-02"), "{text}");
    assert!(text.contains("Search: fin") && text.contains("value=\"fin\""), "{text}");
    let text = pages.get("/hosts?group=%E8%B4%A2%E5%8A%A1&state=unknown", &cookie).await.text;
    assert!(text.contains("FIN-01") && !text.contains("HR-02"), "{text}");
    // What is dropped leaves the rest; an order is another address.
    assert!(text.contains("href=\"/hosts?state=unknown\"") && text.contains("sort=name"), "{text}");
    assert!(!text.contains("id=\"which\""), "a viewer has nothing to do with them");
    let none = pages.get("/hosts?q=%3Cscript%3Ealert(1)%3C/script%3E", &cookie).await;
    assert_eq!(none.status, StatusCode::OK);
    assert!(none.text.contains("No PC fits") && !none.text.contains("<script>alert"), "{}", none.text);
    for odd in ["page=0", "page=99999999999999", "page=x", "sort=%27", "bundle=x", "state=%00", "q=a&q=b"] {
        assert_eq!(pages.get(&format!("/hosts?{odd}"), &cookie).await.status, StatusCode::OK, "{odd}");
    }
    assert_eq!(pages.get("/hosts?group=nowhere", &cookie).await.status, StatusCode::NOT_FOUND);

    pages.app.revoke_host(&staff, &one.to_string()).await.unwrap();
    let text = pages.get("/hosts?q=fin", &cookie).await.text;
    assert!(text.contains("1 fits among those that were cut off") && text.contains("state=revoked"), "{text}");
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("viewer", "viewer").await;
    for n in 0..120 {
        pages.enrol(&format!("PC-{n:03}")).await;
    }
    let text = pages.get("/hosts?sort=name", &cookie).await.text;
    assert!(text.contains("1–50 of 120") && text.contains("PC-049") && !text.contains("PC-050"), "{text}");
    let text = pages.get("/hosts?sort=name&page=3", &cookie).await.text;
    assert!(text.contains("101–120 of 120") && text.contains("PC-119") && text.contains("page=2"), "{text}");
    let text = pages.get("/hosts?sort=-name", &cookie).await.text;
    assert!(text.contains("PC-119") && text.contains("aria-sort=\"descending\""), "{text}");
}

/// The value of a hidden input.
fn hidden(text: &str, name: &str) -> String {
    let at = text.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap_or_else(|| panic!("no {name} in {text}"));
    at.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn many_are_asked_once_after_a_look_and_never_others() {
    let pages = Pages::new().await;
    let operator = pages.log_in("operator", "operator").await;
    let (one, two) = (pages.enrol("pc-1").await, pages.enrol("pc-2").await);
    let staff = administrator();
    assert!(pages.get("/hosts/work?deed=scan", &operator).await.text.contains("No PC was ticked"));
    assert_eq!(pages.get("/hosts/work?deed=format", &operator).await.status, StatusCode::NOT_FOUND);
    let look = pages.get(&format!("/hosts/work?deed=scan&host={one}"), &operator).await.text;
    assert!(look.contains("Scan 1 PC?") && look.contains("pc-1") && !look.contains("pc-2"), "{look}");
    let (key, mark) = (hidden(&look, "key"), hidden(&look, "mark"));
    // Other PCs than those that were shown: look again.
    let form = format!("deed=scan&host={two}&key={key}&mark={mark}");
    let other = pages.post("/hosts/work", &operator, &form).await.text;
    assert!(other.contains("other PCs than those shown before"), "{other}");
    assert!(pages.app.jobs(&staff, "", 0).await.unwrap().is_empty());
    let form = format!("deed=scan&host={one}&key={key}&mark={mark}");
    for _ in 0..2 {
        let done = pages.post("/hosts/work", &operator, &form).await.text;
        assert!(done.contains("1 PC was asked"), "{done}");
    }
    assert_eq!(pages.app.jobs(&staff, "", 0).await.unwrap().len(), 1, "asked twice, done once");
    // All that fit.
    let look = pages.get("/hosts/work?deed=backup&all=1&q=pc", &operator).await.text;
    assert!(look.contains("Back up 2 PCs?"), "{look}");
    let form = format!("deed=backup&all=1&q=pc&key={}&mark={}", hidden(&look, "key"), hidden(&look, "mark"));
    pages.enrol("pc-3").await;
    assert!(pages.post("/hosts/work", &operator, &form).await.text.contains("Back up 3 PCs?"), "one came meanwhile");
}

#[tokio::test]
async fn an_administrator_moves_and_cuts_off_after_a_look() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("boss", "administrator").await;
    let staff = administrator();
    pages.app.create_group(&staff, "East", "").await.unwrap();
    let one = pages.enrol("pc-1").await;
    let look = pages.get(&format!("/hosts/move?host={one}"), &cookie).await.text;
    assert!(look.contains("Move 1 PC?"), "{look}");
    let mark = hidden(&look, "mark");
    let got = pages.post("/hosts/move", &cookie, &format!("host={one}&mark={mark}&to=")).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(got.text.contains("Choose the group that they move into"), "{}", got.text);
    let got = pages.post("/hosts/move", &cookie, &format!("host={one}&mark={mark}&to=East")).await;
    assert!(got.text.contains("1 PC is now in East"), "{}", got.text);
    let page = pages.get(&format!("/hosts/{one}"), &cookie).await.text;
    assert!(page.contains("placed by hand") && page.contains("/unpin"), "{page}");
    let got = pages.post(&format!("/hosts/{one}/unpin"), &cookie, "").await;
    assert_eq!(got.header("location"), format!("/hosts/{one}?notice=unpinned"));

    let uri = format!("/hosts/{one}/revoke");
    let got = pages.post(&uri, &cookie, "name=pc-2").await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(got.text.contains("value=\"pc-2\"") && got.text.contains("That is not its name"), "{}", got.text);
    let got = pages.post(&uri, &cookie, "name=pc-1").await;
    assert_eq!(got.header("location"), format!("/hosts/{one}?notice=revoked"));
    let text = pages.get(got.header("location"), &cookie).await.text;
    assert!(text.contains("Its access was revoked") && !text.contains("/backup\""), "{text}");
}

#[tokio::test]
async fn jobs_are_listed_narrowed_and_called_off_together() {
    let pages = Pages::new().await;
    let operator = pages.log_in("operator", "operator").await;
    assert!(pages.get("/jobs", &operator).await.text.contains("Nothing has been done yet"));
    let (one, two) = (pages.enrol("pc-1").await, pages.enrol("pc-2").await);
    for host in [one, two] {
        pages.post(&format!("/hosts/{host}/scan"), &operator, "").await;
    }
    pages.post(&format!("/hosts/{one}/backup"), &operator, "").await;
    let text = pages.get(&format!("/jobs?host={one}&kind=scan"), &operator).await.text;
    assert!(text.contains("PC: pc-1") && !text.contains("pc-2") && text.contains("Today"), "{text}");
    for bad in ["/jobs?state=odd", "/jobs?group=nowhere", "/jobs?host=nobody", "/jobs?after=x"] {
        let got = pages.get(bad, &operator).await;
        assert!(got.status.is_client_error() && got.text.contains("In detail"), "{bad}: {}", got.text);
    }
    for well in ["/jobs?since=7", "/jobs?since=x", "/jobs?group=all", "/jobs?kind=restore", "/jobs?state=ended"] {
        assert_eq!(pages.get(well, &operator).await.status, StatusCode::OK, "{well}");
    }
    let look = pages.get("/jobs/change?deed=cancel&kind=scan", &operator).await.text;
    assert!(look.contains("Call 2 jobs off?") && look.contains("pc-2"), "{look}");
    let form = format!("deed=cancel&kind=scan&until={}", hidden(&look, "until"));
    let done = pages.post("/jobs/change", &operator, &form).await.text;
    assert!(done.contains("2 jobs were called off"), "{done}");
    assert!(pages.get("/jobs/change?deed=cancel&kind=scan", &operator).await.text.contains("Nothing to change"));
    assert!(pages.get("/jobs/change?deed=cancel", &operator).await.text.contains("Call 1 job off?"));
    let job = pages.app.jobs(&administrator(), "pc-1", 1).await.unwrap()[0].row.id;
    let text = pages.get(&format!("/jobs/{job}"), &operator).await.text;
    assert!(text.contains("asked for by operator") && text.contains("/cancel"), "{text}");
}

#[tokio::test]
async fn a_token_is_shown_once_and_what_was_typed_is_kept() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("boss", "administrator").await;
    let staff = administrator();
    pages.app.create_group(&staff, "<b>East", "").await.unwrap();
    let got = pages.post("/enrol", &cookie, "group=%3Cb%3EEast&uses=many&days=7&by_rules=1").await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(got.text.contains("value=\"many\"") && got.text.contains(" checked"), "{}", got.text);
    assert!(got.text.contains("value=\"7\" selected") && !got.text.contains("<b>East"), "{}", got.text);
    for bad in ["uses=0&days=7", "uses=99999&days=7", "uses=1&days=8", "uses=1&days=7&group=nowhere", ""] {
        let got = pages.post("/enrol", &cookie, bad).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let got = pages.post("/enrol", &cookie, "group=%3Cb%3EEast&uses=3&days=7").await;
    assert!(got.text.contains("enroll --controller https://localhost:7443 --token kw1."), "{}", got.text);
    assert!(got.text.contains("for 3 more PCs"), "{}", got.text);
    let again = pages.get("/enrol", &cookie).await.text;
    assert!(!again.contains("kw1.") && again.contains("for 3 more PCs"), "{again}");
    let token = pages.app.tokens(&staff).await.unwrap()[0].0.id.clone();
    let got = pages.post(&format!("/enrol/tokens/{token}/revoke"), &cookie, "").await;
    assert_eq!(got.header("location"), "/enrol?notice=token-revoked");
    assert!(pages.app.tokens(&staff).await.unwrap().is_empty());
    assert_eq!(pages.get("/enrol/claims/none?as=same", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn groups_are_made_renamed_moved_and_removed_by_administrators() {
    let pages = Pages::new().await;
    let (cookie, viewer) = (pages.log_in("boss", "administrator").await, pages.log_in("viewer", "viewer").await);
    let staff = administrator();
    let got = pages.post("/groups/new", &cookie, "name=a/b&parent=all").await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(got.text.contains("value=\"a/b\"") && got.text.contains("has no"), "{}", got.text);
    for name in ["East", "West"] {
        let got = pages.post("/groups/new", &cookie, &format!("name={name}&parent=all")).await;
        assert_eq!(got.header("location"), "/groups?notice=group-created");
    }
    let plain = pages.get("/groups", &viewer).await.text;
    assert!(plain.contains("East") && !plain.contains("/groups/edit") && !plain.contains("/groups/new"), "{plain}");
    assert!(pages.get("/groups", &cookie).await.text.contains("/groups/edit?group=East"));
    enrol_into(&pages.app, "pc-1", "East").await;
    pages.app.set_policy(&staff, "West", "scan: {threads: 2}\n", 0).await.unwrap();

    let got = pages.post("/groups/rename", &cookie, "group=East&name=West").await;
    assert!(got.text.contains("there is a group") && got.text.contains("value=\"West\""), "{}", got.text);
    let got = pages.post("/groups/rename", &cookie, "group=East&name=North").await;
    assert_eq!(got.header("location"), "/groups?notice=group-renamed");
    let look = pages.post("/groups/move", &cookie, "group=North&parent=West").await.text;
    assert!(look.contains("Move North below West?") && look.contains("scan.threads"), "{look}");
    assert!(pages.app.group_paths(&staff).await.unwrap().contains(&"North".to_owned()), "only looked");
    let got = pages.post("/groups/move", &cookie, "group=North&parent=West&sure=1").await;
    assert_eq!(got.header("location"), "/groups?notice=group-moved");
    let edit = pages.get("/groups/edit?group=West/North", &cookie).await.text;
    assert!(edit.contains("1 PC") && edit.contains("still belong to it"), "{edit}");
    let got = pages.post("/groups/remove", &cookie, "group=West/North").await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    pages.app.move_hosts(&staff, &["pc-1".to_owned()], "all").await.unwrap();
    let got = pages.post("/groups/remove", &cookie, "group=West/North").await;
    assert_eq!(got.header("location"), "/groups?notice=group-removed");
    assert_eq!(pages.get("/groups/edit", &cookie).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_asks_to_be_let_in_again_is_decided_on_after_a_look() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("boss", "administrator").await;
    let host = pages.enrol("pc-1").await;
    let claim = store::claims::ClaimRow {
        id: JobId::new(&pages.app.clock).to_string(),
        host,
        kind: "copy".into(),
        key: "ab".into(),
        csr: String::new(),
        escrow: String::new(),
        fresh_escrow: String::new(),
        facts: store::Json(keepwatch_proto::facts::Facts { name: "<img src=x>".into(), ..Default::default() }),
        address: "192.0.2.7".into(),
        asked: pages.app.now(),
        heard: pages.app.now(),
        state: "waiting".into(),
        decided_by: String::new(),
        new_host: String::new(),
        certificate: String::new(),
    };
    let mut conn = pages.app.store.write().await.unwrap();
    store::claims::insert(&mut conn, &claim).await.unwrap();
    drop(conn);
    let text = pages.get("/enrol", &cookie).await.text;
    assert!(
        text.contains("PCs that ask to be let in") && text.contains("192.0.2.7") && text.contains("pc-1"),
        "{text}"
    );
    assert!(text.contains("a disk was copied") && !text.contains("<img src=x"), "{text}");
    let uri = format!("/enrol/claims/{}", claim.id);
    assert_eq!(pages.get(&format!("{uri}?as=king"), &cookie).await.status, StatusCode::NOT_FOUND);
    for (verdict, words) in [("same", "as the PC that it was?"), ("new", "as a PC of its own?"), ("refuse", "Refuse ")]
    {
        let look = pages.get(&format!("{uri}?as={verdict}"), &cookie).await.text;
        assert!(look.contains(words) && !look.contains("<img src=x"), "{look}");
    }
    let got = pages.post(&uri, &cookie, "as=refuse").await;
    assert_eq!(got.header("location"), "/enrol?notice=claim-refused");
    let text = pages.get(got.header("location"), &cookie).await.text;
    assert!(text.contains("refused by boss") && text.contains("The PC was refused."), "{text}");
}
