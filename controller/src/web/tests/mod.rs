//! The pages as a browser meets them, over a real controller in a temporary folder.

mod audit;
mod detections;
mod doors;
mod hosts;
mod overview;
mod policies;
mod policies_form;
mod refusals;
mod restore;
mod sessions;
mod signatures;
mod users;

use super::*;
use crate::app::audit::Actor;
use crate::hub::Change;
use crate::store::{self, detections::DetectionRow};
use axum::body::Body;
use axum::http::{Method, StatusCode};
use http_body_util::BodyExt;
use keepwatch_proto::ids::{DetectionId, HostId, JobId};
use tempfile::TempDir;
use tower::ServiceExt;

mod reports;

struct Pages {
    app: Arc<App>,
    router: Router,
    _folder: TempDir,
}

/// A page that came back.
struct Got {
    status: StatusCode,
    headers: axum::http::HeaderMap,
    text: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

impl Pages {
    async fn new() -> Self {
        let (folder, app) = crate::app::tests::app().await;
        Self { router: router(&app), app, _folder: folder }
    }

    async fn send(&self, method: Method, uri: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut request = Request::builder().method(method).uri(uri).header("host", "localhost:8443");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        // Where a line may end is not what one looks for in a page.
        Got { status: parts.status, headers: parts.headers, text: text.replace("<wbr>", "") }
    }

    async fn get(&self, uri: &str, cookie: &str) -> Got {
        self.send(Method::GET, uri, &[("cookie", cookie)], "").await
    }

    /// As a browser sends a form from our own page.
    async fn post(&self, uri: &str, cookie: &str, form: &str) -> Got {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.send(Method::POST, uri, &[("cookie", cookie), ("sec-fetch-site", "same-origin"), kind], form).await
    }

    /// Makes one of the staff, logs in through the page, and gives the cookie.
    async fn log_in(&self, name: &str, role: &str) -> String {
        let first = Actor { user: "init".into(), role: Role::Administrator, origin: String::new() };
        let password = self.app.create_user(&first, name, role).await.unwrap();
        let got = self.post("/login", "", &format!("name={name}&password={password}&next=/detections")).await;
        // The password is one for once.
        let first = "/account?notice=choose-password";
        assert_eq!((got.status, got.header("location")), (StatusCode::SEE_OTHER, first), "{}", got.text);
        got.header("set-cookie").split(';').next().unwrap().to_owned()
    }

    async fn enrol(&self, name: &str) -> HostId {
        crate::app::tests::enrol(&self.app, name).await
    }

    async fn detect(&self, host: HostId, path: &str) -> DetectionId {
        let id = DetectionId::new(&self.app.clock);
        let detection = keepwatch_proto::detection::Detection {
            job: JobId::new(&self.app.clock),
            rule: "EICAR".into(),
            namespace: "starter".into(),
            severity: keepwatch_proto::detection::Severity::High,
            metadata: [("description".to_owned(), "<b>EICAR</b> test file".to_owned())].into(),
            path: path.into(),
            size: 68,
            sha256: "ab".repeat(32),
            bundle: 1,
        };
        let mut conn = self.app.store.write().await.unwrap();
        let row = DetectionRow::of(id, host, self.app.now(), &detection);
        store::detections::insert(&mut conn, &row).await.unwrap();
        id
    }
}

#[tokio::test]
async fn a_form_from_elsewhere_is_refused() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("li", "operator").await;
    let host = pages.enrol("pc-1").await;
    let uri = format!("/hosts/{host}/scan");
    for headers in [
        vec![],
        vec![("sec-fetch-site", "cross-site")],
        vec![("sec-fetch-site", "same-site")],
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
    ] {
        let headers: Vec<_> = headers.into_iter().chain([("cookie", cookie.as_str())]).collect();
        for uri in [uri.as_str(), "/login", "/logout", "/language"] {
            let got = pages.send(Method::POST, uri, &headers, "").await;
            assert_eq!(got.status, StatusCode::FORBIDDEN, "{uri} {headers:?}");
            assert!(got.text.contains("another site"), "{}", got.text);
        }
    }
    let got = pages.send(Method::POST, &uri, &[("origin", "https://localhost:8443"), ("cookie", &cookie)], "").await;
    assert_eq!(got.header("location"), format!("/hosts/{host}?notice=scan-asked"));
}

#[tokio::test]
async fn answers_carry_what_protects_them() {
    let pages = Pages::new().await;
    for uri in ["/login", "/", "/nowhere", "/assets/keepwatch.css"] {
        let got = pages.get(uri, "").await;
        let policy = got.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{uri}: {policy}");
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(got.header("referrer-policy"), "no-referrer", "{uri}");
        assert!(got.header("strict-transport-security").starts_with("max-age="), "{uri}");
        let keeps = got.header("cache-control");
        assert_eq!(keeps, if uri.starts_with("/assets") { "no-cache" } else { "no-store" }, "{uri}");
    }
}

#[tokio::test]
async fn assets_are_kept_and_asked_for_again() {
    let pages = Pages::new().await;
    let got = pages.get(&assets::address("keepwatch.css"), "").await;
    assert_eq!((got.status, got.header("content-type")), (StatusCode::OK, "text/css; charset=utf-8"));
    assert!(got.header("cache-control").contains("immutable"));
    let tag = got.header("etag");
    let again = pages.send(Method::GET, "/assets/keepwatch.css", &[("if-none-match", tag)], "").await;
    assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(pages.get("/assets/..%2fmod.rs", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pages_are_compressed_and_the_live_stream_is_not() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("li", "viewer").await;
    for (uri, coded) in [("/assets/keepwatch.css", "gzip"), ("/events", "")] {
        let request = Request::builder().uri(uri).header("cookie", &cookie).header("accept-encoding", "gzip, br");
        let response = pages.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let got = response.headers().get("content-encoding").map_or("", |coded| coded.to_str().unwrap());
        assert_eq!(got, coded, "{uri}");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_is_asked_to_and_comes_back() {
    let pages = Pages::new().await;
    let got = pages.get("/hosts/a?path=%2Fb", "").await;
    assert_eq!(got.header("location"), "/login?next=/hosts/a%3Fpath%3D%252Fb");
    let form = pages.get(got.header("location"), "").await;
    assert!(form.text.contains("name=\"next\" value=\"/hosts/a?path=%2Fb\""), "{}", form.text);
    let part = pages.send(Method::GET, "/", &[("hx-request", "true")], "").await;
    assert_eq!((part.status, part.header("hx-redirect")), (StatusCode::UNAUTHORIZED, "/login?next=/"));
    let stream = pages.send(Method::GET, "/events", &[("accept", "text/event-stream")], "").await;
    assert_eq!(stream.status, StatusCode::UNAUTHORIZED);
    let wrong = pages.post("/login", "", "name=nobody&password=x&next=//evil.example").await;
    assert_eq!(wrong.status, StatusCode::FORBIDDEN);
    assert!(
        wrong.text.contains("value=\"nobody\"") && wrong.text.contains("name=\"next\" value=\"/\""),
        "{}",
        wrong.text
    );
}

#[tokio::test]
async fn logging_out_ends_the_session() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("li", "viewer").await;
    assert_eq!(pages.get("/", &cookie).await.status, StatusCode::OK);
    let got = pages.post("/logout", &cookie, "").await;
    assert!(got.header("set-cookie").contains("Max-Age=0"), "{}", got.header("set-cookie"));
    assert_eq!(pages.get("/", &cookie).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn pages_show_what_is_and_escape_what_a_pc_says() {
    let pages = Pages::new().await;
    let (viewer, operator) = (pages.log_in("viewer", "viewer").await, pages.log_in("operator", "operator").await);
    assert!(pages.get("/", &viewer).await.text.contains("keepwatch tokens create"), "the empty state says what to do");
    let host = pages.enrol("<script>alert(1)</script>\u{202e}").await;
    let detection = pages.detect(host, "/home/王/\"><img src=x>\u{202e}fdp.exe").await;
    for uri in ["/hosts".to_owned(), format!("/hosts/{host}"), "/detections".to_owned()] {
        let text = pages.get(&uri, &viewer).await.text;
        assert!(!text.contains("<script>alert") && !text.contains("<img src=x") && !text.contains('\u{202e}'), "{uri}");
        assert!(!text.contains("<b>EICAR"), "{uri}");
        assert!(!text.contains("/acknowledge\"") && !text.contains("/scan\""), "a viewer has no buttons: {uri}");
    }
    let fleet = pages.get("/", &viewer).await.text;
    assert!(fleet.contains("0 of 1 PCs are protected; 1 needs attention"), "{fleet}");
    let chinese = pages.get("/", &format!("{viewer}; keepwatch-language=zh-CN")).await.text;
    assert!(
        chinese.contains("1 台电脑中，0 台受保护，1 台未受保护") && chinese.contains("lang=\"zh-CN\""),
        "{chinese}"
    );
    assert!(pages.get(&format!("/hosts/{host}"), &operator).await.text.contains(&format!("/hosts/{host}/backup")));

    // That its file is put away shows on every page that has it, and only then.
    let put_away = |text: &str| text.contains("put away on the PC");
    assert!(!put_away(&pages.get("/detections", &viewer).await.text));
    let item = keepwatch_proto::quarantine::Item {
        id: keepwatch_proto::ids::ItemId::new(&pages.app.clock),
        path: "/home/王/\"><img src=x>\u{202e}fdp.exe".into(),
        sha256: "ab".repeat(32),
        size: 68,
        rules: vec![],
        job: JobId::new(&pages.app.clock),
        at: pages.app.clock.now(),
    };
    let mut conn = pages.app.store.write().await.unwrap();
    store::detections::put_away(&mut conn, host, &item, pages.app.now()).await.unwrap();
    drop(conn);
    for uri in ["/detections".to_owned(), format!("/hosts/{host}")] {
        assert!(put_away(&pages.get(&uri, &viewer).await.text), "{uri}");
    }

    let uri = format!("/detections/{detection}/acknowledge");
    let empty = pages.post(&uri, &operator, "reason=+&next=/detections").await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let done = pages.post(&uri, &operator, "reason=test+file&next=/detections").await;
    assert_eq!(done.header("location"), "/detections?notice=acknowledged");
    let text = pages.get(done.header("location"), &operator).await.text;
    assert!(text.contains("The detection was acknowledged.") && text.contains("Nothing suspicious waits"), "{text}");
}

#[tokio::test]
async fn a_job_can_be_asked_for_and_called_off() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("li", "operator").await;
    let host = pages.enrol("pc-1").await;
    let got = pages.post(&format!("/hosts/{host}/backup"), &cookie, "").await;
    assert_eq!(got.header("location"), format!("/hosts/{host}?notice=backup-asked"));
    let text = pages.get(got.header("location"), &cookie).await.text;
    assert!(text.contains("A backup was asked for.") && text.contains("asked for by li"), "{text}");
    let job = text.split("id=\"cancel-").nth(1).unwrap().split('"').next().unwrap();
    let got = pages.post(&format!("/jobs/{job}/cancel"), &cookie, "").await;
    let text = pages.get(got.header("location"), &cookie).await.text;
    assert!(text.contains("Called off") && !text.contains("/cancel\""), "{text}");
}

#[tokio::test]
async fn a_scan_or_a_backup_can_be_paused_and_resumed() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("li", "operator").await;
    for kind in ["scan", "backup"] {
        let host = pages.enrol(kind).await;
        pages.post(&format!("/hosts/{host}/{kind}"), &cookie, "").await;
        let text = pages.get(&format!("/hosts/{host}"), &cookie).await.text;
        let job = text.split("/pause\"").next().unwrap().rsplit("/jobs/").next().unwrap();
        for (asked, said, next) in
            [("pause", "waits until it is resumed", "/resume\""), ("resume", "goes on", "/pause\"")]
        {
            let got = pages.post(&format!("/jobs/{job}/{asked}"), &cookie, "").await;
            let text = pages.get(got.header("location"), &cookie).await.text;
            assert!(text.contains(said) && text.contains(next), "{asked}: {text}");
        }
    }
}

#[tokio::test]
async fn a_change_reaches_the_page_and_another_hosts_does_not() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("li", "viewer").await;
    let (host, other) = (pages.enrol("pc-1").await, pages.enrol("pc-2").await);
    let request =
        Request::builder().uri(format!("/events?host={host}")).header("cookie", &cookie).body(Body::empty()).unwrap();
    let response = pages.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut next = async || String::from_utf8(body.frame().await?.ok()?.into_data().ok()?.to_vec()).ok();
    assert!(next().await.unwrap().contains("event: change"), "the first one is for what was missed");
    pages.app.hub.tell(Change::Host(other));
    pages.app.hub.tell(Change::Host(host));
    assert!(next().await.unwrap().contains("event: change"));
    // The session ends: one more event, so that the page finds out, and then nothing.
    let token = cookie.split('=').nth(1).unwrap();
    pages.app.logout(token, "").await.unwrap();
    pages.app.hub.tell(Change::Fleet);
    assert!(next().await.unwrap().contains("event: change"));
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn what_pcs_call_themselves_is_text_on_every_page() {
    let pages = Pages::new().await;
    let cookie = pages.log_in("operator", "operator").await;
    for name in ["<script>alert(1)</script>", "'; DROP TABLE hosts; --", "=cmd|' /C calc'!A0", "\" onload=\"alert(1)"] {
        let host = pages.enrol(name).await;
        pages.detect(host, name).await;
        for page in ["/hosts".to_owned(), "/detections".to_owned(), format!("/hosts/{host}")] {
            let got = pages.get(&page, &cookie).await;
            assert_eq!(got.status, StatusCode::OK, "{page}");
            for raw in ["<script>alert", "\" onload="] {
                assert!(!got.text.contains(raw), "{page} obeys {name}");
            }
            if !name.contains(['<', '"', '\'']) {
                assert!(got.text.contains(name), "{page} lacks {name}");
            }
        }
    }
    assert_eq!(pages.app.hosts(&crate::app::tests::administrator()).await.unwrap().len(), 4);
}
