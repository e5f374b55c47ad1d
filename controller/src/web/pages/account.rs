//! One's own account: the password, the language, and where one is logged in.

use super::{Frame, Page, Teller, back_with, show};
use crate::app::users::password_fits;
use crate::app::{App, AppError};
use crate::web::problem::Problem;
use crate::web::session::{self, Visitor};
use crate::web::words::{Moment, plain};
use askama::Template;
use axum::Extension;
use axum::extract::{Form, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use serde::Deserialize;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "account.html")]
struct Account {
    frame: Frame,
    name: String,
    role: String,
    one_time: bool,
    problem: String,
    sessions: Vec<Session>,
}

struct Session {
    this: bool,
    began: Moment,
    ends: Moment,
    origin: String,
}

impl Account {
    async fn of(app: &App, visitor: &Visitor) -> Result<Self, Problem> {
        let teller = Teller::new(app, visitor);
        let role = visitor.actor.role.word();
        let sessions = app.own_sessions(&visitor.actor, &visitor.token).await?.into_iter().map(|view| Session {
            this: view.this,
            began: teller.moment(view.began),
            ends: teller.moment(view.expires),
            origin: plain(&view.origin),
        });
        Ok(Self {
            frame: Frame { here: "/account".into(), ..Frame::of(visitor) },
            name: plain(&visitor.actor.user),
            role: teller.language.word("role", role),
            one_time: app.password_is_one_time(&visitor.actor).await?,
            problem: String::new(),
            sessions: sessions.collect(),
        })
    }
}

/// The page.
pub async fn page(State(app): State<Arc<App>>, Extension(visitor): Extension<Visitor>) -> Page {
    show(&Account::of(&app, &visitor).await?)
}

/// The old password, and the new one twice.
#[derive(Deserialize)]
pub struct Passwords {
    #[serde(default, rename = "old-password")]
    old: String,
    #[serde(default, rename = "new-password")]
    new: String,
    #[serde(default, rename = "new-password-again")]
    again: String,
}

/// Changes one's password. All sessions end with it; this one begins anew.
pub async fn change_password(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
    Form(form): Form<Passwords>,
) -> Result<Response, Problem> {
    let (actor, language) = (&visitor.actor, visitor.language);
    let (status, key) = if form.new != form.again {
        (StatusCode::UNPROCESSABLE_ENTITY, "differs")
    } else if !password_fits(&form.new) {
        (StatusCode::UNPROCESSABLE_ENTITY, "short")
    } else {
        match app.change_password(actor, &form.old, &form.new).await {
            Ok(()) => {
                let session = app.login(&actor.user, &form.new, &actor.origin).await?;
                let cookie = session::cookie(session.token, session.expires - app.now());
                let back = back_with("/account", "password-changed");
                return Ok((CookieJar::new().add(cookie), back).into_response());
            }
            Err(AppError::Invalid(_)) => (StatusCode::FORBIDDEN, "wrong"),
            Err(AppError::TooMany) => (StatusCode::TOO_MANY_REQUESTS, "wait"),
            Err(error) => return Err(error.into()),
        }
    };
    let page = Account { problem: language.word("password", key), ..Account::of(&app, &visitor).await? };
    Ok((status, Html(page.render()?)).into_response())
}

/// Ends one's other sessions.
pub async fn end_sessions(
    State(app): State<Arc<App>>,
    Extension(visitor): Extension<Visitor>,
) -> Result<Redirect, Problem> {
    app.end_other_sessions(&visitor.actor, &visitor.token).await?;
    Ok(back_with("/account", "sessions-ended"))
}
