//! Logging in and out, and the choice of language.

use super::{Frame, Page, show};
use crate::app::{App, AppError};
use crate::staff::Origin;
use crate::web::i18n::{self, Language};
use crate::web::problem::Problem;
use crate::web::session::{self, Carried, Visitor, local};
use crate::web::words::plain;
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;
use std::sync::Arc;

/// Characters of a field that are shown to whoever is asked whether it is to be sent.
const SHOWN: usize = 2000;

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    name: String,
    next: String,
    problem: Option<String>,
    carried: Option<Carried>,
}

#[derive(Template)]
#[template(path = "login-resume.html")]
struct Resume {
    frame: Frame,
    carried: Carried,
    shown: Vec<String>,
}

/// Where to go once logged in.
#[derive(Deserialize)]
pub struct Next {
    #[serde(default)]
    next: String,
}

/// The page.
pub async fn page(headers: HeaderMap, Query(Next { next }): Query<Next>) -> Page {
    let next = local(&next).to_owned();
    let frame = Frame::bare(Language::of(&headers), &next);
    show(&Login { frame, name: String::new(), next, problem: None, carried: None })
}

/// The page for whoever sent a form after their session had ended; `None`: nothing is to be kept.
pub fn again(language: Language, carried: Option<Carried>) -> Option<Response> {
    let carried = Some(carried?);
    let frame = Frame::bare(language, "/");
    let page = Login { frame, name: String::new(), next: "/".into(), problem: None, carried }.render();
    match page {
        Ok(page) => Some((StatusCode::UNAUTHORIZED, Html(page)).into_response()),
        Err(error) => Some(Problem::from(error).into_response()),
    }
}

/// Logs in with name and password. What waits comes along.
pub async fn enter(
    State(app): State<Arc<App>>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
    Form(fields): Form<Vec<(String, String)>>,
) -> Result<Response, Problem> {
    let origin = origin.map(|o| o.0.0.ip().to_string()).unwrap_or_default();
    let field = |name: &str| fields.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let (name, next) = (field("name").to_owned(), local(field("next")).to_owned());
    let carried = Carried::back(&fields);
    let language = Language::of(&headers);
    let (status, key) = match app.login(&name, field("password"), &origin).await {
        Ok(session) => {
            let cookie = CookieJar::new().add(session::cookie(session.token, session.expires - app.now()));
            let cookie = (cookie, AppendHeaders([(SET_COOKIE, session::who(&name).to_string())]));
            // Another one's deed is not sent in this one's name.
            return Ok(match carried.filter(|carried| carried.by.is_empty() || carried.by == name) {
                Some(carried) if carried.files => (cookie, Redirect::to(&carried.form())).into_response(),
                Some(carried) => (cookie, resume(language, carried)?).into_response(),
                // Whoever made the password knows it, too.
                None if session.one_time => (cookie, Redirect::to("/account?notice=choose-password")).into_response(),
                None => (cookie, Redirect::to(&next)).into_response(),
            });
        }
        Err(AppError::Invalid(_)) => (StatusCode::FORBIDDEN, "wrong"),
        Err(AppError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, "wait"),
        Err(error) => return Err(error.into()),
    };
    let problem = Some(language.word("login", key));
    let page = Login { frame: Frame::bare(language, &next), name, next, problem, carried }.render()?;
    let mut response = (status, Html(page)).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(RETRY_AFTER, app.login_wait().into());
    }
    Ok(response)
}

/// Asks whether what waited is still to be sent: it was meant before the session ended.
fn resume(language: Language, carried: Carried) -> Page {
    let texts = typed(&carried).into_iter().map(|text| plain_lines(&text.chars().take(SHOWN).collect::<String>()));
    // What somebody has written stands first, and what is a word each in one place.
    let (mut shown, words): (Vec<String>, Vec<String>) = texts.partition(|text| text.contains('\n'));
    shown.extend(Some(words.join("\n")).filter(|words| !words.is_empty()));
    show(&Resume { frame: Frame::bare(language, "/"), carried, shown })
}

/// All that would be sent but what is empty, field by field: nothing goes that was not shown.
fn typed(carried: &Carried) -> Vec<String> {
    let filled = carried.fields.iter().filter(|(_, value)| !value.trim().is_empty());
    filled.map(|(field, value)| format!("{field}: {}", value.trim())).collect()
}

/// Line by line, with what steers the eye shown.
fn plain_lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n")
}

/// Logs out.
pub async fn leave(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Result<Response, Problem> {
    app.logout(&visitor.token, &visitor.actor.origin).await?;
    let gone = session::cookie(String::new(), 0);
    Ok((CookieJar::new().add(gone), Redirect::to("/login")).into_response())
}

/// Which language, and which page to see in it.
#[derive(Deserialize)]
pub struct Choice {
    language: String,
    #[serde(default)]
    next: String,
}

/// Keeps the choice for a year.
pub async fn choose_language(Form(choice): Form<Choice>) -> Response {
    let tag = Language::tagged(&choice.language).unwrap_or(Language::English).tag();
    let cookie = Cookie::build((i18n::COOKIE, tag)).path("/").secure(true).http_only(true).same_site(SameSite::Lax);
    let cookie = cookie.max_age(time::Duration::days(365)).build();
    (CookieJar::new().add(cookie), Redirect::to(local(&choice.next))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_would_be_sent_is_shown() {
        let fields = [("role", "administrator"), ("note", " 每周 巡检\n"), ("next", "/users"), ("empty", " ")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let carried = Carried { to: "/x".into(), fields, by: String::new(), files: false };
        assert_eq!(typed(&carried), ["role: administrator", "note: 每周 巡检", "next: /users"]);
    }
}
