//! When something does not work: a page in the reader's language that says what to do. A
//! handler returns a [`Problem`]; [`dress`] makes the page of it, and of every other bare
//! error on the way out, so that nobody meets a blank one.

use super::i18n::Language;
use super::pages::Frame;
use crate::app::AppError;
use askama::Template;
use axum::extract::Request;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

/// What did not work.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    word: &'static str,
    /// The use case's own words; empty where they would tell nothing.
    detail: String,
}

/// The words of all problems, so that a test finds one without a translation.
#[cfg(test)]
pub const WORDS: [&str; 8] =
    ["not-found", "invalid", "conflict", "forbidden", "cross-site", "session", "busy", "failed"];

impl Problem {
    /// There is nothing at this address.
    pub const NOTHING: Self = Self::new(StatusCode::NOT_FOUND, "not-found");
    /// A form that was not sent from our own page.
    pub const CROSS_SITE: Self = Self::new(StatusCode::FORBIDDEN, "cross-site");
    /// Nobody is logged in.
    pub const SESSION: Self = Self::new(StatusCode::UNAUTHORIZED, "session");

    const fn new(status: StatusCode, word: &'static str) -> Self {
        Self { status, word, detail: String::new() }
    }

    /// For a bare error that somebody else made.
    fn of_status(status: StatusCode) -> Self {
        let word = match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => "not-found",
            StatusCode::UNAUTHORIZED => "session",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::CONFLICT => "conflict",
            StatusCode::TOO_MANY_REQUESTS => "busy",
            status if status.is_client_error() => "invalid",
            _ => "failed",
        };
        Self::new(status, word)
    }

    fn page(&self, headers: &HeaderMap) -> Response {
        let language = Language::of(headers);
        let page = Page {
            frame: Frame::bare(language, "/"),
            title: language.word("error", self.word),
            help: language.word("error", &format!("{}-help", self.word)),
            detail: language.said(&self.detail),
        };
        match page.render() {
            Ok(html) => (self.status, Html(html)).into_response(),
            Err(error) => {
                tracing::error!(%error, "a page could not be made");
                self.status.into_response()
            }
        }
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Page {
    frame: Frame,
    title: String,
    help: String,
    detail: String,
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        let status = match error {
            AppError::NotFound(_) => StatusCode::NOT_FOUND,
            AppError::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            AppError::Conflict(_) => StatusCode::CONFLICT,
            AppError::Forbidden(_) => StatusCode::FORBIDDEN,
            AppError::Unauthenticated => StatusCode::UNAUTHORIZED,
            AppError::TooMany => StatusCode::TOO_MANY_REQUESTS,
            AppError::Interrupted => StatusCode::SERVICE_UNAVAILABLE,
            AppError::Keys(_) | AppError::Store(_) | AppError::Repository(_) => {
                tracing::error!(%error, "a page failed");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        // What the database says is for the log.
        let tells = !matches!(error, AppError::Store(_) | AppError::Keys(_));
        Self { detail: if tells { error.to_string() } else { String::new() }, ..Self::of_status(status) }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be made");
        Self::of_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Gives every error that is not a page yet its page.
pub async fn dress(request: Request, next: Next) -> Response {
    let wishes = request.headers().clone();
    let response = next.run(request).await;
    let status = response.status();
    let is_page = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
    if is_page || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let problem = response.extensions().get::<Problem>().cloned().unwrap_or_else(|| Problem::of_status(status));
    let mut page = problem.page(&wishes);
    for (name, value) in response.headers() {
        // What else it said (where to go, which methods there are) still holds.
        if name != CONTENT_TYPE && name != axum::http::header::CONTENT_LENGTH {
            page.headers_mut().insert(name.clone(), value.clone());
        }
    }
    page
}
