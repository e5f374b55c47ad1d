//! Who is at the page: the session in a cookie, the role that a route needs, and whether a
//! form was sent from our own pages. The rights themselves are `app`'s.

use super::i18n::Language;
use super::pages::login;
use super::problem::Problem;
use super::words::encoded;
use crate::app::audit::{Actor, Role};
use crate::app::{App, AppError};
use crate::staff::Origin;
use axum::extract::{Form, FromRequest, Multipart, Request, State};
use axum::http::header::{ACCEPT, CONTENT_TYPE, HOST, LOCATION, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use std::sync::Arc;

/// The prefix makes browsers refuse it unless it is secure and this very host's.
pub const COOKIE: &str = "__Host-keepwatch";

/// How browsers send forms without files, and with.
const FORM: &str = "application/x-www-form-urlencoded";
const FORM_WITH_FILES: &str = "multipart/form-data";
/// Bytes of what is typed beside files, and waits: it comes back in an address.
const LONGEST_TYPED: usize = 4 << 10;

/// Says who was logged in last: what somebody had begun is not sent by another. It opens nothing.
const WHO: &str = "__Host-keepwatch-who";

/// The cookie that says so, for a year.
pub fn who(name: &str) -> Cookie<'static> {
    kept(WHO, name.to_owned(), 365 * 86_400)
}

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
    kept(COOKIE, token, seconds)
}

fn kept(name: &'static str, value: String, seconds: i64) -> Cookie<'static> {
    let age = time::Duration::seconds(seconds);
    Cookie::build((name, value)).secure(true).http_only(true).same_site(SameSite::Strict).path("/").max_age(age).build()
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
        Err(AppError::Unauthenticated) => return ask_to_log_in(request).await,
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
    let path = uri.path();
    let at = |query: &str| if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let query = uri.query().unwrap_or_default();
    match query.strip_prefix("notice=") {
        None => (at(query), None),
        Some(rest) => {
            let (notice, query) = rest.split_once('&').unwrap_or((rest, ""));
            (at(query), Some(notice.to_owned()))
        }
    }
}

/// Whoever sends a form after their session has ended logs in, and what they filled in comes along.
async fn ask_to_log_in(request: Request) -> Response {
    let instead = to_login(&request);
    let headers = request.headers();
    let Some(kind) = headers.get(CONTENT_TYPE).cloned() else { return instead };
    if request.method() != Method::POST || headers.contains_key("hx-request") {
        return instead;
    }
    let (language, to) = (Language::of(headers), here(request.uri()).0);
    let by = CookieJar::from_headers(headers).get(WHO).map(|c| c.value().to_owned()).unwrap_or_default();
    let (form, with_files) = (is(&kind, FORM), is(&kind, FORM_WITH_FILES));
    // Without the marks of the route: a document's form is larger than others.
    let mut bare = Request::new(request.into_body());
    *bare.method_mut() = Method::POST;
    bare.headers_mut().insert(CONTENT_TYPE, kind);
    let sent = match (form, with_files) {
        (true, _) => Form::from_request(bare, &()).await.ok().map(|Form(fields)| (fields, false)),
        (_, true) => typed_beside_files(bare).await,
        _ => None,
    };
    let carried = sent.and_then(|(fields, files)| Carried::of(&to, fields, by, files));
    login::again(language, carried).unwrap_or(instead)
}

fn is(kind: &HeaderValue, of: &str) -> bool {
    kind.as_bytes().starts_with(of.as_bytes())
}

/// What was typed in a form with files, and whether there are any. They come last in our forms, and
/// nothing of them is read: nobody is logged in.
async fn typed_beside_files(request: Request) -> Option<(Vec<(String, String)>, bool)> {
    let mut parts = Multipart::from_request(request, &()).await.ok()?;
    let (mut fields, mut bytes) = (Vec::new(), 0);
    while let Some(mut part) = parts.next_field().await.ok()? {
        if part.file_name().is_some() {
            return Some((fields, true));
        }
        let (name, mut text) = (part.name()?.to_owned(), Vec::new());
        while let Some(piece) = part.chunk().await.ok()? {
            text.extend_from_slice(&piece);
            if bytes + name.len() + text.len() > LONGEST_TYPED {
                return None;
            }
        }
        bytes += name.len() + text.len();
        fields.push((name, String::from_utf8(text).ok()?));
    }
    Some((fields, false))
}

/// A form that was sent when nobody was logged in any more. It waits on the log-in page, in the
/// browser: here nothing is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Where it was sent.
    pub to: String,
    /// What was filled in, field by field.
    pub fields: Vec<(String, String)>,
    /// Who was logged in last in that browser: nobody else sends it. Empty: not known.
    pub by: String,
    /// Whether files belong to it. They do not wait: the form is shown again.
    pub files: bool,
}

impl Carried {
    /// Stands before the names of the fields that wait.
    pub const PREFIX: &str = "carried.";

    /// Of a form; `None`: there is nothing in it to keep, or a password, which is typed anew.
    fn of(to: &str, fields: Vec<(String, String)>, by: String, files: bool) -> Option<Self> {
        let typed = fields.iter().any(|(_, value)| !value.trim().is_empty());
        let secret = fields.iter().any(|(name, _)| name.contains("password"));
        ((typed || files) && !secret && local(to) == to).then(|| Self { to: to.to_owned(), fields, by, files })
    }

    /// As the log-in page sends it along.
    pub fn back(sent: &[(String, String)]) -> Option<Self> {
        let mine =
            |(name, value): &(String, String)| Some((name.strip_prefix(Self::PREFIX)?.to_owned(), value.clone()));
        let field = |name: &str| sent.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
        let fields = sent.iter().filter_map(mine).collect();
        Self::of(field("to"), fields, field("by").to_owned(), !field("files").is_empty())
    }

    /// Where the form is that it was sent by, with what was typed.
    pub fn form(&self) -> String {
        let typed = self.fields.iter().map(|(name, value)| format!("&{}={}", encoded(name), encoded(value)));
        let joint = if self.to.contains('?') { '&' } else { '?' };
        format!("{}{joint}resumed=true{}", self.to, typed.collect::<String>())
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
    fn a_form_waits_unless_there_is_a_password_in_it() {
        let fields = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
        };
        for (to, pairs, kept) in [
            ("/policies/edit?group=a", &[("yaml", "scan: {}\n"), ("why", "")][..], true),
            ("/account/password", &[("old-password", "x"), ("why", "y")], false),
            ("//evil.example", &[("yaml", "x")], false),
            ("/hosts/a/scan", &[("paths", " ")], false),
            ("/hosts/a/scan", &[], false),
        ] {
            let carried = Carried::of(to, fields(pairs), "li".into(), false);
            assert_eq!(carried.is_some(), kept, "{to} {pairs:?}");
            let mut sent = fields(&[("to", to), ("by", "li"), ("name", "li"), ("password", "x")]);
            sent.extend(pairs.iter().map(|(k, v)| (format!("{}{k}", Carried::PREFIX), (*v).to_owned())));
            assert_eq!(Carried::back(&sent), carried);
        }
        assert_eq!(Carried::back(&fields(&[("to", "/a"), ("name", "li"), ("password", "x")])), None);
    }

    #[test]
    fn a_form_with_files_is_filled_in_again() {
        let fields = vec![("source".to_owned(), "市局 & co".to_owned()), ("origin".to_owned(), String::new())];
        let carried = Carried::of("/signatures/import", fields, "li".into(), true).unwrap();
        assert_eq!(carried.form(), "/signatures/import?resumed=true&source=%E5%B8%82%E5%B1%80%20%26%20co&origin=");
        // Also where only files were chosen.
        assert!(Carried::of("/signatures/import", vec![], String::new(), true).is_some());
        assert!(Carried::of("//evil.example", vec![], String::new(), true).is_none());
    }

    #[test]
    fn a_notice_is_not_part_of_the_address() {
        assert_eq!(
            here(&"/hosts/a?notice=scan-asked".parse().unwrap()),
            ("/hosts/a".into(), Some("scan-asked".into()))
        );
        assert_eq!(here(&"/hosts/a?path=%2F".parse().unwrap()), ("/hosts/a?path=%2F".into(), None));
        assert_eq!(
            here(&"/policies/group?notice=policy-saved&group=a".parse().unwrap()),
            ("/policies/group?group=a".into(), Some("policy-saved".into()))
        );
    }
}
