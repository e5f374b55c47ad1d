//! A session ends while somebody fills in a form.

use super::policies::{form, hidden};
use super::*;

#[tokio::test]
async fn a_form_waits_for_the_log_in() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let staff = crate::app::tests::administrator();
    let once = pages.app.reset_password(&staff, "chief").await.unwrap();
    let actor = Actor { user: "chief".into(), role: Role::Administrator, origin: String::new() };
    pages.app.change_password(&actor, &once, "a long password").await.unwrap();

    let yaml = "# \"quoted\" & <b>\nscan: {threads: 2}\n";
    let sent = form(&[("group", "all"), ("yaml", yaml), ("base", "0"), ("do", "check")]);
    let to = "/policies/edit?group=all";
    let ended = pages.post(to, &chief, &sent).await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    assert!(ended.text.contains("what you had filled in comes along"), "{}", ended.text);
    assert_eq!(hidden(&ended.text, "to"), to);
    assert!(!ended.text.contains("<b>\n"), "{}", ended.text);
    let unescaped =
        |text: &str| text.replace("&#34;", "\"").replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&");
    assert_eq!(unescaped(&hidden(&ended.text, "carried.yaml")), yaml);

    let login = |password: &str| {
        let fields = [("group", "all"), ("yaml", yaml), ("base", "0"), ("do", "check")];
        let carried: Vec<(String, &str)> = fields.iter().map(|(k, v)| (format!("carried.{k}"), *v)).collect();
        let carried: Vec<(&str, &str)> = carried.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        form(&[&[("name", "chief"), ("password", password), ("to", to)][..], &carried].concat())
    };
    // Also past a wrong password.
    let wrong = pages.post("/login", "", &login("wrong")).await;
    assert_eq!((wrong.status, unescaped(&hidden(&wrong.text, "carried.yaml"))), (StatusCode::FORBIDDEN, yaml.into()));
    let resumed = pages.post("/login", "", &login("a long password")).await;
    assert_eq!(resumed.status, StatusCode::OK);
    assert!(
        resumed.text.contains(&format!("action=\"{to}\"")) && resumed.text.contains("Send it now"),
        "{}",
        resumed.text
    );
    assert!(!resumed.text.contains("a long password"), "{}", resumed.text);
    let cookie = resumed.header("set-cookie").split(';').next().unwrap().to_owned();
    let done = pages.post(to, &cookie, &sent).await;
    assert!(done.status == StatusCode::OK && done.text.contains("scan: {threads: 2}"), "{}", done.text);
}

#[tokio::test]
async fn passwords_wait_nowhere_and_nothing_leads_elsewhere() {
    let pages = Pages::new().await;
    let got = pages.post("/account/password", "", "old-password=secret&new-password=x").await;
    assert_eq!((got.status, got.header("location")), (StatusCode::SEE_OTHER, "/login?next=/"));
    for (uri, body) in [("/users/li/role", ""), ("/users/li/role", "role=%20")] {
        assert_eq!(pages.post(uri, "", body).await.status, StatusCode::SEE_OTHER, "{body}");
    }
    let part = ("content-type", "multipart/form-data; boundary=x");
    let got = pages.send(Method::POST, "/users", &[("sec-fetch-site", "same-origin"), part], "--x--").await;
    assert_eq!(got.status, StatusCode::SEE_OTHER);
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers = [("sec-fetch-site", "same-origin"), kind, ("hx-request", "true")];
    let got = pages.send(Method::POST, "/users", &headers, "name=li").await;
    assert_eq!((got.status, got.header("hx-redirect")), (StatusCode::UNAUTHORIZED, "/login?next=/"));
    let staff = crate::app::tests::administrator();
    let password = pages.app.create_user(&staff, "li", "viewer").await.unwrap();
    let sent = form(&[("name", "li"), ("password", &password), ("to", "//evil.example"), ("carried.a", "b")]);
    let got = pages.post("/login", "", &sent).await;
    assert!(got.status == StatusCode::SEE_OTHER && !got.text.contains("evil"), "{}", got.text);
    // Nor from anywhere else.
    let got = pages.send(Method::POST, "/users", &[("sec-fetch-site", "cross-site"), kind], "name=li").await;
    assert!(got.status == StatusCode::FORBIDDEN && !got.text.contains("carried"), "{}", got.text);
}

#[tokio::test]
async fn what_one_had_begun_is_not_sent_in_anothers_name() {
    let pages = Pages::new().await;
    let chief = crate::app::tests::administrator();
    let password = pages.app.create_user(&chief, "li", "administrator").await.unwrap();
    let waits =
        |by: &str| format!("name=li&password={password}&next=/&to=/users/wang/role&by={by}&carried.role=administrator");
    let own = pages.post("/login", "", &waits("li")).await;
    assert_eq!(own.status, StatusCode::OK);
    // Where it goes, and all that would be sent, is shown first.
    assert!(own.text.contains("/users/wang/role") && own.text.contains("role: administrator"), "{}", own.text);
    let anothers = pages.post("/login", "", &waits("wang")).await;
    assert_eq!(anothers.status, StatusCode::SEE_OTHER);
    assert!(!anothers.text.contains("carried") && !anothers.header("location").contains("/users/"));
}

#[tokio::test]
async fn what_was_typed_beside_files_waits_for_the_log_in_and_the_files_are_chosen_again() {
    let pages = Pages::new().await;
    let staff = crate::app::tests::administrator();
    let password = pages.app.create_user(&staff, "li", "administrator").await.unwrap();
    let typed = [("source", "市局 & <co>"), ("origin", ""), ("licence", "MIT")];
    let sent = |who: &'static str| {
        let pages = &pages;
        async move { pages.upload(who, &typed, &[("own.yar", "rule kept_nowhere { condition: true }")]).await }
    };
    let ended = sent("__Host-keepwatch-who=li").await;
    assert_eq!(ended.status, StatusCode::UNAUTHORIZED);
    assert!(ended.text.contains("the files have to be chosen again"), "{}", ended.text);
    assert!(!ended.text.contains("kept_nowhere") && !ended.text.contains("<co>"), "{}", ended.text);
    let kept = ["to", "by", "files", "carried.source", "carried.origin", "carried.licence"];
    let [to, by, files, source, origin, licence] =
        kept.map(|name| hidden(&ended.text, name).replace("&#38;", "&").replace("&#60;", "<").replace("&#62;", ">"));
    assert_eq!([&to, &by], ["/signatures/import", "li"]);
    assert_eq!([&source, &origin, &licence], typed.map(|(_, value)| value).each_ref());

    let login = |by: &str| {
        let carried = [("carried.source", source.as_str()), ("carried.origin", &origin), ("carried.licence", &licence)];
        let all = [("name", "li"), ("password", &password), ("to", &to), ("by", by), ("files", &files)];
        form(&[&all[..], &carried[..]].concat())
    };
    // What another one had begun comes to nobody.
    let anothers = pages.post("/login", "", &login("wang")).await;
    assert_eq!(
        (anothers.status, anothers.header("location")),
        (StatusCode::SEE_OTHER, "/account?notice=choose-password")
    );
    let back = pages.post("/login", "", &login(&by)).await;
    let cookie = back.header("set-cookie").split(';').next().unwrap().to_owned();
    let form = pages.get(back.header("location"), &cookie).await;
    assert_eq!(form.status, StatusCode::OK, "{}", back.header("location"));
    for shown in ["nothing was sent", "choose the files again", "value=\"市局 &#38; &#60;co&#62;\"", "value=\"MIT\""]
    {
        assert!(form.text.contains(shown), "{shown}: {}", form.text);
    }
    assert_eq!(pages.app.bundles(&staff).await.unwrap().len(), 0);
    // Whoever comes by himself is told nothing of that.
    assert!(!pages.get("/signatures/import", &cookie).await.text.contains("nothing was sent"));

    // More than anybody types, or what is no form, waits nowhere.
    let long = "x".repeat(5 << 10);
    let got = pages.upload("", &[("source", &long)], &[]).await;
    assert_eq!((got.status, got.header("location")), (StatusCode::SEE_OTHER, "/login?next=/"));
    let secret = pages.upload("", &[("password", "secret")], &[("a.yar", "")]).await;
    assert_eq!(secret.status, StatusCode::SEE_OTHER);
}
