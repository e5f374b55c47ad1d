//! Who is at the page: the session in a cookie, the role that a route needs, and whether a
//! form was sent from our own pages. The rights themselves are `app`'s.

use super::i18n::Language;
use super::problem::Problem;
use super::words::encoded;
use crate::app::audit::{Actor, Role};
use crate::app::{App, AppError};
use crate::staff::Origin;
use axum::extract::{Request, State};
use axum::http::header::{ACCEPT, HOST, LOCATION, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use std::sync::Arc;

/// The prefix makes browsers refuse it unless it is secure and this very host's.
pub const COOKIE: &str = "__Host-keepwatch";

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Everybody, logged in or not.
    Nothing,
    /// Whoever has at least this role.
    Role(Role),
}

/// Whoever is logged in and looks at a page.
#[derive(Clone)]
pub struct Visitor {
    /// For the use cases.
    pub actor: Actor,
    /// The session's token. Never shown.
    pub token: String,
    /// What they read.
    pub language: Language,
    /// The address of this page, without its notice.
    pub here: String,
    /// What the deed before this page came to.
    pub notice: Option<String>,
}

/// The cookie of a session that lasts for so many seconds.
pub fn cookie(token: String, seconds: i64) -> Cookie<'static> {
    let age = time::Duration::seconds(seconds);
    Cookie::build((COOKIE, token))
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .max_age(age)
        .build()
}

/// The token that a request brings; empty where it brings none.
pub fn token(headers: &HeaderMap) -> String {
    CookieJar::from_headers(headers).get(COOKIE).map(|c| c.value().to_owned()).unwrap_or_default()
}

/// An address on this controller, or the first page where it is none: a link to our log-in
/// must not lead anywhere else.
pub fn local(address: &str) -> &str {
    let inside = address.starts_with('/') && !address.starts_with("//");
    let plain = address.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if inside && plain && !address.starts_with("/login") { address } else { "/" }
}

/// Lets pass whoever has the role, and sends who is not logged in to do so.
pub async fn guard(State((app, need)): State<(Arc<App>, Need)>, mut request: Request, next: Next) -> Response {
    let Need::Role(role) = need else { return next.run(request).await };
    let origin = origin(&request);
    let token = token(request.headers());
    let actor = match app.actor(&token, &origin).await {
        Ok(actor) => actor,
        Err(AppError::Unauthenticated) => return to_login(&request),
        Err(error) => return Problem::from(error).into_response(),
    };
    let deed = format!("page {} {}", request.method(), request.uri().path());
    if let Err(error) = app.demand(&actor, role, &deed).await {
        return Problem::from(error).into_response();
    }
    let (here, notice) = here(request.uri());
    let language = Language::of(request.headers());
    request.extensions_mut().insert(Visitor { actor, token, language, here, notice });
    next.run(request).await
}

/// Where a request came from, as the door says.
pub fn origin(request: &Request) -> String {
    request.extensions().get::<Origin>().map(|o| o.0.ip().to_string()).unwrap_or_default()
}

/// The page's address, and the notice that was hung onto it.
fn here(uri: &Uri) -> (String, Option<String>) {
    match uri.query() {
        None => (uri.path().to_owned(), None),
        Some(query) => match query.strip_prefix("notice=") {
            Some(notice) => (uri.path().to_owned(), Some(notice.to_owned())),
            None => (format!("{}?{query}", uri.path()), None),
        },
    }
}

fn to_login(request: &Request) -> Response {
    let next = if request.method() == Method::GET { here(request.uri()).0 } else { "/".to_owned() };
    let login = format!("/login?next={}", encoded(&next));
    let login = HeaderValue::try_from(login).unwrap_or(HeaderValue::from_static("/login"));
    let headers = request.headers();
    let stream = headers.get(ACCEPT).is_some_and(|a| a.as_bytes().starts_with(b"text/event-stream"));
    if headers.contains_key("hx-request") {
        ([("hx-redirect", login)], Problem::SESSION).into_response()
    } else if stream {
        Problem::SESSION.into_response()
    } else {
        (StatusCode::SEE_OTHER, [(LOCATION, login)]).into_response()
    }
}

/// Refuses what would change something and was not sent from our own pages.
pub async fn own_forms_only(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if safe || from_our_page(request.headers(), request.uri()) {
        next.run(request).await
    } else {
        Problem::CROSS_SITE.into_response()
    }
}

/// Browsers say where a form was sent from, and pages cannot make them lie.
fn from_our_page(headers: &HeaderMap, uri: &Uri) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let ours = uri.authority().map(|a| a.as_str()).or_else(|| headers.get(HOST)?.to_str().ok());
    let sender = headers.get(ORIGIN).and_then(|o| o.to_str().ok()).and_then(|o| o.strip_prefix("https://"));
    sender.is_some() && sender == ours
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_send_forms() {
        let ours = [("host", "kw.example:8443")];
        for (more, uri, passes) in [
            (&[("sec-fetch-site", "same-origin")][..], "/login", true),
            (&[("sec-fetch-site", "same-site")], "/login", false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://kw.example:8443")], "/login", false),
            (&[("sec-fetch-site", "none")], "/login", false),
            (&[("origin", "https://kw.example:8443")], "/login", true),
            (&[("origin", "https://kw.example:8443")], "https://kw.example:8443/login", true),
            (&[("origin", "https://kw.example:8443")], "https://other.example/login", false),
            (&[("origin", "http://kw.example:8443")], "/login", false),
            (&[("origin", "https://kw.example")], "/login", false),
            (&[("origin", "null")], "/login", false),
            (&[], "/login", false),
        ] {
            let headers = ours
                .iter()
                .chain(more)
                .map(|(k, v)| (k.parse::<axum::http::HeaderName>().unwrap(), v.parse().unwrap()));
            assert_eq!(from_our_page(&headers.collect(), &uri.parse().unwrap()), passes, "{more:?} {uri}");
        }
    }

    #[test]
    fn after_the_login_one_stays_here() {
        for good in ["/", "/hosts/a?path=%2Fb", "/detections"] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nb: c",
            "/登录",
            "evil",
            "/login?next=/login",
        ] {
            assert_eq!(local(bad), "/", "{bad}");
        }
    }

    #[test]
    fn the_cookie_is_kept_from_scripts_and_other_sites() {
        let text = cookie("t".into(), 60).to_string();
        for part in ["__Host-keepwatch=t", "Secure", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=60"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("Domain"));
    }

    #[test]
    fn a_notice_is_not_part_of_the_address() {
        assert_eq!(
            here(&"/hosts/a?notice=scan-asked".parse().unwrap()),
            ("/hosts/a".into(), Some("scan-asked".into()))
        );
        assert_eq!(here(&"/hosts/a?path=%2F".parse().unwrap()), ("/hosts/a?path=%2F".into(), None));
    }
}
