//! The pages of the staff, and of one's own account.

use super::policies::form;
use super::*;

fn password(text: &str) -> String {
    let shown = text.split("id=\"one-time-password\">").nth(1).unwrap_or_default();
    shown.split('<').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn somebody_is_added_logs_in_and_chooses_a_password() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let made = pages.post("/users", &chief, &form(&[("name", " 王芳 "), ("role", "operator")])).await;
    let once = password(&made.text);
    assert_eq!((made.status, once.len()), (StatusCode::OK, 20), "{}", made.text);
    assert!(!pages.get("/users", &chief).await.text.contains(&once), "it is shown once");
    let got = pages.post("/login", "", &form(&[("name", "王芳"), ("password", &once), ("next", "/hosts")])).await;
    assert_eq!(got.header("location"), "/account?notice=choose-password");
    let cookie = got.header("set-cookie").split(';').next().unwrap().to_owned();
    let text = pages.get(got.header("location"), &cookie).await.text;
    assert!(text.contains("one-time password. Choose your own."), "{text}");
    assert!(pages.get("/account", &cookie).await.text.contains("Choose your own now"));

    let change = |old: &str, new: &str, again: &str| {
        form(&[("old-password", old), ("new-password", new), ("new-password-again", again)])
    };
    for (sent, status, said) in [
        (change(&once, "a long new one", "another long one"), 422, "differ"),
        (change(&once, "short", "short"), 422, "too short"),
        (change("wrong", "a long new one", "a long new one"), 403, "present password is wrong"),
    ] {
        let got = pages.post("/account/password", &cookie, &sent).await;
        assert_eq!(got.status.as_u16(), status, "{said}");
        assert!(got.text.contains(said) && !got.text.contains("a long new one"), "{said}: {}", got.text);
    }
    let got = pages.post("/account/password", &cookie, &change(&once, "a long new one", "a long new one")).await;
    assert_eq!(got.header("location"), "/account?notice=password-changed", "{}", got.text);
    let fresh = got.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_ne!(fresh, cookie);
    let text = pages.get("/account", &fresh).await.text;
    assert!(!text.contains("Choose your own now") && text.contains("this one"), "{text}");
    assert_eq!(pages.get("/account", &cookie).await.status, StatusCode::SEE_OTHER, "older sessions have ended");
    let got =
        pages.post("/login", "", &form(&[("name", "王芳"), ("password", "a long new one"), ("next", "/hosts")])).await;
    assert_eq!(got.header("location"), "/hosts");
}

#[tokio::test]
async fn a_name_that_is_none_is_told_beside_the_form() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    for (name, said) in [
        ("", "1 to 64"),
        ("<script>alert(1)</script>", "1 to 64"),
        ("schedule", "1 to 64"),
        ("chief", "of this name already"),
    ] {
        let got = pages.post("/users", &chief, &form(&[("name", name), ("role", "operator")])).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
        assert!(got.text.contains("role=\"alert\"") && got.text.contains(said), "{name}: {}", got.text);
        assert!(!got.text.contains("<script>alert") && got.text.contains("value=\"operator\" checked"), "{}", got.text);
    }
    let got = pages.post("/users", &chief, &form(&[("name", "li"), ("role", "king")])).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(pages.app.users(&crate::app::tests::administrator()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn roles_sessions_and_removal_are_for_others_only() {
    let pages = Pages::new().await;
    let chief = pages.log_in("chief", "administrator").await;
    let wang = pages.log_in("wang", "viewer").await;
    let page = pages.get("/users/wang", &chief).await.text;
    assert!(page.contains("/users/wang/role") && page.contains("/users/wang/sessions"), "{page}");
    let own = pages.get("/users/chief", &chief).await.text;
    assert!(own.contains("This is you") && !own.contains("/users/chief/role"), "{own}");

    let got = pages.post("/users/wang/role", &chief, "role=operator").await;
    assert_eq!(got.header("location"), "/users/wang?notice=role-changed");
    assert!(pages.get("/account", &wang).await.text.contains("operator"));
    assert_eq!(pages.post("/users/chief/role", &chief, "role=viewer").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(pages.post("/users/chief/remove", &chief, "").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(pages.post("/users/nobody/role", &chief, "role=viewer").await.status, StatusCode::NOT_FOUND);

    pages.post("/users/wang/sessions", &chief, "").await;
    assert_eq!(pages.get("/account", &wang).await.status, StatusCode::SEE_OTHER);
    let asked = pages.get("/users/wang/password", &chief).await.text;
    assert!(asked.contains("all their sessions") && password(&asked).is_empty(), "{asked}");
    let once = password(&pages.post("/users/wang/password", &chief, "").await.text);
    let got = pages.post("/login", "", &form(&[("name", "wang"), ("password", &once)])).await;
    assert_eq!(got.header("location"), "/account?notice=choose-password");

    let asked = pages.get("/users/wang/remove", &chief).await.text;
    assert!(asked.contains("cannot be undone"), "{asked}");
    let got = pages.post("/users/wang/remove", &chief, "").await;
    assert_eq!(got.header("location"), "/users?notice=user-removed");
    assert_eq!(pages.get("/users/wang", &chief).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn whoever_guesses_is_told_how_long_to_wait() {
    let pages = Pages::new().await;
    pages.log_in("li", "viewer").await;
    for _ in 0..5 {
        assert_eq!(pages.post("/login", "", "name=li&password=x").await.status, StatusCode::FORBIDDEN);
    }
    let got = pages.post("/login", "", "name=li&password=x").await;
    assert_eq!((got.status, got.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, "60"));
    assert!(got.text.contains("Wait a minute"), "{}", got.text);
}
