//! Logging in and out, and the choice of language.

use super::{Frame, Page, show};
use crate::app::{App, AppError};
use crate::staff::Origin;
use crate::web::i18n::{self, Language};
use crate::web::problem::Problem;
use crate::web::session::{self, Visitor, local};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "login.html")]
struct Login {
    frame: Frame,
    name: String,
    next: String,
    problem: Option<String>,
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
    show(&Login { frame, name: String::new(), next, problem: None })
}

/// Name and password.
#[derive(Deserialize)]
pub struct Credentials {
    name: String,
    password: String,
    #[serde(default)]
    next: String,
}

/// Logs in.
pub async fn enter(
    State(app): State<Arc<App>>,
    origin: Option<Extension<Origin>>,
    headers: HeaderMap,
    Form(form): Form<Credentials>,
) -> Result<Response, Problem> {
    let origin = origin.map(|o| o.0.0.ip().to_string()).unwrap_or_default();
    let next = local(&form.next).to_owned();
    let (status, key) = match app.login(&form.name, &form.password, &origin).await {
        Ok(session) => {
            let cookie = session::cookie(session.token, session.expires - app.now());
            return Ok((CookieJar::new().add(cookie), Redirect::to(&next)).into_response());
        }
        Err(AppError::Invalid(_)) => (StatusCode::FORBIDDEN, Language::of(&headers).say("login-wrong")),
        Err(AppError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, Language::of(&headers).say("login-wait")),
        Err(error) => return Err(error.into()),
    };
    let frame = Frame::bare(Language::of(&headers), &next);
    let page = Login { frame, name: form.name, next, problem: Some(key) }.render()?;
    Ok((status, Html(page)).into_response())
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
