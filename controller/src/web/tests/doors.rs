//! Every route is kept to its role and its methods, and there is no way around the table of them.

use super::*;
use std::collections::BTreeMap;

/// Names that stand in for what a route has in braces. None is there, but the host.
fn uri(route: &str, host: &str) -> String {
    route.replace("{host}", host).replace("{name}", "favicon.svg").replace(['{', '}'], "")
}

#[tokio::test]
async fn every_route_is_kept_to_its_role() {
    let pages = Pages::new().await;
    let mut cookies = vec![(None, String::new())];
    for role in [Role::Viewer, Role::Operator, Role::Administrator] {
        cookies.push((Some(role), pages.log_in(role.word(), role.word()).await));
    }
    let host = pages.enrol("pc-1").await.to_string();
    for (route, need, _) in routes() {
        let uri = uri(route, &host);
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            for (role, cookie) in &cookies {
                let allowed = match need {
                    Need::Nothing => true,
                    Need::Role(least) => role.is_some_and(|role| role >= least),
                };
                // These two have tests of their own: the one has no end, the other ends the session.
                if ["/events", "/logout"].contains(&route) && allowed {
                    continue;
                }
                let kind = ("content-type", "application/x-www-form-urlencoded");
                let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin"), kind];
                let status = pages.send(method.clone(), &uri, &headers, "").await.status;
                let case = format!("{method} {route} as {role:?}: {status}");
                match (allowed, role) {
                    (true, _) => assert!(
                        ![StatusCode::FORBIDDEN, StatusCode::UNAUTHORIZED].contains(&status)
                            && !status.is_server_error()
                            // A name and a password are missing, or wrong.
                            || (route, &method) == ("/login", &Method::POST),
                        "{case}"
                    ),
                    (false, None) => assert_eq!(status, StatusCode::SEE_OTHER, "{case}"),
                    (false, Some(_)) => assert_eq!(status, StatusCode::FORBIDDEN, "{case}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn a_route_answers_to_its_own_methods_only() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("chief", "administrator").await;
    let host = pages.enrol("pc-1").await.to_string();
    let mut methods = BTreeMap::new();
    for (route, ..) in routes() {
        let uri = uri(route, &host);
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
        let got = pages.send(Method::PUT, &uri, &headers, "").await;
        assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED, "{route}");
        let allow = got.header("allow").to_owned();
        assert!(["GET,HEAD", "POST", "GET,HEAD,POST"].contains(&allow.as_str()), "{route}: {allow}");
        if !["/events", "/logout"].contains(&route) {
            for method in [Method::GET, Method::POST] {
                let refused =
                    pages.send(method.clone(), &uri, &headers, "").await.status == StatusCode::METHOD_NOT_ALLOWED;
                assert_eq!(refused, !allow.contains(method.as_str()), "{method} {route}");
            }
        }
        assert!(methods.insert(route, allow).is_none(), "{route} is listed twice");
    }
    // Who may only look changes nothing but what is their own.
    let own = ["/login", "/logout", "/language", "/account/password", "/account/sessions"];
    for (route, need, _) in routes() {
        let deeds = methods[route].contains("POST");
        let anybodys = matches!(need, Need::Nothing | Need::Role(Role::Viewer));
        assert!(!deeds || !anybodys || own.contains(&route), "whoever looks could POST to {route}");
    }
}

#[tokio::test]
async fn what_is_not_listed_is_nowhere() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("chief", "administrator").await;
    for uri in [
        "/nowhere",
        "/policies/",
        "/users/a/b/c",
        "//users",
        "/Users",
        "/users/%2e%2e/audit",
        "/account/password/x",
        "/audit/file/",
    ] {
        for method in [Method::GET, Method::POST] {
            let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "same-origin")];
            let got = pages.send(method, uri, &headers, "").await;
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{uri}");
            assert!(got.text.contains("There is nothing here"), "{uri}: {}", got.text);
        }
    }
}
